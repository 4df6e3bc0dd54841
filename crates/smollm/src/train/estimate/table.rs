//! An estimate for people.

use super::{Basis, Estimate};
use std::fmt;

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<24} {value}");
        let learnt = match self.learnt {
            all if all == self.parameters => "all of them learnt".into(),
            some => format!("{} learnt", grouped(some as f64)),
        };
        line("parameters", format!("{}, {learnt}", grouped(self.parameters as f64)))?;
        line("steps", format!("{} of {} rows", grouped(self.steps as f64), grouped(self.rows_per_step as f64)))?;
        let (tokens, step) = (grouped(self.tokens), grouped(self.tokens_per_step));
        line("tokens", format!("{tokens} ({step} a step), {:.1} % of them learnt", 100.0 * self.supervised_share))?;
        for (name, value) in self.lost.lines() {
            line(name, value)?;
        }
        match self.epochs {
            Some(epochs) => line("epochs", format!("{epochs:.3} of {} rows", grouped(self.epoch_rows as f64)))?,
            None => line("epochs", "not told: the data were not looked at, and rows are taken to be full".into())?,
        }
        line("memory", bytes(self.memory.total()))?;
        for (name, size) in self.memory.parts().into_iter().filter(|&(_, size)| size > 0) {
            line(&format!("  {name}"), bytes(size))?;
        }
        line("operations", format!("{:.3e} ({:.3e} a token)", self.work.total(), self.work.per_token))?;
        let others = [("of the reference", self.work.reference), ("of evaluations", self.work.evaluations)];
        for (name, work) in others.into_iter().filter(|&(_, work)| work > 0.0) {
            line(&format!("  {name}"), format!("{work:.3e}"))?;
        }
        let basis = match self.basis {
            Basis::MeasuredTokensPerSecond(speed) => format!("at {} tokens/s, measured", grouped(speed)),
            Basis::MeasuredFlops(speed) => format!("at {:.3} TFLOP/s, measured on one layer", speed / 1e12),
        };
        line("time", format!("{} ({basis})", duration(self.seconds)))
    }
}

/// A whole number with commas.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digit != '-' && (digits.len() - place).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in a unit that suits them.
pub(crate) fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes < 1024.0 * 1024.0 => format!("{:.1} KiB", bytes / 1024.0),
        _ if bytes < 1024.0f64.powi(3) => format!("{:.1} MiB", bytes / 1024.0f64.powi(2)),
        _ => format!("{:.2} GiB", bytes / 1024.0f64.powi(3)),
    }
}

/// Seconds in the two units that suit them.
pub(crate) fn duration(seconds: f64) -> String {
    const UNITS: [(&str, f64); 5] =
        [("years", 365.25 * 86_400.0), ("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)];
    let Some(at) = UNITS.iter().position(|&(_, size)| seconds >= size) else {
        return format!("{seconds:.2} s");
    };
    let (unit, size) = UNITS[at];
    let whole = (seconds / size).floor();
    match UNITS.get(at + 1) {
        Some((smaller, of)) => {
            format!("{} {unit} {:.0} {smaller}", grouped(whole), ((seconds - whole * size) / of).floor())
        }
        None => format!("{seconds:.1} s"),
    }
}
