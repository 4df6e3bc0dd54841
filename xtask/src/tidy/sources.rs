//! Rules about the text of single files: heads, sizes, leftovers, machine paths, whitespace.

use super::File;

const MAX_LINES: usize = 600;
const MAX_BYTES: usize = 512 * 1024;

/// Files that may be longer than [`MAX_LINES`], with the reason.
const LONG: &[(&str, &str)] = &[];

/// Files that may be larger than [`MAX_BYTES`], how large, and the reason.
const LARGE: &[(&str, usize, &str)] = &[(
    "crates/smollm/model/nano.gguf",
    8 << 20,
    "the model that is built into the program: a fresh machine without a network has something that answers",
)];

/// The first line is `//! Some sentence`.
pub(super) fn head(file: &File) -> Vec<String> {
    if !file.is(&["rs"]) {
        return Vec::new();
    }
    let paragraph = head_paragraph(&file.text);
    if paragraph.is_empty() {
        return vec![format!("{}:1: starts without a `//!` sentence", file.path)];
    }
    if !paragraph.ends_with(['.', ':', '?', '!']) {
        return vec![format!("{}:1: the first paragraph does not end like a sentence", file.path)];
    }
    Vec::new()
}

/// The first paragraph of a Rust file's `//!` head as one line, empty if the file starts otherwise.
pub(crate) fn head_paragraph(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//! "));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Longer than [`MAX_LINES`] and not on the list, or on the list for no reason.
pub(super) fn too_long(files: &[File]) -> Vec<String> {
    let long = |file: &File| file.is(&["rs", "py"]) && file.text.lines().count() > MAX_LINES;
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| long(file)) {
        if !LONG.iter().any(|(path, _)| *path == file.path) {
            findings.push(format!("{}: {} lines, split it", file.path, file.text.lines().count()));
        }
    }
    for (path, _) in LONG {
        if !files.iter().any(|file| file.path == *path && long(file)) {
            findings.push(format!("{path}: is excused from the {MAX_LINES} lines but needs no excuse"));
        }
    }
    findings
}

/// Larger than [`MAX_BYTES`], or than the list allows: a clone stays quick.
pub(super) fn too_large(sizes: &[(String, usize)]) -> Vec<String> {
    let most = |path: &str| LARGE.iter().find(|(listed, ..)| *listed == path).map_or(MAX_BYTES, |(_, most, _)| *most);
    sizes.iter().filter(|(path, size)| *size > most(path)).map(|(path, size)| format!("{path}: {size} bytes")).collect()
}

/// Marks of unfinished work. Spelt in pieces here, so that this file passes its own rule.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
];

/// A word of [`UNFINISHED`] in a file that a person wrote.
pub(super) fn unfinished(file: &File) -> Vec<String> {
    if !file.is_written() {
        return Vec::new();
    }
    lines_with(file, |line| UNFINISHED.iter().find(|word| has_word(line, word)).map(|word| format!("says {word}")))
}

/// Folders of the machine that somebody worked on; a test that needs a path as an example takes another.
const MACHINE: [&str; 4] = [concat!("/wo", "rk/"), concat!("/op", "t/"), concat!("/ro", "ot/"), concat!("/tm", "p/")];

/// A path of [`MACHINE`], in any text file: code, documents, recorded data.
pub(super) fn machine_paths(file: &File) -> Vec<String> {
    lines_with(file, |line| {
        let found = MACHINE.iter().find(|path| {
            line.match_indices(*path).any(|(start, _)| {
                // `example.org/home/x` and `../opt/x` are no paths of a machine.
                !line[..start].ends_with(|c: char| c.is_alphanumeric() || ['.', '_', '-', '~', '}', '>'].contains(&c))
            })
        });
        found.map(|path| format!("names a path of one machine ({path}...)"))
    })
}

/// Spaces at a line's end, carriage returns, a missing or doubled newline at the file's end.
pub(super) fn whitespace(file: &File) -> Vec<String> {
    if !file.is_written() {
        return Vec::new();
    }
    let mut findings =
        lines_with(file, |line| (line.ends_with([' ', '\t', '\r'])).then(|| "ends with whitespace".to_owned()));
    let text = &file.text;
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        findings.push(format!("{}: does not end with exactly one newline", file.path));
    }
    findings
}

/// A finding for each line on which `rule` has something to say.
fn lines_with(file: &File, rule: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let lines = file.text.split('\n').enumerate();
    lines.filter_map(|(index, line)| rule(line).map(|what| format!("{}:{}: {what}", file.path, index + 1))).collect()
}

/// `word` in `line`, not as part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let letter = |c: char| c.is_alphanumeric() || c == '_';
        !line[..start].ends_with(letter) && !line[start + word.len()..].starts_with(letter)
    })
}
