//! Who runs in a case, with which flags: for each engine a command, and how to read what it prints.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::answer::{self, Read};
use super::decision::Sample;
use super::subject::{BATCH_DEPTH, COLD_PROMPT, Case, DECODE_TOKENS, Engine, FEW_TOKENS, RSS_PROMPT, WeightType};
use crate::command::capture;
use crate::workspace::{Workspace, scrub};

/// No single process may take longer.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A command that measures.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) engine: Engine,
    /// What tells it from others of the same engine, as typed.
    pub(crate) flags: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, String)>,
    read: Read,
}

/// The programs of those that take part.
#[derive(Debug)]
pub(crate) struct Programs<'p> {
    pub(crate) smollm: &'p Path,
    pub(crate) llama: Option<&'p super::llama_build::LlamaCpp>,
    /// The Python of each environment.
    pub(crate) torch: Option<&'p Path>,
    pub(crate) openvino: Option<&'p Path>,
}

/// One size and type in every form that somebody reads.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) gguf: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) openvino: Option<PathBuf>,
}

/// What is asked of everyone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'t> {
    pub(crate) case: Case,
    pub(crate) weights: &'static WeightType,
    pub(crate) threads: usize,
    /// Measurements inside one process.
    pub(crate) repeats: usize,
    /// The row of kernels to force.
    pub(crate) isa: Option<&'t str>,
}

impl Contender {
    fn new(engine: Engine, flags: &str, program: impl Into<PathBuf>, read: Read) -> Self {
        let (flags, program) = (flags.to_owned(), program.into());
        Self { engine, flags, program, arguments: Vec::new(), environment: Vec::new(), read }
    }

    /// The command under `reference/launch_cost.py`, reading time or memory as the case wants.
    fn launched(engine: Engine, flags: &str, program: &Path, case: Case) -> Self {
        let read = if case == Case::Cold { answer::first_output } else { answer::peak_memory };
        Self::new(engine, flags, "python3", read).words("reference/launch_cost.py").path(program)
    }

    fn words(mut self, words: &str) -> Self {
        self.arguments.extend(words.split_whitespace().map(OsString::from));
        self
    }

    fn path(mut self, path: &Path) -> Self {
        self.arguments.push(path.into());
        self
    }

    fn environment(mut self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// Runs it once.
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<Sample> {
        let mut command = Command::new(&self.program);
        scrub(&mut command);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&workspace.root);
        let finished = capture(&mut command, &workspace.log(&format!("peers-{}", self.engine.title())), LIMIT)?;
        if !finished.success {
            let last = finished.output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            bail!("{}", if finished.timed_out { "ran past its limit and was ended" } else { last });
        }
        answer::sample(&finished.output, self.read).with_context(|| self.program.display().to_string())
    }

    /// The words of its command line.
    #[cfg(test)]
    fn line(&self) -> String {
        self.arguments.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }
}

/// Everyone who can do the task, an engine once for each setting of its flags that might be its best.
pub(crate) fn contenders(programs: &Programs<'_>, files: &Files, task: Task<'_>) -> Vec<Contender> {
    let takes = |engine: Engine| engine.takes(task.case, task.weights);
    let mut all = vec![smollm(programs.smollm, files, task)];
    if let Some(llama) = programs.llama.filter(|_| takes(Engine::Llama)) {
        all.extend(llama_settings(task.weights).into_iter().map(|setting| llama_cpp(llama, setting, files, task)));
    }
    if let (Some(python), Some(model), true) = (programs.openvino, &files.openvino, takes(Engine::OpenVino)) {
        for precision in ["default", "f32"] {
            let flags = format!("--precision {precision}");
            let script = Contender::new(Engine::OpenVino, &flags, python, answer::bench);
            all.push(cases(script.words("reference/openvino_speed.py run").path(model).words(&flags), task));
        }
    }
    if let (Some(python), Some(dtype), true) = (programs.torch, task.weights.torch, takes(Engine::Torch)) {
        for attention in ["sdpa", "eager"] {
            let flags = format!("--attention {attention}");
            let script = Contender::new(Engine::Torch, &flags, python, answer::bench);
            let script = script.words("reference/hf_speed.py").path(&files.directory);
            all.push(cases(script.words(&format!("--dtype {dtype} {flags}")), task));
        }
    }
    all
}

/// The options that the Python scripts share.
fn cases(script: Contender, task: Task<'_>) -> Contender {
    let case = match task.case {
        Case::Prefill(tokens) => format!("prefill:{tokens}"),
        Case::Decode => format!("decode:{DECODE_TOKENS}"),
        Case::Depth(depth) => format!("decode:{FEW_TOKENS}@{depth}"),
        Case::Batch(sequences) => format!("decode:{FEW_TOKENS}@{BATCH_DEPTH}x{sequences}"),
        Case::Cold | Case::Rss => unreachable!("libraries are not launched"),
    };
    script
        .words(&format!("--threads {} --repeats {} --cases {case}", task.threads, task.repeats))
        .environment([("HF_HUB_OFFLINE", "1".to_owned()), ("OMP_NUM_THREADS", task.threads.to_string())])
}

