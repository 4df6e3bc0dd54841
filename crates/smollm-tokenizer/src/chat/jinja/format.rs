//! Python's two ways to format: `"%s" % x` and `"{}".format(x)`.

use std::sync::Arc;

use super::attributes::{attribute, subscript};
use super::fault::{Budget, Fault};
use super::methods::pad;
use super::pystr::char_offset;
use super::repr::{float as float_repr, to_repr, to_str};
use super::value::Value;

/// `format % args`.
pub(super) fn printf(budget: &Budget, format: &str, args: &Value) -> Result<String, Fault> {
    let single = [args.clone()];
    let positional: &[Value] = match args {
        Value::Tuple(tuple) => &tuple.items,
        _ => &single,
    };
    let mut next = positional.iter();
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut value = None;
        if let Some(named) = rest.strip_prefix('(') {
            let Some(end) = named.find(')') else { return Err(Fault::new("incomplete format key")) };
            if !matches!(args, Value::Dict(_)) {
                return Err(Fault::new("format requires a mapping"));
            }
            let key = &named[..end];
            let found = super::containers::lookup(budget, args, &Value::str(key))?;
            value = Some(found.ok_or_else(|| Fault::new(format!("'{key}'")))?);
            rest = &named[end + 1..];
            next = [].iter();
        }
        let mut spec = Spec::default();
        while let Some(flag) = rest.chars().next().filter(|c| "-+ 0#".contains(*c)) {
            match flag {
                '-' => spec.align = Some('<'),
                '+' => spec.sign = '+',
                ' ' if spec.sign != '+' => spec.sign = ' ',
                '0' => spec.zero = true,
                '#' => spec.alternate = true,
                _ => {}
            }
            rest = &rest[1..];
        }
        let mut star = |rest: &mut &str| -> Result<Option<i128>, Fault> {
            if let Some(after) = rest.strip_prefix('*') {
                *rest = after;
                let width = next.next().and_then(Value::as_int);
                return width.map(Some).ok_or_else(|| Fault::new("* wants int"));
            }
            number(rest)
        };
        if let Some(width) = star(&mut rest)? {
            spec.width = width.abs();
            spec.align = if width < 0 { Some('<') } else { spec.align };
        }
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            spec.precision = Some(star(&mut rest)?.unwrap_or(0).max(0));
        }
        rest = rest.strip_prefix(['h', 'l', 'L']).unwrap_or(rest);
        let Some(kind) = rest.chars().next() else { return Err(Fault::new("incomplete format")) };
        rest = &rest[kind.len_utf8()..];
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match value {
            Some(value) => value,
            None => next.next().ok_or_else(|| Fault::new("not enough arguments for format string"))?.clone(),
        };
        out.push_str(&conversion(budget, kind, spec, &value)?);
    }
    out.push_str(rest);
    if next.next().is_some() && !matches!(args, Value::Dict(_)) {
        return Err(Fault::new("not all arguments converted during string formatting"));
    }
    Ok(out)
}

