//! Articles as sites have them: a headline, paragraphs, sometimes a menu.

use crate::english::{article as a, with_capital};
use crate::stories::pools::{COLOURS, COUNTED, HOLDERS, PEOPLE, PLACES, THINGS};
use crate::{Draw, arithmetic, stories};

/// Where texts come from that are worth learning.
pub(super) const SOURCES: &[fn(&mut Draw) -> String] =
    &[stories::text, stories::text, arithmetic::text, visit, advice, review];

/// A headline and two to four paragraphs, each of another source.
pub(super) fn article(draw: &mut Draw) -> String {
    let (name, place) = (draw.pick(&PEOPLE).0, *draw.pick(&PLACES));
    let (colour, thing) = (*draw.pick(&COLOURS), *draw.pick(&THINGS));
    let headline = match draw.below(6) {
        0 => format!("{name} and the {colour} {thing}"),
        1 => format!("A day in the {place}"),
        2 => format!("Notes from the {place}"),
        3 => format!("What {name} told us about the {thing}"),
        4 => format!("The {thing} in the {place}"),
        _ => format!("{name}'s page"),
    };
    let mut paragraphs = vec![headline, stories::text(draw)];
    for _ in 0..draw.between(1, 3) {
        paragraphs.push(draw.pick(SOURCES)(draw));
    }
    let mut text = paragraphs.join("\n\n");
    if draw.chance(0.25) {
        text = format!("{}\n\n{text}", menu(draw));
    }
    if draw.chance(0.25) {
        text = format!("{text}\n\n{}", footer(draw));
    }
    text
}

/// The line of links at the top of a page.
pub(super) fn menu(draw: &mut Draw) -> String {
    let count = draw.between(4, 7) as usize;
    let links = draw.sample(&LINKS, count).into_iter().copied().collect::<Vec<_>>();
    links.join(draw.pick::<&str>(&[" | ", " > ", " * ", "\n"]))
}

/// What stands at the bottom of a page.
pub(super) fn footer(draw: &mut Draw) -> String {
    (*draw.pick(&NOTICES)).to_owned()
}

/// Links of menus.
const LINKS: [&str; 24] = [
    "Home",
    "About us",
    "Contact",
    "Log in",
    "Sign up",
    "News",
    "Blog",
    "Shop",
    "Search",
    "Help",
    "FAQ",
    "Forum",
    "Gallery",
    "Archive",
    "Sitemap",
    "Newsletter",
    "Careers",
    "Press",
    "Events",
    "Downloads",
    "My account",
    "Wish list",
    "Cart (0)",
    "Terms of use",
];

/// Notices about everything but the subject.
pub(super) const NOTICES: [&str; 20] = [
    "This site uses cookies. By continuing you accept our cookie policy.",
    "All rights reserved. No part of this page may be copied.",
    "Click here to subscribe to our newsletter.",
    "Share this page with your friends.",
    "You must be logged in to post a comment.",
    "0 comments. Be the first to comment!",
    "Powered by a content management system.",
    "Read more...",
    "Next page. Previous page. Back to top.",
    "Please enable JavaScript to see this page.",
    "Advertisement. Continue reading below.",
    "Terms of use. Privacy policy. Imprint.",
    "Sign up now and get 10 percent off your first order.",
    "Follow us on our channels.",
    "We value your privacy. Accept all. Reject all. Settings.",
    "Your browser is out of date. Please update it.",
    "You may also like these pages.",
    "Print this page. Send this page to a friend.",
    "Loading. Please wait.",
    "Sorted by date. Sorted by name. Show all.",
];

fn visit(draw: &mut Draw) -> String {
    let (name, is_she) = *draw.pick(&PEOPLE);
    let they = if is_she { "She" } else { "He" };
    let places: Vec<&str> = draw.sample(&PLACES, 2).into_iter().copied().collect();
    let (_, things) = *draw.pick(&COUNTED);
    let (count, hour, number) = (draw.between(11, 90), draw.between(7, 11), draw.between(2, 9));
    let (thing, holder) = (*draw.pick(&THINGS), *draw.pick(&HOLDERS));
    format!(
        "Last week {name} visited the {}. {they} came at {hour} in the morning and stayed for {number} hours. There were {count} {things} and \
         {} {thing} in {} {holder}. \"I liked the {} even more,\" {name} said to us, \"but this one is closer to my house.\"",
        places[0],
        a(thing),
        a(holder),
        places[1]
    )
}

fn advice(draw: &mut Draw) -> String {
    let things: Vec<&str> = draw.sample(&THINGS, 2).into_iter().copied().collect();
    let (holder, place) = (*draw.pick(&HOLDERS), *draw.pick(&PLACES));
    let (days, minutes) = (draw.between(3, 30), draw.between(5, 55));
    format!(
        "How do you clean {} {}? First take it to the {place} and put it on a dry cloth. Wipe it for {minutes} minutes. Do not use hot water. \
         Then leave it in the {holder} for {days} days. {} {} can be cleaned in the same way, but it needs twice the time.",
        a(things[0]),
        things[0],
        with_capital(a(things[1])),
        things[1]
    )
}

fn review(draw: &mut Draw) -> String {
    let (name, thing, colour) = (draw.pick(&PEOPLE).0, *draw.pick(&THINGS), *draw.pick(&COLOURS));
    let (weeks, price, stars) = (draw.between(2, 40), draw.between(3, 95), draw.between(2, 5));
    let verdict = *draw.pick(&[
        "It does what it should.",
        "It broke after a while.",
        "I would buy it again.",
        "My children love it.",
        "It is too heavy for me.",
    ]);
    format!(
        "Review by {name}: I bought the {colour} {thing} {weeks} weeks ago for {price} euros. {verdict} The colour is not the one in the picture. \
         I give it {stars} stars of 5."
    )
}

/// An address; `number` makes it unique.
pub(super) fn url(draw: &mut Draw, number: usize) -> String {
    let site = format!("{}-{}", draw.pick(&COLOURS), draw.pick(&THINGS).replace(' ', ""));
    let end = *draw.pick(&["example", "example.com", "example.org", "example.net"]);
    format!("https://{site}.{end}/{}/{number}", draw.pick(&PLACES).replace(' ', "-"))
}
