//! `smollm tokenize` and `smollm detokenize`.

use super::args::{NameArgs, token_ids};
use super::failure::Usage;
use super::input;
use super::output::output;
use serde_json::json;
use smollm_tokenizer::Specials;
use std::io::Write;
use std::path::PathBuf;

/// Text to token ids.
#[derive(Debug, clap::Args)]
pub(crate) struct Tokenize {
    #[command(flatten)]
    model: NameArgs,
    /// The text (default: standard input, taken as it is)
    text: Option<String>,
    /// Read the text from a file
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Special tokens in the text are ordinary text
    #[arg(long)]
    no_special: bool,
    /// {"ids":[...],"tokens":[...]}
    #[arg(long)]
    json: bool,
}

impl Tokenize {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let tokenizer = self.model.open_tokenizer()?;
        let text = input::text(self.text.as_deref(), self.file.as_deref(), "text")?;
        let specials = if self.no_special { Specials::AsText } else { Specials::Parse };
        let ids = tokenizer.encode(&text, specials);
        let mut out = output();
        if self.json {
            // the tokens as the vocabulary spells them: ids that encode gives always have a spelling
            let tokens: Vec<_> = ids.iter().map(|&id| tokenizer.token_str(id).unwrap_or_default()).collect();
            writeln!(out, "{}", json!({ "ids": ids, "tokens": tokens }))?;
        } else {
            let ids: Vec<_> = ids.iter().map(u32::to_string).collect();
            writeln!(out, "{}", ids.join(","))?;
        }
        Ok(())
    }
}

/// Token ids to text.
#[derive(Debug, clap::Args)]
pub(crate) struct Detokenize {
    #[command(flatten)]
    model: NameArgs,
    /// Ids as 1,2,3 (default: standard input)
    ids: Option<String>,
    /// Leave special tokens out
    #[arg(long)]
    no_special: bool,
}

impl Detokenize {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let tokenizer = self.model.open_tokenizer()?;
        let ids = token_ids(&input::text(self.ids.as_deref(), None, "token ids")?).map_err(Usage)?;
        if let Some(id) = ids.iter().find(|&&id| tokenizer.token_bytes(id).is_none()) {
            anyhow::bail!("token id {id} does not exist: the vocabulary has {} entries", tokenizer.vocab_size());
        }
        let mut out = output();
        out.write_all(tokenizer.decode(&ids, self.no_special).as_bytes())?;
        out.write_all(b"\n")?;
        Ok(())
    }
}
