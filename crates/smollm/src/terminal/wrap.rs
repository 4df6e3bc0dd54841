//! Words to terminal rows: wraps at the width, with a prefix on every continuation row.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::{PLAIN, Style};

/// A piece of text in one style.
pub(crate) type Span = (Style, String);

/// Columns of `text`. Terminals disagree on joined emoji; the larger count is taken, so that a row
/// is rather broken too early than by the terminal.
pub(crate) fn columns(text: &str) -> usize {
    UnicodeWidthStr::width(text).max(text.chars().map(|c| c.width().unwrap_or(0)).sum())
}

/// Columns of several pieces in a row.
pub(crate) fn span_columns(spans: &[Span]) -> usize {
    spans.iter().map(|(_, text)| columns(text)).sum()
}

fn is_wide(c: char) -> bool {
    c.width() == Some(2)
}

/// Characters that do not begin a row.
fn closes(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | ')'
            | ']'
            | '}'
            | '%'
            | '"'
            | '\''
            | '’'
            | '”'
            | '»'
            | '…'
            | '、'
            | '。'
            | '，'
            | '．'
            | '！'
            | '？'
            | '：'
            | '；'
            | '）'
            | '］'
            | '｝'
            | '」'
            | '』'
            | '】'
            | '》'
            | '〉'
            | 'ー'
            | '・'
    )
}

/// Characters that do not end a row.
fn opens(c: char) -> bool {
    matches!(c, '(' | '[' | '{' | '“' | '‘' | '«' | '（' | '［' | '｛' | '「' | '『' | '【' | '《' | '〈')
}

/// Characters that belong to the one before them.
fn joins(c: char) -> bool {
    c.width().unwrap_or(0) == 0 || ('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

/// True where a row may be broken between `before` and `after` without a space: around wide (East
/// Asian) characters.
pub(crate) fn may_break(before: char, after: char) -> bool {
    (is_wide(before) || is_wide(after)) && before != '\u{200d}' && !joins(after) && !closes(after) && !opens(before)
}

/// Lays words out in rows. Only ever appends; a word is written once it is known to be whole.
#[derive(Debug)]
pub(crate) struct Wrap {
    width: usize,
    colours: bool,
    column: usize,
    lead: Vec<Span>,
    lead_width: usize,
    spaces: Option<(usize, Style)>,
    word: Vec<Span>,
    last: char,
    active: Style,
    out: String,
}

impl Wrap {
    pub(crate) fn new(width: usize, colours: bool) -> Self {
        Self {
            width,
            colours,
            column: 0,
            lead: Vec::new(),
            lead_width: 0,
            spaces: None,
            word: Vec::new(),
            last: ' ',
            active: Style::default(),
            out: String::new(),
        }
    }

    /// The terminal's width in columns from here on.
    pub(crate) fn set_width(&mut self, width: usize) {
        self.width = width;
    }

    /// Columns that text may fill: the last one stays free, as terminals differ in what they do there.
    pub(crate) fn limit(&self) -> usize {
        self.width.saturating_sub(1).max(8)
    }

    pub(crate) fn colours(&self) -> bool {
        self.colours
    }

    /// Begins a line: writes `first`, and `lead` at the start of each further row of the line.
    pub(crate) fn begin(&mut self, first: &[Span], lead: Vec<Span>) {
        for (style, text) in first {
            self.verbatim(text, *style);
        }
        self.lead_width = span_columns(&lead);
        self.lead = lead;
    }

    /// Adds text to be wrapped.
    pub(crate) fn text(&mut self, text: &str, style: Style) {
        for c in text.chars() {
            if c == ' ' || c == '\t' || c == '\n' {
                self.end_word();
                let count = self.spaces.map_or(0, |(count, _)| count);
                self.spaces = Some((count + 1, style));
            } else {
                if !self.word.is_empty() && may_break(self.last, c) {
                    self.end_word();
                }
                match self.word.last_mut() {
                    Some((last, word)) if *last == style => word.push(c),
                    _ => self.word.push((style, c.to_string())),
                }
            }
            self.last = c;
        }
    }

    /// Adds text that is not wrapped: code, which the terminal may fold by itself, so that it is copied whole.
    pub(crate) fn verbatim(&mut self, text: &str, style: Style) {
        self.end_word();
        self.write_spaces();
        self.write(text, style);
        self.column += columns(text);
    }

    /// Ends the row, also an empty one.
    pub(crate) fn newline(&mut self) {
        self.end_word();
        self.end_row();
    }

    /// Ends the row and goes on with the same line: a forced break.
    pub(crate) fn break_row(&mut self) {
        self.end_word();
        self.end_row();
        self.continue_line();
    }

    /// True where nothing was written on this row yet.
    pub(crate) fn at_row_start(&self) -> bool {
        self.column == 0 && self.word.is_empty()
    }

    /// Appends a code that moves nothing but the cursor of this row.
    pub(crate) fn control(&mut self, code: &str) {
        self.out.push_str(code);
    }

    /// What is to be written to the terminal, which is in its plain state after it.
    pub(crate) fn take(&mut self) -> String {
        self.set_style(Style::default());
        std::mem::take(&mut self.out)
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        let width = span_columns(&word);
        let spaces = self.spaces.map_or(0, |(count, _)| count);
        if self.column + spaces + width > self.limit() && self.column > self.lead_width {
            self.end_row();
            self.continue_line();
        }
        self.write_spaces();
        for (style, text) in &word {
            self.write(text, *style);
        }
        // A word longer than a row (an address) is left to the terminal to fold.
        self.column += width;
        if self.column > self.width {
            self.column %= self.width.max(1);
        }
    }

    fn continue_line(&mut self) {
        for (style, text) in std::mem::take(&mut self.lead) {
            self.write(&text, style);
            self.lead.push((style, text));
        }
        self.column = self.lead_width;
    }

    fn write_spaces(&mut self) {
        if let Some((count, style)) = self.spaces.take() {
            self.write(&" ".repeat(count), style);
            self.column += count;
        }
    }

    fn end_row(&mut self) {
        self.spaces = None;
        self.set_style(Style::default());
        // The carriage return is for terminals in raw mode, where a line feed only moves down.
        self.out.push_str("\r\n");
        self.column = 0;
    }

    fn write(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        self.set_style(style);
        self.out.push_str(text);
    }

    fn set_style(&mut self, style: Style) {
        let style = style.shown(self.colours);
        if style == self.active {
            return;
        }
        if self.active != Style::default() {
            self.out.push_str(PLAIN);
        }
        style.start(&mut self.out);
        self.active = style;
    }
}
