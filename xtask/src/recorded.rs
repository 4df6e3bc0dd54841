//! Facts that others recorded of a model (`testdata/recorded`, whose README explains the fields), held against what our binary says.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::report::Tally;

/// New tokens that surely reach past a recorded continuation.
const CONTINUATION_TOKENS: usize = 40;

/// The programs that are asked, and the variables they run with.
pub(crate) struct Programs {
    /// The `smollm` binary.
    pub(crate) smollm: PathBuf,
    /// The example `logits` of the facade.
    pub(crate) logits: PathBuf,
    /// Added to, or with `None` taken from, the caller's environment.
    pub(crate) environment: Vec<(String, Option<String>)>,
}

impl Programs {
    /// What the program prints; what it says on standard error goes to ours.
    fn output(&self, program: &Path, arguments: &[&str], offline: bool) -> Result<String> {
        let mut command = Command::new(program);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if offline {
            command.env("HF_HUB_OFFLINE", "1");
        }
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.output().with_context(|| format!("cannot run {}", program.display()))?;
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(output.status.success(), "{name} {} failed: {}", arguments.join(" "), output.status);
        String::from_utf8(output.stdout).with_context(|| format!("{name} printed text that is not UTF-8"))
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.output(&self.smollm, arguments, true)?;
        serde_json::from_str(&output).with_context(|| format!("`smollm {}` printed no JSON", arguments.join(" ")))
    }
}

/// Pulls the model of one file of facts and checks them all, a line for each that does not hold.
pub(crate) fn check(programs: &Programs, facts: &Value) -> Result<Tally> {
    let model = text(facts, "model")?;
    println!("   {model}");
    let pulled = programs.output(&programs.smollm, &["pull", model], false)?;
    let mut checks = Checks { model, tally: Tally::default() };
    if let Some(recorded) = facts["weights_sha256"].as_str() {
        match blob(Path::new(pulled.trim())) {
            Some(found) => checks.equal("weights", &"sha256", &found, &recorded),
            None => println!("   SKIP {model}: this cache has no blobs, so the digest of the weights is not compared"),
        }
    }
    let dtype = text(facts, "dtype")?;
    for prompt in list(facts, "prompts") {
        check_prompt(programs, &mut checks, dtype, facts, prompt)?;
    }
    Ok(checks.tally)
}

/// The hub's digest of the weights: the name of the blob that the cache's link points to.
fn blob(directory: &Path) -> Option<String> {
    let name = directory.join("model.safetensors").canonicalize().ok()?.file_name()?.to_string_lossy().into_owned();
    (name.len() == 64).then_some(name)
}

/// What is compared, one after another.
struct Checks<'f> {
    model: &'f str,
    tally: Tally,
}

impl Checks<'_> {
    fn one(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        self.tally += Tally::one(holds);
        if !holds {
            println!("   {}: {}", self.model, problem());
        }
    }

    fn equal<T: PartialEq<U> + std::fmt::Debug, U: std::fmt::Debug>(
        &mut self,
        prompt: &str,
        what: &dyn Display,
        found: &T,
        recorded: &U,
    ) {
        self.one(found == recorded, || format!("{prompt}: {what} found {found:?}, recorded {recorded:?}"));
    }
}

fn check_prompt(
    programs: &Programs,
    checks: &mut Checks<'_>,
    dtype: &str,
    facts: &Value,
    prompt: &Value,
) -> Result<()> {
    let model = checks.model;
    let mut ids = numbers(prompt, "ids");
    let name = prompt["text"].as_str().map_or_else(|| format!("ids {ids:?}"), |text| format!("{text:?}"));
    if let Some(text) = prompt["text"].as_str() {
        let found = numbers(&programs.json(&["tokenize", "-q", "-m", model, "--json", text])?, "ids");
        if prompt["ids"].is_array() {
            checks.equal(&name, &"ids", &found, &ids);
        } else {
            ids = found;
        }
    }
    let ids: String = ids.iter().map(f64::to_string).collect::<Vec<_>>().join(",");

    if ["top_ids", "first_logits", "mean_logits"].iter().any(|key| prompt[*key].is_array()) {
        let rows = programs.output(&programs.logits, &[model, &ids, dtype], true)?;
        let rows: Vec<Vec<f64>> =
            rows.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("no rows of logits")?;
        let (first, last) = rows.first().zip(rows.last()).context("no logits")?;
        let tolerance = Tolerance::read(&facts["tolerance"]);
        if prompt["top_ids"].is_array() {
            let problem = top(last, &numbers(prompt, "top_ids"), &numbers(prompt, "top_logits"), tolerance);
            checks.one(problem.is_none(), || format!("{name}: {}", problem.unwrap_or_default()));
        }
        let means: Vec<f64> = rows.iter().map(|row| row.iter().sum::<f64>() / row.len() as f64).collect();
        let mean_tolerance = Tolerance::read(&prompt["mean_tolerance"]);
        for (key, found, tolerance) in [("first_logits", first, tolerance), ("mean_logits", &means, mean_tolerance)] {
            if prompt[key].is_array() {
                let problem = far(found, &numbers(prompt, key), tolerance);
                checks.one(problem.is_none(), || format!("{name}: {key} {}", problem.unwrap_or_default()));
            }
        }
    }

    let generate = |tokens: usize| {
        let tokens = tokens.to_string();
        let arguments =
            ["generate", "-q", "-m", model, "--ids", &ids, "--dtype", dtype, "--temperature", "0", "-n", &tokens];
        programs.json(&[&arguments[..], &["--json"]].concat())
    };
    if prompt["greedy_ids"].is_array() {
        let recorded = numbers(prompt, "greedy_ids");
        let ends = prompt["ends"] == true;
        let answer = generate(recorded.len() + usize::from(ends))?;
        checks.equal(&name, &"greedy ids", &numbers(&answer, "ids"), &recorded);
        if ends {
            checks.equal(&name, &"finish_reason", &answer["finish_reason"], &"stop");
        }
    }
    if let Some(recorded) = prompt["continuation"].as_str() {
        let answer = generate(CONTINUATION_TOKENS)?;
        let found = text(&answer, "text")?;
        checks.one(found.starts_with(recorded), || format!("{name}: continued {found:?}, recorded {recorded:?}"));
    }
    Ok(())
}

