//! Attention of some rows over one partition of keys, and the folding of partitions into one softmax.
//!
//! For a row that sees the first v keys of the partition:
//! `score[j] = q . k[j]` (the dot product of `matmul`), `max = max score[..v]`, `p[j] = exp(score[j] - max)`,
//! `total = sum p` (sixteen lanes, folded), `mixed = sum over j < v, ascending, of p[j] * value[j]`.
//! Nothing depends on the rows beside it or on later keys, so tiles of rows change no bit.

use crate::generic::exp::exp;
use crate::generic::matmul::dots;
use crate::generic::softmax;
use crate::lanes::{LANES, Lanes};
use crate::table::{AttendTask, SoftmaxSums};

/// Fills `task.sums`; rows that see no key get max = -inf and zeros. Scores are computed in tiles of at most M rows by K
/// keys, values mixed in tiles of at most M rows by W vectors.
#[inline(always)]
pub(crate) fn attend<S: Lanes, const M: usize, const K: usize, const W: usize>(s: S, task: &mut AttendTask<'_>) {
    let rows = task.q.len() / task.steps;
    let mut first = 0;
    while first < rows {
        let left = rows - first;
        match left.min(M) {
            1 => tile::<S, 1, K, W>(s, task, first),
            2 => tile::<S, 2, K, W>(s, task, first),
            3 => tile::<S, 3, K, W>(s, task, first),
            _ => tile::<S, 4, K, W>(s, task, first),
        }
        first += left.min(M);
    }
}

/// M rows from `first`, from scores to mixed values.
#[inline(always)]
fn tile<S: Lanes, const M: usize, const K: usize, const W: usize>(s: S, task: &mut AttendTask<'_>, first: usize) {
    // Later rows see at least as much as earlier ones.
    let most = task.visible(first + M - 1);
    let mut key = 0;
    while key + K <= most {
        score::<S, M, K>(s, task, first, key);
        key += K;
    }
    while key < most {
        score::<S, M, 1>(s, task, first, key);
        key += 1;
    }
    for row in first..first + M {
        let visible = task.visible(row);
        let stride = task.score_stride();
        let scores = &mut task.scores.as_flattened_mut()[row * stride..][..visible];
        let max = softmax::max(s, scores);
        task.sums.max[row] = max;
        task.sums.total[row] = if visible == 0 { 0.0 } else { softmax::exp_minus(s, scores, max) };
    }
    let mut column = 0;
    while column + W <= task.steps {
        mix::<S, M, W>(s, task, first, column);
        column += W;
    }
    while column < task.steps {
        mix::<S, M, 1>(s, task, first, column);
        column += 1;
    }
}

/// The scores of M rows and K keys.
#[inline(always)]
fn score<S: Lanes, const M: usize, const K: usize>(s: S, task: &mut AttendTask<'_>, first: usize, key: usize) {
    let (steps, stride) = (task.steps, task.score_stride());
    let scores =
        dots::<S, M, K>(s, &task.q[first * steps..][..M * steps], &task.keys[key * steps..][..K * steps], steps);
    let out = task.scores.as_flattened_mut();
    for i in 0..M {
        out[(first + i) * stride + key..][..K].copy_from_slice(&scores[i]);
    }
}

/// W vectors of the mixed values of M rows.
#[inline(always)]
fn mix<S: Lanes, const M: usize, const W: usize>(s: S, task: &mut AttendTask<'_>, first: usize, column: usize) {
    let (steps, stride) = (task.steps, task.score_stride());
    // The keys that every row of the tile sees are walked together, the few more of later rows one by one.
    let common = task.visible(first);
    let scores = task.scores.as_flattened();
    let mut weights = [&scores[first * stride..][..common]; M];
    for i in 1..M {
        weights[i] = &scores[(first + i) * stride..][..common];
    }
    let mut sums = [[s.zero(); W]; M];
    for (key, values) in task.values.chunks_exact(steps).take(common).enumerate() {
        let values = &values[column..][..W];
        let mut v = [s.zero(); W];
        for c in 0..W {
            v[c] = s.load(&values[c]);
        }
        for i in 0..M {
            let weight = s.splat(weights[i][key]);
            for c in 0..W {
                sums[i][c] = s.mul_add(weight, v[c], sums[i][c]);
            }
        }
    }
    for i in 0..M {
        for key in common..task.visible(first + i) {
            let weight = s.splat(scores[(first + i) * stride + key]);
            let values = &task.values[key * steps + column..][..W];
            for c in 0..W {
                sums[i][c] = s.mul_add(weight, s.load(&values[c]), sums[i][c]);
            }
        }
        let out = &mut task.sums.mixed[(first + i) * steps + column..][..W];
        for c in 0..W {
            s.store(sums[i][c], &mut out[c]);
        }
    }
}

impl AttendTask<'_> {
    /// Keys that a row sees.
    #[inline(always)]
    fn visible(&self, row: usize) -> usize {
        (self.first_visible + row / self.group).saturating_sub(self.hidden).min(self.keys.len() / self.steps)
    }

    /// Numbers from one row of scores to the next.
    #[inline(always)]
    fn score_stride(&self) -> usize {
        (self.keys.len() / self.steps).next_multiple_of(LANES)
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
