//! What it costs to hold answers to grammars: `cargo bench -p smollm --bench masks -- MODEL [TOKENS [ROUNDS [SPEED_ROUNDS]]]`.
//!
//! First, for each grammar, microseconds of a mask over the vocabulary (which tokens may come), of taking the token that was drawn (with
//! what keeps the end in reach), and of finding what is forced then: median and 99th percentile over ROUNDS (20) answers of TOKENS (512)
//! tokens, drawn evenly among those allowed, as a model with random weights does. And which share of masks, and of the time of all masks, the engine
//! would compute beside forward passes by its rule (`MaskTiming::Measured`).
//!
//! Then tokens per second of one and of eight answers at once, free and held to each grammar, in turn, medians of SPEED_ROUNDS (5) rounds; more than
//! 1.00x where tokens are forced. Each is held to its grammar three ways: with masks between passes, beside them, and by the rule; beside the speed stand the
//! microseconds by which rules held up each token, in the mean, and that all three answered the same is checked. What counts is the time in which all
//! of them are being answered: from the first token of the last to begin to the first end. Where that is short, as a grammar lets answers end early, further
//! answers are asked for until a round has as many tokens as one whose answers go on to TOKENS.

#![allow(clippy::print_stdout)]

use smollm::{EngineOptions, Model, OpenOptions, SamplingParams};
use smollm_engine::{Engine, Event, MaskTiming, Request, Submission, WORTH_AN_ERRAND};
use smollm_server::GrammarMask;
use smollm_tokenizer::constrain::{Constraint, Grammar, GrammarSource};
use std::error::Error;
use std::time::Instant;

