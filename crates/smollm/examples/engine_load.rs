//! The engine of `smollm serve` without HTTP: `engine_load MODEL THREADS CONTEXT WARM MEASURED` answers the requests of two files, each
//! line the body of one to `/v1/completions`, all of a file at once, and prints what the second took as a line of JSON.

use serde_json::Value;
use smollm::{EngineOptions, OpenOptions, ServeOptions, sources};
use smollm_engine::{Event, Request, SamplingParams, Submission};
use smollm_server::Model;
use std::error::Error;
use std::ops::ControlFlow;
use std::sync::mpsc::channel;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, threads, context, warm, measured] = arguments.as_slice() else {
        return Err("usage: engine_load MODEL THREADS CONTEXT WARM MEASURED".into());
    };
    let (threads, context, measured) = (threads.parse()?, context.parse()?, submissions(measured)?);
    let engine = EngineOptions {
        max_running: measured.len(),
        kv_tokens: Some(measured.len() * context),
        ..EngineOptions::default()
    };
    let open = OpenOptions { threads: Some(threads), context: Some(context), ..OpenOptions::default() };
    let options = ServeOptions { open, engine, ..ServeOptions::default() };
    let model = options.load(&sources(std::slice::from_ref(model), &[])?[0], None, &smollm_hub::Silent)?;
    answer(&model, submissions(warm)?)?;
    let (tokens, seconds, mut firsts) = answer(&model, measured)?;
    firsts.sort_by(f64::total_cmp);
    let line = serde_json::json!({"tokens_per_s": tokens as f64 / seconds, "first_s": firsts[(firsts.len() - 1) / 2]});
    #[allow(clippy::print_stdout)] // that is what it is for
    {
        println!("{line}");
    }
    Ok(())
}

/// The requests of a file.
fn submissions(path: &str) -> Result<Vec<Submission>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    text.lines().map(|line| Ok(submission(&serde_json::from_str(line)?).ok_or("a field is missing")?)).collect()
}

fn submission(body: &Value) -> Option<Submission> {
    let number = |name: &str| body[name].as_f64();
    let sampling = SamplingParams {
        temperature: number("temperature")? as f32,
        top_k: body["top_k"].as_u64()? as usize,
        top_p: number("top_p")? as f32,
        min_p: number("min_p")? as f32,
        seed: body["seed"].as_u64()?,
        ..SamplingParams::default()
    };
    let prompt = body["prompt"].as_array()?.iter().map(|id| id.as_u64().map(|id| id as u32)).collect::<Option<_>>()?;
    let max_tokens = Some(body["max_tokens"].as_u64()? as usize);
    Some(Submission::new(prompt, Request { max_tokens, sampling, ..Request::default() }))
}

/// Answers all at once: tokens, seconds, and the seconds to each first token.
fn answer(model: &Model, submissions: Vec<Submission>) -> Result<(usize, f64, Vec<f64>), Box<dyn Error>> {
    let (events, heard) = channel();
    let started = Instant::now();
    for (index, submission) in submissions.into_iter().enumerate() {
        let events = events.clone();
        let sink = move |event| {
            // nobody hangs up before the end
            let _ = events.send((index, event));
            ControlFlow::Continue(())
        };
        model.engine.submit(submission, Box::new(sink))?;
    }
    drop(events);
    let (mut tokens, mut firsts) = (0, std::collections::BTreeMap::new());
    for (index, event) in heard {
        match event {
            Event::Token { .. } => {
                tokens += 1;
                firsts.entry(index).or_insert_with(|| started.elapsed().as_secs_f64());
            }
            Event::Failed(error) => return Err(error.into()),
            _ => {}
        }
    }
    Ok((tokens, started.elapsed().as_secs_f64(), firsts.into_values().collect()))
}
