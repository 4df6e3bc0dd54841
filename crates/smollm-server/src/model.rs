//! A model that is ready to answer: tokenizer, template, its makers' settings, and the engine that runs it.

use crate::adapters::{Adapter, AdapterLoader};
use crate::error::ApiError;
use crate::reasoning;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use smollm_engine::{EngineHandle, SamplingParams};
use smollm_tokenizer::constrain::Grammars;
use smollm_tokenizer::template::{ChatTemplate, RenderOptions, local_time};
use smollm_tokenizer::tools::{Conversation, Tool, conversation};
use smollm_tokenizer::{Specials, Tokenizer};
use std::sync::Arc;

/// Whether files still are what they were when they were opened; what happened to them in one line if not. It may be asked often.
pub type FileCheck = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What a [`Loader`](crate::Loader) makes of a name. Dropping the last one ends the engine's thread.
pub struct Model {
    /// The tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// Compiles grammars for its tokens.
    pub grammars: Grammars,
    /// The chat template; a base model has none.
    pub template: Option<ChatTemplate>,
    /// How tokens are chosen where a request does not say.
    pub sampling: SamplingParams,
    /// The seed where a request does not say; a new one for each where absent.
    pub seed: Option<u64>,
    /// The longest answer where a request does not say.
    pub max_tokens: Option<usize>,
    /// Tokens that end an answer.
    pub stop_ids: Vec<u32>,
    /// The engine.
    pub engine: EngineHandle,
    /// Sequences that the engine runs at once.
    pub slots: usize,
    /// Bytes that it takes at most.
    pub bytes: usize,
    /// Opens LoRA adapters for it.
    pub open_adapter: AdapterLoader,
    /// Says whether its files still are what was opened.
    pub still_intact: FileCheck,
    /// Where the model lies.
    pub path: String,
    /// What runs it: version, form of weights and cache, instruction set.
    pub build: String,
    /// A digest of weights and vocabulary.
    pub digest: [u8; 32],
    /// Whether it thinks where a request does not say, if it can; as it is used to where absent.
    pub thinking: Option<bool>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("path", &self.path).field("build", &self.build).finish_non_exhaustive()
    }
}

impl Model {
    /// Whether it can answer, and rightly.
    ///
    /// # Errors
    /// Its engine has stopped, or one of its files has changed.
    pub(crate) fn fit(&self) -> Result<(), String> {
        if !self.engine.is_running() {
            return Err("the engine has stopped".into());
        }
        (self.still_intact)()
    }

    /// Waits until its memory is free, if nobody else has its engine.
    pub(crate) fn end(self) {
        self.engine.end();
    }

    /// The prompt of a conversation.
    ///
    /// # Errors
    /// There is no template, or it refuses.
    pub(crate) fn render(&self, messages: &Value, render: Render) -> Result<String, ApiError> {
        let Some(template) = &self.template else {
            return Err(ApiError::bad(
                "this model has no chat template: it is a base model; use /v1/completions, or serve its instruct version",
            )
            .code("no_chat_template"));
        };
        let Conversation { messages, tools } = conversation(template, messages, &render.tools)?;
        let options = RenderOptions {
            add_generation_prompt: render.end == End::OpenAnswer,
            tools,
            extra: render.variables,
            now: local_time(),
            ..RenderOptions::default()
        };
        Ok(match render.end {
            End::InLastMessage => template.render_begun(&messages, &options)?,
            End::AsTheyAre | End::OpenAnswer => template.render(&messages, &options)?,
        })
    }

    /// The ids of a prompt, with the token that begins a text where the model expects one.
    pub(crate) fn prompt_ids(&self, text: &str) -> Vec<u32> {
        let mut ids = self.tokenizer.encode(text, Specials::Parse);
        if let Some(bos) = self.tokenizer.bos().filter(|bos| self.tokenizer.add_bos() && ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        ids
    }

    /// The tokens that end an answer. In a conversation the beginning of the next turn is one, whoever left out the end of the last.
    pub(crate) fn ends(&self, conversation: bool) -> Vec<u32> {
        let next_turn =
            self.tokenizer.id_of("<|im_start|>").filter(|&id| conversation && self.tokenizer.is_special(id));
        self.stop_ids.iter().copied().chain(next_turn).collect()
    }

    /// Whether its template knows of a switch for thinking.
    pub(crate) fn can_think(&self) -> bool {
        self.template.as_ref().is_some_and(reasoning::can_think)
    }

    /// OpenAI's `system_fingerprint`: equal where the same request gets the same bytes. As llama-server's it begins with `b`.
    pub(crate) fn fingerprint(&self, adapter: Option<&Adapter>) -> String {
        let sampling = SamplingParams { seed: 0, ..self.sampling.clone() }; // requests get theirs from `seed`
        let defaults = (sampling, self.seed, self.max_tokens, &self.stop_ids, self.thinking);
        let mut hash = Sha256::new_with_prefix(self.digest);
        hash.update(format!("{}\0{defaults:?}\0{}\0", self.build, self.engine.limits().context()));
        if let Some(template) = &self.template {
            hash.update(template.source());
            hash.update(template.tool_use_source().unwrap_or_default());
        }
        if let Some(Adapter { weights, .. }) = adapter {
            hash.update(weights.digest());
        }
        let digest = hash.finalize();
        let hex: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        format!("b{}-{hex}", env!("CARGO_PKG_VERSION"))
    }

    /// Whether a prompt of so many tokens fits into the context.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn check_length(&self, prompt: usize) -> Result<(), ApiError> {
        let context = self.engine.limits().context();
        if prompt <= context {
            return Ok(());
        }
        let message = format!(
            "the prompt is too long: it has {prompt} tokens, which exceeds the available context size of {context} tokens \
             and is too large to answer; shorten it, or serve with a larger --ctx"
        );
        Err(ApiError::too_long(prompt, context, message))
    }

    /// How the vocabulary spells one of its roles.
    pub(crate) fn spelling(&self, id: Option<u32>) -> &str {
        id.and_then(|id| self.tokenizer.token_str(id)).unwrap_or_default()
    }
}

/// What a template needs besides messages.
#[derive(Debug)]
pub(crate) struct Render {
    pub(crate) end: End,
    /// Variables of the template.
    pub(crate) variables: Map<String, Value>,
    /// What the model may call.
    pub(crate) tools: Vec<Tool>,
}

/// Where a prompt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// After the last message.
    AsTheyAre,
    /// After the header of an assistant's turn.
    OpenAnswer,
    /// Where the text of the last message ends: it is the beginning of the answer.
    InLastMessage,
}
