//! A Markdown page with terminal sessions: ```` ```console ```` blocks, in which lines after `$ ` are commands and what follows is their output.

/// Beside `console`: numbers of this block depend on the machine or its clock, and only their places are compared.
const NUMBERS_VARY: &str = "numbers-vary";

/// A page in its parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// A line that is let be, with its end.
    Line(String),
    Block(Block),
}

/// What stands between the fences of a session.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    numbers_vary: bool,
    runs: Vec<Run>,
}

/// A command and what it printed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    /// As it stands on the page, lines that go on among them.
    shown: String,
    pub(super) output: String,
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut lines = text.split_inclusive('\n');
        let mut fenced = false;
        while let Some(line) = lines.next() {
            parts.push(Part::Line(line.to_owned()));
            if let Some(after) = line.trim_end().strip_prefix("```").filter(|_| !fenced) {
                let mut words = after.split_whitespace();
                if words.next() == Some("console") {
                    let numbers_vary = words.next() == Some(NUMBERS_VARY);
                    let body: Vec<&str> = lines.by_ref().take_while(|line| line.trim_end() != "```").collect();
                    parts.push(Part::Block(Block { numbers_vary, runs: runs(&body) }));
                    parts.push(Part::Line("```\n".to_owned()));
                    continue;
                }
            }
            fenced ^= line.starts_with("```");
        }
        Self(parts)
    }

    /// The page as it was read.
    pub(super) fn text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Line(line) => line.clone(),
            Part::Block(block) => {
                block.runs.iter().map(|run| format!("{}{}", run.shown, run.output)).collect::<String>()
            }
        };
        self.0.iter().map(part).collect()
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.0.iter().filter_map(|part| match part {
            Part::Block(block) => Some(block),
            Part::Line(_) => None,
        })
    }

    /// Whether no command has an output yet.
    pub(super) fn is_unwritten(&self) -> bool {
        self.blocks().flat_map(Block::runs).all(|run| run.output.is_empty())
    }

    /// The page with the outputs that `print` gives of its commands, in their order.
    pub(super) fn map(&self, mut print: impl FnMut(&str) -> String) -> Self {
        let mut page = self.clone();
        for part in &mut page.0 {
            let Part::Block(block) = part else { continue };
            for run in &mut block.runs {
                // blank lines at the end would only part a command from the next
                let output = print(&run.command()).trim_end().to_owned();
                run.output = if output.is_empty() { output } else { output + "\n" };
            }
        }
        page
    }

    /// What is printed otherwise on `other`, a page with the same commands: command, what stands here, what stands there.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (here, there) in self.blocks().zip(other.blocks()) {
            for (a, b) in here.runs.iter().zip(&there.runs) {
                if here.compared(&a.output) != here.compared(&b.output) {
                    found.push(format!("{}-- stands there:\n{}-- is printed:\n{}", a.shown, a.output, b.output));
                }
            }
        }
        found
    }
}

impl Block {
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    /// What of an output is compared.
    fn compared(&self, output: &str) -> String {
        if self.numbers_vary { output.lines().map(|line| shape(line) + "\n").collect() } else { output.to_owned() }
    }
}

impl Run {
    /// As a shell takes it.
    fn command(&self) -> String {
        self.shown.trim_start_matches("$ ").replace("\\\n", " ").trim_end().to_owned()
    }
}

/// The commands of a block; what stands before the first is no output of any.
fn runs(body: &[&str]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut goes_on = false;
    for line in body {
        match runs.last_mut() {
            _ if line.starts_with("$ ") => runs.push(Run { shown: (*line).to_owned(), output: String::new() }),
            Some(run) if goes_on => run.shown.push_str(line),
            Some(run) => run.output.push_str(line),
            None => panic!("a session begins with a command: {line}"),
        }
        let is_command = line.starts_with("$ ") || goes_on;
        goes_on = is_command && line.trim_end().ends_with('\\');
    }
    runs
}

/// What `smollm` says instruction sets are called, in the place where it says which one it runs on.
const ISAS: [&str; 5] = ["amx", "avx512bf16", "avx512", "avx2", "scalar"];

/// A line with `#` for each number, and one space for several, since columns move with the width of numbers; and with `ISA` for the instruction set.
fn shape(line: &str) -> String {
    let line =
        ISAS.iter().fold(line.to_owned(), |line, isa| line.replace(&format!(" with {isa} on "), " with ISA on "));
    let mut shape = String::new();
    let mut characters = line.trim_end().chars().peekable();
    while let Some(c) = characters.next() {
        if c.is_ascii_digit() {
            // 1,234.5 is one number, the full stop after a sentence is none of it
            while let Some(&next) = characters.peek() {
                let mut ahead = characters.clone();
                ahead.next();
                let inside = [',', '.'].contains(&next) && ahead.peek().is_some_and(char::is_ascii_digit);
                if !next.is_ascii_digit() && !inside {
                    break;
                }
                characters.next();
            }
            shape.push('#');
        } else if !(c == ' ' && shape.ends_with(' ')) {
            shape.push(c);
        }
    }
    shape
}

#[test]
fn shapes_are_without_numbers() {
    for (line, expected) in [
        ("sort-check      19 of 20     95.0 %", "sort-check # of # # %"),
        ("1,234.5 tokens, 3.", "# tokens, #."),
        ("7 weights, with avx512bf16 on 2 threads", "# weights, with ISA on # threads"),
        ("none  ", "none"),
    ] {
        assert_eq!(shape(line), expected);
    }
}
