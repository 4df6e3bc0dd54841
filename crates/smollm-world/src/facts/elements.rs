//! Chemical elements: symbol, number, kind, period, group, block, state, neighbours.
//!
//! The names and symbols are a table in order of the atomic number; the rest follows from the number. Left out are the block of the ends
//! of the two long rows and the kind of group 12 and of the heaviest, which are disputed, and states that nobody has seen.

use super::{Attribute, Class, Reverse, Row};

pub(super) static CLASS: Class = Class { name: "element", attributes: ATTRIBUTES };

const ATTRIBUTES: &[Attribute] = &[
    Attribute {
        key: "symbol",
        nouns: &["chemical symbol", "symbol"],
        answer: "The chemical symbol of {E} is {V}.",
        statements: &[
            "The [chemical symbol|symbol] of {E} is {V}.",
            "[Its|The] [chemical symbol|symbol] is {V}.",
            "[Chemists|We|People] [write|abbreviate] it as {V}.",
        ],
        asks: &["Which symbol does {E} have?", "Which letters stand for {E} in the periodic table?"],
        clauses: &["which symbol {E} has", "which letters stand for {E} in the periodic table"],
        follow_ups: &["Which symbol does it have?", "Which letters stand for it?"],
        reverse: Some(Reverse {
            answer: "The element with the symbol {V} is {E}.",
            asks: &[
                "Which element has the symbol {V}?",
                "Which chemical element is written as {V}?",
                "Which element does the symbol {V} stand for?",
                "What element has the chemical symbol {V}?",
            ],
            clauses: &[
                "which element has the symbol {V}",
                "which element the symbol {V} stands for",
                "what element is written as {V}",
            ],
        }),
    },
    Attribute {
        key: "number",
        nouns: &["atomic number", "number of protons"],
        answer: "The atomic number of {E} is {V}.",
        statements: &[
            "The atomic number of {E} is {V}.",
            "[Its|The] atomic number is {V}.",
            "[The number of protons|The proton number|The count of its protons] is {V}.",
        ],
        asks: &["How many protons does an atom of {E} have?", "Which atomic number does {E} have?"],
        clauses: &["how many protons an atom of {E} has", "which atomic number {E} has"],
        follow_ups: &["How many protons does an atom of it have?", "Which atomic number does it have?"],
        reverse: Some(Reverse {
            answer: "The element with the atomic number {V} is {E}.",
            asks: &[
                "Which element has the atomic number {V}?",
                "Which chemical element is number {V} in the periodic table?",
                "What element has the atomic number {V}?",
                "Which element is number {V}?",
            ],
            clauses: &[
                "which element has the atomic number {V}",
                "which element is number {V} in the periodic table",
                "what element has the atomic number {V}",
            ],
        }),
    },
    Attribute {
        key: "kind",
        nouns: &[],
        answer: "{E} is {aV}.",
        statements: &[
            "{E} is {aV}.",
            "[It|This element|The element] is {aV}.",
            "[Chemists|We|People] [call it|classify it as] {aV}.",
        ],
        asks: &[
            "What kind of element is {E}?",
            "What type of element is {E}?",
            "Which family of elements does {E} belong to?",
            "How is {E} classified?",
            "To which kind of elements does {E} belong?",
        ],
        clauses: &["what kind of element {E} is", "how {E} is classified"],
        follow_ups: &["What kind of element is it?", "Which family of elements does it belong to?"],
        reverse: None,
    },
    Attribute {
        key: "period",
        nouns: &["period"],
        answer: "{E} is in period {V}.",
        statements: &[
            "{E} [is|stands] in period {V}.",
            "[It|This element] [is|stands] in period {V}[ of the periodic table|].",
            "[You find it|Look for it] in period {V}.",
        ],
        asks: &[
            "Which period is {E} in?",
            "In which period of the periodic table is {E}?",
            "Which row of the periodic table is {E} in?",
        ],
        clauses: &["which period {E} is in", "in which row of the periodic table {E} is"],
        follow_ups: &["Which period is it in?", "Which row of the periodic table is it in?"],
        reverse: None,
    },
    Attribute {
        key: "group",
        nouns: &["group"],
        answer: "{E} is in group {V}.",
        statements: &[
            "{E} [is|stands] in group {V}.",
            "[It|This element] [is|belongs] in group {V}[ of the periodic table|].",
            "[Its|The] [group|column] is number {V}.",
        ],
        asks: &[
            "Which group is {E} in?",
            "In which group of the periodic table is {E}?",
            "Which column of the periodic table is {E} in?",
        ],
        clauses: &["which group {E} is in", "in which column of the periodic table {E} is"],
        follow_ups: &["Which group is it in?", "Which column of the periodic table is it in?"],
        reverse: None,
    },
    Attribute {
        key: "block",
        nouns: &["block"],
        answer: "{E} is in the {V}.",
        statements: &[
            "{E} [is in|belongs to] the {V}.",
            "[It|This element] [is in|belongs to|is part of] the {V}.",
            "[Its|The] block is the {V}.",
        ],
        asks: &[
            "Which block is {E} in?",
            "In which block of the periodic table is {E}?",
            "Which block of the periodic table does {E} belong to?",
        ],
        clauses: &["which block {E} is in", "which block of the periodic table {E} belongs to"],
        follow_ups: &["Which block is it in?", "Which block does it belong to?"],
        reverse: None,
    },
    Attribute {
        key: "state",
        nouns: &[],
        answer: "{E} is a {V} at room temperature.",
        statements: &[
            "{E} is a {V} at room temperature.",
            "At room temperature [it|this element|the element] is a {V}.",
            "[In a heated room|In a living room|In a normal room] [it|this element] is a {V}.",
        ],
        asks: &[
            "Is {E} a solid, a liquid or a gas at room temperature?",
            "In which state is {E} at room temperature?",
            "What state is {E} in at room temperature?",
            "Is {E} solid, liquid or gaseous at room temperature?",
            "What is the state of {E} at room temperature?",
        ],
        clauses: &[
            "whether {E} is a solid, a liquid or a gas at room temperature",
            "in which state {E} is at room temperature",
        ],
        follow_ups: &[
            "Is it a solid, a liquid or a gas at room temperature?",
            "In which state is it at room temperature?",
        ],
        reverse: None,
    },
    Attribute {
        key: "before",
        nouns: &[],
        answer: "The element before {E} is {V}.",
        statements: &[
            "The element before {E} is {V}.",
            "[It|This element] [comes after|follows] {V}[ in the periodic table|].",
            "[Before it|Just before it|One place before it] [comes|stands|is] {V}.",
        ],
        asks: &[
            "Which element comes before {E}?",
            "What is the element before {E}?",
            "Which element stands before {E} in the periodic table?",
            "What comes just before {E} in the periodic table?",
            "Which element is right before {E}?",
        ],
        clauses: &["which element comes before {E}", "which element stands before {E} in the periodic table"],
        follow_ups: &["Which element comes before it?", "What is the element before it?"],
        reverse: None,
    },
    Attribute {
        key: "after",
        nouns: &[],
        answer: "The element after {E} is {V}.",
        statements: &[
            "The element after {E} is {V}.",
            "[It|This element] [comes before|is followed by] {V}[ in the periodic table|].",
            "[After it|Just after it|One place after it] [comes|stands|is] {V}.",
        ],
        asks: &[
            "Which element comes after {E}?",
            "What is the element after {E}?",
            "Which element follows {E} in the periodic table?",
            "What comes just after {E} in the periodic table?",
            "Which element is right after {E}?",
        ],
        clauses: &["which element comes after {E}", "which element follows {E} in the periodic table"],
        follow_ups: &["Which element comes after it?", "What is the element after it?"],
        reverse: None,
    },
];

