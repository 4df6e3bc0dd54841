//! What it costs to hold answers to grammars: `cargo bench -p smollm --bench masks -- MODEL [TOKENS [ROUNDS]]`.
//!
//! First, for each grammar, microseconds of a mask over the vocabulary (which tokens may come), of taking the token that was drawn (with
//! what keeps the end in reach), and of finding what is forced then: median and 99th percentile over ROUNDS (20) answers of TOKENS (512)
//! tokens, drawn evenly among those allowed, as a model with random weights does.
//!
//! Then tokens per second of one and of eight answers at once, free and held to each grammar, in turn, medians of five rounds; more than
//! 1.00x where tokens are forced. What counts is the time in which all of them are being answered: from the first token of the last to begin to the first
//! end. Where that is short, as a grammar lets answers end early, further answers are asked for until a round has as many tokens as one whose
//! answers go on to TOKENS.

#![allow(clippy::print_stdout)]

use smollm::{EngineOptions, Model, OpenOptions, SamplingParams};
use smollm_engine::{Engine, Event, Request, Submission};
use smollm_server::GrammarMask;
use smollm_tokenizer::constrain::{Constraint, Grammar, GrammarSource};
use std::error::Error;
use std::time::Instant;

const PROMPT: usize = 64;
const SPEED_ROUNDS: u64 = 5;
const MOST_ATTEMPTS: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some(name) = words.first() else {
        println!("usage: cargo bench -p smollm --bench masks -- MODEL [TOKENS [ROUNDS]]");
        return Ok(());
    };
    let number = |at: usize, or: usize| words.get(at).map_or(Ok(or), |word| word.parse());
    let (tokens, rounds) = (number(1, 512)?, number(2, 20)?);
    let options = OpenOptions { context: Some(PROMPT + tokens), ..OpenOptions::default() };
    let model = Model::open_with(name, &options, &smollm_hub::Silent)?;
    let mut grammars = Vec::new();
    println!("microseconds (median, 99 %)         mask            taking          forced");
    for (title, source) in sources() {
        let started = Instant::now();
        let grammar = model.grammar(&source)?;
        let compiled = started.elapsed();
        let [mask, take, forced] = masks(&grammar, tokens, rounds)?;
        println!("{title:<28} {mask}   {take}   {forced}   compiled in {:.1} ms", compiled.as_secs_f64() * 1e3);
        grammars.push((title, grammar));
    }
    println!(
        "\n{name}, {} threads, {}: tokens/s, and as a share of free answers",
        model.cpu().threads(),
        model.cpu().isa()
    );
    for chats in [1, 8] {
        let mut speeds: Vec<Vec<f64>> = vec![Vec::new(); grammars.len() + 1];
        for round in 0..SPEED_ROUNDS {
            speeds[0].push(speed(&model, None, chats, tokens, round)?);
            for (speeds, (_, grammar)) in speeds[1..].iter_mut().zip(&grammars) {
                speeds.push(speed(&model, Some(grammar), chats, tokens, round)?);
            }
        }
        let medians: Vec<f64> = speeds.into_iter().map(|mut speeds| quantile(&mut speeds, 0.5)).collect();
        println!("{:<28} {:7.1}", format!("{chats} free"), medians[0]);
        for ((title, _), speed) in grammars.iter().zip(&medians[1..]) {
            println!("{:<28} {speed:7.1} {:5.2}x", format!("{chats} {title}"), speed / medians[0]);
        }
    }
    Ok(())
}

/// The grammars, none of which ends before many tokens.
fn sources() -> Vec<(&'static str, GrammarSource)> {
    let record = serde_json::json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 40},
            "kind": {"enum": ["first", "second", "third"]},
            "größe": {"type": "number", "minimum": 0, "maximum": 100},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 12}, "minItems": 1, "maxItems": 5},
            "place": {
                "type": "object",
                "properties": {"latitude": {"type": "integer"}, "longitude": {"type": ["integer", "null"]}},
                "required": ["latitude"],
                "additionalProperties": false
            }
        },
        "required": ["name", "kind", "tags", "place"],
        "additionalProperties": false
    });
    let flags: serde_json::Map<String, serde_json::Value> =
        (0..18).map(|i| (format!("a_name_that_is_long_number_{i}"), serde_json::json!({"type": "boolean"}))).collect();
    let required: Vec<&String> = flags.keys().collect();
    let forced =
        serde_json::json!({"properties": flags, "required": required, "additionalProperties": false, "type": "object"});
    vec![
        // an answer that is one object may be {} and no more
        (
            "any objects",
            GrammarSource::JsonSchema(
                serde_json::json!({"type": "array", "items": {"type": "object"}, "minItems": 100}),
            ),
        ),
        ("text of a string", GrammarSource::JsonSchema(serde_json::json!({"type": "string", "minLength": 100}))),
        ("records", GrammarSource::JsonSchema(serde_json::json!({"type": "array", "items": record, "minItems": 3}))),
        ("long names", GrammarSource::JsonSchema(forced)),
        ("regular expression", GrammarSource::Regex(r"([A-Z][a-z]{2,9}( [a-z]{2,9}){2,9}\. ){100}".into())),
        (
            "Lark",
            GrammarSource::Lark(
                "start: line{80}\nline: /[a-z ]+/ \": \" (/[0-9]+/ | start2) \"\\n\"\nstart2: \"(\" line \")\"".into(),
            ),
        ),
        (
            "GBNF",
            GrammarSource::Gbnf(
                "root ::= (sum \"\\n\"){80}\nsum ::= part ([-+*] part){3,}\npart ::= [0-9]{1,9} | \"(\" sum \")\""
                    .into(),
            ),
        ),
    ]
}

