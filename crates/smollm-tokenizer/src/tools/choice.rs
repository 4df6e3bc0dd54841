//! Which tools an answer may call, or must: the rules of `tool_choice`.

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

/// How often an answer calls a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Never.
    None,
    /// If the model wants to.
    Maybe,
    /// At least once.
    AtLeastOne,
}

/// What a choice means where there are certain tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callable {
    /// What may be called: places among the tools, each once.
    pub tools: Vec<usize>,
    /// How often.
    pub calls: Calls,
    /// Whether there is one call at most, whatever else allows several.
    pub once: bool,
}

/// A choice that means nothing where there are certain tools.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// It names a tool that is not there.
    #[error("there is no tool {name}")]
    NoSuchTool {
        /// Where in the choice: the name that it has, or which one of several.
        index: usize,
        /// The name.
        name: String,
    },
    /// It allows none of the tools.
    #[error("no tool is allowed, which the choice of none would say")]
    NothingAllowed,
    /// It asks for a call where there are no tools.
    #[error("a call is required, but there is no tool to call")]
    NoTools,
}

impl ToolChoice {
    /// The choice for the answers that follow the first one to a question, which else would never end.
    pub fn after_first(&self) -> Self {
        match self {
            Self::Auto | Self::Required | Self::Named(_) => Self::Auto,
            Self::None => Self::None,
            Self::Allowed { names, .. } => Self::Allowed { names: names.clone(), required: false },
        }
    }

    /// What it means where the tools have these names. Where there are no tools, none is called.
    ///
    /// # Errors
    /// It asks for what is not there.
    pub fn among(&self, tools: &[&str]) -> Result<Callable, ChoiceError> {
        let all = || (0..tools.len()).collect();
        let must = |required: &bool| if *required { Calls::AtLeastOne } else { Calls::Maybe };
        let (tools, calls, once) = match self {
            Self::Auto if tools.is_empty() => (Vec::new(), Calls::None, false),
            Self::Auto => (all(), Calls::Maybe, false),
            Self::Required if tools.is_empty() => return Err(ChoiceError::NoTools),
            Self::Required => (all(), Calls::AtLeastOne, false),
            Self::None => (Vec::new(), Calls::None, false),
            Self::Named(name) => (vec![place(tools, 0, name)?], Calls::AtLeastOne, true),
            Self::Allowed { names, .. } if names.is_empty() => return Err(ChoiceError::NothingAllowed),
            Self::Allowed { names, required } => {
                let mut places = Vec::with_capacity(names.len());
                for (index, name) in names.iter().enumerate() {
                    let place = place(tools, index, name)?;
                    if !places.contains(&place) {
                        places.push(place);
                    }
                }
                (places, must(required), false)
            }
        };
        Ok(Callable { tools, calls, once })
    }
}

fn place(tools: &[&str], index: usize, name: &str) -> Result<usize, ChoiceError> {
    let place = tools.iter().position(|tool| *tool == name);
    place.ok_or_else(|| ChoiceError::NoSuchTool { index, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(choice: &ToolChoice, tools: &[&str], expected: Result<(&[usize], Calls, bool), ChoiceError>) {
        let expected = expected.map(|(tools, calls, once)| Callable { tools: tools.to_vec(), calls, once });
        assert_eq!(choice.among(tools), expected, "{choice:?} of {tools:?}");
    }

    fn allowed(names: &[&str], required: bool) -> ToolChoice {
        ToolChoice::Allowed { names: names.iter().map(|&name| name.to_owned()).collect(), required }
    }

    #[test]
    fn choices_among_tools() {
        let tools = ["f", "g"];
        check(&ToolChoice::Auto, &tools, Ok((&[0, 1], Calls::Maybe, false)));
        check(&ToolChoice::Required, &tools, Ok((&[0, 1], Calls::AtLeastOne, false)));
        check(&ToolChoice::None, &tools, Ok((&[], Calls::None, false)));
        check(&ToolChoice::Named("g".into()), &tools, Ok((&[1], Calls::AtLeastOne, true)));
        check(&allowed(&["g", "f", "g"], true), &tools, Ok((&[1, 0], Calls::AtLeastOne, false)));
        check(&allowed(&["g"], false), &tools, Ok((&[1], Calls::Maybe, false)));
        let absent = |index| Err(ChoiceError::NoSuchTool { index, name: "h".into() });
        check(&ToolChoice::Named("h".into()), &tools, absent(0));
        check(&allowed(&["g", "h"], false), &tools, absent(1));
        check(&allowed(&[], false), &tools, Err(ChoiceError::NothingAllowed));
        check(&allowed(&[], true), &tools, Err(ChoiceError::NothingAllowed));
    }

    #[test]
    fn where_there_are_no_tools_none_is_called() {
        check(&ToolChoice::Auto, &[], Ok((&[], Calls::None, false)));
        check(&ToolChoice::None, &[], Ok((&[], Calls::None, false)));
        check(&ToolChoice::Required, &[], Err(ChoiceError::NoTools));
        check(&ToolChoice::Named("h".into()), &[], Err(ChoiceError::NoSuchTool { index: 0, name: "h".into() }));
    }

    #[test]
    fn no_answer_after_the_first_must_call() {
        let tools = ["f", "g"];
        for choice in [ToolChoice::Auto, ToolChoice::Required, ToolChoice::Named("g".into())] {
            assert_eq!(choice.after_first(), ToolChoice::Auto);
        }
        assert_eq!(ToolChoice::None.after_first(), ToolChoice::None);
        check(&allowed(&["g"], true).after_first(), &tools, Ok((&[1], Calls::Maybe, false)));
    }
}
