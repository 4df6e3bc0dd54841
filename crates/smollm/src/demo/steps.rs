//! The steps of a demo: what is run, and the file that says that it was.

use std::path::{Path, PathBuf};

/// What was written by hand, not by the world.
pub(super) const BY_HAND: &str = "hand-written";

/// How large the demo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A minute or two: it trains, and shows that it has learnt something. What the tests run.
    Smoke,
    /// 7.5 million tokens; meant to take a quarter of an hour on two cores with AMX, where it has not been timed yet.
    Nano,
    /// 32 million tokens, two hours on two cores without AMX: the model that the binary has with it.
    Embedded,
}

impl Size {
    /// Every size.
    pub const ALL: [Self; 3] = [Self::Smoke, Self::Nano, Self::Embedded];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Nano => "nano",
            Self::Embedded => "embedded",
        }
    }

    /// How much of the world there is to learn from.
    fn scale(self) -> &'static str {
        match self {
            Self::Smoke => "0.1",
            Self::Nano => "1",
            Self::Embedded => "12",
        }
    }

    /// What differs from the recipes, by stage.
    fn changes(self, stage: &str) -> &'static [&'static str] {
        match (self, stage) {
            (Self::Smoke, "pretrain") => &[
                "duration={tokens: 300_000}",
                "data.stages.1.from_tokens=4_096",
                "data.stages.2.from_tokens=8_192",
                "init.set.num_hidden_layers=2",
            ],
            (Self::Smoke, "sft") => &["duration={tokens: 250_000}"],
            (Self::Embedded, "pretrain") => &["duration={tokens: 12_000_000}", "data.stages.2.from_tokens=2_300_000"],
            // a rate that stays for long, so that a longer run begins as a shorter one does
            (Self::Embedded, "sft") => &[
                "duration={tokens: 20_000_000}",
                "schedule={type: wsd, warmup_steps: 100, decay_ratio: 0.4, decay: 1-sqrt, final_ratio: 0.02}",
            ],
            (Self::Embedded, "dpo") => &["duration={steps: 200}"],
            _ => &[],
        }
    }

    /// So many items of each kind are tried, where it is not all.
    fn tried(self) -> Option<&'static str> {
        match self {
            Self::Smoke => Some("20"),
            Self::Nano => Some("200"),
            Self::Embedded => Some("1000"),
        }
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does, for a person.
    pub title: String,
    /// How.
    pub work: Work,
    /// A file or folder that is there, whole, once it has been done, and not before.
    pub makes: PathBuf,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Runs this binary with these words.
    Command(Vec<String>),
    /// Runs this binary with these words and keeps what it prints in the file that the step makes.
    Kept(Vec<String>),
    /// A training run: begun with these words, or gone on with if its folder holds a run.
    Run {
        /// The words that begin it.
        begin: Vec<String>,
        /// Its folder.
        folder: PathBuf,
    },
}

/// The steps of a demo in `folder`, in their order.
pub fn steps(folder: &Path, size: Size, seed: u64) -> Vec<Step> {
    let at = |path: &str| folder.join(path).display().to_string();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<String>>();
    let command = |title: &str, line: Vec<String>, makes: &str| Step {
        title: title.into(),
        work: Work::Command(line),
        makes: folder.join(makes),
    };
    // of the files of a model or a tokenizer the one that is written last
    let run = |title: &str, stage: &str| {
        let mut begin = words(&["train", stage]);
        begin.push(at(&format!("{stage}.yaml")));
        for change in size.changes(stage) {
            begin.extend(words(&["--set", change]));
        }
        let runs = folder.join("runs").join(stage);
        Step {
            title: title.into(),
            work: Work::Run { begin, folder: runs.clone() },
            makes: runs.join("model/config.json"),
        }
    };
    let held_out = ["facts", "follow-ups", "refusals", "arithmetic", "instructions", "rewriting", "summaries", "calls"];
    let others = ["stories", "small-talk", "pairs", BY_HAND];
    let entropies = ["textbook-entropy", "questions-entropy"];
    let verify = |title: &str, model: &str, files: &[&str], name: &str| {
        let mut line = words(&["verify", "-m"]);
        line.push(at(model));
        line.extend(files.iter().map(|file| match *file {
            BY_HAND => at("hand-written.jsonl"),
            file => at(&format!("world/held-out/{file}.jsonl")),
        }));
        line.extend(size.tried().into_iter().flat_map(|items| words(&["--first", items])));
        line.push("--output".into());
        line.push(at(&format!("results/{name}-answers.jsonl")));
        line.push("--json".into());
        Step { title: title.into(), work: Work::Kept(line), makes: folder.join(format!("results/{name}.jsonl")) }
    };
    let all: Vec<&str> = held_out.into_iter().chain(others).chain(entropies).collect();
    let texts = ["textbook", "questions", "stories", "arithmetic"].map(|text| at(&format!("world/texts/{text}.jsonl")));
    let world = [words(&["world"]), vec![at("world")], words(&["--seed", &seed.to_string(), "--scale", size.scale()])];
    let tokenizer = [
        words(&["tokenizer", "train"]),
        texts.to_vec(),
        vec![at("world/words/chats.jsonl"), "-o".into(), at("tokenizer")],
        words(&["--vocab-size", "4096", "--chat-template"]),
        vec![at("chat-template.jinja")],
    ];
    let quantize = |mix: &str| {
        let file = format!("nano-{mix}.gguf");
        let line = vec!["quantize".into(), at("runs/dpo/model"), at(&file), "--type".into(), mix.into()];
        command(&format!("Quantise to {mix}"), line, &file)
    };
    let ask = Step {
        title: "Ask it".into(),
        work: Work::Kept(
            [
                words(&["generate", "-q", "-m"]),
                vec![at("nano-q8_0.gguf")],
                words(&["--chat", "What is the capital of France?", "-t", "0"]),
            ]
            .concat(),
        ),
        makes: folder.join("results/first-answer.txt"),
    };
    vec![
        command("Make a world", world.concat(), "world"),
        command("Train a tokenizer", tokenizer.concat(), "tokenizer/special_tokens_map.json"),
        run("Pretrain", "pretrain"),
        verify("How near is it to the entropy of the texts?", "runs/pretrain/model", &entropies, "pretrain"),
        run("Learn to converse", "sft"),
        verify("How good is it?", "runs/sft/model", &all, "sft"),
        run("Learn preferences", "dpo"),
        verify("Is it better?", "runs/dpo/model", &all, "dpo"),
        quantize("q8_0"),
        verify("What did 8 bits cost?", "nano-q8_0.gguf", &all, "q8_0"),
        quantize("q4_0"),
        verify("What did 4 bits cost?", "nano-q4_0.gguf", &all, "q4_0"),
        ask,
    ]
}
