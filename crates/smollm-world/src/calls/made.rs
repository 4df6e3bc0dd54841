//! Tools made up from parts, so that names can only be copied from the prompt: of tables under another name, or of nouns and verbs.

use super::tool::{Ask, Param, Tool};
use super::values::Kind;
use crate::Draw;
use crate::english::{article, with_capital};

/// Nouns with what names one of them, as pools call it, and the class of what can be known of it.
const ENTITIES: [(&str, &str, Class); 44] = [
    ("museum", "title", Class::Place),
    ("restaurant", "title", Class::Place),
    ("hotel", "title", Class::Place),
    ("theatre", "title", Class::Place),
    ("school", "title", Class::Place),
    ("shop", "company", Class::Place),
    ("bakery", "title", Class::Place),
    ("castle", "title", Class::Place),
    ("airport", "city", Class::Place),
    ("station", "city", Class::Place),
    ("harbour", "city", Class::Place),
    ("zoo", "city", Class::Place),
    ("employee", "person", Class::Person),
    ("customer", "person", Class::Person),
    ("patient", "person", Class::Person),
    ("student", "person", Class::Person),
    ("teacher", "person", Class::Person),
    ("player", "person", Class::Person),
    ("driver", "person", Class::Person),
    ("tenant", "person", Class::Person),
    ("member", "person", Class::Person),
    ("author", "person", Class::Person),
    ("invoice", "id", Class::Paper),
    ("contract", "id", Class::Paper),
    ("ticket", "id", Class::Paper),
    ("parcel", "id", Class::Paper),
    ("report", "id", Class::Paper),
    ("request", "id", Class::Paper),
    ("booking", "id", Class::Paper),
    ("claim", "id", Class::Paper),
    ("machine", "id", Class::Device),
    ("server", "id", Class::Device),
    ("engine", "id", Class::Device),
    ("printer", "id", Class::Device),
    ("sensor", "id", Class::Device),
    ("elevator", "id", Class::Device),
    ("camera", "id", Class::Device),
    ("pump", "id", Class::Device),
    ("novel", "title", Class::Work),
    ("album", "title", Class::Work),
    ("painting", "title", Class::Work),
    ("poem", "title", Class::Work),
    ("magazine", "title", Class::Work),
    ("podcast", "title", Class::Work),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Place,
    Person,
    Paper,
    Device,
    Work,
}

impl Class {
    /// What can be asked of one: the attribute and the kind of its value.
    fn attributes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Place => &[
                ("address", "address"),
                ("phone number", "phone"),
                ("owner", "person"),
                ("closing time", "time"),
                ("opening time", "time"),
                ("age", "int:2-300"),
                ("rating", "int:1-10"),
                ("floor plan", "file"),
                ("wifi password", "secret"),
                ("manager", "person"),
            ],
            Self::Person => &[
                ("address", "address"),
                ("phone number", "phone"),
                ("age", "int:18-90"),
                ("birthday", "date"),
                ("home town", "city"),
                ("salary", "int:900-9000"),
                ("job title", "job"),
                ("language", "language"),
                ("score", "int:1-99"),
                ("height", "int:150-205"),
            ],
            Self::Paper => &[
                ("status", "status"),
                ("owner", "person"),
                ("due date", "date"),
                ("price", "int:3-990"),
                ("sender", "person"),
                ("weight", "int:2-90"),
                ("priority", "int:1-9"),
                ("destination", "city"),
                ("deadline", "date"),
                ("page count", "int:2-90"),
            ],
            Self::Device => &[
                ("temperature", "int:5-95"),
                ("status", "status"),
                ("location", "city"),
                ("speed", "int:2-990"),
                ("pressure", "int:2-99"),
                ("owner", "person"),
                ("age", "int:2-40"),
                ("error code", "id"),
                ("serial number", "id"),
                ("load", "int:1-99"),
            ],
            Self::Work => &[
                ("creator", "person"),
                ("price", "int:3-990"),
                ("year", "int:1800-2024"),
                ("rating", "int:1-10"),
                ("length", "int:5-900"),
                ("language", "language"),
                ("owner", "person"),
                ("publisher", "company"),
                ("theme", "subject"),
                ("release date", "date"),
            ],
        }
    }

    /// What can be done with one.
    fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Place => &["book", "visit", "close", "open", "inspect", "rename", "review", "clean", "rent", "sell"],
            Self::Person => {
                &["invite", "notify", "register", "remove", "promote", "greet", "thank", "contact", "pay", "suspend"]
            }
            Self::Paper => {
                &["cancel", "approve", "reject", "archive", "print", "renew", "confirm", "sign", "delete", "track"]
            }
            Self::Device => {
                &["start", "stop", "restart", "lock", "unlock", "repair", "clean", "inspect", "reset", "calibrate"]
            }
            Self::Work => {
                &["buy", "sell", "rent", "review", "recommend", "archive", "publish", "translate", "copy", "reserve"]
            }
        }
    }
}

