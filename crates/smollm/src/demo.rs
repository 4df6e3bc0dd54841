//! `smollm demo nano`: the whole system from one command, as the commands that one would type.

mod claim;
mod log;
mod report;
mod steps;

pub use claim::Claim;
pub use log::{StepLog, Took};
pub use report::write_report;
pub use steps::{Size, Step, Work, steps};

use crate::error::Error;
use crate::outputs::write_file;
use std::path::Path;

/// The file that shows what came of a demo, in its folder.
pub const REPORT: &str = "report.html";

/// Files of `recipes/nano`, as they stand in the repository.
const RECIPES: [(&str, &str); 5] = [
    ("pretrain.yaml", include_str!("../../../recipes/nano/pretrain.yaml")),
    ("sft.yaml", include_str!("../../../recipes/nano/sft.yaml")),
    ("dpo.yaml", include_str!("../../../recipes/nano/dpo.yaml")),
    ("hand-written.jsonl", include_str!("../../../recipes/nano/hand-written.jsonl")),
    ("chat-template.jinja", include_str!("../../../recipes/nano/chat-template.jinja")),
];

/// Writes recipes and template into the folder of a demo, where they are not there yet: whoever changes one finds it again.
///
/// # Errors
/// The file system refuses.
pub fn write_recipes(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| Error::Write { path: folder.into(), error })?;
    for (name, text) in RECIPES {
        let path = folder.join(name);
        if !path.exists() {
            write_file(&path, text.as_bytes())?;
        }
    }
    Ok(())
}
