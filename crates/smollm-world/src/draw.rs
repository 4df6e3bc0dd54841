//! Random choices: a stream of numbers that a seed and a name determine, on every machine and with every compiler.

/// A stream of random choices (SplitMix64; Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// The stream of this name under this seed. Streams of other names are independent of it, so that one part of the world can change
    /// without the others.
    pub fn new(seed: u64, name: &str) -> Self {
        // mixed once with the seed
        let mut draw = Self { state: hash_of(name) ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) };
        draw.state = draw.bits();
        draw
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..n`, which must not be empty. The bias is below n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "a choice among nothing");
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    /// True with this probability.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// `n` different ones of these (at most all), in random order.
    pub fn sample<'a, T>(&mut self, from: &'a [T], n: usize) -> Vec<&'a T> {
        let mut all: Vec<&T> = from.iter().collect();
        self.shuffle(&mut all);
        all.truncate(n);
        all
    }

    /// A random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// The FNV-1a hash of a text.
pub(crate) fn hash_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
