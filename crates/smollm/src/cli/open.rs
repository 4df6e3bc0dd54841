//! From the model options to an open model.

use super::args::{ModelArgs, NameArgs, RunArgs, SamplingArgs};
use super::failure::usage;
use super::output::note;
use super::progress::DownloadBars;
use smollm::{BUILT_IN, Error, GenerateOptions, Model, OpenOptions, SamplingParams, TextParts, local_files};
use smollm_kernels::{Dtype, KvDtype};
use smollm_model::{Mix, Storage};
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::template::ChatTemplate;
use std::env::VarError;

/// More threads than any machine has cores would only cost memory.
const MOST_THREADS: usize = 4096;

impl ModelArgs {
    /// Opens the model, downloading it if need be, and says what is odd about it.
    pub(crate) fn open(&self) -> anyhow::Result<Model> {
        self.open_named(&self.name.required()?)
    }

    /// The same, for commands that answer with the built-in model where none is named.
    pub(crate) fn open_or_built_in(&self) -> anyhow::Result<Model> {
        self.open_named(&self.name.or_built_in()?)
    }

    fn open_named(&self, name: &str) -> anyhow::Result<Model> {
        let options = OpenOptions { lora: self.lora.clone(), ..self.run.options()? };
        let model = Model::open_with(name, &options, &DownloadBars::new(self.name.quiet))?;
        if !self.name.quiet {
            for line in &model.decoder().config.notes {
                note(format_args!("note: {line}"));
            }
        }
        Ok(model)
    }
}

impl RunArgs {
    /// As the library has them.
    pub(crate) fn options(&self) -> anyhow::Result<OpenOptions> {
        if self.ctx == Some(0) {
            return usage("--ctx must be at least 1");
        }
        Ok(OpenOptions {
            threads: threads(self.threads)?,
            context: self.ctx,
            storage: match (&self.dtype, &self.quant) {
                (Some(name), _) => Storage::Plain(dtype(name)),
                (None, Some(name)) => Mix::named(name).map_or(Storage::AsInFile, Storage::Quantized),
                (None, None) => Storage::AsInFile,
            },
            kv_dtype: self.kv_type.as_deref().map(kv_dtype),
            lora: None,
        })
    }
}

impl NameArgs {
    /// The model's name as given, on the command line or else in the environment.
    pub(crate) fn required(&self) -> anyhow::Result<String> {
        let named = match &self.model {
            Some(name) => Some(name.clone()),
            None => named_by_environment()?,
        };
        match named {
            Some(name) if !name.is_empty() => Ok(name),
            _ => usage(
                "no model given; name one with -m (nano, smollm2:135m, a directory, a .gguf file) or in SMOLLM_MODEL",
            ),
        }
    }

    /// The same, or else the built-in model, with a note that says so.
    fn or_built_in(&self) -> anyhow::Result<String> {
        if self.model.is_none() && named_by_environment()?.is_none() {
            return Ok(built_in(self.quiet));
        }
        self.required()
    }

    /// Tokenizer and template alone: no weights are touched, so they may be damaged or absent.
    pub(crate) fn open_text(&self) -> anyhow::Result<TextParts> {
        Ok(TextParts::read(&local_files(&self.required()?, &DownloadBars::new(self.quiet))?)?)
    }

    /// The tokenizer.
    pub(crate) fn open_tokenizer(&self) -> anyhow::Result<Tokenizer> {
        let model = self.required()?;
        Ok(self.open_text()?.tokenizer.ok_or(Error::NoTokenizer { model })?)
    }

    /// The chat template.
    pub(crate) fn open_template(&self) -> anyhow::Result<ChatTemplate> {
        let model = self.required()?;
        Ok(self.open_text()?.template.ok_or(Error::NoTemplate { model })?)
    }
}

/// What SMOLLM_MODEL says, if it says anything.
pub(crate) fn named_by_environment() -> anyhow::Result<Option<String>> {
    match std::env::var("SMOLLM_MODEL") {
        Ok(name) => Ok(Some(name).filter(|name| !name.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => usage("SMOLLM_MODEL is not UTF-8"),
    }
}

/// The name of the built-in model, for who named none; a note says that it answers, and how to get a better one.
pub(crate) fn built_in(quiet: bool) -> String {
    if !quiet {
        note(format_args!(
            "note: no model given: the built-in {BUILT_IN} answers, which knows a small world only; `-m smollm2:135m` gets SmolLM2"
        ));
    }
    BUILT_IN.into()
}

/// The option's parser lets nothing else through.
pub(crate) fn dtype(name: &str) -> Dtype {
    match name {
        "f32" => Dtype::F32,
        "f16" => Dtype::F16,
        _ => Dtype::BF16,
    }
}

/// `--threads`, within reason.
pub(crate) fn threads(threads: Option<usize>) -> anyhow::Result<Option<usize>> {
    match threads {
        Some(threads) if threads == 0 || threads > MOST_THREADS => {
            usage(format!("--threads must be between 1 and {MOST_THREADS}"))
        }
        threads => Ok(threads),
    }
}

/// The option's parser lets nothing else through.
pub(crate) fn kv_dtype(name: &str) -> KvDtype {
    match name {
        "f32" => KvDtype::F32,
        "f16" => KvDtype::F16,
        "q8_0" => KvDtype::Q8_0,
        _ => KvDtype::BF16,
    }
}

impl SamplingArgs {
    /// As the library has them, with every value in its range; whether biased tokens exist only a model can tell.
    pub(crate) fn options(&self, logprobs: Option<usize>) -> anyhow::Result<GenerateOptions> {
        let options = GenerateOptions {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            logit_bias: self.logit_bias.clone(),
            seed: self.seed,
            stop: self.stop.clone(),
            max_tokens: self.max_tokens,
            ignore_eos: self.ignore_eos,
            logprobs,
            grammar: None,
        };
        match options.sampling(&SamplingParams::default()).validate(usize::MAX) {
            Ok(()) => Ok(options),
            Err(error) => usage(error.to_string()),
        }
    }
}
