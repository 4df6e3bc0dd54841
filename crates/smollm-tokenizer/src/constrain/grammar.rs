//! Grammars in all their forms, compiled for a tokenizer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use llguidance::ParserFactory;
use llguidance::api::{GrammarInit, ParserLimits, TopLevelGrammar};
use serde_json::Value;
use toktrie::{InferenceCapabilities, TokEnv};

use super::budget::Opening;
use super::closing::{Rules, Untold};
use super::error::{GrammarError, has_no_token};
use super::json::Prepared;
use super::kept::Kept;
use super::matchers::Matchers;
use super::state::Constraint;
use super::trie::TokenTrie;
use super::{gbnf, json, lark};
use crate::Tokenizer;

/// Bytes of stack for compiling, taken as they are needed: the compiler follows references and nesting by calling itself, at some KB for
/// each of the parts that a schema may have.
const STACK: usize = 256 << 20;
/// Bytes of the longest grammar or regular expression: the work of compiling grows with it, for some faster than in proportion.
const LONGEST: usize = 1 << 18;
/// States of the lexer that all answers of a grammar share, some hundred bytes each; then it is made anew.
const MOST_STATES: usize = 50_000;
/// Items of the parser where one lexeme ends and the next begins, and all that it makes for a mask (50 ns each): as many as the largest
/// schemas need, whose properties are all optional.
const MOST_IN_ROW: usize = 20_000;
const MOST_IN_MASK: usize = 400_000;

/// What an answer is to be.
#[derive(Debug, Clone, PartialEq)]
pub enum GrammarSource {
    /// Any JSON object, nested up to 32 levels, with numbers below 2^53.
    JsonObject,
    /// JSON that a schema describes (drafts 7 to 2020-12). What cannot be made sure of is refused.
    JsonSchema(Value),
    /// A text that a regular expression matches from beginning to end (the syntax of the Rust crate `regex`, without Unicode classes
    /// for `\d` and `\w`).
    Regex(String),
    /// A grammar in the Lark syntax of llguidance; `%json { ... }` embeds a JSON schema, which is checked like any other.
    Lark(String),
    /// A grammar in the syntax of llama.cpp; it begins with the rule `root`.
    Gbnf(String),
    /// One of these texts.
    Choice(Vec<String>),
}

impl GrammarSource {
    /// A grammar in one of two syntaxes: GBNF, whose rules are written with `::=`, or Lark.
    pub fn of_text(text: &str) -> Self {
        // at the beginning of a line: a grammar in Lark's syntax may well speak of `::=` inside of a string
        let names_a_rule = |line: &str| {
            let rest =
                line.trim_start().trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            rest.len() < line.trim_start().len() && rest.trim_start().starts_with("::=")
        };
        match text.lines().any(names_a_rule) {
            true => Self::Gbnf(text.to_owned()),
            false => Self::Lark(text.to_owned()),
        }
    }

    /// What tells it from every other.
    fn key(&self) -> String {
        match self {
            Self::JsonObject => "object".into(),
            Self::JsonSchema(schema) => format!("schema {schema}"),
            Self::Regex(text) => format!("regex {text}"),
            Self::Lark(text) => format!("lark {text}"),
            Self::Gbnf(text) => format!("gbnf {text}"),
            Self::Choice(texts) => format!("choice {}", Value::from(texts.as_slice())),
        }
    }
}

/// Compiles grammars for one tokenizer, and keeps those that were asked for last. Clones share them, and what is made of the vocabulary,
/// which happens when the first grammar is compiled (a fraction of a second).
#[derive(Clone)]
pub struct Grammars(Arc<Shared>);

struct Shared {
    tokenizer: Arc<Tokenizer>,
    factory: OnceLock<Result<ParserFactory, String>>,
    kept: Mutex<Kept>,
}

