//! GBNF, the grammars of llama.cpp (its `grammars/README.md`), written as Lark grammars.
//!
//! A grammar that does not recurse becomes one regular expression. In others what has a clear end does (a string, a word of the language,
//! but no row of digits), since a lexeme is matched as far as it goes; the rest becomes rules.

mod parse;
mod regex;

use std::collections::{HashMap, HashSet};

use super::error::GrammarError;
use parse::Expr;

const KIND: &str = "GBNF grammar";
/// Bytes of a regular expression above which a rule stays a rule.
const LONGEST_REGEX: usize = 1 << 14;
/// Bytes of all regular expressions of rules together.
const MOST_REGEX_BYTES: usize = 4 << 20;
/// Parts of a sequence that become one lexeme at most, and sequences that may be tried for it.
const LONGEST_LEXEME: usize = 64;
const MOST_TRIES: usize = 4000;
/// Characters of a text that become one lexeme.
const LONGEST_TEXT: usize = 1000;
/// Bytes of what is written.
const MOST_WRITTEN: usize = 4 << 20;

/// The same grammar for the Lark compiler.
///
/// # Errors
/// It cannot be read, has no `root`, or names a rule that there is not.
pub(super) fn to_lark(text: &str) -> Result<String, GrammarError> {
    let rules = parse::rules(text).map_err(|message| GrammarError::text(KIND, message))?;
    let numbers: HashMap<&str, usize> = rules.iter().enumerate().map(|(i, rule)| (rule.name.as_str(), i)).collect();
    let unknown = |name: &str| GrammarError::text(KIND, format!("there is no rule `{name}`"));
    let root = *numbers.get("root").ok_or_else(|| unknown("root"))?;
    let mut names = Vec::new();
    rules.iter().for_each(|rule| rule.body.names(&mut names));
    if let Some(name) = names.into_iter().find(|name| !numbers.contains_key(name)) {
        return Err(unknown(name));
    }
    let mut writer = Writer {
        rules: &rules,
        numbers,
        regexes: vec![Known::Not; rules.len()],
        bytes: MOST_REGEX_BYTES,
        nullable: vec![false; rules.len()],
        tries: MOST_TRIES,
    };
    (0..rules.len()).for_each(|number| writer.find_regex(number));
    writer.find_nullable();
    if let Some(regex) = writer.known(root).filter(|_| !writer.nullable[root]) {
        return Ok(format!("start: {}\n", quoted(regex)));
    }
    let (mut lark, mut written, mut queue) = (String::new(), HashSet::new(), vec![root]);
    while let Some(number) = queue.pop() {
        if lark.len() > MOST_WRITTEN {
            return Err(GrammarError::text(KIND, "it is too large"));
        }
        if written.insert(number) {
            let body = writer.lark(&rules[number].body, &mut queue);
            lark.push_str(&format!("r{number}: {body}\n"));
        }
    }
    Ok(format!("start: r{root}\n{lark}"))
}

/// A regular expression as Lark has it.
fn quoted(regex: &str) -> String {
    format!("/{}/", regex.replace('/', "\\/"))
}

struct Writer<'a> {
    rules: &'a [parse::Rule],
    numbers: HashMap<&'a str, usize>,
    regexes: Vec<Known>,
    /// What is left of [`MOST_REGEX_BYTES`].
    bytes: usize,
    /// Whether each rule may be nothing.
    nullable: Vec<bool>,
    /// What is left of [`MOST_TRIES`].
    tries: usize,
}

/// The regular expression of a rule, if it does not recurse and is not too long.
#[derive(Clone)]
enum Known {
    Not,
    /// Somebody waits for it, so it recurses.
    Soon,
    Yes(Option<String>),
}

