//! What an answer is to be, in the words of several APIs: a JSON object, JSON of a schema, a text of a grammar.

use crate::app::App;
use crate::error::ApiError;
use crate::grammar::{Rule, compiled, refuse_text_ends};
use crate::model::Model;
use crate::reasoning::Splitter;
use serde::Deserialize;
use serde_json::Value;
use smollm_engine::Submission;
use smollm_tokenizer::constrain::{Grammar, GrammarError, GrammarSource};
use utoipa::ToSchema;

/// The fields that say what an answer is to be; at most one of them.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct Guidance {
    /// OpenAI.
    response_format: Option<ResponseFormat>,
    /// vLLM: a JSON schema, or the text of one.
    #[schema(value_type = Option<Object>)]
    guided_json: Option<Value>,
    /// vLLM: a regular expression that the whole answer matches.
    guided_regex: Option<String>,
    /// vLLM: the answer is one of these.
    guided_choice: Option<Vec<String>>,
    /// vLLM: a grammar in Lark's or in GBNF's syntax.
    guided_grammar: Option<String>,
    /// The same in vLLM's newer words.
    structured_outputs: Option<StructuredOutputs>,
    /// llama-server: a grammar in GBNF's or in Lark's syntax.
    pub(crate) grammar: Option<String>,
    /// llama-server: a JSON schema.
    #[schema(value_type = Option<Object>)]
    json_schema: Option<Value>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
