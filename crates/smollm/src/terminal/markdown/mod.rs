//! Markdown as it streams in, to terminal text: a pure state machine that only ever appends.
//!
//! A source line is read in two steps: its start says which block it is (`block.rs`), the rest is
//! inline text (`inline.rs`) laid out in words (`../wrap.rs`). What is not certain yet is held back, a
//! word or an open emphasis at most; only a table is held back whole, as its columns are known at its
//! end (a counter on one row, erased then, shows that it grows). Line breaks of the source are kept.
//!
//! Deliberately absent: setext headings, reference links, HTML, code blocks by indentation. Small
//! models do not write them, and each would hold text back or take plain text for something else.

mod begin;
mod block;
mod find;
mod inline;
mod table;
#[cfg(test)]
mod tests;

use block::{Block, Fence};
use inline::{Inline, Piece, THINK_END};

use super::neutral::Neutraliser;
use super::style::{Colour, Style};
use super::wrap::Wrap;

/// Quote marks that are shown; further ones are text.
const DEEPEST_QUOTE: usize = 8;
/// Empty lines that are shown in a row.
const MOST_BLANKS: usize = 2;

/// An open list item.
#[derive(Debug)]
struct Item {
    /// Columns before its marker in the source.
    indent: usize,
    /// Columns before its text on the terminal.
    content: usize,
}

/// A table as far as it has arrived.
#[derive(Debug)]
struct Table {
    quotes: usize,
    indent: usize,
    rows: Vec<String>,
}

/// How far the current source line is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    /// After a list marker.
    ItemStart,
    Inline(Style),
    Code,
    /// Nothing more is written for this line.
    Done,
}

/// Renders one answer.
#[derive(Debug)]
pub(crate) struct Markdown {
    wrap: Wrap,
    neutraliser: Neutraliser,
    /// The current source line as far as it has arrived and is not written yet.
    line: String,
    at: At,
    /// The last character written of the current line.
    before: Option<char>,
    fence: Option<Fence>,
    items: Vec<Item>,
    quotes: usize,
    table: Option<Table>,
    thinking: bool,
    /// A tag was taken off the start of the current line: an empty rest is no empty line.
    restarted: bool,
    /// Empty lines to write before the next line, and how many that may become.
    blanks: usize,
    most_blanks: usize,
    anything: bool,
}

impl Markdown {
    /// A renderer for a terminal of `width` columns.
    pub(crate) fn new(width: usize, colours: bool) -> Self {
        Self {
            wrap: Wrap::new(width, colours),
            neutraliser: Neutraliser::default(),
            line: String::new(),
            at: At::Start,
            before: None,
            fence: None,
            items: Vec::new(),
            quotes: 0,
            table: None,
            thinking: false,
            restarted: false,
            blanks: 0,
            most_blanks: MOST_BLANKS,
            anything: false,
        }
    }

    /// Tells the terminal's width from here on.
    pub(crate) fn set_width(&mut self, width: usize) {
        self.wrap.set_width(width);
    }

    /// Takes a piece of the answer and returns what to write now. Each line break is `\r\n`, and the
    /// terminal is in its plain state afterwards.
    pub(crate) fn push(&mut self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        self.neutraliser.push(text, &mut clean);
        let mut lines = clean.split('\n');
        self.line.push_str(lines.next().unwrap_or(""));
        for next in lines {
            self.end_line();
            self.line.push_str(next);
        }
        self.advance(false);
        self.wrap.take()
    }

    /// Ends the answer: returns what was held back, and ends the row.
    pub(crate) fn finish(&mut self) -> String {
        if !self.line.is_empty() || self.at != At::Start {
            // A line without its line break ends here all the same.
            self.end_line();
        }
        self.end_table();
        if !self.wrap.at_row_start() {
            self.wrap.newline();
        }
        self.wrap.take()
    }

