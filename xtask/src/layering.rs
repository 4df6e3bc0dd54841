//! Who may import whom: the layers of `ARCHITECTURE.md` as a table, checked against `cargo metadata`.

use std::collections::BTreeSet;

use crate::workspace::{Package, Workspace};

/// One crate of the table.
struct Layer {
    name: &'static str,
    /// The crates of this workspace it may import. Its tests may import what those stand on too, and `smollm-testkit`.
    may_import: &'static [&'static str],
    /// Crates that nothing it ships may reach, directly or through others: what the crate must never know.
    must_not_reach: &'static [&'static [&'static str]],
}

/// HTTP servers and async runtimes.
const SERVERS: &[&str] = &["axum", "hyper", "reqwest", "tiny_http", "tokio", "tungstenite"];
/// HTTP clients.
const CLIENTS: &[&str] = &["ureq"];
/// What only a command line needs.
const COMMAND_LINE: &[&str] = &["clap", "indicatif"];
/// Query engines: heavy, so that they live in a binary of their own.
const QUERY: &[&str] = &["ballista", "ballista-core", "datafusion", "datafusion-common", "sqlparser"];
/// Foreign code that a plain `cargo build` on a fresh machine must not need, and machine-learning frameworks.
const FOREIGN: &[&str] =
    &["aws-lc-sys", "bindgen", "candle-core", "native-tls", "openssl-sys", "ort", "tch", "torch-sys"];

/// What L0 to L3 may not reach: they work on bytes in memory and on local files.
const PURE: &[&[&str]] = &[SERVERS, CLIENTS, QUERY, COMMAND_LINE, FOREIGN];
/// What the main binary may not reach.
const LIGHT: &[&[&str]] = &[QUERY, FOREIGN];

/// A crate that is not in the table is a finding: whoever adds one decides first where it stands.
const TABLE: &[Layer] = &[
    Layer { name: "smollm-kernels", may_import: &[], must_not_reach: PURE },
    Layer { name: "smollm-tokenizer", may_import: &[], must_not_reach: PURE },
    Layer { name: "smollm-hub", may_import: &[], must_not_reach: &[SERVERS, QUERY, COMMAND_LINE, FOREIGN] },
    Layer { name: "smollm-verify", may_import: &[], must_not_reach: PURE },
    Layer { name: "smollm-world", may_import: &["smollm-verify"], must_not_reach: PURE },
    Layer { name: "smollm-checkpoint", may_import: &["smollm-kernels"], must_not_reach: PURE },
    Layer { name: "smollm-corpus", may_import: &["smollm-tokenizer"], must_not_reach: PURE },
    Layer { name: "smollm-model", may_import: &["smollm-kernels", "smollm-checkpoint"], must_not_reach: PURE },
    Layer { name: "smollm-engine", may_import: &["smollm-kernels", "smollm-model"], must_not_reach: PURE },
    Layer {
        name: "smollm-train",
        may_import: &["smollm-kernels", "smollm-checkpoint", "smollm-corpus", "smollm-model"],
        must_not_reach: PURE,
    },
    Layer {
        name: "smollm-server",
        may_import: &["smollm-tokenizer", "smollm-model", "smollm-engine"],
        must_not_reach: &[CLIENTS, QUERY, COMMAND_LINE, FOREIGN],
    },
    Layer {
        name: "smollm",
        may_import: &[
            "smollm-kernels",
            "smollm-tokenizer",
            "smollm-hub",
            "smollm-checkpoint",
            "smollm-corpus",
            "smollm-verify",
            "smollm-world",
            "smollm-model",
            "smollm-engine",
            "smollm-train",
            "smollm-server",
        ],
        must_not_reach: LIGHT,
    },
    Layer { name: "smollm-testkit", may_import: &[], must_not_reach: PURE },
    Layer { name: "xtask", may_import: &[], must_not_reach: PURE },
];

/// `anyhow` hides what went wrong where; libraries have typed errors, so only these may use it.
const MAY_USE_ANYHOW: [&str; 2] = ["smollm", "xtask"];

/// Every edge that the table forbids, every crate that it does not know, every listed crate that is gone.
pub(crate) fn findings(workspace: &Workspace) -> Vec<String> {
    let mut findings = Vec::new();
    for member in workspace.members() {
        match TABLE.iter().find(|layer| layer.name == member.name) {
            Some(layer) => findings.extend(member_findings(workspace, member, layer)),
            None => findings.push(format!("{} is not in the table of xtask/src/layering.rs", member.name)),
        }
    }
    for layer in TABLE {
        if !workspace.members().any(|member| member.name == layer.name) {
            findings.push(format!("{} is in the table of xtask/src/layering.rs but not in the workspace", layer.name));
        }
    }
    findings
}

fn member_findings(workspace: &Workspace, member: &Package, layer: &Layer) -> Vec<String> {
    let mut findings = Vec::new();
    for edge in &member.dependencies {
        let Some(target) = workspace.package(&edge.id) else { continue };
        let internal = workspace.members().any(|other| other.id == target.id);
        let allowed = layer.may_import.contains(&target.name.as_str())
            || (edge.dev_only && (target.name == "smollm-testkit" || stands_on(layer, &target.name)));
        if internal && !allowed {
            let kind = if edge.dev_only { "imports in its tests" } else { "imports" };
            findings.push(format!("{} {kind} {}, which the layers forbid", member.name, target.name));
        }
        if target.name == "anyhow" && !edge.dev_only && !MAY_USE_ANYHOW.contains(&member.name.as_str()) {
            findings.push(format!("{} depends on anyhow: a library has typed errors", member.name));
        }
    }
    for reached in shipped(workspace, member) {
        if layer.must_not_reach.iter().any(|group| group.contains(&reached.as_str())) {
            findings.push(format!("{} reaches {reached}, which it must never know", member.name));
        }
    }
    findings
}