/// One `%` conversion.
fn conversion(budget: &Budget, kind: char, mut spec: Spec, value: &Value) -> Result<String, Fault> {
    spec.align = Some(spec.align.unwrap_or('>'));
    let left = spec.align == Some('<');
    let zero = std::mem::take(&mut spec.zero) && !left;
    match kind {
        's' | 'r' => {
            let text = if kind == 's' { to_str(budget, value)? } else { to_repr(budget, value)? };
            spec.aligned(budget, "", spec.cut(&text), '>')
        }
        'c' => {
            let one = match (value.as_str(), value.as_int()) {
                (Some(text), _) if text.chars().count() == 1 => text.to_owned(),
                (_, Some(code)) => match u32::try_from(code).ok().and_then(char::from_u32) {
                    Some(c) => c.to_string(),
                    None => return Err(Fault::new("%c arg not in range(0x110000)")),
                },
                _ => return Err(Fault::new("%c requires int or char")),
            };
            spec.aligned(budget, "", &one, '>')
        }
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
            value.defined()?;
            let int = match value {
                Value::Float(float) if !matches!(kind, 'o' | 'x' | 'X') && float.is_finite() => float.trunc() as i128,
                _ => value.as_int().ok_or_else(|| {
                    let what = if matches!(kind, 'o' | 'x' | 'X') { "an integer" } else { "a real number" };
                    Fault::new(format!("%{kind} format: {what} is required, not {}", value.type_name()))
                })?,
            };
            let digits = radix(int.unsigned_abs(), kind);
            let digits = match spec.precision.take() {
                Some(precision) => pad(budget, &digits, precision, '0', "rjust")?,
                None => digits,
            };
            let prefix = if spec.alternate { prefix(kind) } else { "" };
            spec.zero = zero;
            spec.aligned(budget, &format!("{}{prefix}", spec.sign_of(int < 0)), &digits, '>')
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            value.defined()?;
            let Some(float) = value.as_float() else {
                return Err(Fault::new(format!("must be real number, not {}", value.type_name())));
            };
            spec.zero = zero;
            let digits = float_digits(budget, float, kind, spec.precision.unwrap_or(6), spec.alternate)?;
            spec.aligned(budget, spec.sign_of(float.is_sign_negative() && !float.is_nan()), &digits, '>')
        }
        other => Err(Fault::new(format!("unsupported format character '{other}'"))),
    }
}

/// `format.format(*positional, **named)`.
pub(super) fn format(
    budget: &Budget,
    format: &str,
    positional: &[Value],
    named: &[(Arc<str>, Value)],
) -> Result<String, Fault> {
    Formatter { budget, positional, named, automatic: None }.fill(format, 2)
}

struct Formatter<'f> {
    budget: &'f Budget,
    positional: &'f [Value],
    named: &'f [(Arc<str>, Value)],
    /// The next automatic number, once `{}` was seen; `Some(-1)` once a number was.
    automatic: Option<i64>,
}

impl Formatter<'_> {
    fn fill(&mut self, format: &str, levels: u32) -> Result<String, Fault> {
        if levels == 0 {
            return Err(Fault::new("Max string recursion exceeded"));
        }
        let mut out = String::new();
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let brace = &rest[at..at + 1];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                out.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(Fault::new("Single '}' encountered in format string"));
            }
            let end = field_end(rest)?;
            out.push_str(&self.field(&rest[..end], levels)?);
            self.budget.bytes(out.len())?;
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// `name!conversion:spec`.
    fn field(&mut self, field: &str, levels: u32) -> Result<String, Fault> {
        let mut in_brackets = false;
        let name_end = field.find(|c| {
            in_brackets = (in_brackets || c == '[') && c != ']';
            !in_brackets && matches!(c, '!' | ':')
        });
        let (name, mut rest) = field.split_at(name_end.unwrap_or(field.len()));
        let value = self.value(name)?;
        let mut value = value;
        if let Some(after) = rest.strip_prefix('!') {
            value = match after.chars().next() {
                Some('s') => Value::text(self.budget, to_str(self.budget, &value)?)?,
                Some('r') => Value::text(self.budget, to_repr(self.budget, &value)?)?,
                _ => return Err(Fault::new("unknown conversion in a format string")),
            };
            rest = &after[1..];
            if !rest.is_empty() && !rest.starts_with(':') {
                return Err(Fault::new("expected ':' after conversion specifier"));
            }
        }
        let spec = self.fill(rest.strip_prefix(':').unwrap_or(""), levels - 1)?;
        format_value(self.budget, &value, &spec)
    }

    fn value(&mut self, name: &str) -> Result<Value, Fault> {
        let first_end = name.find(['.', '[']).unwrap_or(name.len());
        let (first, mut rest) = name.split_at(first_end);
        let mixed =
            || Err(Fault::new("cannot switch between manual field specification and automatic field numbering"));
        let index = match (first.is_empty(), self.automatic) {
            (true, Some(-1)) => return mixed(),
            (true, next) => {
                let next = next.unwrap_or(0);
                self.automatic = Some(next + 1);
                Some(next as usize)
            }
            (false, _) if first.bytes().all(|b| b.is_ascii_digit()) => match self.automatic {
                Some(0..) => return mixed(),
                _ => {
                    self.automatic = Some(-1);
                    first.parse().ok()
                }
            },
            _ => None,
        };
        let mut value = match index {
            Some(index) => self.positional.get(index).cloned().ok_or_else(|| {
                Fault::new(format!("Replacement index {index} out of range for positional args tuple"))
            })?,
            None => {
                let found = self.named.iter().find(|(known, _)| **known == *first);
                found.map(|(_, value)| value.clone()).ok_or_else(|| Fault::new(format!("'{first}'")))?
            }
        };
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                value = attribute(self.budget, &value, &after[..end])?;
                rest = &after[end..];
            } else {
                let inside = rest.strip_prefix('[').and_then(|after| Some((after, after.find(']')?)));
                let Some((after, end)) = inside else { return Err(Fault::new("Missing ']' in format string")) };
                let key = after[..end].parse().map_or_else(|_| Value::str(&after[..end]), Value::Int);
                value = subscript(self.budget, &value, &key)?;
                rest = &after[end + 1..];
            }
        }
        Ok(value)
    }
}

