//! Where a command's text comes from: an argument, a file, or standard input.

use super::failure::usage;
use anyhow::Context;
use std::io::{IsTerminal, Read};
use std::path::Path;

/// The text of `argument` or of `file`, or else standard input, which must not be a terminal. `-` names standard input.
pub(crate) fn text(argument: Option<&str>, file: Option<&Path>, what: &str) -> anyhow::Result<String> {
    match (argument, file) {
        (Some(_), Some(_)) => usage(format!("give the {what} as an argument or with --file, not both")),
        (Some("-"), None) => standard_input(),
        (Some(text), None) => Ok(text.to_owned()),
        (None, Some(path)) if path == Path::new("-") => standard_input(),
        (None, Some(path)) => {
            utf8(std::fs::read(path).with_context(|| path.display().to_string())?, &path.display().to_string())
        }
        (None, None) if std::io::stdin().is_terminal() => {
            usage(format!("no {what} given; pass it as an argument, with --file, or on standard input"))
        }
        (None, None) => standard_input(),
    }
}

fn standard_input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("standard input")?;
    utf8(bytes, "standard input")
}

/// Text, or the offset of the first byte that is none.
fn utf8(bytes: Vec<u8>, name: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|e| anyhow::anyhow!("{name}: not UTF-8 at byte {}", e.utf8_error().valid_up_to()))
}
