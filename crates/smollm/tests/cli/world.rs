//! A folder with models in it, and the one function that runs the binary there.

use serde_json::{Value, json};
use smollm_testkit::stored::{Stored, write_model};
use smollm_testkit::tiny::{self, TinyTensor};
use smollm_testkit::{byte_level, golden};
use smollm_tokenizer::{Specials, Tokenizer};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Size of the synthetic vocabulary: the special tokens, every byte, and some merges.
pub(crate) const VOCAB: usize = 320;

/// What the scripted model says after a line break, before its end token.
pub(crate) const SCRIPT: &str = "Hi €é😀!";

/// The commit of the cached model.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How a run of the binary ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// Standard output of a run that succeeded.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// Standard output of a run that succeeded, which is one line of JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let text = self.text();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// The one line on standard error of a run that failed with `code`.
    #[track_caller]
    pub(crate) fn error(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        let line = self.err.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {self:?}"));
        assert!(line.starts_with("error: ") && !line.contains(char::is_control), "{self:?}");
        line
    }
}

/// A folder that is gone when the test is; the binary runs in it, so that paths and messages are short and always the same.
pub(crate) struct World {
    pub(crate) folder: TempDir,
}

impl World {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("cli-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    /// A place in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Changes a JSON file.
    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut json = serde_json::from_slice(&self.read(name)).unwrap();
        change(&mut json);
        self.write(name, json.to_string());
    }

    /// The command, with nothing of the caller's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_smollm")), arguments)
    }

    /// Another program in the same surroundings.
    pub(crate) fn program(&self, path: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(path);
        command.args(arguments).current_dir(self.folder.path());
        let ours = ["HF_", "HUGGING", "SMOLLM_", "XDG_", "NO_COLOR", "TERM", "COLUMNS", "LINES"];
        for (name, _) in std::env::vars_os().filter(|(n, _)| ours.iter().any(|o| n.to_string_lossy().starts_with(o))) {
            command.env_remove(name);
        }
        command.env("HOME", self.path("home")).env("HF_HOME", "hub-home").env("HF_HUB_OFFLINE", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the binary without input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        finished(self.command(arguments).spawn().unwrap(), b"")
    }

    /// Runs the binary on `input`.
    pub(crate) fn run_on(&self, input: impl AsRef<[u8]>, arguments: &[&str]) -> Done {
        finished(self.command(arguments).spawn().unwrap(), input.as_ref())
    }

    /// `random`: a base model with deterministic weights, which says nothing sensible.
    pub(crate) fn with_random(self) -> Self {
        let config = random_config();
        self.write_model("random", &config, &tiny::weights(&config), false);
        self
    }

    /// `scripted`: an instruct model that says [`SCRIPT`] after a line break.
    pub(crate) fn with_scripted(self) -> Self {
        let config = scripted_config();
        self.write_model("scripted", &config, &scripted_weights(&config, &ids(&format!("{SCRIPT}<|im_end|>"))), true);
        self.edit("scripted/tokenizer_config.json", |config| {
            let template = config["chat_template"].as_str().unwrap();
            config["chat_template"] = format!("{{% if mood %}}[{{{{ mood }}}}]{{% endif %}}{template}").into();
        });
        self
    }

    /// `caller`: an instruct model that says these pieces, each of which is a token, and has a context that tools fit into.
    pub(crate) fn with_caller(self, pieces: &[&str]) -> Self {
        let mut config = scripted_config();
        config["max_position_embeddings"] = 8192.into();
        let first = VOCAB - pieces.len();
        let said: Vec<u32> = (first..VOCAB).map(|id| id as u32).chain(ids("<|im_end|>")).collect();
        self.write_model("caller", &config, &scripted_weights(&config, &said), true);
        self.edit("caller/tokenizer.json", |tokenizer| {
            let model = &mut tokenizer["model"];
            model["vocab"].as_object_mut().unwrap().retain(|_, id| id.as_u64().unwrap() < first as u64);
            let merges = model["merges"].as_array_mut().unwrap();
            merges.truncate(merges.len() - pieces.len());
            let added = tokenizer["added_tokens"].as_array_mut().unwrap();
            added.extend(pieces.iter().zip(first..).map(|(piece, id)| {
                json!({"id": id, "content": piece, "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": false})
            }));
        });
        self
    }

    /// A model directory with f32 weights and the synthetic tokenizer.
    pub(crate) fn write_model(&self, name: &str, config: &Value, weights: &[TinyTensor], instruct: bool) {
        write_model(&self.path(name), config, weights, Stored::F32).unwrap();
        byte_level::write_tokenizer(&self.path(name), config["vocab_size"].as_u64().unwrap() as usize, instruct)
            .unwrap();
    }

    /// The files of `random` as the hub's cache of the folder holds them, under the name `org/name`.
    pub(crate) fn with_cached(self) -> Self {
        let world = self.with_random();
        let repository = "hub-home/hub/models--org--name";
        world.write(&format!("{repository}/refs/main"), COMMIT);
        let snapshot = world.path(&format!("{repository}/snapshots/{COMMIT}"));
        std::fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
        std::fs::rename(world.path("random"), snapshot).unwrap();
        world
    }

    /// The model of a golden file, with the synthetic tokenizer, under its own name.
    pub(crate) fn with_golden(self, name: &str) -> Self {
        let config = golden::logits_golden(name).config;
        self.write_model(name, &config, &tiny::weights(&config), false);
        self
    }
}

