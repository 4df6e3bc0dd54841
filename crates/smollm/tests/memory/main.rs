//! What serving takes at most is what `smollm info --plan` predicts: within 5 % or 16 MB, under a load that fills the cache.
//!
//! `cargo test` serves two narrow models with a vocabulary of the real size; `cargo xtask accept memory` (SMOLLM_REAL_SHAPE=1) the
//! released shapes.

#[allow(dead_code, reason = "of the helpers of the end-to-end tests some are enough here")]
#[path = "../cli/serve/client.rs"]
mod client;
#[allow(dead_code, reason = "of the helpers of the end-to-end tests some are enough here")]
#[path = "../cli/world.rs"]
mod world;

use client::Served;
use serde_json::json;
use smollm_testkit::byte_level::write_tokenizer;
use smollm_testkit::tiny::prompt_ids;
use world::World;

/// Tokens of the released models.
const VOCAB: usize = 49_152;
/// What is served, and how.
struct Case {
    shape: &'static str,
    /// Keys of config.json that are set anew.
    set: &'static [&'static str],
    /// What it is quantised to; `None` serves the directory as `init` makes it.
    quant: Option<&'static str>,
    kv_type: &'static str,
    kv_tokens: usize,
    ctx: usize,
    parallel: usize,
    /// Clients at once, who ask twice each.
    clients: usize,
    /// Tokens of a prompt: those of all clients are more than the cache holds.
    prompt: usize,
}

/// Two layers, whose keys and values take 8 KiB a token in bf16.
const NARROW: Case = Case {
    shape: "smollm2-135m",
    set: &[
        "num_hidden_layers=2",
        "hidden_size=256",
        "intermediate_size=256",
        "num_attention_heads=16",
        "num_key_value_heads=16",
        "head_dim=64",
    ],
    quant: None,
    kv_type: "bf16",
    kv_tokens: 8192,
    ctx: 2048,
    parallel: 32,
    clients: 24,
    prompt: 300,
};

const REAL: Case = Case { set: &[], prompt: 400, ..NARROW };

fn cases() -> Vec<Case> {
    if std::env::var_os("SMOLLM_REAL_SHAPE").is_none() {
        return vec![NARROW, Case { quant: Some("q8_0"), kv_type: "f16", ..NARROW }];
    }
    vec![
        REAL,
        Case { quant: Some("bf16"), ..REAL },
        Case { quant: Some("q8_0"), ..REAL },
        Case { quant: Some("q4_0"), kv_type: "f16", parallel: 128, ..REAL },
        Case { quant: Some("q4_0"), kv_tokens: 16_384, ctx: 8192, parallel: 2, clients: 3, prompt: 5000, ..REAL },
        Case { quant: Some("q4_k_m"), kv_type: "q8_0", kv_tokens: 16_384, prompt: 700, ..REAL },
        Case { shape: "smollm2-1.7b", quant: Some("q4_0"), kv_tokens: 2048, prompt: 100, ..REAL },
    ]
}

/// Makes the model and returns its name.
fn make(world: &World, case: &Case) -> String {
    write_tokenizer(&world.path("tokenizer"), VOCAB, false).unwrap();
    let mut arguments = vec!["init", case.shape, "model", "--tokenizer", "tokenizer", "--quiet"];
    case.set.iter().for_each(|set| arguments.extend(["--set", set]));
    world.run(&arguments).text();
    let Some(quant) = case.quant else { return "model".into() };
    let file = format!("{quant}.gguf");
    if quant == "bf16" {
        world.run(&["convert", "model", &file, "--quiet"]).text();
    } else {
        world.run(&["quantize", "model", &file, "--type", quant, "--quiet"]).text();
    }
    std::fs::remove_dir_all(world.path("model")).unwrap();
    file
}

/// A request that no other resembles but in its first quarter. Every fourth asks for alternatives, one for those of its prompt, and
/// half of the prompts repeat themselves, so that there is something to guess.
fn ask(served: &Served, case: &Case, client: usize, round: usize) {
    let own = case.prompt - case.prompt / 4;
    let mut ids = prompt_ids(&format!("prompt {client} {round}"), own, VOCAB);
    if client.is_multiple_of(2) {
        ids = ids[..own / 8].repeat(8);
    }
    let prompt = [prompt_ids("beginning", case.prompt / 4, VOCAB), ids].concat();
    let mut body = json!({"prompt": prompt, "max_tokens": 16, "temperature": client % 2, "seed": client});
    if client.is_multiple_of(4) {
        body["logprobs"] = 5.into();
        body["echo"] = (client == 8).into();
    }
    served.stream("/v1/completions", body); // comments keep it alive while others are served
}

/// Serves the model to all clients, and returns the most memory that the process had.
fn peak(world: &World, options: &[&str], case: &Case) -> usize {
    let served = Served::ready(world, &[options, &["--queue-limit", "1e9", "--quiet"]].concat());
    std::thread::scope(|scope| {
        for client in 0..case.clients {
            let served = &served;
            scope.spawn(move || (0..2).for_each(|round| ask(served, case, client, round)));
        }
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
    1024 * peak.parse::<usize>().unwrap()
}

#[test]
fn serving_takes_what_was_predicted() {
    if !std::fs::exists("/proc/self/status").unwrap() {
        eprintln!("SKIP: no /proc/self/status on this system");
        return;
    }
    for case in cases() {
        let world = World::new();
        let model = make(&world, &case);
        let [ctx, kv_tokens, parallel] = [case.ctx, case.kv_tokens, case.parallel].map(|number| number.to_string());
        let cache = ["--ctx", &ctx, "--kv", case.kv_type, "--kv-tokens", &kv_tokens];
        let options = [&["-m", &model, "--parallel", &parallel], &cache[..]].concat();
        let plan = world.run(&[&["info", "--plan", "--json"], &options[..]].concat()).json()["plan"].clone();
        let planned = plan["total_bytes"].as_u64().unwrap() as usize;
        let measured = peak(&world, &options, &case);
        let name = format!("{} {}", case.shape, options.join(" "));
        let off = measured as f64 / planned as f64;
        eprintln!("{name}: measured {measured}, planned {planned} ({:+.1} %): {plan}", 100.0 * (off - 1.0));
        let bound = (measured / 20).max(16_000_000);
        assert!(measured.abs_diff(planned) <= bound, "{name}: {measured} bytes taken, {plan}");
    }
}
