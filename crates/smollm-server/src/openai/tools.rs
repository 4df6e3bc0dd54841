//! The tools of a chat and what of them may be called, in OpenAI's words.

use crate::app::App;
use crate::body::{beside, weight};
use crate::error::{ApiError, brief};
use crate::grammar::{Rule, compiled, refuse_text_ends};
use crate::guidance::{Guidance, refusal};
use crate::model::Model;
use crate::reasoning::Splitter;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use smollm_engine::Submission;
use smollm_tokenizer::constrain::{Grammar, GrammarError, Grammars};
use smollm_tokenizer::tools::{self, CallForm, CallRule, Callable, Calls, ChoiceError, RuleError, Tool};
use smollm_tokenizer::tools::{kept_without_calls, no_calls};
use std::collections::HashSet;
use std::fmt::Formatter;
use std::sync::Arc;
use utoipa::ToSchema;

/// Bytes of tools above which they are checked on a thread that may take its time.
const LARGE: usize = 1 << 15;
/// OpenAI's limit.
const MOST_TOOLS: usize = 128;

/// The fields of a request that are about tools.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct ToolFields {
    /// Functions that the model may call.
    #[schema(value_type = Option<Vec<ToolObject>>, max_items = 128)]
    tools: Option<Vec<Value>>,
    /// Whether it must, and which; `auto` where absent.
    tool_choice: Option<ToolChoice>,
    /// Whether an answer may have several calls (true where absent).
    parallel_tool_calls: Option<bool>,
}

/// A function; the description of what is read by hand, so that errors name their place.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "for the document")]
pub(crate) struct ToolObject {
    #[schema(pattern = "^function$")]
    r#type: String,
    function: FunctionObject,
}

#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "for the document")]
pub(crate) struct FunctionObject {
    #[schema(pattern = "^[A-Za-z0-9_.:/-]{1,128}$")]
    name: String,
    description: Option<String>,
    /// A JSON schema of type `object`.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
    /// Arguments fit the schema in any case.
    strict: Option<bool>,
}

/// `none`, `auto`, `required`, or an object that names one function or several.
#[derive(Debug, Clone, ToSchema)]
#[serde(untagged)]
pub(crate) enum ToolChoice {
    Mode(Mode),
    Named(Named),
    Allowed(Allowed),
}

impl<'de> Deserialize<'de> for ToolChoice {
    /// By hand: what serde calls untagged is read twice, and the first reading forgets the places of unknown fields.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyChoice)
    }
}

const WANTED: &str = "`none`, `auto`, `required`, or an object that names functions";

struct AnyChoice;

