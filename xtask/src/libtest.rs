//! Reading what Rust's test harness prints (with `--show-output`): counts, failures and `SKIP:` lines.

use crate::report::Tally;

/// What one test executable (or all doc tests) said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) tally: Tally,
    /// `test name: reason`, one for each test that printed a line starting with `SKIP:` and for each ignored one.
    pub(crate) skips: Vec<String>,
    /// The harness's own account of the failures, empty if there are none.
    pub(crate) failures: String,
    /// The harness got as far as its closing line.
    pub(crate) finished: bool,
}

/// Reads the whole output; several runs in one text (as doc tests print) add up.
pub(crate) fn read(output: &str) -> Said {
    let mut said = Said::default();
    let mut test = "";
    let mut in_failures = false;
    let mut skipped_here = 0;
    for line in output.lines() {
        if let Some(counts) = line.strip_prefix("test result: ") {
            said.tally += Tally {
                passed: number_before(counts, " passed").saturating_sub(skipped_here),
                failed: number_before(counts, " failed"),
                skipped: number_before(counts, " ignored") + skipped_here,
            };
            said.finished = true;
            in_failures = false;
            skipped_here = 0;
            continue;
        }
        match line {
            "failures:" => in_failures = true,
            "successes:" => test = "",
            _ => {}
        }
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            test = name;
        }
        if let Some((name, _)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ignored")) {
            said.skips.push(format!("{name}: ignored"));
        }
        if in_failures {
            said.failures.push_str(line);
            said.failures.push('\n');
        } else if line.starts_with("SKIP:") && !test.is_empty() {
            said.skips.push(format!("{test}: {}", line["SKIP:".len()..].trim()));
            skipped_here += 1;
            test = ""; // one skip per test, however often it says so
        }
    }
    said
}

/// The number in front of `word` ("12 passed"), 0 if there is none.
fn number_before(text: &str, word: &str) -> usize {
    let Some(end) = text.find(word) else { return 0 };
    let start = text[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |index| index + 1);
    text[start..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, passed: usize, failed: usize, skipped: usize) -> Said {
        let said = read(output);
        assert_eq!(said.tally, Tally { passed, failed, skipped });
        said
    }

    #[test]
    fn a_green_run() {
        let said = check(
            "running 3 tests\ntest a ... ok\n\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
            3,
            0,
            0,
        );
        assert!(said.finished && said.failures.is_empty() && said.skips.is_empty());
    }

    #[test]
    fn a_test_that_says_skip_did_not_pass() {
        let said = check(
            "successes:\n\n---- whole::model stdout ----\nSKIP: no fixtures\nSKIP: again\n\n---- other stdout ----\nhello\n\n\
             successes:\n    other\n    whole::model\n\ntest result: ok. 5 passed; 0 failed; 1 ignored; 0 measured\n",
            4,
            0,
            2,
        );
        assert_eq!(said.skips, ["whole::model: no fixtures"]);
    }

    #[test]
    fn failures_are_quoted() {
        let said = check(
            "failures:\n\n---- b stdout ----\nthread 'b' panicked\n\nfailures:\n    b\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n",
            1,
            1,
            0,
        );
        assert!(said.failures.contains("thread 'b' panicked"));
    }

    #[test]
    fn several_runs_add_up() {
        check(
            "test result: ok. 2 passed; 0 failed; 0 ignored\ntest result: ok. 40 passed; 0 failed; 3 ignored\n",
            42,
            0,
            3,
        );
    }

    #[test]
    fn a_crash_has_no_closing_line() {
        assert!(!read("running 3 tests\ntest a ... ok\n").finished);
        assert_eq!(read("test slow ... ignored, needs a network\n").skips, ["slow: ignored"]);
    }
}
