//! Grammars in all their forms, compiled for a tokenizer.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread;

use llguidance::api::{GrammarInit, ParserLimits, TopLevelGrammar};
use llguidance::{Matcher, ParserFactory};
use serde_json::Value;
use toktrie::{InferenceCapabilities, TokEnv};

use super::error::GrammarError;
use super::state::Constraint;
use super::trie::TokenTrie;
use super::{json, lark};
use crate::Tokenizer;

/// Bytes of stack for compiling, taken as they are needed: the compiler follows references and nesting by calling itself, at some KB for
/// each of the parts that a schema may have.
const STACK: usize = 256 << 20;

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
    /// One of these texts.
    Choice(Vec<String>),
}

/// Compiles grammars for one tokenizer. Clones share what is made of its vocabulary, which happens when the first grammar is compiled
/// (a fraction of a second).
#[derive(Clone)]
pub struct Grammars(Arc<Shared>);

struct Shared {
    tokenizer: Arc<Tokenizer>,
    factory: OnceLock<Result<ParserFactory, String>>,
}

impl Grammars {
    /// For answers in the tokens of `tokenizer`.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self(Arc::new(Shared { tokenizer, factory: OnceLock::new() }))
    }

    /// Compiles a grammar. Large grammars take seconds and more: nothing for a thread that must not wait.
    ///
    /// # Errors
    /// The grammar cannot be read, asks for what cannot be made sure of, allows no text at all, or is too large.
    pub fn compile(&self, source: &GrammarSource) -> Result<Grammar, GrammarError> {
        let failed = |message: String| GrammarError::text("grammar", message);
        thread::scope(|scope| {
            let compiler = thread::Builder::new().name("grammar".into()).stack_size(STACK);
            let compiler = compiler.spawn_scoped(scope, || self.compile_here(source));
            let compiler = compiler.map_err(|e| failed(format!("there is no thread to compile it: {e}")))?;
            compiler.join().unwrap_or_else(|_| Err(failed("the compiler gave up on it".into())))
        })
    }

    fn compile_here(&self, source: &GrammarSource) -> Result<Grammar, GrammarError> {
        let matcher = match source {
            GrammarSource::JsonObject => self.schema(&json::any_object()),
            GrammarSource::JsonSchema(schema) => self.schema(schema),
            GrammarSource::Regex(regex) => {
                let lark = format!("start: /{}/", llguidance::regex_to_lark(regex, "dw"));
                self.lark("regular expression", lark)
            }
            GrammarSource::Lark(text) => self.lark("Lark grammar", lark::with_checked_schemas(text)?),
            GrammarSource::Choice(texts) => {
                if texts.is_empty() || texts.iter().any(String::is_empty) {
                    return Err(GrammarError::NoChoice);
                }
                let quoted: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
                self.lark("choice", format!("start: {}", quoted.join(" | ")))
            }
        }?;
        Ok(Grammar(Arc::new(Compiled { matcher, end: self.0.tokenizer.vocab_size() as u32 })))
    }

    fn schema(&self, schema: &Value) -> Result<Matcher, GrammarError> {
        let (schema, mut locations) = json::prepared(schema)?;
        let grammar = TopLevelGrammar::from_json_schema(schema.clone());
        self.matcher(grammar).map_err(|reason| locations.blame(&schema, &reason))
    }

    fn lark(&self, kind: &'static str, text: String) -> Result<Matcher, GrammarError> {
        self.matcher(TopLevelGrammar::from_lark(text)).map_err(|reason| GrammarError::text(kind, reason))
    }

    fn matcher(&self, grammar: TopLevelGrammar) -> Result<Matcher, String> {
        let factory = self.0.factory.get_or_init(|| factory(&self.0.tokenizer)).as_ref().map_err(Clone::clone)?;
        // The parser would take the whole process down in a panic of its own making if nobody caught it.
        let parser = llguidance::panic_utils::catch_unwind(std::panic::AssertUnwindSafe(|| {
            factory.create_parser_from_init_default(GrammarInit::Serialized(grammar))
        }));
        let mut matcher = Matcher::new(parser);
        if let Some(reason) = matcher.get_error() {
            return Err(reason);
        }
        // whether any text is allowed at all shows at the first token
        matcher.clone().compute_mask_or_eos().map_err(|_| "no text that can be written is allowed".to_owned())?;
        match matcher.grammar_warnings().first() {
            Some(warning) => Err(warning.clone()),
            None => Ok(matcher),
        }
    }
}

fn factory(tokenizer: &Arc<Tokenizer>) -> Result<ParserFactory, String> {
    let tokens: TokEnv = Arc::new(TokenTrie::new(tokenizer.clone()));
    let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
    let slices = llguidance::earley::SlicedBiasComputer::general_slices();
    let mut factory = ParserFactory::new(&tokens, capabilities, &slices).map_err(|e| e.to_string())?;
    factory.quiet();
    *factory.limits_mut() = ParserLimits { verbose_errors: false, ..ParserLimits::default() };
    Ok(factory)
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars").field("tokenizer", &self.0.tokenizer).finish_non_exhaustive()
    }
}

/// A compiled grammar. Clones are the same grammar.
#[derive(Clone)]
pub struct Grammar(Arc<Compiled>);

pub(super) struct Compiled {
    /// At the beginning.
    pub(super) matcher: Matcher,
    /// The token that stands for the end of the text.
    pub(super) end: u32,
}

impl Grammar {
    /// The state before the first token of an answer.
    pub fn begin(&self) -> Constraint {
        Constraint::new(self.0.clone())
    }
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammar").finish_non_exhaustive()
    }
}
