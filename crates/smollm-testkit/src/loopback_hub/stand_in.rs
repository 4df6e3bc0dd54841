//! Small repositories with the names, files and layout of the real ones, for tests and for the Python hub client.

use serde_json::{Map, Value, json};

use super::Repo;

/// Vocabulary of [`tiny_tokenizer_json`]: three special tokens and the 256 bytes.
const VOCABULARY: usize = 259;

/// The stand-in repositories that [`super::LoopbackHub`] serves where no folder is given:
/// an instruct model with the tag `v0.1`, a sharded one, two GGUF repositories, a gated and a private one.
pub fn stand_in_repos() -> Vec<Repo> {
    let model = model_repo("HuggingFaceTB/SmolLM2-135M-Instruct", "v0.1 weights")
        .revision("v0.1")
        .file("generation_config.json", generation_config(0.2))
        .revision("main")
        .file("generation_config.json", generation_config(0.6))
        .file("model.safetensors", tiny_safetensors(&tensor_shapes()));
    let shards: Vec<_> = tensor_shapes();
    let (first, second) = shards.split_at(shards.len() / 2);
    let mut sharded = text_files(Repo::new("HuggingFaceTB/SmolLM3-3B"))
        .file("model-00001-of-00002.safetensors", tiny_safetensors(first))
        .file("model-00002-of-00002.safetensors", tiny_safetensors(second));
    sharded = sharded.file("model.safetensors.index.json", shard_index(first, second).to_string());
    let one_gguf = Repo::new("HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF")
        .file("README.md", "stand-in")
        .file("smollm2-1.7b-instruct-q4_k_m.gguf", pattern(50_000, 1));
    let many_ggufs = Repo::new("bartowski/SmolLM2-1.7B-Instruct-GGUF")
        .file("SmolLM2-1.7B-Instruct-Q4_K_M.gguf", pattern(9_000, 2))
        .file("SmolLM2-1.7B-Instruct-Q4_K_S.gguf", pattern(8_000, 3))
        .file("SmolLM2-1.7B-Instruct-Q8_0.gguf", pattern(12_000, 4))
        .file("SmolLM2-1.7B-Instruct-f16-00001-of-00002.gguf", pattern(7_000, 5))
        .file("SmolLM2-1.7B-Instruct-f16-00002-of-00002.gguf", pattern(6_000, 6));
    let gated = model_repo("stand-in/gated", "gated weights").gated();
    let private = model_repo("stand-in/private", "private weights").private();
    vec![model, sharded, one_gguf, many_ggufs, gated, private]
}

/// A one-layer model's files, with some that no client of ours wants.
fn model_repo(id: &str, weights: &str) -> Repo {
    text_files(Repo::new(id))
        .file("model.safetensors", tiny_safetensors(&tensor_shapes()))
        .file("onnx/model.onnx", pattern(500, 7))
        .file("pytorch_model.bin", weights)
        .file("README.md", "stand-in")
        .file(".gitattributes", "*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
}

fn text_files(repo: Repo) -> Repo {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
        "vocab_size": VOCABULARY, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 100000.0,
        "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
        "torch_dtype": "float32"
    });
    let template = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + \
                    '<|im_end|>' + '\\n'}}{% endfor %}";
    let tokenizer_config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
        "unk_token": "<|endoftext|>", "model_max_length": 128, "chat_template": template,
        "clean_up_tokenization_spaces": false
    });
    let specials = json!({"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>"});
    repo.file("config.json", config.to_string())
        .file("generation_config.json", generation_config(0.6))
        .file("tokenizer.json", tiny_tokenizer_json())
        .file("tokenizer_config.json", tokenizer_config.to_string())
        .file("special_tokens_map.json", specials.to_string())
}

fn generation_config(temperature: f64) -> String {
    json!({"bos_token_id": 1, "eos_token_id": 2, "temperature": temperature}).to_string()
}

/// A byte-level BPE `tokenizer.json` without merges: `<|endoftext|>`, `<|im_start|>`, `<|im_end|>`, then the 256 bytes.
pub fn tiny_tokenizer_json() -> String {
    let specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
    let mut vocabulary = Map::new();
    for (id, token) in specials.iter().enumerate() {
        vocabulary.insert((*token).to_owned(), json!(id));
    }
    // GPT-2's bytes_to_unicode: printable bytes stand for themselves, the others for U+0100 onwards.
    let mut shifted = 0x100u32;
    for byte in 0..=255u32 {
        let printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if printable { byte } else { shifted };
        shifted += u32::from(!printable);
        let token = char::from_u32(code).expect("below the surrogates").to_string();
        let id = vocabulary.len();
        vocabulary.insert(token, json!(id));
    }
    let added: Vec<Value> = specials
        .iter()
        .enumerate()
        .map(|(id, token)| {
            json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        })
        .collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary,
                  "merges": []}
    })
    .to_string()
}

/// The tensors of the stand-in config, `(name, shape)`.
fn tensor_shapes() -> Vec<(&'static str, Vec<usize>)> {
    vec![
        ("model.embed_tokens.weight", vec![VOCABULARY, 32]),
        ("model.layers.0.input_layernorm.weight", vec![32]),
        ("model.layers.0.self_attn.q_proj.weight", vec![32, 32]),
        ("model.layers.0.self_attn.k_proj.weight", vec![16, 32]),
        ("model.layers.0.self_attn.v_proj.weight", vec![16, 32]),
        ("model.layers.0.self_attn.o_proj.weight", vec![32, 32]),
        ("model.layers.0.post_attention_layernorm.weight", vec![32]),
        ("model.layers.0.mlp.gate_proj.weight", vec![64, 32]),
        ("model.layers.0.mlp.up_proj.weight", vec![64, 32]),
        ("model.layers.0.mlp.down_proj.weight", vec![32, 64]),
        ("model.norm.weight", vec![32]),
    ]
}

/// A valid safetensors file of F32 tensors with small made-up values.
pub fn tiny_safetensors(tensors: &[(&str, Vec<usize>)]) -> Vec<u8> {
    let mut header = Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, shape) in tensors {
        let start = data.len();
        for index in 0..shape.iter().product::<usize>() {
            // A few exact values in (-1, 1) are enough to tell files apart.
            let value = ((index * 37 + name.len()) % 127) as f32 / 64.0 - 1.0;
            data.extend_from_slice(&value.to_le_bytes());
        }
        header.insert((*name).to_owned(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    }
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(&header);
    file.extend_from_slice(&data);
    file
}

fn shard_index(first: &[(&str, Vec<usize>)], second: &[(&str, Vec<usize>)]) -> Value {
    let mut map = Map::new();
    for (tensors, file) in [(first, "model-00001-of-00002.safetensors"), (second, "model-00002-of-00002.safetensors")] {
        for (name, _) in tensors {
            map.insert((*name).to_owned(), json!(file));
        }
    }
    json!({"metadata": {"total_size": 0}, "weight_map": map})
}

/// `len` bytes that differ by seed and position.
fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