fn smollm(program: &Path, files: &Files, task: Task<'_>) -> Contender {
    let Task { case, threads, repeats, .. } = task;
    let bench = |options: String| {
        let bench = Contender::new(Engine::Smollm, "", program, answer::bench).words("bench --json --quiet -m");
        bench.path(&files.gguf).words(&format!("--threads {threads} --repeats {repeats} {options}"))
    };
    let generate = |ctx: usize, tokens: usize, prompt: usize| {
        let launched = Contender::launched(Engine::Smollm, "", program, case).words("generate --quiet -m");
        let options = format!("--threads {threads} --ctx {ctx} -n {tokens} --ignore-eos --temperature 0");
        launched.path(&files.gguf).words(&options).words(&digits(prompt))
    };
    let contender = match case {
        Case::Prefill(tokens) => bench(format!("--prefill {tokens} --decode 0")),
        Case::Decode => bench(format!("--prefill 0 --decode {DECODE_TOKENS}")),
        Case::Depth(depth) => bench(format!("--prefill 0 --decode {FEW_TOKENS} --depth {depth}")),
        Case::Batch(sequences) => {
            bench(format!("--prefill 0 --decode {FEW_TOKENS} --depth {BATCH_DEPTH} --batch {sequences}"))
        }
        Case::Cold => generate(512, 1, COLD_PROMPT),
        Case::Rss => generate(2048, FEW_TOKENS, RSS_PROMPT),
    };
    contender.environment(task.isa.map(|row| ("SMOLLM_ISA", row.to_owned())))
}

/// Flags of llama.cpp.
#[derive(Debug, Clone, Copy)]
struct LlamaSetting {
    flash: bool,
    repack: bool,
}

/// Flash attention on and off; for quantised weights also with and without repacking them for the machine.
fn llama_settings(weights: &WeightType) -> Vec<LlamaSetting> {
    let repacks: &[bool] = if weights.plain { &[true] } else { &[true, false] };
    let settings = repacks.iter().flat_map(|&repack| [true, false].map(|flash| LlamaSetting { flash, repack }));
    settings.collect()
}

fn llama_cpp(llama: &super::llama_build::LlamaCpp, setting: LlamaSetting, files: &Files, task: Task<'_>) -> Contender {
    let Task { case, threads, repeats, .. } = task;
    let flash = if setting.flash { "-fa on" } else { "-fa off" };
    let no_repack = if setting.repack { "" } else { "--no-repack" };
    let flags = [flash, no_repack].join(" ").trim_end().to_owned();
    let bench = |options: String| {
        let bench = Contender::new(Engine::Llama, &flags, llama.program("llama-bench"), answer::llama_bench);
        let repack = u8::from(setting.repack); // this program has a spelling of its own
        let options = format!("-t {threads} -r {repeats} {flash} --repack {repack} -o jsonl {options}");
        bench.words("-m").path(&files.gguf).words(&options)
    };
    let complete = |ctx: usize, tokens: usize, prompt: usize| {
        let launched = Contender::launched(Engine::Llama, &flags, &llama.program("llama-completion"), case).words("-m");
        let options = format!(
            "-t {threads} -c {ctx} -n {tokens} {flags} --ignore-eos --temp 0 -no-cnv --no-warmup --no-display-prompt -p"
        );
        launched.path(&files.gguf).words(&options).words(&digits(prompt))
    };
    match case {
        Case::Prefill(tokens) => bench(format!("-p {tokens} -n 0")),
        Case::Decode => bench(format!("-p 0 -n {DECODE_TOKENS}")),
        Case::Depth(depth) => bench(format!("-p 0 -n {FEW_TOKENS} -d {depth}")),
        Case::Batch(sequences) => {
            let program = llama.program("llama-batched-bench");
            let ctx = sequences * (BATCH_DEPTH + FEW_TOKENS);
            let options = format!(
                "-t {threads} {flags} -c {ctx} -b 2048 -ub 512 -npp {BATCH_DEPTH} -ntg {FEW_TOKENS} -npl {sequences} --output-format jsonl"
            );
            let batched = Contender::new(Engine::Llama, &flags, program, answer::llama_batched_bench);
            batched.words("-m").path(&files.gguf).words(&options)
        }
        // Its output goes through a thread that the end of the program may overtake, so there must be some after the first.
        Case::Cold => complete(512, 4, COLD_PROMPT),
        Case::Rss => complete(2048, FEW_TOKENS, RSS_PROMPT),
    }
}

/// A prompt of so many tokens under any SmolLM vocabulary, which takes digits one by one.
fn digits(tokens: usize) -> String {
    (1..=tokens).map(|i| char::from(b'0' + (i % 10) as u8)).collect()
}

#[cfg(test)]
mod tests;
