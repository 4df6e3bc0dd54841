//! What a run leaves at its end: a model that everything else opens, and the report.

use super::card;
use super::folder::RunFolder;
use super::start::{Source, Start};
use crate::error::Error;
use crate::files::ModelFiles;
use crate::outputs::{SmallFile, json_file, small_files, write_model, write_small_files};
use crate::tokenizer_files;
use crate::train::data::FeedCounts;
use crate::train::recipe::{ExportType, Recipe};
use crate::train::telemetry::{METRICS, REPORT, Report, data_results, read_metrics, write_report};
use serde_json::json;
use smollm_checkpoint::{TensorSpec, safetensors};
use smollm_kernels::{Bytes, Dtype, Matrix};
use smollm_model::ModelConfig;
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::template::ChatTemplate;
use smollm_train::run::{Ended, Run};
use smollm_train::{Lora, Tensors};
use std::path::{Path, PathBuf};

const CARD: &str = "README.md";

/// Writes the model, or the adapter. Where evaluations may end a run early, it is that of the best evaluation.
pub(super) fn write(
    folder: &RunFolder,
    recipe: &Recipe,
    (start, lora): (&Start, Option<&Lora>),
    run: &Run<'_>,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
) -> Result<PathBuf, Error> {
    let state = run.trainer.state();
    let best =
        run.best.least.first().map(|(step, _)| *step).filter(|step| run.plan.patience.is_some() && *step != state.step);
    let of_best = match best {
        Some(step) => Some(run.checkpoints.weights(step, &start.table(lora))?),
        None => None,
    };
    let learnt = of_best.as_ref().unwrap_or(&state.learnt);
    let to = folder.path().join(if lora.is_some() { "adapter" } else { "model" });
    let facts = card::Facts {
        start,
        title: title(folder.path()),
        step: best.unwrap_or(state.step),
        tokens: match best {
            Some(step) => tokens_after(folder, step)?.unwrap_or(state.tokens),
            None => state.tokens,
        },
        best: run.best.least.first().copied(),
        is_adapter: lora.is_some(),
        isa: run.trainer.cpu().isa(),
    };
    let card = (CARD, card::text(recipe, &facts).into_bytes());
    match lora {
        Some(lora) => {
            lora.adapter(learnt)?.write(&to)?;
            write_small_files(&to, &[card])?;
        }
        None => {
            let mut beside = text_files(start, recipe, tokenizer, template)?;
            beside.push(card);
            // whoever stops by the configuration alone stops where the tokenizer says
            let config = ModelConfig {
                bos_token_id: tokenizer.bos().or(start.config.bos_token_id),
                eos_token_ids: tokenizer.eos().map_or(start.config.eos_token_ids.clone(), |end| vec![end]),
                pad_token_id: tokenizer.pad().or(start.config.pad_token_id),
                ..start.config.clone()
            };
            model(&to, &config, learnt, dtype(recipe), beside)?;
        }
    }
    Ok(to)
}

/// Tokens that were learnt from up to a step, as the run has told them.
fn tokens_after(folder: &RunFolder, step: u64) -> Result<Option<u64>, Error> {
    let told = read_metrics(&folder.path().join(METRICS))?;
    Ok(told.iter().find(|metrics| metrics.step == step).map(|metrics| metrics.tokens))
}

fn dtype(recipe: &Recipe) -> Dtype {
    match recipe.export {
        ExportType::Bf16 => Dtype::BF16,
        ExportType::F16 => Dtype::F16,
        ExportType::F32 => Dtype::F32,
    }
}

/// A Hugging Face directory.
fn model(
    to: &Path,
    config: &ModelConfig,
    learnt: &Tensors,
    dtype: Dtype,
    mut beside: Vec<SmallFile>,
) -> Result<(), Error> {
    let config = ModelConfig { dtype: Some(dtype), ..config.clone() };
    beside.push(json_file("config.json", &config.to_json()));
    let specs = learnt.table().iter().map(|row| TensorSpec { name: row.name.clone(), dtype, shape: row.shape.dims() });
    let specs = specs.collect();
    let data = |spec: &TensorSpec| {
        // the specs are made from the table, so the tensor is there
        let (row, values) = learnt.iter().find(|(row, _)| row.name == spec.name).expect("the tensor is learnt");
        let (rows, cols) = match row.shape {
            smollm_model::Shape::Vector(len) => (1, len),
            smollm_model::Shape::Matrix(rows, cols) => (rows, cols),
        };
        Ok::<Bytes, Error>(Matrix::from_f32(rows, cols, values.to_vec()).to_dtype(dtype).bytes().clone())
    };
    let metadata = [("format".to_owned(), "pt".to_owned())];
    write_model(to, &beside, |path| safetensors::write(path, specs, &metadata, data, |_| Ok(())))
}

/// Tokenizer, template and settings: those of the model that it began as, unless the recipe names others.
fn text_files(
    start: &Start,
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
) -> Result<Vec<SmallFile>, Error> {
    let mut files = match &start.source {
        Source::Model { files: ModelFiles::Directory(directory), .. }
            if recipe.tokenizer.is_none() && recipe.template.is_none() =>
        {
            small_files(directory)?
        }
        _ => tokenizer_files::of(tokenizer, template)?,
    };
    files.retain(|(name, _)| *name != CARD);
    if !files.iter().any(|(name, _)| *name == "generation_config.json")
        && let Some(end) = tokenizer.eos()
    {
        files.push(json_file(
            "generation_config.json",
            &json!({ "eos_token_id": end, "pad_token_id": tokenizer.pad() }),
        ));
    }
    Ok(files)
}

/// Writes the report; where it stands.
pub(super) fn report(
    folder: &RunFolder,
    recipe: &Recipe,
    counts: &FeedCounts,
    run: &Run<'_>,
    ended: &Result<Ended, Error>,
) -> Result<PathBuf, Error> {
    let metrics = read_metrics(&folder.path().join(METRICS))?;
    let how = match ended {
        Err(error) => format!("broken off: {error}"),
        Ok(Ended::Done) => "all steps are done".to_owned(),
        Ok(Ended::Early) => format!("early: {} evaluations without a new least loss", run.best.since),
        Ok(Ended::Stopped) => "stopped; `smollm train resume` goes on".to_owned(),
    };
    let cpu = run.trainer.cpu();
    let mut results = vec![
        ("ended".to_owned(), how),
        ("steps of the recipe".to_owned(), run.trainer.options().total_steps.to_string()),
        ("computed with".to_owned(), format!("{}, {} threads", cpu.isa(), cpu.threads())),
    ];
    results.extend(data_results(counts));
    let path = folder.path().join(REPORT);
    let title = title(folder.path());
    write_report(&path, &Report { title: &title, recipe, results: &results, metrics: &metrics })?;
    Ok(path)
}

fn title(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}
