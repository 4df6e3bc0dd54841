//! Choose tokens yourself, here none that has a certain letter: `custom_sampler [MODEL] [LETTER] [QUESTION]`.
#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use anyhow::Context;
use smollm::{Model, Prompt};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or("nano".to_owned());
    let letter = arguments.next().unwrap_or("e".to_owned()).to_lowercase();
    let question = arguments.next().unwrap_or("What is the capital of France?".to_owned());

    let model = Model::open(&name)?;
    let tokenizer = model.tokenizer()?;
    // The text of every token, once, so that the rule below is quick.
    let tokens: Vec<String> = (0..tokenizer.vocab_size() as u32).map(|id| tokenizer.decode(&[id], false)).collect();

    // A sampler is whatever makes a token of logits: one number for each token of the vocabulary, the larger the likelier.
    let choose = |logits: &[f32]| {
        let allowed = |id: &usize| tokens.get(*id).is_some_and(|text| !text.to_lowercase().contains(&letter));
        (0..logits.len()).filter(allowed).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).map(|id| id as u32)
    };

    let prompt = model.prompt_ids(&Prompt::question(&question))?;
    let mut session = model.session();
    let mut logits = session.first_logits(&prompt)?;
    let mut answer = Vec::new();
    while answer.len() < 64 {
        let id = choose(&logits).context("every token has that letter")?;
        if model.stop_ids().contains(&id) {
            break;
        }
        answer.push(id);
        logits = session.next_logits(id)?;
    }
    println!("{}", tokenizer.decode(&answer, true));
    Ok(())
}
