//! Reading GBNF.

use std::iter::Peekable;
use std::str::Chars;

use super::regex::character;

/// How deep parentheses may be nested.
const MOST_NESTED: usize = 100;
/// The largest number of repetitions.
const MOST_REPEATED: u32 = 2000;
/// Repetitions of a repetition of a repetition.
const MOST_REPEATS: usize = 8;
/// Texts, classes, names and groups of a grammar: compiling takes longer than they are many.
const MOST_PARTS: usize = 10_000;
/// Rules of a grammar.
const MOST_RULES: usize = 4000;

/// `name ::= body`.
#[derive(Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) body: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Text(String),
    /// One character, as a regular expression.
    Class(String),
    Rule(String),
    Sequence(Vec<Self>),
    Choice(Vec<Self>),
    Repeat(Box<Self>, u32, Option<u32>),
}

impl Expr {
    /// The rules that it names.
    pub(super) fn names<'a>(&'a self, out: &mut Vec<&'a str>) {
        match self {
            Self::Rule(name) => out.push(name),
            Self::Sequence(parts) | Self::Choice(parts) => parts.iter().for_each(|part| part.names(out)),
            Self::Repeat(part, ..) => part.names(out),
            Self::Text(_) | Self::Class(_) => {}
        }
    }
}

/// All rules of a grammar. A rule that stands twice counts as it stands last, as in llama.cpp.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn rules(text: &str) -> Result<Vec<Rule>, String> {
    let mut reader = Reader { rest: text.chars().peekable(), line: 1, depth: 0, left: MOST_PARTS };
    let mut rules: Vec<Rule> = Vec::new();
    loop {
        reader.space(true);
        if reader.rest.peek().is_none() {
            return Ok(rules);
        }
        let rule = reader.rule().map_err(|message| format!("line {}: {message}", reader.line))?;
        match rules.iter_mut().find(|other| other.name == rule.name) {
            Some(other) => *other = rule,
            None => rules.push(rule),
        }
        if rules.len() > MOST_RULES {
            return Err(format!("there are more than {MOST_RULES} rules"));
        }
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
    depth: usize,
    /// Parts of sequences that may still follow.
    left: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn eat(&mut self, wanted: char) -> bool {
        let eaten = self.rest.peek() == Some(&wanted);
        if eaten {
            self.next();
        }
        eaten
    }

    /// Skips blanks and comments, and line ends if they mean nothing here.
    fn space(&mut self, lines: bool) {
        while let Some(&c) = self.rest.peek() {
            match c {
                ' ' | '\t' => {}
                '\r' | '\n' if lines => {}
                '#' => {
                    while self.rest.peek().is_some_and(|&c| c != '\n') {
                        self.next();
                    }
                    continue;
                }
                _ => return,
            }
            self.next();
        }
    }

    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        while let Some(&c) = self.rest.peek().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            name.push(c);
            self.next();
        }
        (!name.is_empty()).then_some(name)
    }

    fn rule(&mut self) -> Result<Rule, String> {
        let name = self.name().ok_or_else(|| self.unexpected("the name of a rule"))?;
        self.space(false);
        if !(self.eat(':') && self.eat(':') && self.eat('=')) {
            return Err(format!("`::=` must follow `{name}`"));
        }
        self.space(true);
        let body = self.choice()?;
        match self.rest.peek() {
            None | Some('\r' | '\n') => Ok(Rule { name, body }),
            Some(_) => Err(self.unexpected("the end of the rule")),
        }
    }

    fn choice(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.sequence()?];
        while self.eat('|') {
            self.space(true);
            parts.push(self.sequence()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Choice(parts) })
    }

    fn sequence(&mut self) -> Result<Expr, String> {
        let mut parts = Vec::new();
        loop {
            let part = match self.rest.peek() {
                Some('"') => Expr::Text(self.text()?),
                Some('[') => Expr::Class(self.class()?),
                Some('.') => {
                    self.next();
                    Expr::Class("(?s:.)".into())
                }
                Some('(') => self.group()?,
                Some('<' | '!') => return Err("tokens (`<...>`) are not supported".into()),
                Some(c) if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => {
                    Expr::Rule(self.name().unwrap_or_default())
                }
                _ => return Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Sequence(parts) }),
            };
            let part = self.repeated(part)?;
            self.left =
                self.left.checked_sub(1).ok_or_else(|| format!("more than {MOST_PARTS} texts, classes and names"))?;
            parts.push(part);
            self.space(self.depth > 0);
        }
    }

    fn group(&mut self) -> Result<Expr, String> {
        self.next();
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return Err(format!("parentheses are nested more than {MOST_NESTED} levels deep"));
        }
        self.space(true);
        let inner = self.choice()?;
        self.space(true);
        if !self.eat(')') {
            return Err(self.unexpected("`)`"));
        }
        self.depth -= 1;
        Ok(inner)
    }

    fn repeated(&mut self, part: Expr) -> Result<Expr, String> {
        let mut part = part;
        for _ in 0..MOST_REPEATS {
            let (least, most) = match self.rest.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') => {
                    let (least, most) = self.braces()?;
                    part = Expr::Repeat(Box::new(part), least, most);
                    continue;
                }
                _ => return Ok(part),
            };
            self.next();
            part = Expr::Repeat(Box::new(part), least, most);
        }
        Err(format!("more than {MOST_REPEATS} repetitions of a repetition"))
    }

    /// `{m}`, `{m,}`, `{m,n}` or `{,n}`.
    fn braces(&mut self) -> Result<(u32, Option<u32>), String> {
        self.next();
        let mut inside = String::new();
        while let Some(&c) = self.rest.peek().filter(|c| c.is_ascii_digit() || matches!(c, ',' | ' ')) {
            inside.push(c);
            self.next();
        }
        if !self.eat('}') {
            return Err(self.unexpected("`}`"));
        }
        let number = |text: &str| match text.trim() {
            "" => Ok(None),
            digits => digits
                .parse()
                .ok()
                .filter(|&n: &u32| n <= MOST_REPEATED)
                .map(Some)
                .ok_or_else(|| format!("`{{{inside}}}`: numbers of repetitions go up to {MOST_REPEATED}")),
        };
        let (least, most) = match inside.split_once(',') {
            Some((least, most)) => (number(least)?.unwrap_or(0), number(most)?),
            None => match number(&inside)? {
                Some(exactly) => (exactly, Some(exactly)),
                None => return Err("`{}` says no number".into()),
            },
        };
        match most {
            Some(most) if most < least => Err(format!("`{{{inside}}}`: the second number is below the first")),
            _ => Ok((least, most)),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(c) if c != '\n' => text.push(c),
                _ => return Err("a text is not closed".into()),
            }
        }
    }

    fn class(&mut self) -> Result<String, String> {
        self.next();
        let mut class = String::from(if self.eat('^') { "[^" } else { "[" });
        let mut empty = true;
        loop {
            let from = match self.next() {
                Some(']') if empty => return Err("`[]` has no characters".into()),
                Some(']') => break,
                Some('\\') => self.escape()?,
                Some(c) if c != '\n' => c,
                _ => return Err("a class of characters is not closed".into()),
            };
            empty = false;
            class.push_str(&character(from));
            if self.rest.peek() == Some(&'-') {
                self.next();
                let to = match self.next() {
                    // a hyphen at the end stands for itself
                    Some(']') => {
                        class.push_str(&character('-'));
                        break;
                    }
                    Some('\\') => self.escape()?,
                    Some(c) => c,
                    None => return Err("a class of characters is not closed".into()),
                };
                if to < from {
                    return Err(format!("{from:?} to {to:?} has no characters"));
                }
                class.push('-');
                class.push_str(&character(to));
            }
        }
        class.push(']');
        Ok(class)
    }

    fn escape(&mut self) -> Result<char, String> {
        let digits = match self.next() {
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some(c @ ('\\' | '"' | '[' | ']' | '-' | '^' | '\'' | '/' | '.')) => return Ok(c),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            other => {
                return Err(format!("`\\{}` is no escape that is known", other.map(String::from).unwrap_or_default()));
            }
        };
        let hex: String = (0..digits).filter_map(|_| self.next()).collect();
        let code = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits);
        code.and_then(char::from_u32).ok_or_else(|| format!("`{hex}` is no character's number"))
    }

    fn unexpected(&mut self, wanted: &str) -> String {
        match self.rest.peek() {
            Some(found) => format!("{found:?} stands where {wanted} should"),
            None => format!("the grammar ends where {wanted} should stand"),
        }
    }
}
