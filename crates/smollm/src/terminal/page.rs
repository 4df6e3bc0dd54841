//! What the chat writes: a styled page on a terminal, plain text and notices apart over a pipe.

use std::io::{self, Write};

use super::neutral;
use super::style::{Colour, Style};
use super::wrap::{Span, Wrap, columns};

/// How to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Standard output is a terminal that understands control codes.
    pub(crate) terminal: bool,
    /// Colours are wanted.
    pub(crate) colours: bool,
    /// Neither notices nor a greeting.
    pub(crate) quiet: bool,
}

/// Standard output and standard error of the chat.
pub(crate) struct Page<'io> {
    pub(crate) look: Look,
    out: &'io mut dyn Write,
    err: &'io mut dyn Write,
}

impl<'io> Page<'io> {
    pub(crate) fn new(look: Look, out: &'io mut dyn Write, err: &'io mut dyn Write) -> Self {
        Self { look, out, err }
    }

    /// Columns of the terminal now.
    pub(crate) fn width(&self) -> usize {
        match crossterm::terminal::size() {
            Ok((columns, _)) if columns > 0 => columns.into(),
            _ => 80,
        }
    }

    /// Writes text that is already harmless and styled.
    pub(crate) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Writes a line that a command asked for.
    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        self.styled(text, Style::default())
    }

    /// Writes a line in a style, where there are styles.
    pub(crate) fn styled(&mut self, text: &str, style: Style) -> io::Result<()> {
        let text = neutral::text(text);
        if self.look.terminal {
            let mut wrap = Wrap::new(self.width(), self.look.colours);
            for line in text.split('\n') {
                wrap.begin(&[], Vec::new());
                wrap.text(line, style);
                wrap.newline();
            }
            self.raw(&wrap.take())
        } else {
            writeln!(self.out, "{text}")?;
            self.out.flush()
        }
    }

    /// Writes two columns, the second wrapped within itself.
    pub(crate) fn columns(&mut self, rows: &[(String, String)]) -> io::Result<()> {
        let rows: Vec<_> = rows.iter().map(|(left, right)| (neutral::line(left), neutral::line(right))).collect();
        let widest = rows.iter().map(|(left, _)| columns(left)).max().unwrap_or(0);
        let mut wrap = Wrap::new(self.width(), self.look.colours);
        let mut plain = String::new();
        for (left, right) in &rows {
            let gap = " ".repeat(widest - columns(left) + 2);
            if self.look.terminal {
                // In a narrow window the second column has its own rows.
                let hang = if widest + 2 > wrap.limit() / 2 { 4 } else { widest + 2 };
                wrap.begin(&[(Style::default().colour(Colour::Cyan), left.clone())], vec![hanging(hang)]);
                if hang == widest + 2 {
                    wrap.verbatim(&gap, Style::default());
                } else {
                    wrap.break_row();
                }
                wrap.text(right, Style::default());
                wrap.newline();
            } else {
                plain.push_str(&format!("{left}{gap}{right}\n"));
            }
        }
        plain.push_str(&wrap.take());
        self.raw(&plain)
    }

    /// Heads a message with its writer's name.
    pub(crate) fn header(&mut self, name: &str, colour: Colour) -> io::Result<()> {
        self.styled(&neutral::line(name), Style::default().bold().colour(colour))
    }

    /// Tells what happened: on the page, or on standard error if the page is not a terminal.
    pub(crate) fn notice(&mut self, text: &str) -> io::Result<()> {
        let text = neutral::line(text);
        if self.look.quiet {
            Ok(())
        } else if self.look.terminal {
            self.styled(&format!("({text})"), Style::default().dim())
        } else {
            self.aside(&text);
            Ok(())
        }
    }

    /// Tells what must not be missed, also when quiet.
    pub(crate) fn warning(&mut self, text: &str) -> io::Result<()> {
        let text = neutral::line(text);
        if self.look.terminal {
            self.styled(&format!("({text})"), Style::default().colour(Colour::Yellow))
        } else {
            self.aside(&text);
            Ok(())
        }
    }

    /// A line on standard error. Where that is impossible there is nobody to tell, and the answer is still worth having.
    fn aside(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}");
    }

    /// Tells what went wrong, where the chat goes on.
    pub(crate) fn problem(&mut self, text: &str) -> io::Result<()> {
        self.styled(&format!("error: {}", neutral::line(text)), Style::default().colour(Colour::Red))
    }
}

/// Space before a wrapped row.
fn hanging(columns: usize) -> Span {
    (Style::default(), " ".repeat(columns))
}
