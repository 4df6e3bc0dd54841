//! From scores to a list of merges that gives the same ids, and back: the two ways to write a SentencePiece vocabulary.
//!
//! By scores, any two neighbours merge whose texts together are a token: the highest score first, the leftmost of
//! equals. By a list, only the listed pairs merge, in its order, the leftmost of equals. Both ways, a token is always
//! put together from the same last pair. For while its text is still in parts, no merge has crossed its borders, so what
//! happened inside did not depend on what lies around: it is what happens to the text of the token alone. Hence one merge
//! for each token is enough, found by encoding the token alone, and the list in the order of the scores gives the same
//! ids. Tokens of equal score need a closer look: see [`order_ties`].

use std::cmp::Reverse;
use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::char_bpe::CharBpe;
use crate::error::shortened;
use crate::merges::Workspace;
use crate::score_bpe::{ScoreBpe, mergeable, ordered};
use crate::vocab::Vocab;

/// Two tokens and what they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merge {
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) made: u32,
}

/// The merges that make every token that can be made, in the order in which a list must have them. The error says why
/// no list gives the ids that the scores give.
pub(crate) fn merges_of_scores(vocab: &Vocab, model: &ScoreBpe) -> Result<Vec<Merge>, String> {
    let mut merges = Vec::new();
    for made in 0..vocab.len() as u32 {
        let spelling = vocab.spelled(made);
        // Text has no spaces once they are escaped.
        if mergeable(vocab, spelling) != Some(made) || spelling.contains(' ') {
            continue;
        }
        let Some(middle) = model.last_merge(vocab, spelling) else { continue };
        let part = |part: &str| {
            mergeable(vocab, part)
                .ok_or_else(|| format!("{:?} is made of {:?}, which is no token", shortened(spelling), shortened(part)))
        };
        merges.push(Merge { left: part(&spelling[..middle])?, right: part(&spelling[middle..])?, made });
    }
    let score = |merge: &Merge| ordered(model.scores[merge.made as usize]);
    merges.sort_by_key(|merge| Reverse(score(merge)));

    // What a token of a tie is made into must come later than the tie.
    let mut tied = HashMap::new();
    for tie in merges.chunk_by(|a, b| score(a) == score(b)).filter(|tie| tie.len() > 1) {
        tied.extend(tie.iter().map(|merge| (merge.made, score(merge))));
    }
    for merge in &merges {
        for part in [merge.left, merge.right] {
            if tied.get(&part).is_some_and(|&tie| tie <= score(merge)) {
                let [part, made] = [part, merge.made].map(|id| shortened(vocab.spelled(id)));
                return Err(format!(
                    "{part:?} has the score of other tokens, and {made:?}, which is made of it, has no lower one"
                ));
            }
        }
    }
    for tie in merges.chunk_by_mut(|a, b| score(a) == score(b)).filter(|tie| tie.len() > 1) {
        order_ties(tie).map_err(|id| {
            format!("{:?} and tokens of the same score merge in a circle", shortened(vocab.spelled(id)))
        })?;
    }
    Ok(merges)
}

/// Orders merges of equal score so that by their ranks, as by their places in the text, the leftmost comes first
/// wherever two compete for the token between them: `(x, y)` before `(y, z)`. Nothing else can matter, because what they
/// make has a lower score than they. The error is a token of a circle, where no order does that.
fn order_ties(tie: &mut [Merge]) -> Result<(), u32> {
    // The tokens, sorted so that each left one comes before the right one. `(x, x)` competes with itself and is fine.
    let mut waiting: HashMap<u32, usize> = HashMap::new();
    let mut after: HashMap<u32, Vec<u32>> = HashMap::new();
    for merge in tie.iter() {
        waiting.entry(merge.left).or_default();
        let count = waiting.entry(merge.right).or_default();
        if merge.left != merge.right {
            *count += 1;
            after.entry(merge.left).or_default().push(merge.right);
        }
    }
    let free = tie.iter().flat_map(|merge| [merge.left, merge.right]).filter(|id| waiting[id] == 0);
    let mut ready: VecDeque<u32> = free.collect();
    let mut places: HashMap<u32, usize> = HashMap::new();
    while let Some(id) = ready.pop_front() {
        let place = places.len();
        if places.try_insert(id, place).is_err() {
            continue; // it was free in more than one merge
        }
        for right in after.get(&id).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(right) {
                *count -= 1;
                if *count == 0 {
                    ready.push_back(*right);
                }
            }
        }
    }
    if let Some(merge) = tie.iter().find(|merge| !places.contains_key(&merge.right)) {
        return Err(merge.made);
    }
    tie.sort_by_key(|merge| (places.get(&merge.left).copied(), places.get(&merge.right).copied()));
    Ok(())
}

/// The merges of a list that are ever used, one for each token, in order.
pub(crate) fn used_merges(vocab: &Vocab, model: &CharBpe) -> Vec<Merge> {
    let mut work = Workspace::default();
    let mut merges: Vec<Merge> = (0..vocab.len() as u32)
        .filter_map(|made| {
            let (left, right) = model.last_merge(vocab, made, &mut work)?;
            Some(Merge { left, right, made })
        })
        .collect();
    merges.sort_by_key(|merge| model.merges.get(merge.left, merge.right));
    merges
}

/// Scores in the order of a list of merges: the tokens that none makes follow. Whether they give the same ids is for
/// [`merges_of_scores`] to tell. `None` for more tokens than there are exact numbers.
pub(crate) fn scores_of_merges(vocab: &Vocab, merges: &[Merge]) -> Option<Vec<f32>> {
    if merges.len() + vocab.len() > 1 << f32::MANTISSA_DIGITS {
        return None;
    }
    let mut scores: Vec<f32> = (merges.len()..merges.len() + vocab.len()).map(|place| -(place as f32)).collect();
    for (rank, merge) in merges.iter().enumerate() {
        scores[merge.made as usize] = -(rank as f32);
    }
    Some(scores)
}

#[cfg(test)]
mod tests;
