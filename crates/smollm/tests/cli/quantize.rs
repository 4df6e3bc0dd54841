//! `smollm quantize`, `imatrix` and `eval-quant`, and models that are quantised while they load.

use crate::world::{World, random_config};
use serde_json::{Value, json};
use smollm_checkpoint::Checkpoint;
use smollm_checkpoint::imatrix::Imatrix;
use smollm_testkit::gguf::tiny_gguf;
use smollm_testkit::stored::{Stored, safetensors_bytes};
use smollm_testkit::tiny;
use std::collections::BTreeMap;

const TEXT: &str =
    "The quick brown fox jumps over the lazy dog. A text of some hundred bytes, each a token, is long enough.";

impl World {
    /// `wide`: rows of 256 and 512, so that every type of blocks fits.
    fn with_wide(self) -> Self {
        let mut config = random_config();
        config["hidden_size"] = 256.into();
        config["intermediate_size"] = 512.into();
        self.write_model("wide", &config, &tiny::weights(&config), false);
        self
    }

    fn quantize(&self, arguments: &[&str]) {
        assert_eq!(self.run(&[&["quantize"], arguments].concat()).text(), "");
    }

    /// Tensors of each type.
    fn types(&self, file: &str) -> BTreeMap<String, u64> {
        let info = self.run(&["info", file, "--json"]).json();
        let types = info["dtypes"].as_object().unwrap();
        types.iter().map(|(name, share)| (name.clone(), share["tensors"].as_u64().unwrap())).collect()
    }

    fn logprobs(&self, arguments: &[&str]) -> Vec<f64> {
        let score = self.run(&[&["score", TEXT, "--json", "--kv-type", "f32"], arguments].concat()).json();
        score["logprobs"].as_array().unwrap().iter().filter_map(Value::as_f64).collect()
    }
}

/// ||a - b|| / ||b||
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let apart: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (apart / b.iter().map(|b| b.powi(2)).sum::<f64>()).sqrt()
}

