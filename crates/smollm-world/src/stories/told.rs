//! A story while it is told: who is where, and who has what.

use super::pools::{COLOURS, HOLDERS, PEOPLE, PLACES, THINGS};
use crate::english::{article, listed, with_capital};
use crate::{Draw, Split};

/// Where a thing is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// The person of this index has it.
    Held(usize),
    /// It is in this place or piece of furniture.
    In(&'static str),
}

/// Why somebody goes somewhere.
const ERRANDS: [&str; 16] = [
    " to look around",
    " because it was warmer there",
    " to find a friend",
    " to see what was going on",
    " and sat down for a while",
    " because it began to rain",
    " to rest a little",
    " to play there",
    " and looked out of the window",
    " to have some bread and milk",
    " with a big smile",
    " and sang all the way",
    " as fast as possible",
    " to be alone for a moment",
    " because of a strange noise",
    " and said hello to everybody",
];

/// Why somebody gives something away.
const REASONS: [&str; 10] = [
    " as a present",
    " for a while",
    " with a smile",
    " very carefully",
    " without a word",
    " after a short talk",
    ", because friends share",
    " and said, \"This is for you\"",
    ", for it was too heavy to carry",
    " and laughed",
];

/// What is said by who was given something.
const THANKS: [&str; 8] = [
    "\"Thank you,\" said {who}.",
    "\"Thank you very much,\" said {who}.",
    "\"How kind of you!\" said {who}.",
    "{who} said thank you.",
    "{who} was glad.",
    "\"I will take good care of it,\" said {who}.",
    "{who} jumped for joy.",
    "\"Just what I wanted!\" said {who}.",
];

/// A story so far.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Names, and whether "she" goes with them.
    pub(super) people: Vec<(&'static str, bool)>,
    /// Where each is, where that was said.
    pub(super) stays: Vec<Option<&'static str>>,
    /// Things as they are called, with a colour or without.
    pub(super) things: Vec<String>,
    /// Where each thing is.
    pub(super) places: Vec<Place>,
    /// Who had each thing at the start or took it first.
    pub(super) first_owners: Vec<Option<usize>>,
    /// What was said.
    pub(super) sentences: Vec<String>,
    /// Rooms and the like that the story plays in, then furniture.
    scenes: Vec<&'static str>,
    holders: Vec<&'static str>,
    /// Of whom the last sentence was.
    subject: Option<usize>,
    /// Who went somewhere, if nothing happened since.
    last_gone: Option<usize>,
    /// Whether there is room for reasons.
    is_long: bool,
}

impl Told {
    /// Introduces people and things. A long story begins as fairy tales do.
    pub(super) fn begin(draw: &mut Draw, split: Split, long: bool) -> Self {
        let (people, things) = loop {
            let people = draw.between(2, 3) as usize;
            let people: Vec<(&str, bool)> = draw.sample(&PEOPLE, people).into_iter().copied().collect();
            let things: Vec<&str> = draw.sample(&THINGS, 2).into_iter().copied().collect();
            if Split::of_text(&format!("{} {}", people[0].0, things[0])) == split {
                break (people, things);
            }
        };
        let coloured = |draw: &mut Draw, thing: &str| match draw.chance(0.5) {
            true => format!("{} {thing}", draw.pick(&COLOURS)),
            false => thing.to_owned(),
        };
        let things: Vec<String> = things.into_iter().map(|thing| coloured(draw, thing)).collect();
        let scenes: Vec<&str> = draw.sample(&PLACES, 3).into_iter().copied().collect();
        let holders: Vec<&str> = draw.sample(&HOLDERS, 2).into_iter().copied().collect();
        let mut told = Self {
            stays: vec![None; people.len()],
            people,
            places: vec![Place::Held(0), Place::Held(1)],
            first_owners: vec![None; things.len()],
            things,
            sentences: Vec::new(),
            scenes,
            holders,
            subject: None,
            last_gone: None,
            is_long: long,
        };
        told.introduce(draw);
        told
    }

