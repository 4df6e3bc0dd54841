//! Small valid inputs that fuzzing starts from, written from the format descriptions, and the words of each format.

mod check;
mod constrain;
mod recipe;

use serde_json::{Value, json};

/// A name and the bytes.
type Seed = (&'static str, Vec<u8>);

/// The seeds of a target, none for an unknown one.
pub(super) fn of(target: &str) -> Vec<Seed> {
    match target {
        "safetensors" => safetensors(),
        "gguf" => gguf(),
        "imatrix" => imatrix(),
        "blocks" => blocks(),
        "config_json" => config_json(),
        "tokenizer_json" => tokenizer_json(),
        "chat_template" => chat_template(),
        "tool_calls" => tool_calls(),
        "grammar" => constrain::grammars(),
        "schema" => constrain::schemas(),
        "tool_schema" => constrain::tools(),
        "shard" => shard(),
        "recipe" => recipe::seeds(),
        "check" => check::seeds(),
        _ => Vec::new(),
    }
}

/// The words of a target's format as a libFuzzer dictionary.
pub(super) fn dictionary(target: &str) -> String {
    let words: &[&str] = match target {
        "safetensors" => &[
            "__metadata__",
            "dtype",
            "shape",
            "data_offsets",
            "F32",
            "BF16",
            "F16",
            "I64",
            "{}",
            "[]",
            "weight_map",
            "peft_type",
            "LORA",
            "lora_alpha",
            "rank_pattern",
            "target_modules",
        ],
        "gguf" => &[
            "GGUF",
            "general.architecture",
            "general.alignment",
            "llama",
            "llama.block_count",
            "tokenizer.ggml.tokens",
            "tokenizer.ggml.merges",
            "tokenizer.ggml.model",
            "split.count",
            "token_embd.weight",
            "blk.0.attn_q.weight",
            "rope_freqs.weight",
            "smollm3",
            "llama.rope.scaling.type",
            "llama.rope.scaling.factor",
            "yarn",
            "tokenizer.ggml.pre",
            "smaug-bpe",
            "tokenizer.ggml.token_type",
            "tokenizer.ggml.eos_token_id",
        ],
        "imatrix" => {
            &["GGUF", "general.type", "imatrix", "imatrix.datasets", ".in_sum2", ".counts", "blk.0.attn_q.weight"]
        }
        // zero, one, infinity and NaN as f16 scales
        "blocks" => &["\u{0}\u{0}", "\u{0}<", "\u{0}|", "\u{1}|"],
        // the flags, and a name with its length
        "shard" => &["smolshrd", "\u{1}\0\0\0", "\u{2}\0\0\0", "\u{3}\0\0\0", "\u{1}\0\0\0a"],
        "recipe" => recipe::WORDS,
        "check" => check::WORDS,
        "config_json" => &[
            "model_type",
            "llama",
            "smollm3",
            "hidden_size",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "rope_theta",
            "rope_scaling",
            "rope_type",
            "yarn",
            "factor",
            "no_rope_layers",
            "no_rope_layer_interval",
            "rope_parameters",
            "mscale",
            "mscale_all_dim",
            "tie_word_embeddings",
            "eos_token_id",
            "torch_dtype",
            "bfloat16",
            "null",
            "true",
            "1e400",
            "-1",
        ],
        "tokenizer_json" => &[
            "added_tokens",
            "model",
            "BPE",
            "vocab",
            "merges",
            "pre_tokenizer",
            "normalizer",
            "decoder",
            "Sequence",
            "ByteLevel",
            "Digits",
            "Split",
            "Regex",
            "Prepend",
            "Replace",
            "Metaspace",
            "byte_fallback",
            "special",
            "TemplateProcessing",
            "<0x00>",
            "<|im_start|>",
            "Ġ",
        ],
        "tool_calls" => &["<tool_call>", "</tool_call>", "[", "]", "{\"name\": \"", "\", \"arguments\": {", "}}", "\\"],
        "grammar" => constrain::OF_GRAMMARS,
        "schema" => constrain::OF_SCHEMAS,
        "tool_schema" => constrain::OF_TOOLS,
        "chat_template" => &[
            "{%",
            "%}",
            "{{",
            "}}",
            "{%-",
            "-%}",
            "{#",
            "#}",
            "for",
            "endfor",
            "if",
            "elif",
            "else",
            "endif",
            "set",
            "endset",
            "macro",
            "endmacro",
            "generation",
            "endgeneration",
            "messages",
            "message",
            "loop.first",
            "loop.index0",
            "namespace",
            "tojson",
            "indent=",
            "trim",
            "raise_exception",
            "strftime_now",
            "range(",
            "[::-1]",
            "is defined",
            "is none",
            "add_generation_prompt",
            "tools",
            "break",
            "continue",
            "~",
            "|",
        ],
        _ => &[],
    };
    words.iter().map(|word| format!("{}\n", quoted(word))).collect()
}

/// A word as libFuzzer's dictionaries write it: bytes outside printable ASCII as `\xHH`.
fn quoted(word: &str) -> String {
    let escape = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", byte as char),
        b' '..=b'~' => (byte as char).to_string(),
        _ => format!("\\x{byte:02X}"),
    };
    format!("\"{}\"", word.bytes().map(escape).collect::<String>())
}

