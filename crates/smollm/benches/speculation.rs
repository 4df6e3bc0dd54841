//! What guessing tokens ahead costs and brings, beside the bound of what it can bring.
//!
//! `cargo bench -p smollm --bench speculation -- MODEL [TOKENS [ROUNDS]]` answers one request of TOKENS (256) tokens in several ways, all
//! ways in turn, ROUNDS (5) times, and prints medians:
//!
//! - `plain`: no guesses;
//! - `none right`, `80 % right`: a guesser that knows the answer, and says it or something else; as many of its guesses are verified as
//!   the engine thinks will pay;
//! - `lookup`: guesses from what stood in prompt and answer before, as `smollm serve` makes them;
//! - `k wrong`: always k wrong guesses beside the token, which gives the time t(k+1) of a pass over k+1 rows.
//!
//! The bound for guesses that are right with probability a is the best over k of (1 - a^(k+1)) / (1 - a) tokens in t(k+1) (Leviathan et
//! al. 2023, arXiv 2211.17192, equation 1).

#![allow(clippy::print_stdout)]

use smollm::{EngineOptions, Model, OpenOptions, SamplingParams};
use smollm_engine::{Drafter, Engine, EngineStats, Event, Guess, Request, Submission};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

/// Guesses of a pass, at most.
const MOST: usize = 8;
const PROMPT: usize = 64;

/// One way to answer.
#[derive(Debug, Clone, Copy)]
enum Way {
    Plain,
    Right(f64),
    Lookup,
    Wrong(usize),
}

/// Knows the answer and says of each token, with a probability, what it is, and otherwise what it is not.
#[derive(Debug)]
struct Knowing {
    whole: Arc<Vec<u32>>,
    right: f64,
}

impl Drafter for Knowing {
    fn draft(&mut self, guesses: &mut [Guess<'_>]) {
        for guess in guesses {
            let at = guess.tokens.len();
            let next = self.whole.iter().enumerate().skip(at).take(guess.max);
            guess.draft = next.map(|(at, &id)| if share(at) < self.right { id } else { id ^ 1 }).collect();
        }
    }

    fn forget(&mut self, _sequence: u64) {}
}

/// A number between 0 and 1 that is the same for the same place in every round (splitmix64).
fn share(at: usize) -> f64 {
    let mut x = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some(name) = words.first() else {
        println!("usage: cargo bench -p smollm --bench speculation -- MODEL [TOKENS [ROUNDS]]");
        return Ok(());
    };
    let number = |at: usize, or: usize| words.get(at).map_or(Ok(or), |word| word.parse());
    let (tokens, rounds) = (number(1, 256)?, number(2, 5)?);
    let options = OpenOptions { context: Some(PROMPT + tokens + MOST), ..OpenOptions::default() };
    let model = Model::open_with(name, &options, &smollm_hub::Silent)?;
    let (_, whole, _) = answered(&model, tokens, Way::Plain, &Arc::default())?;
    let whole = Arc::new(whole);
    let ways = [Way::Plain, Way::Right(0.0), Way::Right(0.8), Way::Lookup];
    let ways: Vec<Way> = ways.into_iter().chain((1..=MOST).map(Way::Wrong)).collect();
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    let mut counts = vec![EngineStats::default(); ways.len()];
    for _ in 0..rounds {
        for ((seconds, counts), &way) in seconds.iter_mut().zip(&mut counts).zip(&ways) {
            let (took, told, stats) = answered(&model, tokens, way, &whole)?;
            if told != *whole {
                return Err(format!("{way:?} changed the answer").into());
            }
            seconds.push(took);
            *counts = stats;
        }
    }
    let medians: Vec<f64> = seconds.into_iter().map(median).collect();
    let (plain, wrong) = (medians[0], &medians[medians.len() - MOST..]);
    println!("{name}, {tokens} tokens, {rounds} rounds, {} threads, {}", model.cpu().threads(), model.cpu().isa());
    for ((way, took), stats) in ways.iter().zip(&medians).zip(&counts) {
        let bound = if let Way::Right(share) = way {
            format!("   bound {:.2}x", bound(*share, plain, wrong))
        } else {
            String::new()
        };
        let guessed =
            format!("{} of {} guesses right in {} passes", stats.accepted_tokens, stats.drafted_tokens, stats.steps);
        println!("{:<12} {:7.1} tokens/s {:6.2}x   {guessed}{bound}", title(*way), tokens as f64 / took, plain / took);
    }
    Ok(())
}

fn title(way: Way) -> String {
    match way {
        Way::Plain => "plain".into(),
        Way::Right(0.0) => "none right".into(),
        Way::Right(share) => format!("{:.0} % right", share * 100.0),
        Way::Lookup => "lookup".into(),
        Way::Wrong(count) => format!("{count} wrong"),
    }
}

/// How many times as fast as without guesses it can be, where a guess is right with probability `share`.
fn bound(share: f64, plain: f64, wrong: &[f64]) -> f64 {
    let of = |(k, seconds): (usize, &f64)| (0..=k + 1).map(|i| share.powi(i as i32)).sum::<f64>() * plain / seconds;
    wrong.iter().enumerate().map(of).fold(1.0, f64::max)
}

/// The seconds from the first token of the answer to the last, and prompt and answer.
fn answered(
    model: &Model,
    tokens: usize,
    way: Way,
    whole: &Arc<Vec<u32>>,
) -> Result<(f64, Vec<u32>, EngineStats), Box<dyn Error>> {
    let draft_tokens = match way {
        Way::Plain => 0,
        Way::Wrong(count) => count,
        Way::Right(_) | Way::Lookup => MOST,
    };
    let options = EngineOptions {
        max_running: 1,
        kv_tokens: Some(model.context()),
        draft_tokens,
        draft_gated: !matches!(way, Way::Wrong(_)),
        ..EngineOptions::default()
    };
    let mut engine = Engine::new(model.shared_decoder(), model.shared_cpu(), &options)?;
    match way {
        Way::Right(right) => engine.set_drafter(Box::new(Knowing { whole: whole.clone(), right })),
        Way::Wrong(_) => engine.set_drafter(Box::new(Knowing { whole: whole.clone(), right: 0.0 })),
        Way::Plain | Way::Lookup => {}
    }
    let vocab_size = model.decoder().config.vocab_size;
    let prompt: Vec<u32> = (0..PROMPT).map(|at| (share(at) * vocab_size as f64) as u32).collect();
    let sampling = SamplingParams { temperature: 1.0, seed: 1, ..SamplingParams::default() };
    let request = Request { max_tokens: Some(tokens + 1), sampling, ..Request::default() };
    engine.submit(Submission::new(prompt.clone(), request))?;
    let (mut told, mut first, mut failed) = (prompt, None, None);
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |_, event| match event {
            Event::Token { token, .. } => {
                first.get_or_insert_with(Instant::now);
                told.push(token.id);
            }
            Event::Failed(error) => failed = Some(error),
            _ => {}
        });
    }
    match (failed, first) {
        (Some(error), _) => Err(error.into()),
        (None, None) => Err("there was no answer".into()),
        (None, Some(first)) => Ok((first.elapsed().as_secs_f64(), told, engine.stats())),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
