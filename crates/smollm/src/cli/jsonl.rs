//! The JSON of `generate`: prompts that come in as lines, answers that go out.

use serde_json::{Value, json};
use smollm::{Answer, GenerateOptions, Prompt};

/// One line of `generate --jsonl`: a string, or an object with `prompt`, `messages` or `ids`.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Given back in the answer.
    pub(crate) id: Option<Value>,
    pub(crate) prompt: Prompt,
    overrides: GenerateOptions,
}

/// What a line may say besides its prompt; the meaning is that of the option of the same name.
const OVERRIDES: [&str; 10] = [
    "max_tokens",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
];

impl Line {
    /// Every non-empty line of `text`; an error names the line.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines.map(|(i, line)| Self::parse(line).map_err(|problem| format!("line {}: {problem}", i + 1))).collect()
    }

    fn parse(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
        let keys = match value {
            Value::String(text) => {
                return Ok(Self { id: None, prompt: Prompt::Text(text), overrides: GenerateOptions::default() });
            }
            Value::Object(keys) => keys,
            _ => return Err("expected a string or an object with `prompt`, `messages` or `ids`".into()),
        };
        let known = |key: &str| ["id", "prompt", "messages", "ids"].contains(&key) || OVERRIDES.contains(&key);
        if let Some(key) = keys.keys().find(|key| !known(key)) {
            return Err(format!("unknown key `{key}`; known are id, prompt, messages, ids, {}", OVERRIDES.join(", ")));
        }
        let prompt = match (keys.get("prompt"), keys.get("messages"), keys.get("ids")) {
            (Some(Value::String(text)), None, None) => Prompt::Text(text.clone()),
            (Some(_), None, None) => return Err("`prompt` must be a string".into()),
            (None, Some(messages), None) => {
                Prompt::Chat { messages: messages.clone(), render: Box::default(), prefill: String::new() }
            }
            (None, None, Some(ids)) => {
                let id = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
                let ids = ids.as_array().and_then(|list| list.iter().map(id).collect());
                Prompt::Ids(ids.ok_or("`ids` must be a list of token ids")?)
            }
            _ => return Err("exactly one of `prompt`, `messages` and `ids` is needed".into()),
        };
        let number = |key: &str| match keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| format!("`{key}` must be a number")),
        };
        let whole = |key: &str| match keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| format!("`{key}` must be a whole number >= 0")),
        };
        let float = |key: &str| number(key).map(|v| v.map(|v| v as f32));
        let size = |key: &str| whole(key).map(|v| v.map(|v| v as usize));
        let overrides = GenerateOptions {
            max_tokens: size("max_tokens")?,
            temperature: float("temperature")?,
            top_k: size("top_k")?,
            top_p: float("top_p")?,
            min_p: float("min_p")?,
            repetition_penalty: float("repetition_penalty")?,
            frequency_penalty: float("frequency_penalty")?,
            presence_penalty: float("presence_penalty")?,
            seed: whole("seed")?,
            stop: match keys.get("stop") {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::String(text)) => vec![text.clone()],
                Some(Value::Array(list)) => {
                    let texts: Option<_> = list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
                    texts.ok_or("`stop` must be a string or a list of strings")?
                }
                Some(_) => return Err("`stop` must be a string or a list of strings".into()),
            },
            ..GenerateOptions::default()
        };
        Ok(Self { id: keys.get("id").cloned(), prompt, overrides })
    }

    /// The command's options with the line's own laid over them.
    pub(crate) fn options(&self, common: &GenerateOptions) -> GenerateOptions {
        let own = &self.overrides;
        GenerateOptions {
            max_tokens: own.max_tokens.or(common.max_tokens),
            temperature: own.temperature.or(common.temperature),
            top_k: own.top_k.or(common.top_k),
            top_p: own.top_p.or(common.top_p),
            min_p: own.min_p.or(common.min_p),
            repetition_penalty: own.repetition_penalty.or(common.repetition_penalty),
            frequency_penalty: own.frequency_penalty.or(common.frequency_penalty),
            presence_penalty: own.presence_penalty.or(common.presence_penalty),
            seed: own.seed.or(common.seed),
            stop: if own.stop.is_empty() { common.stop.clone() } else { own.stop.clone() },
            ..common.clone()
        }
    }
}

/// `{"prompt_ids":[...],"ids":[...],"text":"...","finish_reason":"stop|length","timings":{...}}`, and `logprobs` if asked.
pub(crate) fn answer_json(answer: &Answer) -> Value {
    let t = &answer.timings;
    let ids: Vec<u32> = answer.tokens.iter().map(|token| token.id).collect();
    let mut object = json!({
        "prompt_ids": answer.prompt_ids,
        "ids": ids,
        "text": answer.text,
        "finish_reason": answer.end.finish_reason(),
        "timings": {
            "prefill_tokens": t.prefill_tokens,
            "prefill_s": t.prefill_s,
            "decode_tokens": t.decode_tokens,
            "decode_s": t.decode_s,
        },
    });
    if answer.tokens.iter().any(|token| token.logprob.is_some()) {
        let top = |alternatives: &[(u32, f32)]| -> Vec<Value> {
            alternatives.iter().map(|(id, logprob)| json!({ "id": id, "logprob": logprob })).collect()
        };
        let logprobs: Vec<Value> = answer
            .tokens
            .iter()
            .map(|token| json!({ "id": token.id, "logprob": token.logprob, "top": top(&token.top) }))
            .collect();
        object["logprobs"] = logprobs.into();
    }
    object
}
