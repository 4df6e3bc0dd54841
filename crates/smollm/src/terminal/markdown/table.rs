//! Tables: rows of source lines to aligned columns that fit the terminal.

use super::inline::{Inline, Piece};
use crate::terminal::style::Style;
use crate::terminal::wrap::{Span, columns, may_break, span_columns};

/// Columns below which a cell is not squeezed.
const NARROWEST: usize = 5;
/// Columns between two cells.
const GAP: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
    Centre,
}

/// The cells of a source line: split at `|`, but not at `\|` nor inside backticks.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let mut cells = vec![String::new()];
    let (mut escaped, mut code) = (false, false);
    for c in row.chars() {
        match c {
            '|' if escaped => {
                let cell = cells.last_mut().expect("never empty");
                cell.pop();
                cell.push('|');
            }
            '|' if !code => cells.push(String::new()),
            _ => {
                code ^= c == '`' && !escaped;
                cells.last_mut().expect("never empty").push(c);
            }
        }
        escaped = c == '\\' && !escaped;
    }
    if cells.len() > 1 && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

/// True for the line under the header: `|---|:-:|`.
pub(super) fn is_delimiter(row: &str) -> bool {
    cells(row).iter().all(|cell| {
        let dashes = cell.strip_prefix(':').unwrap_or(cell);
        let dashes = dashes.strip_suffix(':').unwrap_or(dashes);
        !dashes.is_empty() && dashes.chars().all(|c| c == '-')
    })
}

fn align(cell: &str) -> Align {
    match (cell.starts_with(':'), cell.ends_with(':')) {
        (true, true) => Align::Centre,
        (false, true) => Align::Right,
        _ => Align::Left,
    }
}

/// One cell: the lines that `<br>` makes of it.
type Cell = Vec<Vec<Span>>;

fn cell(text: &str, inline: &Inline, style: Style) -> Cell {
    let mut lines = vec![Vec::new()];
    for piece in inline.parse(text, true, None, style).0 {
        match piece {
            Piece::Text(style, text) => lines.last_mut().expect("never empty").push((style, text)),
            Piece::Break | Piece::ThinkEnd => lines.push(Vec::new()),
        }
    }
    lines
}

/// Folds a line to rows of at most `width` columns, at spaces where possible.
fn fold(line: &[Span], width: usize) -> Vec<Vec<Span>> {
    let mut rows: Vec<Vec<Span>> = vec![Vec::new()];
    let mut used = 0;
    let mut word: Vec<Span> = Vec::new();
    let mut last = ' ';
    let mut space: Option<Style> = None;
    let mut end_word = |word: &mut Vec<Span>, space: &mut Option<Style>| {
        let wide = span_columns(word);
        if wide == 0 && word.is_empty() {
            return;
        }
        let gap = usize::from(space.is_some());
        if used > 0 && used + gap + wide > width {
            rows.push(Vec::new());
            used = 0;
        } else if let Some(style) = space.filter(|_| used > 0) {
            push(rows.last_mut().expect("never empty"), style, ' ');
            used += 1;
        }
        *space = None;
        for (style, text) in word.drain(..) {
            for c in text.chars() {
                let wide = columns(c.encode_utf8(&mut [0; 4]));
                if used > 0 && used + wide > width {
                    rows.push(Vec::new());
                    used = 0;
                }
                push(rows.last_mut().expect("never empty"), style, c);
                used += wide;
            }
        }
    };
    for (style, text) in line {
        for c in text.chars() {
            if c == ' ' || c == '\t' {
                end_word(&mut word, &mut space);
                space = Some(*style);
            } else {
                if !word.is_empty() && may_break(last, c) {
                    end_word(&mut word, &mut space);
                }
                push(&mut word, *style, c);
            }
            last = c;
        }
    }
    end_word(&mut word, &mut space);
    rows
}

fn push(spans: &mut Vec<Span>, style: Style, c: char) {
    match spans.last_mut() {
        Some((last, text)) if *last == style => text.push(c),
        _ => spans.push((style, c.to_string())),
    }
}

