//! A whole step of training with random weights, and what its parts take, next to what the machine can do at best.
//!
//! `cargo bench -p smollm-train --bench step -- [PRESET ROWS LENGTH DTYPE KEEP ROUNDS [KIND]]`, for example `smollm2-135m 4 512 bf16 all 5`; PRESET is a
//! released model or `tiny` (5.5 million weights), DTYPE `f32` or `bf16`, KEEP `all` or `inputs`, KIND `full` (all weights, next token), `lora` (rank
//! 16 beside all matrices), `dpo` (pairs of rows, against a second model that is run in each step) or `lora-dpo`. Without words: some cases.
//! `--no-parts` leaves out the parts, `SMOLLM_ISA` picks the row of instructions. `cargo xtask bench-train` runs it beside PyTorch.
//!
//! A step is forward, backward, the norm of the gradient, AdamW, and taking the changed weights. Its phases are timed inside the steps;
//! parts are ops at the shapes of the model, timed alone and counted as often as a step has them.

#![allow(clippy::print_stdout)]

mod kinds;
mod parts;

use smollm_kernels::ops::{self, AdamW, Moments};
use smollm_kernels::{Cpu, Dtype, granted_threads, roof};
use smollm_model::init::initial_values;

use smollm_model::{Documents, ModelConfig, Shape, params, preset};
use smollm_train::{Keep, Learner, RowWeight, Target, Tensors};
use std::ops::Range;
use std::time::Instant;

/// The small model that PyTorch was measured with.
const TINY: &str = r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 256, "intermediate_size": 704,
    "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 4096, "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "tie_word_embeddings": true, "initializer_range": 0.03, "hidden_act": "silu"}"#;

const CASES: [[&str; 6]; 6] = [
    ["tiny", "8", "512", "f32", "all", "5"],
    ["tiny", "8", "512", "bf16", "all", "5"],
    ["smollm2-135m", "4", "512", "f32", "all", "3"],
    ["smollm2-135m", "4", "512", "bf16", "all", "5"],
    ["smollm2-135m", "4", "512", "bf16", "inputs", "5"],
    ["smollm2-135m", "1", "2048", "bf16", "all", "5"],
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (words.get(..6).and_then(|words| words.try_into().ok()), words.get(6..)) {
        (Some(words), None | Some([] | ["full"])) => Case::read(words).run(),
        (Some(words), Some([kind])) => kinds::run(&Case::read(words), kind),
        _ if words.is_empty() => CASES.iter().for_each(|words| Case::read(words).run()),
        _ => panic!("six or seven words, PRESET ROWS LENGTH DTYPE KEEP ROUNDS KIND, not {words:?}"),
    }
}

struct Case {
    name: String,
    config: ModelConfig,
    rows: usize,
    length: usize,
    dtype: Dtype,
    keep: Keep,
    rounds: usize,
}

/// Seconds of the phases of a step.
#[derive(Default, Clone)]
struct Phases {
    forward: f64,
    backward: f64,
    norm: f64,
    adamw: f64,
    update: f64,
    clear: f64,
}

impl Phases {
    fn named(&self) -> [(&'static str, f64); 6] {
        [
            ("forward", self.forward),
            ("backward", self.backward),
            ("gradient norm", self.norm),
            ("adamw", self.adamw),
            ("taking weights", self.update),
            ("clearing gradients", self.clear),
        ]
    }

    fn total(&self) -> f64 {
        self.named().iter().map(|(_, seconds)| seconds).sum()
    }
}

/// Runs `work` and adds its seconds.
fn timed<T>(seconds: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = work();
    *seconds += start.elapsed().as_secs_f64();
    out
}

impl Case {
    fn read([name, rows, length, dtype, keep, rounds]: &[&str; 6]) -> Self {
        let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("{word} is not a number"));
        Self {
            name: format!("{name} {rows} x {length} {dtype} {keep}"),
            config: match *name {
                "tiny" => ModelConfig::from_json(TINY.as_bytes(), "tiny").expect("a configuration"),
                name => preset(name).unwrap_or_else(|| panic!("no preset {name}")),
            },
            rows: number(rows),
            length: number(length),
            dtype: match *dtype {
                "f32" => Dtype::F32,
                "bf16" => Dtype::BF16,
                _ => panic!("{dtype} is neither f32 nor bf16"),
            },
            keep: match *keep {
                "all" => Keep::All,
                "inputs" => Keep::Inputs,
                _ => panic!("{keep} is neither all nor inputs"),
            },
            rounds: number(rounds),
        }
    }

    fn tokens(&self) -> usize {
        self.rows * self.length
    }

    fn documents(&self) -> Vec<Range<usize>> {
        (0..self.rows).map(|row| row * self.length..(row + 1) * self.length).collect()
    }

    /// Operations of a step: three products for each weight of a matrix and token (the embedding counts as the head), and attention,
    /// half of whose squares are seen; backward has two and a half times the products of its forward.
    fn operations(&self) -> f64 {
        let weights: usize =
            params(&self.config).iter().map(|row| if let Shape::Matrix(r, c) = row.shape { r * c } else { 0 }).sum();
        let attention = 7 * self.config.num_hidden_layers * self.config.query_size() * (self.length + 1);
        self.tokens() as f64 * (6 * weights + attention) as f64
    }

