//! How likely are these texts? All of them read at once, the likeliest first: `score_batch [MODEL] [TEXT...]`.
#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use smollm::{Engine, EngineOptions, Event, Model, Prompt, Request, Submission};
use std::collections::HashMap;

/// A text, and what its tokens come to.
struct Scored {
    text: String,
    nats: f64,
    tokens: usize,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or("nano".to_owned());
    let mut texts: Vec<String> = arguments.collect();
    if texts.is_empty() {
        let cities = ["Rome", "Paris", "Tokyo", "Lima"];
        texts.extend(cities.map(|city| format!("The capital of France is {city}.")));
    }

    // Where a session reads one sequence, an engine reads many in each pass over the weights.
    let model = Model::open(&name)?;
    let mut engine = Engine::new(model.shared_decoder(), model.shared_cpu(), &EngineOptions::default())?;

    // Of a text we want no answer, only the log-probability of each of its tokens after those before it.
    let mut scores = HashMap::new();
    for text in texts {
        let ids = model.prompt_ids(&Prompt::Text(text.clone()))?;
        let no_answer = Request { max_tokens: Some(0), ..Request::default() };
        let id = engine.submit(Submission { prompt_logprobs: Some(0), ..Submission::new(ids, no_answer) })?;
        scores.insert(id, Scored { text, nats: 0.0, tokens: 0 });
    }

    let mut failure = None;
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |id, event| match event {
            Event::PromptTokens(tokens) => {
                if let Some(scored) = scores.get_mut(&id) {
                    scored.nats -= tokens.iter().filter_map(|token| token.logprob).map(f64::from).sum::<f64>();
                    scored.tokens += tokens.len();
                }
            }
            Event::Failed(error) => failure = Some(error),
            _ => {}
        });
    }
    if let Some(error) = failure {
        return Err(error.into());
    }

    // Perplexity: among how many tokens the model hesitates, on average.
    let perplexity = |scored: &Scored| (scored.nats / scored.tokens.max(1) as f64).exp();
    let mut scored: Vec<Scored> = scores.into_values().collect();
    scored.sort_by(|a, b| perplexity(a).total_cmp(&perplexity(b)));
    for one in &scored {
        println!("{:>12.2}  {}", perplexity(one), one.text);
    }
    Ok(())
}
