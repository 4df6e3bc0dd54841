//! What fills the gaps of templates: names, numbers, dates, times, things.

use crate::calendar::{MONTHS, WEEKDAYS};
use crate::draw::Draw;
use crate::split::Split;
use smollm_verify::text::has_exact_phrase;

/// First names, met in training and in what is held out.
pub(crate) const FIRST_NAMES: [&str; 112] = [
    "Adam", "Alice", "Amir", "Amy", "Andrea", "Anna", "Arthur", "Ben", "Bella", "Bruno", "Carla", "Carlos", "Cathy",
    "Chloe", "Clara", "Daniel", "Daria", "David", "Dora", "Edith", "Elena", "Eli", "Ella", "Emil", "Emma", "Eric",
    "Eva", "Felix", "Fiona", "Frank", "Frida", "Gina", "George", "Grace", "Greta", "Hana", "Harry", "Helen", "Henry",
    "Hugo", "Ida", "Igor", "Ines", "Iris", "Ivan", "Jack", "James", "Jane", "Jasmine", "Joan", "John", "Jonas",
    "Julia", "Karen", "Karl", "Kate", "Kevin", "Kim", "Laura", "Leila", "Leo", "Liam", "Lily", "Linda", "Lucas",
    "Lucy", "Magda", "Maria", "Mark", "Martin", "Max", "Maya", "Mia", "Milan", "Mona", "Nadia", "Nina", "Noah", "Nora",
    "Olga", "Oliver", "Omar", "Oscar", "Paula", "Peter", "Petra", "Philip", "Priya", "Quentin", "Rachel", "Rita",
    "Robert", "Rosa", "Ruth", "Sam", "Sara", "Simon", "Sofia", "Stella", "Susan", "Tara", "Theo", "Thomas", "Tina",
    "Tom", "Uma", "Vera", "Victor", "Wendy", "Yara", "Yusuf", "Zoe",
];

const SURNAME_HEADS: [&str; 40] = [
    "Hart", "Wood", "Green", "Brook", "Ash", "Black", "White", "North", "Fair", "Stan", "Hill", "Wind", "Thorn", "Mar",
    "Brad", "Cliff", "Dun", "Ed", "Hal", "Kings", "Lang", "Mil", "New", "Oak", "Pres", "Red", "Sher", "Tal", "Wal",
    "West", "Whit", "Bex", "Cald", "Farn", "Gold", "Hay", "Lind", "Rock", "Stone", "Under",
];

const SURNAME_TAILS: [&str; 14] =
    ["ley", "ford", "well", "man", "field", "ton", "wood", "worth", "bury", "hurst", "ham", "more", "by", "son"];

/// Things that may fail after a change.
pub(crate) const SYSTEMS: [&str; 12] = [
    "CI",
    "build",
    "website",
    "test suite",
    "login page",
    "nightly job",
    "server",
    "app",
    "printer",
    "database",
    "search page",
    "backup",
];

const CHANGES: [&str; 8] = ["commit", "change", "update", "release", "merge", "fix", "patch", "upload"];

const THINGS: [&str; 36] = [
    "report",
    "invoice",
    "contract",
    "budget",
    "draft",
    "schedule",
    "price list",
    "guest list",
    "project plan",
    "form",
    "test report",
    "speech",
    "letter",
    "order form",
    "travel plan",
    "quote",
    "summary",
    "survey",
    "poster",
    "newsletter",
    "manual",
    "application",
    "memo",
    "proposal",
    "timesheet",
    "address list",
    "menu",
    "floor plan",
    "agenda",
    "checklist",
    "brochure",
    "article",
    "recipe",
    "catalogue",
    "work plan",
    "annual report",
];

const MEETINGS: [&str; 14] = [
    "team meeting",
    "budget review",
    "weekly call",
    "training session",
    "job interview",
    "design review",
    "board meeting",
    "planning session",
    "staff lunch",
    "safety briefing",
    "product demo",
    "workshop",
    "client visit",
    "project review",
];

