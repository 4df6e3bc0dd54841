//! What the chat writes: a styled page on a terminal, plain text and notices apart over a pipe.

use std::io::{self, Write};

use super::neutral;
use super::style::{Colour, Style};

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
            for line in text.split('\n') {
                let line = style.paint(line, self.look.colours);
                write!(self.out, "{line}\r\n")?;
            }
        } else {
            writeln!(self.out, "{text}")?;
        }
        self.out.flush()
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
            writeln!(self.err, "{text}")
        }
    }

    /// Tells what must not be missed, also when quiet.
    pub(crate) fn warning(&mut self, text: &str) -> io::Result<()> {
        let text = neutral::line(text);
        if self.look.terminal {
            self.styled(&format!("({text})"), Style::default().colour(Colour::Yellow))
        } else {
            writeln!(self.err, "{text}")
        }
    }

    /// Tells what went wrong, where the chat goes on.
    pub(crate) fn problem(&mut self, text: &str) -> io::Result<()> {
        self.styled(&format!("error: {}", neutral::line(text)), Style::default().colour(Colour::Red))
    }
}
