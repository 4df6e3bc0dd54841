//! One vector for a prompt: the hidden states after the final norm, put together.

/// How the hidden states of a prompt's tokens (C each) become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the last token, which has seen all others.
    Last,
}

/// A vector in the making. Sums are in f64 and in order of the tokens, so chunks leave no trace.
#[derive(Debug)]
pub(crate) struct Pooled {
    pooling: Pooling,
    sum: Vec<f64>,
    count: usize,
}

impl Pooled {
    /// Of tokens with hidden states of `width` numbers.
    pub(crate) fn new(pooling: Pooling, width: usize) -> Self {
        Self { pooling, sum: vec![0.0; width], count: 0 }
    }

    /// Begins again.
    pub(crate) fn restart(&mut self) {
        self.sum.fill(0.0);
        self.count = 0;
    }

    /// The next tokens, whole rows.
    pub(crate) fn add(&mut self, hidden: &[f32]) {
        for row in hidden.chunks(self.sum.len()) {
            if self.pooling == Pooling::Last {
                self.restart();
            }
            self.sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
            self.count += 1;
        }
    }

    /// The vector; `None` if it is not finite.
    pub(crate) fn vector(&self) -> Option<Vec<f32>> {
        let vector: Vec<f32> = self.sum.iter().map(|sum| (sum / self.count as f64) as f32).collect();
        vector.iter().all(|x| x.is_finite()).then_some(vector)
    }
}