const GOODS: [&str; 16] = [
    "chairs",
    "boxes",
    "lamps",
    "desks",
    "laptops",
    "books",
    "phones",
    "shirts",
    "cables",
    "tables",
    "bottles",
    "cameras",
    "notebooks",
    "bags",
    "screens",
    "printers",
];

const PLACES: [&str; 14] = [
    "the main office",
    "the library",
    "the town hall",
    "the old factory",
    "the museum",
    "the north gate",
    "the lecture hall",
    "the warehouse",
    "the sports centre",
    "the harbour",
    "the city park",
    "the school hall",
    "the new building",
    "the visitor centre",
];

/// Of these gaps, what fills them must be kept by whoever rewrites or sums up.
const KEPT: [&str; 15] = [
    "name", "first", "day", "weekday", "time", "n", "few", "many", "big", "money", "price", "low", "high", "room",
    "sys",
];

/// A surname of this split.
fn surname(draw: &mut Draw, split: Split) -> String {
    loop {
        let (head, tail) = (draw.pick(&SURNAME_HEADS), draw.pick(&SURNAME_TAILS));
        let name = format!("{head}{tail}");
        // "Woodwood" and "Cliffford" are none
        let is_odd = head.eq_ignore_ascii_case(tail) || (head.ends_with('f') && tail.starts_with('f'));
        if !is_odd && Split::of_text(&name) == split {
            return name;
        }
    }
}

/// What fills a gap of this kind.
fn value(draw: &mut Draw, split: Split, kind: &str) -> String {
    match kind {
        "first" => (*draw.pick(&FIRST_NAMES)).to_owned(),
        "name" => match draw.below(5) {
            0 => (*draw.pick(&FIRST_NAMES)).to_owned(),
            1 => format!("{} {}", draw.pick(&["Mr.", "Ms.", "Dr."]), surname(draw, split)),
            _ => format!("{} {}", draw.pick(&FIRST_NAMES), surname(draw, split)),
        },
        "weekday" => (*draw.pick(&WEEKDAYS)).to_owned(),
        "day" => match draw.below(3) {
            0 => (*draw.pick(&WEEKDAYS)).to_owned(),
            1 => format!("{} {}", draw.pick(&MONTHS), draw.between(1, 28)),
            _ => format!("{} {}", draw.between(1, 28), draw.pick(&MONTHS)),
        },
        "time" => {
            let half = draw.pick(&["am", "pm"]);
            match draw.below(3) {
                0 => format!("{}:{}0 {half}", draw.between(1, 12), draw.between(1, 5)),
                1 => format!("{}:{}5 {half}", draw.between(1, 12), draw.between(1, 5)),
                _ => format!("{} {half}", draw.between(1, 12)),
            }
        }
        "n" => draw.between(2, 99).to_string(),
        "few" => draw.between(2, 15).to_string(),
        "many" => draw.between(16, 99).to_string(),
        "big" => draw.between(100, 9999).to_string(),
        "money" => format!("${}", draw.between(12, 990)),
        "price" => format!("${}", draw.between(3, 60)),
        "low" => format!("${}", draw.between(200, 490)),
        "high" => format!("${}", draw.between(500, 990)),
        "room" => format!("room {}", draw.between(2, 480)),
        "sys" => (*draw.pick(&SYSTEMS)).to_owned(),
        "work" => (*draw.pick(&CHANGES)).to_owned(),
        "meeting" => (*draw.pick(&MEETINGS)).to_owned(),
        "goods" => (*draw.pick(&GOODS)).to_owned(),
        "place" => (*draw.pick(&PLACES)).to_owned(),
        _ => (*draw.pick(&THINGS)).to_owned(),
    }
}

/// The gaps of a text with what fills them. A gap is `{kind}`, or `{kind2}` for a second one of its kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filled {
    values: Vec<(String, String)>,
    /// Names of other people of the same text.
    others: Vec<String>,
}

impl Filled {
    /// No gaps yet; none that is added will hold one of these names.
    pub(crate) fn without(names: Vec<String>) -> Self {
        Self { values: Vec::new(), others: names }
    }

