//! Dropout whose every number is a function of where it stands: nothing is drawn in turn, so nothing has to be kept.

use smollm_kernels::{Cpu, ops};
use smollm_model::{LayerSlot, init::splitmix64};
use std::borrow::Cow;

/// Numbers that one thread takes at a time; a multiple of [`PER_WORD`].
const PIECE: usize = 16 * 1024;
/// Decisions that one random word has, of 16 bits each.
const PER_WORD: usize = 4;
/// Words that are drawn at a time.
const WORDS: usize = 16;

/// Which part of a run a batch is: equal ones drop the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The seed of the run.
    pub seed: u64,
    /// The step.
    pub step: u64,
    /// Which batch of the step.
    pub micro_batch: u64,
}

/// What the inputs of one pair (N x inputs, row after row) are multiplied by: 0 or the inverse of the share that is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mask {
    stream: u64,
    /// Dropped are those whose 16 bits are below it.
    threshold: u16,
    scale: f32,
}

impl Mask {
    /// `None` where nothing is dropped. `probability` is taken to the nearest of 65,536 steps.
    pub(crate) fn new(probability: f64, draw: Draw, layer: usize, slot: LayerSlot) -> Option<Self> {
        let threshold = (probability * 65_536.0).round().clamp(0.0, 65_535.0) as u16;
        if threshold == 0 {
            return None;
        }
        let Draw { seed, step, micro_batch } = draw;
        let parts = [step, micro_batch, layer as u64, slot as u64];
        let stream = parts.into_iter().fold(splitmix64(seed), |stream, part| splitmix64(stream ^ splitmix64(part)));
        Some(Self { stream, threshold, scale: 65_536.0 / (65_536.0 - f32::from(threshold)) })
    }

    /// Multiplies numbers, the first of which is number `start`, a multiple of [`PER_WORD`].
    pub(super) fn piece(self, start: usize, x: &mut [f32]) {
        let first = (start / PER_WORD) as u64;
        // words first, then numbers: both loops are simple enough to be done several at a time
        for (block, x) in (first..).step_by(WORDS).zip(x.chunks_mut(WORDS * PER_WORD)) {
            let mut bits = [0_u16; WORDS * PER_WORD];
            for (word, bits) in (block..).zip(bits.as_chunks_mut::<PER_WORD>().0) {
                let random = splitmix64(self.stream.wrapping_add(word));
                *bits = [random as u16, (random >> 16) as u16, (random >> 32) as u16, (random >> 48) as u16];
            }
            for (x, bits) in x.iter_mut().zip(bits) {
                *x *= if bits >= self.threshold { self.scale } else { 0.0 };
            }
        }
    }

    /// Multiplies all inputs of a batch.
    pub(crate) fn apply(self, cpu: &Cpu, x: &mut [f32]) {
        let mut pieces: Vec<(usize, &mut [f32])> = x.chunks_mut(PIECE).enumerate().collect();
        ops::for_each(cpu, &mut pieces, |(index, x)| self.piece(*index * PIECE, x));
    }
}

/// What a pair sees of inputs.
pub(crate) fn dropped<'x>(cpu: &Cpu, mask: Option<Mask>, x: &'x [f32]) -> Cow<'x, [f32]> {
    let Some(mask) = mask else { return Cow::Borrowed(x) };
    let mut x = x.to_vec();
    mask.apply(cpu, &mut x);
    Cow::Owned(x)
}