/// Feeds a running binary and waits for its end.
pub(crate) fn finished(mut child: Child, input: &[u8]) -> Done {
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // a binary that needs no input may be gone already
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The configuration of `random`.
pub(crate) fn random_config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 32,
        "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "vocab_size": VOCAB, "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
    })
}

/// The configuration of `scripted`: one dimension per token, so that weights can be written by hand.
fn scripted_config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": VOCAB,
        "head_dim": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "vocab_size": VOCAB, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2,
        "torch_dtype": "float32",
    })
}

/// The embedding of token i is unit vector i, the layer adds nothing, and the head maps i to its successor: a line break is followed by
/// what is `said`. A token without successor is followed by id 0, `<|endoftext|>`, which ends the answer.
fn scripted_weights(config: &Value, said: &[u32]) -> Vec<TinyTensor> {
    let successors = [&ids("\n"), said, &ids("\n")].concat();
    let entries = |name: &str| -> Vec<(usize, usize)> {
        match name {
            "model.embed_tokens.weight" => (0..VOCAB).map(|i| (i, i)).collect(),
            "lm_head.weight" => successors.windows(2).map(|pair| (pair[1] as usize, pair[0] as usize)).collect(),
            _ => Vec::new(),
        }
    };
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let elements = shape.iter().product();
        let mut data = vec![if shape.len() == 1 { 1.0 } else { 0.0 }; elements];
        for (row, col) in entries(&name) {
            data[row * VOCAB + col] = 1.0;
        }
        TinyTensor { name, shape, data }
    };
    tiny::tensor_list(config).into_iter().map(tensor).collect()
}

/// The synthetic tokenizer of [`VOCAB`] tokens.
pub(crate) fn tokenizer() -> Tokenizer {
    Tokenizer::from_json(byte_level::tokenizer_json(VOCAB).to_string().as_bytes(), "synthetic").unwrap()
}

/// The ids of a text under it, special tokens recognised.
pub(crate) fn ids(text: &str) -> Vec<u32> {
    tokenizer().encode(text, Specials::Parse)
}

/// Ids as the command line takes them.
pub(crate) fn list(ids: &[u32]) -> String {
    ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// A list of ids in JSON.
#[track_caller]
pub(crate) fn numbers(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{e}: {value}"))
}
