//! Each tidy rule on texts that keep it and texts that break it.

use std::path::PathBuf;

use serde_json::json;

use super::{File, documents, each, manifests, names, sources};
use crate::workspace::Workspace;

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

/// Runs a rule for single files; `expected` are the beginnings of its findings.
#[track_caller]
fn check(rule: fn(&File) -> Vec<String>, path: &str, text: &str, expected: &[&str]) {
    let findings = each(&[file(path, text)], rule);
    assert_eq!(findings.len(), expected.len(), "{findings:?}");
    for (finding, beginning) in findings.iter().zip(expected) {
        assert!(finding.starts_with(beginning), "{finding:?} does not start with {beginning:?}");
    }
}

#[test]
fn heads() {
    check(sources::head, "a.rs", "//! What it is.\n\nuse x;\n", &[]);
    check(sources::head, "a.rs", "//! What it is,\n//! in two lines.\n//!\n//! More\n", &[]);
    check(sources::head, "a.rs", "use x;\n//! Late.\n", &["a.rs:1: starts without"]);
    check(sources::head, "a.rs", "//! no sentence\n", &["a.rs:1: the first paragraph"]);
    check(sources::head, "a.py", "import x\n", &[]);
}

#[test]
fn lengths() {
    let text = "//! x.\n".repeat(601);
    assert_eq!(sources::too_long(&[file("a.rs", &text)]), ["a.rs: 601 lines, split it"]);
    assert_eq!(sources::too_long(&[file("a.rs", &text[7..]), file("a.json", &text)]), [""; 0]);
    assert_eq!(sources::too_large(&[("a".into(), 512 * 1024), ("b".into(), 512 * 1024 + 1)]), ["b: 524289 bytes"]);
    let model = |bytes| [("crates/smollm/model/nano.gguf".into(), bytes)];
    assert!(sources::too_large(&model(8 << 20)).is_empty());
    assert_eq!(sources::too_large(&model((8 << 20) + 1)), ["crates/smollm/model/nano.gguf: 8388609 bytes"]);
}

#[test]
fn unfinished_work() {
    let word = concat!("TO", "DO");
    check(sources::unfinished, "a.rs", &format!("//! x.\n// {word}: later\n"), &["a.rs:2: says"]);
    check(sources::unfinished, "a.md", "a METODOLOGY, not the word\n", &[]);
    check(sources::unfinished, "a.rs", concat!("fn f() { to", "do!() }"), &["a.rs:1: says"]);
    check(sources::unfinished, "testdata/a.txt", word, &[]);
}

#[test]
fn paths_of_one_machine() {
    let path = concat!("/ro", "ot/x");
    check(sources::machine_paths, "a.json", &format!("{{\"p\":\"{path}\"}}"), &["a.json:1: names"]);
    check(sources::machine_paths, "a.md", &format!("see {path}\nand ({path})\n"), &["a.md:1: ", "a.md:2: "]);
    check(sources::machine_paths, "a.md", &format!("https://example.org{path} ..{path} <dir>{path}\n"), &[]);
}

#[test]
fn whitespace() {
    check(sources::whitespace, "a.rs", "a\nb\n", &[]);
    check(sources::whitespace, "a.md", "a \nb\t\nc\r\n", &["a.md:1: ends", "a.md:2: ends", "a.md:3: ends"]);
    check(sources::whitespace, "a.py", "a", &["a.py: does not end"]);
    check(sources::whitespace, "a.py", "a\n\n", &["a.py: does not end"]);
    check(sources::whitespace, "a.jinja", "a ", &[]);
    check(sources::whitespace, "testdata/a.txt", "a ", &[]);
}

#[test]
fn names_that_say_nothing() {
    check(names::banned, "src/a.rs", "fn handle() {}\nfn redo_all() {}\nstruct Document;\nuse std::process;\n", &[]);
    check(names::banned, "src/a.rs", "    let utils = 1;\nfn common_beginning() {}\n", &[]);
    check(names::banned, "src/utils.rs", "", &["src/utils.rs: `utils`"]);
    check(names::banned, "tests/common/mod.rs", "", &["tests/common/mod.rs: `common`"]);
    check(names::banned, "a.rs", "pub(crate) fn handle_request() {}\n", &["a.rs:1: `fn handle_request`"]);
    check(names::banned, "a.rs", "pub struct KvManager<'a>;\n", &["a.rs:1: `struct KvManager`"]);
    check(names::banned, "a.rs", "    pub async unsafe fn do_it()\n", &["a.rs:1: `fn do_it`"]);
    check(names::banned, "a.rs", "mod process;\npub(in crate::a) mod util;\n", &["a.rs:1: ", "a.rs:2: "]);
}

/// A workspace of one crate `smollm-x` below `/r`.
fn workspace(description: &str) -> Workspace {
    let metadata = json!({
        "packages": [{
            "id": "x", "name": "smollm-x", "description": description, "manifest_path": "/r/crates/smollm-x/Cargo.toml",
            "targets": [{"kind": ["lib"], "src_path": "/r/crates/smollm-x/src/lib.rs"}],
        }],
        "workspace_members": ["x"],
        "resolve": {"nodes": []},
    });
    Workspace::from_metadata(PathBuf::from("/r"), &metadata).unwrap()
}

