//! The command line: one file per command, each of which parses, calls the library and prints.

mod agent;
mod args;
mod bench;
mod chat;
mod convert;
mod demo;
mod eval_quant;
mod failure;
mod generate;
mod hub;
mod imatrix;
mod info;
mod init;
mod input;
mod interrupt;
mod jsonl;
mod line_log;
mod merge;
mod open;
mod output;
mod progress;
mod quantize;
mod score;
mod serve;
mod shell;
mod template;
mod tokenize;
mod tokenizer;
mod tools;
mod train;
mod verify;
mod world;
mod writing;

use clap::{Parser, Subcommand};
use failure::{arguments_exit_code, exit_code};
use std::io::Write;
use std::process::ExitCode;

/// SmolLM on this machine: chat, serve, call functions, train, measure, quantise.
///
/// MODEL is a directory, a .gguf file, a hub id such as HuggingFaceTB/SmolLM2-135M-Instruct, a short name such as
/// smollm2:135m, or nano, the small model that is built in. Give it with -m or in SMOLLM_MODEL. Where neither is given,
/// generate, chat, summarize, rewrite, title, agent and serve answer with nano; the other commands ask for a model.
#[derive(Debug, Parser)]
#[command(name = "smollm", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Download a model from the hub
    Pull(hub::Pull),
    /// List downloaded models
    #[command(visible_alias = "ls")]
    List(hub::List),
    /// Remove a downloaded model
    Rm(hub::Rm),
    /// Show what a model is: shape, types, memory, licence, template
    Info(info::Info),
    /// Continue a prompt, or answer it with --chat
    Generate(generate::Generate),
    /// Talk to a model
    Chat(chat::Chat),
    /// Summarise a text, and ask about it
    Summarize(writing::Summarize),
    /// Rewrite a message in a friendly or professional tone
    Rewrite(writing::Rewrite),
    /// Find a title for a text
    Title(writing::Title),
    /// Talk to a model that calls tools
    ///
    /// The tools are the time, random numbers, a calculator, and with --folder the files of a folder. Calls and what comes of
    /// them are shown as quoted lines of the answer.
    Agent(agent::AgentCommand),
    /// Serve models over HTTP, with OpenAI's API
    Serve(serve::Serve),
    /// Log-probabilities and perplexity of a text
    Score(score::Score),
    /// Text to token ids
    Tokenize(tokenize::Tokenize),
    /// Token ids to text
    Detokenize(tokenize::Detokenize),
    /// Messages to the exact prompt
    Template(template::Template),
    /// Make the `tools` of a request: JSON schemas of Python functions
    Tools(tools::Tools),
    /// Train a tokenizer, and judge tokenizers
    Tokenizer(tokenizer::TokenizerCommand),
    /// Make a random-initialised checkpoint of a released shape
    Init(init::Init),
    /// Convert between safetensors and GGUF
    Convert(convert::Convert),
    /// Lay LoRA adapters into a model for good, or average models
    Merge(merge::Merge),
    /// Quantise a model to a GGUF file
    Quantize(quantize::Quantize),
    /// Compute an importance matrix from a text
    Imatrix(imatrix::ImatrixCommand),
    /// Compare quantised models with the one they were made from
    EvalQuant(eval_quant::EvalQuant),
    /// Train models by recipes: pretraining, conversations, preferences
    Train(train::Train),
    /// Make a closed world to learn from: texts, chats, calls, pairs, and what is held out
    World(world::World),
    /// Try a model on items with checks: how often is it right?
    Verify(verify::Verify),
    /// See the whole system at work: a model from nothing, made on this machine
    Demo(demo::Demo),
    /// Measure prefill and decode speed against the machine's roof
    Bench(bench::Bench),
    /// Print what completes commands and options in a shell
    Completions(shell::Completions),
    /// Print the manual page, or write one for each command
    Man(shell::Man),
}

/// Parses the arguments, runs the command, and turns what went wrong into one line and an exit code: 2 for bad usage,
/// 1 for failure.
pub(crate) fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return arguments_exit_code(&error),
    };
    let result = match command {
        Command::Pull(command) => command.run(),
        Command::List(command) => command.run(),
        Command::Rm(command) => command.run(),
        Command::Info(command) => command.run(),
        Command::Generate(command) => command.run(),
        Command::Chat(command) => command.run(),
        Command::Agent(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Score(command) => command.run(),
        Command::Tokenize(command) => command.run(),
        Command::Detokenize(command) => command.run(),
        Command::Template(command) => command.run(),
        Command::Tools(command) => command.run(),
        Command::Tokenizer(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Convert(command) => command.run(),
        Command::Merge(command) => command.run(),
        Command::Quantize(command) => command.run(),
        Command::Imatrix(command) => command.run(),
        Command::EvalQuant(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Summarize(command) => command.run(),
        Command::Rewrite(command) => command.run(),
        Command::Title(command) => command.run(),
        Command::World(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    };
    // text without a line break at its end is still in the buffer
    exit_code(result.and_then(|()| Ok(output::output().flush()?)))
}
