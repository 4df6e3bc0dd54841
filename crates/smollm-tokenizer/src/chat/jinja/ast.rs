//! The syntax tree of a template.
//!
//! Chains of operators of one rank are kept flat (`a + b + c` is one node), so that the depth of the tree is bounded by
//! the brackets and blocks the parser has counted, never by the length of the source.

use std::sync::Arc;

use super::filters::Filter;
use super::predicates::Predicate;

/// Index of a name in [`Program::names`].
pub(super) type NameId = u32;

/// A parsed template.
pub(crate) struct Program {
    pub(super) body: Frame,
    pub(super) names: Vec<Arc<str>>,
    pub(super) special: Special,
    /// Bytes of the source, for the budget.
    pub(super) source_len: usize,
}

/// The names that the language itself assigns.
#[derive(Clone, Copy)]
pub(super) struct Special {
    pub(super) loop_variable: NameId,
    pub(super) caller: NameId,
    pub(super) kwargs: NameId,
    pub(super) varargs: NameId,
}

/// Statements with a scope of their own.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) body: Vec<Stmt>,
    /// Names that are undefined when the scope is entered even where the context has them (see `scope.rs`).
    pub(super) hidden: Vec<NameId>,
}

pub(super) struct Stmt {
    pub(super) line: u32,
    pub(super) kind: StmtKind,
}

pub(super) enum StmtKind {
    Data(String),
    Emit(Expr),
    /// Arms in order, each with its test; then the `else` body.
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    For(Arc<For>),
    Set(Target, Expr),
    /// `{% set x %}…{% endset %}`; the filters are applied to the captured text.
    SetBlock(Target, Vec<Postfix>, Frame),
    With(Vec<(Target, Expr)>, Frame),
    Macro(NameId, Arc<MacroDef>),
    Call {
        callee: Expr,
        args: CallArgs,
        caller: Arc<MacroDef>,
    },
    FilterBlock(Vec<Postfix>, Frame),
    Generation(Frame),
    /// `{% block name %}`: without inheritance it renders in place; `scoped` ones see the local names.
    Block {
        scoped: bool,
        frame: Frame,
    },
    Break,
    Continue,
}

pub(super) struct For {
    pub(super) line: u32,
    pub(super) target: Target,
    pub(super) iter: Expr,
    pub(super) test: Option<Expr>,
    pub(super) recursive: bool,
    pub(super) body: Frame,
    pub(super) otherwise: Option<Frame>,
}

pub(super) struct MacroDef {
    /// `None` for the body of a `{% call %}`.
    pub(super) name: Option<Arc<str>>,
    pub(super) params: Vec<NameId>,
    /// Defaults of the last parameters.
    pub(super) defaults: Vec<Expr>,
    pub(super) frame: Frame,
    pub(super) uses_caller: bool,
    pub(super) uses_kwargs: bool,
    pub(super) uses_varargs: bool,
}

pub(super) enum Target {
    Name(NameId),
    /// `ns.attribute`.
    Attribute(NameId, Arc<str>),
    Tuple(Vec<Self>),
}

pub(super) enum Literal {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Arc<str>),
}

pub(super) enum Expr {
    Literal(Literal),
    Name(NameId),
    List(Vec<Self>),
    Tuple(Vec<Self>),
    Dict(Vec<(Self, Self)>),
    Postfix(Box<Self>, Vec<Postfix>),
    /// `+ -`, or `* / // %`, or `**`: left to right.
    Arithmetic(Box<Self>, Vec<(Operator, u32, Self)>),
    Concat(Vec<Self>),
    Compare(Box<Self>, Vec<(Comparison, u32, Self)>),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Negate(u32, Box<Self>),
    Plus(u32, Box<Self>),
    /// `then if test else otherwise`.
    Conditional {
        line: u32,
        test: Box<Self>,
        then: Box<Self>,
        otherwise: Option<Box<Self>>,
    },
}

/// One step behind a value: `.x`, `[x]`, `(…)`, `|f` or `is t`.
pub(super) struct Postfix {
    pub(super) line: u32,
    pub(super) kind: PostfixKind,
}

pub(super) enum PostfixKind {
    Attribute(Arc<str>),
    Item(Expr),
    Slice(Option<Expr>, Option<Expr>, Option<Expr>),
    Call(CallArgs),
    /// A filter that Jinja knows, or the name of one that it does not (an error only when it runs).
    Filter(Result<Filter, Arc<str>>, CallArgs),
    Test {
        test: Result<Predicate, Arc<str>>,
        args: CallArgs,
        negated: bool,
    },
}

#[derive(Default)]
pub(super) struct CallArgs {
    pub(super) positional: Vec<Expr>,
    pub(super) named: Vec<(Arc<str>, Expr)>,
    /// `*args`
    pub(super) spread: Option<Box<Expr>>,
    /// `**kwargs`
    pub(super) spread_named: Option<Box<Expr>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}
