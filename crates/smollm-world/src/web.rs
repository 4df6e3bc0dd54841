//! A dirty web: pages with what curation must find in them, and the truth about each.

mod dirt;
mod sites;

use crate::{Draw, Item};
use serde::Serialize;
use std::collections::HashSet;

/// A page of this web.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Page {
    /// Unique.
    pub(crate) id: String,
    /// Unique too, though copies may be of one site.
    pub(crate) url: String,
    /// What a crawler took from it.
    pub(crate) text: String,
    /// What it is. Not written with the page, so that it can go to a file of its own.
    #[serde(skip)]
    pub(crate) truth: Truth,
}

/// What a page is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Truth {
    /// The page's.
    pub(crate) id: String,
    /// What it was planted for.
    pub(crate) kind: Kind,
    /// The page that this one is a copy of: an earlier one, itself no copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
    /// Which of the held-out items is quoted: in the files, the line of `held-out/facts.jsonl`, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<usize>,
    /// What in the text is to be found: addresses, telephone numbers, the quotation, the lines that do not belong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) found: Vec<String>,
}

/// What a page was planted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A text to learn from.
    Clean,
    /// The text of another page.
    Duplicate,
    /// The text of another page with few words changed.
    NearDuplicate,
    /// Words that are to be found by search engines, again and again.
    Spam,
    /// A text that quotes a held-out item, question and answer.
    Leak,
    /// More menus and notices than text.
    Boilerplate,
    /// Letters that were read in the wrong encoding.
    Garbled,
    /// Not English.
    Foreign,
    /// A text with e-mail addresses and telephone numbers.
    PersonalData,
}

/// `n` pages, of which some quote `leaks`. Nearly half are clean, and no two of these are alike.
pub(crate) fn pages(draw: &mut Draw, n: usize, leaks: &[Item]) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    let mut texts = HashSet::new();
    let mut originals: Vec<usize> = Vec::new();
    while pages.len() < n {
        let id = format!("page-{:06}", pages.len());
        let mut truth = Truth { id: id.clone(), kind: kind(draw), of: None, item: None, found: Vec::new() };
        let text = match truth.kind {
            Kind::Clean => sites::article(draw),
            Kind::Duplicate | Kind::NearDuplicate => {
                if originals.is_empty() {
                    continue;
                }
                let original = &pages[*draw.pick(&originals)];
                truth.of = Some(original.id.clone());
                match truth.kind {
                    Kind::Duplicate => original.text.clone(),
                    _ => dirt::retold(draw, &original.text),
                }
            }
            Kind::Spam => dirt::spam(draw),
            Kind::Leak => {
                if leaks.is_empty() {
                    continue;
                }
                let at = draw.below(leaks.len());
                let Some((text, quoted)) = dirt::quoting(draw, &leaks[at]) else { continue };
                (truth.item, truth.found) = (Some(at), vec![quoted]);
                text
            }
            Kind::Boilerplate => dirt::boilerplate(draw),
            Kind::Garbled => dirt::garbled(draw),
            Kind::Foreign => {
                let (text, lines) = dirt::foreign(draw);
                truth.found = lines;
                text
            }
            Kind::PersonalData => {
                let (text, found) = dirt::personal(draw);
                truth.found = found;
                text
            }
        };
        // only copies are alike
        if truth.of.is_none() && !texts.insert(text.clone()) {
            continue;
        }
        if truth.kind == Kind::Clean {
            originals.push(pages.len());
        }
        let url = sites::url(draw, pages.len());
        pages.push(Page { id, url, text, truth });
    }
    pages
}

fn kind(draw: &mut Draw) -> Kind {
    match draw.below(100) {
        0..45 => Kind::Clean,
        45..53 => Kind::Duplicate,
        53..65 => Kind::NearDuplicate,
        65..73 => Kind::Spam,
        73..78 => Kind::Leak,
        78..85 => Kind::Boilerplate,
        85..90 => Kind::Garbled,
        90..95 => Kind::Foreign,
        _ => Kind::PersonalData,
    }
}

#[cfg(test)]
mod tests;