/// Whether the table lets `layer` reach `name`, through any depth.
fn stands_on(layer: &Layer, name: &str) -> bool {
    let mut below = TABLE.iter().filter(|other| layer.may_import.contains(&other.name));
    below.any(|other| other.name == name || stands_on(other, name))
}

/// The names of everything that `member` ships with: all dependencies but those of tests, through any depth.
fn shipped(workspace: &Workspace, member: &Package) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![member];
    while let Some(package) = open.pop() {
        for edge in package.dependencies.iter().filter(|edge| !edge.dev_only) {
            let Some(target) = workspace.package(&edge.id) else { continue };
            if seen.insert(&target.id) {
                names.insert(target.name.clone());
                open.push(target);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::*;

    /// A graph of all crates of the table with these edges: (from, to, kind).
    fn graph(extra: &[&str], edges: &[(&str, &str, Option<&str>)]) -> Workspace {
        let members: Vec<&str> = TABLE.iter().map(|layer| layer.name).collect();
        let all: Vec<&str> = members.iter().chain(extra).copied().collect();
        let node = |name: &&str| {
            let deps: Vec<Value> = edges
                .iter()
                .filter(|(from, ..)| from == name)
                .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                .collect();
            json!({"id": name, "deps": deps})
        };
        let metadata = json!({
            "packages": all.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
            "workspace_members": members,
            "resolve": {"nodes": all.iter().map(node).collect::<Vec<_>>()},
        });
        Workspace::from_metadata(PathBuf::new(), &metadata).unwrap()
    }

    #[track_caller]
    fn check(extra: &[&str], edges: &[(&str, &str, Option<&str>)], expected: &[&str]) {
        assert_eq!(findings(&graph(extra, edges)), expected);
    }

    #[test]
    fn the_table_goes_upwards_only() {
        for (index, layer) in TABLE.iter().enumerate() {
            for import in layer.may_import {
                let below = TABLE.iter().position(|other| other.name == *import);
                assert!(below.is_some_and(|below| below < index), "{} may import {import}", layer.name);
            }
        }
    }

    #[test]
    fn allowed_edges_pass() {
        let edges = [
            ("smollm-model", "smollm-kernels", None),
            ("smollm-model", "smollm-testkit", Some("dev")),
            ("smollm", "anyhow", None),
        ];
        check(&["anyhow"], &edges, &[]);
    }

    #[test]
    fn an_import_upwards_is_found() {
        let edges = [("smollm-kernels", "smollm-model", None)];
        check(&[], &edges, &["smollm-kernels imports smollm-model, which the layers forbid"]);
    }

    #[test]
    fn tests_obey_the_table_too() {
        let edges = [("smollm-tokenizer", "smollm-hub", Some("dev"))];
        check(&[], &edges, &["smollm-tokenizer imports in its tests smollm-hub, which the layers forbid"]);
    }

    #[test]
    fn tests_may_import_what_lies_below() {
        check(&[], &[("smollm-engine", "smollm-checkpoint", Some("dev"))], &[]);
        let edges = [("smollm-engine", "smollm-checkpoint", None)];
        check(&[], &edges, &["smollm-engine imports smollm-checkpoint, which the layers forbid"]);
    }

    #[test]
    fn the_testkit_is_for_tests() {
        let edges = [("smollm", "smollm-testkit", None)];
        check(&[], &edges, &["smollm imports smollm-testkit, which the layers forbid"]);
    }

    #[test]
    fn a_heavy_crate_is_found_through_others() {
        let edges = [("smollm-hub", "fetcher", None), ("fetcher", "tokio", None), ("xtask", "fetcher", Some("dev"))];
        check(&["fetcher", "tokio"], &edges, &["smollm-hub reaches tokio, which it must never know"]);
    }

    #[test]
    fn the_main_binary_stays_light() {
        let edges = [("smollm", "fetcher", None), ("fetcher", "aws-lc-sys", None)];
        check(&["fetcher", "aws-lc-sys"], &edges, &["smollm reaches aws-lc-sys, which it must never know"]);
    }

    #[test]
    fn a_library_with_anyhow_is_found() {
        let edges = [("smollm-hub", "anyhow", None)];
        check(&["anyhow"], &edges, &["smollm-hub depends on anyhow: a library has typed errors"]);
    }

    #[test]
    fn an_unknown_crate_and_a_missing_one_are_found() {
        let metadata = json!({
            "packages": [{"id": "new", "name": "smollm-new"}],
            "workspace_members": ["new"],
            "resolve": {"nodes": []},
        });
        let found = findings(&Workspace::from_metadata(PathBuf::new(), &metadata).unwrap());
        assert_eq!(found.len(), 1 + TABLE.len());
        assert!(found[0].starts_with("smollm-new is not in the table"));
    }
}
