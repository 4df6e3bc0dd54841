//! `smollm completions` and `smollm man`: what a shell and `man` know of the commands, made of the same table that parses them.

use super::Cli;
use super::output::output;
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use std::io::Write;
use std::path::PathBuf;

/// Print what completes commands and options in a shell (docs/packaging.md says where shells look for it).
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new(); // the generator panics where a writer fails, and a reader may leave
        generate(self.shell, &mut Cli::command(), "smollm", &mut script);
        Ok(output().write_all(&script)?)
    }
}

/// Print the manual page in the language of man, or write one for each command.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Write the page of every command to this folder: smollm.1, smollm-chat.1, ...; pages that are there are replaced
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut root = Cli::command().disable_help_subcommand(true);
        root.build(); // gives each command its whole name
        let Some(folder) = &self.output else { return Ok(output().write_all(&page(&root)?.1)?) };
        let mut pages = Vec::new();
        add_pages(&root, &mut pages)?;
        Ok(smollm::write_small_files(folder, &pages)?)
    }
}

/// Name and text of the manual page of one command.
fn page(command: &Command) -> std::io::Result<(String, Vec<u8>)> {
    let source = concat!("smollm ", env!("CARGO_PKG_VERSION"));
    // an empty date would be left out, and what follows take its place: pages are the same whenever they are made
    let man = clap_mangen::Man::new(command.clone()).date(" ").source(source).manual("smollm");
    let mut text = Vec::new();
    man.render(&mut text)?;
    Ok((man.get_filename(), text))
}

/// The page of a command and those of its own commands.
fn add_pages(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    pages.push(page(command)?);
    command.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|command| add_pages(command, pages))
}
