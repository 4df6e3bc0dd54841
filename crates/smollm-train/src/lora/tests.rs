//! Which names mean what, how pairs begin, and the way to files and back.

use super::*;
use smollm_checkpoint::adapter::Adapter;
use smollm_kernels::{Cpu, Dtype};
use smollm_model::preset;
use std::convert::Infallible;

fn model(name: &str, changes: &[(&str, &str)]) -> ModelConfig {
    let mut json = preset(name).expect("a preset").to_json();
    for (key, value) in [&[("num_hidden_layers", "2"), ("vocab_size", "8")][..], changes].concat() {
        json[key] = serde_json::from_str(value).expect("JSON");
    }
    ModelConfig::from_json(json.to_string().as_bytes(), "config.json").expect("a configuration")
}

fn options(targets: &[&str], saved: &[&str]) -> AdapterConfig {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    AdapterConfig {
        r: 4,
        alpha: 8.0,
        use_rslora: false,
        target_modules: TargetModules::Names(names(targets)),
        rank_pattern: Vec::new(),
        alpha_pattern: Vec::new(),
        modules_to_save: names(saved),
        dropout: 0.0,
        base_model: Some("base".into()),
    }
}

fn ones(param: &Param) -> Result<Matrix, Infallible> {
    let (rows, cols) = match param.shape {
        Shape::Vector(len) => (1, len),
        Shape::Matrix(rows, cols) => (rows, cols),
    };
    Ok(Matrix::from_f32(rows, cols, vec![1.0; rows * cols]))
}

fn start(lora: &Lora, seed: u64) -> Tensors {
    lora.start(seed, ones).unwrap_or_else(|error| match error {})
}

