//! The instructions: what may be asked, in which words, and which of them go together.

use super::phrasings::ways;
use super::{Subject, in_words};
use crate::draw::Draw;
use smollm_verify::{Bound, Instruction, InstructionError, Pattern};

/// An instruction with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Bullets(usize),
    Paragraphs(usize),
    /// The word before the number, and how many.
    Sections(&'static str, usize),
    Highlights(usize),
    TwoResponses,
    Json,
    Placeholders(usize),
    AtMost(usize),
    AtLeast(usize),
    /// The topic's name, so often.
    Often(usize, &'static str),
    Include(&'static str, &'static str),
    Avoid(&'static str),
    NoComma,
    Title,
    Start(&'static str),
    Repeat,
    End(&'static str),
    Postscript,
    Upper,
    Lower,
    Quotes,
    Constrained,
}

/// Which part of an answer an instruction decides; two for the same part do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Body,
    Before,
    After,
    Letters,
    Around,
    /// All of it.
    Whole,
}

const STARTS: [&str; 24] = [
    "Here is my answer.",
    "Here is what I know.",
    "Good question!",
    "Let me tell you.",
    "Listen to this.",
    "This is easy.",
    "Of course!",
    "Dear reader!",
    "Hello friend!",
    "Let us begin.",
    "I am glad you asked.",
    "Here we go.",
    "Thank you for asking.",
    "Sure thing!",
    "Once again hello!",
    "My dear friend!",
    "This is my note.",
    "It is a pleasure.",
    "Good morning!",
    "Good evening!",
    "In short:",
    "To be brief:",
    "Here is the text:",
    "My answer follows.",
];

const ENDS: [&str; 24] = [
    "That is all.",
    "The end.",
    "I hope this helps.",
    "Have a nice day.",
    "Thank you for reading.",
    "See you soon.",
    "Goodbye for now.",
    "That is what I know.",
    "Is there anything else?",
    "Ask me again.",
    "Now you know.",
    "Nothing more to say.",
    "Good luck!",
    "Take care!",
    "Any other questions?",
    "Stay curious.",
    "Learn more tomorrow.",
    "This was my answer.",
    "Isn't that nice?",
    "What do you think?",
    "Best wishes to you.",
    "Enjoy your day!",
    "My work is done.",
    "All the best.",
];

/// Things to be put into a text; each takes `a`.
pub(super) const THINGS: [&str; 48] = [
    "lantern", "basket", "river", "castle", "ladder", "whistle", "carpet", "bottle", "candle", "feather", "garden",
    "pocket", "ribbon", "saddle", "tunnel", "village", "window", "mirror", "blanket", "compass", "drawer", "fountain",
    "hammock", "kettle", "magnet", "needle", "pillow", "puzzle", "rocket", "shovel", "statue", "teapot", "trumpet",
    "wagon", "barrel", "button", "cottage", "diamond", "fence", "harbour", "jacket", "kitchen", "lemon", "marble",
    "notebook", "painting", "suitcase", "tent",
];

const HEADINGS: [&str; 4] = ["Section", "Part", "Chapter", "PART"];

impl Asked {
    /// Something that can be asked of this subject.
    pub(super) fn draw(draw: &mut Draw, subject: &Subject) -> Option<Self> {
        let n = |draw: &mut Draw, low, high| draw.between(low, high) as usize;
        Some(match subject {
            Subject::List { things, .. } => match draw.below(8) {
                0 => Self::Bullets(things.len()),
                1 => Self::NoComma,
                2 => Self::Json,
                3 => Self::Start(draw.pick::<&str>(&STARTS)),
                4 => Self::End(draw.pick::<&str>(&ENDS)),
                5 => Self::Upper,
                6 => Self::Lower,
                _ => Self::Quotes,
            },
            Subject::Topic(topic) => match draw.below(21) {
                0 => Self::Bullets(n(draw, 2, 5)),
                1 => Self::Paragraphs(n(draw, 2, 3)),
                2 => Self::Sections(draw.pick::<&str>(&HEADINGS), n(draw, 2, 3)),
                3 => Self::Highlights(n(draw, 1, 3)),
                4 => Self::TwoResponses,
                5 => Self::Json,
                6 => Self::Placeholders(n(draw, 1, 4)),
                7 => Self::AtMost(n(draw, 16, 40)),
                8 => Self::AtLeast(n(draw, 8, 20)),
                9 => Self::Often(n(draw, 2, 4), topic.name),
                10 => {
                    let things = draw.sample(&THINGS, 2);
                    let is_said =
                        |thing: &str| topic.name.contains(thing) || topic.says.iter().any(|says| says.contains(thing));
                    if is_said(things[0]) || is_said(things[1]) {
                        return None;
                    }
                    Self::Include(things[0], things[1])
                }
                11 => {
                    // the last word of one of its first three sentences, if it is one to be missed
                    let word = topic.says[draw.below(3)].rsplit(' ').next()?;
                    let is_in_name = topic.name.contains(word) || word.contains(topic.name);
                    let others = topic.says.iter().filter(|says| !says.split(' ').any(|other| other == word)).count();
                    if word.len() < 4 || is_in_name || others < 4 {
                        return None;
                    }
                    Self::Avoid(word)
                }
                12 => Self::NoComma,
                13 => Self::Title,
                14 => Self::Start(draw.pick::<&str>(&STARTS)),
                15 => Self::Repeat,
                16 => Self::End(draw.pick::<&str>(&ENDS)),
                17 => Self::Postscript,
                18 => Self::Upper,
                19 => Self::Lower,
                _ => Self::Quotes,
            },
        })
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Self::Bullets(_)
            | Self::Paragraphs(_)
            | Self::Sections(..)
            | Self::Highlights(_)
            | Self::TwoResponses
            | Self::Placeholders(_)
            | Self::AtMost(_)
            | Self::AtLeast(_)
            | Self::Often(..)
            | Self::Include(..)
            | Self::Avoid(_)
            | Self::NoComma => Place::Body,
            Self::Title | Self::Start(_) => Place::Before,
            Self::End(_) | Self::Postscript => Place::After,
            Self::Upper | Self::Lower => Place::Letters,
            Self::Quotes => Place::Around,
            Self::Json | Self::Repeat | Self::Constrained => Place::Whole,
        }
    }

    /// Can an answer follow both?
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        let places = [self.place(), other.place()];
        let clash = |a: &Self, b: &Self| match (a, b) {
            // an opening quote would stand before the first asterisk or the words to begin with
            (Self::Bullets(_) | Self::Start(_), Self::Quotes) => true,
            (Self::Sections(..), Self::Upper | Self::Lower) => true,
            // no sentence is left for it, or no room
            (Self::Paragraphs(_) | Self::Sections(..) | Self::AtLeast(_) | Self::AtMost(_), Self::Postscript) => true,
            (Self::Avoid(word), Self::Start(phrase) | Self::End(phrase)) => phrase.to_lowercase().contains(word),
            _ => false,
        };
        places[0] != places[1] && !places.contains(&Place::Whole) && !clash(self, other) && !clash(other, self)
    }

    /// Not where letters and marks of the question matter.
    pub(super) fn may_be_typed_in_a_hurry(&self) -> bool {
        !matches!(self, Self::Sections(..) | Self::Repeat | Self::Constrained)
    }

    pub(super) fn instruction(&self, request: &str) -> Result<Instruction, InstructionError> {
        Ok(match *self {
            Self::Bullets(count) => Instruction::Bullets { count },
            Self::Paragraphs(count) => Instruction::Paragraphs { count },
            Self::Sections(word, count) => Instruction::Sections { splitter: Pattern::heading(word)?, count },
            Self::Highlights(count) => Instruction::Highlights { count },
            Self::TwoResponses => Instruction::TwoResponses,
            Self::Json => Instruction::Json,
            Self::Placeholders(count) => Instruction::Placeholders { count },
            Self::AtMost(words) => Instruction::Words { bound: Bound::LessThan(words + 1) },
            Self::AtLeast(words) => Instruction::Words { bound: Bound::AtLeast(words) },
            Self::Often(times, word) => {
                Instruction::Frequency { keyword: Pattern::anywhere(word)?, bound: Bound::AtLeast(times) }
            }
            Self::Include(a, b) => {
                Instruction::Existence { keywords: vec![Pattern::anywhere(a)?, Pattern::anywhere(b)?] }
            }
            Self::Avoid(word) => Instruction::Forbidden { words: vec![Pattern::words(word)?] },
            Self::NoComma => Instruction::NoComma,
            Self::Title => Instruction::Title,
            Self::Start(phrase) => Instruction::RepeatPrompt { prompt: phrase.to_owned() },
            Self::Repeat => Instruction::RepeatPrompt { prompt: request.to_owned() },
            Self::End(phrase) => Instruction::EndPhrase { phrase: phrase.to_owned() },
            Self::Postscript => Instruction::Postscript { marker: Pattern::postscript("P.S.")? },
            Self::Upper => Instruction::UpperCase,
            Self::Lower => Instruction::LowerCase,
            Self::Quotes => Instruction::Quotation,
            Self::Constrained => Instruction::Constrained,
        })
    }

    /// Its place in the table of phrasings.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Bullets(_) => "bullets",
            Self::Paragraphs(_) => "paragraphs",
            Self::Sections(..) => "sections",
            Self::Highlights(_) => "highlights",
            Self::TwoResponses => "two-responses",
            Self::Json => "json",
            Self::Placeholders(_) => "placeholders",
            Self::AtMost(_) => "at-most",
            Self::AtLeast(_) => "at-least",
            Self::Often(..) => "often",
            Self::Include(..) => "include",
            Self::Avoid(_) => "avoid",
            Self::NoComma => "no-comma",
            Self::Title => "title",
            Self::Start(_) => "start",
            Self::Repeat => "repeat",
            Self::End(_) => "end",
            Self::Postscript => "postscript",
            Self::Upper => "upper",
            Self::Lower => "lower",
            Self::Quotes => "quotes",
            Self::Constrained => "constrained",
        }
    }

    /// One of the ways to ask for it, with its number. One that begins with `~` ends the sentence of the request.
    pub(super) fn phrase(&self, draw: &mut Draw) -> (usize, String) {
        let ways = ways(self);
        let way = draw.below(ways.len());
        let (n, a, b) = match *self {
            Self::Bullets(n) | Self::Paragraphs(n) | Self::Highlights(n) | Self::Placeholders(n) => (n, "", ""),
            Self::AtMost(n) | Self::AtLeast(n) => (n, "", ""),
            Self::Sections(word, n) | Self::Often(n, word) => (n, word, ""),
            Self::Include(a, b) => (0, a, b),
            Self::Avoid(text) | Self::Start(text) | Self::End(text) => (0, text, ""),
            _ => (0, "", ""),
        };
        let mut text = ways[way].replace("{n}", &n.to_string()).replace("{N}", &in_words(n));
        if n == 1 {
            for (many, one) in
                [("parts", "part"), ("placeholders", "placeholder"), ("places", "place"), ("pieces", "piece")]
            {
                text = text.replace(many, one);
            }
        }
        (way, text.replace("{a}", a).replace("{b}", b))
    }
}