    fn introduce(&mut self, draw: &mut Draw) {
        let scene = self.scenes[0];
        let names: Vec<String> = self.people.iter().map(|person| person.0.to_owned()).collect();
        let all = listed(&names);
        if self.is_long {
            let opening = match draw.below(8) {
                0 => format!("Once upon a time, {all} were in the {scene}."),
                1 => format!(
                    "One {} morning, {all} met in the {scene}.",
                    draw.pick(&["sunny", "cold", "rainy", "windy", "bright"])
                ),
                2 => format!(
                    "It was a {} day, and {all} were in the {scene}.",
                    draw.pick(&["warm", "quiet", "long", "lovely", "grey"])
                ),
                3 => format!("{all} were good friends. They liked to play in the {scene}, and there they were today."),
                4 => format!(
                    "On {}, {all} were in the {scene}.",
                    draw.pick(&["Monday", "Tuesday", "Friday", "Saturday", "Sunday"])
                ),
                5 => format!("After breakfast, {all} went to the {scene}."),
                6 => format!("{all} lived in the same street. One day they met in the {scene}."),
                _ => format!("There was no school today, so {all} were in the {scene}."),
            };
            self.sentences.push(opening);
            self.stays.fill(Some(scene));
        } else if draw.chance(0.5) {
            self.sentences.push(format!("{all} {} in the {scene}.", draw.pick(&["were", "met"])));
            self.stays.fill(Some(scene));
        }
        let a = |thing: &str| format!("{} {thing}", article(thing));
        let (first, second) = (a(&self.things[0]), a(&self.things[1]));
        let (one, other) = (self.people[0].0, self.people[1].0);
        if draw.chance(0.3) {
            // the second thing waits to be found
            self.places[1] = Place::In(self.holders[0]);
            self.first_owners[0] = Some(0);
            let holder = self.holders[0];
            self.sentences.push(format!("{one} had {first}."));
            self.sentences.push(format!("There was {second} in the {holder}."));
        } else {
            self.first_owners = vec![Some(0), Some(1)];
            self.sentences.push(match draw.below(3) {
                0 => format!("{one} had {first}, and {other} had {second}."),
                1 => format!("{one} had {first}. {other} had {second}."),
                _ => format!("{one} brought {first}, and {other} brought {second}."),
            });
        }
    }

    /// Something happens: somebody goes somewhere, or a thing changes its place.
    pub(super) fn event(&mut self, draw: &mut Draw) {
        let (mut held, mut free) = (Vec::new(), Vec::new());
        for (thing, place) in self.places.iter().enumerate() {
            match place {
                Place::Held(who) => held.push((thing, *who)),
                Place::In(place) => free.push((thing, *place)),
            }
        }
        match draw.below(8) {
            0..4 if !held.is_empty() => {
                let (thing, who) = *draw.pick(&held);
                let to = (who + 1 + draw.below(self.people.len() - 1)) % self.people.len();
                self.give(draw, who, to, thing);
            }
            4 if !held.is_empty() => {
                let (thing, who) = *draw.pick(&held);
                self.put(draw, who, thing);
            }
            5..7 if !free.is_empty() => {
                let (thing, place) = *draw.pick(&free);
                let who = draw.below(self.people.len());
                self.take(draw, who, thing, place);
            }
            _ => self.go(draw),
        }
    }

    fn go(&mut self, draw: &mut Draw) {
        // nobody goes twice in a row
        let others: Vec<usize> = (0..self.people.len()).filter(|who| self.last_gone != Some(*who)).collect();
        let who = *draw.pick(&others);
        let scenes: Vec<&'static str> =
            self.scenes.iter().copied().filter(|scene| self.stays[who] != Some(scene)).collect();
        let scene = *draw.pick(&scenes);
        let why = if self.is_long && draw.chance(0.5) { draw.pick(&ERRANDS) } else { "" };
        self.move_to(draw, who, scene, why);
    }

    fn move_to(&mut self, draw: &mut Draw, who: usize, scene: &'static str, why: &str) {
        let verb = *draw.pick(&["went to", "walked to", "ran to", "hurried to", "went to"]);
        self.say(draw, who, &format!("{verb} the {scene}{why}."));
        self.stays[who] = Some(scene);
        self.last_gone = Some(who);
    }

    fn give(&mut self, draw: &mut Draw, who: usize, to: usize, thing: usize) {
        match self.stays[to] {
            Some(place) if self.stays[who] != Some(place) => self.move_to(draw, who, place, ""),
            None if self.stays[who].is_some() => {
                let place = self.stays[who].unwrap_or_default();
                self.move_to(draw, to, place, "");
            }
            _ => (),
        }
        let (name, other) = (self.things[thing].clone(), self.people[to].0);
        let clause = match draw.below(6) {
            0..2 => format!("gave the {name} to {other}"),
            2 => format!("gave {other} the {name}"),
            3 => format!("handed the {name} to {other}"),
            4 => format!("let {other} have the {name}"),
            _ => format!("passed the {name} to {other}"),
        };
        let why = if self.is_long && draw.chance(0.4) { draw.pick(&REASONS) } else { "" };
        self.say(draw, who, &format!("{clause}{why}."));
        self.places[thing] = Place::Held(to);
        if self.is_long && draw.chance(0.4) {
            self.sentences.push(draw.pick(&THANKS).replace("{who}", other));
            self.subject = None;
        }
    }