/// An object that names functions.
#[derive(Deserialize)]
struct Naming {
    r#type: NamingType,
    function: Option<Name>,
    allowed_tools: Option<AllowedTools>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum NamingType {
    Function,
    AllowedTools,
}

impl<'de> Visitor<'de> for AnyChoice {
    type Value = ToolChoice;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(WANTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ToolChoice, E> {
        let mode = Mode::deserialize(StrDeserializer::<E>::new(text)).map(ToolChoice::Mode);
        mode.map_err(|_| E::custom(format!("must be {WANTED}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ToolChoice, A::Error> {
        let Naming { r#type, function, allowed_tools } = Naming::deserialize(MapAccessDeserializer::new(map))?;
        match (r#type, function, allowed_tools) {
            (NamingType::Function, Some(function), None) => {
                Ok(ToolChoice::Named(Named { _type: FunctionWord::Function, function }))
            }
            (NamingType::AllowedTools, None, Some(allowed_tools)) => {
                Ok(ToolChoice::Allowed(Allowed { _type: AllowedWord::AllowedTools, allowed_tools }))
            }
            (NamingType::Function, ..) => Err(Error::custom("an object of the type `function` has the key `function`")),
            (NamingType::AllowedTools, ..) => {
                Err(Error::custom("an object of the type `allowed_tools` has the key `allowed_tools`"))
            }
        }
    }
}

impl ToolChoice {
    /// What it says, wherever it was said.
    ///
    /// # Errors
    /// Its `allowed_tools` have the mode `none`.
    fn meaning(&self) -> Result<tools::ToolChoice, ApiError> {
        let name = |named: &Named| named.function.name.clone();
        Ok(match self {
            Self::Mode(Mode::None) => tools::ToolChoice::None,
            Self::Mode(Mode::Auto) => tools::ToolChoice::Auto,
            Self::Mode(Mode::Required) => tools::ToolChoice::Required,
            Self::Named(named) => tools::ToolChoice::Named(name(named)),
            Self::Allowed(Allowed { allowed_tools: AllowedTools { mode: Mode::None, .. }, .. }) => {
                let param = "tool_choice.allowed_tools.mode";
                return Err(ApiError::bad(format!("{param} must be `auto` or `required`")).param(param));
            }
            Self::Allowed(Allowed { allowed_tools: AllowedTools { mode, tools }, .. }) => tools::ToolChoice::Allowed {
                names: tools.iter().map(name).collect(),
                required: *mode == Mode::Required,
            },
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    None,
    Auto,
    Required,
}

/// `{"type": "function", "function": {"name": "..."}}`: this function, once.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Named {
    #[serde(rename = "type")]
    _type: FunctionWord,
    function: Name,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FunctionWord {
    Function,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Name {
    name: String,
}

/// `{"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [...]}}`: only these.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Allowed {
    #[serde(rename = "type")]
    _type: AllowedWord,
    allowed_tools: AllowedTools,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AllowedWord {
    AllowedTools,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct AllowedTools {
    /// `auto` or `required`.
    mode: Mode,
    #[schema(min_items = 1)]
    tools: Vec<Named>,
}

/// What a request wants of tools, checked.
#[derive(Debug, Clone)]
pub(crate) struct ToolUse {
    /// What the model is told of: nothing if it may not call anything.
    pub(crate) shown: Vec<Tool>,
    /// What it may call, some of those.
    callable: Vec<Tool>,
    /// Whether there are tools, called or not.
    given: bool,
    pub(crate) calls: Calls,
    /// Whether there may be several.
    several: bool,
}

/// A rule by which an answer calls functions, or does not.
pub(crate) struct Bound {
    rule: Rule,
    calls: Calls,
    /// The field that says what an answer without calls is.
    param: Option<String>,
}

/// What the grammar of such a rule is made of.
struct Source {
    wanted: ToolUse,
    form: CallForm,
    /// What an answer without calls is, and the field that says so.
    otherwise: Option<(String, Value)>,
}

impl ToolUse {
    /// The rule of an answer beside tools; none where there are no tools, or none may be called and `guidance` says what the answer is.
    ///
    /// # Errors
    /// The parameters of a tool have what cannot be made sure of, or the answer would have to follow two grammars.
    pub(crate) async fn rule(
        self,
        app: &App,
        model: &Arc<Model>,
        guidance: &Guidance,
    ) -> Result<Option<Bound>, ApiError> {
        let (Some(template), true) = (&model.template, self.given) else { return Ok(None) };
        let calls = self.calls;
        let otherwise = match calls {
            Calls::None if guidance.is_given()? => return Ok(None),
            Calls::None => None,
            // an answer that is nothing but calls is no JSON of a schema, and no text of any other grammar
            Calls::AtLeastOne => guidance.beside_tools()?.and(None),
            Calls::Maybe => guidance.beside_tools()?,
        };
        let param = otherwise.as_ref().map(|(param, _)| param.clone());
        let free = calls != Calls::AtLeastOne && param.is_none();
        let large = self.callable.iter().map(|tool| weight(tool.parameters())).sum::<usize>() > LARGE;
        let source = Arc::new(Source { wanted: self, form: template.call_form(), otherwise });
        let (sought, grammars) = (source.clone(), model.grammars.clone());
        let kept = beside(large, "looking for the tools", move || Ok(sought.kept(&grammars))).await?;
        let grammar = match kept {
            Some(grammar) => grammar,
            None => {
                let grammars = model.grammars.clone();
                compiled(app, "compiling the tools", move || source.compile(&grammars)).await?
            }
        };
        Ok(Some(Bound { rule: Rule { grammar, free }, calls, param }))
    }
}

impl Source {
    fn rule(&self) -> CallRule<'_> {
        let ToolUse { callable, calls, several, .. } = &self.wanted;
        let must_call = *calls == Calls::AtLeastOne;
        CallRule { form: self.form, tools: callable, must_call, several: *several }
    }

    fn schema(&self) -> Option<&Value> {
        self.otherwise.as_ref().map(|(_, schema)| schema)
    }

    /// The grammar, if it is kept.
    fn kept(&self, grammars: &Grammars) -> Option<Grammar> {
        match self.wanted.calls {
            Calls::None => kept_without_calls(grammars),
            Calls::Maybe | Calls::AtLeastOne => self.rule().kept(grammars, self.schema()),
        }
    }

    fn compile(&self, grammars: &Grammars) -> Result<Grammar, ApiError> {
        if self.wanted.calls == Calls::None {
            return no_calls(grammars).map_err(|error| ApiError::bad(format!("tools: {error}")).param("tools"));
        }
        let compiled = match self.schema() {
            Some(schema) => self.rule().compile_or_json(grammars, schema),
            None => self.rule().compile(grammars),
        };
        compiled.map_err(|error| match (error.tool, &self.otherwise, &error.error) {
            (None, Some((field, _)), schema @ GrammarError::Schema { .. }) => refusal(field, schema),
            _ => refused(&error, &self.wanted.callable, &self.wanted.shown),
        })
    }
}

impl Bound {
    /// Holds the answers of a submission to it, after their thoughts.
    ///
    /// # Errors
    /// The answers may not be long enough for any call, where there must be one, or for JSON of the schema; or text would end them.
    pub(crate) fn bind(
        self,
        model: &Model,
        submission: &mut Submission,
        thoughts: Option<(&Splitter, Option<usize>)>,
    ) -> Result<(), ApiError> {
        let Self { rule, calls, param } = self;
        if calls != Calls::None {
            refuse_text_ends(model, submission)?;
        }
        rule.bind(model, submission, thoughts).map_err(|error| match param {
            Some(param) => refusal(&param, &error),
            None => {
                let param = if calls == Calls::AtLeastOne { "tool_choice" } else { "tools" };
                ApiError::bad(format!("{param}: {error}")).param(param)
            }
        })
    }
}

/// The refusal of a tool whose parameters cannot be made sure of.
fn refused(RuleError { tool, error }: &RuleError, callable: &[Tool], shown: &[Tool]) -> ApiError {
    let place = tool.and_then(|tool| shown.iter().position(|other| *other == callable[tool]));
    let Some(index) = place else { return ApiError::bad(format!("tools: {error}")).param("tools") };
    let at = format!("tools[{index}].function.parameters");
    let (param, problem) = match error {
        GrammarError::Schema { path, message } => (format!("{at}{}", path.trim_start_matches('$')), message.clone()),
        other => (at, other.to_string()),
    };
    ApiError::bad(format!("{param}: {problem}")).param(param).code("invalid_grammar")
}

impl ToolFields {
    /// Fields of tools that nobody reads, the model neither.
    pub(crate) fn unread(&self) -> Vec<String> {
        let tools = self.tools.iter().flatten().enumerate();
        let outer =
            tools.filter_map(|(i, tool)| Some((i, tool.as_object().filter(|keys| keys.contains_key("function"))?)));
        let unread = outer.flat_map(|(i, keys)| {
            let unread = keys.keys().filter(|key| !matches!(key.as_str(), "type" | "function"));
            unread.map(move |key| format!("tools[{i}].{}", brief(key)))
        });
        unread.take(MOST_TOOLS).collect()
    }

    /// Checks tools and choice, on a thread that may take its time if there is much to check.
    ///
    /// # Errors
    /// As [`ToolFields::resolve`].
    pub(crate) async fn resolved(self) -> Result<ToolUse, ApiError> {
        let size: usize = self.tools.iter().flatten().map(weight).sum();
        beside(size > LARGE, "reading the tools", move || self.resolve()).await
    }

    /// Checks tools and choice.
    ///
    /// # Errors
    /// A tool is wrong, or a choice names none of them; the field is named.
    fn resolve(&self) -> Result<ToolUse, ApiError> {
        let tools = self.tools()?;
        let names: Vec<&str> = tools.iter().map(Tool::name).collect();
        let choice = self.tool_choice.as_ref().map_or(Ok(tools::ToolChoice::Auto), ToolChoice::meaning)?;
        let Callable { tools: callable, calls, once } = choice.among(&names).map_err(|error| self.refused(&error))?;
        let callable = callable.into_iter().map(|place| tools[place].clone()).collect();
        let given = !tools.is_empty();
        let shown = if calls == Calls::None { Vec::new() } else { tools };
        Ok(ToolUse { shown, callable, given, calls, several: self.parallel_tool_calls.unwrap_or(true) && !once })
    }

    /// The refusal of a choice, with the field that is wrong.
    fn refused(&self, error: &ChoiceError) -> ApiError {
        let (param, problem) = match error {
            ChoiceError::NoSuchTool { index, name } => {
                let place = match &self.tool_choice {
                    Some(ToolChoice::Allowed(_)) => format!("allowed_tools.tools[{index}].function.name"),
                    _ => "function.name".to_owned(),
                };
                (format!("tool_choice.{place}"), format!("is {:?}, which is the name of none of `tools`", brief(name)))
            }
            ChoiceError::NothingAllowed => {
                ("tool_choice.allowed_tools.tools".to_owned(), "is empty; `tool_choice` may be `none`".to_owned())
            }
            ChoiceError::NoTools => ("tool_choice".to_owned(), "asks for a call, but there are no `tools`".to_owned()),
        };
        ApiError::bad(format!("{param} {problem}")).param(param)
    }

    fn tools(&self) -> Result<Vec<Tool>, ApiError> {
        let given = self.tools.as_deref().unwrap_or_default();
        if given.len() > MOST_TOOLS {
            let message = format!("there are {} tools; there may be {MOST_TOOLS}", given.len());
            return Err(ApiError::bad(message).param("tools"));
        }
        let mut tools: Vec<Tool> = Vec::with_capacity(given.len());
        let mut names = HashSet::with_capacity(given.len());
        for (index, given) in given.iter().enumerate() {
            let at =
                |path: &str| if path.is_empty() { format!("tools[{index}]") } else { format!("tools[{index}].{path}") };
            let tool = Tool::new(given).map_err(|error| {
                let param = at(&error.path);
                let refused = ApiError::bad(format!("{param} {}", error.problem)).param(param);
                if error.path == "type" { refused.code("unsupported_parameter") } else { refused }
            })?;
            if !names.insert(tool.name().to_owned()) {
                let param = at("function.name");
                let message = format!("{param} is {:?}, as is that of another tool", tool.name());
                return Err(ApiError::bad(message).param(param));
            }
            tools.push(tool);
        }
        Ok(tools)
    }
}

#[cfg(test)]
mod tests;
