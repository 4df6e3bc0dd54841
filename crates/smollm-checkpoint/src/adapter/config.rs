//! `adapter_config.json`: what of PEFT's options is supported, and a clear refusal of what is not.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::error::AdapterError;
use crate::json::{self, Members};

/// Which modules an adapter was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetModules {
    /// Names such as `q_proj`: every module whose name ends in one of them.
    Names(Vec<String>),
    /// A regular expression over the whole module name (or PEFT's word `all-linear`).
    Pattern(String),
}

/// The options of a LoRA adapter that matter for applying it.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterConfig {
    /// Rank of modules that `rank_pattern` does not name.
    pub r: usize,
    /// Alpha of modules that `alpha_pattern` does not name.
    pub alpha: f64,
    /// Divide by the root of the rank instead of the rank.
    pub use_rslora: bool,
    /// Which modules are adapted; the weights file has the last word.
    pub target_modules: TargetModules,
    /// Ranks by module name pattern; the first that fits counts.
    pub rank_pattern: Vec<(String, usize)>,
    /// Alphas by module name pattern; the first that fits counts.
    pub alpha_pattern: Vec<(String, f64)>,
    /// Modules that were trained whole and stand in the file whole.
    pub modules_to_save: Vec<String>,
    /// Dropout of `x` before `A` in training.
    pub dropout: f64,
    /// The model it was trained on, for the user.
    pub base_model: Option<String>,
}

/// A check on a field: `None` if its value asks for nothing special.
struct Unsupported {
    field: &'static str,
    is_off: fn(&Value) -> bool,
    why: &'static str,
}

/// Options of PEFT 0.21 `LoraConfig` that change what the adapter computes.
const UNSUPPORTED: [Unsupported; 17] = {
    const fn option(field: &'static str, is_off: fn(&Value) -> bool, why: &'static str) -> Unsupported {
        Unsupported { field, is_off, why }
    }
    [
        option("peft_type", |v| v == "LORA", "only LORA adapters can be applied"),
        option("use_dora", is_off, "DoRA is not supported; merge it into the base model with PEFT first"),
        option("bias", |v| v.is_null() || v == "none", "trained biases are not supported, only \"none\""),
        option("fan_in_fan_out", is_off, "transposed layers are not supported"),
        option(
            "init_lora_weights",
            keeps_base,
            "this start changes the base weights; convert to a plain LoRA with PEFT",
        ),
        option("lora_bias", is_off, "biases on B are not supported"),
        option("use_qalora", is_off, "QALoRA is not supported"),
        option("use_bdlora", is_off, "block-diagonal LoRA is not supported"),
        option("arrow_config", is_off, "Arrow routing is not supported"),
        option("kasa_config", is_off, "KaSA is not supported"),
        option("velora_config", is_off, "VeLoRA is not supported"),
        option("monteclora_config", is_off, "MonteCLoRA is not supported"),
        option("alora_invocation_tokens", is_off, "activated LoRA is not supported"),
        option("layer_replication", is_off, "replicated layers are not supported"),
        option("trainable_token_indices", is_off, "trained single tokens are not supported"),
        option("target_parameters", is_off, "adapted parameters outside linear layers are not supported"),
        option("megatron_config", is_off, "Megatron layers are not supported"),
    ]
};

fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Starts that leave the base weights alone; the others (`pissa`, `olora`, `corda`, `loftq`, `lora_ga`) replace
/// them by a residual, so that the adapter is not a correction of the model as published.
fn keeps_base(value: &Value) -> bool {
    let harmless =
        |start: &str| ["gaussian", "eva", "mica", "orthogonal"].iter().any(|name| start.eq_ignore_ascii_case(name));
    value.is_null() || value.is_boolean() || value.as_str().is_some_and(harmless)
}

/// The fields of the file.
struct Fields<'a>(Vec<(Cow<'a, str>, Value)>);

impl Fields<'_> {
    /// A field's value; absent and null are the same, as in PEFT.
    fn get(&self, field: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == field).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A field read by `read`, or `default` where it is absent.
    fn read<T>(
        &self,
        field: &'static str,
        expected: &'static str,
        default: Option<T>,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, AdapterError> {
        let Some(value) = self.get(field) else {
            return default.ok_or(AdapterError::Field { field, found: "missing".to_owned(), expected });
        };
        read(value).ok_or_else(|| AdapterError::Field { field, found: shown(value), expected })
    }
}

/// A value in a message: JSON on one line, shortened.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        None => text,
        Some((cut, _)) => format!("{}...", &text[..cut]),
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn positive(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0)
}

fn pairs<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<(String, T)>> {
    value.as_object()?.iter().map(|(key, value)| Some((key.clone(), read(value)?))).collect()
}

