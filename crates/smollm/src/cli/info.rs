//! `smollm info`: what a model is.

use super::args::{EngineArgs, ModelArgs};
use super::failure::{plain, usage};
use super::output::output;
use super::progress::Bar;
use indicatif::{BinaryBytes, HumanCount};
use smollm::{Damage, Info as Facts, Plan};
use std::io::Write;
use std::ops::ControlFlow;

/// Show what a model is: shape, types, memory, licence, template.
#[derive(Debug, clap::Args)]
pub(crate) struct Info {
    #[command(flatten)]
    model: ModelArgs,
    /// The model, as with -m
    #[arg(value_name = "MODEL", conflicts_with = "model")]
    name: Option<String>,
    /// Read every weight and look for NaN, infinities and dead (all-zero) rows
    #[arg(long)]
    check: bool,
    /// Predict the memory that serving it takes at most
    #[arg(long)]
    plan: bool,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Info {
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        if self.name.is_some() {
            self.model.name.model = self.name.take();
        }
        let EngineArgs { parallel, memory, kv_tokens, batch_tokens } = &self.engine;
        if !self.plan && (parallel.or(*memory).or(*kv_tokens).or(*batch_tokens)).is_some() {
            return usage("--parallel, --memory, --kv-tokens and --batch-tokens are for --plan");
        }
        let model = self.model.open()?;
        let facts = model.info()?;
        let plan = self.plan.then(|| model.plan(&self.engine.options())).transpose()?;
        let damage = match self.check {
            false => None,
            true => {
                let bar = Bar::counting("checking tensors", self.model.name.quiet);
                let damage = model.check(&mut |done, total| {
                    bar.at(done, total);
                    ControlFlow::Continue(())
                })?;
                Some(damage)
            }
        };
        let mut out = output();
        if self.json {
            let mut json = serde_json::to_value(&facts)?;
            if let Some(plan) = &plan {
                json["plan"] = serde_json::to_value(plan)?;
            }
            if let Some(damage) = &damage {
                json["check"] = serde_json::to_value(damage)?;
            }
            writeln!(out, "{json}")?;
        } else {
            table(&mut out, &facts)?;
            if let Some(plan) = &plan {
                plan_table(&mut out, plan)?;
            }
            if let Some(damage) = &damage {
                report(&mut out, damage)?;
            }
        }
        match damage {
            Some(damage) if !damage.not_finite.is_empty() => {
                Err(anyhow::anyhow!("{} tensors have NaN or infinite weights", damage.not_finite.len()))
            }
            _ => Ok(()),
        }
    }
}

fn table(out: &mut impl Write, f: &Facts) -> std::io::Result<()> {
    // what files say of themselves is text from outside
    let mut row = |name: &str, value: String| writeln!(out, "{name:14} {}", plain(&value));
    row("model", f.name.clone())?;
    row("path", format!("{} ({})", f.path, f.format))?;
    row("architecture", f.architecture.into())?;
    row("parameters", HumanCount(f.parameters as u64).to_string())?;
    row(
        "shape",
        format!(
            "{} layers, hidden {}, {} heads ({} kv) of {}, feed-forward {}",
            f.num_hidden_layers,
            f.hidden_size,
            f.num_attention_heads,
            f.num_key_value_heads,
            f.head_dim,
            f.intermediate_size
        ),
    )?;
    let tied = if f.tie_word_embeddings { "tied head" } else { "own head" };
    row("vocabulary", format!("{} ({tied})", f.vocab_size))?;
    row("positions", format!("{} (rope theta {})", f.max_position_embeddings, f.rope_theta))?;
    for (dtype, share) in &f.dtypes {
        row("weights", format!("{dtype}: {} tensors, {}", share.tensors, BinaryBytes(share.bytes as u64)))?;
    }
    row("files", BinaryBytes(f.file_bytes).to_string())?;
    row("kv cache", format!("{} at {} tokens ({})", BinaryBytes(f.kv_bytes as u64), f.context, f.kv_dtype))?;
    row("licence", f.licence.clone().unwrap_or_else(|| "not stated in the files".into()))?;
    row("tokenizer", f.tokenizer.clone().unwrap_or_else(|| "none (token ids only)".into()))?;
    row("template", f.template_chars.map_or("none (base model)".into(), |n| format!("{n} characters")))?;
    row("sampling", f.defaults.clone())?;
    row("stops at", f.stop_ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", "))?;
    row("runs on", format!("{} with {} threads", f.isa, f.threads))?;
    f.notes.iter().try_for_each(|note| row("note", note.clone()))
}

fn plan_table(out: &mut impl Write, p: &Plan) -> std::io::Result<()> {
    let bytes = |bytes: usize| BinaryBytes(bytes as u64);
    writeln!(out, "plan weights   {}", bytes(p.weight_bytes))?;
    writeln!(out, "plan cache     {} at {} tokens", bytes(p.kv_bytes), p.kv_tokens)?;
    writeln!(out, "plan buffers   {} for {} requests at once", bytes(p.buffer_bytes), p.parallel)?;
    writeln!(out, "plan program   {}", bytes(p.program_bytes))?;
    writeln!(out, "plan total     {}", bytes(p.total_bytes))
}

fn report(out: &mut impl Write, damage: &Damage) -> std::io::Result<()> {
    for (name, elements) in &damage.not_finite {
        writeln!(out, "damaged        {name}: {elements} elements are NaN or infinite")?;
    }
    for (name, rows) in &damage.dead {
        writeln!(out, "dead           {name}: {rows} rows are all zero")?;
    }
    if damage.not_finite.is_empty() && damage.dead.is_empty() {
        writeln!(out, "check          every weight is finite and no row is all zero")?;
    }
    Ok(())
}