/// Header length (8 bytes, little endian), JSON header, data.
fn safetensors() -> Vec<Seed> {
    let file = |header: &Value, data: usize| {
        let header = header.to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend((0..data).map(|index| index as u8));
        bytes
    };
    let tensor = |dtype: &str, shape: &[u64], from: u64, to: u64| json!({"dtype": dtype, "shape": shape, "data_offsets": [from, to]});
    vec![
        ("empty", file(&json!({}), 0)),
        ("one", file(&json!({"w": tensor("F32", &[2, 3], 0, 24)}), 24)),
        ("scalar", file(&json!({"s": tensor("F32", &[], 0, 4)}), 4)),
        ("no-elements", file(&json!({"e": tensor("BF16", &[0, 8], 0, 0)}), 0)),
        (
            "two-and-metadata",
            file(
                &json!({"__metadata__": {"format": "pt"}, "a": tensor("BF16", &[4], 0, 8), "b": tensor("F16", &[2, 2], 8, 16)}),
                16,
            ),
        ),
        ("overlap", file(&json!({"a": tensor("F32", &[2], 0, 8), "b": tensor("F32", &[2], 4, 12)}), 12)),
        ("integers", file(&json!({"ids": tensor("I64", &[1, 2], 0, 16)}), 16)),
        ("absurd-length", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        ("index", json!({"metadata": {"total_size": 8}, "weight_map": {"a": "1.st", "b": "2.st"}}).to_string().into_bytes()),
        (
            "adapter",
            json!({"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "rank_pattern": {"q.*": 4},
                "alpha_pattern": {"^model.*v_proj": 2.5}, "use_rslora": true, "bias": "none"})
            .to_string()
            .into_bytes(),
        ),
    ]
}

/// A writer for the few things that a GGUF header is made of.
struct Gguf(Vec<u8>);

impl Gguf {
    fn new(version: u32, tensors: u64, pairs: u64) -> Self {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(pairs.to_le_bytes());
        Self(bytes)
    }

    fn string(mut self, text: &str) -> Self {
        self.0.extend((text.len() as u64).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Type 4.
    fn pair_u32(self, key: &str, value: u32) -> Self {
        self.string(key).u32(4).u32(value)
    }

    /// Type 6.
    fn pair_f32(self, key: &str, value: f32) -> Self {
        self.string(key).u32(6).bytes(&value.to_le_bytes())
    }

    /// Type 8.
    fn pair_string(self, key: &str, value: &str) -> Self {
        self.string(key).u32(8).string(value)
    }

    /// Type 9 of type 8.
    fn pair_strings(self, key: &str, values: &[&str]) -> Self {
        let head = self.string(key).u32(9).u32(8).u64(values.len() as u64);
        values.iter().fold(head, |file, value| file.string(value))
    }

    fn tensor(self, name: &str, dims: &[u64], kind: u32, offset: u64) -> Self {
        let head = self.string(name).u32(dims.len() as u32);
        dims.iter().fold(head, |file, dim| file.u64(*dim)).u32(kind).u64(offset)
    }

    /// Pads to `alignment` and appends `length` bytes of tensor data.
    fn data(mut self, alignment: usize, length: usize) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(alignment) + length, 7);
        self.0
    }
}

/// Sums of two inputs and the number of tokens, for one matrix.
fn imatrix() -> Vec<Seed> {
    let file = |kind: &str, counts: &str| {
        Gguf::new(3, 2, 4)
            .pair_string("general.type", kind)
            .pair_strings("imatrix.datasets", &["a.txt"])
            .pair_u32("imatrix.chunk_count", 1)
            .pair_u32("imatrix.chunk_size", 512)
            .tensor("blk.0.attn_q.weight.in_sum2", &[2], 0, 0)
            .tensor(counts, &[1], 0, 32)
            .data(32, 64)
    };
    vec![
        ("one", file("imatrix", "blk.0.attn_q.weight.counts")),
        ("without-counts", file("imatrix", "blk.0.attn_k.weight.counts")),
        ("a-model", file("model", "blk.0.attn_q.weight.counts")),
        ("older", [&2u32.to_le_bytes()[..], &19u32.to_le_bytes(), b"blk.0.attn_q.weight"].concat()),
    ]
}

/// A document of two tokens from one file, with a mask and without; the target puts the checksums in.
fn shard() -> Vec<Seed> {
    let file = |flags: u32, parts: &[&[u8]]| {
        let u32s = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        let u64s = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        let header = [b"smolshrd".to_vec(), u32s(&[1, flags, 2, 100]), u64s(&[1, 2, 1, 1, 5]), vec![0; 8]].concat();
        let borders = u64s(&[0, 2]);
        let origin = [u64s(&[7, 1]), u32s(&[0, 0])].concat();
        let name = [&1u32.to_le_bytes()[..], b"a", &[0; 3]].concat();
        [header, parts.concat(), borders, origin, name, vec![0; 4]].concat()
    };
    let tokens: &[u8] = &[5, 0, 6, 0, 0, 0, 0, 0];
    vec![
        ("whole", file(0, &[tokens])),
        ("masked", file(1, &[tokens, &[2, 0, 0, 0, 0, 0, 0, 0]])),
        ("half-a-pair", file(2, &[tokens])),
        ("unknown-flags", file(4, &[tokens])),
    ]
}

/// Bytes of many blocks.
fn blocks() -> Vec<Seed> {
    vec![
        ("zeros", vec![0; 1024]),
        ("ascending", (0..1024u32).map(|i| (i * 37 % 256) as u8).collect()),
        ("numbers", (0..256).flat_map(|i| (i as f32 - 100.0).to_le_bytes()).collect()),
        ("equal", [3e-3f32.to_le_bytes(); 256].concat()),
    ]
}

/// Type numbers: 0 F32, 1 F16, 8 Q8_0 (34 bytes for 32 elements), 30 BF16.
fn gguf() -> Vec<Seed> {
    let metadata = |version| {
        Gguf::new(version, 2, 3)
            .pair_string("general.architecture", "llama")
            .pair_u32("llama.block_count", 1)
            .pair_strings("tokenizer.ggml.tokens", &["<s>", "a", "b"])
            .tensor("token_embd.weight", &[4, 3], 0, 0)
            .tensor("output_norm.weight", &[4], 0, 64)
            .data(32, 96)
    };
    // All that a configuration asks for.
    let model = Gguf::new(3, 1, 13)
        .pair_string("general.architecture", "llama")
        .pair_u32("llama.block_count", 2)
        .pair_u32("llama.embedding_length", 8)
        .pair_u32("llama.feed_forward_length", 16)
        .pair_u32("llama.attention.head_count", 2)
        .pair_u32("llama.attention.head_count_kv", 1)
        .pair_u32("llama.context_length", 64)
        .pair_u32("llama.vocab_size", 4)
        .pair_f32("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .pair_f32("llama.rope.freq_base", 10000.0)
        .pair_string("llama.rope.scaling.type", "yarn")
        .pair_f32("llama.rope.scaling.factor", 2.0)
        .pair_u32("llama.rope.scaling.original_context_length", 32)
        .tensor("token_embd.weight", &[8, 4], 0, 0)
        .data(32, 128);
    let byte_level = Gguf::new(3, 0, 4)
        .pair_string("tokenizer.ggml.model", "gpt2")
        .pair_string("tokenizer.ggml.pre", "smollm")
        .pair_strings("tokenizer.ggml.tokens", &["a", "b", "Ġ", "ab", "Ġab"])
        .pair_strings("tokenizer.ggml.merges", &["a b", "Ġ ab"])
        .data(32, 0);
    // Six tokens, then one for every byte.
    let bytes: Vec<String> = (0..=255).map(|byte| format!("<0x{byte:02X}>")).collect();
    let tokens: Vec<&str> =
        ["<unk>", "<s>", "</s>", "▁", "a", "▁a"].into_iter().chain(bytes.iter().map(String::as_str)).collect();
    let types: Vec<i32> = [2, 3, 3, 1, 1, 1].into_iter().chain([6; 256]).collect();
    let sentence_piece = Gguf::new(3, 0, 5)
        .pair_string("tokenizer.ggml.model", "llama")
        .pair_strings("tokenizer.ggml.tokens", &tokens)
        .string("tokenizer.ggml.scores")
        .u32(9)
        .u32(6)
        .u64(tokens.len() as u64)
        .bytes(&(0..tokens.len()).map(|id| -(id as f32)).flat_map(f32::to_le_bytes).collect::<Vec<u8>>())
        .string("tokenizer.ggml.token_type")
        .u32(9)
        .u32(5)
        .u64(types.len() as u64)
        .bytes(&types.into_iter().flat_map(i32::to_le_bytes).collect::<Vec<u8>>())
        .pair_u32("tokenizer.ggml.bos_token_id", 1)
        .data(32, 0);
    // One pair of every value type but strings and arrays of strings.
    let mut every = Gguf::new(3, 0, 12);
    let plain: [(u32, &[u8]); 11] = [
        (0, &[1]),
        (1, &[255]),
        (2, &[1, 2]),
        (3, &[1, 255]),
        (4, &[1, 0, 0, 0]),
        (5, &[255; 4]),
        (6, &[0, 0, 128, 63]),
        (7, &[1]),
        (10, &[1; 8]),
        (11, &[255; 8]),
        (12, &[0, 0, 0, 0, 0, 0, 240, 63]),
    ];
    for (kind, value) in plain {
        every = every.string(&format!("key.{kind}")).u32(kind).bytes(value);
    }
    every = every.string("key.array").u32(9).u32(6).u64(2).bytes(&[0, 0, 128, 63, 0, 0, 0, 64]);
    vec![
        ("empty", Gguf::new(3, 0, 0).data(32, 0)),
        ("version-2", metadata(2)),
        ("version-3", metadata(3)),
        ("model", model),
        ("byte-level", byte_level),
        ("sentence-piece", sentence_piece),
        ("every-type", every.data(32, 0)),
        ("alignment-64", Gguf::new(3, 1, 1).pair_u32("general.alignment", 64).tensor("w", &[32], 8, 0).data(64, 34)),
        ("half", Gguf::new(3, 2, 0).tensor("a", &[2, 2], 1, 0).tensor("b", &[3], 30, 32).data(32, 38)),
        ("nested-array", Gguf::new(3, 0, 1).string("k").u32(9).u32(9).u64(1).u32(4).u64(1).u32(5).data(32, 0)),
        ("absurd-counts", Gguf::new(3, u64::MAX, u64::MAX).data(32, 0)),
    ]
}

fn config_json() -> Vec<Seed> {
    let llama = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 64, "hidden_size": 24,
        "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 3, "num_key_value_heads": 1,
        "rms_norm_eps": 1e-5, "rope_theta": 100000, "rope_scaling": null, "max_position_embeddings": 128,
        "tie_word_embeddings": true, "hidden_act": "silu", "attention_bias": false, "mlp_bias": false,
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
    });
    let with = |pairs: &[(&str, Value)]| {
        let mut config = llama.clone();
        for (key, value) in pairs {
            config[*key] = value.clone();
        }
        config.to_string().into_bytes()
    };
    let yarn = json!({"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 64, "beta_fast": 32, "beta_slow": 1});
    vec![
        ("llama", with(&[])),
        (
            "untied",
            with(&[("tie_word_embeddings", json!(false)), ("head_dim", json!(16)), ("dtype", json!("float32"))]),
        ),
        (
            "smollm3",
            with(&[
                ("architectures", json!(["SmolLM3ForCausalLM"])),
                ("model_type", json!("smollm3")),
                ("no_rope_layers", json!([1, 0])),
                ("no_rope_layer_interval", json!(2)),
                ("rope_scaling", yarn.clone()),
            ]),
        ),
        (
            "rope-parameters",
            with(&[
                ("rope_parameters", json!({"rope_theta": 10000.0, "rope_type": "default"})),
                ("eos_token_id", json!([2, 3])),
            ]),
        ),
        ("old-yarn", with(&[("rope_scaling", json!({"type": "yarn", "factor": 4}))])),
        ("biased", with(&[("attention_bias", json!(true)), ("hidden_act", json!("gelu"))])),
        (
            "zeros",
            with(&[("num_attention_heads", json!(0)), ("hidden_size", json!(0)), ("num_key_value_heads", json!(0))]),
        ),
        ("huge", with(&[("hidden_size", json!(u64::MAX)), ("num_hidden_layers", json!(1_u64 << 62))])),
    ]
}

fn tokenizer_json() -> Vec<Seed> {
    let special = |id: u32, content: &str| json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let file = |added: Value, pre: Value, model: Value, decoder: Value| {
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
            "pre_tokenizer": pre, "post_processor": null, "decoder": decoder, "model": model,
        })
    };
    let vocab = json!({"<|im_start|>": 0, "a": 1, "b": 2, "Ġ": 3, "ab": 4, "Ġab": 5, "1": 6, "!": 7});
    let bpe = |merges: Value| {
        json!({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": merges})
    };
    let digits =
        json!({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, byte_level]});
    let llama3 = concat!(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    );
    let split = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": llama3}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]});
    let sentence_piece = {
        let mut vocab = json!({"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "a": 4, "▁a": 5});
        for byte in 0..=255_u32 {
            vocab[format!("<0x{byte:02X}>")] = json!(6 + byte);
        }
        let mut file = file(
            json!([special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")]),
            Value::Null,
            json!({"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": vocab, "merges": ["▁ a"]}),
            json!({"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}),
        );
        file["normalizer"] = json!({"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]});
        file
    };
    let old = json!(["a b", "Ġ ab"]);
    let new = json!([["a", "b"], ["Ġ", "ab"]]);
    let added = json!([special(0, "<|im_start|>")]);
    let mut template = file(added.clone(), digits.clone(), bpe(new.clone()), byte_level.clone());
    template["post_processor"] = json!({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [0], "tokens": ["<|im_start|>"]}}});
    let seed = |value: &Value| value.to_string().into_bytes();
    vec![
        ("merges-as-text", seed(&file(added.clone(), digits.clone(), bpe(old), byte_level.clone()))),
        ("merges-as-pairs", seed(&file(added.clone(), byte_level.clone(), bpe(new.clone()), byte_level.clone()))),
        ("split", seed(&file(added, split, bpe(new), byte_level.clone()))),
        ("template", seed(&template)),
        ("sentence-piece", seed(&sentence_piece)),
        ("no-merges", seed(&file(json!([]), byte_level.clone(), bpe(json!([])), byte_level))),
        ("word-level", seed(&json!({"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}))),
    ]
}

fn tool_calls() -> Vec<Seed> {
    let list = r#"<tool_call>[{"name": "f", "arguments": {"a": "}", "b": [1, {}]}}, {"name": "g"}]</tool_call>"#;
    let blocks = "Well.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n<tool_call>{\"name\": \"g\"}</tool_call>";
    let cut = r#"<tool_call>[{"arguments": {"a": "\u00e9"#;
    let none = "No.<tool_call>[]</tool_call>";
    vec![("list", list.into()), ("blocks", blocks.into()), ("none", none.into()), ("cut", cut.into())]
}

fn chat_template() -> Vec<Seed> {
    let seeds: [(&str, &str); 8] = [
        (
            "chatml",
            "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        ),
        (
            "default-system",
            "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}{{ message.content | trim }}{% endfor %}",
        ),
        (
            "generation",
            "{%- for m in messages -%}{%- if m.role == 'assistant' -%}{%- generation -%}{{ m.content }}{{ eos_token }}{%- endgeneration -%}{%- else -%}{{ m.content }}{%- endif -%}{%- endfor -%}",
        ),
        (
            "tools",
            "{% if tools is defined and tools is not none %}{% for tool in tools %}{{ tool | tojson(indent=4) }}\n{% endfor %}{% endif %}{{ messages[1:][::-1] | length }}",
        ),
        (
            "macro-and-namespace",
            "{% macro show(text, times=2) %}{% for i in range(times) %}{{ text }}{% endfor %}{% endmacro %}{% set ns = namespace(seen=false) %}{% for m in messages %}{% set ns.seen = true %}{{ show(m.content) }}{% endfor %}{{ ns.seen }}",
        ),
        (
            "raise",
            "{% if messages | length % 2 == 1 %}{{ raise_exception('roles must alternate: ' ~ messages[0].role) }}{% endif %}",
        ),
        (
            "date",
            "{{ strftime_now('%d %B %Y') }}{{ '/no_think' in messages[-1].content }}{{ messages[-1].content.split('</think>')[0].strip().replace('a', 'b') }}",
        ),
        (
            "comment-and-control",
            "{# nothing #}{% for m in messages if m.role != 'tool' %}{% if loop.index0 > 1 %}{% break %}{% endif %}{{ m.content.startswith('a') }}{% else %}none{% endfor %}",
        ),
    ];
    seeds.into_iter().map(|(name, text)| (name, text.as_bytes().to_vec())).collect()
}