impl Grammars {
    /// For answers in the tokens of `tokenizer`.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self(Arc::new(Shared { tokenizer, factory: OnceLock::new(), kept: Mutex::default() }))
    }

    /// Compiles a grammar, if it is not kept. The work is bounded, but a large grammar may take seconds: nothing for a thread that must
    /// not wait.
    ///
    /// # Errors
    /// The grammar cannot be read, asks for what cannot be made sure of, allows no text at all, or is too large.
    pub fn compile(&self, source: &GrammarSource) -> Result<Grammar, GrammarError> {
        self.once(source.key(), || self.compile_here(source))
    }

    /// A grammar that is kept, without any work.
    pub fn kept(&self, source: &GrammarSource) -> Option<Grammar> {
        self.kept_under(&source.key())
    }

    /// The same of [`Grammars::compile_closing`].
    pub(crate) fn kept_closing(&self, lark: &str) -> Option<Grammar> {
        self.kept_under(&closing_key(lark))
    }

    /// What is kept under `key`.
    pub(crate) fn kept_under(&self, key: &str) -> Option<Grammar> {
        self.recent().get(key)
    }

    /// Whether the vocabulary has a special token of this name.
    pub(crate) fn is_special(&self, name: &str) -> bool {
        let tokenizer = &self.0.tokenizer;
        tokenizer.id_of(name).is_some_and(|id| tokenizer.is_special(id))
    }

    fn recent(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The grammar that is kept under `key`, or else is made and kept.
    fn once<E: From<GrammarError> + Send>(
        &self,
        key: String,
        make: impl FnOnce() -> Result<Grammar, E> + Send,
    ) -> Result<Grammar, E> {
        if let Some(grammar) = self.recent().get(&key) {
            return Ok(grammar);
        }
        let grammar = on_a_large_stack(make)?;
        self.recent().put(key, &grammar);
        Ok(grammar)
    }

    /// [`Grammars::compile`] on this thread's stack, without looking among those that are kept.
    pub(super) fn compile_here(&self, source: &GrammarSource) -> Result<Grammar, GrammarError> {
        let finished = |kind, parsed| self.grammar(parsed).map_err(|reason| GrammarError::text(kind, reason));
        match source {
            GrammarSource::JsonObject => self.schema(Prepared::own(json::any_object())),
            GrammarSource::JsonSchema(schema) => self.schema(Prepared::new(schema)?),
            GrammarSource::Regex(regex) => {
                not_too_long("regular expression", regex)?;
                // the compiler would leave it out
                if (regex.len() - regex.trim_end_matches('\\').len()) % 2 == 1 {
                    return Err(GrammarError::text("regular expression", "it ends with a lone backslash"));
                }
                let lark = format!("start: /{}/", llguidance::regex_to_lark(regex, "dw"));
                finished("grammar", self.lark("regular expression", lark, Ends::Anywhere)?)
            }
            GrammarSource::Lark(text) => finished("grammar", self.lark_with_schemas(text, Ends::Anywhere)?),
            GrammarSource::Gbnf(text) => {
                not_too_long("GBNF grammar", text)?;
                finished("grammar", self.lark("GBNF grammar", gbnf::to_lark(text)?, Ends::Anywhere)?)
            }
            GrammarSource::Choice(texts) => {
                if texts.is_empty() || texts.iter().any(String::is_empty) {
                    return Err(GrammarError::NoChoice);
                }
                let quoted: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
                let lark = format!("start: {}", quoted.join(" | "));
                not_too_long("choice", &lark)?;
                let parsed = self.lark("choice", lark, Ends::Anywhere)?;
                let opening = Opening::listed(texts, parsed.tokens.tok_trie());
                let opening = opening.map_err(|reason| GrammarError::text("choice", reason))?;
                Ok(self.finished(parsed.matchers, Some(opening), parsed.tokens))
            }
        }
    }

    /// As [`Grammars::compile`] for a Lark grammar whose texts must end in time too, as those of schemas do.
    ///
    /// # Errors
    /// As [`Grammars::compile`], or there is no telling how a text of the grammar ends soonest: it has `%ignore`, parameters, or a lexeme
    /// that ends before its last bytes.
    pub fn compile_closing(&self, lark: &str) -> Result<Grammar, GrammarError> {
        self.once(closing_key(lark), || {
            let parsed = self.lark_with_schemas(lark, Ends::InTime)?;
            self.grammar(parsed).map_err(|reason| GrammarError::text(LARK, reason))
        })
    }

    /// The same with schemas that stand in no text yet: `write` puts them into one, each as it is given them. `key` is what grammar and
    /// schemas are made of.
    ///
    /// # Errors
    /// As [`Grammars::compile_closing`], with the number of the schema at fault.
    pub(crate) fn compile_closing_with(
        &self,
        key: String,
        schemas: &[&Value],
        write: impl FnOnce(&[String]) -> String + Send,
    ) -> Result<Grammar, (Option<usize>, GrammarError)> {
        let compiled = self.once(key, || {
            let prepared =
                schemas.iter().enumerate().map(|(i, schema)| Prepared::new(schema).map_err(|e| At(Some(i), e)));
            let prepared = prepared.collect::<Result<Vec<_>, At>>()?;
            json::check_together(&prepared)?;
            let texts: Vec<String> = prepared.iter().map(|prepared| prepared.schema.to_string()).collect();
            let parsed = self.parsed(TopLevelGrammar::from_lark(write(&texts)), Ends::InTime);
            let closing = parsed.and_then(|parsed| self.grammar(parsed));
            closing.map_err(|reason| match self.refusal(prepared) {
                Some((schema, error)) => At(Some(schema), error),
                None => At(None, GrammarError::text(LARK, reason)),
            })
        });
        compiled.map_err(|At(place, error)| (place, error))
    }

    fn grammar(&self, parsed: Parsed) -> Result<Grammar, String> {
        let Parsed { matchers, rules, tokens } = parsed;
        let opening = rules.map(|rules| Opening::new(rules?, tokens.tok_trie())).transpose()?;
        Ok(self.finished(matchers, opening, tokens))
    }

    fn finished(&self, matchers: Matchers, opening: Option<Opening>, tokens: TokEnv) -> Grammar {
        let end = self.0.tokenizer.vocab_size() as u32;
        Grammar(Arc::new(Compiled { matchers, opening, tokens, end }))
    }

    /// A grammar of JSON that a schema describes. Where it is refused, the smallest part of the schema that is refused by itself is to blame.
    fn schema(&self, schema: Prepared) -> Result<Grammar, GrammarError> {
        let compiled = self.compile_schema(&schema.schema);
        compiled.map_err(|reason| schema.blame(&reason, &|part| self.compile_schema(part).err()))
    }

    fn compile_schema(&self, schema: &Value) -> Result<Grammar, String> {
        let parsed = self.parsed(TopLevelGrammar::from_json_schema(schema.clone()), Ends::InTime)?;
        self.grammar(parsed)
    }

    /// The refusal of one of these schemas by itself, with its number.
    fn refusal(&self, schemas: Vec<Prepared>) -> Option<(usize, GrammarError)> {
        let check = |part: &Value| self.compile_schema(part).err();
        let mut work = json::MOST_WORK;
        schemas.into_iter().enumerate().find_map(|(i, schema)| Some((i, schema.refusal(&check, &mut work)?)))
    }

    fn lark(&self, kind: &'static str, text: String, ends: Ends) -> Result<Parsed, GrammarError> {
        self.parsed(TopLevelGrammar::from_lark(text), ends).map_err(|reason| GrammarError::text(kind, reason))
    }

    /// A Lark grammar as users write it. Where it is refused, a schema inside of it that is refused by itself is to blame.
    fn lark_with_schemas(&self, text: &str, ends: Ends) -> Result<Parsed, GrammarError> {
        not_too_long(LARK, text)?;
        let (text, schemas) = lark::with_prepared_schemas(text)?;
        json::check_together(&schemas)?;
        self.parsed(TopLevelGrammar::from_lark(text), ends).map_err(|reason| match self.refusal(schemas) {
            Some((_, error)) => error,
            None => GrammarError::text(LARK, reason),
        })
    }

    fn parsed(&self, grammar: TopLevelGrammar, ends: Ends) -> Result<Parsed, String> {
        let factory = self.0.factory.get_or_init(|| factory(&self.0.tokenizer)).as_ref().map_err(Clone::clone)?;
        // The parser would take the whole process down in a panic of its own making if nobody caught it.
        let parser = llguidance::panic_utils::catch_unwind(std::panic::AssertUnwindSafe(|| {
            factory.create_parser_from_init_default(GrammarInit::Serialized(grammar))
        }));
        let tokens = factory.tok_env().clone();
        let is_token = |byte| tokens.tok_trie().token_id_at_bytes(&[byte]).is_some();
        let parser = parser.map_err(|error| error.to_string())?;
        let grammar = parser.parser.grammar();
        let rules = match ends {
            Ends::InTime => Some(Rules::of(grammar, is_token)),
            Ends::Anywhere if Rules::may_end(grammar) => None,
            Ends::Anywhere => return Err(Untold::NoEnd.into()),
        };
        if let Some(Err(Untold::NoEnd)) = rules {
            return Err(Untold::NoEnd.into());
        }
        let matchers = Matchers::new(parser);
        let mut matcher = matchers.first().0;
        if let Some(reason) = matcher.get_error() {
            return Err(reason);
        }
        // whether any text is allowed at all shows at the first token
        matcher.compute_mask_or_eos().map_err(|error| match error.to_string() {
            reason if has_no_token(&reason) => "no text that can be written is allowed".to_owned(),
            reason => reason,
        })?;
        match matcher.grammar_warnings().first() {
            Some(warning) => Err(warning.clone()),
            None => Ok(Parsed { matchers, rules, tokens }),
        }
    }
}

