//! How text looks on a terminal, and the codes (ECMA-48 SGR) that make it so.

/// A colour of the user's palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Magenta = 35,
    Cyan = 36,
}

/// Attributes of a piece of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) bold: bool,
    pub(crate) dim: bool,
    pub(crate) italic: bool,
    pub(crate) underline: bool,
    pub(crate) strike: bool,
    pub(crate) colour: Option<Colour>,
}

/// Ends every attribute.
pub(crate) const PLAIN: &str = "\x1b[0m";

impl Style {
    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(crate) fn dim(self) -> Self {
        Self { dim: true, ..self }
    }

    pub(crate) fn italic(self) -> Self {
        Self { italic: true, ..self }
    }

    pub(crate) fn underline(self) -> Self {
        Self { underline: true, ..self }
    }

    pub(crate) fn strike(self) -> Self {
        Self { strike: true, ..self }
    }

    pub(crate) fn colour(self, colour: Colour) -> Self {
        Self { colour: Some(colour), ..self }
    }

    /// The same without its colour where colours are not wanted.
    pub(crate) fn shown(self, colours: bool) -> Self {
        if colours { self } else { Self { colour: None, ..self } }
    }

    /// Appends the code that turns a plain terminal to this style; nothing for the plain style.
    pub(crate) fn start(self, out: &mut String) {
        let attributes =
            [(self.bold, "1"), (self.dim, "2"), (self.italic, "3"), (self.underline, "4"), (self.strike, "9")];
        let mut codes: Vec<String> =
            attributes.into_iter().filter(|(on, _)| *on).map(|(_, code)| code.to_owned()).collect();
        codes.extend(self.colour.map(|colour| (colour as u8).to_string()));
        if !codes.is_empty() {
            out.push_str("\x1b[");
            out.push_str(&codes.join(";"));
            out.push('m');
        }
    }

    /// `text` in this style, the terminal plain again afterwards.
    pub(crate) fn paint(self, text: &str, colours: bool) -> String {
        let mut out = String::new();
        self.shown(colours).start(&mut out);
        let styled = !out.is_empty();
        out.push_str(text);
        if styled {
            out.push_str(PLAIN);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let heading = Style::default().bold().colour(Colour::Cyan);
        assert_eq!(heading.paint("x", true), "\x1b[1;36mx\x1b[0m");
        assert_eq!(heading.paint("x", false), "\x1b[1mx\x1b[0m");
        assert_eq!(Style::default().paint("x", true), "x");
        assert_eq!(Style::default().dim().italic().underline().strike().paint("x", true), "\x1b[2;3;4;9mx\x1b[0m");
    }
}
