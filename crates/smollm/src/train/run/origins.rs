//! Why a run broke off, with the places that its data came from.

use crate::error::Error;
use smollm_corpus::feed::{Feed, Span};
use smollm_train::StepError;
use smollm_train::run::RunError;
use std::path::Path;

/// Places that a message names.
const NAMED: usize = 3;

/// The error with the records that a step was made of.
pub(super) fn named(error: RunError, folder: &Path, feed: &Feed) -> Error {
    let spans = match &error {
        RunError::Step(
            StepError::LogProb { spans, .. }
            | StepError::Loss { spans, .. }
            | StepError::Gradient { spans, .. }
            | StepError::Nothing { spans, .. },
        ) => spans,
        _ => return error.into(),
    };
    let mut places: Vec<String> = Vec::new();
    let mut more = 0;
    for span in spans {
        match place(feed, span) {
            Some(place) if places.contains(&place) => {}
            Some(place) if places.len() < NAMED => places.push(place),
            Some(_) => more += 1,
            None => {}
        }
    }
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let problem = format!("{error}; its data: {}{more}", places.join(", "));
    Error::Run { path: folder.into(), problem }
}

/// A file and the number of the record in it.
fn place(feed: &Feed, span: &Span) -> Option<String> {
    let origin = feed.origin(span).ok()?;
    Some(format!("{} {}", origin.file, origin.number))
}