struct ResponseFormat {
    r#type: FormatType,
    json_schema: Option<NamedSchema>,
    /// llama-server: the schema beside `json_object`.
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum FormatType {
    Text,
    JsonObject,
    JsonSchema,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
struct NamedSchema {
    /// Without effect on the answer, as is `description`.
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
    /// An answer is always held to the schema.
    #[serde(rename = "strict")]
    _strict: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
struct StructuredOutputs {
    #[schema(value_type = Option<Object>)]
    json: Option<Value>,
    regex: Option<String>,
    choice: Option<Vec<String>>,
    grammar: Option<String>,
    json_object: Option<bool>,
}

/// A compiled grammar, and the field that it came from.
#[derive(Debug)]
pub(crate) struct Guide {
    grammar: Grammar,
    param: String,
}

impl Guidance {
    /// What is asked for, and in which field.
    fn source(&self) -> Result<Option<(String, GrammarSource)>, ApiError> {
        let mut sources: Vec<(String, GrammarSource)> = Vec::new();
        let mut add = |param: &str, source: Option<GrammarSource>| {
            sources.extend(source.map(|source| (param.to_owned(), source)));
        };
        if let Some(format) = &self.response_format {
            format.add(&mut add)?;
        }
        let empty = |text: &&String| !text.is_empty();
        add("guided_json", schema("guided_json", self.guided_json.as_ref())?);
        add("guided_regex", self.guided_regex.clone().map(GrammarSource::Regex));
        add("guided_choice", self.guided_choice.clone().map(GrammarSource::Choice));
        add("guided_grammar", self.guided_grammar.as_deref().map(GrammarSource::of_text));
        add("grammar", self.grammar.as_ref().filter(empty).map(|text| GrammarSource::of_text(text)));
        add("json_schema", schema("json_schema", self.json_schema.as_ref())?);
        if let Some(wanted) = &self.structured_outputs {
            add("structured_outputs.json", schema("structured_outputs.json", wanted.json.as_ref())?);
            add("structured_outputs.regex", wanted.regex.clone().map(GrammarSource::Regex));
            add("structured_outputs.choice", wanted.choice.clone().map(GrammarSource::Choice));
            add("structured_outputs.grammar", wanted.grammar.as_deref().map(GrammarSource::of_text));
            let object = wanted.json_object == Some(true);
            add("structured_outputs.json_object", object.then_some(GrammarSource::JsonObject));
        }
        if let [(first, _), (second, _), ..] = sources.as_slice() {
            let message = format!("{first} and {second} both say what the answer is to be; give one of them");
            return Err(ApiError::bad(message).param(second.clone()));
        }
        Ok(sources.pop())
    }

    /// Whether anything is asked for.
    ///
    /// # Errors
    /// The fields contradict each other.
    pub(crate) fn is_given(&self) -> Result<bool, ApiError> {
        Ok(self.source()?.is_some())
    }

    /// Compiles what is asked for, if anything is.
    ///
    /// # Errors
    /// The fields contradict each other, or what they ask for cannot be made sure of.
    pub(crate) async fn compiled(&self, app: &App, model: &Model) -> Result<Option<Guide>, ApiError> {
        let Some((param, source)) = self.source()? else { return Ok(None) };
        let grammars = model.grammars.clone();
        if let Some(grammar) = grammars.kept(&source) {
            return Ok(Some(Guide { grammar, param }));
        }
        let compile = move || match grammars.compile(&source) {
            Ok(grammar) => Ok(Guide { grammar, param }),
            Err(error) => Err(refusal(&param, &error)),
        };
        compiled(app, "compiling the grammar", compile).await.map(Some)
    }

    /// The schema of an answer beside tools that may be called, and its field.
    ///
    /// # Errors
    /// The fields contradict each other, or ask for something else: an answer would have to follow two grammars.
    pub(crate) fn beside_tools(&self) -> Result<Option<(String, Value)>, ApiError> {
        match self.source()? {
            None => Ok(None),
            Some((param, GrammarSource::JsonSchema(schema))) => Ok(Some((param, schema))),
            Some((param, GrammarSource::JsonObject)) => Ok(Some((param, serde_json::json!({"type": "object"})))),
            Some((param, _)) => {
                let message = format!("{param} and tools that may be called are not supported together; JSON is");
                Err(ApiError::unsupported(&param, message))
            }
        }
    }
}

impl ResponseFormat {
    fn add(&self, add: &mut dyn FnMut(&str, Option<GrammarSource>)) -> Result<(), ApiError> {
        const NAMED: &str = "response_format.json_schema.schema";
        let unread = match self.r#type {
            FormatType::Text if self.schema.is_some() => Some(("schema", "`json_schema` or `json_object`")),
            FormatType::Text | FormatType::JsonObject if self.json_schema.is_some() => {
                Some(("json_schema", "`json_schema`"))
            }
            FormatType::JsonSchema if self.schema.is_some() && self.json_schema.is_some() => {
                Some(("schema", "`json_object`, or to `json_schema` without the field of that name"))
            }
            _ => None,
        };
        if let Some((field, of)) = unread {
            let param = format!("response_format.{field}");
            return Err(ApiError::bad(format!("{param} belongs to the type {of}")).param(param));
        }
        match (self.r#type, &self.json_schema) {
            (FormatType::Text, _) => {}
            (FormatType::JsonObject, _) => match schema("response_format.schema", self.schema.as_ref())? {
                None => add("response_format", Some(GrammarSource::JsonObject)),
                given => add("response_format.schema", given),
            },
            (FormatType::JsonSchema, Some(named)) if named.schema.is_some() => {
                add(NAMED, schema(NAMED, named.schema.as_ref())?);
            }
            (FormatType::JsonSchema, _) => match schema("response_format.schema", self.schema.as_ref())? {
                None => {
                    let message = format!("response_format: `json_schema` needs {NAMED}");
                    return Err(ApiError::bad(message).param(NAMED));
                }
                given => add("response_format.schema", given),
            },
        }
        Ok(())
    }
}

/// A schema, or the text of one.
fn schema(param: &str, value: Option<&Value>) -> Result<Option<GrammarSource>, ApiError> {
    let schema = match value {
        None => return Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text)
            .map_err(|error| ApiError::bad(format!("{param}: the text is no JSON: {error}")).param(param))?,
        Some(schema) => schema.clone(),
    };
    Ok(Some(GrammarSource::JsonSchema(schema)))
}

/// The refusal of what a field asks for.
pub(crate) fn refusal(param: &str, error: &GrammarError) -> ApiError {
    let refused = ApiError::bad(format!("{param}: {error}")).param(param);
    match error {
        GrammarError::TooShort { .. } => refused,
        _ => refused.code("invalid_grammar"),
    }
}

impl Guide {
    /// Binds the answers of a submission. Where the model may think first, `thoughts` finds its thoughts, and says how long they may be.
    ///
    /// # Errors
    /// The answers may not be long enough for any text of the grammar.
    pub(crate) fn bind(
        &self,
        model: &Model,
        submission: &mut Submission,
        thoughts: Option<(&Splitter, Option<usize>)>,
    ) -> Result<(), ApiError> {
        refuse_text_ends(model, submission)?;
        let rule = Rule { grammar: self.grammar.clone(), free: false };
        rule.bind(model, submission, thoughts).map_err(|error| refusal(&self.param, &error))
    }
}

#[cfg(test)]
mod tests;
