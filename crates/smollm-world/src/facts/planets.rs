//! The eight planets: place, kind, neighbours, size, rings, moons, god.
//!
//! Left out are the moons of the giants, of which more are found every year.

use super::{Attribute, Class, Reverse, Row};

pub(super) static CLASS: Class = Class { name: "planet", attributes: ATTRIBUTES };

pub(super) fn rows() -> Vec<Row> {
    let neighbour = |i: usize| TABLE.get(i).map_or("", |row| row[0]);
    let row = |(i, &[name, place, kind, size, rings, moons, god]): (usize, &[&'static str; 7])| {
        let values = [place, kind, neighbour(i.wrapping_sub(1)), neighbour(i + 1), size, rings, moons, god];
        Row { names: name, plural: "", values: values.map(str::to_owned).to_vec() }
    };
    TABLE.iter().enumerate().map(row).collect()
}

const ATTRIBUTES: &[Attribute] = &[
    Attribute {
        key: "place",
        nouns: &[],
        answer: "{E} is the {V} planet from the Sun.",
        statements: &[
            "{E} is the {V} planet from the Sun.",
            "[It|This planet] is the {V} [planet|one] [from|counted from] the Sun.",
            "[Counted|Seen] from the Sun it is the {V}.",
        ],
        asks: &[
            "Which planet from the Sun is {E}?",
            "What place does {E} have, counted from the Sun?",
            "Where does {E} come in the order of the planets?",
            "Counted from the Sun, which planet is {E}?",
            "At which place from the Sun is {E}?",
        ],
        clauses: &["which planet from the Sun {E} is", "what place {E} has, counted from the Sun"],
        follow_ups: &["Which planet from the Sun is it?", "What place does it have, counted from the Sun?"],
        reverse: Some(Reverse {
            answer: "The {V} planet from the Sun is {E}.",
            asks: &[
                "Which planet is the {V} from the Sun?",
                "What is the {V} planet from the Sun?",
                "Which is the {V} planet, counted from the Sun?",
                "What is the name of the {V} planet from the Sun?",
            ],
            clauses: &[
                "which planet is the {V} from the Sun",
                "what the {V} planet from the Sun is",
                "what the {V} planet from the Sun is called",
            ],
        }),
    },
    Attribute {
        key: "kind",
        nouns: &[],
        answer: "{E} is {aV}.",
        statements: &[
            "{E} is {aV}.",
            "[It|This planet|The planet] is {aV}.",
            "[Astronomers|We|People] [call it|classify it as] {aV}.",
        ],
        asks: &[
            "What kind of planet is {E}?",
            "What type of planet is {E}?",
            "Is {E} a rocky planet, a gas giant or an ice giant?",
            "How is {E} classified?",
            "What sort of planet is {E}?",
        ],
        clauses: &["what kind of planet {E} is", "what type of planet {E} is"],
        follow_ups: &["What kind of planet is it?", "What type of planet is it?"],
        reverse: None,
    },
    Attribute {
        key: "before",
        nouns: &[],
        answer: "The planet before {E} is {V}.",
        statements: &[
            "The planet before {E} is {V}.",
            "[It|This planet] [comes after|follows] {V}.",
            "[Before it|One place nearer to the Sun] [comes|is] {V}.",
        ],
        asks: &[
            "Which planet comes before {E}?",
            "What is the planet before {E}?",
            "Counted from the Sun, which planet comes just before {E}?",
            "Which planet is right before {E}?",
            "Which planet lies just inside the orbit of {E}?",
        ],
        clauses: &["which planet comes before {E}", "which planet is right before {E}"],
        follow_ups: &["Which planet comes before it?", "What is the planet before it?"],
        reverse: None,
    },
    Attribute {
        key: "after",
        nouns: &[],
        answer: "The planet after {E} is {V}.",
        statements: &[
            "The planet after {E} is {V}.",
            "[It|This planet] [comes before|is followed by] {V}.",
            "[After it|One place farther from the Sun] [comes|is] {V}.",
        ],
        asks: &[
            "Which planet comes after {E}?",
            "What is the planet after {E}?",
            "Counted from the Sun, which planet comes just after {E}?",
            "Which planet is right after {E}?",
            "Which planet lies just outside the orbit of {E}?",
        ],
        clauses: &["which planet comes after {E}", "which planet is right after {E}"],
        follow_ups: &["Which planet comes after it?", "What is the planet after it?"],
        reverse: None,
    },
    Attribute {
        key: "size",
        nouns: &[],
        answer: "{E} is the {V} planet.",
        statements: &[
            "{E} is the {V} planet.",
            "[It|This planet] is the {V} [planet|one] [of the eight|by size].",
            "[Among|Of] the eight planets it is the {V}.",
        ],
        asks: &[
            "How large is {E} among the planets?",
            "Where does {E} come in the order of size?",
            "What is the rank of {E} by size?",
            "Ordered by size, which planet is {E}?",
            "How does {E} compare in size with the other planets?",
        ],
        clauses: &["how large {E} is among the planets", "where {E} comes in the order of size"],
        follow_ups: &["How large is it among the planets?", "Where does it come in the order of size?"],
        reverse: Some(Reverse {
            answer: "The {V} planet is {E}.",
            asks: &[
                "Which planet is the {V}?",
                "What is the {V} planet?",
                "Which is the {V} planet of the solar system?",
                "What is the name of the {V} planet?",
            ],
            clauses: &[
                "which planet is the {V}",
                "what the {V} planet is",
                "what the {V} planet of the solar system is called",
            ],
        }),
    },
    Attribute {
        key: "rings",
        nouns: &[],
        answer: "{E} has {V}.",
        statements: &[
            "{E} has {V}.",
            "[It|This planet|The planet] has {V}[ around it|].",
            "[Seen through a telescope|Seen from space], it has {V}.",
        ],
        asks: &[
            "Does {E} have rings?",
            "Are there rings around {E}?",
            "Is {E} a planet with rings?",
            "Has {E} got rings?",
            "Is there a ring around {E}?",
        ],
        clauses: &["whether {E} has rings", "whether there are rings around {E}"],
        follow_ups: &["Does it have rings?", "Are there rings around it?"],
        reverse: None,
    },
    Attribute {
        key: "moons",
        nouns: &["number of moons"],
        answer: "{E} has {V}.",
        statements: &[
            "{E} has {V}.",
            "[It|This planet|The planet] has {V}.",
            "[In its sky|In the sky there] you see {V}.",
        ],
        asks: &[
            "How many moons does {E} have?",
            "How many moons go around {E}?",
            "How many moons are there around {E}?",
        ],
        clauses: &["how many moons {E} has", "how many moons go around {E}"],
        follow_ups: &["How many moons does it have?", "How many moons go around it?"],
        reverse: None,
    },
    Attribute {
        key: "god",
        nouns: &[],
        answer: "{E} is named after the {V}.",
        statements: &[
            "{E} is named after the {V}.",
            "[It|This planet] [is named after|has its name from|is called after] the {V}.",
            "[The planet|This world] [is named after|has its name from] the {V}.",
        ],
        asks: &[
            "After whom is {E} named?",
            "Who is {E} named after?",
            "Which god gave {E} its name?",
            "Where does the name of {E} come from?",
            "After which god is {E} named?",
        ],
        clauses: &["who {E} is named after", "where the name of {E} comes from"],
        follow_ups: &["Who is it named after?", "Where does its name come from?"],
        reverse: None,
    },
];

/// Name, place, kind, size, rings, moons, god; from the Sun outwards.
#[rustfmt::skip]
const TABLE: &[[&str; 7]] = &[
    ["Mercury", "first", "rocky planet", "smallest", "no rings", "no moons|0 moons", "Roman messenger of the gods"],
    ["Venus", "second", "rocky planet", "sixth largest", "no rings", "no moons|0 moons", "Roman goddess of love"],
    ["Earth", "third", "rocky planet", "fifth largest", "no rings", "one moon|1 moon", ""],
    ["Mars", "fourth", "rocky planet", "seventh largest", "no rings", "two moons|2 moons", "Roman god of war"],
    ["Jupiter", "fifth", "gas giant", "largest", "rings", "", "Roman king of the gods"],
    ["Saturn", "sixth", "gas giant", "second largest", "rings", "", "Roman god of farming|Roman god of agriculture"],
    ["Uranus", "seventh", "ice giant", "third largest", "rings", "", "Greek god of the sky"],
    ["Neptune", "eighth", "ice giant", "fourth largest", "rings", "", "Roman god of the sea"],
];
