//! Names of countries, elements and animals that do not exist.

use crate::draw::Draw;
use crate::facts::{Class, Name, entities};
use crate::split::Split;

/// How names of a class are made.
struct Syllables {
    class: &'static str,
    starts: &'static [&'static str],
    middles: &'static [&'static str],
    ends: &'static [&'static str],
}

#[rustfmt::skip]
const SYLLABLES: &[Syllables] = &[
    Syllables {
        class: "country",
        starts: &[
            "Bal", "Bren", "Cor", "Dal", "Dra", "Fen", "Gal", "Gor", "Hal", "Jor", "Kal", "Kre", "Lum", "Mor", "Nor", "Ob", "Pel",
            "Quar", "Ral", "Sar", "Tal", "Tor", "Ul", "Val", "Vel", "Wes", "Xan", "Yar", "Zan", "Zor",
        ],
        middles: &["", "a", "o", "i", "an", "or", "en", "ul", "ava", "ori", "ed", "ish"],
        ends: &["land", "lia", "stan", "nia", "via", "sia", "mark", "ria", "guela", "doria"],
    },
    Syllables {
        class: "element",
        starts: &[
            "vor", "zand", "kryl", "plex", "dor", "mirt", "quon", "ost", "ferr", "lum", "brad", "gild", "harl", "jant", "nov",
            "pald", "rost", "sarn", "tarv", "ulm", "wend", "xant", "yelp", "zirc", "cald", "drax", "elt", "fror", "grav", "hest",
        ],
        middles: &["", "an", "or", "in", "el", "ov", "ad", "ir", "on", "us", "et", "ol"],
        ends: &["ium", "dium", "tium", "nium", "rium", "lium"],
    },
    Syllables {
        class: "animal",
        starts: &[
            "snor", "blor", "gri", "flum", "wib", "drong", "plim", "quag", "trub", "zell", "mop", "nar", "skiv", "yor", "chob",
            "fliv", "gron", "huff", "jub", "klim", "lorp", "munk", "prang", "splo", "thrum", "vork", "wug", "brim", "dab", "squi",
        ],
        middles: &["", "a", "o", "i", "le", "ber", "der", "mi", "po", "ra"],
        ends: &["bit", "dle", "mot", "gle", "fin", "wump", "dak", "tor", "bler", "poon"],
    },
];

/// Real names that the syllables might give and that no table has.
const REAL: &[&str] = &[
    "galia",
    "corsia",
    "moria",
    "noria",
    "valia",
    "saria",
    "dalmark",
    "norland",
    "morland",
    "zircadium",
    "zirconium",
    "novium",
    "ferrium",
    "gildium",
    "ulmia",
    "dalia",
    "talia",
    "doria",
    "kalmark",
    "hallia",
    "halland",
    "gorland",
    "zanzia",
    "coria",
];

/// The name of something that does not exist, of this split, and the class it would have.
pub(super) fn thing(draw: &mut Draw, split: Split) -> (&'static Class, Name) {
    loop {
        let syllables = draw.pick(SYLLABLES);
        let [start, middle, end] = [syllables.starts, syllables.middles, syllables.ends].map(|part| *draw.pick(part));
        let bare = format!("{start}{middle}{end}");
        let real =
            |entity: &crate::facts::Entity| entity.names.iter().any(|name| name.bare.eq_ignore_ascii_case(&bare));
        let exists = REAL.contains(&bare.to_lowercase().as_str()) || entities().iter().any(real);
        if exists || Split::of_text(&bare) != split {
            continue;
        }
        let Some(of_class) = entities().iter().find(|entity| entity.class.name == syllables.class) else { continue };
        let full = if syllables.class == "animal" { format!("the {bare}") } else { bare.clone() };
        return (of_class.class, Name::of(&full, &format!("{bare}s")));
    }
}
