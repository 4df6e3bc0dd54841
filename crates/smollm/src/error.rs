//! Everything that can go wrong between a model's name and an answer.

use std::path::PathBuf;

/// One line that says what is wrong and where; the crates below give most of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the transparent variants are the errors of the crate they name")]
pub enum Error {
    /// A file could not be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// Quantised matrices were to go where only plain numbers can.
    #[error(
        "{}: tensor `{tensor}` is quantised ({dtype}), which safetensors cannot hold; choose a type for all with --dtype \
         (f32 keeps every value)",
        path.display()
    )]
    QuantizedSource {
        /// The model.
        path: PathBuf,
        /// Its first quantised matrix.
        tensor: String,
        /// The type of that.
        dtype: &'static str,
    },
    /// The cache cannot have the requested type.
    #[error("a {dtype} cache needs heads of a multiple of 32 elements; those of {model} have {head_dim}")]
    KvDtype {
        /// The model.
        model: String,
        /// The type.
        dtype: &'static str,
        /// D.
        head_dim: usize,
    },
    /// An importance matrix that does not fit the model.
    #[error("{} {problem}: it is the importance matrix of another model", path.display())]
    OtherImatrix {
        /// The importance matrix.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// A text has too few tokens for what is asked of it.
    #[error("the text has {tokens} tokens; at least {needed} are needed")]
    TextTooShort {
        /// Tokens there are.
        tokens: usize,
        /// Tokens needed.
        needed: usize,
    },
    /// The model computes no numbers on a text.
    #[error("{model}: the inputs of `{tensor}` are NaN or infinite on this text")]
    InfiniteInputs {
        /// The model.
        model: String,
        /// The first such matrix.
        tensor: String,
    },
    /// Two models that were to be compared have different vocabularies.
    #[error("{base} and {other} have vocabularies of {base_size} and {other_size} tokens; they cannot be compared")]
    OtherVocabulary {
        /// The model compared with.
        base: String,
        /// V of that.
        base_size: usize,
        /// The other.
        other: String,
        /// V of that.
        other_size: usize,
    },
    /// A text file is no text.
    #[error("{}: not UTF-8 at byte {offset}", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: usize,
    },
    /// A line of a file has no text.
    #[error("{}: line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of items has none.
    #[error("{}: holds no items", path.display())]
    NoItems {
        /// The file.
        path: PathBuf,
    },
    /// A role was given to what is no special token.
    #[error("{token:?}, the {role}, is not among the special tokens")]
    Role {
        /// Its name in `tokenizer_config.json`.
        role: &'static str,
        /// What should have it.
        token: String,
    },
    /// A path is there, but it is no model.
    #[error("{} {problem}", path.display())]
    NotAModel {
        /// The path.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// A model or an adapter that cannot be merged with the others.
    #[error("{model}: {problem}")]
    Merge {
        /// Which.
        model: String,
        /// In what it does not fit.
        problem: String,
    },
    /// A JSON file beside the weights is broken.
    #[error("{}: {problem}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's words.
        problem: String,
    },
    /// Text was given to a model without tokenizer.
    #[error(
        "{model} has no tokenizer; put tokenizer.json beside the weights, or give token ids (--ids of generate and score)"
    )]
    NoTokenizer {
        /// The model.
        model: String,
    },
    /// A conversation was given to a model without chat template.
    #[error(
        "{model} has no chat template: it is a base model, which continues texts (smollm generate); its instruct version answers"
    )]
    NoTemplate {
        /// The model.
        model: String,
    },
    /// Thinking was turned on or off for a model that does not think.
    #[error("{model} has no thinking mode (SmolLM3 has)")]
    CannotThink {
        /// The model.
        model: String,
    },
    /// `init` was asked for a shape it does not know.
    #[error("`{shape}` is neither a known shape nor a config.json; known are {known}")]
    UnknownShape {
        /// What was asked for.
        shape: String,
        /// The presets.
        known: String,
    },
    /// `init` was asked to set something that says nothing about a model.
    #[error("config.json has no key `{}` that this program reads; the nearest is `{nearest}`", key.escape_debug())]
    UnknownKey {
        /// What was asked for.
        key: String,
        /// A key that there is.
        nearest: &'static str,
    },
    /// Two models of a server would answer to one name.
    #[error("two models are called `{name}`: {first} and {second}; name each by its own path, or leave one out")]
    EqualNames {
        /// The name.
        name: String,
        /// A model.
        first: String,
        /// The other.
        second: String,
    },
    /// A smaller model cannot guess for another.
    #[error(
        "the draft model {draft} and {model} must share one tokenizer, but token {id} differs; take a smaller model of the same family"
    )]
    DraftTokenizer {
        /// The smaller model.
        draft: String,
        /// The model.
        model: String,
        /// The first token that means different text.
        id: u32,
    },
    /// The user stopped the work.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// A file could not be written.
    #[error("{}: cannot write: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// The tokenizer and the weights disagree.
    #[error("{model}: the tokenizer has ids up to {largest}, but the model's vocabulary ends at {vocab_size}")]
    VocabularyMismatch {
        /// The model.
        model: String,
        /// Largest id of the tokenizer.
        largest: usize,
        /// V.
        vocab_size: usize,
    },
    /// The requested context is impossible.
    #[error("a context of {requested} tokens is beyond the {limit} positions that {model} was made for")]
    Context {
        /// Asked for.
        requested: usize,
        /// `max_position_embeddings`.
        limit: usize,
        /// The model.
        model: String,
    },
    /// A tool that no model can be told of, or whose arguments cannot be made sure of.
    #[error("tool {tool}: {problem}")]
    Tool {
        /// Its name.
        tool: String,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// An agent whose options contradict each other.
    #[error("{problem}")]
    Agent {
        /// What contradicts what.
        problem: String,
    },
    /// A part of a recipe that does not go with its data.
    #[error("{name}: {problem}")]
    Source {
        /// What the recipe calls it: a source's name, or a key.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A training run or a demo that cannot be begun or went wrong.
    #[error("{}: {problem}", path.display())]
    Run {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    #[error(transparent)]
    Recipe(#[from] crate::train::recipe::RecipeError),
    #[error(transparent)]
    Loop(#[from] smollm_train::run::RunError),
    #[error(transparent)]
    Save(#[from] smollm_train::checkpoints::SaveError),
    #[error(transparent)]
    Lora(#[from] smollm_train::LoraError),
    #[error(transparent)]
    Prepare(#[from] smollm_corpus::prepare::PrepareError),
    #[error(transparent)]
    Shard(#[from] smollm_corpus::shards::ShardError),
    #[error(transparent)]
    Feed(#[from] smollm_corpus::feed::FeedError),
    #[error(transparent)]
    Grammar(#[from] smollm_tokenizer::constrain::GrammarError),
    #[error(transparent)]
    Isa(#[from] smollm_kernels::IsaError),
    #[error(transparent)]
    Checkpoint(#[from] smollm_checkpoint::CheckpointError),
    #[error(transparent)]
    Config(#[from] smollm_model::ConfigError),
    #[error(transparent)]
    GgufConfig(#[from] smollm_model::GgufConfigError),
    #[error(transparent)]
    Model(#[from] smollm_model::ModelError),
    #[error(transparent)]
    Tokenizer(#[from] smollm_tokenizer::TokenizerError),
    #[error(transparent)]
    Train(#[from] smollm_tokenizer::train::TrainError),
    #[error(transparent)]
    Template(#[from] smollm_tokenizer::template::TemplateError),
    #[error(transparent)]
    Engine(#[from] smollm_engine::EngineError),
    #[error(transparent)]
    Hub(#[from] smollm_hub::HubError),
    #[error(transparent)]
    Name(#[from] smollm_hub::NameError),
}
