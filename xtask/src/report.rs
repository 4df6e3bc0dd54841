//! What a step found and how the end of a run looks.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one step: a test, a check or a script is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// One thing checked.
    pub(crate) fn one(passed: bool) -> Self {
        Self { passed: usize::from(passed), failed: usize::from(!passed), skipped: 0 }
    }

    /// One thing that could not be checked here.
    pub(crate) fn skip() -> Self {
        Self { skipped: 1, ..Self::default() }
    }

    /// Under `CI=true` a skip is a failure: a green run there means that nothing was left out.
    pub(crate) fn strict(self, ci: bool) -> Self {
        if ci { Self { passed: self.passed, failed: self.failed + self.skipped, skipped: 0 } } else { self }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// One line of the summary.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) step: &'static str,
    pub(crate) tally: Tally,
    pub(crate) seconds: f64,
}

/// The table at the end of a run; its last line is the total.
pub(crate) fn summary(outcomes: &[Outcome]) -> String {
    let mut total = Tally::default();
    let mut seconds = 0.0;
    let mut table = format!("{:<12} {:>7} {:>7} {:>8} {:>9}\n", "step", "passed", "failed", "skipped", "seconds");
    for Outcome { step, tally, seconds: took } in outcomes {
        let mark = if tally.failed > 0 { "  <- failed" } else { "" };
        table +=
            &format!("{step:<12} {:>7} {:>7} {:>8} {took:>9.1}{mark}\n", tally.passed, tally.failed, tally.skipped);
        total += *tally;
        seconds += took;
    }
    table += &format!("{:<12} {:>7} {:>7} {:>8} {seconds:>9.1}\n", "all", total.passed, total.failed, total.skipped);
    table + &total.to_string()
}

/// `CI=true` in the environment.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_fails_under_ci_only() {
        let tally = Tally { passed: 3, failed: 1, skipped: 2 };
        assert_eq!(tally.strict(false), tally);
        assert_eq!(tally.strict(true), Tally { passed: 3, failed: 3, skipped: 0 });
    }

    #[test]
    fn the_last_line_is_the_total() {
        let outcome =
            |step, passed, failed| Outcome { step, tally: Tally { passed, failed, skipped: 0 }, seconds: 1.0 };
        let text = summary(&[outcome("fmt", 1, 0), outcome("unit", 40, 2)]);
        assert_eq!(text.lines().last(), Some("41 passed, 2 failed"));
        assert!(text.lines().any(|line| line.starts_with("unit") && line.ends_with("<- failed")));
    }

    #[test]
    fn skips_show_in_the_total() {
        let text = summary(&[Outcome { step: "python", tally: Tally::skip(), seconds: 0.0 }]);
        assert_eq!(text.lines().last(), Some("0 passed, 0 failed, 1 skipped"));
    }
}
