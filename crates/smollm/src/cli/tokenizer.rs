//! `smollm tokenizer`: tokenizers made, and tokenizers judged.

mod eval;
mod train;

use super::failure::usage;
use clap::Subcommand;
use smollm::TextFile;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Train a tokenizer, and judge tokenizers.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct TokenizerCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a tokenizer on texts
    ///
    /// Byte-level BPE with the merges that Hugging Face's tokenizers finds in the same texts. A text file is one text; of JSON lines
    /// (.jsonl, .ndjson, or --jsonl) each has one. Special tokens in texts are plain text. What is written is tokenizer.json,
    /// tokenizer_config.json and special_tokens_map.json.
    Train(train::Train),
    /// Judge tokenizers by how they take texts apart
    ///
    /// Words are runs of letters and the marks on them; whole is one that is a token, alone or with the white space before it; used
    /// is the share of the vocabulary that the texts have; exact are texts that come back byte for byte. One thread encodes.
    Eval(eval::Eval),
}

impl TokenizerCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Train(command) => command.run(),
            Command::Eval(command) => command.run(),
        }
    }
}

/// Where texts come from.
#[derive(Debug, Clone, clap::Args)]
struct TextArgs {
    /// Files with texts; - or nothing reads standard input
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The field of JSON lines that has the text
    #[arg(long, value_name = "NAME", default_value = "text")]
    field: String,
    /// All files are JSON lines, whatever their names
    #[arg(long)]
    jsonl: bool,
}

impl TextArgs {
    /// As the library has them.
    fn files(self) -> anyhow::Result<Vec<TextFile>> {
        let Self { mut files, field, jsonl } = self;
        if files.is_empty() {
            files.push("-".into());
        }
        let file = |path| match jsonl {
            true => TextFile { path, field: Some(field.clone()) },
            false => TextFile::named(path, &field),
        };
        let files: Vec<TextFile> = files.into_iter().map(file).collect();
        match files.iter().filter(|file| file.is_standard_input()).count() {
            0 => Ok(files),
            1 if std::io::stdin().is_terminal() => usage("no text given; name files, or pass it on standard input"),
            1 => Ok(files),
            _ => usage("standard input can be read once only"),
        }
    }
}
