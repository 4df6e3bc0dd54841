//! Attention of some rows over one partition of keys, and the folding of partitions into one softmax.
//!
//! What is computed for a row stands at `ScoreTask` and `MixTask`. Nothing depends on the rows beside it or on later keys, so
//! tiles of rows change no bit.
//!
//! Keys are turned first, so that both products have the same form: numbers of a row times vectors, no lane ever folded.

use crate::generic::dot::Multiply;
use std::ops::Range;

use crate::generic::exp::exp;
use crate::generic::matmul::vectors;
use crate::lanes::{Chunk, Element, LANES, Lanes};
use crate::table::{MixTask, Pairs, ScoreTask, Sight, SoftmaxSums, ValueRun};

/// Sixteen keys, each as many vectors as hold D numbers, to columns: vector d of the output gets number d of each.
#[inline(always)]
pub(crate) fn turn<S: Lanes, E: Element>(s: S, keys: &[Chunk<E::Bits>], out: &mut [Chunk<f32>]) {
    let steps = keys.len() / LANES;
    for step in 0..steps {
        let mut rows = [s.zero(); LANES];
        for i in 0..LANES {
            rows[i] = E::load(s, &keys[i * steps + step]);
        }
        let columns = s.transpose(rows);
        for i in 0..LANES {
            s.store(columns[i], &mut out[step * LANES + i]);
        }
    }
}

/// Of each `run` vectors of pairs the first numbers of all lanes, then the second ones, widened.
#[inline(always)]
pub(crate) fn unweave<S: Lanes>(s: S, pairs: &[Pairs], run: usize, out: &mut [Chunk<f32>]) {
    for (pairs, out) in pairs.chunks_exact(run).zip(out.chunks_exact_mut(2 * run)) {
        for i in 0..run {
            let [first, second] = s.load_pairs(&pairs[i]);
            s.store(first, &mut out[i]);
            s.store(second, &mut out[run + i]);
        }
    }
}

/// Scores in tiles of at most M rows by W vectors of keys, and the softmax of these rows.
#[inline(always)]
pub(crate) fn score<S: Lanes, D: Multiply<S>, const M: usize, const W: usize>(
    s: S,
    d: D,
    task: &mut ScoreTask<'_, D::N, D::W>,
) {
    let rows = task.max.len();
    let mut first = 0;
    while first < rows {
        let count = M.min(rows - first);
        match count {
            1 => score_rows::<S, D, 1, W>(s, d, task, first),
            2 => score_rows::<S, D, 2, W>(s, d, task, first),
            3 => score_rows::<S, D, 3, W>(s, d, task, first),
            4 => score_rows::<S, D, 4, W>(s, d, task, first),
            5 => score_rows::<S, D, 5, W>(s, d, task, first),
            _ => score_rows::<S, D, 6, W>(s, d, task, first),
        }
        first += count;
    }
}

/// M rows from `first`.
#[inline(always)]
fn score_rows<S: Lanes, D: Multiply<S>, const M: usize, const W: usize>(
    s: S,
    d: D,
    task: &mut ScoreTask<'_, D::N, D::W>,
    first: usize,
) {
    // Later rows see at least as much as earlier ones.
    let seen = vectors(task.sight.visible(first + M - 1));
    let mut column = 0;
    while column + W <= seen {
        score_tile::<S, D, M, W>(s, d, task, first, column);
        column += W;
    }
    while column < seen {
        score_tile::<S, D, M, 1>(s, d, task, first, column);
        column += 1;
    }
    softmax_rows::<S, D::N, D::W, M>(s, task, first, seen);
}

/// Turns the `seen` vectors of scores of `count` rows into weights.
#[inline(always)]
pub(crate) fn softmax_some<S: Lanes, N, B>(
    s: S,
    task: &mut ScoreTask<'_, N, B>,
    first: usize,
    count: usize,
    seen: usize,
) {
    let mut done = 0;
    while done < count {
        done += match count - done {
            1 => softmax_rows::<S, N, B, 1>(s, task, first + done, seen),
            2 | 3 => softmax_rows::<S, N, B, 2>(s, task, first + done, seen),
            _ => softmax_rows::<S, N, B, 4>(s, task, first + done, seen),
        };
    }
}

