//! Text and calls told apart while they come in pieces.

use super::block::{Block, Call, block};
use super::scan::Scan;
use super::{CLOSE, OPEN};
use crate::stream::overlap;

/// What a model said, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Text of the answer.
    Text(String),
    /// A call of this function begins.
    Call(String),
    /// The next bytes of its arguments.
    Arguments(String),
}

/// Tells text from calls. However the text is cut into pieces, the same is said, and arguments are the bytes that the model wrote.
#[derive(Debug, Clone)]
pub struct CallReader {
    state: State,
    /// Whether what follows an opening tag is known to be calls, so that they can be told while they come.
    bound: bool,
    /// What may turn out to be a call, or the space before it.
    held: String,
    called: bool,
    /// Whether it ended inside of a call that was told.
    cut: bool,
}

#[derive(Debug, Clone)]
enum State {
    /// No tag has come.
    Text,
    /// Inside of tags; the body begins at this byte of what is held.
    Block(usize),
    /// Behind a call that stood alone between its tags: further ones may follow.
    After,
    /// In calls that are told as they come.
    Calls(Scan),
    /// Behind a list of calls, to which nothing belongs.
    Over,
    /// What stood between tags was no call: all is text.
    Plain,
}

impl CallReader {
    /// For a model that may write anything: what is between tags is told when it is known to be calls.
    pub fn free() -> Self {
        Self { state: State::Text, bound: false, held: String::new(), called: false, cut: false }
    }

    /// For a model that a grammar keeps from writing anything but calls behind an opening tag: they are told as they come.
    pub fn bound() -> Self {
        Self { bound: true, ..Self::free() }
    }

    /// Whether there has been a call.
    pub fn called(&self) -> bool {
        self.called
    }

    /// Whether the text has ended inside of a call, of which a part was told.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The next piece.
    pub fn push(&mut self, text: &str) -> Vec<Said> {
        let mut said = Vec::new();
        match &mut self.state {
            State::Plain => tell(text, &mut said),
            State::Over => {}
            State::Calls(scan) => scan.push(text, &mut said),
            State::Text | State::Block(_) | State::After => {
                self.held.push_str(text);
                while self.advance(&mut said) {}
            }
        }
        self.called |= said.iter().any(|said| matches!(said, Said::Call(_)));
        said
    }

    /// Nothing follows. A closing tag may be missing.
    pub fn finish(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::Over) {
            State::Text | State::Plain => tell(&held, &mut said),
            State::Block(start) => match block(&held[start..]) {
                Some(Block::List(calls)) if !self.called => calls.into_iter().for_each(|call| whole(call, &mut said)),
                Some(Block::One(call)) => whole(call, &mut said),
                None if !self.called => tell(&held, &mut said),
                Some(Block::List(_)) | None => {}
            },
            State::Calls(scan) => self.cut = !scan.is_between(),
            State::After | State::Over => {}
        }
        self.called |= said.iter().any(|said| matches!(said, Said::Call(_)));
        said
    }

    /// One step; whether there may be another.
    fn advance(&mut self, said: &mut Vec<Said>) -> bool {
        match self.state {
            State::Text => match self.held.find(OPEN) {
                Some(at) => {
                    let before = self.held[..at].trim_end().len();
                    tell(&self.held[..before], said);
                    self.held.drain(..before);
                    let body = at - before + OPEN.len();
                    if self.bound {
                        let mut scan = Scan::default();
                        scan.push(&self.held[body..], said);
                        self.held.clear();
                        self.state = State::Calls(scan);
                        return false;
                    }
                    self.state = State::Block(body);
                    true
                }
                None => {
                    let sure = self.held.len() - uncertain(&self.held);
                    tell(&self.held[..sure], said);
                    self.held.drain(..sure);
                    false
                }
            },
            State::Block(start) => {
                let Some(at) = self.held[start..].find(CLOSE) else { return false };
                let end = start + at + CLOSE.len();
                match block(&self.held[start..start + at]) {
                    Some(Block::One(call)) => {
                        whole(call, said);
                        self.called = true;
                        self.held.drain(..end);
                        self.state = State::After;
                        return true;
                    }
                    Some(Block::List(calls)) if !self.called => {
                        calls.into_iter().for_each(|call| whole(call, said));
                        self.state = State::Over;
                    }
                    None if !self.called => {
                        tell(&self.held, said);
                        self.state = State::Plain;
                    }
                    Some(Block::List(_)) | None => self.state = State::Over,
                }
                self.held.clear();
                false
            }
            State::After => {
                let Some(at) = self.held.find(OPEN) else {
                    let sure = self.held.len() - uncertain(&self.held);
                    self.held.drain(..sure); // belongs to nothing
                    return false;
                };
                self.state = State::Block(at + OPEN.len());
                true
            }
            State::Calls(_) | State::Over | State::Plain => false,
        }
    }
}

fn tell(text: &str, said: &mut Vec<Said>) {
    if !text.is_empty() {
        said.push(Said::Text(text.into()));
    }
}

fn whole(call: Call, said: &mut Vec<Said>) {
    said.push(Said::Call(call.name));
    said.push(Said::Arguments(call.arguments));
}

/// Bytes at the end that may be the space before a tag, or its beginning.
fn uncertain(text: &str) -> usize {
    let tag = overlap(text, OPEN);
    let before = &text[..text.len() - tag];
    tag + before.len() - before.trim_end().len()
}
