//! The learning rate of each step.
//!
//! The first step has the value at 0, as in nanotron and transformers: under a warm-up it changes nothing.

use std::f64::consts::PI;

/// A learning rate over the steps of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f64,
    /// The rate where it ends, as a share of the highest.
    pub floor: f64,
    /// Steps of rising from 0.
    pub warmup: u64,
    /// What comes then.
    pub shape: Shape,
}

/// What follows the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The highest rate to the end.
    Constant,
    /// A straight line to the floor at the last step.
    Linear,
    /// Half a cosine wave to the floor at the last step.
    Cosine,
    /// Warm-up, stable, decay: the highest rate, and in the last `steps` a decline to the floor.
    Decay {
        /// Steps of the decline.
        steps: u64,
        /// Its form.
        curve: Curve,
    },
}

/// The form of a decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// 1 - x.
    Linear,
    /// (1 + cos(pi x)) / 2.
    Cosine,
    /// 1 - sqrt(x).
    OneMinusSqrt,
}

impl Curve {
    /// What is left of 1 after the share x of the way.
    fn at(self, x: f64) -> f64 {
        match self {
            Self::Linear => 1.0 - x,
            Self::Cosine => (1.0 + (PI * x).cos()) / 2.0,
            Self::OneMinusSqrt => 1.0 - x.sqrt(),
        }
    }
}

impl Schedule {
    /// The rate of a step, counted from 0, of `total`.
    pub fn rate(&self, step: u64, total: u64) -> f64 {
        if step < self.warmup {
            return self.peak * step as f64 / self.warmup as f64;
        }
        let (steps, curve) = match self.shape {
            Shape::Constant => return self.peak,
            Shape::Linear => (total.saturating_sub(self.warmup), Curve::Linear),
            Shape::Cosine => (total.saturating_sub(self.warmup), Curve::Cosine),
            Shape::Decay { steps, curve } => (steps, curve),
        };
        let gone = step.saturating_sub(total.saturating_sub(steps));
        let left = curve.at((gone as f64 / steps.max(1) as f64).min(1.0));
        self.peak * (self.floor + (1.0 - self.floor) * left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule, steps: &[u64], total: u64) -> Vec<f64> {
        steps.iter().map(|step| schedule.rate(*step, total)).collect()
    }

    #[test]
    fn wsd_is_that_of_nanotron() {
        let decay = |curve| Schedule { peak: 3e-3, floor: 0.0, warmup: 2, shape: Shape::Decay { steps: 4, curve } };
        let steps = [0, 1, 2, 6, 7, 8, 9, 10, 11];
        let close = |curve, expected: [f64; 9]| {
            for ((step, rate), expected) in steps.iter().zip(rates(decay(curve), &steps, 10)).zip(expected) {
                assert!((rate - 3e-3 * expected).abs() < 1e-12, "{curve:?} at {step}: {rate}");
            }
        };
        close(Curve::Linear, [0.0, 0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]);
        let half = std::f64::consts::FRAC_1_SQRT_2 / 2.0;
        close(Curve::Cosine, [0.0, 0.5, 1.0, 1.0, 0.5 + half, 0.5, 0.5 - half, 0.0, 0.0]);
        let root = |x: f64| 1.0 - x.sqrt();
        close(Curve::OneMinusSqrt, [0.0, 0.5, 1.0, 1.0, 0.5, root(0.5), root(0.75), 0.0, 0.0]);
    }

    /// transformers 4.46, `get_cosine_schedule_with_warmup(optimizer, 10, 100)` at 0, 5, 10, 55 and 99, and with `min_lr_rate=0.1`.
    #[test]
    fn cosine_and_linear_are_those_of_transformers() {
        let cosine = |floor| Schedule { peak: 1.0, floor, warmup: 10, shape: Shape::Cosine };
        let steps = [0, 5, 10, 55, 99];
        let last = (1.0 + (PI * 89.0 / 90.0).cos()) / 2.0;
        for (rate, expected) in rates(cosine(0.0), &steps, 100).into_iter().zip([0.0, 0.5, 1.0, 0.5, last]) {
            assert!((rate - expected).abs() < 1e-12);
        }
        for (rate, expected) in rates(cosine(0.1), &steps, 100).into_iter().zip([0.0, 0.5, 1.0, 0.55, 0.1 + 0.9 * last])
        {
            assert!((rate - expected).abs() < 1e-12);
        }
        let linear = Schedule { shape: Shape::Linear, ..cosine(0.0) };
        assert_eq!(rates(linear, &[10, 55, 100], 100), [1.0, 0.5, 0.0]);
    }

    #[test]
    fn nothing_divides_by_zero() {
        for shape in [Shape::Constant, Shape::Linear, Shape::Cosine, Shape::Decay { steps: 0, curve: Curve::Linear }] {
            for warmup in [0, 3] {
                let schedule = Schedule { peak: 1.0, floor: 0.0, warmup, shape };
                for step in 0..5 {
                    assert!((0.0..=1.0).contains(&schedule.rate(step, 3)), "{shape:?} {warmup} {step}");
                }
            }
        }
    }
}