pub(super) fn rows() -> Vec<Row> {
    let name = |number: usize| TABLE.get(number.wrapping_sub(1)).map_or("", |(name, _)| name);
    let row = |(i, &(names, symbol)): (usize, &(&'static str, &str))| {
        let number = i + 1;
        let values = [
            symbol.to_owned(),
            number.to_string(),
            kind(number).to_owned(),
            place(number).0.to_string(),
            group(number).map_or_else(String::new, |group| group.to_string()),
            block(number).to_owned(),
            state(number).to_owned(),
            name(number - 1).to_owned(),
            name(number + 1).to_owned(),
        ];
        Row { names, plural: "", values: values.to_vec() }
    };
    TABLE.iter().enumerate().map(row).collect()
}

/// Period, and place in it from 1.
fn place(number: usize) -> (usize, usize) {
    let ends = [0, 2, 10, 18, 36, 54, 86, 118];
    let period = ends.iter().take_while(|&&end| end < number).count();
    (period, number - ends[period - 1])
}

/// IUPAC's 1 to 18; none for lanthanum to lutetium and actinium to lawrencium.
fn group(number: usize) -> Option<usize> {
    match place(number) {
        (1, 2) => Some(18),
        (_, place @ (1 | 2)) => Some(place),
        (2 | 3, place) => Some(place + 10),
        (4 | 5, place) => Some(place),
        (_, 3..=17) => None,
        (_, place) => Some(place - 14),
    }
}

fn block(number: usize) -> &'static str {
    match (number, group(number)) {
        (2, _) | (_, Some(1 | 2)) => "s-block",
        (_, Some(3..=12)) => "d-block",
        (_, Some(_)) => "p-block",
        (57 | 71 | 89 | 103, None) => "",
        (_, None) => "f-block",
    }
}