impl AdapterConfig {
    /// Parses `adapter_config.json`.
    ///
    /// # Errors
    /// Broken JSON, a missing or wrong field, or an option that is not supported.
    pub fn parse(bytes: &[u8]) -> Result<Self, AdapterError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| AdapterError::Json { offset: error.valid_up_to(), reason: "not UTF-8".to_owned() })?;
        let members: Members<'_, Value> = json::parse(text)
            .map_err(|problem| AdapterError::Json { offset: problem.offset, reason: problem.reason })?;
        let fields = Fields(members.0);

        fields.read("peft_type", "a string", None, |value| value.as_str().map(str::to_owned))?;
        for option in &UNSUPPORTED {
            if let Some(value) = fields.get(option.field).filter(|value| !(option.is_off)(value)) {
                let (field, why) = (option.field, option.why);
                return Err(AdapterError::Unsupported { field, value: shown(value), why });
            }
        }
        let target_modules = |value: &Value| match value {
            Value::String(pattern) => Some(TargetModules::Pattern(pattern.clone())),
            list => strings(list).map(TargetModules::Names),
        };
        Ok(Self {
            r: fields.read("r", "a positive integer", None, positive)?,
            alpha: fields.read("lora_alpha", "a number", None, Value::as_f64)?,
            use_rslora: fields.read("use_rslora", "true or false", Some(false), Value::as_bool)?,
            target_modules: fields.read("target_modules", "a list of names or a pattern", None, target_modules)?,
            rank_pattern: fields
                .read("rank_pattern", "an object of positive integers", Some(vec![]), |value| pairs(value, positive))?,
            alpha_pattern: fields
                .read("alpha_pattern", "an object of numbers", Some(vec![]), |value| pairs(value, Value::as_f64))?,
            modules_to_save: fields.read("modules_to_save", "a list of names", Some(vec![]), strings)?,
            dropout: fields.read("lora_dropout", "a number", Some(0.0), Value::as_f64)?,
            base_model: fields.read("base_model_name_or_path", "a string", Some(None), |value| {
                Some(Some(value.as_str()?.to_owned()))
            })?,
        })
    }

    /// The file as PEFT writes it, with the fields that PEFT 0.12 and later read.
    pub(super) fn to_json(&self) -> String {
        // PEFT types alpha as an integer, and so do many readers of these files.
        let number = |x: f64| if x.fract() == 0.0 && x.abs() < 1e15 { json!(x as i64) } else { json!(x) };
        let alphas: Map<String, Value> = self.alpha_pattern.iter().map(|(key, x)| (key.clone(), number(*x))).collect();
        let ranks: Map<String, Value> = self.rank_pattern.iter().map(|(key, r)| (key.clone(), json!(r))).collect();
        let modules_to_save = if self.modules_to_save.is_empty() { Value::Null } else { json!(self.modules_to_save) };
        let target_modules = match &self.target_modules {
            TargetModules::Names(names) => json!(names),
            TargetModules::Pattern(pattern) => json!(pattern),
        };
        let file = json!({
            "alpha_pattern": alphas,
            "auto_mapping": null,
            "base_model_name_or_path": self.base_model,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "layer_replication": null,
            "layers_pattern": null,
            "layers_to_transform": null,
            "lora_alpha": number(self.alpha),
            "lora_dropout": self.dropout,
            "modules_to_save": modules_to_save,
            "peft_type": "LORA",
            "r": self.r,
            "rank_pattern": ranks,
            "revision": null,
            "target_modules": target_modules,
            "task_type": "CAUSAL_LM",
            "use_dora": false,
            "use_rslora": self.use_rslora,
        });
        format!("{file:#}\n")
    }

    /// Whether `target_modules` names a linear layer that is not the head, by the rule of PEFT's `check_target_module_exists`: a name is
    /// a whole module name or what follows a dot in one, a pattern fits a whole one, and `all-linear` means every one.
    ///
    /// # Errors
    /// If the pattern is not a usable one.
    pub fn targets(&self, module: &str) -> Result<bool, AdapterError> {
        let ends = |name: &String| module.strip_suffix(name.as_str()).is_some_and(|r| r.is_empty() || r.ends_with('.'));
        match &self.target_modules {
            TargetModules::Names(names) => Ok(names.iter().any(ends)),
            TargetModules::Pattern(pattern) if pattern.eq_ignore_ascii_case("all-linear") => Ok(true),
            TargetModules::Pattern(pattern) => Ok(fits("target_modules", pattern, pattern, module)?),
        }
    }

    /// The scaling of a module with the given rank.
    ///
    /// # Errors
    /// If a key of `alpha_pattern` is not a usable pattern.
    pub fn scaling(&self, module: &str, rank: usize) -> Result<f32, AdapterError> {
        let alpha = by_pattern("alpha_pattern", &self.alpha_pattern, module)?.unwrap_or(self.alpha);
        let rank = rank as f64;
        Ok((alpha / if self.use_rslora { rank.sqrt() } else { rank }) as f32)
    }

    /// The rank that a module should have.
    ///
    /// # Errors
    /// If a key of `rank_pattern` is not a usable pattern.
    pub fn rank(&self, module: &str) -> Result<usize, AdapterError> {
        Ok(by_pattern("rank_pattern", &self.rank_pattern, module)?.unwrap_or(self.r))
    }
}

/// The value of the first key that fits the end of the module's name, by the rule of PEFT's `get_pattern_key`.
fn by_pattern<T: Copy>(field: &'static str, patterns: &[(String, T)], module: &str) -> Result<Option<T>, AdapterError> {
    for (pattern, value) in patterns {
        if fits(field, pattern, &format!(r"(?:.*\.)?(?:{pattern})"), module)? {
            return Ok(Some(*value));
        }
    }
    Ok(None)
}

/// Whether all of a module's name fits an expression, which was made of `pattern`.
fn fits(field: &'static str, pattern: &str, expression: &str, module: &str) -> Result<bool, AdapterError> {
    let expression = regex_lite::Regex::new(&format!("^(?:{expression})$")).map_err(|error| AdapterError::Pattern {
        field,
        pattern: pattern.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(expression.is_match(module))
}
