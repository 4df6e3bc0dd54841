//! What our pages have in common: the frame of one that fetches nothing, and plots of metrics.

use super::Metrics;
use super::plot::{Series, plot};
use std::fmt::Write;

pub(crate) use super::plot::escaped;

const STYLE: &str = "\
:root { color-scheme: light dark; --page: #fff; --text: #1c2024; --faint: #667; --rule: #d9dde2; --one: #2563c9; --two: #c2410c; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --text: #e4e7ea; --faint: #98a2ad; --rule: #333a42; --one: #7aa9f7; --two: #f59e6b; }
}
body { margin: 2rem auto; max-width: 84rem; padding: 0 1rem; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 34rem), 1fr)); gap: 1rem 2rem; }
figure { margin: 0; }
figcaption { font-weight: 600; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--faint); }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.grid { stroke: var(--rule); }
polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.line0 { stroke: var(--one); }
.line1 { stroke: var(--two); }
.dot0 { fill: var(--one); }
.dot1 { fill: var(--two); }
.legend { margin: 0; color: var(--faint); font-size: 0.875rem; }
.key0 { color: var(--one); }
.key1 { color: var(--two); }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 0.15rem 1.5rem 0.15rem 0; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
th { font-weight: 500; color: var(--faint); white-space: nowrap; }
td { font-variant-numeric: tabular-nums; }
.said { white-space: pre-wrap; max-width: 40rem; }
";

/// Plots that come first, with their titles.
pub(super) const FIRST: [(&str, &str); 5] = [
    ("loss", "Loss"),
    ("learning_rate", "Learning rate"),
    ("grad_norm", "Norm of the gradient"),
    ("tokens_per_second", "Tokens per second"),
    ("roof_share", "Share of the machine's roof"),
];

/// The beginning of a page, with its heading.
pub(crate) fn begin(title: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
}

/// The end of a page.
pub(crate) fn end(out: &mut String) {
    out.push_str("</body>\n</html>\n");
}

/// Plots of these metrics over the steps, those of the validation beside them.
pub(crate) fn plots(metrics: &[Metrics], names: &[&str]) -> String {
    let series = |name: &str, shown: &str| Series {
        name: shown.into(),
        points: metrics.iter().filter_map(|metrics| Some((metrics.step as f64, metrics.get(name)?))).collect(),
    };
    let mut out = String::new();
    for name in names {
        let title = FIRST.iter().find(|(first, _)| first == name).map_or(*name, |(_, title)| title);
        // Writing to a string cannot fail.
        let _ = out.write_str(&plot(title, &[series(name, "training"), series(&format!("eval_{name}"), "validation")]));
    }
    out
}