/// How far a found number may be from a recorded one.
#[derive(Debug, Clone, Copy)]
struct Tolerance {
    absolute: f64,
    relative: f64,
}

impl Tolerance {
    fn read(value: &Value) -> Self {
        let number = |key: &str| value[key].as_f64().unwrap_or(0.0);
        Self { absolute: number("absolute"), relative: number("relative") }
    }

    /// At `recorded`.
    fn at(self, recorded: f64) -> f64 {
        self.absolute + self.relative * recorded.abs()
    }
}

/// The first number that is too far from its record, in words.
fn far(found: &[f64], recorded: &[f64], tolerance: Tolerance) -> Option<String> {
    if found.len() < recorded.len() {
        return Some(format!("are {}, recorded {}", found.len(), recorded.len()));
    }
    let pairs = found.iter().zip(recorded).enumerate();
    let outside = |&(_, (found, recorded)): &(usize, (&f64, &f64))| {
        // a NaN is outside too
        !matches!((found - recorded).abs().partial_cmp(&tolerance.at(*recorded)), Some(order) if order.is_le())
    };
    let (index, (found, recorded)) = pairs.into_iter().find(outside)?;
    Some(format!("number {index} is {found}, recorded {recorded}"))
}

/// What is wrong with the largest logits of `row`: a value too far from its record, or an order that the tolerance does not excuse.
fn top(row: &[f64], ids: &[f64], logits: &[f64], tolerance: Tolerance) -> Option<String> {
    let at = |id: &f64| row.get(*id as usize).copied().unwrap_or(f64::NAN);
    let found: Vec<f64> = ids.iter().map(at).collect();
    if let Some(problem) = far(&found, logits, tolerance) {
        return Some(format!("top logits: {problem}"));
    }
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
    for (rank, (&ours, (&id, &recorded))) in order.iter().zip(ids.iter().zip(logits)).enumerate() {
        if ours as f64 != id && (row[ours] - recorded).abs() > 2.0 * tolerance.at(recorded) {
            return Some(format!("rank {rank} is token {ours} at {}, recorded {id} at {recorded}", row[ours]));
        }
    }
    None
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str> {
    match value[key].as_str() {
        Some(text) => Ok(text),
        None => bail!("there is no text `{key}`"),
    }
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// Ids and logits alike; an id is exact as f64.
fn numbers(value: &Value, key: &str) -> Vec<f64> {
    list(value, key).iter().filter_map(Value::as_f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance { absolute: 0.01, relative: 0.0 };

    #[test]
    fn numbers_are_near_or_named() {
        assert_eq!(far(&[1.0, 2.005, 9.0], &[1.0, 2.0], TOLERANCE), None);
        assert_eq!(far(&[1.0, 2.02], &[1.0, 2.0], TOLERANCE).unwrap(), "number 1 is 2.02, recorded 2");
        assert!(far(&[f64::NAN], &[1.0], TOLERANCE).is_some());
        assert!(far(&[1.0], &[1.0, 2.0], TOLERANCE).is_some());
        assert_eq!(far(&[101.0], &[100.0], Tolerance { absolute: 0.0, relative: 0.02 }), None);
    }

    #[test]
    fn near_ties_may_change_places_and_others_may_not() {
        let row = [0.0, 5.0, 4.995, 3.0];
        assert_eq!(top(&row, &[1.0, 2.0], &[5.0, 4.995], TOLERANCE), None);
        assert_eq!(top(&row, &[2.0, 1.0], &[4.998, 4.997], TOLERANCE), None);
        assert!(top(&row, &[1.0, 3.0], &[5.0, 3.0], TOLERANCE).unwrap().starts_with("rank 1 is token 2"));
        assert!(top(&row, &[1.0, 9.0], &[5.0, 3.0], TOLERANCE).is_some(), "an id beyond the vocabulary");
    }
}
