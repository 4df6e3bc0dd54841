//! `smollm bench`: a table, or JSON.

use super::args::{ModelArgs, whole};
use super::failure::usage;
use super::output::output;
use super::progress::Bar;
use smollm::{BenchOptions, BenchResult, bench};
use std::io::Write;
use std::ops::ControlFlow;

/// Measure prefill and decode speed against the machine's roof.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    model: ModelArgs,
    /// Prompt lengths to measure; 0 for none
    #[arg(short, long, value_name = "TOKENS", value_delimiter = ',', default_value = "512")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    prefill: Vec<usize>,
    /// Tokens to generate per measurement; 0 for none
    #[arg(short, long, value_name = "TOKENS", default_value_t = 64)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    decode: usize,
    /// Tokens in the cache before measuring
    #[arg(long, value_name = "TOKENS", value_delimiter = ',', default_value = "0")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    depth: Vec<usize>,
    /// Sequences at once
    #[arg(short, long, value_name = "N", value_delimiter = ',', default_value = "1")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    batch: Vec<usize>,
    /// Measurements of each, after one that does not count
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    repeats: usize,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Each sequence has a cache of its own.
const MOST_SEQUENCES: usize = 1024;

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.batch.iter().any(|&batch| batch == 0 || batch > MOST_SEQUENCES) {
            return usage(format!("--batch must be between 1 and {MOST_SEQUENCES}"));
        }
        if self.repeats == 0 {
            return usage("--repeats must be at least 1");
        }
        let longest = self.prefill.iter().copied().max().unwrap_or(0).max(self.decode);
        let deepest = self.depth.iter().copied().max().unwrap_or(0).saturating_add(longest);
        if let Some(ctx) = self.model.run.ctx.filter(|&ctx| deepest > ctx) {
            return usage(format!("--prefill, --decode and --depth ask for {deepest} tokens, more than --ctx {ctx}"));
        }
        let model = self.model.open()?;
        let options = BenchOptions {
            prefill: self.prefill.iter().copied().filter(|&tokens| tokens > 0).collect(),
            decode: self.decode,
            depths: self.depth.clone(),
            batches: self.batch.clone(),
            repeats: self.repeats,
        };
        let kinds = options.prefill.len() + usize::from(options.decode > 0);
        let measurements = options.batches.len() * options.depths.len() * kinds;
        let (bar, mut done) = (Bar::counting("measuring", self.model.name.quiet), 0);
        bar.at(done, measurements); // the first measurement may take a while
        let mut out = output();
        let (mut written, mut header) = (Ok(()), format!("{HEADER}\n"));
        let report = bench(&model, &options, &mut |result| {
            if !self.json {
                let rows = format!("{}{}\n", std::mem::take(&mut header), row(result));
                written = bar.aside(|| out.write_all(rows.as_bytes()).and_then(|()| out.flush()));
            }
            done += 1;
            bar.at(done, measurements);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        drop(bar);
        written?;
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
            return Ok(());
        }
        let (machine, model) = (&report.machine, &report.model);
        // What `roof::fma_gflops` multiplies.
        let numbers = if machine.isa == "amx" { "bf16" } else { "f32" };
        writeln!(
            out,
            "{} on {} ({}, {} threads): roof {:.1} GB/s read, {:.0} GFLOP/s {numbers}; weights {} {:.0} MB, cache {}",
            model.name,
            machine.arch,
            machine.isa,
            machine.threads,
            machine.read_gb_per_s,
            machine.fma_gflop_per_s,
            model.dtype,
            model.weight_bytes as f64 * 1e-6,
            model.kv_dtype,
        )?;
        Ok(())
    }
}

const HEADER: &str = "kind     tokens  depth  batch     tokens/s  (min .. max)            GB/s  GFLOP/s  of roof";

fn row(r: &BenchResult) -> String {
    let t = &r.tokens_per_s;
    format!(
        "{:7} {:7} {:6} {:6} {:12.1}  ({:.1} .. {:.1}){:>w$} {:8.1} {:8.1} {:7.0}%",
        r.kind,
        r.tokens,
        r.depth,
        r.batch,
        t.median,
        t.min,
        t.max,
        "",
        r.gb_per_s,
        r.gflop_per_s,
        r.roof_share * 100.0,
        w = 20_usize.saturating_sub(format!("({:.1} .. {:.1})", t.min, t.max).len()),
    )
}
