//! The code map of ARCHITECTURE.md: one line per source file, taken from the file's own first sentence.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::report::Tally;
use crate::tidy::{File, head_paragraph};
use crate::workspace::Workspace;

const PAGE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- code map: written by `cargo xtask map` from the first line of each file -->\n";
const END: &str = "<!-- end of code map -->\n";

/// `cargo xtask map`: writes the map into ARCHITECTURE.md.
pub(crate) fn map(workspace: &Workspace, arguments: &[String]) -> Result<Tally> {
    if let Some(argument) = arguments.first() {
        bail!("unknown argument {argument}");
    }
    let mut files = Vec::new();
    for path in workspace.files()? {
        if let Ok(text) = fs::read_to_string(workspace.root.join(&path)) {
            files.push(File { path, text });
        }
    }
    let page = files.iter().find(|file| file.path == PAGE).with_context(|| format!("there is no {PAGE}"))?;
    let new =
        with_map(&page.text, &render(&files)).with_context(|| format!("{PAGE} lacks the lines around the map"))?;
    fs::write(workspace.root.join(PAGE), new).with_context(|| format!("cannot write {PAGE}"))?;
    Ok(Tally::one(true))
}

/// A finding if the map on the page is not what the files say.
pub(crate) fn outdated(files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![format!("there is no {PAGE}")];
    };
    match with_map(&page.text, &render(files)) {
        None => vec![format!("{PAGE}: lacks the lines around the map")],
        Some(new) if new != page.text => {
            vec![format!("{PAGE}: the code map is out of date; `cargo xtask map` renews it")]
        }
        Some(_) => Vec::new(),
    }
}

/// The page with `map` between its two marks, `None` if it lacks them.
fn with_map(page: &str, map: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{map}{END}{after}"))
}

/// A heading for each crate and a line for each of its sources; tests stay out.
fn render(files: &[File]) -> String {
    let mut crates: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
    for file in files {
        let Some((folder, path)) = file.path.split_once("/src/") else { continue };
        let is_test = path.split('/').any(|part| part == "tests" || part == "tests.rs");
        if path.ends_with(".rs") && !is_test {
            crates.entry(folder).or_default().push((path, head_paragraph(&file.text)));
        }
    }
    let mut map = String::new();
    for (folder, mut sources) in crates {
        // `lib.rs` and `main.rs` first, then a module before its submodules.
        sources.sort_by_key(|(path, _)| {
            (*path != "lib.rs" && *path != "main.rs", path.trim_end_matches(".rs").replace('/', "\0"))
        });
        map += &format!("\n#### `{folder}`\n\n");
        for (path, sentence) in sources {
            map += &format!("- `{path}`: {sentence}\n");
        }
    }
    map + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(page: &str) -> Vec<File> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        vec![
            file(PAGE, page),
            file("crates/b/src/rope.rs", "//! A rotation,\n//! of pairs.\n//!\n//! More.\n"),
            file("crates/b/src/rope/tests.rs", "//! Tests.\n"),
            file("crates/b/src/lib.rs", "//! The crate.\n"),
            file("crates/b/src/rope/angles.rs", "//! RoPE angles.\n"),
            file("crates/b/src/rope_x.rs", "//! `x`.\n"),
            file("crates/b/tests/golden.rs", "//! Golden.\n"),
        ]
    }

    #[test]
    fn the_map_follows_the_files() {
        let page = format!("# A\n\n{BEGIN}old\n{END}\n## B\n");
        assert_eq!(outdated(&files(&page)).len(), 1);
        let new = with_map(&page, &render(&files(&page))).unwrap();
        assert_eq!(
            new,
            format!(
                "# A\n\n{BEGIN}\n#### `crates/b`\n\n- `lib.rs`: The crate.\n- `rope.rs`: A rotation, of pairs.\n\
                 - `rope/angles.rs`: RoPE angles.\n- `rope_x.rs`: `x`.\n\n{END}\n## B\n"
            )
        );
        assert!(outdated(&files(&new)).is_empty());
    }

    #[test]
    fn a_page_without_marks_is_found() {
        assert_eq!(outdated(&files("# A\n")), ["ARCHITECTURE.md: lacks the lines around the map"]);
    }
}