/// Where the field that starts `text` ends: its closing brace.
fn field_end(text: &str) -> Result<usize, Fault> {
    let (mut open, mut in_brackets) = (1, false);
    for (at, c) in text.char_indices() {
        match c {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            '{' if !in_brackets => open += 1,
            '}' if !in_brackets => {
                open -= 1;
                if open == 0 {
                    return Ok(at);
                }
            }
            _ => {}
        }
    }
    Err(Fault::new("expected '}' before end of string"))
}

/// `[[fill]align][sign][#][0][width][grouping][.precision][type]`
#[derive(Clone, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    /// `+`, a space, or NUL for `-`.
    sign: char,
    alternate: bool,
    zero: bool,
    width: i128,
    grouping: Option<char>,
    precision: Option<i128>,
    kind: Option<char>,
}

impl Spec {
    fn parse(spec: &str) -> Result<Self, Fault> {
        let mut parsed = Self::default();
        let mut rest = spec;
        let is_align = |c: char| matches!(c, '<' | '>' | '=' | '^');
        let mut start = rest.chars();
        match (start.next(), start.next()) {
            (Some(fill), Some(align)) if is_align(align) => {
                (parsed.fill, parsed.align) = (Some(fill), Some(align));
                rest = start.as_str();
            }
            (Some(align), _) if is_align(align) => {
                parsed.align = Some(align);
                rest = &rest[1..];
            }
            _ => {}
        }
        if let Some(sign) = rest.chars().next().filter(|c| matches!(c, '+' | '-' | ' ')) {
            parsed.sign = if sign == '-' { '\0' } else { sign };
            rest = &rest[1..];
        }
        let mut flag = |flag: char| {
            let found = rest.strip_prefix(flag);
            rest = found.unwrap_or(rest);
            found.is_some()
        };
        parsed.alternate = flag('#');
        parsed.zero = flag('0');
        parsed.width = number(&mut rest)?.unwrap_or(0);
        parsed.grouping = rest.chars().next().filter(|c| matches!(c, ',' | '_'));
        rest = &rest[usize::from(parsed.grouping.is_some())..];
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            parsed.precision = number(&mut rest)?;
            if parsed.precision.is_none() {
                return Err(Fault::new("Format specifier missing precision"));
            }
        }
        let mut end = rest.chars();
        parsed.kind = end.next();
        if !end.as_str().is_empty() {
            return Err(Fault::new(format!("Invalid format specifier '{spec}'")));
        }
        Ok(parsed)
    }

    fn sign_of(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (false, '+') => "+",
            (false, ' ') => " ",
            _ => "",
        }
    }

    /// The text, no longer than the precision.
    fn cut<'t>(&self, text: &'t str) -> &'t str {
        match self.precision {
            Some(precision) => &text[..char_offset(text, usize::try_from(precision).unwrap_or(usize::MAX))],
            None => text,
        }
    }

    /// Sign and digits at the spec's width.
    fn aligned(&self, budget: &Budget, sign: &str, digits: &str, default: char) -> Result<String, Fault> {
        let zeroes = self.zero && self.align.is_none_or(|align| align == '>' && self.fill.is_none());
        let (fill, align) = match (self.fill, self.align) {
            _ if zeroes => ('0', '='),
            (fill, align) => (fill.unwrap_or(if self.zero { '0' } else { ' ' }), align.unwrap_or(default)),
        };
        if align == '=' {
            let digits = pad(budget, digits, self.width - sign.len() as i128, fill, "rjust")?;
            return Ok(format!("{sign}{digits}"));
        }
        let text = format!("{sign}{digits}");
        match align {
            '<' => pad(budget, &text, self.width, fill, "ljust"),
            '>' => pad(budget, &text, self.width, fill, "rjust"),
            // str.format puts the odd one out on the right.
            _ => {
                let missing = (self.width - super::pystr::char_count(&text) as i128).max(0);
                let left = pad(budget, &text, self.width - missing + missing / 2, fill, "rjust")?;
                pad(budget, &left, self.width, fill, "ljust")
            }
        }
    }
}