    fn end_line(&mut self) {
        self.advance(true);
        if self.at != At::Done {
            self.wrap.newline();
        }
        self.line.clear();
        self.at = At::Start;
        self.before = None;
        self.restarted = false;
    }

    /// Reads the current line as far as it is certain; `complete`: its end has arrived.
    fn advance(&mut self, complete: bool) {
        loop {
            let goes_on = match self.at {
                At::Start => self.start(complete),
                At::ItemStart => self.start_item(complete),
                At::Inline(style) => self.inline(style, complete),
                At::Code => {
                    let line = std::mem::take(&mut self.line);
                    let style = self.style().colour(Colour::Cyan);
                    self.wrap.verbatim(&line, style);
                    false
                }
                At::Done => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn style(&self) -> Style {
        if self.thinking { Style::default().dim() } else { Style::default() }
    }

    fn inline_parser(&self) -> Inline {
        Inline { colours: self.wrap.colours(), thinking: self.thinking }
    }

    /// Reads the start of a line; false to wait for more.
    fn start(&mut self, complete: bool) -> bool {
        if self.fence.is_some() {
            return self.start_in_fence(complete);
        }
        let Some((quotes, quote_bytes)) = block::quotes(&self.line, complete, DEEPEST_QUOTE) else { return false };
        let rest = &self.line[quote_bytes..];
        if self.thinking {
            match starts_with(rest.trim_start(), THINK_END, complete) {
                None => return false,
                Some(false) => {}
                Some(true) => {
                    let end = self.line.len() - rest.trim_start().len() + THINK_END.len();
                    self.line.drain(..end);
                    self.end_thinking();
                    return self.restart();
                }
            }
        }
        let Some(start) = block::start(rest, complete, quotes) else { return false };
        if quotes != self.quotes {
            self.items.clear();
            self.quotes = quotes;
        }
        let same_table = self.table.as_ref().is_some_and(|table| table.quotes == quotes);
        if start.block != Block::Row || !same_table {
            self.end_table();
        }
        self.open(start, quote_bytes)
    }

    /// Writes what a line begins with and chooses how the rest of it is read.
    fn open(&mut self, start: block::Start, quote_bytes: usize) -> bool {
        let base = self.style();
        let content = quote_bytes + start.bytes;
        match start.block {
            Block::Blank => {
                if self.quotes > 0 {
                    self.begin_line(0);
                    self.wrap.newline();
                } else if !self.restarted {
                    self.blanks = (self.blanks + 1).min(self.most_blanks);
                }
                self.at = At::Done;
            }
            Block::Row => {
                let row = self.line[quote_bytes..].to_owned();
                self.add_row(row, start.indent);
                self.at = At::Done;
            }
            Block::Think => {
                self.line.drain(..content);
                self.thinking = true;
                return self.restart();
            }
            Block::Fence(fence) => {
                self.begin_line(0);
                self.wrap.verbatim(&self.line[quote_bytes..], base.dim());
                self.wrap.newline();
                self.fence = Some(fence);
                self.at = At::Done;
            }
            Block::Rule => {
                let indent = self.text_indent(start.indent);
                self.begin_line(indent);
                let room = self.wrap.limit().saturating_sub(indent + 2 * self.quotes);
                self.wrap.verbatim(&"─".repeat(room.min(48)), base.dim());
                self.wrap.newline();
                self.at = At::Done;
            }
            Block::Bullet | Block::Number(_) => {
                self.begin_item(&start);
                self.line.drain(..content);
                self.at = At::ItemStart;
            }
            Block::Heading(level) => {
                let indent = self.text_indent(start.indent);
                self.begin_line(indent);
                self.line.drain(..content);
                self.at = At::Inline(heading(base, level));
            }
            Block::Text => {
                let indent = self.text_indent(start.indent);
                self.begin_line(indent);
                self.line.drain(..content);
                self.at = At::Inline(base);
            }
        }
        true
    }

    fn start_in_fence(&mut self, complete: bool) -> bool {
        let Some(fence) = self.fence.clone() else { return false };
        let Some((quotes, bytes)) = block::quotes(&self.line, complete, fence.quotes) else { return false };
        let rest = &self.line[bytes..];
        let ends_thinking = if self.thinking { starts_with(rest, THINK_END, complete) } else { Some(false) };
        match ends_thinking {
            None => return false,
            Some(ends) if ends || quotes < fence.quotes => {
                self.fence = None;
                return true;
            }
            Some(_) => {}
        }
        match block::closes(&fence, rest, complete) {
            None => return false,
            Some(true) => {
                self.begin_line(0);
                self.wrap.verbatim(&self.line[bytes..], self.style().dim());
                self.wrap.newline();
                self.fence = None;
                self.at = At::Done;
            }
            Some(false) => {
                self.begin_line(0);
                self.line.drain(..bytes);
                self.at = At::Code;
            }
        }
        true
    }

    /// After a list marker: a heading, a fence, a task box or text; false to wait for more.
    fn start_item(&mut self, complete: bool) -> bool {
        let boxed = ["[ ] ", "[x] ", "[X] "];
        let mut waits = false;
        for mark in boxed {
            match starts_with(&self.line, mark, complete) {
                Some(true) => {
                    let shown = if mark == "[ ] " { "☐" } else { "☑" };
                    self.line.drain(..mark.len());
                    self.wrap.text(&format!("{shown} "), self.style());
                    self.before = Some(' ');
                    self.at = At::Inline(self.style());
                    return true;
                }
                Some(false) => {}
                None => waits = true,
            }
        }
        if waits {
            return false;
        }
        let Some(start) = block::start(&self.line, complete, self.quotes) else { return false };
        self.at = match start.block {
            Block::Heading(level) => {
                self.line.drain(..start.bytes);
                At::Inline(heading(self.style(), level))
            }
            Block::Fence(fence) => {
                let indent = self.items.last().map_or(0, |item| item.indent + 2);
                self.wrap.verbatim(&self.line, self.style().dim());
                self.wrap.newline();
                self.fence = Some(Fence { indent: fence.indent + indent, ..fence });
                At::Done
            }
            _ => At::Inline(self.style()),
        };
        true
    }

    /// Writes inline text as far as it is certain; true if the line begins anew after `</think>`.
    fn inline(&mut self, style: Style, complete: bool) -> bool {
        let (pieces, bytes) = self.inline_parser().parse(&self.line, complete, self.before, style);
        self.before = self.line[..bytes].chars().next_back().or(self.before);
        self.line.drain(..bytes);
        for piece in pieces {
            match piece {
                Piece::Text(style, text) => self.wrap.text(&text, style),
                Piece::Break => self.wrap.break_row(),
                Piece::ThinkEnd => {
                    self.end_thinking();
                    return self.restart();
                }
            }
        }
        false
    }

    /// The rest of the line is read as a new one.
    fn restart(&mut self) -> bool {
        self.before = None;
        self.restarted = true;
        self.at = At::Start;
        true
    }

    fn end_thinking(&mut self) {
        self.end_table();
        if !self.wrap.at_row_start() {
            self.wrap.newline();
        }
        self.thinking = false;
        self.items.clear();
        self.blanks = 1;
        self.most_blanks = 1;
    }
}

fn heading(style: Style, level: usize) -> Style {
    let style = style.bold();
    match level {
        1 => style.underline().colour(Colour::Magenta),
        2 => style.colour(Colour::Magenta),
        _ => style,
    }
}

/// Whether `line` starts with `prefix`; `None` while it may still do so.
fn starts_with(line: &str, prefix: &str, complete: bool) -> Option<bool> {
    if line.starts_with(prefix) {
        Some(true)
    } else if !complete && prefix.starts_with(line) {
        None
    } else {
        Some(false)
    }
}
