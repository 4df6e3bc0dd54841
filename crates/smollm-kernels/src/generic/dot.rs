//! How a vector of activations meets a vector of weights: the one step that products of all types are made of.

use std::marker::PhantomData;

use crate::aligned::Line;
use crate::lanes::{Chunk, Element, F32, Lanes};
use crate::table::Pairs;

/// A way to multiply. A value is the proof that its instructions may be used.
pub(crate) trait Multiply<S: Lanes>: Copy {
    /// One vector of weights in memory.
    type W: Copy + Send + Sync;
    /// A vector of weights in registers.
    type V: Copy;
    /// A vector of activations in registers.
    type U: Copy;
    /// What one lane of activations takes.
    type N: Copy;
    /// Numbers in a lane.
    const PER_LANE: usize;

    fn load_w(self, s: S, from: &Self::W) -> Self::V;
    /// A vector of weights of which only the first number of each lane counts, the others being zero.
    fn load_first(self, s: S, from: &Self::W) -> Self::V;
    /// The same activations in every lane.
    fn spread(self, s: S, lane: Self::N) -> Self::U;
    /// Sixteen sums, each with the products of its lane added.
    fn add(self, s: S, x: Self::U, w: Self::V, sums: S::F) -> S::F;
}

/// What products of rows are made of.
pub(crate) trait Dot<S: Lanes>: Multiply<S> {
    /// One vector of activations, a cache line.
    type X: Line;
    /// The kind of product that takes weights as they lie in scratch memory.
    type Packed: Dot<S, X = Self::X, W: Line>;

    fn packed(self) -> Self::Packed;
    /// Writes weights to scratch memory.
    fn pack(self, s: S, from: &Self::W, to: &mut <Self::Packed as Multiply<S>>::W);
    fn load_x(self, s: S, from: &Self::X) -> Self::U;
}

/// f32 multiply-adds over weights that are widened: lane l of step k takes number 16 k + l.
pub(crate) struct Widened<E>(PhantomData<E>);

impl<E> Widened<E> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Clone for Widened<E> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Widened<E> {}

impl<S: Lanes, E: Element> Multiply<S> for Widened<E> {
    type W = Chunk<E::Bits>;
    type V = S::F;
    type U = S::F;
    type N = f32;
    const PER_LANE: usize = 1;

    #[inline(always)]
    fn load_w(self, s: S, from: &Self::W) -> S::F {
        E::load(s, from)
    }

    #[inline(always)]
    fn load_first(self, s: S, from: &Self::W) -> S::F {
        E::load(s, from)
    }

    #[inline(always)]
    fn spread(self, s: S, lane: f32) -> S::F {
        s.splat(lane)
    }

    #[inline(always)]
    fn add(self, s: S, x: S::F, w: S::F, sums: S::F) -> S::F {
        s.mul_add(x, w, sums)
    }
}

impl<S: Lanes, E: Element> Dot<S> for Widened<E> {
    type X = Chunk<f32>;
    type Packed = Widened<F32>;

    #[inline(always)]
    fn packed(self) -> Widened<F32> {
        Widened::new()
    }

    #[inline(always)]
    fn pack(self, s: S, from: &Self::W, to: &mut Chunk<f32>) {
        s.store(E::load(s, from), to);
    }

    #[inline(always)]
    fn load_x(self, s: S, from: &Chunk<f32>) -> S::F {
        s.load(from)
    }
}

/// f32 multiply-adds over pairs of bf16, which are widened: the first number of each lane, then the second.
#[derive(Clone, Copy)]
pub(crate) struct Woven;

impl<S: Lanes> Multiply<S> for Woven {
    type W = Pairs;
    type V = [S::F; 2];
    type U = [S::F; 2];
    type N = [f32; 2];
    const PER_LANE: usize = 2;

    #[inline(always)]
    fn load_w(self, s: S, from: &Pairs) -> [S::F; 2] {
        s.load_pairs(from)
    }

    #[inline(always)]
    fn load_first(self, s: S, from: &Pairs) -> [S::F; 2] {
        [s.load_pairs(from)[0], s.zero()]
    }

    #[inline(always)]
    fn spread(self, s: S, lane: [f32; 2]) -> [S::F; 2] {
        [s.splat(lane[0]), s.splat(lane[1])]
    }

    #[inline(always)]
    fn add(self, s: S, x: [S::F; 2], w: [S::F; 2], sums: S::F) -> S::F {
        s.mul_add(x[1], w[1], s.mul_add(x[0], w[0], sums))
    }
}
