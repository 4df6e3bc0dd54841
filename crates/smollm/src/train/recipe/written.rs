//! A recipe back to JSON and YAML, with every value that it has: what was left out, too.

use super::data::{DOCUMENTS, Documents, LOSSES, Mix, ON_LOST, PACKINGS, Source, Validation};
use super::read::{CURVES, EXPORTS, KEEPINGS, KINDS, LOSSES as PREFERENCE_LOSSES, PRECISIONS, REFERENCES};
use super::{Data, Duration, Extent, Form, Init, Objective, Recipe, Schedule, Start};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::path::Path;

impl Recipe {
    /// All of it, in the form that it has as YAML.
    pub fn to_json(&self) -> Value {
        let mut recipe = Map::new();
        let mut put = |key: &str, value: Value| recipe.insert(key.into(), value);
        put("kind", word(KINDS, self.kind));
        match &self.start {
            Start::Model(name) => put("model", json!(name)),
            Start::Init(init) => put("init", self::init(init)),
        };
        if let Some(tokenizer) = &self.tokenizer {
            put("tokenizer", json!(tokenizer));
        }
        if let Some(template) = &self.template {
            put("template", path(template));
        }
        if let Some(license) = &self.license {
            put("license", json!(license));
        }
        put("output", path(&self.output));
        put("seed", json!(self.seed));
        put("data", data(&self.data, self.kind == super::Kind::Dpo));
        put("objective", objective(self.objective));
        let optimizer = &self.optimizer;
        put(
            "optimizer",
            json!({
                "learning_rate": optimizer.learning_rate, "betas": optimizer.betas, "eps": optimizer.eps,
                "weight_decay": optimizer.weight_decay, "decay_embeddings": optimizer.decay_embeddings,
                "decay_norms": optimizer.decay_norms, "max_grad_norm": or_word(optimizer.max_grad_norm, "none"),
            }),
        );
        put("schedule", schedule(self.schedule));
        put("batch", json!({ "rows": self.batch.rows, "micro_rows": self.batch.micro_rows }));
        put(
            "duration",
            match self.duration {
                Duration::Epochs(epochs) => json!({ "epochs": epochs }),
                Duration::Steps(steps) => json!({ "steps": steps }),
                Duration::Tokens(tokens) => json!({ "tokens": tokens }),
            },
        );
        if let Some(lora) = &self.lora {
            let mut map =
                json!({ "rank": lora.rank, "alpha": lora.alpha, "rslora": lora.rslora, "dropout": lora.dropout });
            map["target_modules"] = json!(lora.target_modules);
            map["modules_to_save"] = json!(lora.modules_to_save);
            put("lora", map);
        }
        put(
            "compute",
            json!({
                "dtype": word(PRECISIONS, self.compute.dtype), "activations": word(KEEPINGS, self.compute.activations),
                "threads": or_word(self.compute.threads, "auto"),
            }),
        );
        let checkpoint = &self.checkpoint;
        put(
            "checkpoint",
            json!({
                "every_steps": checkpoint.every_steps, "keep_last": checkpoint.keep_last, "keep_best": checkpoint.keep_best,
            }),
        );
        if let Some(evaluation) = &self.evaluation {
            let (rows, patience) = (or_word(evaluation.rows, "all"), or_word(evaluation.patience, "none"));
            put("evaluation", json!({ "every_steps": evaluation.every_steps, "rows": rows, "patience": patience }));
        }
        put("export", json!({ "dtype": word(EXPORTS, self.export) }));
        Value::Object(recipe)
    }

    /// All of it as YAML, which [`Recipe::read`] reads as the same recipe, wherever the file lies.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        if let Value::Object(map) = self.to_json() {
            block(&map, 0, &mut out);
        }
        out
    }
}

/// Every value that is no list of lists or map, with its path: what a table shows.
pub(crate) fn leaves(value: &Value, path: String, out: &mut Vec<(String, String)>) {
    let deeper = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| leaves(value, deeper(key), out));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(index, item)| leaves(item, format!("{path}[{index}]"), out));
        }
        Value::String(text) => out.push((path, text.clone())),
        other => out.push((path, other.to_string())),
    }
}

fn word<T: PartialEq>(words: &[(&str, T)], value: T) -> Value {
    words.iter().find(|(_, other)| *other == value).map_or(Value::Null, |(word, _)| json!(word))
}

fn or_word<T: Into<Value>>(value: Option<T>, word: &str) -> Value {
    value.map_or_else(|| json!(word), Into::into)
}

fn path(path: &Path) -> Value {
    json!(path.display().to_string())
}

fn init(init: &Init) -> Value {
    let mut map = json!({ "shape": init.shape, "seed": init.seed });
    if let Some(std) = init.std {
        map["std"] = json!(std);
    }
    map["depth_scaled"] = json!(init.depth_scaled);
    map["set"] = Value::Object(init.set.clone());
    map
}

fn objective(objective: Objective) -> Value {
    match objective {
        Objective::NextToken { z_loss } => json!({ "z_loss": z_loss }),
        Objective::Preference { loss, beta, reference } => {
            json!({ "loss": word(PREFERENCE_LOSSES, loss), "beta": beta, "reference": word(REFERENCES, reference) })
        }
    }
}