#[test]
fn descriptions() {
    let root = |text| [file("crates/smollm-x/src/lib.rs", text)];
    let workspace = workspace("One, two: three.");
    assert!(manifests::descriptions(&workspace, &root("//! One, `two`:\n//! three.\n//!\n//! More.\n")).is_empty());
    assert_eq!(manifests::descriptions(&workspace, &root("//! One.\n")).len(), 1);
    assert_eq!(manifests::descriptions(&workspace, &[]).len(), 1);
}

#[test]
fn unsafe_code() {
    let root = |text| [file("crates/smollm-x/src/lib.rs", text)];
    let workspace = workspace("");
    assert!(manifests::unsafe_forbidden(&workspace, &root("#![forbid(unsafe_code)]\n")).is_empty());
    assert_eq!(manifests::unsafe_forbidden(&workspace, &root("#![deny(unsafe_code)]\n")).len(), 1);
}

#[test]
fn inheritance() {
    let manifest = |text: &str| [file("crates/smollm-x/Cargo.toml", text)];
    let workspace = workspace("");
    let whole = "version.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
                 license.workspace = true\n\n[lints]\nworkspace = true\n";
    assert!(manifests::inheritance(&workspace, &manifest(whole)).is_empty());
    let without = whole.replace("[lints]\n", "");
    assert_eq!(
        manifests::inheritance(&workspace, &manifest(&without)),
        ["crates/smollm-x/Cargo.toml: lacks `[lints] workspace = true`"]
    );
}

#[test]
fn crates_are_listed() {
    let page = |text| [file("ARCHITECTURE.md", text)];
    assert!(manifests::listed(&workspace(""), &page("| `smollm-x` | x |")).is_empty());
    assert_eq!(manifests::listed(&workspace(""), &page("smollm-xy")), ["ARCHITECTURE.md does not name `smollm-x`"]);
    assert_eq!(manifests::listed(&workspace(""), &[]), ["there is no ARCHITECTURE.md"]);
}

#[test]
fn links() {
    let paths: Vec<String> = ["README.md", "docs/a.md", "LICENSE"].map(str::to_owned).into();
    let broken = |path: &str, text: &str| {
        let files =
            [file(path, text), file("docs/other.md", "# Error rules\n"), file("docs/a.md", "# Why: *these* crates?\n")];
        documents::links(&files, &paths).len()
    };
    assert_eq!(broken("README.md", "[a](docs/a.md) [b](docs/) [c](https://x.org/y) [d](LICENSE)"), 0);
    assert_eq!(broken("README.md", "[a](docs/b.md) and [b](../x)"), 2);
    assert_eq!(broken("docs/c.md", "[a](../README.md) [b](a.md) [c](./a.md#why-these-crates)"), 0);
    assert_eq!(broken("docs/c.md", "[c](a.md#nowhere)"), 1);
    assert_eq!(broken("README.md", "`x[i](j)`\n```\nx[i](j)\n```\n"), 0);
    assert_eq!(broken("README.md", "# Top\n[a](#top) [b](#bottom)"), 1);
}

#[test]
fn xtask_commands() {
    let check = |text, expected| check(documents::xtask_commands, "README.md", text, expected);
    check("`cargo xtask test`, `cargo xtask test tidy`. `cargo xtask accept fuzz --seconds 60`\n", &[]);
    check("cargo xtask accept --fuzz\ncargo xtask fuzz gguf --seconds 9\ncargo xtask test STEP\n", &[]);
    check("run cargo xtask test.\n", &[]);
    check("cargo xtask tset\n", &["README.md:1: there is no `cargo xtask tset`"]);
    check("cargo xtask test tidi\ncargo xtask fuzz pdf", &["README.md:1: ", "README.md:2: "]);
}

#[test]
fn golden_files_have_a_use_and_a_source() {
    let paths: Vec<String> =
        ["testdata/logits/a.json", "testdata/b.bin", "testdata/README.md"].map(str::to_owned).into();
    let test = |text| file("crates/x/tests/golden.rs", text);
    let script = |text| file("reference/make.py", text);
    let orphans = |test_text, script_text| documents::orphans(&[test(test_text), script(script_text)], &paths);
    assert!(orphans("\"logits\" b.bin", "logits/ b.bin").is_empty());
    assert_eq!(orphans("a.json", "\"a\" \"b.bin\""), ["testdata/b.bin: no test uses it"]);
    assert_eq!(orphans("logits \"b\"", "\"b\""), ["testdata/logits/a.json: no script in reference/ makes it"]);
}

#[test]
fn scripts_that_the_page_leaves_out() {
    let page = file("reference/README.md", "| `a.py` | this |\n");
    let found =
        |script: &str| documents::unlisted_scripts(&[file("reference/README.md", &page.text), file(script, "")]);
    assert_eq!(found("reference/a.py"), [""; 0]);
    assert_eq!(found("reference/b.py"), ["reference/README.md: does not name reference/b.py"]);
    assert_eq!(found("other/b.py"), [""; 0]);
}
