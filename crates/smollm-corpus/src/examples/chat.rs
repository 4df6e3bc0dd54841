//! Conversations to tokens: the template's text, and which of it the assistant says.

use super::{Document, Examples, Loss};
use crate::records::Chat;
use serde_json::Value;
use smollm_tokenizer::Specials;
use smollm_tokenizer::template::RenderOptions;
use smollm_tokenizer::tools::conversation;
use std::ops::Range;

/// Why a mask cannot be made from a text.
pub(super) const NOT_TOLD: &str = "the tokens do not tell where in the text they stand, so no mask can be made";

/// A conversation, and the tokens of each answer that is learnt.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) document: Document,
    pub(super) answers: Vec<Range<usize>>,
}

impl Examples<'_> {
    /// The tokens of a conversation with the mask that the options ask for, of any length.
    pub(super) fn said(&self, chat: &Chat) -> Result<Said, String> {
        let loss = self.options.loss;
        if loss == Loss::All {
            let (messages, options) = self.rendering(chat)?;
            let template = self.template.ok_or(NO_TEMPLATE)?;
            let text = template.render(&messages, &options).map_err(|e| e.to_string())?;
            let ids = self.tokenizer.encode(&text, Specials::Parse);
            let mask = vec![true; ids.len()];
            return Ok(Said { document: Document { ids, mask }, answers: Vec::new() });
        }
        let last = chat.trained.iter().rposition(|&trained| trained);
        self.tracked(chat, |message| chat.trained[message] && (loss == Loss::Answers || Some(message) == last))
    }

    /// A prompt and an answer to it, which is learnt.
    pub(super) fn answered(&self, prompt: &Chat, answer: &[Value]) -> Result<Document, String> {
        let mut chat = prompt.clone();
        for message in answer {
            chat.push(message.clone(), true);
        }
        self.tracked(&chat, |message| message >= prompt.messages.len()).map(|said| said.document)
    }

    fn tracked(&self, chat: &Chat, learnt: impl Fn(usize) -> bool) -> Result<Said, String> {
        let (messages, options) = self.rendering(chat)?;
        let template = self.template.ok_or(NO_TEMPLATE)?;
        let turns = template.render_turns(&messages, &options).map_err(|e| e.to_string())?;
        // Where tools have to be told by a system message, one more message stands first.
        let added = messages.as_array().map_or(0, Vec::len).saturating_sub(chat.messages.len());
        let ids = self.tokenizer.encode(&turns.text, Specials::Parse);
        let ranges = self.tokenizer.ranges(&turns.text, &ids).ok_or(NOT_TOLD)?;
        let mut mask = vec![false; ids.len()];
        let mut answers = Vec::new();
        for turn in turns.turns.iter().filter(|turn| learnt(turn.message.saturating_sub(added))) {
            let first = ranges.partition_point(|range| range.end <= turn.span.start);
            let behind = ranges.partition_point(|range| range.start < turn.span.end).max(first);
            let end = if turns.marked { behind } else { self.end_of_turn(&turns.text, &ids, &ranges, first..behind) };
            mask[first..end].fill(true);
            answers.push(first..end);
        }
        Ok(Said { document: Document { ids, mask }, answers })
    }

    /// Behind the last special token of `turn` if only space follows it there, else the end of the turn.
    fn end_of_turn(&self, text: &str, ids: &[u32], ranges: &[Range<usize>], turn: Range<usize>) -> usize {
        let special = turn.clone().rev().find(|&token| self.tokenizer.is_special(ids[token]));
        let behind = |token: usize| &text.as_bytes()[ranges[token].end..ranges[turn.end - 1].end];
        let space = |token: usize| behind(token).trim_ascii().is_empty();
        special.filter(|&token| space(token)).map_or(turn.end, |token| token + 1)
    }

    /// The messages in the words of the template, and what else it is given.
    fn rendering(&self, chat: &Chat) -> Result<(Value, RenderOptions), String> {
        let template = self.template.ok_or(NO_TEMPLATE)?;
        let messages = Value::from(chat.messages.as_slice());
        let worded = conversation(template, &messages, &chat.tools).map_err(|e| e.to_string())?;
        let mut extra = self.options.variables.clone();
        extra.extend(chat.variables.clone());
        let options = RenderOptions { tools: worded.tools, extra, now: self.options.now, ..RenderOptions::default() };
        Ok((worded.messages, options))
    }
}

const NO_TEMPLATE: &str = "a conversation needs a chat template, and there is none";