/// What may come behind a verb and its object: the key, the kind, the description, and the words of the request.
const EXTRAS: [(&str, &str, &str, &str); 14] = [
    ("date", "date", "The date.", "on {date}"),
    ("time", "time", "The time.", "at {time}"),
    ("day", "day", "The day of the week.", "on {day}"),
    ("note", "text", "A note.", "with the note \"{note}\""),
    ("reason", "text", "The reason.", "for the reason \"{reason}\""),
    ("message", "text", "The message.", "with the message \"{message}\""),
    ("person", "person", "For whom.", "for {person}"),
    ("assistant", "person", "Who helps.", "with the help of {assistant}"),
    ("email", "email", "Where the result is sent.", "and report to {email}"),
    ("minutes", "int:2-90", "In how many minutes.", "in {minutes} minutes"),
    ("hours", "int:2-48", "For how many hours.", "for {hours} hours"),
    ("priority", "enum:low,normal,high", "The priority.", "with {priority} priority"),
    ("mode", "enum:quick,normal,careful,silent", "The mode.", "in {mode} mode"),
    ("code", "secret", "The access code.", "with the code {code}"),
];

/// Verbs in names of tools that give something back.
const GETTERS: [&str; 14] = [
    "get", "fetch", "find", "lookup", "read", "query", "retrieve", "show", "load", "check", "obtain", "request",
    "tell", "view",
];

/// A tool of nouns and verbs.
pub(super) fn made(draw: &mut Draw) -> Tool {
    let (noun, kind, class) = *draw.pick(&ENTITIES);
    let param = Param {
        key: noun.to_owned(),
        name: object_name(draw, noun, kind),
        about: format!("The {}{noun}.", if kind == "id" { "number of the " } else { "name of the " }),
        kind: Kind::of(kind).unwrap_or(Kind::Int(100, 9_999)),
    };
    let object = match kind {
        "title" => format!("the {noun} \"{{{noun}}}\""),
        "city" => format!("the {noun} of {{{noun}}}"),
        _ => format!("the {noun} {{{noun}}}"),
    };
    if draw.chance(0.5) { getter(draw, noun, class, param, &object) } else { action(draw, noun, class, param, &object) }
}

fn object_name(draw: &mut Draw, noun: &str, kind: &str) -> String {
    let names: &[&str] = match kind {
        "id" => &["id", "number", "no"],
        "title" => &["name", "title", "label"],
        _ => &["name", "label"],
    };
    let id = *draw.pick(names);
    match draw.below(4) {
        0 => noun.to_owned(),
        1 => id.to_owned(),
        _ => format!("{noun}_{id}"),
    }
}

fn getter(draw: &mut Draw, noun: &str, class: Class, param: Param, object: &str) -> Tool {
    let (attribute, kind) = *draw.pick(class.attributes());
    let (verb, word) = (*draw.pick(&GETTERS), attribute.replace(' ', "_"));
    let name = match draw.below(6) {
        0 => format!("{verb}_{word}"),
        1 => format!("{verb}_{word}_of_{noun}"),
        2 => format!("{noun}_{word}"),
        3 => format!("{verb}_{word}_for_{noun}"),
        _ => format!("{verb}_{noun}_{word}"),
    };
    let about = format!(
        "{} the {attribute} of {} {noun}.",
        draw.pick(&["Gets", "Returns", "Finds", "Looks up", "Tells"]),
        article(noun)
    );
    let asks = [
        (format!("tell me the {attribute} of {object}"), false),
        (format!("find out the {attribute} of {object}"), false),
        (format!("look up the {attribute} of {object}"), false),
        (format!("show me the {attribute} of {object}"), false),
        (format!("What is the {attribute} of {object}?"), true),
        (format!("Do you know the {attribute} of {object}?"), true),
        (format!("tell me the {attribute} of the {noun}"), false),
        (format!("What is the {attribute} of the {noun}?"), true),
    ];
    let value =
        if kind.starts_with("int") || kind == "id" { format!("<value:{kind}>") } else { format!("\"<value:{kind}>\"") };
    Tool {
        section: noun.to_owned(),
        name: styled(draw, &name),
        about,
        params: vec![param],
        asks: asks.map(|(text, question)| Ask { text, question }).into(),
        many: Some([format!("tell me the {attribute} of "), object.to_owned(), String::new()]),
        result: Some([format!("{{\"{word}\": {value}}}"), format!("The {attribute} of {object} is <value>.")]),
        returns: None,
    }
}