/// Median and 99th percentile of masks, taking and forcing, in words.
fn masks(grammar: &Grammar, tokens: usize, rounds: usize) -> Result<[String; 3], Box<dyn Error>> {
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut random = Random(7);
    for _ in 0..rounds {
        let mut constraint = grammar.begin_within(tokens)?;
        for _ in 0..tokens {
            if constraint.has_ended() {
                break;
            }
            let Some(id) = drawn(&mut constraint, &mut random, &mut times[0])? else { break };
            let started = Instant::now();
            constraint.accept(id)?;
            times[1].push(started.elapsed().as_secs_f64() * 1e6);
            let started = Instant::now();
            constraint.forced();
            times[2].push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(times.map(|mut times| format!("{:6.1} {:7.1}", quantile(&mut times, 0.5), quantile(&mut times, 0.99))))
}

/// One of the tokens that may come, all of them as likely as each other; none where only the end may.
fn drawn(
    constraint: &mut Constraint,
    random: &mut Random,
    times: &mut Vec<f64>,
) -> Result<Option<u32>, Box<dyn Error>> {
    let started = Instant::now();
    let allowed = constraint.allowed()?;
    times.push(started.elapsed().as_secs_f64() * 1e6);
    let of_word = |(at, word): (usize, &u32)| {
        let word = *word;
        (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at as u32 * 32 + bit)
    };
    let end = allowed.end();
    let ids: Vec<u32> = allowed.words().iter().enumerate().flat_map(of_word).filter(|&id| id < end).collect();
    Ok((!ids.is_empty()).then(|| ids[random.below(ids.len())]))
}

/// Tokens per second of so many answers at once, of answers that are asked for until `chats` times `tokens` have been told.
fn speed(
    model: &Model,
    grammar: Option<&Grammar>,
    chats: usize,
    tokens: usize,
    round: u64,
) -> Result<f64, Box<dyn Error>> {
    let (mut told, mut seconds) = (0, 0.0);
    for attempt in 0..MOST_ATTEMPTS {
        let (more, took) = together(model, grammar, chats, tokens, round * MOST_ATTEMPTS + attempt)?;
        told += more;
        seconds += took;
        if told * 10 >= chats * tokens * 9 {
            return Ok(told as f64 / seconds);
        }
    }
    Err(format!("{MOST_ATTEMPTS} times {chats} answers had {told} tokens together: too few").into())
}

/// Tokens and seconds while so many answers go on together.
fn together(
    model: &Model,
    grammar: Option<&Grammar>,
    chats: usize,
    tokens: usize,
    seed: u64,
) -> Result<(usize, f64), Box<dyn Error>> {
    let options = EngineOptions {
        max_running: chats,
        kv_tokens: Some(chats * model.context()),
        draft_tokens: 0,
        ..EngineOptions::default()
    };
    let mut engine = Engine::new(model.shared_decoder(), model.shared_cpu(), &options)?;
    let (mut random, mut requests) = (Random(seed), Vec::new());
    for chat in 0..chats as u64 {
        let prompt = (0..PROMPT - 1).map(|_| random.below(model.decoder().config.vocab_size) as u32).collect();
        let sampling = SamplingParams { temperature: 1.0, seed: seed << 8 | chat, ..SamplingParams::default() };
        let request = Request { max_tokens: Some(tokens), sampling, ..Request::default() };
        let mut submission = Submission::new(prompt, request);
        if let Some(grammar) = grammar {
            submission.mask = Some(Box::new(GrammarMask::new(grammar.begin_within(tokens)?, model.stop_ids())));
        }
        requests.push(engine.submit(submission)?);
    }
    let mut told = vec![0_usize; chats];
    let (mut failed, mut ended) = (None, false);
    let mut start: Option<(Instant, usize)> = None;
    let mut until = Instant::now();
    while !engine.is_idle() && !ended {
        engine.step(&mut || None, &mut |id, event| match event {
            Event::Token { .. } => {
                let chat = requests.iter().position(|&request| request == id);
                told[chat.expect("one of ours")] += 1;
            }
            Event::Failed(error) => failed = Some(error),
            Event::Finished { .. } => ended = true,
            _ => {}
        });
        until = Instant::now();
        if start.is_none() && told.iter().all(|&told| told > 0) {
            start = Some((until, told.iter().sum()));
        }
    }
    match (failed, start) {
        (Some(error), _) => Err(error.into()),
        (None, None) => Ok((0, 0.0)),
        (None, Some((start, before))) => {
            Ok((told.iter().sum::<usize>() - before, until.duration_since(start).as_secs_f64()))
        }
    }
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % count as u64) as usize
    }
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}
