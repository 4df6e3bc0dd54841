//! Best-fit decreasing: the longest first, each into the row where it leaves the least room.

use super::{PackError, PackOptions, Piece, Rows, cost, whole};
use std::collections::BTreeSet;

/// Units that are packed together: more fill rows better and cost more memory while it is done. With 16,384 documents to a window what is
/// left open at its end is next to nothing.
const WINDOW: usize = 1 << 14;

/// Packs units in windows. Rows of one window are not filled from the next.
pub(super) fn best_fit<'a>(
    rows: &mut Rows,
    units: impl Iterator<Item = &'a [(u32, u32)]>,
    options: &PackOptions,
) -> Result<(), PackError> {
    let mut window = Vec::with_capacity(WINDOW);
    for unit in units.filter(|unit| cost(unit) > 0) {
        if options.pairs {
            window.push(whole(unit, options.row_tokens)?.collect());
        } else {
            window.extend(unit.iter().flat_map(|&(document, length)| parts(document, length, options.row_tokens)));
        }
        if window.len() >= WINDOW {
            pack(rows, std::mem::take(&mut window), options.row_tokens);
        }
    }
    pack(rows, window, options.row_tokens);
    Ok(())
}

/// A document in pieces that fit a row. Where one ends the next begins with the same token, which it predicts from.
fn parts(document: u32, length: u32, row_tokens: u32) -> impl Iterator<Item = Vec<Piece>> {
    let count = length.saturating_sub(1).div_ceil(row_tokens);
    (0..count).map(move |part| {
        let from = part * row_tokens;
        vec![Piece { document, from, length: (length - from).min(row_tokens.saturating_add(1)) }]
    })
}

fn pack(rows: &mut Rows, mut window: Vec<Vec<Piece>>, row_tokens: u32) {
    let cost = |unit: &Vec<Piece>| unit.iter().map(|piece| piece.length - 1).sum::<u32>();
    // A stable sort: among equals the shuffle decides.
    window.sort_by_key(|unit| std::cmp::Reverse(cost(unit)));
    let mut packed: Vec<Vec<Piece>> = Vec::new();
    let mut open: BTreeSet<(u32, usize)> = BTreeSet::new();
    for unit in window {
        let cost = cost(&unit);
        let (room, row) = match open.range((cost, 0)..).next().copied() {
            Some(found) => {
                open.remove(&found);
                found
            }
            None => {
                packed.push(Vec::new());
                (row_tokens, packed.len() - 1)
            }
        };
        packed[row].extend(unit);
        open.insert((room - cost, row));
    }
    for row in packed {
        rows.pieces.extend(row);
        rows.end_row();
    }
}