    /// Fills the gaps of this template, all differently; no two people have one first name.
    pub(crate) fn add(&mut self, draw: &mut Draw, split: Split, template: &str) {
        for gap in gaps(template) {
            if self.values.iter().any(|(known, _)| known == gap) {
                continue;
            }
            let kind = gap.trim_end_matches(|c: char| c.is_ascii_digit());
            let names = [self.first_names(), self.others.clone()].concat();
            let text = loop {
                let text = value(draw, split, kind);
                let is_new = self.values.iter().all(|(_, other)| *other != text);
                if is_new && !names.iter().any(|name| has_exact_phrase(&text, name)) {
                    break text;
                }
            };
            self.values.push((gap.to_owned(), text));
        }
    }

    /// The template with its gaps filled.
    pub(crate) fn text(&self, template: &str) -> String {
        self.values.iter().fold(template.to_owned(), |text, (gap, value)| text.replace(&format!("{{{gap}}}"), value))
    }

    /// The first names among what fills the gaps.
    pub(crate) fn first_names(&self) -> Vec<String> {
        let firsts = self.values.iter().filter_map(|(_, value)| value.split(' ').next());
        firsts.filter(|first| FIRST_NAMES.contains(first)).map(str::to_owned).collect()
    }

    /// What fills those gaps of the template that hold a name, a number, a date or a time.
    pub(crate) fn kept(&self, template: &str) -> Vec<String> {
        let is_kept = |gap: &str| KEPT.contains(&gap.trim_end_matches(|c: char| c.is_ascii_digit()));
        let mut kept = Vec::new();
        for gap in gaps(template).filter(|gap| is_kept(gap)) {
            let values = self.values.iter().filter(|(known, _)| known == gap);
            kept.extend(values.map(|(_, value)| value.clone()));
        }
        kept
    }
}

/// The gaps of a template in their order, without braces.
fn gaps(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(gap, _)| gap))
}

/// The text with another name, number or date in the place of one that was to be kept; nothing if it is not there.
pub(crate) fn altered(draw: &mut Draw, text: &str, term: &str) -> Option<String> {
    let other = |draw: &mut Draw, from: &[&str]| {
        let others: Vec<&str> = from.iter().copied().filter(|other| !text.contains(other)).collect();
        (!others.is_empty()).then(|| (*draw.pick(&others)).to_owned())
    };
    let changed = if let Some(at) = term.find(|c: char| c.is_ascii_digit()) {
        let end = term[at..].find(|c: char| !c.is_ascii_digit()).map_or(term.len(), |length| at + length);
        let number = term[at..end].parse::<u64>().ok().filter(|number| (1..1_000_000).contains(number))?;
        // no hour beyond 12 and no day beyond 28, which would give it away
        let most = if term.ends_with('m') {
            12
        } else if MONTHS.iter().any(|month| term.contains(month)) {
            28
        } else {
            u64::MAX
        };
        let other = (number - 1 + draw.between(1, 9) as u64) % most + 1;
        format!("{}{other}{}", &term[..at], &term[end..])
    } else if WEEKDAYS.contains(&term) {
        other(draw, &WEEKDAYS)?
    } else if SYSTEMS.contains(&term) {
        other(draw, &SYSTEMS)?
    } else if let Some((title, _)) = term.split_once(". ") {
        format!("{title}. {}", surname(draw, Split::Train))
    } else {
        let first = other(draw, &FIRST_NAMES)?;
        if term.contains(' ') { format!("{first} {}", surname(draw, Split::Train)) } else { first }
    };
    replaced(text, term, &changed)
}

/// The text with another in the place of `term`, wherever that is whole words; nothing if it is nowhere.
fn replaced(text: &str, term: &str, other: &str) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric();
    let (first, last) = (term.chars().next()?, term.chars().next_back()?);
    let (mut out, mut from) = (String::new(), 0);
    for (at, _) in text.match_indices(term) {
        let (before, after) = (text[..at].chars().next_back(), text[at + term.len()..].chars().next());
        if is_word(first) && before.is_some_and(is_word) || is_word(last) && after.is_some_and(is_word) {
            continue;
        }
        out += &text[from..at];
        out += other;
        from = at + term.len();
    }
    (from > 0).then(|| out + &text[from..])
}