    fn put(&mut self, draw: &mut Draw, who: usize, thing: usize) {
        let name = self.things[thing].clone();
        let place = match self.stays[who] {
            Some(scene) if draw.chance(0.3) => scene,
            _ => *draw.pick(&self.holders),
        };
        let verb = if self.scenes.contains(&place) { "left" } else { *draw.pick(&["put", "hid", "laid"]) };
        self.say(draw, who, &format!("{verb} the {name} in the {place}."));
        self.places[thing] = Place::In(place);
    }

    fn take(&mut self, draw: &mut Draw, who: usize, thing: usize, place: &'static str) {
        if self.scenes.contains(&place) && self.stays[who] != Some(place) {
            self.move_to(draw, who, place, "");
        }
        let name = self.things[thing].clone();
        let clause = match draw.below(3) {
            0 => format!("found the {name} in the {place} and took it."),
            1 => format!("took the {name} out of the {place}."),
            _ => format!("saw the {name} in the {place} and picked it up."),
        };
        self.say(draw, who, &clause);
        self.places[thing] = Place::Held(who);
        self.first_owners[thing].get_or_insert(who);
    }

    /// A sentence on this person, who is named or, if the last one was on the same person, may be "she" or "he".
    fn say(&mut self, draw: &mut Draw, who: usize, clause: &str) {
        let (name, is_she) = self.people[who];
        let same = self.subject == Some(who);
        let subject = match (same && draw.chance(0.5), is_she) {
            (true, true) => "she",
            (true, false) => "he",
            _ => name,
        };
        let sentence = match draw.below(10) {
            0 => format!("Then {subject} {clause}"),
            1 => format!("After that, {subject} {clause}"),
            2 => format!("A little later, {subject} {clause}"),
            3 => format!("Soon {subject} {clause}"),
            _ => format!("{} {clause}", with_capital(subject)),
        };
        self.sentences.push(sentence);
        self.subject = Some(who);
        self.last_gone = None;
    }

    /// A sentence that changes nothing.
    pub(super) fn aside(&mut self, draw: &mut Draw) {
        let (name, is_she) = *draw.pick(&self.people);
        let they = if is_she { "she" } else { "he" };
        let thing = draw.pick(&self.things).clone();
        self.subject = None;
        self.sentences.push(match draw.below(16) {
            0 => format!("\"What a lovely {thing}!\" said {name}."),
            1 => format!("{name} laughed."),
            2 => format!("{name} was very happy."),
            3 => format!("\"This is fun,\" said {name}."),
            4 => "A bird sang in a tree.".to_owned(),
            5 => "The sun was shining.".to_owned(),
            6 => format!("{name} sang a song."),
            7 => format!("{name} was a little tired, but {they} did not want to stop."),
            8 => format!("\"Be careful,\" said {name}."),
            9 => "Outside, the wind was blowing.".to_owned(),
            10 => format!("{name} thought about the {thing}."),
            11 => format!("{name} hummed a tune."),
            12 => format!("{name} had an idea."),
            13 => "A dog barked somewhere.".to_owned(),
            14 => format!("{name} looked at the {thing} for a long time."),
            _ => "Everybody was in a good mood.".to_owned(),
        });
    }

    /// Says how things are.
    pub(super) fn end(&mut self, draw: &mut Draw) {
        let state = match &self.places[..] {
            [Place::Held(one), Place::Held(other)] if one == other => {
                format!("{} had the {} and the {}", self.people[*one].0, self.things[0], self.things[1])
            }
            places => {
                let states = self.things.iter().zip(places).map(|(thing, place)| match place {
                    Place::Held(who) => format!("{} had the {thing}", self.people[*who].0),
                    Place::In(place) => format!("the {thing} was in the {place}"),
                });
                states.collect::<Vec<_>>().join(", and ")
            }
        };
        self.sentences.push(match draw.below(5) {
            0 => format!("In the end, {state}."),
            1 => format!("When the day was over, {state}."),
            2 => format!("At last, {state}."),
            3 => format!("When it was time to go home, {state}."),
            _ => format!("So in the evening, {state}."),
        });
    }

    /// What this person has.
    pub(super) fn held_by(&self, who: usize) -> Vec<String> {
        let held = self.things.iter().zip(&self.places).filter(|(_, place)| **place == Place::Held(who));
        held.map(|(thing, _)| thing.clone()).collect()
    }

    /// Every place that is named or could be.
    pub(super) fn all_places(&self) -> Vec<String> {
        self.scenes.iter().chain(&self.holders).map(|place| (*place).to_owned()).collect()
    }
}
