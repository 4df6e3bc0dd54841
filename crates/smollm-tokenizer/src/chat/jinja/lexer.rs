//! Template text to tokens, with Jinja2's rules for white space around tags (`trim_blocks` and `lstrip_blocks` on, one
//! trailing newline dropped), after `jinja2/lexer.py` 3.1.

use super::fault::Fault;
use super::pystr::{is_space, trim_end};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tok {
    Data(String),
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name(String),
    Str(String),
    Int(i128),
    Float(f64),
    Op(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) line: u32,
    pub(super) tok: Tok,
}

/// Longest first.
const OPERATORS: [&str; 27] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":", "|", ",", ";", "",
];

/// All tokens of `source`, closed by [`Tok::End`].
pub(super) fn lex(source: &str) -> Result<Vec<Token>, Fault> {
    let unified = source.replace("\r\n", "\n").replace('\r', "\n");
    let source = unified.strip_suffix('\n').unwrap_or(&unified);
    let mut lexer = Lexer { source, at: 0, line: 1, line_starting: true, tokens: Vec::new() };
    while lexer.at < source.len() {
        lexer.root()?;
    }
    lexer.push(Tok::End);
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: u32,
    /// The last match ended with a newline.
    line_starting: bool,
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, PartialEq)]
enum Tag {
    Variable,
    Block,
    Comment,
    /// `{% raw %}`, with the length of the whole tag.
    Raw(usize),
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn push(&mut self, tok: Tok) {
        self.tokens.push(Token { line: self.line, tok });
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::syntax(self.line, message))
    }

    /// Steps over `len` bytes and remembers whether they end a line.
    fn advance(&mut self, len: usize) {
        let passed = &self.source[self.at..self.at + len];
        self.line = self.line.saturating_add(passed.bytes().filter(|&b| b == b'\n').count() as u32);
        self.line_starting = passed.ends_with('\n');
        self.at += len;
    }

    /// Template text up to the next tag, and that tag.
    fn root(&mut self) -> Result<(), Fault> {
        let Some((start, tag)) = find_tag(self.rest()) else {
            let text = self.rest();
            self.push(Tok::Data(text.to_owned()));
            self.advance(text.len());
            return Ok(());
        };
        let sign = self.rest()[start + 2..].chars().next().filter(|c| matches!(c, '-' | '+'));
        self.data(start, sign, tag != Tag::Variable);
        let opening = 2 + usize::from(sign.is_some());
        match tag {
            Tag::Raw(len) => {
                self.advance(len);
                self.raw()
            }
            Tag::Comment => {
                self.advance(opening);
                self.comment()
            }
            Tag::Variable => {
                self.push(Tok::VariableBegin);
                self.advance(opening);
                self.tag(true)
            }
            Tag::Block => {
                self.push(Tok::BlockBegin);
                self.advance(opening);
                self.tag(false)
            }
        }
    }

    /// The text before a tag `len` bytes ahead, stripped as the tag's sign and `lstrip_blocks` ask.
    fn data(&mut self, len: usize, sign: Option<char>, strip_indent: bool) {
        let text = &self.rest()[..len];
        let kept = match sign {
            Some('-') => trim_end(text),
            None if strip_indent => {
                let line = text.rfind('\n').map_or(0, |newline| newline + 1);
                let indent_only = line < text.len() && text[line..].chars().all(is_space);
                if (line > 0 || self.line_starting) && indent_only { &text[..line] } else { text }
            }
            _ => text,
        };
        if !kept.is_empty() {
            self.push(Tok::Data(kept.to_owned()));
        }
        // `line_starting` is judged on the whole match, text and tag; the tag follows at once.
        self.advance(len);
    }

    fn comment(&mut self) -> Result<(), Fault> {
        if self.rest().is_empty() {
            return Ok(());
        }
        let Some(end) = self.rest().find("#}") else { return self.fail("missing end of comment tag") };
        let sign = self.rest()[..end].chars().next_back();
        self.advance(end + 2);
        self.after_tag(sign.filter(|c| matches!(c, '-' | '+')), true);
        Ok(())
    }

    /// What a tag's end takes with it: all white space after `-`, one newline after none (`trim_blocks`).
    fn after_tag(&mut self, sign: Option<char>, trim_newline: bool) {
        let rest = self.rest();
        let len = match sign {
            Some('-') => rest.len() - rest.trim_start_matches(is_space).len(),
            None if trim_newline && rest.starts_with('\n') => 1,
            _ => 0,
        };
        if len > 0 {
            self.advance(len);
        }
    }

    /// The inside of `{% raw %}` and its end tag.
    fn raw(&mut self) -> Result<(), Fault> {
        if self.rest().is_empty() {
            return Ok(());
        }
        let mut from = 0;
        while let Some(found) = self.rest()[from..].find("{%") {
            let start = from + found;
            let tag = &self.rest()[start..];
            if let Some((len, opening, closing)) = word_tag(tag, "endraw") {
                self.data(start, opening, true);
                self.advance(len);
                self.after_tag(closing, true);
                return Ok(());
            }
            from = start + 2;
        }
        self.fail("missing end of raw directive")
    }

    /// The tokens inside `{{ }}` or `{% %}`.
    fn tag(&mut self, variable: bool) -> Result<(), Fault> {
        let mut open: Vec<&'static str> = Vec::new();
        while self.at < self.source.len() {
            let rest = self.rest();
            if open.is_empty() {
                let end = if variable { "}}" } else { "%}" };
                let sign = rest.chars().next().filter(|&c| c == '-' || (c == '+' && !variable));
                let sign = sign.filter(|_| rest[1..].starts_with(end));
                if sign.is_some() || rest.starts_with(end) {
                    self.push(if variable { Tok::VariableEnd } else { Tok::BlockEnd });
                    self.advance(end.len() + usize::from(sign.is_some()));
                    self.after_tag(sign, !variable);
                    return Ok(());
                }
            }
            let spaces = rest.len() - rest.trim_start_matches(is_space).len();
            if spaces > 0 {
                self.advance(spaces);
            } else if !self.number()? && !self.name()? && !self.string()? {
                self.operator(&mut open)?;
            }
        }
        Ok(())
    }

    fn operator(&mut self, open: &mut Vec<&'static str>) -> Result<(), Fault> {
        let rest = self.rest();
        let operator = OPERATORS.iter().find(|op| rest.starts_with(**op)).copied().unwrap_or("");
        match operator {
            "" => {
                let unexpected = rest.chars().next().unwrap_or(' ');
                return self.fail(format!("unexpected character {unexpected:?}"));
            }
            "(" => open.push(")"),
            "[" => open.push("]"),
            "{" => open.push("}"),
            ")" | "]" | "}" => match open.pop() {
                None => return self.fail(format!("unexpected '{operator}'")),
                Some(expected) if expected != operator => {
                    return self.fail(format!("unexpected '{operator}', expected '{expected}'"));
                }
                Some(_) => {}
            },
            _ => {}
        }
        self.push(Tok::Op(operator));
        self.advance(operator.len());
        Ok(())
    }

    fn name(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        let len: usize = rest.chars().take_while(|&c| c == '_' || c.is_alphanumeric()).map(char::len_utf8).sum();
        if len == 0 {
            return Ok(false);
        }
        if !rest.starts_with(|c: char| c == '_' || c.is_alphabetic()) {
            return self.fail("invalid character in identifier");
        }
        self.push(Tok::Name(rest[..len].to_owned()));
        self.advance(len);
        Ok(true)
    }

    fn string(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return Ok(false) };
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            if !escaped && c == quote {
                let text = unescape(&rest[1..at]).or_else(|message| self.fail(message))?;
                self.push(Tok::Str(text));
                self.advance(at + 1);
                return Ok(true);
            }
            escaped = !escaped && c == '\\';
        }
        self.fail("unterminated string")
    }

    /// An integer or a float. A number right after a dot is an index (`x.0.1`), never a float.
    fn number(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(false);
        }
        let float = if self.source[..self.at].ends_with('.') { 0 } else { float_len(rest) };
        let (len, tok) = if float > 0 {
            let Ok(value) = rest[..float].replace('_', "").parse() else { return self.fail("invalid float") };
            (float, Tok::Float(value))
        } else {
            let (len, radix) = integer_len(rest);
            let digits = rest[..len].replace('_', "");
            let digits = if radix == 10 { digits.as_str() } else { &digits[2..] };
            let Ok(value) = i128::from_str_radix(digits, radix) else { return self.fail("integer too large") };
            (len, Tok::Int(value))
        };
        self.push(tok);
        self.advance(len);
        Ok(true)
    }
}

