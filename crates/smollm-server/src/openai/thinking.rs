//! Whether a model is to think before it answers, in the words of several APIs.

use crate::error::ApiError;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The fields that turn thinking on or off; those of one request must agree.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct Thinking {
    /// OpenAI: `none` and `minimal` are off, the others on.
    reasoning_effort: Option<Effort>,
    /// OpenRouter.
    reasoning: Option<Reasoning>,
    /// Anthropic, DeepSeek and Z.ai.
    thinking: Option<Switch>,
    /// Qwen's services; for others it is a variable of the template.
    enable_thinking: Option<bool>,
    /// vLLM: the longest thoughts, in tokens.
    #[schema(maximum = 2147483647)]
    thinking_token_budget: Option<usize>,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
struct Reasoning {
    effort: Option<Effort>,
    enabled: Option<bool>,
    /// The longest thoughts, in tokens.
    #[schema(maximum = 2147483647)]
    max_tokens: Option<usize>,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
struct Switch {
    r#type: Option<OnOff>,
    /// The longest thoughts, in tokens.
    #[schema(maximum = 2147483647)]
    budget_tokens: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OnOff {
    Enabled,
    Disabled,
}

impl Effort {
    fn is_on(self) -> bool {
        !matches!(self, Self::None | Self::Minimal)
    }
}

impl Thinking {
    /// On, off, or as the model is used to; `default` is what the operator wants where the request does not say.
    ///
    /// # Errors
    /// Fields that contradict each other, or thinking asked of a model that cannot.
    pub(crate) fn wanted(&self, can_think: bool, default: Option<bool>) -> Result<Option<bool>, ApiError> {
        let mut wanted: Option<(&str, bool)> = None;
        for (param, switch) in self.switches() {
            match wanted {
                Some((before, on)) if on != switch => {
                    return Err(ApiError::bad(format!("{before} and {param} contradict each other")).param(param));
                }
                _ => wanted = Some((param, switch)),
            }
        }
        match wanted {
            Some((param, true)) if !can_think => {
                Err(ApiError::unsupported(param, "this model has no thinking mode (SmolLM3 has)"))
            }
            Some((_, on)) => Ok(can_think.then_some(on)),
            None => Ok(default.filter(|_| can_think)),
        }
    }

    fn switches(&self) -> Vec<(&'static str, bool)> {
        let mut switches = Vec::new();
        switches.extend(self.reasoning_effort.map(|effort| ("reasoning_effort", effort.is_on())));
        if let Some(reasoning) = &self.reasoning {
            switches.extend(reasoning.effort.map(|effort| ("reasoning.effort", effort.is_on())));
            switches.extend(reasoning.enabled.map(|on| ("reasoning.enabled", on)));
        }
        if let Some(thinking) = &self.thinking {
            switches.extend(thinking.r#type.map(|word| ("thinking.type", word == OnOff::Enabled)));
        }
        switches.extend(self.enable_thinking.map(|on| ("enable_thinking", on)));
        if !switches.iter().any(|(_, on)| !on) {
            // whoever says how long it may think wants it to; where thinking is off, there is nothing to limit
            switches.extend(self.budgets().map(|(param, tokens)| (param, tokens > 0)));
        }
        switches
    }

    fn budgets(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let given = [
            ("reasoning.max_tokens", self.reasoning.as_ref().and_then(|reasoning| reasoning.max_tokens)),
            ("thinking.budget_tokens", self.thinking.as_ref().and_then(|thinking| thinking.budget_tokens)),
            ("thinking_token_budget", self.thinking_token_budget),
        ];
        given.into_iter().filter_map(|(param, tokens)| Some((param, tokens?)))
    }

    /// The longest thoughts, in tokens: the least of what is given.
    pub(crate) fn budget(&self) -> Option<usize> {
        self.budgets().map(|(_, tokens)| tokens).min()
    }
}

/// The variable by which templates turn thinking on or off.
pub(crate) const VARIABLE: &str = "enable_thinking";

/// It, on or off.
pub(crate) fn variable(on: bool) -> (String, Value) {
    (VARIABLE.into(), on.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(fields: Value, can_think: bool, expected: Result<Option<bool>, &str>) {
        let thinking: Thinking = serde_json::from_value(fields).expect("fields");
        match expected {
            Ok(wanted) => assert_eq!(thinking.wanted(can_think, None), Ok(wanted)),
            Err(param) => {
                assert_eq!(thinking.wanted(can_think, None).expect_err("refused").param.as_deref(), Some(param))
            }
        }
    }

    #[test]
    fn all_words_for_it() {
        check(json!({}), true, Ok(None));
        check(json!({"reasoning_effort": "none"}), true, Ok(Some(false)));
        check(json!({"reasoning_effort": "high"}), true, Ok(Some(true)));
        check(json!({"reasoning": {"enabled": false}}), true, Ok(Some(false)));
        check(json!({"thinking": {"type": "enabled", "budget_tokens": 5}}), true, Ok(Some(true)));
        check(json!({"thinking": {"type": "disabled", "budget_tokens": 5}}), true, Ok(Some(false)));
        check(json!({"thinking_token_budget": 0}), true, Ok(Some(false)));
        check(json!({"enable_thinking": false}), true, Ok(Some(false)));
        check(json!({"thinking": {"type": "enabled"}, "reasoning": {"effort": "low"}}), true, Ok(Some(true)));
    }

    #[test]
    fn the_operator_decides_where_the_request_does_not() {
        let silent = Thinking::default();
        assert_eq!(silent.wanted(true, Some(false)), Ok(Some(false)));
        assert_eq!(silent.wanted(false, Some(false)), Ok(None));
        let loud: Thinking = serde_json::from_value(json!({"reasoning_effort": "high"})).expect("fields");
        assert_eq!(loud.wanted(true, Some(false)), Ok(Some(true)));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        check(json!({"reasoning_effort": "none", "thinking": {"type": "enabled"}}), true, Err("thinking.type"));
        check(json!({"thinking": {"budget_tokens": 5}}), false, Err("thinking.budget_tokens"));
        check(json!({"reasoning_effort": "low"}), false, Err("reasoning_effort"));
        check(json!({"reasoning_effort": "none"}), false, Ok(None));
    }
}
