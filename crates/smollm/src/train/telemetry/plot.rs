//! A plot of numbers over steps as SVG, for a page that has the colours.

use std::fmt::Write;

/// A line of a plot.
pub(super) struct Series {
    pub(super) name: String,
    /// Steps and values, in the order of steps.
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
/// Left, right, top, bottom of what is drawn.
const FRAME: [f64; 4] = [64.0, 628.0, 12.0, 226.0];
/// Numbers beyond it are as little to be drawn as what is no number.
const LARGEST: f64 = 1e100;
/// Points of a line: more cannot be told apart.
const POINTS: usize = 400;

/// The plot of one or two series under a title; empty if there is no finite number.
pub(super) fn plot(title: &str, series: &[Series]) -> String {
    let finite = |series: &Series| -> Vec<(f64, f64)> {
        series.points.iter().copied().filter(|(_, value)| value.abs() < LARGEST).collect()
    };
    let points: Vec<Vec<(f64, f64)>> = series.iter().map(finite).collect();
    let all = || points.iter().flatten();
    if all().next().is_none() {
        return String::new();
    }
    let drawn: Vec<Vec<(f64, f64)>> = points.iter().map(|points| thinned(points)).collect();
    let range = |of: fn(&(f64, f64)) -> f64| {
        drawn
            .iter()
            .flatten()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let (across, up) = (widened(range(|point| point.0)), widened(range(|point| point.1)));
    let [left, right, top, bottom] = FRAME;
    let x = |step: f64| left + (step - across.0) / (across.1 - across.0) * (right - left);
    let y = |value: f64| bottom - (value - up.0) / (up.1 - up.0) * (bottom - top);

    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(out, "<figure>\n<figcaption>{}</figcaption>\n", escaped(title));
    let _ = writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escaped(title));
    for tick in ticks(up) {
        let at = y(tick);
        let _ = writeln!(out, "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        let _ = writeln!(out, "<text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>", left - 6.0, at + 4.0, label(tick));
    }
    for tick in ticks(across).into_iter().filter(|tick| tick.fract() == 0.0) {
        let _ =
            writeln!(out, "<text class=\"middle\" x=\"{:.1}\" y=\"{}\">{}</text>", x(tick), bottom + 18.0, label(tick));
    }
    for (number, points) in drawn.iter().enumerate().filter(|(_, points)| !points.is_empty()) {
        let path: Vec<String> = points.iter().map(|&(step, value)| format!("{:.1},{:.1}", x(step), y(value))).collect();
        if let [only] = points.as_slice() {
            let (cx, cy) = (x(only.0), y(only.1));
            let _ = writeln!(out, "<circle class=\"dot{number}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\"/>");
        } else {
            let _ = writeln!(out, "<polyline class=\"line{number}\" points=\"{}\"/>", path.join(" "));
        }
    }
    out.push_str("</svg>\n<p class=\"legend\">");
    for (number, (series, points)) in
        series.iter().zip(&points).enumerate().filter(|(_, (_, points))| !points.is_empty())
    {
        let last = points.last().map_or(f64::NAN, |point| point.1);
        let each = points.len().div_ceil(POINTS);
        let mean = if each > 1 { format!(", each point the mean of {each}") } else { String::new() };
        let _ = write!(out, "<span class=\"key{number}\">{}</span> last {}{mean} ", escaped(&series.name), label(last));
    }
    out.push_str("</p>\n</figure>\n");
    out
}

/// At most [`POINTS`] points, each the mean of equally many.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let each = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let sum = part.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / part.len() as f64, sum.1 / part.len() as f64)
    };
    if each == 1 { points.to_vec() } else { points.chunks(each).map(mean).collect() }
}

/// A range that is not empty.
fn widened((low, high): (f64, f64)) -> (f64, f64) {
    let least = low.abs().max(high.abs()) * 1e-9;
    if high - low > least { (low, high) } else { (low - low.abs().max(1.0) / 2.0, high + high.abs().max(1.0) / 2.0) }
}

/// Round numbers in a range, some three to six of them.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|&step| step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil();
    (0..12).map(|number| (first + f64::from(number)) * step).take_while(|&tick| tick <= high).collect()
}

/// A number as short as it can be told.
pub(super) fn label(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "-".into();
    }
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.4}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".into() } else { short.into() }
}

/// Text as HTML has it.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ if c.is_control() => out.extend(c.escape_default()),
            _ => out.push(c),
        }
    }
    out
}
