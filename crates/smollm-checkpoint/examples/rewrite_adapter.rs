//! Opens a LoRA adapter in PEFT form and writes it to another folder: `rewrite_adapter FROM TO`.
//!
//! `reference/checkpoint_golden.py read-adapter TO` then says whether PEFT reads the same weights and scalings.

use std::process::ExitCode;

use smollm_checkpoint::adapter::Adapter;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(from), Some(to), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        eprintln!("usage: rewrite_adapter FROM TO");
        return ExitCode::from(2);
    };
    match Adapter::open(from).and_then(|adapter| adapter.write(to)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