fn types(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn a_quantised_model_has_the_types_of_its_mix_and_says_nearly_the_same() {
    let world = World::new().with_wide();
    let base = world.logprobs(&["-m", "wide"]);
    // 5 norms, 15 matrices: the embedding is the head too
    for (name, expected, far) in [
        ("q8_0", types(&[("F32", 5), ("Q8_0", 15)]), 0.02),
        ("q4_0", types(&[("F32", 5), ("Q4_0", 14), ("Q6_K", 1)]), 0.12),
        ("Q4_K_M", types(&[("F32", 5), ("Q4_K", 12), ("Q6_K", 3)]), 0.12),
        ("q5_k_m", types(&[("F32", 5), ("Q5_K", 12), ("Q6_K", 3)]), 0.08),
        ("iq4_nl", types(&[("F32", 5), ("IQ4_NL", 14), ("Q6_K", 1)]), 0.12),
        ("q2_k", types(&[("F32", 5), ("Q2_K", 8), ("Q3_K", 6), ("Q6_K", 1)]), 0.5),
    ] {
        world.quantize(&["wide", "q.gguf", "--type", name]);
        assert_eq!(world.types("q.gguf"), expected, "{name}");
        let distance = distance(&world.logprobs(&["-m", "q.gguf"]), &base);
        assert!(0.0 < distance && distance < far, "{name}: {distance}");
        // the same while it is loaded
        let loaded = world.logprobs(&["-m", "wide", "--quant", &name.to_lowercase()]);
        assert_eq!(loaded, world.logprobs(&["-m", "q.gguf"]), "{name}");
    }
}

#[test]
fn rows_that_are_no_blocks_fall_back() {
    let world = World::new().with_random();
    // rows of 32 but for down_proj, whose 48 are not whole blocks; of two layers only the last gets more bits
    world.quantize(&["random", "q.gguf", "--type", "q4_k_m"]);
    assert_eq!(world.types("q.gguf"), types(&[("F32", 5), ("F16", 2), ("Q5_0", 11), ("Q8_0", 2)]));
    assert!(!world.run(&["generate", "-m", "q.gguf", "--ids", "5", "-n", "3"]).text().is_empty());
}

#[test]
fn threads_and_containers_make_the_same_file() {
    let world = World::new().with_wide();
    world.quantize(&["wide", "one.gguf", "--type", "q4_k_m", "--threads", "1"]);
    world.quantize(&["wide", "three.gguf", "--type", "q4_k_m", "--threads", "3"]);
    assert!(world.read("one.gguf") == world.read("three.gguf"));
    world.run(&["convert", "wide", "plain.gguf"]).text();
    world.quantize(&["plain.gguf", "again.gguf", "--type", "q4_k_m"]);
    let tensors = |name: &str| {
        let checkpoint = Checkpoint::open_gguf(world.path(name)).unwrap();
        checkpoint.tensors().map(|t| (t.name.clone(), t.dtype, t.data.as_slice().to_vec())).collect::<Vec<_>>()
    };
    assert!(tensors("one.gguf") == tensors("again.gguf"));
}

#[test]
fn importances_are_computed_kept_and_used() {
    let world = World::new().with_wide();
    world.write("text.txt", TEXT);
    let run = ["imatrix", "-m", "wide", "--file", "text.txt", "--chunk", "32", "-o", "i.gguf"];
    assert_eq!(world.run(&run).text(), "");
    let imatrix = Imatrix::open(&world.path("i.gguf")).unwrap();
    assert_eq!((imatrix.chunks, imatrix.chunk_tokens, &imatrix.datasets[..]), (3, 32, &["text.txt".to_owned()][..]));
    assert_eq!(imatrix.entries.len(), 14);
    world.quantize(&["wide", "with.gguf", "--type", "q4_0", "--imatrix", "i.gguf"]);
    world.quantize(&["wide", "without.gguf", "--type", "q4_0"]);
    let (with, without) = (world.path("with.gguf"), world.path("without.gguf"));
    let (with, without) = (Checkpoint::open_gguf(with).unwrap(), Checkpoint::open_gguf(without).unwrap());
    let metadata = with.gguf_metadata().unwrap();
    assert_eq!(metadata.require::<u32>("general.file_type").unwrap(), 2);
    assert_eq!(metadata.require::<&str>("quantize.imatrix.file").unwrap(), "i.gguf");
    assert_eq!(metadata.require::<&str>("quantize.imatrix.dataset").unwrap(), "text.txt");
    assert_eq!(metadata.require::<u32>("quantize.imatrix.entries_count").unwrap(), 14);
    assert_eq!(metadata.require::<u32>("quantize.imatrix.chunks_count").unwrap(), 3);
    assert!(without.gguf_metadata().unwrap().get("quantize.imatrix.file").is_none());
    // the embedding is in no importance matrix, every other matrix is another one
    for (a, b) in with.tensors().zip(without.tensors()).filter(|(a, _)| a.shape.len() == 2) {
        assert_eq!(a.data.as_slice() == b.data.as_slice(), a.name == "token_embd.weight", "{}", a.name);
    }
}

#[test]
fn a_model_agrees_with_itself_and_less_with_fewer_bits() {
    let world = World::new().with_wide();
    world.write("text.txt", TEXT.repeat(3));
    let names = ["q8_0", "q4_k_m", "q2_k"];
    for name in names {
        world.quantize(&["wide", &format!("{name}.gguf"), "--type", name]);
    }
    let run = ["eval-quant", "wide", "wide", "q8_0.gguf", "q4_k_m.gguf", "q2_k.gguf", "-f", "text.txt", "--kv", "f32"];
    let lines = world.run(&[&run[..], &["--window", "64", "--json"]].concat()).text();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let number = |row: usize, key: &str| rows[row][key].as_f64().unwrap();
    assert_eq!((rows.len(), number(0, "mean_kl"), number(0, "same_top")), (4, 0.0, 1.0), "{lines}");
    assert_eq!(number(0, "perplexity"), number(0, "base_perplexity"));
    for row in 1..4 {
        assert!(number(row, "mean_kl") > number(row - 1, "mean_kl"), "{lines}");
        assert!(number(row, "weight_bytes") < number(row - 1, "weight_bytes"), "{lines}");
        assert!(number(row, "max_kl") >= number(row, "mean_kl") && number(row, "kl_error") > 0.0, "{lines}");
    }
    // the perplexity is that of the command score
    let score =
        world.run(&["score", "-m", "q2_k.gguf", "--file", "text.txt", "--kv", "f32", "--window", "64", "--json"]);
    let perplexity = score.json()["perplexity"].as_f64().unwrap();
    assert!((perplexity - number(3, "perplexity")).abs() < 1e-5 * perplexity, "{perplexity} {lines}");
    let table = world.run(&[&run[..], &["--window", "64"]].concat()).text();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 6, "{table}");
    assert!(lines[2].contains("0.000000 ± 0.000000") && lines[2].ends_with("100.00 %"), "{table}");
    assert!(names.iter().zip(&lines[3..]).all(|(name, line)| line.starts_with(name)), "{table}");
}

