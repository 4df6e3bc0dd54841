//! The text side of a model: tokenizer and chat template, without the weights.

use crate::built_in;
use crate::error::Error;
use crate::files::ModelFiles;
use crate::gguf_vocab::read_vocab;
use smollm_checkpoint::Checkpoint;
use smollm_checkpoint::gguf::GgufMetadata;
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::template::{ChatTemplate, TemplateSource};
use std::path::Path;

/// Tokenizer and template of a model, each where it has one.
#[derive(Debug, Default)]
pub struct TextParts {
    /// The tokenizer.
    pub tokenizer: Option<Tokenizer>,
    /// The chat template.
    pub template: Option<ChatTemplate>,
}

impl TextParts {
    /// Reads them from a model's files.
    ///
    /// # Errors
    /// A file is broken or asks for something that is not supported.
    pub fn read(files: &ModelFiles) -> Result<Self, Error> {
        match files {
            ModelFiles::Directory(directory) => Self::from_directory(directory),
            ModelFiles::Gguf(path) => Self::of_gguf(&Checkpoint::open_gguf(path)?),
            ModelFiles::BuiltIn => Self::of_gguf(&built_in::open()?),
        }
    }

    fn from_directory(directory: &Path) -> Result<Self, Error> {
        let read = |name: &str| match directory.join(name) {
            path if path.is_file() => match std::fs::read(&path) {
                Ok(bytes) => Ok(Some((bytes, path))),
                Err(error) => Err(Error::Read { path, error }),
            },
            _ => Ok(None),
        };
        let mut tokenizer = match read("tokenizer.json")? {
            Some((bytes, path)) => Some(Tokenizer::from_json(&bytes, &path.display().to_string())?),
            None => None,
        };
        let jinja = match read("chat_template.jinja")? {
            Some((bytes, path)) => Some(
                String::from_utf8(bytes).map_err(|e| Error::NotUtf8 { path, offset: e.utf8_error().valid_up_to() })?,
            ),
            None => None,
        };
        let config = read("tokenizer_config.json")?;
        let name = directory.join("tokenizer_config.json").display().to_string();
        if let (Some(tokenizer), Some((bytes, _))) = (&mut tokenizer, &config) {
            tokenizer.set_roles_from_config(bytes, &name)?;
        }
        let source = TemplateSource::new(config.as_ref().map(|(bytes, _)| (bytes.as_slice(), name.as_str())), jinja)?;
        let template = match (source.template, source.tool_use) {
            (Some(text), None) => Some(ChatTemplate::new(&text, &source.special_tokens)?),
            (Some(text), Some(tool_use)) => {
                Some(ChatTemplate::new(&text, &source.special_tokens)?.with_tool_use(&tool_use)?)
            }
            (None, _) => None,
        };
        Ok(Self { tokenizer, template })
    }

    pub(crate) fn of_gguf(checkpoint: &Checkpoint) -> Result<Self, Error> {
        checkpoint.gguf_metadata().map_or_else(|| Ok(Self::default()), Self::from_gguf)
    }

    fn from_gguf(metadata: &GgufMetadata) -> Result<Self, Error> {
        let tokenizer = read_vocab(metadata)?.map(Tokenizer::from_gguf).transpose()?;
        let template = match metadata.optional::<&str>("tokenizer.chat_template")? {
            Some(text) => Some(ChatTemplate::new(text, &special_tokens(tokenizer.as_ref()))?),
            None => None,
        };
        Ok(Self { tokenizer, template })
    }
}

/// The variables a template may name, from the roles of a tokenizer.
pub fn special_tokens(tokenizer: Option<&Tokenizer>) -> Vec<(String, String)> {
    let Some(tokenizer) = tokenizer else { return Vec::new() };
    let roles = [
        ("bos_token", tokenizer.bos()),
        ("eos_token", tokenizer.eos()),
        ("unk_token", tokenizer.unk()),
        ("pad_token", tokenizer.pad()),
    ];
    let token = |id| tokenizer.token_str(id).map(str::to_owned);
    roles.into_iter().filter_map(|(role, id)| Some((role.to_owned(), token(id?)?))).collect()
}
