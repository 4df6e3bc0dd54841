//! The `smollm` binary: parse arguments, call one function, print.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "printing is what this binary is for")]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
