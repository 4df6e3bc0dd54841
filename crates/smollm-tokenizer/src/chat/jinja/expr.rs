//! Expressions, with Jinja2's ranks: `if`, `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`, `**`, unary, postfix.

use std::sync::Arc;

use super::ast::{CallArgs, Comparison, Expr, Literal, Operator, Postfix, PostfixKind};
use super::fault::Fault;
use super::lexer::Tok;
use super::parser::{Parser, describe};
use super::{filters, predicates};

impl Parser {
    /// Expressions with commas between them make a tuple. `ends` are words that end it.
    pub(super) fn tuple(&mut self, conditional: bool, ends: &[&str]) -> Result<Expr, Fault> {
        self.tuple_in(conditional, ends, false)
    }

    fn tuple_in(&mut self, conditional: bool, ends: &[&str], parenthesised: bool) -> Result<Expr, Fault> {
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            if !items.is_empty() {
                self.expect_op(",")?;
            }
            if matches!(self.peek(), Tok::VariableEnd | Tok::BlockEnd)
                || self.is_op(")")
                || ends.iter().any(|end| self.is_word(end))
            {
                break;
            }
            items.push(if conditional { self.expression()? } else { self.or()? });
            if !self.is_op(",") {
                break;
            }
            is_tuple = true;
        }
        match (is_tuple, items.len()) {
            (false, 1) => Ok(items.remove(0)),
            (false, _) if !parenthesised => self.fail(format!("expected an expression, got {}", describe(self.peek()))),
            _ => Ok(Expr::Tuple(items)),
        }
    }

    pub(super) fn expression(&mut self) -> Result<Expr, Fault> {
        self.nested(|parser| {
            let mut line = parser.line();
            let unknown = parser.unknown.len();
            let mut then = parser.or()?;
            let mut conditions = 0;
            while parser.skip_word("if") {
                conditions += 1;
                if conditions > 50 {
                    return Err(Fault::limit("too many conditions in one expression").at(line));
                }
                let test = Box::new(parser.or()?);
                let otherwise = if parser.skip_word("else") { Some(Box::new(parser.expression()?)) } else { None };
                // Inside a conditional an unknown filter is an error only when it runs.
                parser.unknown.truncate(unknown);
                then = Expr::Conditional { line, test, then: Box::new(then), otherwise };
                line = parser.line();
            }
            Ok(then)
        })
    }

    fn or(&mut self) -> Result<Expr, Fault> {
        self.words("or", Self::and, Expr::Or)
    }

    fn and(&mut self) -> Result<Expr, Fault> {
        self.words("and", Self::not, Expr::And)
    }

    /// Operands with `word` between them.
    fn words(
        &mut self,
        word: &str,
        operand: fn(&mut Self) -> Result<Expr, Fault>,
        build: fn(Vec<Expr>) -> Expr,
    ) -> Result<Expr, Fault> {
        let first = operand(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.skip_word(word) {
            operands.push(operand(self)?);
        }
        Ok(build(operands))
    }

    fn not(&mut self) -> Result<Expr, Fault> {
        if self.skip_word("not") {
            return self.nested(|parser| Ok(Expr::Not(Box::new(parser.not()?))));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr, Fault> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        loop {
            let line = self.line();
            let comparison = match self.peek() {
                Tok::Op("==") => Comparison::Eq,
                Tok::Op("!=") => Comparison::Ne,
                Tok::Op("<") => Comparison::Lt,
                Tok::Op("<=") => Comparison::Le,
                Tok::Op(">") => Comparison::Gt,
                Tok::Op(">=") => Comparison::Ge,
                Tok::Name(word) if word == "in" => Comparison::In,
                Tok::Name(word) if word == "not" && matches!(self.look(), Tok::Name(next) if next == "in") => {
                    self.bump();
                    Comparison::NotIn
                }
                _ => break,
            };
            self.bump();
            rest.push((comparison, line, self.sum()?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Compare(Box::new(first), rest) })
    }

    /// Operands of one rank, left to right.
    fn arithmetic(
        &mut self,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self) -> Result<Expr, Fault>,
    ) -> Result<Expr, Fault> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some((_, operator)) = operators.iter().find(|(text, _)| self.is_op(text)) {
            let line = self.line();
            self.bump();
            rest.push((*operator, line, operand(self)?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Arithmetic(Box::new(first), rest) })
    }

    fn sum(&mut self) -> Result<Expr, Fault> {
        self.arithmetic(&[("+", Operator::Add), ("-", Operator::Sub)], Self::concat)
    }

    fn concat(&mut self) -> Result<Expr, Fault> {
        let first = self.product()?;
        if !self.is_op("~") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip_op("~") {
            items.push(self.product()?);
        }
        Ok(Expr::Concat(items))
    }

    fn product(&mut self) -> Result<Expr, Fault> {
        let operators = [("*", Operator::Mul), ("/", Operator::Div), ("//", Operator::FloorDiv), ("%", Operator::Mod)];
        self.arithmetic(&operators, Self::power)
    }

    fn power(&mut self) -> Result<Expr, Fault> {
        self.arithmetic(&[("**", Operator::Pow)], |parser| parser.unary(true))
    }

    fn unary(&mut self, with_filters: bool) -> Result<Expr, Fault> {
        let line = self.line();
        let base = if self.skip_op("-") {
            self.nested(|parser| Ok(Expr::Negate(line, Box::new(parser.unary(false)?))))?
        } else if self.skip_op("+") {
            self.nested(|parser| Ok(Expr::Plus(line, Box::new(parser.unary(false)?))))?
        } else {
            self.primary()?
        };
        let mut steps = Vec::new();
        self.postfix(&mut steps)?;
        if with_filters {
            self.filters_and_tests(&mut steps)?;
        }
        Ok(if steps.is_empty() { base } else { Expr::Postfix(Box::new(base), steps) })
    }

    fn primary(&mut self) -> Result<Expr, Fault> {
        let line = self.line();
        match self.bump() {
            Tok::Name(name) => Ok(match name.as_str() {
                "true" | "True" => Expr::Literal(Literal::Bool(true)),
                "false" | "False" => Expr::Literal(Literal::Bool(false)),
                "none" | "None" => Expr::Literal(Literal::None),
                _ => Expr::Name(self.name_id(&name)),
            }),
            Tok::Str(mut text) => {
                while let Tok::Str(more) = self.peek() {
                    text.push_str(more);
                    self.bump();
                }
                Ok(Expr::Literal(Literal::Str(Arc::from(text))))
            }
            Tok::Int(value) => Ok(Expr::Literal(Literal::Int(value))),
            Tok::Float(value) => Ok(Expr::Literal(Literal::Float(value))),
            Tok::Op("(") => self.nested(|parser| {
                let value = parser.tuple_in(true, &[], true)?;
                parser.expect_op(")")?;
                Ok(value)
            }),
            Tok::Op("[") => self.nested(|parser| Ok(Expr::List(parser.items("]", Self::expression)?))),
            Tok::Op("{") => self.nested(|parser| {
                let pair = |parser: &mut Self| {
                    let key = parser.expression()?;
                    parser.expect_op(":")?;
                    Ok((key, parser.expression()?))
                };
                Ok(Expr::Dict(parser.items("}", pair)?))
            }),
            other => Err(Fault::syntax(line, format!("unexpected {}", describe(&other)))),
        }
    }

    /// Comma-separated items up to `end`, which is taken.
    fn items<T>(
        &mut self,
        end: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut items = Vec::new();
        while !self.is_op(end) {
            if !items.is_empty() {
                self.expect_op(",")?;
                if self.is_op(end) {
                    break;
                }
            }
            items.push(item(self)?);
        }
        self.expect_op(end)?;
        Ok(items)
    }

    /// `.x`, `[x]` and `(…)` behind a value.
    fn postfix(&mut self, steps: &mut Vec<Postfix>) -> Result<(), Fault> {
        loop {
            let line = self.line();
            let kind = match self.peek() {
                Tok::Op(".") => {
                    self.bump();
                    match self.bump() {
                        Tok::Name(name) => PostfixKind::Attribute(Arc::from(name)),
                        Tok::Int(index) => PostfixKind::Item(Expr::Literal(Literal::Int(index))),
                        _ => return Err(Fault::syntax(line, "expected a name or a number after '.'")),
                    }
                }
                Tok::Op("[") => {
                    self.bump();
                    self.nested(Self::subscript)?
                }
                Tok::Op("(") => PostfixKind::Call(self.call_args()?),
                _ => return Ok(()),
            };
            steps.push(Postfix { line, kind });
        }
    }

    /// What is between `[` and `]` behind a value: an index, a slice, or indices with commas (a tuple).
    fn subscript(&mut self) -> Result<PostfixKind, Fault> {
        let mut items = Vec::new();
        let mut comma = false;
        while !self.is_op("]") {
            if !items.is_empty() {
                self.expect_op(",")?;
                comma = true;
            }
            if self.is_op(":") {
                items.push(self.slice(None)?);
                continue;
            }
            let value = self.expression()?;
            items.push(if self.is_op(":") { self.slice(Some(value))? } else { PostfixKind::Item(value) });
        }
        self.expect_op("]")?;
        if items.len() == 1 && !comma {
            return Ok(items.remove(0));
        }
        let plain = items.into_iter().map(|item| match item {
            PostfixKind::Item(value) => Some(value),
            _ => None,
        });
        match plain.collect() {
            Some(values) => Ok(PostfixKind::Item(Expr::Tuple(values))),
            None => self.fail("a slice with commas is not supported"),
        }
    }

    /// The rest of a slice, from its first `:` on.
    fn slice(&mut self, start: Option<Expr>) -> Result<PostfixKind, Fault> {
        self.expect_op(":")?;
        let ends = |parser: &Self| parser.is_op("]") || parser.is_op(",");
        let stop = if ends(self) || self.is_op(":") { None } else { Some(self.expression()?) };
        let step = if self.skip_op(":") && !ends(self) { Some(self.expression()?) } else { None };
        Ok(PostfixKind::Slice(start, stop, step))
    }

    fn call_args(&mut self) -> Result<CallArgs, Fault> {
        self.nested(|parser| {
            let mut args = CallArgs::default();
            let line = parser.line();
            let wrong = || Err(Fault::syntax(line, "invalid order of arguments in a call"));
            parser.expect_op("(")?;
            let mut first = true;
            while !parser.is_op(")") {
                if !first {
                    parser.expect_op(",")?;
                    if parser.is_op(")") {
                        break;
                    }
                }
                first = false;
                if parser.skip_op("*") {
                    if args.spread.is_some() || args.spread_named.is_some() {
                        return wrong();
                    }
                    args.spread = Some(Box::new(parser.expression()?));
                } else if parser.skip_op("**") {
                    if args.spread_named.is_some() {
                        return wrong();
                    }
                    args.spread_named = Some(Box::new(parser.expression()?));
                } else if matches!(parser.peek(), Tok::Name(_)) && *parser.look() == Tok::Op("=") {
                    if args.spread_named.is_some() {
                        return wrong();
                    }
                    let name = Arc::from(parser.expect_name()?);
                    parser.bump();
                    args.named.push((name, parser.expression()?));
                } else {
                    if args.spread.is_some() || args.spread_named.is_some() || !args.named.is_empty() {
                        return wrong();
                    }
                    args.positional.push(parser.expression()?);
                }
            }
            parser.expect_op(")")?;
            Ok(args)
        })
    }

    /// `|f`, `is t` and calls behind them.
    fn filters_and_tests(&mut self, steps: &mut Vec<Postfix>) -> Result<(), Fault> {
        loop {
            let line = self.line();
            if self.is_op("|") {
                steps.extend(self.filters(false)?);
            } else if self.skip_word("is") {
                let kind = self.test()?;
                steps.push(Postfix { line, kind });
            } else if self.is_op("(") {
                let kind = PostfixKind::Call(self.call_args()?);
                steps.push(Postfix { line, kind });
            } else {
                return Ok(());
            }
        }
    }

    /// A chain of filters; `inline` when the first has no `|` before it (`{% filter f %}`).
    pub(super) fn filters(&mut self, mut inline: bool) -> Result<Vec<Postfix>, Fault> {
        let mut filters = Vec::new();
        while inline || self.skip_op("|") {
            inline = false;
            let line = self.line();
            let name = self.dotted_name()?;
            let args = if self.is_op("(") { self.call_args()? } else { CallArgs::default() };
            let filter = self.known("filter", name, filters::find);
            filters.push(Postfix { line, kind: PostfixKind::Filter(filter, args) });
        }
        Ok(filters)
    }

    fn test(&mut self) -> Result<PostfixKind, Fault> {
        let negated = self.skip_word("not");
        let name = self.dotted_name()?;
        let mut args = CallArgs::default();
        let takes_argument = match self.peek() {
            Tok::Name(word) => !matches!(word.as_str(), "else" | "or" | "and"),
            Tok::Str(_) | Tok::Int(_) | Tok::Float(_) | Tok::Op("[" | "{") => true,
            _ => false,
        };
        if self.is_op("(") {
            args = self.call_args()?;
        } else if takes_argument {
            if self.is_word("is") {
                return self.fail("several tests cannot be chained with 'is'");
            }
            let base = self.primary()?;
            let mut steps = Vec::new();
            self.postfix(&mut steps)?;
            let value = if steps.is_empty() { base } else { Expr::Postfix(Box::new(base), steps) };
            args.positional.push(value);
        }
        let test = self.known("test", name, predicates::find);
        Ok(PostfixKind::Test { test, args, negated })
    }

    fn dotted_name(&mut self) -> Result<String, Fault> {
        let mut name = self.expect_name()?;
        while self.skip_op(".") {
            name.push('.');
            name.push_str(&self.expect_name()?);
        }
        Ok(name)
    }

    /// Looks a filter or test up; one that Jinja does not know is noted.
    fn known<T>(&mut self, what: &str, name: String, find: fn(&str) -> Option<T>) -> Result<T, Arc<str>> {
        find(&name).ok_or_else(|| {
            if !self.lenient {
                self.unknown.push(Fault::syntax(self.line(), format!("no {what} named '{name}'")));
            }
            Arc::from(name)
        })
    }
}