fn kind(number: usize) -> &'static str {
    match number {
        1 | 6 | 7 | 8 | 15 | 16 | 34 => "nonmetal",
        3 | 11 | 19 | 37 | 55 | 87 => "alkali metal",
        4 | 12 | 20 | 38 | 56 | 88 => "alkaline earth metal",
        2 | 10 | 18 | 36 | 54 | 86 => "noble gas",
        9 | 17 | 35 | 53 => "halogen",
        5 | 14 | 32 | 33 | 51 | 52 => "metalloid",
        13 | 31 | 49 | 50 | 81..=83 => "post-transition metal",
        57..=71 => "lanthanide",
        89..=103 => "actinide",
        21..=29 | 39..=47 | 72..=79 | 104..=108 => "transition metal",
        _ => "",
    }
}

fn state(number: usize) -> &'static str {
    match number {
        1 | 2 | 7..=10 | 17 | 18 | 36 | 54 | 86 => "gas",
        35 | 80 => "liquid",
        85 | 87 | 99.. => "",
        _ => "solid",
    }
}

/// Names and symbols, from atomic number 1.
#[rustfmt::skip]
const TABLE: &[(&str, &str)] = &[
    ("hydrogen", "H"), ("helium", "He"),
    ("lithium", "Li"), ("beryllium", "Be"), ("boron", "B"), ("carbon", "C"),
    ("nitrogen", "N"), ("oxygen", "O"), ("fluorine", "F"), ("neon", "Ne"),
    ("sodium", "Na"), ("magnesium", "Mg"), ("aluminium|aluminum", "Al"), ("silicon", "Si"),
    ("phosphorus", "P"), ("sulfur|sulphur", "S"), ("chlorine", "Cl"), ("argon", "Ar"),
    ("potassium", "K"), ("calcium", "Ca"), ("scandium", "Sc"), ("titanium", "Ti"), ("vanadium", "V"), ("chromium", "Cr"),
    ("manganese", "Mn"), ("iron", "Fe"), ("cobalt", "Co"), ("nickel", "Ni"), ("copper", "Cu"), ("zinc", "Zn"),
    ("gallium", "Ga"), ("germanium", "Ge"), ("arsenic", "As"), ("selenium", "Se"), ("bromine", "Br"), ("krypton", "Kr"),
    ("rubidium", "Rb"), ("strontium", "Sr"), ("yttrium", "Y"), ("zirconium", "Zr"), ("niobium", "Nb"), ("molybdenum", "Mo"),
    ("technetium", "Tc"), ("ruthenium", "Ru"), ("rhodium", "Rh"), ("palladium", "Pd"), ("silver", "Ag"), ("cadmium", "Cd"),
    ("indium", "In"), ("tin", "Sn"), ("antimony", "Sb"), ("tellurium", "Te"), ("iodine", "I"), ("xenon", "Xe"),
    ("caesium|cesium", "Cs"), ("barium", "Ba"),
    ("lanthanum", "La"), ("cerium", "Ce"), ("praseodymium", "Pr"), ("neodymium", "Nd"), ("promethium", "Pm"),
    ("samarium", "Sm"), ("europium", "Eu"), ("gadolinium", "Gd"), ("terbium", "Tb"), ("dysprosium", "Dy"),
    ("holmium", "Ho"), ("erbium", "Er"), ("thulium", "Tm"), ("ytterbium", "Yb"), ("lutetium", "Lu"),
    ("hafnium", "Hf"), ("tantalum", "Ta"), ("tungsten", "W"), ("rhenium", "Re"), ("osmium", "Os"), ("iridium", "Ir"),
    ("platinum", "Pt"), ("gold", "Au"), ("mercury", "Hg"), ("thallium", "Tl"), ("lead", "Pb"), ("bismuth", "Bi"),
    ("polonium", "Po"), ("astatine", "At"), ("radon", "Rn"),
    ("francium", "Fr"), ("radium", "Ra"),
    ("actinium", "Ac"), ("thorium", "Th"), ("protactinium", "Pa"), ("uranium", "U"), ("neptunium", "Np"),
    ("plutonium", "Pu"), ("americium", "Am"), ("curium", "Cm"), ("berkelium", "Bk"), ("californium", "Cf"),
    ("einsteinium", "Es"), ("fermium", "Fm"), ("mendelevium", "Md"), ("nobelium", "No"), ("lawrencium", "Lr"),
    ("rutherfordium", "Rf"), ("dubnium", "Db"), ("seaborgium", "Sg"), ("bohrium", "Bh"), ("hassium", "Hs"), ("meitnerium", "Mt"),
    ("darmstadtium", "Ds"), ("roentgenium", "Rg"), ("copernicium", "Cn"), ("nihonium", "Nh"), ("flerovium", "Fl"), ("moscovium", "Mc"),
    ("livermorium", "Lv"), ("tennessine", "Ts"), ("oganesson", "Og"),
];
