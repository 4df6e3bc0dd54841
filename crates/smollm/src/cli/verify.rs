//! `smollm verify`: how often a model is right about items whose right answers can be told.

use super::args::ModelArgs;
use super::failure::usage;
use super::interrupt::Interrupt;
use super::output::output;
use super::progress::Bar;
use serde_json::{Value, json};
use smollm::Error;
use smollm::verify::{Row, Totals, VerifyOptions, read_items, table, verify, write_outcomes};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Try a model on items with checks: exercises, texts of known probability, preference pairs.
///
/// A line of a file is an exercise (`messages`, `tools`, `check`), which is answered greedily and checked; a text (`prompt`, `completion`,
/// `nats`), whose loss is put beside its entropy; or a pair (`prompt`, `chosen`, `rejected`), where the preferred answer should be the more
/// probable one. `smollm world` writes such files, and docs/verify.md says how to write your own.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    model: ModelArgs,
    /// Files of items, JSON lines; each is a row of the table, files of one name together
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only the first so many items of each file
    #[arg(long, value_name = "N")]
    first: Option<usize>,
    /// Write what the model made of each item, as JSON lines
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The longest answer, in tokens
    #[arg(long, value_name = "N", default_value_t = VerifyOptions::default().max_tokens)]
    max_tokens: usize,
    /// One JSON object per row
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.max_tokens == 0 || self.first == Some(0) {
            return usage("--max-tokens and --first must be at least 1");
        }
        let mut items = Vec::new();
        for file in &self.files {
            items.extend(read_items(file)?.into_iter().take(self.first.unwrap_or(usize::MAX)));
        }
        let model = self.model.open()?;
        let interrupt = Interrupt::listen()?;
        let bar = Bar::counting("items", self.model.name.quiet);
        let options = VerifyOptions { max_tokens: self.max_tokens, ..VerifyOptions::default() };
        let outcomes = verify(&model, &items, options, &mut |done| {
            bar.at(done, items.len());
            if interrupt.check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        drop(bar);
        let Some(outcomes) = outcomes? else { return Err(Error::Interrupted.into()) };
        if let Some(path) = &self.output {
            write_outcomes(path, &items, &outcomes)?;
        }
        let mut out = output();
        for row in table(&items, &outcomes) {
            if self.json {
                writeln!(out, "{}", row_object(&row))?;
            } else {
                writeln!(out, "{row}")?;
            }
        }
        Ok(())
    }
}

fn row_object(row: &Row) -> Value {
    let (kind, items, failed) = (&row.kind, row.items, row.failed);
    match row.totals {
        Totals::Right { right, refused } => json!({
            "kind": kind, "items": items, "failed": failed, "right": right, "share": row.share(), "refused": refused,
        }),
        Totals::Nats { model, truth, tokens } => {
            let per_token = |nats: f64| nats / tokens.max(1) as f64;
            json!({
                "kind": kind, "items": items, "failed": failed, "tokens": tokens, "loss": per_token(model), "entropy": per_token(truth),
                "gap": per_token(model - truth),
            })
        }
    }
}
