//! What an answer may call, as a grammar: calls cannot be anything but calls, with arguments that fit.

use super::form::CallForm;
use super::tool::Tool;
use super::{CLOSE, OPEN};
use crate::constrain::{Grammar, GrammarError, Grammars};
use serde_json::Value;
use std::fmt::Write;

/// The rule of an answer that may call functions, or must.
#[derive(Debug, Clone)]
pub struct CallRule<'t> {
    /// How calls are written.
    pub form: CallForm,
    /// What may be called; not empty.
    pub tools: &'t [Tool],
    /// Whether the answer is nothing but calls, at least one. Else it is free until it opens a call, and bound from there.
    pub must_call: bool,
    /// Whether there may be several.
    pub several: bool,
}

/// A schema that cannot be made sure of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct RuleError {
    /// The tool, where it is one's parameters. An error of a schema that is none's is of the one that answers without calls follow.
    pub tool: Option<usize>,
    /// What is wrong; the path of a schema's error begins with `$`, which stands for the parameters.
    pub error: GrammarError,
}

impl CallRule<'_> {
    /// Compiles the rule. With a limit on tokens ([`Grammar::begin_within`]) all calls are whole by then: none is opened that could not
    /// be. The work is bounded, but many or large tools may take seconds.
    ///
    /// # Errors
    /// The parameters of a tool have what cannot be made sure of, or the vocabulary has the tags as special tokens.
    pub fn compile(&self, grammars: &Grammars) -> Result<Grammar, RuleError> {
        self.compiled(grammars, None)
    }

    /// The same where an answer that calls nothing is JSON of `schema`.
    ///
    /// # Errors
    /// As [`CallRule::compile`], for the schema too.
    pub fn compile_or_json(&self, grammars: &Grammars, schema: &Value) -> Result<Grammar, RuleError> {
        self.compiled(grammars, Some(schema))
    }

    /// What these would compile, if it is kept, without any work. `schema` is that of an answer that calls nothing, if there is one.
    pub fn kept(&self, grammars: &Grammars, schema: Option<&Value>) -> Option<Grammar> {
        grammars.kept_under(&self.key(&self.schemas(schema)))
    }

    /// The schemas of the tools, and of an answer that calls nothing.
    fn schemas<'s>(&'s self, otherwise: Option<&'s Value>) -> Vec<&'s Value> {
        self.tools.iter().map(Tool::parameters).chain(otherwise.filter(|_| !self.must_call)).collect()
    }

    /// What tells the grammar of these schemas from every other.
    fn key(&self, schemas: &[&Value]) -> String {
        let texts: Vec<String> = schemas.iter().map(|schema| schema.to_string()).collect();
        format!("calls {}", self.lark(&texts))
    }

    fn compiled(&self, grammars: &Grammars, otherwise: Option<&Value>) -> Result<Grammar, RuleError> {
        if let Some(tag) = [OPEN, CLOSE].into_iter().find(|tag| grammars.is_special(tag)) {
            let message = format!("{tag} is a special token of this vocabulary, and those are part of no text");
            return Err(RuleError { tool: None, error: GrammarError::text("calls", message) });
        }
        let schemas = self.schemas(otherwise);
        let compiled = grammars.compile_closing_with(self.key(&schemas), &schemas, |texts| self.lark(texts));
        compiled.map_err(|(place, error)| RuleError { tool: place.filter(|&place| place < self.tools.len()), error })
    }

    /// The grammar, with the schemas of the tools and perhaps of an answer without calls.
    fn lark(&self, schemas: &[String]) -> String {
        let open = quoted(OPEN);
        let close = quoted(CLOSE);
        let otherwise = schemas.get(self.tools.len());
        let calls = match (self.form, self.several) {
            (CallForm::List, several) => {
                let list = if several { "call (\",\" (\" \" | \"\\n\")? call)*" } else { "call" };
                // an empty list is an answer too, that no tool is needed, unless that has to be another
                let some = self.must_call || otherwise.is_some();
                let list = if some { list.to_owned() } else { format!("({list})?") };
                format!("\"[\" \"\\n\"? {list} \"\\n\"? \"]\" {close}")
            }
            (CallForm::Blocks, several) => {
                let further =
                    if several { format!(" (\"\\n\"? {open} \"\\n\"? call \"\\n\"? {close})*") } else { String::new() };
                format!("\"\\n\"? call \"\\n\"? {close}{further}")
            }
        };
        let mut text = String::new();
        // a lazy piece ends where it first can, so nothing goes on past a tag without being bound by it
        let answer = match (self.must_call, otherwise) {
            (true, _) => format!("SPACE? {open} calls"),
            (false, Some(_)) => format!("SPACE? {open} calls | json"),
            (false, None) => "free calls | text".to_owned(),
        };
        let _ = writeln!(text, "start: answer\nanswer: {answer}\ncalls: {calls}"); // writing to a String cannot fail
        if self.must_call || otherwise.is_some() {
            text.push_str("SPACE: /[ \\n]{1,2}/\n");
        }
        if let Some(schema) = otherwise {
            let _ = writeln!(text, "json: %json {schema}");
        }
        if !self.must_call && otherwise.is_none() {
            text.push_str("free[lazy]: /(?s:.*)<tool_call>/\ntext: /(?s:.*)/\n");
        }
        let names: Vec<String> = (0..self.tools.len()).map(|index| format!("call_{index}")).collect();
        let _ = writeln!(text, "call: {}", names.join(" | "));
        for (index, (tool, schema)) in self.tools.iter().zip(schemas).enumerate() {
            let name = Value::from(tool.name());
            let head = quoted(&format!("{{\"name\": {name}, \"arguments\": "));
            let _ = writeln!(text, "call_{index}: {head} arguments_{index} \"}}\"\narguments_{index}: %json {schema}");
        }
        text
    }
}

/// The grammar of an answer that calls nothing: any text but the tag that opens calls.
///
/// # Errors
/// The vocabulary cannot be used for grammars.
pub fn no_calls(grammars: &Grammars) -> Result<Grammar, GrammarError> {
    grammars.compile_closing(&without_calls())
}

/// The same if it is kept, without any work.
pub fn kept_without_calls(grammars: &Grammars) -> Option<Grammar> {
    grammars.kept_closing(&without_calls())
}

fn without_calls() -> String {
    format!("start: TEXT\nTEXT: /(?s:.*)/ & ~/(?s:.*{OPEN}.*)/\n")
}

/// A text as Lark writes it, which is as JSON does.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