const LARK: &str = "Lark grammar";

/// What tells a grammar whose texts end from every other.
fn closing_key(lark: &str) -> String {
    format!("closing {lark}")
}

/// An error of one of several schemas.
struct At(Option<usize>, GrammarError);

impl From<GrammarError> for At {
    fn from(error: GrammarError) -> Self {
        Self(None, error)
    }
}

fn not_too_long(kind: &'static str, text: &str) -> Result<(), GrammarError> {
    match text.len() <= LONGEST {
        true => Ok(()),
        false => Err(GrammarError::text(kind, format!("it has {} bytes, and may have {LONGEST}", text.len()))),
    }
}

/// What `compile` makes, on a thread with a stack of [`STACK`] bytes.
fn on_a_large_stack<T: Send, E: From<GrammarError> + Send>(
    compile: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    let failed = |message: String| E::from(GrammarError::text("grammar", message));
    thread::scope(|scope| {
        let compiler = thread::Builder::new().name("grammar".into()).stack_size(STACK);
        let compiler = compiler.spawn_scoped(scope, compile);
        let compiler = compiler.map_err(|e| failed(format!("there is no thread to compile it: {e}")))?;
        compiler.join().unwrap_or_else(|_| Err(failed("the compiler gave up on it".into())))
    })
}

