//! `cargo xtask accept soak`: many requests of all kinds, some of whose clients vanish, and a server that is the same afterwards.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::load::{Server, ask};
use crate::report::Tally;
use crate::suites;
use crate::workspace::{Workspace, scrub};

const PATH: &str = "/v1/completions";
const CLIENTS: usize = 12;
/// Prompts that come again and again, whose greedy answers must stay the same.
const PROMPTS: u64 = 40;
/// After this share of the requests all buffers have their size.
const WARM: f64 = 0.2;
/// What memory may grow by after that.
const GROWTH: usize = 4 << 20;

/// Asks `--requests N` times, 10,000 where nothing is said.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    let requests = match options {
        [] => 10_000,
        [flag, number] if flag == "--requests" => number.parse().context("--requests wants a whole number")?,
        _ => bail!("--requests N is the only option"),
    };
    let smollm = suites::executable(workspace, "smollm", "bin", "smollm")?;
    let maker = suites::executable(workspace, "smollm-testkit", "example", "stand_in_models")?;
    let folder = workspace.root.join("target/xtask/soak");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let made = Command::new(maker).arg(&folder).status().context("cannot run the example stand_in_models")?;
    ensure!(made.success(), "stand_in_models failed");
    let command = |port: u16| {
        let mut command = Command::new(&smollm);
        scrub(&mut command);
        command.args([
            "serve",
            "--quiet",
            "--port",
            &port.to_string(),
            "--parallel",
            "8",
            "--queue",
            "64",
            "--kv-tokens",
            "4096",
        ]);
        command.arg("-m").arg(folder.join("HuggingFaceTB/SmolLM2-135M"));
        command
    };
    let server = Server::start(command, &workspace.log("soak"))?;
    let expected = (0..PROMPTS).map(|prompt| greedy(&server, prompt)).collect::<Result<Vec<Value>>>()?;
    let warm = (requests as f64 * WARM) as u64;
    let mut wrong = rush(&server, &expected, 0..warm)?;
    let before = server.resident()?;
    wrong += rush(&server, &expected, warm..requests)?;
    let after = server.resident()?;
    let megabytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!(
        "   {requests} requests: {:.1} MiB after {warm}, {:.1} MiB in the end",
        megabytes(before),
        megabytes(after)
    );
    let idle = ask(&server.address, "/metrics", "", usize::MAX)?.body;
    let left = idle.lines().filter(|line| line.starts_with("vllm:num_requests_") && !line.ends_with(" 0"));
    let left: Vec<&str> = left.collect();
    if wrong > 0 || !left.is_empty() {
        println!("   {wrong} wrong answers; left over: {left:?}");
    }
    let mut tally = Tally::one(wrong == 0);
    tally += Tally::one(left.is_empty());
    tally += Tally::one(after <= before + GROWTH);
    Ok(tally)
}

/// A request with a known answer.
fn known(prompt: u64) -> Value {
    json!({"prompt": format!("{prompt}").repeat(1 + prompt as usize), "temperature": 0, "max_tokens": 12, "ignore_eos": true})
}

fn greedy(server: &Server, prompt: u64) -> Result<Value> {
    let asked = ask(&server.address, PATH, &known(prompt).to_string(), usize::MAX)?;
    ensure!(asked.status == 200, "{}: {}", asked.status, asked.said());
    Ok(choices(&asked.body))
}

/// What was answered, without names and times; null if that cannot be read.
fn choices(body: &str) -> Value {
    serde_json::from_str::<Value>(body).map(|answer| answer["choices"].clone()).unwrap_or_default()
}

/// The requests of these numbers by several clients; how many answers were wrong.
fn rush(server: &Server, expected: &[Value], numbers: std::ops::Range<u64>) -> Result<u64> {
    let (next, wrong) = (AtomicU64::new(numbers.start), AtomicU64::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= numbers.end {
                            return Ok(());
                        }
                        if !fine(server, expected, number)? {
                            wrong.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| client.join().expect("no panic in a client"))
    })?;
    Ok(wrong.into_inner())
}

/// Asks request `number`, whose kind is a function of the number; whether the answer, as far as it was heard, is as it must be.
fn fine(server: &Server, expected: &[Value], number: u64) -> Result<bool> {
    let dice = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let prompt = dice % PROMPTS;
    if number.is_multiple_of(4) {
        let asked = ask(&server.address, PATH, &known(prompt).to_string(), usize::MAX)?;
        return Ok(asked.status == 429 || choices(&asked.body) == expected[prompt as usize]);
    }
    let mut body = known(prompt);
    body["temperature"] = json!(1);
    body["seed"] = json!(number);
    body["max_tokens"] = json!(1 + dice % 60);
    body["n"] = json!(1 + dice % 3);
    body["stream"] = json!(true);
    if dice.is_multiple_of(5) {
        body["logprobs"] = json!(dice % 7);
    }
    // half of the clients vanish after some events, some before the first
    let events = if dice.is_multiple_of(2) { usize::MAX } else { (dice >> 8) as usize % 30 };
    let asked = ask(&server.address, PATH, &body.to_string(), events)?;
    let whole = asked.body.contains("data: [DONE]");
    Ok(asked.status == 429 || asked.status == 200 && (whole || events != usize::MAX))
}
