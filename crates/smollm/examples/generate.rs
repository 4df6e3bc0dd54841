//! Load a model and let it answer a question, word by word: `generate [MODEL] [QUESTION]`.
#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use smollm::{GenerateOptions, Model, Prompt};
use std::io::Write;
use std::ops::ControlFlow;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or("nano".to_owned());
    let question = arguments.next().unwrap_or("What is the capital of France?".to_owned());

    // A folder, a .gguf file, a hub id (org/name) or a short name (smollm2:135m); what is on the hub is fetched once.
    let model = Model::open(&name)?;
    // What is not said here is as the model's makers advise. Temperature 0 always takes the likeliest token.
    let options = GenerateOptions { temperature: Some(0.0), max_tokens: Some(64), ..GenerateOptions::default() };

    // A session has the memory of what was read and written; the next prompt may begin where this one ends.
    let mut session = model.session();
    let answer = model.generate(&mut session, &Prompt::question(&question), &options, &mut |piece| {
        print!("{piece}");
        // a terminal shows lines; this shows words as they come
        match std::io::stdout().flush() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()), // nobody reads on
        }
    })?;

    println!();
    println!("({} tokens, ended by: {})", answer.tokens.len(), answer.end.finish_reason());
    Ok(())
}
