//! The exact value of an expression: fractions of 128-bit whole numbers, and a word where those do not suffice.

/// Bytes of the longest expression.
const LONGEST: usize = 500;
/// Parentheses and signs in each other.
const DEEPEST: usize = 50;
/// The largest exponent.
const LARGEST_POWER: u32 = 1000;
const TOO_LARGE: &str = "the numbers are too large to be exact";

/// The value of `expression` (`+ - * / % ^` and parentheses), or what is wrong with it. `%` is the remainder, with the sign of what
/// is divided by, as in Python. A value that no decimal fraction has is given as a fraction.
pub(super) fn value(expression: &str) -> Result<String, String> {
    if expression.len() > LONGEST {
        return Err(format!("the expression is longer than {LONGEST} bytes"));
    }
    let mut parser = Parser { text: expression, depth: 0 };
    let value = parser.sum()?;
    match parser.peek() {
        None => Ok(value.shown()),
        Some(_) => Err(format!("`{}` is not expected here", parser.text.trim_start())),
    }
}

/// What is left to be read.
struct Parser<'t> {
    text: &'t str,
    depth: usize,
}

impl Parser<'_> {
    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        self.text = self.text.trim_start();
        self.text.chars().next()
    }

    /// Takes one of `signs`, if it comes next.
    fn take(&mut self, signs: &[char]) -> Option<char> {
        let sign = self.peek().filter(|c| signs.contains(c))?;
        self.text = &self.text[sign.len_utf8()..];
        Some(sign)
    }

    fn sum(&mut self) -> Result<Fraction, String> {
        let mut value = self.product()?;
        while let Some(sign) = self.take(&['+', '-', '−']) {
            let other = self.product()?;
            value = value.plus(if sign == '+' { other } else { other.negative()? })?;
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<Fraction, String> {
        let mut value = self.signed()?;
        while let Some(sign) = self.take(&['*', '×', '·', '/', '÷', '%']) {
            let other = self.signed()?;
            value = match sign {
                '/' | '÷' => value.times(other.inverse()?)?,
                '%' => value.remainder(other)?,
                _ => value.times(other)?,
            };
        }
        Ok(value)
    }

    fn signed(&mut self) -> Result<Fraction, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("there are more than {DEEPEST} parentheses or signs in each other"));
        }
        let value = match self.take(&['-', '−', '+']) {
            Some('+') => self.signed(),
            Some(_) => self.signed()?.negative(),
            None => self.power(),
        };
        self.depth -= 1;
        value
    }

    fn power(&mut self) -> Result<Fraction, String> {
        let base = self.atom()?;
        self.text = self.text.trim_start();
        if let Some(rest) = self.text.strip_prefix('^').or_else(|| self.text.strip_prefix("**")) {
            self.text = rest;
            return base.to_the(self.signed()?);
        }
        Ok(base)
    }

    fn atom(&mut self) -> Result<Fraction, String> {
        match self.peek() {
            Some('(') => {
                self.take(&['(']);
                let value = self.sum()?;
                self.take(&[')']).map(|_| value).ok_or_else(|| "a closing parenthesis is missing".to_owned())
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(_) => Err(format!("`{}` is neither a number nor one of + - * / % ^ ( )", self.text)),
            None => Err("the expression ends where a number is expected".to_owned()),
        }
    }

    fn number(&mut self) -> Result<Fraction, String> {
        let end = self.text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.text.len());
        let (digits, rest) = self.text.split_at(end);
        self.text = rest;
        let (whole, behind) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() + behind.len() == 0 || behind.contains('.') {
            return Err(format!("`{digits}` is no number"));
        }
        let above: i128 = format!("{whole}{behind}").parse().map_err(|_| TOO_LARGE)?;
        let places = u32::try_from(behind.len()).map_err(|_| TOO_LARGE)?;
        Fraction::new(above, 10i128.checked_pow(places).ok_or(TOO_LARGE)?)
    }
}

/// A number in lowest terms.
#[derive(Clone, Copy, PartialEq)]
struct Fraction {
    above: i128,
    /// Above zero.
    below: i128,
}

impl Fraction {
    fn new(above: i128, below: i128) -> Result<Self, String> {
        let divisor = divisor(above, below).ok_or(TOO_LARGE)?;
        Ok(Self { above: above / divisor, below: below / divisor })
    }

    fn plus(self, other: Self) -> Result<Self, String> {
        let sum = || {
            let left = self.above.checked_mul(other.below)?;
            Some((left.checked_add(other.above.checked_mul(self.below)?)?, self.below.checked_mul(other.below)?))
        };
        let (above, below) = sum().ok_or(TOO_LARGE)?;
        Self::new(above, below)
    }

    fn times(self, other: Self) -> Result<Self, String> {
        // crosswise first, so that what cancels does not overflow
        let (a, b) = (Self::new(self.above, other.below)?, Self::new(other.above, self.below)?);
        let product = || Some((a.above.checked_mul(b.above)?, a.below.checked_mul(b.below)?));
        let (above, below) = product().ok_or(TOO_LARGE)?;
        Self::new(above, below)
    }

    fn negative(self) -> Result<Self, String> {
        Ok(Self { above: self.above.checked_neg().ok_or(TOO_LARGE)?, ..self })
    }

    fn inverse(self) -> Result<Self, String> {
        if self.above == 0 {
            return Err("division by zero".to_owned());
        }
        let below = self.above.checked_abs().ok_or(TOO_LARGE)?;
        Ok(Self { above: self.below * self.above.signum(), below })
    }

    fn remainder(self, other: Self) -> Result<Self, String> {
        let quotient = self.times(other.inverse()?)?;
        let floor = Self { above: quotient.above.div_euclid(quotient.below), below: 1 };
        self.plus(floor.times(other)?.negative()?)
    }

    fn to_the(self, power: Self) -> Result<Self, String> {
        let times = u32::try_from(power.above.unsigned_abs()).ok().filter(|&times| times <= LARGEST_POWER);
        let Some(times) = times.filter(|_| power.below == 1) else {
            return Err(format!("an exponent must be a whole number of at most {LARGEST_POWER}"));
        };
        let base = if power.above < 0 { self.inverse()? } else { self };
        (0..times).try_fold(Self { above: 1, below: 1 }, |value, _| value.times(base))
    }

    /// A whole number, a decimal fraction, or a fraction and about what it is.
    fn shown(self) -> String {
        match self.decimal() {
            Some(text) => text,
            None => format!("{}/{} (about {})", self.above, self.below, self.above as f64 / self.below as f64),
        }
    }

    fn decimal(self) -> Option<String> {
        let places = (0..=38u32).find(|&places| 10i128.pow(places) % self.below == 0)?;
        let digits = self.above.checked_mul(10i128.pow(places) / self.below)?.unsigned_abs();
        let sign = if self.above < 0 { "-" } else { "" };
        let places = places as usize;
        if places == 0 {
            return Some(format!("{sign}{digits}"));
        }
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, behind) = digits.split_at(digits.len() - places);
        Some(format!("{sign}{whole}.{behind}"))
    }
}

/// The greatest common divisor, above zero, of two numbers of which the second is not zero.
fn divisor(a: i128, b: i128) -> Option<i128> {
    let (mut a, mut b) = (a.checked_abs()?, b.checked_abs()?);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some(a)
}
