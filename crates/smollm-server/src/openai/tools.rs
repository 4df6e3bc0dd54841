//! The tools of a chat and what of them may be called, in OpenAI's words.

use crate::body::beside;
use crate::error::ApiError;
use crate::model::Model;
use serde::Deserialize;
use serde_json::Value;
use smollm_tokenizer::constrain::{Grammar, GrammarError};
use smollm_tokenizer::tools::{CallRule, RuleError, Tool};
use std::sync::Arc;
use utoipa::ToSchema;

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
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be `none`, `auto`, `required`, or an object that names functions")]
pub(crate) enum ToolChoice {
    Mode(Mode),
    Named(Named),
    Allowed(Allowed),
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

/// How often an answer calls a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    /// Never.
    None,
    /// If the model wants to.
    Maybe,
    /// At least once.
    AtLeastOne,
}

/// What a request wants of tools, checked.
#[derive(Debug, Clone)]
pub(crate) struct ToolUse {
    /// What the model is told of: nothing if it may not call anything.
    pub(crate) shown: Vec<Tool>,
    /// What it may call, some of those.
    callable: Vec<Tool>,
    pub(crate) calls: Calls,
    /// Whether there may be several.
    several: bool,
}

impl ToolUse {
    /// The grammar of an answer, if there may be calls. `thinks` says whether the prompt has opened thoughts.
    ///
    /// # Errors
    /// The parameters of a tool have what cannot be made sure of.
    pub(crate) async fn grammar(self, model: &Arc<Model>, thinks: bool) -> Result<Option<Grammar>, ApiError> {
        let Some(template) = model.template.as_ref().filter(|_| self.calls != Calls::None) else { return Ok(None) };
        let (form, grammars) = (template.call_form(), model.grammars.clone());
        let compile = move || {
            let Self { shown, callable, calls, several } = self;
            let must_call = calls == Calls::AtLeastOne;
            let rule = CallRule { form, tools: &callable, must_call, several, thinks };
            rule.compile(&grammars).map(Some).map_err(|error| refused(&error, &callable, &shown))
        };
        beside(true, "compiling the tools", compile).await
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
    ApiError::bad(format!("{param}: {problem}")).param(param)
}

impl ToolFields {
    /// Checks tools and choice.
    ///
    /// # Errors
    /// A tool is wrong, or a choice names none of them; the field is named.
    pub(crate) fn resolve(&self) -> Result<ToolUse, ApiError> {
        let tools = self.tools()?;
        let mut several = self.parallel_tool_calls.unwrap_or(true);
        let find = |name: &str, param: String| match tools.iter().find(|tool| tool.name() == name) {
            Some(tool) => Ok(tool.clone()),
            None => {
                let message = format!("{param} is {name:?}, which is the name of none of `tools`");
                Err(ApiError::bad(message).param(param))
            }
        };
        let of_mode = |mode: Mode| match mode {
            Mode::None => Calls::None,
            Mode::Auto => Calls::Maybe,
            Mode::Required => Calls::AtLeastOne,
        };
        let (calls, callable) = match &self.tool_choice {
            None => (Calls::Maybe, tools.clone()),
            Some(ToolChoice::Mode(mode)) => (of_mode(*mode), tools.clone()),
            Some(ToolChoice::Named(Named { function, .. })) => {
                several = false;
                (Calls::AtLeastOne, vec![find(&function.name, "tool_choice.function.name".into())?])
            }
            Some(ToolChoice::Allowed(Allowed { allowed_tools, .. })) => {
                let at = "tool_choice.allowed_tools";
                if allowed_tools.mode == Mode::None || allowed_tools.tools.is_empty() {
                    let (field, must) = match allowed_tools.mode {
                        Mode::None => ("mode", "must be `auto` or `required`"),
                        _ => ("tools", "is empty; `tool_choice` may be `none`"),
                    };
                    let param = format!("{at}.{field}");
                    return Err(ApiError::bad(format!("{param} {must}")).param(param));
                }
                let named = allowed_tools.tools.iter().enumerate();
                let named = named.map(|(i, tool)| find(&tool.function.name, format!("{at}.tools[{i}].function.name")));
                let mut callable: Vec<Tool> = Vec::new();
                for tool in named {
                    let tool = tool?;
                    if !callable.contains(&tool) {
                        callable.push(tool);
                    }
                }
                (of_mode(allowed_tools.mode), callable)
            }
        };
        if tools.is_empty() {
            if calls == Calls::AtLeastOne {
                return Err(ApiError::bad("tool_choice asks for a call, but there are no `tools`").param("tool_choice"));
            }
            return Ok(ToolUse { shown: Vec::new(), callable: Vec::new(), calls: Calls::None, several });
        }
        let shown = if calls == Calls::None { Vec::new() } else { tools };
        Ok(ToolUse { shown, callable, calls, several })
    }

    fn tools(&self) -> Result<Vec<Tool>, ApiError> {
        let given = self.tools.as_deref().unwrap_or_default();
        if given.len() > MOST_TOOLS {
            let message = format!("there are {} tools; there may be {MOST_TOOLS}", given.len());
            return Err(ApiError::bad(message).param("tools"));
        }
        let mut tools: Vec<Tool> = Vec::with_capacity(given.len());
        for (index, given) in given.iter().enumerate() {
            let at =
                |path: &str| if path.is_empty() { format!("tools[{index}]") } else { format!("tools[{index}].{path}") };
            let tool = Tool::new(given).map_err(|error| {
                let param = at(&error.path);
                let refused = ApiError::bad(format!("{param} {}", error.problem)).param(param);
                if error.path == "type" { refused.code("unsupported_parameter") } else { refused }
            })?;
            if tools.iter().any(|other| other.name() == tool.name()) {
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