/// Turns the `seen` vectors of scores of M rows into weights. Returns M. The rows go side by side, since one alone is a chain of
/// steps that wait for each other; what a row does not see weighs exp(-inf) = 0 and changes no sum.
#[inline(always)]
fn softmax_rows<S: Lanes, N, B, const M: usize>(
    s: S,
    task: &mut ScoreTask<'_, N, B>,
    first: usize,
    seen: usize,
) -> usize {
    let width = vectors(task.sight.count);
    let rows = &mut task.weights[first * width..][..M * width];
    for (i, row) in rows.chunks_exact_mut(width).enumerate() {
        row[..seen].as_flattened_mut()[task.sight.visible(first + i)..].fill(f32::NEG_INFINITY);
    }
    let mut max = [s.splat(f32::NEG_INFINITY); M];
    for c in 0..seen {
        for i in 0..M {
            max[i] = s.max(s.load(&rows[i * width + c]), max[i]);
        }
    }
    let mut shift = max;
    for i in 0..M {
        task.max[first + i] = s.max_lane(max[i]);
        shift[i] = s.splat(task.max[first + i]);
    }
    let mut total = [s.zero(); M];
    for c in 0..seen {
        for i in 0..M {
            let weights = &mut rows[i * width + c];
            let e = exp(s, s.sub(s.load(weights), shift[i]));
            s.store(e, weights);
            total[i] = s.add(total[i], e);
        }
    }
    for i in 0..M {
        task.total[first + i] = if task.sight.visible(first + i) == 0 { 0.0 } else { s.sum(total[i]) };
    }
    M
}

/// The scores of M rows and W vectors of keys.
#[inline(always)]
fn score_tile<S: Lanes, D: Multiply<S>, const M: usize, const W: usize>(
    s: S,
    d: D,
    task: &mut ScoreTask<'_, D::N, D::W>,
    first: usize,
    column: usize,
) {
    let (lanes, width) = (task.lanes, vectors(task.sight.count));
    let mut q = [&task.q[first * lanes..][..lanes]; M];
    for i in 1..M {
        q[i] = &task.q[(first + i) * lanes..][..lanes];
    }
    let mut keys = [&task.turned[column][..lanes]; W];
    for c in 1..W {
        keys[c] = &task.turned[column + c][..lanes];
    }
    let mut sums = [[s.zero(); W]; M];
    for k in 0..lanes {
        let mut vectors = [d.load_w(s, &keys[0][k]); W];
        for c in 1..W {
            vectors[c] = d.load_w(s, &keys[c][k]);
        }
        for i in 0..M {
            let number = d.spread(s, q[i][k]);
            for c in 0..W {
                sums[i][c] = d.add(s, number, vectors[c], sums[i][c]);
            }
        }
    }
    for i in 0..M {
        let out = &mut task.weights[(first + i) * width + column..][..W];
        for c in 0..W {
            s.store(sums[i][c], &mut out[c]);
        }
    }
}

/// Values mixed in tiles of at most M rows by W vectors.
#[inline(always)]
pub(crate) fn mix<S: Lanes, D: Multiply<S>, const M: usize, const W: usize>(
    s: S,
    d: D,
    task: &mut MixTask<'_, D::N, D::W>,
) {
    let rows = task.mixed.len() / task.steps;
    let mut first = 0;
    while first < rows {
        let count = M.min(rows - first);
        match count {
            1 => mix_rows::<S, D, 1, W>(s, d, task, first),
            2 => mix_rows::<S, D, 2, W>(s, d, task, first),
            3 => mix_rows::<S, D, 3, W>(s, d, task, first),
            4 => mix_rows::<S, D, 4, W>(s, d, task, first),
            5 => mix_rows::<S, D, 5, W>(s, d, task, first),
            _ => mix_rows::<S, D, 6, W>(s, d, task, first),
        }
        first += count;
    }
}

/// The mixed values of M rows from `first`.
#[inline(always)]
fn mix_rows<S: Lanes, D: Multiply<S>, const M: usize, const W: usize>(
    s: S,
    d: D,
    task: &mut MixTask<'_, D::N, D::W>,
    first: usize,
) {
    let mut column = 0;
    while column + W <= task.steps {
        mix_tile::<S, D, M, W>(s, d, task, first, column);
        column += W;
    }
    while column < task.steps {
        mix_tile::<S, D, M, 1>(s, d, task, first, column);
        column += 1;
    }
}

/// W vectors of the mixed values of M rows.
#[inline(always)]
fn mix_tile<S: Lanes, D: Multiply<S>, const M: usize, const W: usize>(
    s: S,
    d: D,
    task: &mut MixTask<'_, D::N, D::W>,
    first: usize,
    column: usize,
) {
    let (steps, width) = (task.steps, task.width);
    // All places are counted in lanes of D::PER_LANE keys. What every row of the tile sees is walked together, the little more
    // of later rows one by one.
    let common = task.sight.visible(first) / D::PER_LANE;
    let mut sums = [[s.zero(); W]; M];
    for run in task.runs {
        let keys = run.lanes::<D, S>(steps);
        let end = keys.end.min(common);
        if end <= keys.start {
            break;
        }
        let mut weights = [&task.weights[first * width..][..width][keys.start..end]; M];
        for i in 1..M {
            weights[i] = &task.weights[(first + i) * width..][..width][keys.start..end];
        }
        sums = accumulate::<S, D, M, W>(s, d, weights, run.values, steps, column, sums);
    }
    for i in 0..M {
        let row = first + i;
        let sums = rest_of_row::<S, D, W>(s, d, task, row, common, column, sums[i]);
        let out = &mut task.mixed[row * steps + column..][..W];
        for c in 0..W {
            s.store(sums[c], &mut out[c]);
        }
    }
}