fn schedule(schedule: Schedule) -> Value {
    let mut map = Map::new();
    let name = match schedule.form {
        Form::Wsd { .. } => "wsd",
        Form::Cosine => "cosine",
        Form::Linear => "linear",
        Form::Constant => "constant",
    };
    map.insert("type".into(), json!(name));
    let mut extent = |name: &str, extent: Extent| match extent {
        Extent::Steps(steps) => map.insert(format!("{name}_steps"), json!(steps)),
        Extent::Ratio(ratio) => map.insert(format!("{name}_ratio"), json!(ratio)),
    };
    extent("warmup", schedule.warmup);
    if let Form::Wsd { decay, curve } = schedule.form {
        extent("decay", decay);
        map.insert("decay".into(), word(CURVES, curve));
    }
    if schedule.form != Form::Constant {
        map.insert("final_ratio".into(), json!(schedule.final_ratio));
    }
    Value::Object(map)
}

fn data(data: &Data, dpo: bool) -> Value {
    let mut sources: Vec<Map<String, Value>> = data.sources.iter().map(source).collect();
    let mut map = Map::new();
    let mut stages = Vec::new();
    match &data.mix {
        Mix::Repeat(repeats) => {
            for (source, repeat) in sources.iter_mut().zip(repeats) {
                source.insert("repeat".into(), json!(repeat));
            }
        }
        Mix::Stages(all) => {
            for stage in all {
                let names = data.sources.iter().map(|source| source.name.clone());
                let weights: Map<String, Value> = names.zip(stage.weights.iter().map(|weight| json!(weight))).collect();
                stages.push(json!({ "from_tokens": stage.from_tokens, "weights": weights }));
            }
        }
    }
    map.insert("sources".into(), json!(sources));
    if !stages.is_empty() {
        map.insert("stages".into(), json!(stages));
    }
    map.insert("packing".into(), word(PACKINGS, data.packing));
    map.insert("sequence_length".into(), json!(data.sequence_length));
    if !dpo {
        map.insert("loss".into(), word(LOSSES, data.loss));
    }
    map.insert("max_tokens".into(), or_word(data.max_tokens, "none"));
    if dpo {
        map.insert("max_prompt".into(), or_word(data.max_prompt, "none"));
    }
    map.insert("end_token".into(), json!(data.end_token));
    map.insert("parse_special".into(), json!(data.parse_special));
    map.insert("on_lost".into(), word(ON_LOST, data.on_lost));
    map.insert("variables".into(), Value::Object(data.variables.clone()));
    match &data.validation {
        None => {}
        Some(Validation::Fraction(fraction)) => {
            map.insert("validation".into(), json!({ "fraction": fraction }));
        }
        Some(Validation::Sources(sources)) => {
            let sources: Vec<_> = sources.iter().map(source).collect();
            map.insert("validation".into(), json!({ "sources": sources }));
        }
    }
    Value::Object(map)
}

fn source(source: &Source) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("name".into(), json!(source.name));
    map.insert("path".into(), source.paths.iter().map(|one| path(one)).collect());
    if let Some(column) = &source.text_column {
        map.insert("text_column".into(), json!(column));
    }
    match &source.documents {
        Documents::Separator(line) => map.insert("separator".into(), json!(line)),
        other => map.insert("documents".into(), word(DOCUMENTS, *other == Documents::Lines)),
    };
    map
}

/// A map in block style.
fn block(map: &Map<String, Value>, indent: usize, out: &mut String) {
    for (key, value) in map {
        // Writing to a string cannot fail.
        let _ = write!(out, "{:indent$}{}:", "", scalar(key));
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push('\n');
                block(map, indent + 2, out);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                out.push('\n');
                for item in items {
                    let start = out.len();
                    match item {
                        Value::Object(map) if !map.is_empty() => {
                            block(map, indent + 4, out);
                            // The first key stands behind the dash.
                            out.replace_range(start + indent + 2..start + indent + 3, "-");
                        }
                        other => {
                            let _ = writeln!(out, "{:1$}- {2}", "", indent + 2, flow(other));
                        }
                    }
                }
            }
            other => {
                let _ = writeln!(out, " {}", flow(other));
            }
        }
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Text without quotes where nobody could take it for something else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !["null", "true", "false", "yes", "no", "on", "off", "nan", "inf"]
            .contains(&text.to_ascii_lowercase().as_str());
    // the one word that begins with a digit
    if plain || text == "1-sqrt" {
        return text.into();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        let code = u32::from(c);
        let _ = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            ' '..='~' => write!(quoted, "{c}"),
            _ if c.is_alphanumeric() => write!(quoted, "{c}"),
            _ if code < 0x100 => write!(quoted, "\\x{code:02x}"),
            _ if code < 0x1_0000 => write!(quoted, "\\u{code:04x}"),
            _ => write!(quoted, "\\U{code:08x}"),
        };
    }
    quoted.push('"');
    quoted
}