impl Writer<'_> {
    fn known(&self, rule: usize) -> Option<&str> {
        match &self.regexes[rule] {
            Known::Yes(regex) => regex.as_deref(),
            Known::Not | Known::Soon => None,
        }
    }

    /// Finds the regular expression of a rule, and first of those that it names.
    fn find_regex(&mut self, rule: usize) {
        if !matches!(self.regexes[rule], Known::Not) {
            return;
        }
        self.regexes[rule] = Known::Soon;
        let rules = self.rules;
        let mut names = Vec::new();
        rules[rule].body.names(&mut names);
        for name in names {
            self.find_regex(self.numbers[name]);
        }
        let regex = self.regex(&rules[rule].body).filter(|regex| regex.len() <= self.bytes);
        self.bytes -= regex.as_ref().map_or(0, String::len);
        self.regexes[rule] = Known::Yes(regex);
    }

    /// The regular expression of an expression, if it has one.
    fn regex(&self, expr: &Expr) -> Option<String> {
        let all = |parts: &[Expr], between: &str| {
            let mut joined = String::new();
            for (i, part) in parts.iter().enumerate() {
                joined.push_str(if i == 0 { "" } else { between });
                joined.push_str(&self.regex(part)?);
                if joined.len() > LONGEST_REGEX {
                    return None;
                }
            }
            Some(joined)
        };
        let regex = match expr {
            Expr::Text(text) => regex::literal(text),
            Expr::Class(class) => class.clone(),
            Expr::Rule(name) => format!("(?:{})", self.known(*self.numbers.get(name.as_str())?)?),
            Expr::Sequence(parts) => all(parts, "")?,
            Expr::Choice(parts) => format!("(?:{})", all(parts, "|")?),
            Expr::Repeat(part, least, most) => format!("(?:{}){}", self.regex(part)?, regex::repetition(*least, *most)),
        };
        (regex.len() <= LONGEST_REGEX).then_some(regex)
    }

    /// Finds which rules may be nothing, until no more are found.
    fn find_nullable(&mut self) {
        loop {
            let found: Vec<usize> = (0..self.rules.len())
                .filter(|&rule| !self.nullable[rule] && self.nullable(&self.rules[rule].body))
                .collect();
            if found.is_empty() {
                return;
            }
            found.into_iter().for_each(|rule| self.nullable[rule] = true);
        }
    }

    /// Whether an expression may be nothing, as far as it is known of the rules.
    fn nullable(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Text(text) => text.is_empty(),
            Expr::Class(_) => false,
            Expr::Rule(name) => self.numbers.get(name.as_str()).is_some_and(|&number| self.nullable[number]),
            Expr::Sequence(parts) => parts.iter().all(|part| self.nullable(part)),
            Expr::Choice(parts) => parts.iter().any(|part| self.nullable(part)),
            Expr::Repeat(part, least, _) => *least == 0 || self.nullable(part),
        }
    }

    /// The regular expression of an expression that is a lexeme: it is something, and ends where it can.
    fn lexeme(&mut self, expr: &Expr) -> Option<String> {
        if matches!(expr, Expr::Text(_) | Expr::Class(_)) {
            return self.regex(expr).filter(|_| !self.nullable(expr));
        }
        // before the work is done, which is what is to be bounded
        self.tries = self.tries.checked_sub(1)?;
        let regex = self.regex(expr).filter(|_| !self.nullable(expr))?;
        self.tries = self.tries.saturating_sub(regex.len() / 1024);
        regex::has_clear_end(&regex).then_some(regex)
    }

    /// An expression as Lark has it; the rules that it names join the queue.
    fn lark(&mut self, expr: &Expr, queue: &mut Vec<usize>) -> String {
        // a rule keeps its name, as it may be named often
        if !matches!(expr, Expr::Rule(_))
            && let Some(regex) = self.lexeme(expr)
        {
            return quoted(&regex);
        }
        match expr {
            Expr::Text(text) if text.is_empty() => "\"\"".to_owned(),
            Expr::Text(text) => {
                let chars: Vec<char> = text.chars().collect();
                let literal = |part: &[char]| quoted(&regex::literal(&part.iter().collect::<String>()));
                chars.chunks(LONGEST_TEXT).map(literal).collect::<Vec<_>>().join(" ")
            }
            Expr::Class(class) => quoted(class),
            Expr::Rule(name) => {
                let number = self.numbers.get(name.as_str()).copied().unwrap_or_default();
                queue.push(number);
                format!("r{number}")
            }
            Expr::Sequence(parts) if parts.is_empty() => "\"\"".to_owned(),
            Expr::Sequence(parts) => {
                let mut out = Vec::new();
                let mut rest = parts.as_slice();
                while let Some(part) = rest.first() {
                    // as much as is one regular expression
                    let most = if self.tries == 0 { 1 } else { rest.len().min(LONGEST_LEXEME).min(parts.len() - 1) };
                    let longest = (2..=most)
                        .rev()
                        .find_map(|len| Some((len, self.lexeme(&Expr::Sequence(rest[..len].to_vec()))?)));
                    let (len, text) = match longest {
                        Some((len, regex)) => (len, quoted(&regex)),
                        None => (1, self.lark(part, queue)),
                    };
                    out.push(text);
                    rest = &rest[len..];
                }
                out.join(" ")
            }
            Expr::Choice(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.lark(part, queue)).collect();
                format!("({})", parts.join(" | "))
            }
            Expr::Repeat(part, least, most) => {
                let suffix = match regex::repetition(*least, *most) {
                    suffix if suffix.starts_with('{') && most.is_none() => format!("{{{least},}}"),
                    suffix => suffix,
                };
                format!("({}){suffix}", self.lark(part, queue))
            }
        }
    }
}

#[cfg(test)]
mod tests;
