//! The start of a line: which block it belongs to.

/// Bytes after which a line that could still become a rule or a fence is plain text instead, so that
/// a model that repeats itself is seen doing so.
const MARKER_LIMIT: usize = 400;
/// The same for a row of a table.
const ROW_LIMIT: usize = 4000;

/// What a line is, after its indentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Nothing but white space.
    Blank,
    /// `#` to `######`.
    Heading(usize),
    /// `---`, `***` or `___`.
    Rule,
    /// Three or more backticks or tildes.
    Fence(Fence),
    /// `-`, `*` or `+`.
    Bullet,
    /// `1.` or `1)`: as written.
    Number(String),
    /// A line that begins with `|`.
    Row,
    /// `<think>`.
    Think,
    /// Anything else.
    Text,
}

/// What opened a code block, and so what closes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) marker: char,
    pub(super) length: usize,
    /// Columns before it.
    pub(super) indent: usize,
    /// Quote marks before it.
    pub(super) quotes: usize,
}

/// A line start that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) block: Block,
    /// Columns of indentation.
    pub(super) indent: usize,
    /// Bytes up to the content of the block.
    pub(super) bytes: usize,
}

/// Quote marks (`>`) at the start of `line`, at most `most`: their number and their bytes, or `None`
/// if there may be more to come.
pub(super) fn quotes(line: &str, complete: bool, most: usize) -> Option<(usize, usize)> {
    let (mut count, mut bytes) = (0, 0);
    while count < most {
        let rest = &line[bytes..];
        let indent = rest.len() - rest.trim_start_matches(' ').len();
        match rest[indent..].chars().next() {
            _ if indent > 3 => break,
            None if complete => break,
            None => return None,
            Some('>') => {
                bytes += indent + 1;
                count += 1;
                match line[bytes..].chars().next() {
                    Some(' ') => bytes += 1,
                    None if !complete => return None,
                    _ => {}
                }
            }
            Some(_) => break,
        }
    }
    Some((count, bytes))
}

/// Reads the start of a line (after its quote marks): `None` while it depends on text to come.
/// The answer is the same for every longer form of the line.
pub(super) fn start(line: &str, complete: bool, quotes: usize) -> Option<Start> {
    let content = line.trim_start_matches([' ', '\t']);
    let white = line.len() - content.len();
    let indent = line[..white].chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
    let found = |block, bytes| Some(Start { block, indent, bytes: white + bytes });
    let Some(first) = content.chars().next() else {
        return match () {
            () if white > MARKER_LIMIT => found(Block::Text, 0),
            () if complete => found(Block::Blank, 0),
            () => None,
        };
    };
    match first {
        '#' => {
            let level = content.len() - content.trim_start_matches('#').len();
            match content[level..].chars().next() {
                _ if level > 6 => found(Block::Text, 0),
                Some(' ') => found(Block::Heading(level), level + 1),
                None if !complete => None,
                _ => found(Block::Text, 0),
            }
        }
        '`' | '~' => {
            let length = content.len() - content.trim_start_matches(first).len();
            if length < 3 && length < content.len() || content.len() > MARKER_LIMIT {
                return found(Block::Text, 0);
            }
            if !complete {
                return None;
            }
            if length < 3 || (first == '`' && content[length..].contains('`')) {
                return found(Block::Text, 0);
            }
            found(Block::Fence(Fence { marker: first, length, indent, quotes }), 0)
        }
        '-' | '*' | '_' | '+' => {
            let second = content[1..].chars().next();
            if first != '+' && content.len() <= MARKER_LIMIT && content.chars().all(|c| c == first || c == ' ') {
                if !complete {
                    return None;
                }
                if content.matches(first).count() >= 3 {
                    return found(Block::Rule, content.len());
                }
            }
            match second {
                Some(' ') if first != '_' => found(Block::Bullet, 2),
                None if !complete => None,
                _ => found(Block::Text, 0),
            }
        }
        '0'..='9' => {
            let digits = content.len() - content.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let mut after = content[digits..].chars();
            match (after.next(), after.next()) {
                _ if digits > 9 => found(Block::Text, 0),
                (Some('.' | ')'), Some(' ')) => found(Block::Number(content[..=digits].to_owned()), digits + 2),
                (None | Some('.' | ')'), None) if !complete => None,
                _ => found(Block::Text, 0),
            }
        }
        '|' if content.len() <= ROW_LIMIT => {
            if complete {
                found(Block::Row, 0)
            } else {
                None
            }
        }
        '<' => {
            const TAG: &str = "<think>";
            if content.starts_with(TAG) {
                found(Block::Think, TAG.len())
            } else if !complete && TAG.starts_with(content) {
                None
            } else {
                found(Block::Text, 0)
            }
        }
        _ => found(Block::Text, 0),
    }
}