#[test]
fn a_cache_of_blocks_wants_heads_of_whole_blocks() {
    let world = World::new().with_random().with_wide();
    let done = world.run(&["score", "-m", "random", "abc", "--kv", "q8_0"]);
    assert_eq!(done.error(1), "error: a Q8_0 cache needs heads of a multiple of 32 elements; those of random have 8");
    let info = world.run(&["info", "wide", "--kv", "q8_0", "--json"]).json();
    // 2 layers, keys and values of 2 heads of 64 elements
    assert_eq!((&info["kv_dtype"], &info["kv_bytes"]), (&json!("Q8_0"), &json!(256 * 2 * 2 * 2 * 68)));
    let (exact, rounded) =
        (world.logprobs(&["-m", "wide"]), world.run(&["score", TEXT, "-m", "wide", "--kv", "q8_0", "--json"]).json());
    let rounded: Vec<f64> = rounded["logprobs"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    let distance = distance(&rounded, &exact);
    assert!(0.0 < distance && distance < 0.01, "{distance}");
}

#[test]
fn what_cannot_be_quantised_is_refused_and_nothing_is_left() {
    let world = World::new().with_random().with_wide();
    world.quantize(&["random", "q.gguf", "--type", "q8_0"]);
    world.run(&["imatrix", "-m", "random", "--ids", "1,2,3,4", "--chunk", "2", "-o", "random.imatrix"]).text();
    world.write("old.imatrix", [2, 0, 0, 0, 19, 0, 0, 0]);
    let mut weights = tiny::weights(&random_config());
    weights[1].data[7] = f32::NAN;
    world.write("nan/config.json", random_config().to_string());
    world.write("nan/model.safetensors", safetensors_bytes(&weights, Stored::F32));
    world.write("model.gguf", tiny_gguf(&random_config(), "m", Stored::F32).to_bytes());
    for (arguments, code, message) in [
        ("quantize wide out --type q4_0", 2, "error: out does not end in .gguf, the only format of quantised files"),
        ("quantize wide out.gguf --type q9_0", 2, "error: invalid value 'q9_0' for '--type <TYPE>'"),
        ("quantize wide out.gguf", 2, "error: the following required arguments were not provided: --type <TYPE>"),
        (
            "quantize q.gguf out.gguf --type q4_0",
            1,
            "error: q.gguf: tensor `token_embd.weight` is already quantised (Q8_0); quantise the model that it was made from",
        ),
        (
            "score -m q.gguf abc --quant q4_0",
            1,
            "error: q.gguf: tensor `token_embd.weight` is already quantised (Q8_0); quantise the model that it was made from",
        ),
        (
            "quantize nan out.gguf --type q4_0",
            1,
            "error: nan: tensor `model.layers.0.self_attn.q_proj.weight`: 1 elements are NaN or infinite, which no block can hold",
        ),
        (
            "quantize wide out.gguf --type q4_0 --imatrix random.imatrix",
            1,
            "error: random.imatrix has 48 inputs for `blk.0.ffn_down.weight`, which takes 512: it is the importance matrix of another model",
        ),
        ("quantize wide out.gguf --type q4_0 --imatrix old.imatrix", 1, "error: old.imatrix: is not a GGUF file"),
        (
            "quantize wide out.gguf --type q4_0 --imatrix model.gguf",
            1,
            "error: model.gguf: is not an importance matrix",
        ),
        ("imatrix -m wide --ids 1,2,3 -o out.gguf", 1, "error: the text has 3 tokens; at least 512 are needed"),
        ("imatrix -m wide --ids 1,2,3 --chunk 0 -o out.gguf", 2, "error: --chunk and --chunks must be at least 1"),
        ("eval-quant wide q.gguf --ids 1", 1, "error: the text has 1 tokens; at least 2 are needed"),
        (
            "convert q.gguf out",
            1,
            "error: q.gguf: tensor `token_embd.weight` is quantised (Q8_0), which safetensors cannot hold",
        ),
    ] {
        let done = world.run(&arguments.split(' ').collect::<Vec<_>>());
        assert!(done.error(code).starts_with(message), "{arguments}: {done:?}");
        assert!(!world.path("out.gguf").exists() && !world.path("out").exists(), "{arguments}");
    }
    world.quantize(&["q.gguf", "again.gguf", "--type", "q4_0", "--requantize"]);
    assert_eq!(world.types("again.gguf")["Q4_0"], 12);
    // converting keeps every type, or widens all
    world.run(&["convert", "q.gguf", "copy.gguf"]).text();
    assert_eq!(world.types("copy.gguf"), world.types("q.gguf"));
    world.run(&["convert", "q.gguf", "widened", "--dtype", "f32"]).text();
    let (widened, blocks) = (world.logprobs(&["-m", "widened"]), world.logprobs(&["-m", "q.gguf"]));
    assert!(distance(&blocks, &widened) < 0.05, "{widened:?} {blocks:?}");
}
