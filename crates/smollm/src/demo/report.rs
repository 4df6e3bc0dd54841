//! What a demo came to, on one page that fetches nothing.

use super::log::STEPS;
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
    steps(&mut out, folder)?;
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

/// What each command took: all the times that it was begun, if it was broken off.
fn steps(out: &mut String, folder: &Path) -> Result<(), Error> {
    let took = lines(&folder.join(STEPS))?;
    if took.is_empty() {
        return Ok(());
    }
    out.push_str("<h2>Steps</h2>\n<table>\n<tr><th></th><th>seconds</th><th>memory</th><th>command</th></tr>\n");
    let mut whole = 0.0;
    for step in &took {
        let seconds = step["seconds"].as_f64().unwrap_or_default();
        whole += seconds;
        let memory = step["peak_bytes"].as_f64().map_or_else(String::new, |bytes| format!("{:.0} MB", bytes / 1e6));
        let text = |key: &str| page::escaped(step[key].as_str().unwrap_or_default());
        let broken_off = if step["done"] == true { "" } else { " (broken off)" };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}{broken_off}</th><td>{seconds:.0}</td><td>{memory}</td><td class=\"said\">{}</td></tr>",
            text("step"),
            text("command")
        );
    }
    let last = took.last().unwrap_or(&Value::Null);
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\">all</th><td>{whole:.0}</td><td></td><td>instruction set {}, {} threads</td></tr>\n</table>",
        page::escaped(last["isa"].as_str().unwrap_or_default()),
        last["threads"]
    );
    Ok(())
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
        (Some(share), ..) => {
            let refused = row["refused"].as_u64().filter(|&refused| refused > 0);
            let refused = refused.map_or_else(String::new, |refused| format!(" ({refused} false refusals)"));
            format!("{:.1} % of {}{refused}", 100.0 * share, row["items"])
        }
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
        let own = answers.iter().filter(|answer| answer["kind"] == kind);
        let exercises = lines(&items)?.into_iter().zip(own).filter(|(item, _)| item["check"].is_object());
        let shown: Vec<(Value, &Value)> = exercises.take(if kind == BY_HAND { usize::MAX } else { SHOWN }).collect();
        if shown.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "<h3>{}</h3>\n<table>\n<tr><th></th><th>asked</th><th>answered</th></tr>\n",
            page::escaped(kind)
        );
        for (item, answer) in shown {
            let mark = if answer["passed"] == true { "✓" } else { "✗" };
            let said = match (answer["answer"].as_str(), answer["failed"].as_str()) {
                (Some(said), _) => said.to_owned(),
                (None, problem) => format!("(not tried: {})", problem.unwrap_or_default()),
            };
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{mark}</th><td class=\"said\">{}</td><td class=\"said\">{}</td></tr>",
                whole(&asked(&item)),
                whole(&said)
            );
        }
        out.push_str("</table>\n");
    }
    Ok(())
}

/// Text as HTML has it where its lines are kept apart.
fn whole(text: &str) -> String {
    text.split('\n').map(page::escaped).collect::<Vec<_>>().join("\n")
}

/// The conversation of an item, and the functions that may be called.
fn asked(item: &Value) -> String {
    let turns = item["messages"].as_array().into_iter().flatten();
    let of_turn = |turn: &Value| {
        let said = turn["content"].as_str().map_or_else(|| turn["tool_calls"].to_string(), str::to_owned);
        format!("{}: {said}", turn["role"].as_str().unwrap_or_default())
    };
    let tools = item["tools"].as_array().into_iter().flatten();
    let names: Vec<&str> = tools.filter_map(|tool| tool["function"]["name"].as_str()).collect();
    let tools = (!names.is_empty()).then(|| format!("tools: {}", names.join(", ")));
    tools.into_iter().chain(turns.map(of_turn)).collect::<Vec<_>>().join("\n")
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
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}