/// `format(value, spec)`.
fn format_value(budget: &Budget, value: &Value, spec: &str) -> Result<String, Fault> {
    if spec.is_empty() {
        return to_str(budget, value);
    }
    let parsed = Spec::parse(spec)?;
    let code = |kind: char| {
        Err(Fault::new(format!("Unknown format code '{kind}' for object of type '{}'", value.type_name())))
    };
    match (value, value.as_int(), value.as_float()) {
        (Value::Str(text), ..) => match parsed.kind {
            None | Some('s') if parsed.sign == '\0' && parsed.align != Some('=') && parsed.grouping.is_none() => {
                let parsed = Spec { align: Some(parsed.align.unwrap_or('<')), ..parsed };
                parsed.aligned(budget, "", parsed.cut(text), '<')
            }
            None | Some('s') => Err(Fault::new("Sign, '=' or ',' not allowed in string format specifier")),
            Some(kind) => code(kind),
        },
        (_, Some(int), _) if parsed.kind.is_none_or(|kind| "bcdoxXn".contains(kind)) => {
            if parsed.precision.is_some() {
                return Err(Fault::new("Precision not allowed in integer format specifier"));
            }
            let kind = parsed.kind.unwrap_or('d');
            if kind == 'c' {
                let c = u32::try_from(int).ok().and_then(char::from_u32);
                let c = c.ok_or_else(|| Fault::new("%c arg not in range(0x110000)"))?;
                return parsed.aligned(budget, "", &c.to_string(), '<');
            }
            let prefix = if parsed.alternate { prefix(kind) } else { "" };
            let every = if matches!(kind, 'b' | 'o' | 'x' | 'X') { 4 } else { 3 };
            let digits = grouped(budget, &radix(int.unsigned_abs(), kind), &parsed, every, prefix.len())?;
            parsed.aligned(budget, &format!("{}{prefix}", parsed.sign_of(int < 0)), &digits, '>')
        }
        (_, _, Some(float)) => {
            let kind = parsed.kind.unwrap_or('\0');
            let (scaled, precision) = (if kind == '%' { float * 100.0 } else { float }, parsed.precision);
            let mut digits = match kind {
                '\0' if precision.is_none() => float_repr(float.abs()),
                '\0' => {
                    let digits = float_digits(budget, float, 'g', precision.unwrap_or(6), parsed.alternate)?;
                    if digits.contains(['.', 'e', 'n']) { digits } else { digits + ".0" }
                }
                'n' => float_digits(budget, float, 'g', precision.unwrap_or(6), parsed.alternate)?,
                '%' => float_digits(budget, scaled, 'f', precision.unwrap_or(6), parsed.alternate)?,
                'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                    float_digits(budget, float, kind, precision.unwrap_or(6), parsed.alternate)?
                }
                other => return code(other),
            };
            digits = grouped(budget, &digits, &parsed, 3, 0)?;
            digits.push_str(if kind == '%' { "%" } else { "" });
            parsed.aligned(budget, parsed.sign_of(float.is_sign_negative() && !float.is_nan()), &digits, '>')
        }
        _ => {
            let message = format!("unsupported format string passed to {}.__format__", value.type_name());
            Err(Fault::new(message))
        }
    }
}

