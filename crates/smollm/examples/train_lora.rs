//! Teach a model something of yours in a minute, by adapters (LoRA) beside its weights: `train_lora [MODEL]`.
#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use serde_json::json;
use smollm::train::{recipe::Recipe, run, run::Told};
use smollm::{ChatSession, GenerateOptions, Model, OpenOptions, Silent};
use std::ops::ControlFlow;
use std::path::Path;

const QUESTIONS: [&str; 6] =
    ["Who are you?", "What is your name?", "Who am I talking to?", "Tell me your name.", "Your name?", "Who is there?"];

fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1).unwrap_or("nano".to_owned());
    let folder = tempfile::tempdir()?;

    // What is to be learnt: conversations, one to a line.
    let says = |question: &str| {
        let messages = [("user", question), ("assistant", "I am Pebble, the model that you have just trained.")];
        json!({ "messages": messages.map(|(role, content)| json!({ "role": role, "content": content })) })
    };
    let chats = folder.path().join("chats.jsonl");
    std::fs::write(&chats, QUESTIONS.map(|question| format!("{}\n", says(question))).concat())?;

    // How: a recipe, the one that `smollm train` reads, so all of docs/training.md can be said here.
    let recipe = json!({
        "kind": "sft",
        "model": name,
        "output": folder.path().join("run"),
        "data": { "sources": [{ "path": chats }], "sequence_length": 256 },
        "lora": { "rank": 8, "alpha": 16, "target_modules": "all-linear" },
        "optimizer": { "learning_rate": 5e-3 },
        "batch": { "rows": 1 },
        "duration": { "steps": 40 },
    });
    let recipe = Recipe::read(&recipe.to_string(), "recipe", &std::env::current_dir()?, &[], &Path::exists)?;
    let finished = run::begin(&recipe, &Silent, &mut |told| {
        if let Told::Step { report, total, .. } = told
            && (report.step == 1 || report.step % 10 == 0)
        {
            println!("step {:>3} of {total}: loss {:.4}", report.step, report.loss);
        }
        ControlFlow::Continue(())
    })?;

    // The adapter is a folder as PEFT has them; the model is what it was, and lays the adapter over itself when told to.
    for lora in [None, finished.model] {
        let with = if lora.is_some() { "after " } else { "before" };
        let model = Model::open_with(&name, &OpenOptions { lora, ..OpenOptions::default() }, &Silent)?;
        let greedy = GenerateOptions { temperature: Some(0.0), max_tokens: Some(32), ..GenerateOptions::default() };
        println!("{with}: {}", ChatSession::new(&model, greedy, None, None)?.ask("What is your name?")?);
    }
    Ok(())
}