    fn run(&self) {
        let cpu = Cpu::new(granted_threads()).expect("a row is available");
        let start = Instant::now();
        let mut masters = Tensors::new(&self.config, |param, values| initial_values(&self.config, param, 1, 0, values));
        let [mut first, mut second, mut gradients] = [(); 3].map(|()| Tensors::zeros(&self.config));
        let made = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let mut learner = Learner::whole(&cpu, &self.config, &masters, self.dtype, self.keep);
        let opened = start.elapsed().as_secs_f64();
        let mut rounds = Vec::new();
        for step in 0..=self.rounds as u64 {
            let mut phases = Phases::default();
            self.step(&cpu, &mut learner, [&mut masters, &mut first, &mut second, &mut gradients], step, &mut phases);
            rounds.push(phases);
        }
        let peak = peak_gib();
        let learnt: usize = masters.iter().map(|(_, values)| values.len()).sum();
        drop((learner, masters, first, second, gradients));
        let first = rounds.remove(0).total();
        rounds.sort_by(|a, b| a.total().total_cmp(&b.total()));
        let (median, best) = (&rounds[rounds.len() / 2], &rounds[0]);
        let gbps = self.tell(&cpu, self.operations(), [median.total(), best.total()], peak, [made, opened, first]);
        let line = |name: &str, seconds: f64| {
            println!("    {name:<28} {:>8.1} ms {:>5.1} %", seconds * 1e3, seconds / median.total() * 100.0);
        };
        for (name, seconds) in median.named() {
            line(name, seconds);
        }
        // Weights, gradients and both moments are read, all but gradients written: 28 bytes for each number.
        let streamed = 28.0 * learnt as f64 / median.adamw * 1e-9;
        println!("    adamw streams {streamed:.1} GB/s, {:.0} % of what is read alone", streamed / gbps * 100.0);
        if std::env::args().any(|word| word == "--no-parts") {
            return;
        }
        println!("  parts, each alone");
        for (name, seconds) in parts::measure(&cpu, &self.config, self.dtype, &self.documents()) {
            line(name, seconds);
        }
    }

    /// The line of a run, by the seconds of its steps (median, best) and of what comes before them; returns what memory gives.
    fn tell(
        &self,
        cpu: &Cpu,
        operations: f64,
        [median, best]: [f64; 2],
        peak: f64,
        [made, opened, first]: [f64; 3],
    ) -> f64 {
        let (gflops, gbps) = (roof::fma_gflops(cpu), roof::read_bandwidth_gbps(cpu));
        let (tokens, speed) = (self.tokens() as f64, operations / median * 1e-9);
        println!(
            "{} on {} x {}: {:.0} tokens/s (best {:.0}), {speed:.0} GFLOP/s, {:.1} % of {gflops:.0}; reads {gbps:.1} GB/s; peak {peak:.2} GiB; weights made in {made:.1} s, \
             laid in {opened:.2} s, first step {first:.2} s",
            self.name,
            cpu.isa(),
            cpu.threads(),
            tokens / median,
            tokens / best,
            speed / gflops * 100.0,
        );
        gbps
    }

    fn step(
        &self,
        cpu: &Cpu,
        learner: &mut Learner,
        [masters, first, second, gradients]: [&mut Tensors; 4],
        step: u64,
        phases: &mut Phases,
    ) {
        let vocab = self.config.vocab_size as u64;
        let id = |i: usize| ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (step << 7)) >> 33) % vocab;
        let tokens: Vec<u32> = (0..self.tokens()).map(|i| id(i) as u32).collect();
        let documents = self.documents();
        let rows = documents.iter().flat_map(|document| document.start..document.end - 1);
        let targets: Vec<Target> = rows.map(|row| Target { row, id: tokens[row + 1] }).collect();
        let weights = vec![RowWeight { target: 1.0 / targets.len() as f32, squared_log_z: 0.0 }; targets.len()];
        let batch = Documents { tokens: &tokens, documents: &documents };
        timed(&mut phases.forward, || learner.forward(cpu, &batch));
        let log_probs = timed(&mut phases.backward, || learner.backward(cpu, &batch, (&targets, &weights), gradients));
        let loss = -log_probs.iter().map(|row| f64::from(row.log_prob)).sum::<f64>() / targets.len() as f64;
        assert!(loss.is_finite() && loss > 0.0, "loss {loss}");
        let squares: f64 =
            timed(&mut phases.norm, || gradients.iter().map(|(_, values)| ops::sum_of_squares(cpu, values)).sum());
        let by = AdamW {
            lr: 1e-4,
            betas: [0.9, 0.95],
            eps: 1e-8,
            weight_decay: 0.01,
            step: step + 1,
            gradient_scale: (1.0 / squares.sqrt()).min(1.0) as f32,
        };
        timed(&mut phases.adamw, || {
            let moments = first.iter_mut().zip(second.iter_mut());
            for (((_, weights), (_, gradient)), ((_, first), (_, second))) in
                masters.iter_mut().zip(gradients.iter()).zip(moments)
            {
                ops::adamw(cpu, &by, weights, Moments { first, second }, gradient);
            }
        });
        timed(&mut phases.update, || learner.update(cpu, masters));
        timed(&mut phases.clear, || gradients.clear());
    }
}

/// The most memory that the process has had so far, where the system says.
fn peak_gib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / f64::from(1 << 20)
}
