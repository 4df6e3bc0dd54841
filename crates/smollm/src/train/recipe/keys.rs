//! Every key that a recipe may have: what is not in this table is refused, and `docs/training.md` shows it.

/// A key of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Where it stands, `.` between keys; the items of a list have the path of the list.
    pub path: &'static str,
    /// What it is if it is not given.
    pub default: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

const fn key(path: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { path, default, meaning }
}

/// All of them.
pub const KEYS: &[Key] = &[
    key("kind", "required", "`pretrain`, `sft` or `dpo`"),
    key("model", "required, or `init`", "the weights to start from: a name as `-m` takes it, or a path"),
    key("init", "", "random weights to start from (`pretrain` only, in place of `model`)"),
    key("init.shape", "required", "`smollm2-135m`, ..., or the path of a config.json"),
    key("init.seed", "the recipe's `seed`", "every weight is a function of it"),
    key("init.std", "the shape's `initializer_range`", "standard deviation of all matrices"),
    key("init.depth_scaled", "`false`", "`o_proj` and `down_proj` have `std` / sqrt(2 layers), as nanotron makes them"),
    key("init.set", "", "keys of config.json that differ from the shape, as `rope_theta: 10000`"),
    key("tokenizer", "that of `model`", "a name or path whose tokenizer and chat template are taken"),
    key("template", "that of the tokenizer", "a file with another chat template"),
    key("license", "that of `model`", "the licence that the model's card names, as `apache-2.0`"),
    key("output", "required", "the folder of the run"),
    key("seed", "`42`", "all that is drawn or shuffled goes by it"),
    key("data", "required", "what is learnt from"),
    key("data.sources", "required", "a list of sources"),
    key(
        "data.sources.path",
        "required",
        "a folder made by `smollm train tokenize`, a file, a folder of files, or a list of these; `*` in a file's name is any text",
    ),
    key("data.sources.name", "the path", "what other keys and messages call the source"),
    key("data.sources.weight", "", "share of the rows; either all sources have one or none"),
    key(
        "data.sources.repeat",
        "`1`",
        "how often the source is gone through in an epoch, where there are no weights; may be less than 1",
    ),
    key("data.sources.text_column", "told by the columns", "the column of a text"),
    key("data.sources.documents", "`whole`", "of text files: each is a document (`whole`), or each line (`lines`)"),
    key("data.sources.separator", "", "of text files: lines of this text part documents"),
    key("data.stages", "", "weights that change with the tokens that were learnt, in place of `weight` and `repeat`"),
    key(
        "data.stages.from_tokens",
        "required",
        "the stage begins after so many tokens, counted in full rows; 0 for the first",
    ),
    key("data.stages.weights", "required", "a map of names of sources to weights; a source that is not there has 0"),
    key(
        "data.packing",
        "`best-fit`; `dpo`: `none`",
        "`best-fit`: whole documents share rows, each seen by itself; `wrapped`: all documents one after the other, each token sees its row; `none`: a row for each",
    ),
    key("data.sequence_length", "`2048`", "tokens of a row"),
    key(
        "data.loss",
        "`pretrain`: `all`, `sft`: `answers`",
        "`all` tokens, `answers` of the assistant, or the `last-answer`; `dpo` learns both answers",
    ),
    key(
        "data.max_tokens",
        "`sft`: the row, unless wrapped; `dpo`: half a row; else `none`",
        "examples are cut after so many tokens; of a pair, each",
    ),
    key("data.max_prompt", "`none`", "of a pair's prompt only the last tokens are kept (`dpo`)"),
    key("data.end_token", "`true`", "texts and completions end with the end token"),
    key("data.parse_special", "`true`", "special tokens that are spelt in texts are special tokens"),
    key(
        "data.on_lost",
        "`stop`",
        "an example with nothing to learn, or an answer cut away whole: `stop` names it, `skip` counts it",
    ),
    key("data.variables", "", "variables of the chat template, as `enable_thinking: false`"),
    key("data.validation", "", "what is held out"),
    key("data.validation.fraction", "", "this share of the documents of all sources"),
    key("data.validation.sources", "", "sources of its own, with the keys of a source but for `weight` and `repeat`"),
    key("data.validation.sources.path", "required", "as above"),
    key("data.validation.sources.name", "the path", "as above"),
    key("data.validation.sources.text_column", "told by the columns", "as above"),
    key("data.validation.sources.documents", "`whole`", "as above"),
    key("data.validation.sources.separator", "", "as above"),
    key("objective", "", "what is minimised"),
    key("objective.z_loss", "`0`", "adds this times the square of each logarithm of the softmax's sum (not `dpo`)"),
    key("objective.loss", "`sigmoid`", "`sigmoid`, `ipo` or `apo-zero` (`dpo`)"),
    key("objective.beta", "`0.1`", "how much the log-ratio to the reference counts (`dpo`)"),
    key(
        "objective.reference",
        "`precomputed`",
        "log-probabilities of the weights at the start: `precomputed` once, or `live` in each step (`dpo`)",
    ),
    key("optimizer", "required", "AdamW"),
    key("optimizer.learning_rate", "required", "at its peak"),
    key("optimizer.betas", "`pretrain`: `[0.9, 0.95]`, else `[0.9, 0.999]`", "decay of the two moments"),
    key("optimizer.eps", "`1e-8`", "added to the root of the second moment"),
    key("optimizer.weight_decay", "`0`", "decoupled weight decay"),
    key("optimizer.decay_embeddings", "`true`", "whether embeddings decay"),
    key("optimizer.decay_norms", "`true`", "whether the weights of norms decay"),
    key("optimizer.max_grad_norm", "`1`", "gradients with a larger norm are scaled down to it; `none` leaves them"),
    key("schedule", "", "the learning rate over the steps"),
    key(
        "schedule.type",
        "`cosine`",
        "`wsd` (constant, then decay), `cosine`, `linear` or `constant`, each behind a linear warm-up",
    ),
    key("schedule.warmup_steps", "", "steps of the warm-up"),
    key("schedule.warmup_ratio", "`0`", "the same as a share of all steps"),
    key("schedule.decay_steps", "required, or `decay_ratio`", "steps of the decay at the end (`wsd`)"),
    key("schedule.decay_ratio", "", "the same as a share of all steps (`wsd`)"),
    key("schedule.decay", "`linear`", "`linear`, `cosine` or `1-sqrt` (`wsd`)"),
    key("schedule.final_ratio", "`0`", "the last learning rate, as a share of the peak"),
    key("batch", "required", "what makes a step"),
    key("batch.rows", "required", "rows of a step, at most 1,048,576: with packing `none` that is examples, or pairs"),
    key(
        "batch.micro_rows",
        "as many as make 8,192 tokens",
        "rows that are computed together; changes time and memory, and with `lora.dropout` what is dropped",
    ),
    key("duration", "required", "how long: one of these"),
    key("duration.epochs", "", "so often through all data; may be a fraction"),
    key("duration.steps", "", "so many steps"),
    key("duration.tokens", "", "so many tokens, counted in full rows"),
    key("lora", "", "learn adapters in place of the weights"),
    key("lora.rank", "required", "rank of each pair of matrices"),
    key("lora.alpha", "required", "the pair counts alpha / rank times"),
    key("lora.rslora", "`false`", "the pair counts alpha / sqrt(rank) times"),
    key("lora.dropout", "`0`", "share of the inputs of a pair that are dropped, in `dpo`, too"),
    key(
        "lora.target_modules",
        "`[q_proj, v_proj]`",
        "which matrices have a pair, by their names or the ends of these (`self_attn.q_proj`, `layers.3.mlp.up_proj`), or `all-linear`",
    ),
    key("lora.modules_to_save", "`[]`", "what is learnt whole beside them"),
    key("compute", "", "how it is computed"),
    key("compute.dtype", "`bf16`", "products in `bf16` (the weights stay f32) or in `f32`"),
    key("compute.activations", "`keep`", "`keep` them for the way back, or `recompute` them layer by layer"),
    key("compute.threads", "`auto`", "threads; changes no bit"),
    key("checkpoint", "", "what is kept of the run"),
    key("checkpoint.every_steps", "`500`", "steps between checkpoints; there is always one at the end"),
    key("checkpoint.keep_last", "`2`", "how many of the newest are kept"),
    key("checkpoint.keep_best", "`1` with validation, else `0`", "how many with the least validation loss are kept"),
    key("evaluation", "", "the loss on what is held out (needs `data.validation`)"),
    key("evaluation.every_steps", "`100`", "steps between evaluations; there is always one at the end"),
    key("evaluation.rows", "`all`", "rows of an evaluation, the first ones"),
    key("evaluation.patience", "`none`", "stop after so many evaluations in a row without a new least loss"),
    key("export", "", "the model that is written at the end"),
    key("export.dtype", "`bf16`", "`bf16`, `f16` or `f32`"),
];

/// The keys of a section, as the last part of their paths.
pub(super) fn known(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(move |key| match key.path.rsplit_once('.') {
        Some((parent, last)) => (parent == section).then_some(last),
        None => section.is_empty().then_some(key.path),
    })
}