/// The first tag in `text`: where it starts and which it is.
fn find_tag(text: &str) -> Option<(usize, Tag)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = text[from..].find('{') {
        let start = from + found;
        match bytes.get(start + 1) {
            Some(b'{') => return Some((start, Tag::Variable)),
            Some(b'#') => return Some((start, Tag::Comment)),
            Some(b'%') => {
                let tag = &text[start..];
                let raw = word_tag(tag, "raw").filter(|&(_, _, closing)| closing != Some('+'));
                let Some((len, _, closing)) = raw else { return Some((start, Tag::Block)) };
                let spaces = if closing == Some('-') { spaces_at(&tag[len..]) } else { 0 };
                return Some((start, Tag::Raw(len + spaces)));
            }
            _ => from = start + 1,
        }
    }
    None
}

fn spaces_at(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_space).len()
}

/// `{%[-+]? word [-+]?%}` at the start of `text`: its length and its two signs.
fn word_tag(text: &str, word: &str) -> Option<(usize, Option<char>, Option<char>)> {
    let sign = |text: &str| text.chars().next().filter(|c| matches!(c, '-' | '+'));
    let mut rest = text.strip_prefix("{%")?;
    let opening = sign(rest);
    rest = &rest[usize::from(opening.is_some())..];
    rest = rest.trim_start_matches(is_space).strip_prefix(word)?.trim_start_matches(is_space);
    let closing = sign(rest);
    rest = rest[usize::from(closing.is_some())..].strip_prefix("%}")?;
    Some((text.len() - rest.len(), opening, closing))
}

