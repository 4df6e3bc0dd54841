//! The prompts of a request in all forms that clients write them in: texts, token ids, and both mixed.

mod read;

use crate::body::beside;
use crate::catalog::Lease;
use crate::error::ApiError;
use crate::model::Model;
use serde::Deserialize;
use serde_json::Value;
use smollm_tokenizer::Specials;
use utoipa::ToSchema;

/// Prompts of one request.
const MOST_PROMPTS: usize = 2048;
/// Bytes of prompts above which they are tokenised on a thread that may take its time.
const LONG_PROMPT: usize = 1 << 16;

/// A prompt, or several. A list of texts, lists or objects is several prompts; one of token ids, or of ids and texts, is one.
#[derive(Debug, Clone, ToSchema)]
#[serde(untagged)]
pub(crate) enum Prompts {
    Text(String),
    Object(PromptObject),
    Ids(Vec<u32>),
    List(Vec<Element>),
}

/// An element of a list.
#[derive(Debug, Clone, ToSchema)]
#[serde(untagged)]
pub(crate) enum Element {
    Id(u32),
    Text(String),
    Ids(Vec<u32>),
    Mixed(Vec<PromptPiece>),
    Object(PromptObject),
}

/// Part of a prompt.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a token id or a string")]
pub(crate) enum PromptPiece {
    Id(u32),
    Text(String),
}

/// A prompt as llama-server's object.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct PromptObject {
    /// The text. (The description leaves out that it may be absent beside `content`.)
    #[schema(required = true, nullable = false)]
    prompt_string: Option<String>,
    /// Or the text in parts, as in a message.
    content: Option<Vec<ContentPart>>,
    /// Refused: the models read text.
    #[schema(value_type = Option<Vec<String>>)]
    multimodal_data: Option<Value>,
}

/// `{"type": "text", "text": "..."}`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct ContentPart {
    r#type: String,
    text: Option<String>,
}

/// A prompt as ids, with its text where it came as one.
pub(crate) type Prompt = (Option<String>, Vec<u32>);

/// A prompt before it is tokenised.
enum Raw {
    Text(String),
    Pieces(Vec<PromptPiece>),
}

impl Prompts {
    /// The prompts as ids. `param` is the field that they came in.
    ///
    /// # Errors
    /// There are none or too many, or one of them is not made of text.
    pub(crate) async fn resolve(self, lease: &Lease, param: &str) -> Result<Vec<Prompt>, ApiError> {
        let raw = match self {
            Self::Ids(ids) if !ids.is_empty() => return Ok(vec![(None, ids)]),
            Self::Ids(_) => Vec::new(),
            Self::Text(text) => vec![Raw::Text(text)],
            Self::Object(object) => vec![Raw::Text(object.text(param)?)],
            Self::List(elements) => raw(elements, param)?,
        };
        if !(1..=MOST_PROMPTS).contains(&raw.len()) {
            let message = format!("there are {} prompts; there may be 1 to {MOST_PROMPTS}", raw.len());
            return Err(ApiError::bad(message).param(param));
        }
        let size: usize = raw.iter().map(Raw::size).sum();
        let model = lease.model.clone();
        let tokenise = move || Ok(raw.into_iter().map(|prompt| prompt.ids(&model)).collect());
        beside(size > LONG_PROMPT, "tokenising the prompts", tokenise).await
    }
}

/// The prompts of a list.
fn raw(elements: Vec<Element>, param: &str) -> Result<Vec<Raw>, ApiError> {
    let one = elements.iter().all(|element| matches!(element, Element::Id(_) | Element::Text(_)))
        && elements.iter().any(|element| matches!(element, Element::Id(_)));
    if one {
        let piece = |element| match element {
            Element::Id(id) => Some(PromptPiece::Id(id)),
            Element::Text(text) => Some(PromptPiece::Text(text)),
            _ => None,
        };
        return Ok(vec![Raw::Pieces(elements.into_iter().filter_map(piece).collect())]);
    }
    let each = |(index, element)| {
        let place = format!("{param}[{index}]");
        Ok(match element {
            Element::Text(text) => Raw::Text(text),
            Element::Ids(ids) => Raw::Pieces(ids.into_iter().map(PromptPiece::Id).collect()),
            Element::Mixed(pieces) => Raw::Pieces(pieces),
            Element::Object(object) => Raw::Text(object.text(&place)?),
            Element::Id(_) => {
                let message = format!("{place} is a token id beside whole prompts; put it into a list of its own");
                return Err(ApiError::bad(message).param(place));
            }
        })
    };
    elements.into_iter().enumerate().map(each).collect()
}

