//! Shuffles that are computed, not stored: where number `i` of `n` goes, in any order and at any time.

/// A permutation of `0..n` that a key chooses.
///
/// A Feistel network of eight rounds on twice as many bits as are needed for a half, walked until the result is below `n` (Black and
/// Rogaway, "Ciphers with arbitrary finite domains", 2002): a bijection by construction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permutation {
    n: u64,
    key: u64,
    half: u32,
}

/// Bits of a half at least: networks of very few bits make few permutations.
const LEAST_HALF: u32 = 4;
const ROUNDS: u64 = 8;

impl Permutation {
    pub(crate) fn new(n: u64, key: u64) -> Self {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        Self { n, key, half: bits.div_ceil(2).max(LEAST_HALF) }
    }

    /// Where `i`, less than `n`, goes.
    pub(crate) fn at(&self, i: u64) -> u64 {
        debug_assert!(i < self.n);
        let mut x = i;
        loop {
            x = self.network(x);
            if x < self.n {
                return x;
            }
        }
    }

    fn network(&self, x: u64) -> u64 {
        let low = u64::MAX >> (u64::BITS - self.half);
        let (mut left, mut right) = (x >> self.half, x & low);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mixed(&[self.key, round, right]) & low));
        }
        left << self.half | right
    }
}

/// One number of several, each bit of which depends on each bit of theirs (the finaliser of SplitMix64 between them).
pub(crate) fn mixed(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, &part| {
        let mut x = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_has_its_own_place(n in 1u64..3000, key: u64) {
            let permutation = Permutation::new(n, key);
            let mut seen = vec![false; n as usize];
            for i in 0..n {
                let place = permutation.at(i) as usize;
                prop_assert!(!std::mem::replace(&mut seen[place], true));
            }
        }
    }

    #[test]
    fn large_and_small_domains_and_keys_differ() {
        for n in [u64::MAX, 1 << 40, (1 << 40) + 1] {
            let permutation = Permutation::new(n, 7);
            assert!((0..100).map(|i| permutation.at(i)).collect::<std::collections::HashSet<_>>().len() == 100);
        }
        // All orders of three occur, about equally often.
        let mut orders = std::collections::HashMap::new();
        for key in 0..6000 {
            let permutation = Permutation::new(3, key);
            *orders.entry([0, 1, 2].map(|i| permutation.at(i))).or_insert(0) += 1;
        }
        assert_eq!(orders.len(), 6);
        assert!(orders.values().all(|&count| (850..1150).contains(&count)), "{orders:?}");
    }
}
