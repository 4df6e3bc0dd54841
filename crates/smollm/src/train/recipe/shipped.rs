//! The recipes of `recipes/`: each is one, and has the numbers of its source.

use super::tree::{Names, Node, Value as Tree, parse};
use super::*;
use smollm_corpus::packing::Packing;
use smollm_testkit::{fixtures, repository};
use std::fs;

fn folder() -> PathBuf {
    repository().join("recipes")
}

fn shipped(name: &str) -> Recipe {
    Recipe::open(&folder().join(name), &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn all() -> Vec<String> {
    let mut names = Vec::new();
    for group in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in fs::read_dir(&group).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|end| end == "yaml") {
                names.push(file.strip_prefix(folder()).unwrap().display().to_string().replace('\\', "/"));
            }
        }
    }
    names.sort();
    names
}

#[test]
fn every_shipped_recipe_is_one() {
    let names = all();
    assert!(names.len() >= 20, "{names:?}");
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    for name in names {
        let recipe = shipped(&name);
        let again = Recipe::read(&recipe.to_yaml(), "again", Path::new("/elsewhere"), &[], &|_| false);
        assert_eq!(again.as_ref(), Ok(&recipe), "{name}");
        assert!(readme.contains(&name), "{name} is not in the list of README.md");
        // What the small ones learn from lies beside them.
        if name.starts_with("tiny/") || name.starts_with("tour/") {
            assert!(recipe.data.sources.iter().flat_map(|source| &source.paths).all(|path| path.exists()), "{name}");
        }
    }
}