#[test]
fn names_mean_what_they_mean_in_peft() {
    let model = model("smollm2-360m", &[("tie_word_embeddings", "false")]);
    let pairs = |targets: &[&str]| {
        let lora = Lora::new(options(targets, &[]), &model).expect("known names");
        lora.pairs.iter().map(|pair| pair.module.trim_start_matches("model.layers.").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(pairs(&["q_proj"]), ["0.self_attn.q_proj", "1.self_attn.q_proj"]);
    assert_eq!(
        pairs(&["self_attn.v_proj", "layers.1.mlp.up_proj"]),
        ["0.self_attn.v_proj", "1.self_attn.v_proj", "1.mlp.up_proj"]
    );
    assert_eq!(pairs(&["all-linear"]).len(), 14);
    let lora =
        Lora::new(options(&["all-linear"], &["norm", "lm_head", "0.mlp.down_proj"]), &model).expect("known names");
    let all = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    assert_eq!(lora.config().target_modules, TargetModules::Names(all.map(str::to_owned).to_vec()));
    assert_eq!(lora.pairs.len(), 13, "what is learnt whole has no pair");
    let saved: Vec<&str> = lora.saved.iter().map(|param| param.hf_name.trim_start_matches("model.")).collect();
    let norms = ["layers.0.input_layernorm.weight", "layers.0.post_attention_layernorm.weight"];
    assert_eq!(saved[..3], [norms[0], norms[1], "layers.0.mlp.down_proj.weight"]);
    assert_eq!(saved[5..], ["norm.weight", "lm_head.weight"]);
    let mut pattern = options(&[], &[]);
    pattern.target_modules = TargetModules::Pattern(r".*\.1\.self_attn\.[qk]_proj".into());
    assert_eq!(Lora::new(pattern, &model).expect("a pattern").pairs.len(), 2);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let (tied, untied) = (model("smollm2-135m", &[]), model("smollm2-135m", &[("tie_word_embeddings", "false")]));
    let refused = |model: &ModelConfig, options| Lora::new(options, model).expect_err("refused").to_string();
    let modules = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj and \"all-linear\"";
    assert_eq!(
        refused(&tied, options(&["q_proj", "query"], &[])),
        format!(
            "target_modules names nothing that the model has by \"query\"; known are {modules}, alone or as in \"self_attn.q_proj\""
        )
    );
    assert_eq!(refused(&tied, options(&[], &[])), format!("target_modules is empty; known are {modules}"));
    for name in ["lm_head", "embed_tokens", "input_layernorm"] {
        let expected = format!(
            "target_modules has {name:?}: pairs stand beside the matrices of layers only; learn it whole with modules_to_save"
        );
        assert_eq!(refused(&tied, options(&[name], &[])), expected);
    }
    assert_eq!(
        refused(&tied, options(&["q_proj"], &["head"])),
        "modules_to_save has \"head\", but the embedding and the head of this model are one matrix (tie_word_embeddings), which an \
         adapter would part; leave it out, or train without LoRA"
    );
    assert!(refused(&tied, options(&["q_proj"], &["embed_tokens"])).contains("one matrix"));
    assert!(refused(&untied, options(&["q_proj"], &["score"])).contains("known are embed_tokens, lm_head, norm"));
    for (change, part) in [
        ((|options| options.r = 0) as fn(&mut AdapterConfig), "the rank is 0, not at least 1"),
        (|options| options.alpha = f64::NAN, "alpha is NaN, not a number above 0"),
        (|options| options.dropout = 1.0, "the dropout is 1, not a probability from 0 to below 1"),
        (|options| options.rank_pattern = vec![("(".into(), 1)], "\"rank_pattern\""),
    ] {
        let mut options = options(&["q_proj"], &[]);
        change(&mut options);
        assert!(refused(&tied, options.clone()).contains(part), "{}", refused(&tied, options));
    }
}

#[test]
fn pairs_begin_as_in_peft_and_by_seed() {
    let lora = Lora::new(options(&["all-linear"], &["norm"]), &model("smollm2-135m", &[])).expect("known names");
    let tensors = start(&lora, 3);
    for (row, values) in tensors.iter() {
        let Shape::Matrix(_, inputs) = row.shape else {
            assert!(values.iter().all(|x| *x == 1.0), "{} is the base's", row.name);
            continue;
        };
        if matches!(row.place, Place::LoraB(..)) {
            assert!(values.iter().all(|x| *x == 0.0), "{}", row.name);
            continue;
        }
        // uniform between the bounds: mean 0, variance a third of the bound's square
        let (bound, count) = (1.0 / (inputs as f64).sqrt(), values.len() as f64);
        let most = values.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
        assert!((0.99 * bound..=bound).contains(&most), "{}: {most}", row.name);
        let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let variance = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 4.0 * bound / (3.0 * count).sqrt(), "{}: {mean}", row.name);
        assert!((variance * 3.0 / bound.powi(2) - 1.0).abs() < 0.1, "{}: {variance}", row.name);
    }
    let place = lora.table()[0].place;
    assert!(start(&lora, 3).get(place) == tensors.get(place) && start(&lora, 4).get(place) != tensors.get(place));
}

#[test]
fn dropout_leaves_the_share_it_should_and_is_told_by_place() {
    let mut config = options(&["q_proj", "v_proj"], &[]);
    config.dropout = 0.1;
    let lora = Lora::new(config, &model("smollm2-135m", &[])).expect("known names");
    let draw = Draw { seed: 1, step: 2, micro_batch: 3 };
    let (q, v) = (LayerSlot::QProj, LayerSlot::VProj);
    let mask = |draw, layer, slot| lora.mask(draw, layer, slot, 101).expect("there is a pair");
    let one = mask(draw, 0, q);
    let dropped = one.iter().filter(|x| **x == 0.0).count() as f64 / one.len() as f64;
    assert!((dropped - 0.1).abs() < 0.01, "{dropped}");
    assert!(one.iter().all(|x| *x == 0.0 || (*x - 1.0 / 0.9).abs() < 1e-4));
    let others = [
        mask(Draw { seed: 2, ..draw }, 0, q),
        mask(Draw { step: 3, ..draw }, 0, q),
        mask(Draw { micro_batch: 4, ..draw }, 0, q),
        mask(draw, 1, q),
        mask(draw, 0, v),
    ];
    for other in others {
        let both = one.iter().zip(&other).filter(|(a, b)| **a == 0.0 && **b == 0.0).count() as f64;
        assert!((both / one.len() as f64 - 0.01).abs() < 0.003, "{both} of {}", one.len());
    }
    // in pieces, by several threads
    for threads in [1, 3] {
        let cpu = Cpu::with_isa("scalar", threads).expect("always there");
        let mut x = vec![1.0; one.len()];
        Mask::new(0.1, draw, 0, q).expect("something is dropped").apply(&cpu, &mut x);
        assert!(x == one);
    }
    assert!(lora.mask(draw, 0, LayerSlot::KProj, 1).is_none() && lora.mask(draw, 2, q, 1).is_none());
}

#[test]
fn what_was_learnt_is_written_and_read_again() {
    let model =
        model("smollm2-360m", &[("tie_word_embeddings", "false"), ("hidden_size", "32"), ("intermediate_size", "48")]);
    let mut config = options(&["q_proj", "mlp.down_proj"], &["norm", "lm_head"]);
    (config.use_rslora, config.dropout, config.rank_pattern) = (true, 0.05, vec![("down_proj".into(), 6)]);
    let lora = Lora::new(config.clone(), &model).expect("known names");
    let mut tensors = start(&lora, 1);
    tensors.iter_mut().for_each(|(_, values)| values.iter_mut().enumerate().for_each(|(i, x)| *x += i as f32));
    let folder = tempfile::tempdir().expect("a folder");
    let write = |lora: &Lora| lora.adapter(&tensors).expect("all tensors").write(folder.path()).expect("written");
    write(&lora);
    let (again, read) = Lora::of_adapter(&Adapter::open(folder.path()).expect("an adapter"), &model).expect("it fits");
    assert_eq!((again.config(), read.table()), (&config, tensors.table()));
    assert!(read.iter().zip(tensors.iter()).all(|(a, b)| a.1 == b.1));
    assert!(again.pairs.iter().zip(&lora.pairs).all(|(a, b)| a.scale == b.scale));
    // over an adapter with another configuration, and over the same
    config.alpha = 16.0;
    let other = Lora::new(config, &model).expect("known names");
    [&other, &other].into_iter().for_each(write);
    assert_eq!(Adapter::open(folder.path()).expect("an adapter").config().alpha, 16.0);
    let files = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(files, 2, "nothing else is left");
}

#[test]
fn an_adapter_of_another_model_is_refused() {
    let of = |model: &ModelConfig, saved: &[&str]| {
        let lora = Lora::new(options(&["v_proj"], saved), model).expect("known names");
        lora.adapter(&start(&lora, 1)).expect("all tensors")
    };
    let small = model("smollm2-135m", &[("tie_word_embeddings", "false")]);
    let refused =
        |adapter: &Adapter, model: &ModelConfig| Lora::of_adapter(adapter, model).expect_err("refused").to_string();
    let wider = model("smollm2-360m", &[]);
    assert_eq!(
        refused(&of(&small, &[]), &wider),
        "the adapter's tensor \"base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight\" does not fit the model: it is for a \
         matrix of (192, 576), not (320, 960)"
    );
    let shorter = model("smollm2-135m", &[("num_hidden_layers", "1")]);
    assert!(
        refused(&of(&small, &[]), &shorter)
            .contains("layers.1.self_attn.v_proj.lora_A.weight\" does not fit the model: there is no")
    );
    assert!(refused(&of(&small, &["lm_head"]), &model("smollm2-135m", &[])).contains("one matrix"));
    let larger = model("smollm2-135m", &[("tie_word_embeddings", "false"), ("vocab_size", "9")]);
    assert!(
        refused(&of(&small, &["lm_head"]), &larger)
            .contains("\"lm_head.weight\" does not fit the model: it is [8, 576], not [9, 576]")
    );
}

/// The real adapter of the fixtures: read, written, and read again.
#[test]
fn a_real_adapter_survives_the_way_there_and_back() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let real = Adapter::open(fixtures.join("adapters/peft-smollm-135m-instruct-lora")).expect("an adapter");
    let model = preset("smollm-135m-instruct").expect("a preset");
    let (lora, tensors) = Lora::of_adapter(&real, &model).expect("it fits");
    assert_eq!((tensors.table().len(), lora.pairs[0].scale), (120, 2.0));
    assert_eq!(tensors.table().iter().map(|row| row.shape.elements()).sum::<usize>(), 921_600);
    let folder = tempfile::tempdir().expect("a folder");
    lora.adapter(&tensors).expect("all tensors").write(folder.path()).expect("written");
    let again = Adapter::open(folder.path()).expect("an adapter");
    assert_eq!(again.config(), real.config());
    assert_eq!(again.targets().len(), 60);
    for ((module, a), (other, b)) in again.targets().zip(real.targets()) {
        assert_eq!((module, a.scaling), (other, b.scaling));
        for (a, b) in [(&a.a, &b.a), (&a.b, &b.b)] {
            assert_eq!((&a.name, a.dtype, &a.shape), (&b.name, Dtype::F32, &b.shape));
            assert!(a.data.as_slice() == b.data.as_slice(), "{}", a.name);
        }
    }
}
