//! How many tokens a request took.

use crate::answer::Answers;
use serde::Serialize;
use utoipa::ToSchema;

/// Tokens, by what they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: usize,
    pub(crate) completion_tokens: usize,
    pub(crate) total_tokens: usize,
    pub(crate) prompt_tokens_details: PromptDetails,
    pub(crate) completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct PromptDetails {
    /// Tokens that were in the cache already.
    pub(crate) cached_tokens: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct CompletionDetails {
    /// Tokens of thoughts.
    pub(crate) reasoning_tokens: usize,
}

impl Usage {
    /// Of the answers to all prompts of a request.
    pub(crate) fn of<'a>(answers: impl IntoIterator<Item = &'a Answers>) -> Self {
        let mut usage = Self::default();
        for answer in answers {
            usage.prompt_tokens += answer.prompt;
            usage.completion_tokens += answer.tokens();
            usage.prompt_tokens_details.cached_tokens += answer.timings(0).cached_tokens;
        }
        usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
        usage
    }
}