/// Whether a line (after its quote marks) closes `fence`: `None` while it may still do so.
pub(super) fn closes(fence: &Fence, line: &str, complete: bool) -> Option<bool> {
    let content = line.trim_start_matches(' ');
    let marks = content.trim_end();
    if line.len() - content.len() > fence.indent + 3
        || line.len() > MARKER_LIMIT
        || !marks.chars().all(|c| c == fence.marker)
    {
        return Some(false);
    }
    complete.then_some(marks.len() >= fence.length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_starts() {
        let number = |text: &str| Block::Number(text.to_owned());
        for (line, block, bytes) in [
            ("", Block::Blank, 0),
            ("   ", Block::Blank, 3),
            ("# Title", Block::Heading(1), 2),
            ("###### six", Block::Heading(6), 7),
            ("####### seven", Block::Text, 0),
            ("#hashtag", Block::Text, 0),
            ("---", Block::Rule, 3),
            ("* * *", Block::Rule, 5),
            ("--", Block::Text, 0),
            ("- item", Block::Bullet, 2),
            ("* **bold**", Block::Bullet, 2),
            ("**bold**", Block::Text, 0),
            ("*italic*", Block::Text, 0),
            ("_italic_", Block::Text, 0),
            ("  + item", Block::Bullet, 4),
            ("10. ten", number("10."), 4),
            ("2) two", number("2)"), 3),
            ("3.14 is", Block::Text, 0),
            ("2026", Block::Text, 0),
            ("| a | b |", Block::Row, 0),
            ("<think>so", Block::Think, 7),
            ("<thing>", Block::Text, 0),
            ("`code` first", Block::Text, 0),
            ("```not`fence", Block::Text, 0),
            ("text", Block::Text, 0),
        ] {
            let start = start(line, true, 0).expect(line);
            assert_eq!((start.block, start.bytes), (block, bytes), "{line:?}");
        }
        let Block::Fence(fence) = start("  ~~~~ rust", true, 1).unwrap().block else { panic!("no fence") };
        assert_eq!(fence, Fence { marker: '~', length: 4, indent: 2, quotes: 1 });
    }

    #[test]
    fn a_decision_holds_for_every_longer_line() {
        for line in [
            "# T",
            "---",
            "- - x",
            "***b***",
            "```rust",
            "`a`",
            "12. x",
            "1234567890",
            "| a",
            "<think>",
            "> q",
            "  x",
            "-",
        ] {
            for end in 0..line.len() {
                if let Some(early) = start(&line[..end], false, 0) {
                    assert_eq!(Some(early), start(line, true, 0), "{:?} of {line:?}", &line[..end]);
                }
            }
        }
    }

    #[test]
    fn a_model_that_repeats_itself_is_not_held_back() {
        for unit in ["-", "* ", "`", "~", " ", "|"] {
            assert!(start(&unit.repeat(5000), false, 0).is_some(), "{unit:?}");
        }
    }

    #[test]
    fn closing_fences() {
        let fence = Fence { marker: '`', length: 3, indent: 0, quotes: 0 };
        for (line, complete, answer) in [
            ("```", true, Some(true)),
            ("````  ", true, Some(true)),
            ("  ```", true, Some(true)),
            ("    ```", true, Some(false)),
            ("``", false, None),
            ("``", true, Some(false)),
            ("```rust", false, Some(false)),
            ("", true, Some(false)),
        ] {
            assert_eq!(closes(&fence, line, complete), answer, "{line:?}");
        }
    }

    #[test]
    fn quote_marks() {
        assert_eq!(quotes("> > deep", true, usize::MAX), Some((2, 4)));
        assert_eq!(quotes(">>> deep", true, usize::MAX), Some((3, 4)));
        assert_eq!(quotes("> > deep", true, 1), Some((1, 2)));
        assert_eq!(quotes(">", false, usize::MAX), None);
        assert_eq!(quotes("    > code", true, usize::MAX), Some((0, 0)));
        assert_eq!(quotes("plain", false, usize::MAX), Some((0, 0)));
    }
}