fn action(draw: &mut Draw, noun: &str, class: Class, param: Param, object: &str) -> Tool {
    let verb = *draw.pick(class.verbs());
    let mut params = vec![param];
    let mut behind = String::new();
    let count = [0, 1, 1, 2][draw.below(4)];
    for &(key, kind, about, words) in draw.sample(&EXTRAS, count) {
        // "on Monday on 3 May", "for Anna for 3 hours": one of each kind of words is enough
        let first = words.split(' ').next().unwrap_or_default();
        let repeated = behind.split(' ').any(|word| word == first) || (key == "time" && behind.contains("minutes"));
        if let (false, Some(kind)) = (repeated, Kind::of(kind)) {
            behind = format!("{behind} {words}");
            params.push(Param { key: key.to_owned(), name: renamed_param(draw, key), about: about.to_owned(), kind });
        }
    }
    part(&mut params);
    let name = match draw.below(4) {
        0 => format!("{noun}_{verb}"),
        1 => format!("{verb}_{noun}_now"),
        _ => format!("{verb}_{noun}"),
    };
    let mut asks = vec![
        Ask { text: format!("{verb} {object}{behind}"), question: false },
        Ask { text: format!("{verb} the {noun}{behind}"), question: false },
    ];
    if params.len() > 1 {
        asks.push(Ask { text: format!("{verb} {object}"), question: false });
    }
    Tool {
        section: noun.to_owned(),
        name: styled(draw, &name),
        about: format!("{} {} {noun}.", third_person(verb), article(noun)),
        many: (params.len() == 1).then(|| [format!("{verb} "), object.to_owned(), String::new()]),
        params,
        asks,
        result: None,
        returns: None,
    }
}

/// "Cancels" of "cancel"
fn third_person(verb: &str) -> String {
    let verb = with_capital(verb);
    match verb.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if verb.ends_with("sh") => format!("{verb}es"),
        _ => format!("{verb}s"),
    }
}

/// The same tool under another name, with other names of its parameters.
pub(super) fn renamed(draw: &mut Draw, tool: &Tool) -> Tool {
    let mut tool = tool.clone();
    let (verb, rest) = tool.name.split_once('_').unwrap_or((&tool.name, ""));
    let verbs = SYNONYMS.iter().find(|group| group.contains(&verb));
    let verb = verbs.map_or(verb, |group| draw.pick::<&str>(group));
    let name = if rest.is_empty() { verb.to_owned() } else { format!("{verb}_{rest}") };
    let name = match draw.below(8) {
        0 => format!("{name}_{}", draw.pick(&["tool", "service", "api", "now", "v2", "command", "request", "action"])),
        1 => format!("{}_{name}", draw.pick(&["do", "my", "run", "user", "app", "quick", "new", "smart"])),
        2 if !rest.is_empty() => format!("{rest}_{verb}"),
        _ => name,
    };
    tool.name = styled(draw, &name);
    for param in &mut tool.params {
        param.name = renamed_param(draw, &param.key);
    }
    part(&mut tool.params);
    tool
}

/// Tells parameters apart that have got one name: the later one has the name of its key, or that with a number.
fn part(params: &mut [Param]) {
    for i in 1..params.len() {
        let (before, param) = params.split_at_mut(i);
        let names = [param[0].key.clone(), format!("{}_2", param[0].key)];
        for name in names {
            if before.iter().any(|other| other.name == param[0].name) {
                param[0].name = name;
            }
        }
    }
}

fn renamed_param(draw: &mut Draw, key: &str) -> String {
    match draw.below(8) {
        0 => format!("{key}_value"),
        1 => format!("the_{key}"),
        2 => format!("input_{key}"),
        3 => format!("{key}_arg"),
        4 => {
            SYNONYMS.iter().find(|group| group.contains(&key)).map_or(key, |group| draw.pick::<&str>(group)).to_owned()
        }
        _ => key.to_owned(),
    }
}

/// Some names are written as other languages do.
fn styled(draw: &mut Draw, name: &str) -> String {
    if !draw.chance(0.12) {
        return name.to_owned();
    }
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + &with_capital(part))
}

/// Words of names that can stand for each other.
const SYNONYMS: [&[&str]; 22] = [
    &["get", "fetch", "retrieve", "lookup", "read", "query", "obtain"],
    &["find", "search", "locate", "discover", "seek"],
    &["set", "adjust", "change", "configure", "put"],
    &["create", "make", "build", "generate", "new"],
    &["send", "post", "deliver", "submit"],
    &["delete", "remove", "erase", "drop"],
    &["add", "append", "insert", "store"],
    &["start", "begin", "launch", "run"],
    &["convert", "transform", "translate", "turn"],
    &["book", "reserve", "schedule", "arrange"],
    &["calculate", "compute", "work_out", "evaluate"],
    &["count", "number_of", "tally"],
    &["open", "show", "display"],
    &["play", "stream", "perform"],
    &["log", "record", "track", "save"],
    &["city", "town", "location", "place", "city_name"],
    &["person", "name", "who", "full_name", "contact"],
    &["text", "content", "body", "words"],
    &["number", "value", "num", "n"],
    &["title", "name", "heading", "label"],
    &["date", "day", "when", "on_date"],
    &["minutes", "duration", "mins", "length_minutes"],
];
