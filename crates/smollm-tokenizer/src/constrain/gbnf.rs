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
    let mut writer = Writer { rules: &rules, numbers, regexes: vec![None; rules.len()] };
    writer.find_regexes();
    if let Some(regex) = writer.regexes[root].as_ref().filter(|_| !writer.nullable(&rules[root].body, &mut Vec::new()))
    {
        return Ok(format!("start: /{}/\n", regex.replace('/', "\\/")));
    }
    let (mut lark, mut written, mut queue) = (String::new(), HashSet::new(), vec![root]);
    while let Some(number) = queue.pop() {
        if written.insert(number) {
            let body = writer.lark(&rules[number].body, &mut queue);
            lark.push_str(&format!("r{number}: {body}\n"));
        }
    }
    Ok(format!("start: r{root}\n{lark}"))
}

struct Writer<'a> {
    rules: &'a [parse::Rule],
    numbers: HashMap<&'a str, usize>,
    /// The regular expression of each rule that does not recurse and is not too long.
    regexes: Vec<Option<String>>,
}

impl Writer<'_> {
    /// Rules become regular expressions once all that they name are.
    fn find_regexes(&mut self) {
        loop {
            let mut changed = false;
            for number in 0..self.rules.len() {
                if self.regexes[number].is_none()
                    && let Some(regex) = self.regex(&self.rules[number].body).filter(|r| r.len() <= LONGEST_REGEX)
                {
                    self.regexes[number] = Some(regex);
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// The regular expression of an expression, if it has one.
    fn regex(&self, expr: &Expr) -> Option<String> {
        let all = |parts: &[Expr], between: &str| {
            let parts: Option<Vec<String>> = parts.iter().map(|part| self.regex(part)).collect();
            parts.map(|parts| parts.join(between))
        };
        let regex = match expr {
            Expr::Text(text) => regex::literal(text),
            Expr::Class(class) => class.clone(),
            Expr::Rule(name) => format!("(?:{})", self.regexes[*self.numbers.get(name.as_str())?].as_ref()?),
            Expr::Sequence(parts) => all(parts, "")?,
            Expr::Choice(parts) => format!("(?:{})", all(parts, "|")?),
            Expr::Repeat(part, least, most) => format!("(?:{}){}", self.regex(part)?, regex::repetition(*least, *most)),
        };
        (regex.len() <= LONGEST_REGEX).then_some(regex)
    }

    /// Whether an expression may be nothing. What recurses is taken not to: it is written as a rule in any case.
    fn nullable(&self, expr: &Expr, inside: &mut Vec<usize>) -> bool {
        match expr {
            Expr::Text(text) => text.is_empty(),
            Expr::Class(_) => false,
            Expr::Rule(name) => match self.numbers.get(name.as_str()) {
                Some(number) if !inside.contains(number) => {
                    inside.push(*number);
                    let nullable = self.nullable(&self.rules[*number].body, inside);
                    inside.pop();
                    nullable
                }
                _ => false,
            },
            Expr::Sequence(parts) => parts.iter().all(|part| self.nullable(part, inside)),
            Expr::Choice(parts) => parts.iter().any(|part| self.nullable(part, inside)),
            Expr::Repeat(part, least, _) => *least == 0 || self.nullable(part, inside),
        }
    }

    /// The regular expression of an expression that is a lexeme: it is something, and ends where it can.
    fn lexeme(&self, expr: &Expr) -> Option<String> {
        let regex = self.regex(expr).filter(|_| !self.nullable(expr, &mut Vec::new()))?;
        regex::has_clear_end(&regex).then_some(regex)
    }

    /// An expression as Lark has it; the rules that it names join the queue.
    fn lark(&self, expr: &Expr, queue: &mut Vec<usize>) -> String {
        if let Some(regex) = self.lexeme(expr) {
            return format!("/{}/", regex.replace('/', "\\/"));
        }
        match expr {
            Expr::Text(_) => "\"\"".to_owned(), // it is empty
            Expr::Class(class) => format!("/{}/", class.replace('/', "\\/")),
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
                    let fits = |len: &usize| self.lexeme(&Expr::Sequence(rest[..*len].to_vec())).is_some();
                    let len = (2..=rest.len()).rev().find(fits).filter(|&len| len < parts.len()).unwrap_or(1);
                    out.push(match len {
                        1 => self.lark(part, queue),
                        _ => self.lark(&Expr::Sequence(rest[..len].to_vec()), queue),
                    });
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
