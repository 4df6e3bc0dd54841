//! How lines begin on the terminal: quote bars, list markers, indents, empty lines, and tables once they are whole.

use super::block::{Block, Start};
use super::inline::Piece;
use super::{Item, MOST_BLANKS, Markdown, Table, table};
use crate::terminal::style::{Colour, Style};
use crate::terminal::wrap::{Span, columns};

impl Markdown {
    pub(super) fn begin_item(&mut self, start: &Start) {
        self.close_items(start.indent);
        let indent = self.items.last().map_or(0, |item| item.content).min(self.wrap.limit() / 2);
        let marker = match &start.block {
            Block::Number(number) => number.clone(),
            _ => ["•", "◦", "‣"][self.items.len() % 3].to_owned(),
        };
        let content = indent + columns(&marker) + 1;
        self.items.push(Item { indent: start.indent, content });
        self.flush_blanks();
        let style = self.style();
        let mut first = self.bars();
        first.push((style, " ".repeat(indent)));
        first.push((style.colour(Colour::Cyan), marker));
        first.push((style, " ".to_owned()));
        let mut lead = self.bars();
        lead.push((style, " ".repeat(content)));
        self.wrap.begin(&first, lead);
    }

    /// Forgets the items that a line with `indent` columns before it does not belong to.
    fn close_items(&mut self, indent: usize) {
        while self.items.last().is_some_and(|item| indent < item.indent + 2) {
            self.items.pop();
        }
    }

    /// Columns to write before text that has `indent` columns before it in the source.
    /// A single space is how a model's token spells its first word, and indents nothing.
    pub(super) fn text_indent(&mut self, indent: usize) -> usize {
        self.close_items(indent);
        let indent = if indent == 1 { 0 } else { indent };
        self.items.last().map_or(indent, |item| item.content).min(self.wrap.limit() / 2)
    }

    /// Begins a line with the bars of its quote and `indent` columns.
    pub(super) fn begin_line(&mut self, indent: usize) {
        self.flush_blanks();
        let mut lead = self.bars();
        lead.push((self.style(), " ".repeat(indent)));
        self.wrap.begin(&lead.clone(), lead);
    }

    fn bars(&self) -> Vec<Span> {
        vec![(self.style().dim(), "│ ".repeat(self.quotes))]
    }

    pub(super) fn flush_blanks(&mut self) {
        let blanks = std::mem::take(&mut self.blanks);
        if self.anything {
            for _ in 0..blanks {
                self.wrap.newline();
            }
        }
        self.anything = true;
        self.most_blanks = MOST_BLANKS;
    }

    pub(super) fn add_row(&mut self, row: String, indent: usize) {
        let quotes = self.quotes;
        let mut table = self.table.take().unwrap_or(Table { quotes, indent, rows: Vec::new() });
        table.rows.push(row);
        let rows = table.rows.len();
        let is_table = rows < 2 || table::is_delimiter(&table.rows[1]);
        self.table = Some(table);
        if !is_table {
            self.end_table();
        } else if rows == 2 {
            self.flush_blanks();
        }
        if is_table && rows > 2 {
            let counter = Style::default().dim().paint(&format!("table, {} rows…", rows - 2), false);
            self.wrap.control(&format!("\r{counter}"));
        }
    }

    /// Writes the table that has come to its end, or the lines that were none.
    pub(super) fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        let quotes = std::mem::replace(&mut self.quotes, table.quotes);
        let style = self.style();
        let indent = self.text_indent(table.indent);
        if table.rows.len() < 2 || !table::is_delimiter(&table.rows[1]) {
            for row in &table.rows {
                self.begin_line(indent);
                for piece in self.inline_parser().parse(row.trim_start(), true, None, style).0 {
                    match piece {
                        Piece::Text(style, text) => self.wrap.text(&text, style),
                        Piece::Break | Piece::ThinkEnd => self.wrap.break_row(),
                    }
                }
                self.wrap.newline();
            }
        } else {
            if table.rows.len() > 2 {
                self.wrap.control("\r\x1b[K");
            }
            let limit = self.wrap.limit().saturating_sub(indent + 2 * self.quotes).max(8);
            for line in table::lay_out(&table.rows, limit, &self.inline_parser(), style) {
                self.begin_line(indent);
                for (style, text) in line {
                    self.wrap.verbatim(&text, style);
                }
                self.wrap.newline();
            }
        }
        self.quotes = quotes;
    }
}
