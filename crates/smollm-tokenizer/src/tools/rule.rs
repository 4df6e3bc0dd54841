//! What an answer may call, as a grammar: calls cannot be anything but calls, with arguments that fit.

use super::form::CallForm;
use super::tool::Tool;
use super::{CLOSE, OPEN};
use crate::constrain::{Grammar, GrammarError, GrammarSource, Grammars};
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
    /// Whether the prompt has opened thoughts, which come first.
    pub thinks: bool,
}

/// A schema that cannot be made sure of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct RuleError {
    /// The tool, where it is one's parameters.
    pub tool: Option<usize>,
    /// What is wrong; the path of a schema's error begins with `$`, which stands for the parameters.
    pub error: GrammarError,
}

impl CallRule<'_> {
    /// Compiles the rule. Many or large tools take seconds and more.
    ///
    /// # Errors
    /// The parameters of a tool have what cannot be made sure of.
    pub fn compile(&self, grammars: &Grammars) -> Result<Grammar, RuleError> {
        grammars.compile(&GrammarSource::Lark(self.lark())).map_err(|error| {
            let alone = |tool: &Tool| {
                let source = GrammarSource::Lark(format!("start: %json {}", tool.parameters()));
                grammars.compile(&source).err()
            };
            let culprit = self.tools.iter().enumerate().find_map(|(index, tool)| Some((index, alone(tool)?)));
            match culprit {
                Some((index, error)) => RuleError { tool: Some(index), error },
                None => RuleError { tool: None, error },
            }
        })
    }

    /// The grammar.
    fn lark(&self) -> String {
        let open = quoted(OPEN);
        let close = quoted(CLOSE);
        let calls = match (self.form, self.several) {
            (CallForm::List, several) => {
                let list = if several { "call (\",\" (\" \" | \"\\n\")? call)*" } else { "call" };
                let list = if self.must_call { list.to_owned() } else { format!("({list})?") };
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
        let answer = match self.must_call {
            true => format!("{open} calls"),
            false => "free calls | text".to_owned(),
        };
        let start = match (self.thinks, self.must_call) {
            (false, _) => "answer",
            (true, true) => "thoughts SPACE answer",
            (true, false) => "thoughts answer | text",
        };
        let _ = writeln!(text, "start: {start}\nanswer: {answer}\ncalls: {calls}"); // writing to a String cannot fail
        if self.thinks {
            text.push_str("thoughts[lazy]: /(?s:.*)<\\/think>/\n");
            if self.must_call {
                text.push_str("SPACE: /[ \\n]{0,2}/\n");
            }
        }
        if !self.must_call {
            text.push_str("free[lazy]: /(?s:.*)<tool_call>/\ntext: /(?s:.*)/\n");
        }
        let names: Vec<String> = (0..self.tools.len()).map(|index| format!("call_{index}")).collect();
        let _ = writeln!(text, "call: {}", names.join(" | "));
        for (index, tool) in self.tools.iter().enumerate() {
            let name = Value::from(tool.name());
            let head = quoted(&format!("{{\"name\": {name}, \"arguments\": "));
            let _ = writeln!(
                text,
                "call_{index}: {head} arguments_{index} \"}}\"\narguments_{index}: %json {}",
                tool.parameters()
            );
        }
        text
    }
}

/// A text as Lark writes it, which is as JSON does.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