impl Raw {
    /// Bytes of text in it.
    fn size(&self) -> usize {
        let piece = |piece: &PromptPiece| match piece {
            PromptPiece::Id(_) => 0,
            PromptPiece::Text(text) => text.len(),
        };
        match self {
            Self::Text(text) => text.len(),
            Self::Pieces(pieces) => pieces.iter().map(piece).sum(),
        }
    }

    fn ids(self, model: &Model) -> Prompt {
        match self {
            Self::Text(text) => {
                let ids = model.prompt_ids(&text);
                (Some(text), ids)
            }
            Self::Pieces(pieces) => {
                let mut ids = Vec::with_capacity(pieces.len());
                for (index, piece) in pieces.into_iter().enumerate() {
                    match piece {
                        PromptPiece::Id(id) => ids.push(id),
                        PromptPiece::Text(text) if index == 0 => ids.extend(model.prompt_ids(&text)),
                        PromptPiece::Text(text) => ids.extend(model.tokenizer.encode(&text, Specials::Parse)),
                    }
                }
                (None, ids)
            }
        }
    }
}

impl PromptObject {
    /// `place` names the object in an error.
    fn text(self, place: &str) -> Result<String, ApiError> {
        if self.multimodal_data.is_some_and(|data| !data.is_null()) {
            let place = format!("{place}.multimodal_data");
            return Err(ApiError::unsupported(&place, format!("{place} is not supported; only text is")));
        }
        let parts = match (self.prompt_string, self.content) {
            (Some(text), None) => return Ok(text),
            (None, Some(parts)) => parts,
            _ => {
                let message = format!("{place}: exactly one of `prompt_string` and `content` must be given");
                return Err(ApiError::bad(message).param(place));
            }
        };
        let mut whole = String::new();
        for (index, part) in parts.into_iter().enumerate() {
            match (part.r#type.as_str(), part.text) {
                ("text" | "input_text", Some(text)) => whole.push_str(&text),
                (kind, _) => {
                    let place = format!("{place}.content[{index}]");
                    let message = format!("{place}: a part of type `{kind}` is not supported; only text is");
                    return Err(ApiError::unsupported(&place, message));
                }
            }
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The prompts of a list, as they are before they are tokenised.
    #[track_caller]
    fn check(given: Value, expected: Result<&[&str], &str>) {
        let prompts: Prompts = serde_json::from_value(given).expect("prompts");
        let list = match prompts {
            Prompts::List(list) => raw(list, "prompt"),
            Prompts::Object(object) => object.text("prompt").map(|text| vec![Raw::Text(text)]),
            other => panic!("{other:?} is no list"),
        };
        let spell = |piece: &PromptPiece| match piece {
            PromptPiece::Id(id) => format!("<{id}>"),
            PromptPiece::Text(text) => text.clone(),
        };
        let spell = |raw: Raw| match raw {
            Raw::Text(text) => text,
            Raw::Pieces(pieces) => pieces.iter().map(spell).collect(),
        };
        match (list, expected) {
            (Ok(list), Ok(expected)) => assert_eq!(list.into_iter().map(spell).collect::<Vec<_>>(), expected),
            (Err(error), Err(param)) => assert_eq!(error.param.as_deref(), Some(param)),
            (list, _) => panic!("{:?}", list.map(|list| list.len())),
        }
    }

    #[test]
    fn lists_are_one_prompt_or_several() {
        check(json!(["a", "b"]), Ok(&["a", "b"]));
        check(json!([1, "b", 3]), Ok(&["<1>b<3>"]));
        check(json!([[1, 2], "b"]), Ok(&["<1><2>", "b"]));
        check(json!([[1, "b"], {"prompt_string": "c"}]), Ok(&["<1>b", "c"]));
        check(json!([[1], 2]), Err("prompt[1]"));
    }

    #[test]
    fn objects_are_text() {
        let text = |text: &str| json!({"type": "text", "text": text});
        check(json!({"content": [text("a"), text("b")]}), Ok(&["ab"]));
        check(json!({"prompt_string": "a", "multimodal_data": ["AAAA"]}), Err("prompt.multimodal_data"));
        check(json!({"content": [{"type": "image_url"}]}), Err("prompt.content[0]"));
        check(json!({}), Err("prompt"));
        check(json!(["a", {}]), Err("prompt[1]"));
    }
}
