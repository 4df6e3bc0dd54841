//! `report.html`: a run on one page that needs nothing else.

use super::Metrics;
use super::page;
use super::plot::{escaped, label};
use crate::error::Error;
use crate::train::data::{Counts, FeedCounts};
use crate::train::estimate::grouped;
use crate::train::recipe::{Recipe, leaves};
use std::fmt::Write;
use std::io::Write as _;
use std::path::Path;

/// What a report shows.
#[derive(Debug)]
pub struct Report<'a> {
    /// Its heading.
    pub title: &'a str,
    /// What was run.
    pub recipe: &'a Recipe,
    /// Names and texts of the first table: how the run ended, the best loss, the machine.
    pub results: &'a [(String, String)],
    /// All that was told while it ran.
    pub metrics: &'a [Metrics],
}

impl Report<'_> {
    /// The page.
    pub fn to_html(&self) -> String {
        let mut out = page::begin(self.title);
        table(&mut out, "Results", &self.with_last());
        let plots = self.plots();
        if plots.is_empty() {
            out.push_str("<p>Nothing has been told of any step yet.</p>\n");
        } else {
            let _ = write!(out, "<h2>Over the steps</h2>\n<div class=\"plots\">\n{plots}</div>\n");
        }
        let mut values = Vec::new();
        leaves(&self.recipe.to_json(), String::new(), &mut values);
        table(&mut out, "Recipe", &values);
        page::end(&mut out);
        out
    }

    /// The results, and where the run stands.
    fn with_last(&self) -> Vec<(String, String)> {
        let mut rows = self.results.to_vec();
        let last = |name: &str| self.metrics.iter().rev().find_map(|metrics| metrics.get(name));
        if let Some(metrics) = self.metrics.last() {
            rows.push(("steps".into(), metrics.step.to_string()));
            rows.push(("tokens".into(), metrics.tokens.to_string()));
        }
        for (name, title) in [("loss", "last loss"), ("eval_loss", "last validation loss")] {
            rows.extend(last(name).map(|value| (title.to_owned(), label(value))));
        }
        let best = self.metrics.iter().filter_map(|metrics| Some((metrics.get("eval_loss")?, metrics.step)));
        if let Some((loss, step)) =
            best.filter(|(loss, _)| !loss.is_nan()).min_by(|one, other| one.0.total_cmp(&other.0))
        {
            rows.push(("least validation loss".into(), format!("{} after {step} steps", label(loss))));
        }
        rows
    }

    fn plots(&self) -> String {
        let mut names: Vec<&str> = page::FIRST.iter().map(|(name, _)| *name).collect();
        for (name, _) in self.metrics.iter().flat_map(|metrics| &metrics.values) {
            let name = name.strip_prefix("eval_").unwrap_or(name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        page::plots(self.metrics, &names)
    }
}

fn table(out: &mut String, title: &str, rows: &[(String, String)]) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(out, "<h2>{title}</h2>\n<table>\n");
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
    }
    out.push_str("</table>\n");
}

/// Results that say how much was learnt from, and what of it was not.
pub fn data_results(counts: &FeedCounts) -> Vec<(String, String)> {
    let sum = |of: fn(&Counts) -> u64| grouped(counts.training.iter().map(of).sum::<u64>() as f64);
    let documents = format!("{} with {} tokens", sum(|counts| counts.documents), sum(|counts| counts.tokens));
    let mut results = vec![("documents".to_owned(), documents)];
    results.extend(counts.lost().lines().into_iter().map(|(name, value)| (name.to_owned(), value)));
    results
}

/// Writes the page, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub fn write_report(path: &Path, report: &Report<'_>) -> Result<(), Error> {
    let refuse = |error| Error::Write { path: path.into(), error };
    let partial = path.with_extension("partial");
    let mut file = std::fs::File::create(&partial).map_err(refuse)?;
    file.write_all(report.to_html().as_bytes()).and_then(|()| file.sync_all()).map_err(refuse)?;
    std::fs::rename(&partial, path).map_err(refuse)
}