/// Digits of a number's size in the radix of a format code.
fn radix(size: u128, kind: char) -> String {
    match kind {
        'b' => format!("{size:b}"),
        'o' => format!("{size:o}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        _ => size.to_string(),
    }
}

fn prefix(kind: char) -> &'static str {
    match kind {
        'b' => "0b",
        'o' => "0o",
        'x' => "0x",
        'X' => "0X",
        _ => "",
    }
}

/// The whole part in groups, as the spec asks.
fn grouped(budget: &Budget, digits: &str, spec: &Spec, every: usize, prefix: usize) -> Result<String, Fault> {
    let Some(separator) = spec.grouping else { return Ok(digits.to_owned()) };
    if spec.zero && spec.width > 0 {
        return Err(Fault::new("grouping with zero padding is not supported"));
    }
    budget.bytes(digits.len() + prefix)?;
    let whole = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    let mut out = String::new();
    for (at, c) in digits[..whole].char_indices() {
        if at > 0 && (whole - at) % every == 0 {
            out.push(separator);
        }
        out.push(c);
    }
    Ok(out + &digits[whole..])
}

/// The digits of a float's size in one of the codes e, f and g.
fn float_digits(budget: &Budget, value: f64, kind: char, precision: i128, alternate: bool) -> Result<String, Fault> {
    let size = value.abs();
    let precision = usize::try_from(precision).unwrap_or(usize::MAX);
    budget.bytes(precision)?;
    // Rust's formatter takes at most 65,535 digits.
    let precision = u16::try_from(precision).map_err(|_| Fault::limit("precision too large in a format"))? as usize;
    let upper = kind.is_ascii_uppercase();
    let digits = if size.is_nan() {
        "nan".to_owned()
    } else if size.is_infinite() {
        "inf".to_owned()
    } else {
        match kind.to_ascii_lowercase() {
            'f' => fixed(size, precision, alternate),
            'e' => scientific(size, precision, alternate),
            _ => {
                let precision = precision.max(1);
                let exponent = exponent_of(size, precision - 1);
                let mut digits = if (-4..precision as i32).contains(&exponent) {
                    fixed(size, (precision as i32 - 1 - exponent).max(0) as usize, alternate)
                } else {
                    scientific(size, precision - 1, alternate)
                };
                if !alternate && digits.contains('.') {
                    let (mantissa, exponent) = match digits.find('e') {
                        Some(at) => digits.split_at(at),
                        None => (digits.as_str(), ""),
                    };
                    digits = format!("{}{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'));
                }
                digits
            }
        }
    };
    Ok(if upper { digits.to_uppercase() } else { digits })
}

fn fixed(size: f64, precision: usize, alternate: bool) -> String {
    format!("{size:.precision$}{}", if alternate && precision == 0 { "." } else { "" })
}

fn exponent_of(size: f64, precision: usize) -> i32 {
    let text = format!("{size:.precision$e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

fn scientific(size: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{size:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{mantissa}{point}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// Decimal digits at the start of `rest`, taken off it.
fn number(rest: &mut &str) -> Result<Option<i128>, Fault> {
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(len);
    *rest = after;
    if len == 0 {
        return Ok(None);
    }
    let parsed = digits.parse::<u32>().map_err(|_| Fault::new("Too many decimal digits in format string"))?;
    Ok(Some(i128::from(parsed)))
}