/// Column widths that fit `limit`, or `None` if there are too many columns. The widest give way first, and words are
/// broken (`longest` is the longest of each column) only if that is not enough.
fn fit(natural: &[usize], longest: &[usize], limit: usize) -> Option<Vec<usize>> {
    let budget = limit.checked_sub(GAP * (natural.len() - 1))?;
    let mut widths: Vec<usize> = natural.iter().map(|width| (*width).clamp(1, limit)).collect();
    let narrowest = vec![NARROWEST; natural.len()];
    for floors in [longest, &narrowest] {
        while widths.iter().sum::<usize>() > budget {
            let wider = widths.iter_mut().zip(floors).filter(|(width, floor)| **width > (**floor).max(NARROWEST));
            let Some((widest, _)) = wider.max_by_key(|(width, _)| **width) else { break };
            *widest -= 1;
        }
    }
    (widths.iter().sum::<usize>() <= budget).then_some(widths)
}

/// Columns of the longest word of a line.
fn longest_word(line: &[Span]) -> usize {
    let text: String = line.iter().map(|(_, text)| text.as_str()).collect();
    text.split(' ').map(columns).max().unwrap_or(0)
}

/// Lays a table out: `rows` are source lines, the second of which is the delimiter. Each line of the
/// result is one terminal row of at most `limit` columns.
pub(super) fn lay_out(rows: &[String], limit: usize, inline: &Inline, style: Style) -> Vec<Vec<Span>> {
    let aligns: Vec<Align> = rows.get(1).map_or(Vec::new(), |row| cells(row).iter().map(|cell| align(cell)).collect());
    let mut grid: Vec<Vec<Cell>> = Vec::new();
    for (i, row) in rows.iter().enumerate().filter(|(i, _)| *i != 1) {
        let style = if i == 0 { style.bold() } else { style };
        grid.push(cells(row).iter().map(|text| cell(text, inline, style)).collect());
    }
    let count = grid.iter().map(Vec::len).max().unwrap_or(0);
    if count == 0 {
        return Vec::new();
    }
    for row in &mut grid {
        row.resize(count, vec![Vec::new()]);
    }
    let widest = |measure: fn(&[Span]) -> usize| -> Vec<usize> {
        (0..count).map(|i| grid.iter().flat_map(|row| &row[i]).map(|line| measure(line)).max().unwrap_or(0)).collect()
    };
    match fit(&widest(span_columns), &widest(longest_word), limit) {
        Some(widths) => columns_of(&grid, &widths, &aligns, style),
        None => records(&grid, limit, style),
    }
}

fn columns_of(grid: &[Vec<Cell>], widths: &[usize], aligns: &[Align], style: Style) -> Vec<Vec<Span>> {
    let mut lines = Vec::new();
    for (i, row) in grid.iter().enumerate() {
        let folded: Vec<Vec<Vec<Span>>> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| cell.iter().flat_map(|line| fold(line, *width)).collect())
            .collect();
        let height = folded.iter().map(Vec::len).max().unwrap_or(1);
        for y in 0..height {
            let mut line = Vec::new();
            for (x, width) in widths.iter().enumerate() {
                if x > 0 {
                    line.push((style.dim(), " │ ".to_owned()));
                }
                let text = folded[x].get(y).cloned().unwrap_or_default();
                let free = width.saturating_sub(span_columns(&text));
                let before = match aligns.get(x).copied().unwrap_or(Align::Left) {
                    Align::Left => 0,
                    Align::Right => free,
                    Align::Centre => free / 2,
                };
                line.push((style, " ".repeat(before)));
                line.extend(text);
                if x + 1 < widths.len() {
                    line.push((style, " ".repeat(free - before)));
                }
            }
            lines.push(line);
        }
        if i == 0 {
            let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("─┼─");
            lines.push(vec![(style.dim(), rule)]);
        }
    }
    lines
}

/// Too many columns for the terminal: one `header: value` line per cell.
fn records(grid: &[Vec<Cell>], limit: usize, style: Style) -> Vec<Vec<Span>> {
    let mut lines = Vec::new();
    let (head, body) = grid.split_first().expect("a table has a header");
    for (i, row) in body.iter().enumerate() {
        if i > 0 {
            lines.push(Vec::new());
        }
        for (name, value) in head.iter().zip(row) {
            let mut line: Vec<Span> = name.concat();
            line.push((style.bold(), ": ".to_owned()));
            line.extend(value.join(&(style, " ".to_owned())));
            lines.extend(fold(&line, limit));
        }
    }
    if body.is_empty() {
        lines.extend(head.iter().flatten().flat_map(|line| fold(line, limit)));
    }
    lines
}
