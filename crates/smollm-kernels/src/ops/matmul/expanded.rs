//! Products with quantised weights that are made bf16 first: some groups of rows at a time, in memory that stays in the second-level
//! cache until all activation rows have met them.

use std::ops::Range;

use super::{Item, Job};
use crate::aligned::{Scratch, lines, lines_mut};
use crate::generic::expand::UNIT;
use crate::generic::tiles::piece_len;
use crate::lanes::{Chunk, LANES};
use crate::panels::{Layout, Panels};
use crate::table::{Ahead, ExpandTask, TileKernels, TileTask};
use crate::tiles::ROWS;

/// Lines of expanded weights that are held at a time, about: a part of the second-level cache.
const LINES: usize = 4096;
/// Groups that a few activation rows meet side by side.
const FEW_GROUPS: usize = 4;

/// How the rows of a matrix are walked: pieces of whole blocks, and for each some groups at a time.
pub(super) struct Walk {
    /// Steps of a row.
    pub(super) steps: usize,
    /// Steps of a piece.
    pub(super) piece_len: usize,
    /// Groups that are expanded at a time.
    pub(super) groups: usize,
}

impl Walk {
    /// For `n` activation rows.
    fn new(layout: &Layout, n: usize) -> Self {
        let block = layout.dtype.block_len() / UNIT;
        let steps = layout.blocks * block;
        // A few rows take whole ones.
        let (piece_len, least) = if n <= ROWS { (steps, FEW_GROUPS) } else { (piece_len(steps, block), 2) };
        Self { steps, piece_len, groups: (LINES / (piece_len * ROWS) / least * least).max(least) }
    }

    /// For products of two matrices, whose rows are not cut.
    pub(super) fn gated(layout: &Layout) -> Self {
        let steps = layout.blocks * (layout.dtype.block_len() / UNIT);
        Self { steps, piece_len: steps, groups: (LINES / (2 * steps * ROWS)).max(1) }
    }

    /// Lines of what is expanded at a time.
    pub(super) fn lines(&self) -> usize {
        self.groups * self.piece_len * ROWS
    }

    /// The pieces, and of each the groups that are expanded together, in order.
    fn turns(&self, groups: &Range<usize>) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let (len, at_once, end) = (self.piece_len, self.groups, groups.end);
        let pieces = (0..self.steps).step_by(len).map(move |from| from..self.steps.min(from + len));
        let groups = groups.clone().step_by(at_once).map(move |first| first..end.min(first + at_once));
        pieces.flat_map(move |piece| groups.clone().map(move |groups| (piece.clone(), groups)))
    }
}

/// The lines of a piece of a group and of those after it, and how many of them are of this group.
pub(super) fn lines_of<'a>(panels: &'a Panels, piece: &Range<usize>, group: usize) -> (&'a [Chunk<i32>], usize) {
    let layout = &panels.layout;
    let (block, group_lines) = (layout.dtype.block_len() / UNIT, layout.group_lines());
    let whole = piece.len() == layout.blocks * block;
    let run = if whole { group_lines } else { piece.len() / block * layout.words };
    let start = group * group_lines + piece.start / block * layout.words;
    (panels.lines().get(start..).unwrap_or(&[]), run)
}

/// Expands a piece of some groups to the beginning of `out`.
pub(super) fn expand(
    tiles: &TileKernels,
    panels: &Panels,
    groups: &Range<usize>,
    piece: &Range<usize>,
    out: &mut [Chunk<f32>],
) {
    let task = ExpandTask { layout: panels.layout, w: panels.lines(), groups: groups.clone(), units: piece.clone() };
    let out = &mut out[..groups.len() * piece.len() * ROWS];
    // SAFETY: `Cpu` holds only rows that are available.
    unsafe { (tiles.expand)(&task, lines_mut(out)) };
}

impl Job<'_> {
    /// Tiles against panels that become tiles.
    pub(super) fn compute_expanded(&self, tiles: &TileKernels, item: &Item, panels: &Panels, scratch: &mut Scratch) {
        let walk = Walk::new(&panels.layout, self.n);
        let expanded = scratch.take(walk.lines());
        let group_lines = panels.layout.group_lines();
        let all = item.rows.start / LANES..item.rows.end / LANES;
        let mut turns = walk.turns(&all).peekable();
        while let Some((piece, groups)) = turns.next() {
            expand(tiles, panels, &groups, &piece, expanded);
            let (next_piece, next) = turns.peek().cloned().unwrap_or((0..walk.piece_len, all.end..all.end));
            let (first, run) = lines_of(panels, &next_piece, next.start);
            let second = first.get(group_lines..).unwrap_or(&[]);
            let task = TileTask {
                x: lines(self.x),
                n: self.n,
                tokens: item.tokens.clone(),
                steps: walk.steps,
                piece,
                w: lines(expanded),
                first_group: groups.start,
                groups,
                adds: false,
                ahead: Some(Ahead { lines: [first, second], run, apart: 2 * group_lines }),
                out: &self.out,
                out_stride: self.weight.rows(),
            };
            // SAFETY: `Cpu` holds only rows that are available; items do not overlap, and each is done once.
            unsafe { (tiles.matmul)(&task) };
        }
    }
}
