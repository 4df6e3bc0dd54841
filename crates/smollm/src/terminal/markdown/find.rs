//! Where an emphasis, a code span or a bracket closes, in a line whose end may not have arrived.

/// Characters within which an emphasis, a code span or a link label must close.
pub(super) const WINDOW: usize = 160;

/// What remains of a line, and whether its end has arrived.
#[derive(Clone, Copy)]
pub(super) struct Rest<'a> {
    pub(super) text: &'a str,
    pub(super) at_end: bool,
}

impl<'a> Rest<'a> {
    pub(super) fn from(self, bytes: usize) -> Self {
        Self { text: &self.text[bytes..], ..self }
    }

    /// At most `characters` of it. A full window is final: what does not close there never does.
    pub(super) fn window(self, characters: usize) -> Self {
        match self.text.char_indices().nth(characters) {
            Some((bytes, _)) => Self { text: &self.text[..bytes], at_end: true },
            None => self,
        }
    }
}

/// Where something closes.
pub(super) enum Found {
    At(usize),
    Nowhere,
    Unknown,
}

fn absent(window: Rest<'_>) -> Found {
    if window.at_end { Found::Nowhere } else { Found::Unknown }
}

/// Bytes of the run of `marker` (ASCII) at the start of `text`.
pub(super) fn run_of(text: &str, marker: char) -> usize {
    text.len() - text.trim_start_matches(marker).len()
}

/// The end of a code span whose opening has `run` backticks: the offset of the closing run.
pub(super) fn code_end(window: Rest<'_>, run: usize) -> Found {
    let mut at = run.min(window.text.len());
    while let Some(found) = window.text[at..].find('`') {
        let start = at + found;
        let length = run_of(&window.text[start..], '`');
        if start + length == window.text.len() && !window.at_end {
            return Found::Unknown;
        }
        if length == run {
            return Found::At(start);
        }
        at = start + length;
    }
    absent(window)
}

/// Bytes to skip at `at` because they can close nothing: an escape or a code span.
fn opaque(window: Rest<'_>, at: usize) -> Option<Found> {
    let rest = window.from(at);
    match rest.text.chars().next() {
        Some('\\') => Some(match rest.text[1..].chars().next() {
            Some(next) => Found::At(1 + next.len_utf8()),
            None => absent(window),
        }),
        Some('`') => {
            let run = run_of(rest.text, '`');
            if run == rest.text.len() {
                return Some(absent(window));
            }
            Some(match code_end(rest, run) {
                Found::At(end) => Found::At(end + run),
                Found::Nowhere => Found::At(run),
                Found::Unknown => Found::Unknown,
            })
        }
        _ => None,
    }
}

/// The end of an emphasis that opened with `run` markers: the offset of the `run` markers that close it.
pub(super) fn closing_run(rest: Rest<'_>, marker: char, run: usize) -> Found {
    let window = rest.window(WINDOW);
    let mut at = run;
    while at < window.text.len() {
        match opaque(window, at) {
            Some(Found::At(bytes)) => {
                at += bytes;
                continue;
            }
            Some(unknown) => return unknown,
            None => {}
        }
        let c = window.text[at..].chars().next().unwrap_or(marker);
        if c != marker {
            at += c.len_utf8();
            continue;
        }
        let length = run_of(&window.text[at..], marker);
        let after = window.text[at + length..].chars().next();
        if after.is_none() && !window.at_end {
            return Found::Unknown;
        }
        let before = window.text[..at].chars().next_back().unwrap_or(' ');
        let fits = match run {
            1 => length == 1 || length == 3,
            _ => length >= run,
        };
        let inside_word = match (marker, run) {
            ('_', _) => after.is_some_and(char::is_alphanumeric),
            ('*', 1) => before.is_ascii_alphanumeric() && after.is_some_and(|c| c.is_ascii_alphanumeric()),
            _ => false,
        };
        if fits && !inside_word && !before.is_whitespace() {
            return Found::At(at + length - run);
        }
        at += length;
    }
    absent(window)
}

/// The bracket that closes one already open before the window.
pub(super) fn balanced(window: Rest<'_>, open: char, close: char) -> Found {
    let mut depth = 0;
    let mut at = 0;
    while at < window.text.len() {
        match opaque(window, at) {
            Some(Found::At(bytes)) => {
                at += bytes;
                continue;
            }
            Some(unknown) => return unknown,
            None => {}
        }
        let c = window.text[at..].chars().next().unwrap_or(close);
        if c == close {
            if depth == 0 {
                return Found::At(at);
            }
            depth -= 1;
        } else if c == open {
            depth += 1;
        }
        at += c.len_utf8();
    }
    absent(window)
}
