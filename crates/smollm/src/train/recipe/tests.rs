//! What recipes say, and what is said of those that are wrong.

use super::*;
use proptest::prelude::*;

const SMALL: &str = "\
kind: sft
model: smollm2:135m
output: run
data:
  sources:
    - path: chats.jsonl
optimizer:
  learning_rate: 1e-3
batch:
  rows: 4
duration:
  epochs: 2
";

fn read_with(text: &str, overrides: &[&str]) -> Result<Recipe, RecipeError> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.into()).collect();
    Recipe::read(text, "r.yaml", Path::new("/recipes"), &overrides, &|_| false)
}

fn read(text: &str) -> Recipe {
    read_with(text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// The message for [`SMALL`] with this in place of that.
fn message(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    let error = read_with(&SMALL.replacen(from, to, 1), &[]).map(|recipe| recipe.to_yaml());
    error.expect_err("it is wrong").to_string()
}

#[test]
fn what_is_left_out_has_its_default() {
    let recipe = read(SMALL);
    assert_eq!(recipe.output, Path::new("/recipes/run"));
    assert_eq!(recipe.data.sources[0].paths, [Path::new("/recipes/chats.jsonl")]);
    assert_eq!(recipe.data.max_tokens, Some(2048));
    assert_eq!(recipe.batch, Batch { rows: 4, micro_rows: 4 });
    insta::assert_snapshot!(recipe.to_yaml());
}

/// A folder that is called as the built-in model is has to be written as a path.
#[test]
fn the_built_in_model_is_no_path() {
    let model = |name: &str, folder: &str| {
        let text = SMALL.replace("smollm2:135m", name);
        match Recipe::read(&text, "r.yaml", Path::new(folder), &[], &|_| true).unwrap().start {
            Start::Model(model) => model,
            Start::Init(init) => panic!("{init:?}"),
        }
    };
    assert_eq!(model("nano", "/recipes"), "nano");
    assert_eq!(model("./nano", "/recipes"), "/recipes/nano");
    for name in ["./nano", "nano/"] {
        assert_eq!(model(name, ""), "./nano");
    }
}

#[test]
fn every_key_is_read() {
    let text = "\
kind: pretrain
init: {shape: smollm2-135m, seed: 8, std: 0.0416, depth_scaled: true, set: {rope_theta: 1e4, vocab_size: 320}}
tokenizer: ./tokenizer
template: t.jinja
license: apache-2.0
output: /runs/a
seed: 1_000
data:
  sources:
    - {name: web, path: [a.jsonl, b.parquet], text_column: content}
    - {name: books, path: books, separator: '---'}
    - {path: lines.txt, documents: lines}
  stages:
    - {from_tokens: 0, weights: {web: 0.9, books: 0.1}}
    - from_tokens: 1e6
      weights: {lines.txt: 1}
  packing: wrapped
  sequence_length: 512
  loss: answers
  max_tokens: 100
  end_token: false
  parse_special: false
  on_lost: skip
  variables: {enable_thinking: false, name: 'yes', deep: [1, 2.5, {a: null}]}
  validation: {sources: [{path: held.jsonl}]}
objective: {z_loss: 1e-5}
optimizer: {learning_rate: 3e-3, betas: [0.8, 0.99], eps: 1e-6, weight_decay: 0.1, decay_embeddings: false,
  decay_norms: false, max_grad_norm: none}
schedule: {type: wsd, warmup_steps: 10, decay_ratio: 0.2, decay: 1-sqrt, final_ratio: 0.1}
batch: {rows: 64, micro_rows: 3}
duration: {tokens: 1e9}
compute: {dtype: f32, activations: recompute, threads: 2}
checkpoint: {every_steps: 7, keep_last: 3, keep_best: 2}
evaluation: {every_steps: 5, rows: 100, patience: 4}
export: {dtype: f16}
";
    let recipe = read(text);
    let Mix::Stages(stages) = &recipe.data.mix else { panic!("{:?}", recipe.data.mix) };
    assert_eq!(stages[1], StageWeights { from_tokens: 1_000_000, weights: vec![0.0, 0.0, 1.0] });
    assert_eq!(recipe.duration, Duration::Tokens(1_000_000_000));
    assert_eq!(recipe.tokenizer.as_deref(), Some("/recipes/tokenizer"));
    insta::assert_snapshot!(recipe.to_yaml());
    assert_eq!(read(&recipe.to_yaml()), recipe);
}

#[test]
fn pairs_and_adapters() {
    let more = "lora: {rank: 8, alpha: 16, target_modules: all-linear}\nobjective: {loss: apo-zero, beta: 0.05}\n";
    let recipe = read(&format!("{more}{}", SMALL.replace("sft", "dpo")));
    assert_eq!((recipe.data.packing, recipe.data.max_tokens), (smollm_corpus::packing::Packing::None, Some(1025)));
    assert_eq!(recipe.lora.as_ref().map(|lora| lora.target_modules.len()), Some(7));
    assert_eq!(read(&recipe.to_yaml()), recipe);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let cases = [
        (
            "learning_rate",
            "learnng_rate",
            "r.yaml: line 8, column 3: `optimizer.learnng_rate` is no key of a recipe; did you mean `learning_rate`?",
        ),
        (
            "kind: sft",
            "kind: stf",
            "r.yaml: line 1, column 7: `kind`: expected one of `pretrain`, `sft`, `dpo`, found `stf`",
        ),
        ("kind: sft\n", "", "r.yaml: line 1, column 1: `kind` is missing"),
        ("rows: 4", "rows: 0", "r.yaml: line 10, column 9: `batch.rows`: 0 is not within 1 and 1048576"),
        ("rows: 4", "rows: 2e6", "r.yaml: line 10, column 9: `batch.rows`: 2e6 is not within 1 and 1048576"),
        ("rows: 4", "rows: four", "r.yaml: line 10, column 9: `batch.rows`: expected a whole number, found `four`"),
        (
            "rows: 4",
            "rows: \"4\"",
            "r.yaml: line 10, column 9: `batch.rows`: expected a whole number, found the text \"4\"",
        ),
        ("rows: 4", "rows: 1.5", "r.yaml: line 10, column 9: `batch.rows`: expected a whole number, found `1.5`"),
        ("rows: 4", "micro_rows: 4", "r.yaml: line 9, column 1: `batch.rows` is missing"),
        ("rows: 4", "rows: 4\n  rows: 5", "r.yaml: line 11, column 3: `rows` stands here twice"),
        (
            "epochs: 2",
            "epochs: 2\n  steps: 5",
            "r.yaml: line 13, column 3: `duration.steps` excludes `duration.epochs`; give one of them",
        ),
        ("1e-3", "[1, 2]", "r.yaml: line 8, column 18: `optimizer.learning_rate`: expected a number, found a list"),
        ("1e-3", "nan", "r.yaml: line 8, column 18: `optimizer.learning_rate`: expected a number, found `nan`"),
        ("1e-3", "0", "r.yaml: line 8, column 18: `optimizer.learning_rate`: expected a number above 0, found 0"),
        ("1e-3", "1e-3\n  betas: [0.9, 2]", "r.yaml: line 9, column 16: `optimizer.betas`: 2 is not within 0 and 1"),
        (
            "- path",
            "- pth",
            "r.yaml: line 6, column 7: `data.sources[0].pth` is no key of a recipe; did you mean `path`?",
        ),
        ("path: chats.jsonl", "path: []", "r.yaml: line 6, column 13: `data.sources[0].path`: an empty list"),
        (
            "kind: sft",
            "epochs: 2\nkind: sft",
            "r.yaml: line 1, column 1: `epochs` is no key of a recipe; there is `duration.epochs`",
        ),
        (
            "kind: sft",
            "frobnication: 2\nkind: sft",
            "r.yaml: line 1, column 1: `frobnication` is no key of a recipe; known are kind, model, init",
        ),
        ("kind: sft", "kind: &a sft", "r.yaml: line 1, column 10: anchors (`&`) are not part of recipes"),
        ("kind: sft", "kind: !x sft", "r.yaml: line 1, column 10: tags (`!`) are not part of recipes"),
        ("kind: sft", "kind: [sft", "r.yaml: line 2, column 6: not YAML: "),
        (
            "model: smollm2:135m",
            "init: {shape: smollm2-135m}",
            "r.yaml: line 2, column 1: `init` is for `kind: pretrain`; give a `model`",
        ),
        ("batch:", "evaluation: {rows: 4}\nbatch:", "r.yaml: line 9, column 1: `evaluation` needs `data.validation`"),
        (
            "batch:",
            "schedule: {type: linear, decay: cosine}\nbatch:",
            "r.yaml: line 9, column 26: `schedule.decay` is for `type: wsd`",
        ),
        ("batch:", "objective: {beta: 1}\nbatch:", "r.yaml: line 9, column 13: `objective.beta` is for `kind: dpo`"),
        (
            "batch:",
            "lora: {rank: 2, alpha: 2, target_modules: [qproj]}\nbatch:",
            "r.yaml: line 9, column 44: `lora.target_modules`: `qproj` is no module with a matrix; did you mean `q_proj`?",
        ),
        (
            "epochs: 2",
            "steps: 2\nschedule: {type: wsd, warmup_steps: 2, decay_steps: 1}",
            "r.yaml: line 13, column 1: `schedule` does not fit: 2 steps of warm-up and 1 of decay do not go into a run of 2 steps",
        ),
        (
            "optimizer:\n  learning_rate: 1e-3",
            "optimizer: 3",
            "r.yaml: line 7, column 1: `optimizer`: expected a map of keys",
        ),
    ];
    for (from, to, expected) in cases {
        let message = message(from, to);
        assert!(message.starts_with(expected), "{message}\n{expected}");
        assert!(!message.contains('\n'), "{message}");
    }
    let stages = "kind: sft\nmodel: a\noutput: b\ndata: {sources: [{name: web, path: a}], stages: [{from_tokens: 0, weights: {wep: 1}}]}\n";
    let message = read_with(stages, &[]).expect_err("no such source").to_string();
    assert_eq!(
        message,
        "r.yaml: line 4, column 77: `data.stages[0].weights`: no source is called `wep`; the nearest is `web`"
    );
}

#[test]
fn flags_lie_over_the_file_and_are_named() {
    let set = [
        "optimizer.learning_rate=2e-3",
        "lora.rank=4",
        "lora.alpha=8",
        "data.sources.0.text_column=content",
        "batch.micro_rows=",
    ];
    let recipe = read_with(SMALL, &set).unwrap();
    assert_eq!(recipe.optimizer.learning_rate, 2e-3);
    assert_eq!(recipe.lora.map(|lora| (lora.rank, lora.alpha)), Some((4, 8.0)));
    assert_eq!(recipe.data.sources[0].text_column.as_deref(), Some("content"));
    let cases = [
        ("batch.rows=x", "--set batch.rows=x: `batch.rows`: expected a whole number, found `x`"),
        ("batch.row=4", "--set batch.row=4: `batch.row` is no key of a recipe; did you mean `rows`?"),
        ("batch", "--set batch: expected KEY=VALUE, as in optimizer.learning_rate=3e-4"),
        ("batch..rows=1", "--set batch..rows=1: expected KEY=VALUE, where keys are parted by single dots"),
        ("kind.rows=4", "--set kind.rows=4: `kind` has no keys"),
        (
            "data.sources.3.path=x",
            "--set data.sources.3.path=x: `data.sources` is a list of 1; its items are counted from 0",
        ),
        ("data=[", "--set data=[: not YAML: "),
        ("duration.steps=4", "--set duration.steps=4: `duration.steps` excludes `duration.epochs`; give one of them"),
        ("optimizer=", "r.yaml: line 1, column 1: `optimizer` is missing"),
    ];
    for (set, expected) in cases {
        let message = read_with(SMALL, &[set]).expect_err(set).to_string();
        assert!(message.starts_with(expected), "{message}\n{expected}");
    }
}

#[test]
fn a_file_is_read_from_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.yaml");
    std::fs::create_dir(folder.path().join("base")).unwrap();
    std::fs::write(&path, SMALL.replace("smollm2:135m", "base")).unwrap();
    let recipe = Recipe::open(&path, &[]).unwrap();
    assert_eq!(recipe.start, Start::Model(folder.path().join("base").display().to_string()));
    std::fs::write(&path, b"kind: \xff").unwrap();
    assert!(Recipe::open(&path, &[]).unwrap_err().to_string().ends_with("r.yaml: not UTF-8 at byte 6"));
    let missing = Recipe::open(&folder.path().join("none.yaml"), &[]).unwrap_err().to_string();
    assert!(missing.contains("none.yaml: "), "{missing}");
}

proptest! {
    #[test]
    fn nothing_panics_and_errors_are_one_line(text in "[a-z:\\[\\]{}\\-'\"&*!#|>%@` \\n\\t0-9.,?]{0,200}", set in "[a-z.=0-9:\\[ ]{0,30}") {
        let text = format!("{SMALL}{text}");
        for result in [read_with(&text, &[]), read_with(SMALL, &[&set])] {
            match result {
                Ok(recipe) => prop_assert_eq!(&read(&recipe.to_yaml()), &recipe),
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control), "{}", error),
            }
        }
    }

    #[test]
    fn any_text_survives_being_written(name in "\\PC{1,50}", other in any::<String>(), number in any::<f64>()) {
        let mut recipe = read(SMALL);
        recipe.data.sources[0].name = name;
        recipe.data.variables.insert("text".into(), other.into());
        if number.is_finite() {
            recipe.data.variables.insert("number".into(), number.into());
            recipe.optimizer.learning_rate = number.abs().max(f64::MIN_POSITIVE);
        }
        prop_assert_eq!(read(&recipe.to_yaml()), recipe);
    }
}
