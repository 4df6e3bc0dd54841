//! What makes pages dirty: copies, spam, quotations of held-out items, menus, wrong encodings, other languages, personal data.

use super::sites::{NOTICES, article, footer, menu};
use crate::stories::pools::{COLOURS, PEOPLE, PLACES, THINGS};
use crate::{Draw, Item};

/// The text with about one word in seventy changed, sometimes with another notice below it.
pub(super) fn retold(draw: &mut Draw, text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let changes = (words.len() / 70).max(1);
    let mut changed = 0;
    while changed < changes {
        let at = draw.below(words.len());
        // only whole words between spaces, so that paragraphs stay
        if words[at].chars().all(char::is_alphabetic) && !words[at].is_empty() {
            let other =
                *draw.pick(&["really", "big", "nice", "little", "truly", "again", "perhaps", "today", "also", "very"]);
            if words[at] != other {
                words[at] = other.to_owned();
                changed += 1;
            }
        }
    }
    let text = words.join(" ");
    if draw.chance(0.3) { format!("{text}\n\n{}", footer(draw)) } else { text }
}

/// A few words that sell something, over and over.
pub(super) fn spam(draw: &mut Draw) -> String {
    let (thing, colour) = (*draw.pick(&THINGS), *draw.pick(&COLOURS));
    let offer = *draw.pick(&["cheap", "best", "free", "discount", "top", "buy", "online", "original"]);
    let phrases = [
        format!("{offer} {thing}"),
        format!("{offer} {colour} {thing} online"),
        format!("buy {thing} now"),
        format!("{thing} sale {thing} deal"),
        format!("best price for {thing}"),
        format!("click here for {offer} {thing}"),
        format!("{thing} {thing} {thing}"),
        "limited offer !!!".to_owned(),
        "100% money back".to_owned(),
        format!("win {} {thing} today", draw.between(2, 99)),
    ];
    let count = draw.between(25, 70);
    let lines: Vec<String> = (0..count).map(|_| draw.pick(&phrases).clone()).collect();
    lines.join(draw.pick::<&str>(&[" ", ", ", "\n", " *** "]))
}

/// An article with a question and the answer of an item in the middle, and these as they stand there.
pub(super) fn quoting(draw: &mut Draw, item: &Item) -> Option<(String, String)> {
    let question = item.messages.last()?["content"].as_str()?;
    let answer = match item.answer["content"].as_str() {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => item.answer.get("tool_calls")?.to_string(),
    };
    let quoted = match draw.below(3) {
        0 => format!("{question}\n{answer}"),
        1 => format!("Q: {question}\nA: {answer}"),
        _ => format!("{question} {answer}"),
    };
    let text = article(draw);
    let mut paragraphs: Vec<&str> = text.split("\n\n").collect();
    let at = 1 + draw.below(paragraphs.len() - 1);
    paragraphs.insert(at, &quoted);
    Some((paragraphs.join("\n\n"), quoted.clone()))
}

/// Menus and notices, with at most a sentence between them.
pub(super) fn boilerplate(draw: &mut Draw) -> String {
    let count = draw.between(5, 12) as usize;
    let mut parts: Vec<String> = draw.sample(&NOTICES, count).into_iter().map(|notice| (*notice).to_owned()).collect();
    parts.insert(0, menu(draw));
    parts.push(menu(draw));
    if draw.chance(0.5) {
        let at = draw.below(parts.len());
        parts.insert(at, format!("The {} is closed today.", draw.pick(&PLACES)));
    }
    parts.join("\n")
}

/// An article whose UTF-8 was read as Windows' western code page, or some of whose letters were lost.
pub(super) fn garbled(draw: &mut Draw) -> String {
    let text = article(draw);
    let mojibake = draw.chance(0.6);
    text.chars()
        .map(|c| {
            let (rate, wrong): (f64, &[&str]) = match (mojibake, c) {
                (true, '"' | '\'') => (1.0, &["â€œ", "â€\u{9d}", "â€™"]),
                (true, 'a' | 'e' | 'o' | 'u') => (0.2, &["Ã¤", "Ã©", "Ã¶", "Ã¼", "Ã¨"]),
                (true, ' ') => (0.1, &["Â\u{a0}", " â€“ "]),
                (false, 'a'..='z') => (0.15, &["\u{fffd}", "?", "#", "\u{fffd}\u{fffd}"]),
                _ => (0.0, &[""]),
            };
            if rate > 0.0 && draw.chance(rate) { (*draw.pick(wrong)).to_owned() } else { c.to_string() }
        })
        .collect()
}