fn factory(tokenizer: &Arc<Tokenizer>) -> Result<ParserFactory, String> {
    let tokens: TokEnv = Arc::new(TokenTrie::new(tokenizer.clone()));
    let ff_tokens = tokens.tokenize_is_canonical();
    let capabilities = InferenceCapabilities { ff_tokens, ..InferenceCapabilities::default() };
    let slices = llguidance::earley::SlicedBiasComputer::general_slices();
    let mut factory = ParserFactory::new(&tokens, capabilities, &slices).map_err(|e| e.to_string())?;
    factory.quiet();
    *factory.limits_mut() = ParserLimits {
        verbose_errors: false,
        max_lexer_states: MOST_STATES,
        max_items_in_row: MOST_IN_ROW,
        step_max_items: MOST_IN_MASK,
        ..ParserLimits::default()
    };
    Ok(factory)
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars").field("tokenizer", &self.0.tokenizer).finish_non_exhaustive()
    }
}

/// What a grammar is made of.
struct Parsed {
    matchers: Matchers,
    /// Of those whose texts end in time, if there is telling how.
    rules: Option<Result<Rules, Untold>>,
    tokens: TokEnv,
}

/// Where the limit of an answer may fall.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// Behind a whole text: how every text ends soonest is looked for.
    InTime,
    /// Anywhere, so that nobody asks.
    Anywhere,
}

/// A compiled grammar. Clones are the same grammar.
#[derive(Clone)]
pub struct Grammar(Arc<Compiled>);

pub(super) struct Compiled {
    pub(super) matchers: Matchers,
    /// For grammars whose texts must end in time.
    pub(super) opening: Option<Opening>,
    pub(super) tokens: TokEnv,
    /// The token that stands for the end of the text.
    pub(super) end: u32,
}

impl Grammar {
    /// The state before the first token of an answer.
    pub fn begin(&self) -> Constraint {
        Constraint::new(self.0.clone())
    }

    /// About how many bytes it takes, with what answers have made of it so far.
    pub(super) fn bytes(&self) -> usize {
        self.0.matchers.bytes().saturating_add(self.0.opening.as_ref().map_or(0, Opening::bytes))
    }

    /// Tokens of the shortest text, where texts of the grammar must end in time: of a choice the text with the fewest tokens, else the one
    /// with the fewest bytes.
    pub fn shortest(&self) -> Option<usize> {
        self.0.opening.as_ref().map(Opening::shortest)
    }

    /// The same for an answer of at most `limit` tokens: a text of a schema, a choice or [`Grammars::compile_closing`] is whole by then.
    /// Texts of other grammars may be cut off.
    ///
    /// # Errors
    /// The shortest text ([`Grammar::shortest`]) takes more.
    pub fn begin_within(&self, limit: usize) -> Result<Constraint, GrammarError> {
        Constraint::within(self.0.clone(), limit)
    }
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammar").finish_non_exhaustive()
    }
}
