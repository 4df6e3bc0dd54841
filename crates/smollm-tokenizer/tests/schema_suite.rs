//! The JSON-Schema-Test-Suite: a grammar never takes a value that the schema does not; what it does not take although the schema does
//! is counted, and the kinds of it are known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use smollm_testkit::byte_level::tokenizer_json;
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::constrain::{Grammar, GrammarSource, Grammars};

/// As grammars write it: Python's `json.dumps`, without escapes.
fn dumped(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(dumped).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let one = |(name, value): (&String, &Value)| format!("{}: {}", Value::from(name.as_str()), dumped(value));
            format!("{{{}}}", members.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

struct Bytes {
    grammars: Grammars,
    /// The token of each byte.
    ids: Vec<u32>,
}

impl Bytes {
    fn new() -> Self {
        let json = tokenizer_json(300).to_string();
        let tokenizer = Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").unwrap());
        let plain = |byte: u8| (3..300).find(|&id| *tokenizer.token_bytes(id).unwrap() == [byte]).unwrap();
        let ids = (0..=255).map(plain).collect();
        Self { grammars: Grammars::new(tokenizer), ids }
    }

    fn accepts(&self, grammar: &Grammar, text: &str) -> bool {
        let mut constraint = grammar.begin();
        let taken = text.bytes().all(|byte| constraint.accept(self.ids[usize::from(byte)]).is_ok());
        taken && constraint.may_end().unwrap()
    }
}

/// Files of JSON in the folder and those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut all: Vec<_> = files.into_iter().filter(is_json).collect();
    all.extend(folders.iter().flat_map(|folder| self::files(folder)));
    all.sort();
    all
}

#[test]
fn no_invalid_value_is_taken() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let bytes = Bytes::new();
    let (mut compiled, mut refused, mut taken, mut turned_down) = (0, 0, 0, BTreeMap::<String, usize>::new());
    let mut wrong = Vec::new();
    for draft in ["draft2020-12", "draft7"] {
        for file in files(&fixtures.join("schema/json-schema-test-suite/tests").join(draft)) {
            let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let groups: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            for group in groups {
                let mut schema = group["schema"].clone();
                if draft == "draft7"
                    && let Value::Object(schema) = &mut schema
                {
                    schema.entry("$schema").or_insert("http://json-schema.org/draft-07/schema#".into());
                }
                let Ok(grammar) = bytes.grammars.compile(&GrammarSource::JsonSchema(schema)) else {
                    refused += 1;
                    continue;
                };
                compiled += 1;
                for test in group["tests"].as_array().unwrap() {
                    let name = format!("{draft}/{stem}: {}: {}", group["description"], test["description"]);
                    match (test["valid"] == true, bytes.accepts(&grammar, &dumped(&test["data"]))) {
                        (false, true) => wrong.push(name),
                        (true, true) => taken += 1,
                        (true, false) => *turned_down.entry(stem.clone()).or_default() += 1,
                        _ => {}
                    }
                }
            }
        }
    }
    eprintln!(
        "{compiled} schemas compiled, {refused} refused; {taken} valid values taken, turned down: {turned_down:?}"
    );
    // in draft 7 contents may be checked, later they are told only, and only told they are by us
    wrong.retain(|name| !name.starts_with("draft7/content: "));
    assert!(wrong.is_empty(), "{} invalid values are taken:\n{}", wrong.len(), wrong.join("\n"));
    // the order of keys, 1.0 for an integer, numbers beyond 2^53, characters that not all read as what a pattern names, and formats: only noted,
    // or of fewer forms
    let kinds: Vec<&str> = turned_down.keys().map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "allOf",
            "bignum",
            "const",
            "date-time",
            "ecmascript-regex",
            "email",
            "enum",
            "format",
            "hostname",
            "ipv6",
            "time",
            "type",
            "uri"
        ]
    );
    assert!(compiled >= 388 && taken >= 1005);
}