/// Lines of one other language; half of these pages have them between English paragraphs.
pub(super) fn foreign(draw: &mut Draw) -> (String, Vec<String>) {
    let language = *draw.pick(&FOREIGN);
    let count = draw.between(3, 6);
    let lines: Vec<String> = (0..count)
        .map(|_| {
            draw.pick(language).replace("{name}", draw.pick(&PEOPLE).0).replace("{n}", &draw.between(2, 99).to_string())
        })
        .collect();
    let text = lines.join("\n");
    let text = if draw.chance(0.5) { format!("{}\n\n{text}", article(draw)) } else { text };
    (text, lines)
}

/// An article that says how its people can be reached, and what it says of that.
pub(super) fn personal(draw: &mut Draw) -> (String, Vec<String>) {
    let mut found = Vec::new();
    let mut lines = Vec::new();
    for _ in 0..draw.between(1, 3) {
        let name = draw.pick(&PEOPLE).0;
        let mail = format!(
            "{}.{}@{}",
            name.to_lowercase(),
            draw.pick(&COLOURS),
            draw.pick(&["mail.example", "example.com", "post.example.org"])
        );
        // numbers of the ranges that are kept free for films and books
        let phone = match draw.below(3) {
            0 => format!("+1 202 555 01{:02}", draw.between(0, 99)),
            1 => format!("(212) 555-01{:02}", draw.between(0, 99)),
            _ => format!("+44 20 7946 0{:03}", draw.between(0, 999)),
        };
        lines.push(match draw.below(3) {
            0 => format!("Write to {name} at {mail} or call {phone}."),
            1 => format!("Contact: {name}, {mail}, {phone}"),
            _ => format!("{name} can be reached at {phone} and {mail}."),
        });
        found.extend([mail, phone]);
    }
    (format!("{}\n\n{}", article(draw), lines.join("\n")), found)
}

const FOREIGN: [&[&str]; 4] = [
    &[
        "{name} wohnt seit {n} Jahren in einem kleinen Haus am Fluss.",
        "Heute scheint die Sonne, und die Kinder spielen im Garten.",
        "Auf dem Markt kostet ein Kilo Äpfel nur zwei Euro.",
        "Der Zug nach Hamburg hat heute {n} Minuten Verspätung.",
        "Am Abend liest {name} der kleinen Schwester ein Buch vor.",
        "Im Winter liegt hier viel Schnee, und die Wege sind glatt.",
        "Das Museum ist von zehn bis achtzehn Uhr geöffnet.",
        "Wir haben {n} Gäste eingeladen und drei Kuchen gebacken.",
    ],
    &[
        "{name} habite depuis {n} ans dans une petite maison près de la rivière.",
        "Aujourd'hui le soleil brille et les enfants jouent dans le jardin.",
        "Au marché, un kilo de pommes coûte seulement deux euros.",
        "Le train pour Lyon a {n} minutes de retard.",
        "Le soir, {name} lit un livre à sa petite sœur.",
        "En hiver il y a beaucoup de neige ici.",
        "Le musée est ouvert de dix heures à dix-huit heures.",
        "Nous avons invité {n} personnes et préparé trois gâteaux.",
    ],
    &[
        "{name} vive desde hace {n} años en una casa pequeña junto al río.",
        "Hoy brilla el sol y los niños juegan en el jardín.",
        "En el mercado un kilo de manzanas cuesta solo dos euros.",
        "El tren a Sevilla llega con {n} minutos de retraso.",
        "Por la noche {name} lee un libro a su hermana pequeña.",
        "En invierno hay mucha nieve aquí.",
        "El museo está abierto de diez a seis.",
        "Hemos invitado a {n} personas y hemos hecho tres pasteles.",
    ],
    &[
        "{name} abita da {n} anni in una piccola casa vicino al fiume.",
        "Oggi splende il sole e i bambini giocano in giardino.",
        "Al mercato un chilo di mele costa solo due euro.",
        "Il treno per Milano ha {n} minuti di ritardo.",
        "La sera {name} legge un libro alla sorella piccola.",
        "D'inverno qui c'è molta neve.",
        "Il museo è aperto dalle dieci alle diciotto.",
        "Abbiamo invitato {n} persone e preparato tre torte.",
    ],
];
