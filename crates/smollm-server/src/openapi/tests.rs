//! What the document says, and that no two types share a name in it.

use super::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[test]
fn events_are_described_as_what_they_carry_and_keys_as_they_are_sent() {
    let document = document();
    let answer = &document["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"];
    assert_eq!(answer["application/json"]["schema"]["$ref"], "#/components/schemas/ChatCompletion");
    let data = &answer["text/event-stream"]["schema"]["properties"]["data"]["anyOf"];
    assert_eq!(data[0]["const"], "[DONE]");
    assert_eq!(data[1]["contentSchema"]["anyOf"][0]["$ref"], "#/components/schemas/ChatChunk");
    assert!(document["components"]["schemas"]["ErrorBody"].is_object());
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
}

#[test]
fn forms_may_overlap() {
    let document = document();
    assert!(document["components"]["schemas"]["Prompts"]["anyOf"].is_array());
    assert!(!document.to_string().contains("\"oneOf\""));
}

/// All source files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

/// A type is known by its last name alone: a second one of the same name would take the place of the first, unnoticed, and one that is
/// called `Object` would be any object.
#[test]
fn every_type_of_the_document_has_a_name_of_its_own() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::from([("Object".into(), PathBuf::from("utoipa"))]);
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let described = text
            .split("#[derive(")
            .skip(1)
            .filter(|part| part.split(')').next().is_some_and(|d| d.contains("ToSchema")));
        for part in described {
            let mut words = part.split_whitespace().skip_while(|word| !matches!(*word, "struct" | "enum")).skip(1);
            let name = words.next().expect("a type").trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned();
            if let Some(other) = seen.insert(name.clone(), path.clone()) {
                panic!("{name} is in {} and in {}", other.display(), path.display());
            }
        }
    }
    assert!(seen.len() > 60, "{}", seen.len());
}
