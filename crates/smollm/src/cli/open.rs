//! From the model options to an open model.

use super::args::{ModelArgs, NameArgs, RunArgs, SamplingArgs};
use super::failure::usage;
use super::output;
use super::progress::DownloadBars;
use smollm::{Error, GenerateOptions, Model, OpenOptions, SamplingParams, TextParts, local_files};
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
        let options = OpenOptions { lora: self.lora.clone(), ..self.run.options()? };
        let model = Model::open_with(&self.name.required()?, &options, &DownloadBars::new(self.name.quiet))?;
        if !self.name.quiet {
            for note in &model.decoder().config.notes {
                output::note(format_args!("note: {note}"));
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
            None => match std::env::var("SMOLLM_MODEL") {
                Ok(name) => Some(name),
                Err(VarError::NotPresent) => None,
                Err(VarError::NotUnicode(_)) => return usage("SMOLLM_MODEL is not UTF-8"),
            },
        };
        match named {
            Some(name) if !name.is_empty() => Ok(name),
            _ => usage("no model given; name one with -m (smollm2:135m, a directory, a .gguf file) or in SMOLLM_MODEL"),
        }
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