/// Length of digits with single underscores between them.
fn digits_len(text: &str, is_digit: fn(&u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let mut len = 0;
    loop {
        match bytes.get(len) {
            Some(b) if is_digit(b) => len += 1,
            Some(b'_') if len > 0 && bytes.get(len + 1).is_some_and(is_digit) => len += 1,
            _ => return len,
        }
    }
}

/// Length of the float at the start of `text`, 0 if there is none.
fn float_len(text: &str) -> usize {
    let digits = |at: usize| digits_len(&text[at..], u8::is_ascii_digit);
    let whole = digits(0);
    let fraction = if text[whole..].starts_with('.') { digits(whole + 1) } else { 0 };
    let with_fraction = if fraction > 0 { whole + 1 + fraction } else { whole };
    if text[with_fraction..].starts_with(['e', 'E']) {
        let sign = usize::from(text[with_fraction + 1..].starts_with(['+', '-']));
        let exponent = digits(with_fraction + 1 + sign);
        if exponent > 0 {
            return with_fraction + 1 + sign + exponent;
        }
    }
    if fraction > 0 { with_fraction } else { 0 }
}

/// Length and radix of the integer at the start of `text`, which starts with a digit.
fn integer_len(text: &str) -> (usize, u32) {
    type Prefixed = (&'static str, u32, fn(&u8) -> bool);
    let prefixed: [Prefixed; 3] = [
        ("0b", 2, |b| matches!(b, b'0' | b'1')),
        ("0o", 8, |b| matches!(b, b'0'..=b'7')),
        ("0x", 16, u8::is_ascii_hexdigit),
    ];
    for (prefix, radix, is_digit) in prefixed {
        if text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            let underscore = usize::from(text[2..].starts_with('_'));
            let digits = digits_len(&text[2 + underscore..], is_digit);
            if digits > 0 {
                return (2 + underscore + digits, radix);
            }
        }
    }
    let is_digit: fn(&u8) -> bool = if text.starts_with('0') { |b| *b == b'0' } else { u8::is_ascii_digit };
    (digits_len(text, is_digit), 10)
}

/// A string literal's text as Jinja reads it: `.encode("ascii", "backslashreplace").decode("unicode-escape")`.
fn unescape(literal: &str) -> Result<String, String> {
    if !literal.contains('\\') {
        return Ok(literal.to_owned());
    }
    // The first half of that expression: after it, a backslash before a non-ASCII letter escapes a backslash.
    let mut ascii = String::with_capacity(literal.len());
    for c in literal.chars() {
        match c as u32 {
            0..=0x7f => ascii.push(c),
            code @ 0x80..=0xff => ascii.push_str(&format!("\\x{code:02x}")),
            code @ 0x100..=0xffff => ascii.push_str(&format!("\\u{code:04x}")),
            code => ascii.push_str(&format!("\\U{code:08x}")),
        }
    }
    let mut text = String::with_capacity(ascii.len());
    let mut rest = ascii.as_str();
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else { return Err("backslash at the end of a string".into()) };
        rest = &rest[1..];
        let simple = match c {
            '\n' => continue,
            '\\' | '\'' | '"' => c,
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|b| matches!(b, b'0'..=b'7')).count();
                let digits = format!("{c}{}", &rest[..more]);
                rest = &rest[more..];
                u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32).unwrap_or('\0')
            }
            'x' | 'u' | 'U' => {
                let len = [('x', 2), ('u', 4), ('U', 8)].iter().find(|(letter, _)| *letter == c).map_or(0, |l| l.1);
                let digits = rest.get(..len).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let Some(digits) = digits else { return Err(format!("truncated \\{c} escape in a string")) };
                let code = u32::from_str_radix(digits, 16).map_err(|_| "bad escape in a string")?;
                rest = &rest[len..];
                char::from_u32(code).ok_or_else(|| format!("\\{c}{digits} in a string is not a character"))?
            }
            'N' => return Err("\\N{…} in a string is not supported".into()),
            other => {
                text.push('\\');
                other
            }
        };
        text.push(simple);
    }
    text.push_str(rest);
    Ok(text)
}
