//! What a demo came to, on one page that fetches nothing.

use super::steps::BY_HAND;
use crate::error::Error;
use crate::outputs::write_file;
use crate::train::telemetry::{METRICS, Metrics, page, read_metrics};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Columns of the table: the name of the results, and what they are of.
const STAGES: [(&str, &str); 5] = [
    ("pretrain", "pretrained"),
    ("sft", "conversations"),
    ("dpo", "preferences"),
    ("q8_0", "8 bits"),
    ("q4_0", "4 bits"),
];

/// Of each kind of items so many answers are shown, and all that were written by hand.
const SHOWN: usize = 6;

/// Writes the page about the demo in `folder`.
///
/// # Errors
/// Something that its steps have written cannot be read, or the page cannot be written.
pub fn write_report(folder: &Path, path: &Path) -> Result<(), Error> {
    let mut out = page::begin("A small world, learnt");
    let about = lines(&folder.join("world/world.json"))?;
    let number = |name: &str| about.first().map_or_else(String::new, |world| world[name].to_string());
    let _ = writeln!(
        out,
        "<p>A model trained from nothing on a world that was made with the seed {} at scale {}.</p>",
        number("seed"),
        number("scale")
    );
    table(&mut out, folder)?;
    for stage in ["pretrain", "sft", "dpo"] {
        let metrics = folder.join("runs").join(stage).join(METRICS);
        if metrics.is_file() {
            let metrics: Vec<Metrics> = read_metrics(&metrics)?;
            let _ = write!(
                out,
                "<h2>{stage}</h2>\n<div class=\"plots\">\n{}</div>\n",
                page::plots(&metrics, &["loss", "tokens_per_second"])
            );
        }
    }
    answers(&mut out, folder)?;
    page::end(&mut out);
    write_file(path, out.as_bytes())
}

/// Right answers by kind and stage, in per cent; of texts nats per token.
fn table(out: &mut String, folder: &Path) -> Result<(), Error> {
    let mut kinds: Vec<String> = Vec::new();
    let mut stages = Vec::new();
    for (name, title) in STAGES {
        let rows = lines(&folder.join(format!("results/{name}.jsonl")))?;
        for kind in rows.iter().filter_map(|row| row["kind"].as_str()) {
            if !kinds.iter().any(|known| known == kind) {
                kinds.push(kind.to_owned());
            }
        }
        stages.push((title, rows));
    }
    out.push_str("<h2>On what was held out</h2>\n<table>\n<tr><th></th>");
    for (title, _) in &stages {
        let _ = write!(out, "<th>{title}</th>");
    }
    out.push_str("</tr>\n");
    for kind in &kinds {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", page::escaped(kind));
        for (_, rows) in &stages {
            let cell = rows.iter().find(|row| row["kind"] == kind.as_str()).map_or_else(String::new, cell);
            let _ = write!(out, "<td>{cell}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
    Ok(())
}

fn cell(row: &Value) -> String {
    match (row["share"].as_f64(), row["loss"].as_f64(), row["entropy"].as_f64()) {
        (Some(share), ..) => format!("{:.1} %", 100.0 * share),
        (None, Some(loss), Some(entropy)) => format!("{loss:.3} (entropy {entropy:.3}, gap {:.3})", loss - entropy),
        _ => String::new(),
    }
}

/// Prompts and answers of the last whole model.
fn answers(out: &mut String, folder: &Path) -> Result<(), Error> {
    let answers = lines(&folder.join("results/q8_0-answers.jsonl"))?;
    if answers.is_empty() {
        return Ok(());
    }
    out.push_str("<h2>Answers of the 8-bit model</h2>\n");
    let mut kinds: Vec<&str> = answers.iter().filter_map(|answer| answer["kind"].as_str()).collect();
    kinds.dedup();
    for kind in kinds {
        let items = match kind {
            BY_HAND => folder.join("hand-written.jsonl"),
            _ => folder.join(format!("world/held-out/{kind}.jsonl")),
        };
        let own = answers.iter().filter(|answer| answer["kind"] == kind && answer["answer"].is_string());
        let shown = if kind == BY_HAND { usize::MAX } else { SHOWN };
        let pairs: Vec<(Value, &Value)> = lines(&items)?.into_iter().zip(own).take(shown).collect();
        if pairs.is_empty() {
            continue;
        }
        let _ = write!(out, "<h3>{}</h3>\n<table>\n", page::escaped(kind));
        for (item, answer) in pairs {
            let asked: Vec<&str> =
                item["messages"].as_array().into_iter().flatten().filter_map(|turn| turn["content"].as_str()).collect();
            let mark = if answer["passed"] == true { "✓" } else { "✗" };
            let said = answer["answer"].as_str().unwrap_or_default();
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{mark}</th><td class=\"said\">{}</td><td class=\"said\">{}</td></tr>",
                page::escaped(&asked.join("\n")),
                page::escaped(said)
            );
        }
        out.push_str("</table>\n");
    }
    Ok(())
}

/// The lines of a file of JSON; none if it is not there.
fn lines(path: &Path) -> Result<Vec<Value>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::Read { path: path.into(), error }),
    };
    let line = |(number, line): (u64, &str)| {
        serde_json::from_str(line).map_err(|error| Error::Line {
            path: path.into(),
            line: number,
            problem: error.to_string(),
        })
    };
    (1..).zip(text.lines()).map(line).collect()
}