/// Rows of a step, their length, steps, peak, warm-up, decay, its form, standard deviation at the start.
type Pretraining = (&'static str, u64, u32, u64, f64, u64, u64, Curve, f64);

/// Section 4.1 of the system's reference.
const PRETRAINING: [Pretraining; 6] = [
    ("smollm/pretrain-135m", 512, 2048, 600_000, 3e-3, 5000, 100_000, Curve::OneMinusSqrt, 0.0416),
    ("smollm/pretrain-360m", 512, 2048, 600_000, 3e-3, 5000, 100_000, Curve::OneMinusSqrt, 0.032_274_861_218_395_14),
    ("smollm/pretrain-1.7b", 1024, 2048, 500_000, 5e-4, 2000, 100_000, Curve::OneMinusSqrt, 0.022_097_086_912_079_608),
    ("smollm2/pretrain-135m", 512, 2048, 2_000_000, 3e-3, 2000, 400_000, Curve::Linear, 1.0 / 24.0),
    ("smollm2/pretrain-360m", 768, 2048, 2_600_000, 3e-3, 2000, 520_000, Curve::Linear, 0.03227),
    ("smollm2/pretrain-1.7b", 1024, 2048, 5_240_000, 5e-4, 2000, 524_000, Curve::Linear, 0.02),
];

#[test]
fn pretraining_has_the_numbers_of_the_reference() {
    for (name, rows, length, steps, peak, warmup, decay, curve, std) in PRETRAINING {
        let recipe = shipped(&format!("{name}.yaml"));
        let optimizer = Optimizer {
            learning_rate: peak,
            betas: [0.9, 0.95],
            eps: 1e-8,
            weight_decay: 0.01,
            decay_embeddings: true,
            decay_norms: true,
            max_grad_norm: Some(1.0),
        };
        assert_eq!(recipe.optimizer, optimizer, "{name}");
        let form = Form::Wsd { decay: Extent::Steps(decay), curve };
        assert_eq!(recipe.schedule, Schedule { form, warmup: Extent::Steps(warmup), final_ratio: 0.0 }, "{name}");
        assert_eq!((recipe.batch.rows, recipe.duration), (rows, Duration::Steps(steps)), "{name}");
        assert_eq!((recipe.data.sequence_length, recipe.data.packing), (length, Packing::Wrapped), "{name}");
        let Start::Init(init) = &recipe.start else { panic!("{name}: {:?}", recipe.start) };
        assert!((init.std.unwrap() - std).abs() < 1e-12 && init.depth_scaled, "{name}");
    }
    let Mix::Stages(stages) = shipped("smollm/pretrain-1.7b.yaml").data.mix else { panic!("it has stages") };
    assert_eq!(stages[1].from_tokens, 299_999 * 1024 * 2048);
    for name in ["smollm/pretrain-135m", "smollm/pretrain-1.7b", "smollm2/pretrain-1.7b", "smollm2/extend-1.7b"] {
        let Mix::Stages(stages) = shipped(&format!("{name}.yaml")).data.mix else { panic!("it has stages") };
        for stage in stages {
            assert!((stage.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{name}: {stage:?}");
        }
    }
    let extension = shipped("smollm2/extend-1.7b.yaml");
    // What the linear decay has left with 75 billion tokens to go.
    let left = 5e-4 * (75e9 / 2_097_152.0) / 524_000.0;
    assert!((extension.optimizer.learning_rate / left - 1.0).abs() < 1e-3, "{left:e}");
    assert_eq!((extension.steps(0), extension.batch.rows * 8192), (35_763, 2_097_152));
}

/// The scalar at a path of an upstream file.
fn upstream<'a>(root: &'a Node, path: &str) -> &'a str {
    let mut node = root;
    for key in path.split('.') {
        node = match &node.value {
            Tree::Map(entries) => &entries.iter().find(|entry| entry.key == key).expect(path).node,
            Tree::List(items) => &items[key.parse::<usize>().expect(path)],
            other => panic!("{path}: {other:?}"),
        };
    }
    match &node.value {
        Tree::Plain(text) | Tree::Quoted(text) => text,
        other => panic!("{path}: {other:?}"),
    }
}

fn upstream_number(root: &Node, path: &str) -> f64 {
    upstream(root, path).parse().unwrap_or_else(|_| panic!("{path}: {}", upstream(root, path)))
}

/// The files of the authors, in the folder of fixtures.
fn files(pairs: &[(&'static str, &str)], each: impl Fn(&Recipe, &Node, &str)) {
    let Some(fixtures) = fixtures() else { return };
    for &(name, source) in pairs {
        let text = fs::read_to_string(fixtures.join("models/recipes").join(source)).unwrap();
        let root = parse(&text, None, Names { file: source, overrides: &[] }).unwrap_or_else(|error| panic!("{error}"));
        each(&shipped(&format!("{name}.yaml")), &root, name);
    }
}

#[test]
fn pretraining_has_the_numbers_of_its_authors() {
    let pairs = [
        ("smollm/pretrain-135m", "pretraining/smollm1/config_smollm1_135M.yaml"),
        ("smollm/pretrain-360m", "pretraining/smollm1/config_smollm1_360M.yaml"),
        ("smollm/pretrain-1.7b", "pretraining/smollm1/config_smollm1_1B.yaml"),
        ("smollm2/pretrain-135m", "pretraining/smollm2/config_smollm2_135M.yaml"),
        ("smollm2/pretrain-360m", "pretraining/smollm2/config_smollm2_360M.yaml"),
        ("smollm2/pretrain-1.7b", "pretraining/smollm2/config_smollm2_1B.yaml"),
    ];
    files(&pairs, |recipe, root, name| {
        let number = |path: &str| upstream_number(root, path);
        let scheduler = |key: &str| number(&format!("optimizer.learning_rate_scheduler.{key}"));
        let factory = |key: &str| number(&format!("optimizer.optimizer_factory.{key}"));
        let sequences = number("tokens.micro_batch_size")
            * number("tokens.batch_accumulation_per_replica")
            * number("parallelism.dp");
        assert_eq!(recipe.batch.rows as f64, sequences, "{name}");
        assert_eq!(f64::from(recipe.data.sequence_length), number("tokens.sequence_length"), "{name}");
        assert_eq!(recipe.duration, Duration::Steps(number("tokens.train_steps") as u64), "{name}");
        assert_eq!(recipe.optimizer.learning_rate, scheduler("learning_rate"), "{name}");
        assert_eq!(recipe.optimizer.betas, [factory("adam_beta1"), factory("adam_beta2")], "{name}");
        assert_eq!(recipe.optimizer.eps, factory("adam_eps"), "{name}");
        assert_eq!(recipe.optimizer.weight_decay, number("optimizer.weight_decay"), "{name}");
        assert_eq!(recipe.optimizer.max_grad_norm, Some(number("optimizer.clip_grad")), "{name}");
        assert_eq!(recipe.schedule.warmup, Extent::Steps(scheduler("lr_warmup_steps") as u64), "{name}");
        let Form::Wsd { decay, curve } = recipe.schedule.form else { panic!("{name}: {:?}", recipe.schedule) };
        assert_eq!(decay, Extent::Steps(scheduler("lr_decay_steps") as u64), "{name}");
        let style = read::CURVES.iter().find(|(_, known)| *known == curve).unwrap().0;
        assert_eq!(style, upstream(root, "optimizer.learning_rate_scheduler.lr_decay_style"), "{name}");
        // The decay fills the end of the run exactly.
        assert_eq!(scheduler("lr_decay_starting_step") + scheduler("lr_decay_steps"), number("tokens.train_steps"));
        let Start::Init(init) = &recipe.start else { panic!("{name}: {:?}", recipe.start) };
        assert_eq!(init.std, Some(number("model.init_method.std")), "{name}");
        assert_eq!(init.seed as f64, number("general.seed"), "{name}");
        assert_eq!(recipe.seed as f64, number("data_stages.0.data.seed"), "{name}");
        let shape = smollm_model::preset(&init.shape).unwrap();
        for (ours, key) in [
            (shape.hidden_size, "hidden_size"),
            (shape.intermediate_size, "intermediate_size"),
            (shape.num_hidden_layers, "num_hidden_layers"),
            (shape.num_key_value_heads, "num_key_value_heads"),
        ] {
            assert_eq!(ours as f64, number(&format!("model.model_config.{key}")), "{name}: {key}");
        }
    });
}

#[test]
fn alignment_has_the_numbers_of_its_authors() {
    let pairs = [
        ("smollm/sft-v0.2", "alignment/smollm/sft/config.yaml"),
        ("smollm2/sft-1.7b", "alignment/smollm2/sft/config.yaml"),
        ("smollm2/sft-360m", "alignment/smollm2/sft/config_smol.yaml"),
        ("smollm2/sft-135m", "alignment/smollm2/sft/config_smol.yaml"),
        ("smollm2/dpo-1.7b", "alignment/smollm2/dpo/config.yaml"),
        ("smollm2/dpo-360m", "alignment/smollm2/dpo/config_smol.yaml"),
        ("smollm2/dpo-135m", "alignment/smollm2/dpo/config_smol.yaml"),
    ];
    files(&pairs, |recipe, root, name| {
        const GPUS: f64 = 8.0;
        let number = |path: &str| upstream_number(root, path);
        assert_eq!(recipe.optimizer.learning_rate, number("learning_rate"), "{name}");
        assert_eq!(recipe.duration, Duration::Epochs(number("num_train_epochs")), "{name}");
        let rows = number("per_device_train_batch_size") * number("gradient_accumulation_steps") * GPUS;
        assert_eq!(recipe.batch.rows as f64, rows, "{name}");
        assert_eq!(recipe.seed as f64, number("seed"), "{name}");
        assert_eq!(upstream(root, "lr_scheduler_type"), "cosine");
        let warmup = Extent::Ratio(number("warmup_ratio"));
        assert_eq!(recipe.schedule, Schedule { form: Form::Cosine, warmup, final_ratio: 0.0 }, "{name}");
        if let Objective::Preference { loss, beta, .. } = recipe.objective {
            assert_eq!((loss, beta), (PreferenceLoss::Sigmoid, number("beta")), "{name}");
            assert_eq!(recipe.data.max_tokens.unwrap() as f64, number("max_length"), "{name}");
            assert_eq!(recipe.data.max_prompt.unwrap() as f64, number("max_prompt_length"), "{name}");
            assert_eq!(recipe.evaluation.unwrap().every_steps as f64, number("eval_steps"), "{name}");
        } else {
            assert_eq!(f64::from(recipe.data.sequence_length), number("max_seq_length"), "{name}");
        }
    });
}

#[test]
fn the_adapters_are_those_of_the_script() {
    // Section 6.4 of the system's reference.
    let recipe = shipped("finetuning/lora-python.yaml");
    let lora = recipe.lora.unwrap();
    assert_eq!((lora.rank, lora.alpha, lora.dropout, lora.rslora), (16, 32.0, 0.05, false));
    assert_eq!(lora.target_modules, ["q_proj", "v_proj"]);
    assert_eq!((recipe.optimizer.learning_rate, recipe.optimizer.weight_decay), (2e-4, 0.01));
    assert_eq!(recipe.schedule, Schedule { form: Form::Cosine, warmup: Extent::Steps(100), final_ratio: 0.0 });
    assert_eq!((recipe.batch.rows, recipe.duration, recipe.seed), (4, Duration::Steps(1000), 0));
    assert_eq!((recipe.data.sequence_length, recipe.data.max_tokens), (2048, Some(2048)));
}

#[test]
fn the_page_has_every_key() {
    let page = fs::read_to_string(repository().join("docs/training.md")).unwrap();
    let rows = KEYS.iter().map(|Key { path, default, meaning }| format!("| `{path}` | {default} | {meaning} |\n"));
    let table: String = rows.collect();
    assert!(page.contains(&table), "docs/training.md is to have this table:\n{table}");
}

#[test]
fn the_page_has_a_recipe_that_reads() {
    let page = fs::read_to_string(repository().join("docs/training.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let read = |text: &str| Recipe::read(text, "my-first.yaml", Path::new("/"), &[], &|_| false);
    assert_eq!(read(example).map(|recipe| recipe.kind), Ok(Kind::Sft));
    let error = read(&example.replace("learning_rate", "learnng_rate")).unwrap_err();
    assert!(page.contains(&format!("\nerror: {error}\n")), "{error}");
}