const PROMPT: usize = 64;
const MOST_ATTEMPTS: u64 = 200;
const TIMINGS: [(&str, MaskTiming); 3] =
    [("between", MaskTiming::Between), ("beside", MaskTiming::Beside), ("by the rule", MaskTiming::Measured)];

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some(name) = words.first() else {
        println!("usage: cargo bench -p smollm --bench masks -- MODEL [TOKENS [ROUNDS [SPEED_ROUNDS]]]");
        return Ok(());
    };
    let number = |at: usize, or: usize| words.get(at).map_or(Ok(or), |word| word.parse());
    let (tokens, rounds, speed_rounds) = (number(1, 512)?, number(2, 20)?, number(3, 5)?);
    let options = OpenOptions { context: Some(PROMPT + tokens), ..OpenOptions::default() };
    let model = Model::open_with(name, &options, &smollm_hub::Silent)?;
    let mut grammars = Vec::new();
    println!(
        "microseconds (median, 99 %)         mask            taking          forced        beside by the rule, of masks and of their time"
    );
    for (title, source) in sources() {
        let started = Instant::now();
        let grammar = model.grammar(&source)?;
        let compiled = started.elapsed();
        let ([mask, take, forced], beside) = masks(&grammar, tokens, rounds)?;
        println!(
            "{title:<28} {mask}   {take}   {forced}   {beside}   compiled in {:.1} ms",
            compiled.as_secs_f64() * 1e3
        );
        grammars.push((title, grammar));
    }
    println!(
        "\n{name}, {} threads, {}: tokens/s, as a share of free answers, and microseconds a token that rules took; masks {}",
        model.cpu().threads(),
        model.cpu().isa(),
        TIMINGS.map(|(name, _)| name).join(", ")
    );
    for chats in [1, 8] {
        let mut free = Vec::new();
        let mut held: Vec<[Vec<Speed>; 3]> = vec![Default::default(); grammars.len()];
        for round in 0..speed_rounds as u64 {
            free.push(speed(&model, None, chats, tokens, round)?.tokens_per_s);
            for (held, (title, grammar)) in held.iter_mut().zip(&grammars) {
                for i in 0..TIMINGS.len() {
                    let at = (i + round as usize) % TIMINGS.len(); // each way is the first at times
                    held[at].push(speed(&model, Some((grammar, TIMINGS[at].1)), chats, tokens, round)?);
                }
                let last: Vec<&Answers> = held.iter().filter_map(|speeds| Some(&speeds.last()?.answers)).collect();
                if last.iter().any(|answers| differ(answers, last[0])) {
                    return Err(format!("{title}: answers differ by when their masks are computed").into());
                }
            }
        }
        let free = quantile(&mut free, 0.5);
        println!("{:<28} {free:7.1}", format!("{chats} free"));
        for (held, (title, _)) in held.iter().zip(&grammars) {
            let columns = held.each_ref().map(|speeds| {
                let median = |of: fn(&Speed) -> f64| quantile(&mut speeds.iter().map(of).collect::<Vec<_>>(), 0.5);
                let speed = median(|speed| speed.tokens_per_s);
                format!("{speed:7.1} {:5.2}x {:6.1} us", speed / free, median(|speed| speed.rules_us))
            });
            println!("{:<28} {}", format!("{chats} {title}"), columns.join("   "));
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

/// Median and 99th percentile of masks, taking and forcing, in words; and what the engine's rule would make of the masks.
fn masks(grammar: &Grammar, tokens: usize, rounds: usize) -> Result<([String; 3], String), Box<dyn Error>> {
    let mut times: [Vec<f64>; 3] = Default::default();
    let (mut beside, mut seconds_beside) = (0, 0.0);
    let mut random = Random(7);
    for _ in 0..rounds {
        let mut constraint = grammar.begin_within(tokens)?;
        let mut last = f64::INFINITY;
        for _ in 0..tokens {
            if constraint.has_ended() {
                break;
            }
            let drawn = drawn(&mut constraint, &mut random, &mut times[0])?;
            let took = times[0].last().copied().unwrap_or_default();
            if last >= WORTH_AN_ERRAND.as_secs_f64() * 1e6 {
                beside += 1;
                seconds_beside += took;
            }
            last = took;
            let Some(id) = drawn else { break };
            let started = Instant::now();
            constraint.accept(id)?;
            times[1].push(started.elapsed().as_secs_f64() * 1e6);
            let started = Instant::now();
            constraint.forced();
            times[2].push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    let (of_masks, of_time) =
        (f64::from(beside) / times[0].len() as f64, seconds_beside / times[0].iter().sum::<f64>());
    let words = times.map(|mut times| format!("{:6.1} {:7.1}", quantile(&mut times, 0.5), quantile(&mut times, 0.99)));
    Ok((words, format!("{:4.1} % {:3.0} %", of_masks * 1e2, of_time * 1e2)))
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

/// Tokens of each answer of each attempt.
type Answers = Vec<Vec<Vec<u32>>>;

#[derive(Debug, Clone, Default)]
struct Speed {
    tokens_per_s: f64,
    /// Microseconds by which rules held up a token.
    rules_us: f64,
    answers: Answers,
}

/// Whether an answer differs from the other's before one of them is cut off.
fn differ(one: &Answers, other: &Answers) -> bool {
    let answers = one.iter().flatten().zip(other.iter().flatten());
    let mut cut = answers.map(|(one, other)| (&one[..one.len().min(other.len())], other));
    cut.any(|(one, other)| !other.starts_with(one))
}

/// So many answers at once, which are asked for until `chats` times `tokens` have been told.
fn speed(
    model: &Model,
    held: Option<(&Grammar, MaskTiming)>,
    chats: usize,
    tokens: usize,
    round: u64,
) -> Result<Speed, Box<dyn Error>> {
    let (mut told, mut seconds, mut rules, mut answers) = (0, 0.0, 0.0, Vec::new());
    for attempt in 0..MOST_ATTEMPTS {
        let together = together(model, held, chats, tokens, round * MOST_ATTEMPTS + attempt)?;
        told += together.told;
        seconds += together.seconds;
        rules += together.rules_s;
        answers.push(together.answers);
        if told * 10 >= chats * tokens * 9 {
            let all = answers.iter().flatten().map(Vec::len).sum::<usize>();
            let (tokens_per_s, rules_us) = (told as f64 / seconds, rules / all as f64 * 1e6);
            return Ok(Speed { tokens_per_s, rules_us, answers });
        }
    }
    Err(format!("{MOST_ATTEMPTS} times {chats} answers had {told} tokens together: too few").into())
}

/// Answers until the first of them ends.
#[derive(Debug, Default)]
struct Together {
    /// Tokens and seconds while all of them went on.
    told: usize,
    seconds: f64,
    /// Seconds by which rules held up tokens, of all.
    rules_s: f64,
    answers: Vec<Vec<u32>>,
}

/// So many answers that go on together.
fn together(
    model: &Model,
    held: Option<(&Grammar, MaskTiming)>,
    chats: usize,
    tokens: usize,
    seed: u64,
) -> Result<Together, Box<dyn Error>> {
    let options = EngineOptions {
        max_running: chats,
        kv_tokens: Some(chats * model.context()),
        draft_tokens: 0,
        masks: held.map_or(MaskTiming::Between, |(_, timing)| timing),
        ..EngineOptions::default()
    };
    let mut engine = Engine::new(model.shared_decoder(), model.shared_cpu(), &options)?;
    let (mut random, mut requests) = (Random(seed), Vec::new());
    for chat in 0..chats as u64 {
        let prompt = (0..PROMPT - 1).map(|_| random.below(model.decoder().config.vocab_size) as u32).collect();
        let sampling = SamplingParams { temperature: 1.0, seed: seed << 8 | chat, ..SamplingParams::default() };
        let request = Request { max_tokens: Some(tokens), sampling, ..Request::default() };
        let mut submission = Submission::new(prompt, request);
        if let Some((grammar, _)) = held {
            submission.mask = Some(Box::new(GrammarMask::new(grammar.begin_within(tokens)?, model.stop_ids())));
        }
        requests.push(engine.submit(submission)?);
    }
    let mut answers: Vec<Vec<u32>> = vec![Vec::new(); chats];
    let (mut failed, mut ended) = (None, false);
    let mut start: Option<(Instant, usize)> = None;
    let mut until = Instant::now();
    while !engine.is_idle() && !ended {
        engine.step(&mut || None, &mut |id, event| match event {
            Event::Token { token, .. } => {
                let chat = requests.iter().position(|&request| request == id);
                answers[chat.expect("one of ours")].push(token.id);
            }
            Event::Failed(error) => failed = Some(error),
            Event::Finished { .. } => ended = true,
            _ => {}
        });
        until = Instant::now();
        if start.is_none() && answers.iter().all(|told| !told.is_empty()) {
            start = Some((until, answers.iter().map(Vec::len).sum()));
        }
    }
    let rules_s = engine.stats().rules_s;
    match (failed, start) {
        (Some(error), _) => Err(error.into()),
        (None, None) => Ok(Together { rules_s, answers, ..Together::default() }),
        (None, Some((start, before))) => {
            let told = answers.iter().map(Vec::len).sum::<usize>() - before;
            Ok(Together { told, seconds: until.duration_since(start).as_secs_f64(), rules_s, answers })
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