/// W vectors of the mixed values of one row, from lane `begin` of the keys it sees.
#[inline(always)]
fn rest_of_row<S: Lanes, D: Multiply<S>, const W: usize>(
    s: S,
    d: D,
    task: &MixTask<'_, D::N, D::W>,
    row: usize,
    begin: usize,
    column: usize,
    mut sums: [S::F; W],
) -> [S::F; W] {
    let (steps, weights) = (task.steps, &task.weights[row * task.width..][..task.width]);
    let visible = task.sight.visible(row);
    let whole = visible / D::PER_LANE;
    for run in task.runs {
        let keys = run.lanes::<D, S>(steps);
        for key in keys.start.max(begin)..keys.end.min(whole) {
            let weight = d.spread(s, weights[key]);
            let values = &run.values[(key - keys.start) * steps + column..][..W];
            for c in 0..W {
                sums[c] = d.add(s, weight, d.load_w(s, &values[c]), sums[c]);
            }
        }
        // A lane of two keys of which the row sees the first: what is hidden may be no number, and must not enter.
        if !visible.is_multiple_of(D::PER_LANE) && keys.contains(&whole) {
            let weight = d.spread(s, weights[whole]);
            let values = &run.values[(whole - keys.start) * steps + column..][..W];
            for c in 0..W {
                sums[c] = d.add(s, weight, d.load_first(s, &values[c]), sums[c]);
            }
        }
    }
    sums
}

impl<B> ValueRun<'_, B> {
    /// Its lanes of keys, counted in the partition.
    #[inline(always)]
    fn lanes<D: Multiply<S>, S: Lanes>(&self, steps: usize) -> Range<usize> {
        let begin = self.from / D::PER_LANE;
        begin..begin + self.values.len() / steps
    }
}

/// `sums[i][c] + sum over k, ascending, of a[i][k] * b[k][column + c]`, all of `a` of one length, rows of `b` of `width`
/// vectors. By value, so that the sums stay in registers whatever the caller does with them.
#[inline(always)]
fn accumulate<S: Lanes, D: Multiply<S>, const M: usize, const W: usize>(
    s: S,
    d: D,
    a: [&[D::N]; M],
    b: &[D::W],
    width: usize,
    column: usize,
    mut sums: [[S::F; W]; M],
) -> [[S::F; W]; M] {
    let len = a[0].len();
    assert!(column + W <= width);
    for (k, row) in b.chunks_exact(width).take(len).enumerate() {
        let mut vectors = [d.load_w(s, &row[column]); W];
        for c in 1..W {
            vectors[c] = d.load_w(s, &row[column + c]);
        }
        for i in 0..M {
            let number = d.spread(s, a[i][k]);
            for c in 0..W {
                sums[i][c] = d.add(s, number, vectors[c], sums[i][c]);
            }
        }
    }
    sums
}

impl Sight {
    /// Keys of the partition that a row sees.
    #[inline(always)]
    pub(crate) fn visible(&self, row: usize) -> usize {
        (self.first_visible + row / self.group).saturating_sub(self.hidden).min(self.count)
    }
}

/// Folds `next`, the sums of a later partition, into `sums`: both are brought to the larger maximum and added.
#[inline(always)]
pub(crate) fn merge<S: Lanes>(s: S, sums: &mut SoftmaxSums<'_>, next: &SoftmaxSums<'_>) {
    let rows = sums.max.len();
    let steps = sums.mixed.len() / rows;
    for row in 0..rows {
        if next.total[row] == 0.0 {
            continue; // sees no key of that partition
        }
        let max = if next.max[row] > sums.max[row] { next.max[row] } else { sums.max[row] };
        let keep = exp(s, s.splat(sums.max[row] - max));
        let take = exp(s, s.splat(next.max[row] - max));
        let total = s.mul_add(s.splat(sums.total[row]), keep, s.mul(s.splat(next.total[row]), take));
        sums.max[row] = max;
        sums.total[row] = s.first(total);
        let mixed = &mut sums.mixed[row * steps..][..steps];
        for (mixed, next) in mixed.iter_mut().zip(&next.mixed[row * steps..][..steps]) {
            s.store(s.mul_add(s.load(mixed), keep, s.mul(s.load(next), take)), mixed);
        }
    }
}
