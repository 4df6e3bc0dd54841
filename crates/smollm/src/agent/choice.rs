//! Which tools an answer may call, or must.

use crate::error::Error;

/// OpenAI's `tool_choice`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model wants.
    #[default]
    Auto,
    /// At least one.
    Required,
    /// None: the model is not told of any.
    None,
    /// This one, once.
    Named(String),
    /// Only these, of all that the model is told of.
    Allowed {
        /// Their names.
        names: Vec<String>,
        /// Whether it must call one of them.
        required: bool,
    },
}

/// What an answer may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Callable {
    pub(super) names: Vec<String>,
    pub(super) must: bool,
    /// Whether there is one call at most.
    pub(super) once: bool,
}

impl ToolChoice {
    /// The choice for the answers that follow the first one, which else would never end.
    pub(super) fn after_first(&self) -> Self {
        match self {
            Self::Auto | Self::Required | Self::Named(_) => Self::Auto,
            Self::None => Self::None,
            Self::Allowed { names, .. } => Self::Allowed { names: names.clone(), required: false },
        }
    }

    /// What it means where the tools have these names.
    pub(super) fn callable(&self, tools: &[&str]) -> Result<Callable, Error> {
        let refused = |problem: String| Err(Error::Agent { problem });
        let all = || tools.iter().map(|name| (*name).to_owned()).collect();
        let (names, must, once): (Vec<String>, bool, bool) = match self {
            Self::Auto => (all(), false, false),
            Self::Required => (all(), true, false),
            Self::None => (Vec::new(), false, false),
            Self::Named(name) => (vec![name.clone()], true, true),
            Self::Allowed { names, required } => (names.clone(), *required, false),
        };
        if let Some(name) = names.iter().find(|name| !tools.contains(&name.as_str())) {
            let known = if tools.is_empty() { "none".to_owned() } else { tools.join(", ") };
            return refused(format!("tool choice: there is no tool {name}; there are {known}"));
        }
        if must && names.is_empty() {
            return refused("tool choice: a call is required, but there is no tool to call".to_owned());
        }
        Ok(Callable { names, must, once })
    }
}
