//! A screen as a picture: text in a window, one element for each run of cells that look alike.

use std::fmt::Write;

/// Width and height of a cell in pixels, and the size of its letters: that of most monospace fonts.
const CELL: (f32, f32) = (8.4, 18.0);
const FONT: &str = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
/// Around the text, and the bar above it.
const MARGIN: f32 = 16.0;
const BAR: f32 = 32.0;
const PAPER: &str = "#1b1f27";
const INK: &str = "#d7dce5";
/// The sixteen colours of a palette (black, red, green, yellow, blue, magenta, cyan, white, and the same brighter).
const PALETTE: [&str; 16] = [
    "#3b4252", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dce5", "#5c6370", "#ef7b85",
    "#a9d68a", "#f0cf8c", "#74bcf7", "#d68bea", "#67c7d3", "#ffffff",
];

/// How a cell looks.
#[derive(Debug, Clone, PartialEq)]
struct Look {
    colour: String,
    bold: bool,
    italic: bool,
    dim: bool,
    underline: bool,
}

impl Look {
    fn of(cell: &vt100::Cell) -> Self {
        let colour = match cell.fgcolor() {
            vt100::Color::Default => INK.to_owned(),
            vt100::Color::Idx(index) => PALETTE.get(usize::from(index)).copied().unwrap_or(INK).to_owned(),
            vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        };
        let (bold, italic, dim, underline) = (cell.bold(), cell.italic(), cell.dim(), cell.underline());
        Self { colour, bold, italic, dim, underline }
    }

    fn attributes(&self) -> String {
        let mut text = String::new();
        if self.colour != INK {
            text += &format!(" fill=\"{}\"", self.colour);
        }
        for (is, attribute) in [
            (self.bold, " font-weight=\"bold\""),
            (self.italic, " font-style=\"italic\""),
            (self.dim, " opacity=\"0.6\""),
            (self.underline, " text-decoration=\"underline\""),
        ] {
            text += if is { attribute } else { "" };
        }
        text
    }
}

/// The screen in a window called `title`, with what it is in words for who cannot see it.
pub(crate) fn window(screen: &vt100::Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    // what is below the last row of text is not drawn
    let filled = screen.rows(0, columns.get()).collect::<Vec<_>>();
    let used = filled.iter().rposition(|row| !row.trim().is_empty()).map_or(1, |last| last + 1);
    let width = f32::from(columns.get()) * CELL.0 + 2.0 * MARGIN;
    let height = used.min(usize::from(rows.get())) as f32 * CELL.1 + 2.0 * MARGIN + BAR;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" font-family=\"{FONT}\" font-size=\"14\">\n<title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"10\" fill=\"{PAPER}\"/>\n",
        escaped(title)
    );
    for (number, colour) in ["#ff5f57", "#febc2e", "#28c840"].iter().enumerate() {
        // writing to a text cannot fail
        let _ = writeln!(svg, "<circle cx=\"{}\" cy=\"18\" r=\"6\" fill=\"{colour}\"/>", 22 + 20 * number);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"23\" fill=\"{INK}\" opacity=\"0.6\" text-anchor=\"middle\">{}</text>",
        width / 2.0,
        escaped(title)
    );
    let _ = writeln!(svg, "<g fill=\"{INK}\" xml:space=\"preserve\">");
    for row in 0..used as u16 {
        for (column, cells, text, look) in runs(screen, row) {
            let (x, y) = (f32::from(column) * CELL.0 + MARGIN, f32::from(row) * CELL.1 + BAR + MARGIN + 14.0);
            let length = f32::from(cells) * CELL.0;
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\"{}>{}</text>",
                look.attributes(),
                escaped(&text)
            );
        }
    }
    svg + "</g>\n</svg>\n"
}

/// The runs of a row: where each begins, how many cells it has, its text, its look. Blanks at its end are left out.
fn runs(screen: &vt100::Screen, row: u16) -> Vec<(u16, u16, String, Look)> {
    let mut runs: Vec<(u16, u16, String, Look)> = Vec::new();
    let (_, columns) = screen.size();
    for column in 0..columns.get() {
        let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation()) else { continue };
        let (text, look) = (if cell.has_contents() { cell.contents() } else { " " }, Look::of(cell));
        let cells = if cell.is_wide() { 2 } else { 1 };
        match runs.last_mut() {
            Some((first, many, run, like)) if *like == look && *first + *many == column => {
                run.push_str(text);
                *many += cells;
            }
            _ => runs.push((column, cells, text.to_owned(), look)),
        }
    }
    for (_, cells, text, look) in &mut runs {
        if !look.underline {
            let kept = text.trim_end().len();
            *cells -= (text.len() - kept) as u16; // blanks are a byte and a cell each
            text.truncate(kept);
        }
    }
    runs.retain(|(_, cells, ..)| *cells > 0);
    runs
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[test]
fn looks_become_attributes() {
    let size = |n| std::num::NonZeroU16::new(n).unwrap();
    let mut terminal = vt100::Parser::new(size(3), size(20), 0);
    terminal
        .process(b"a \x1b[1;32mb<c\x1b[0m  \x1b[3md\x1b[0m\r\n\xe2\x82\xac\x1b[2;38;2;1;2;3mx\xe4\xb8\xadz   \x1b[0m");
    let svg = window(terminal.screen(), "t & u");
    let texts: Vec<&str> = svg.lines().filter(|line| line.contains("textLength")).collect();
    let expected = [
        r#"<text x="16.0" y="62.0" textLength="8.4">a</text>"#,
        r##"<text x="32.8" y="62.0" textLength="25.2" fill="#98c379" font-weight="bold">b&lt;c</text>"##,
        r#"<text x="74.8" y="62.0" textLength="8.4" font-style="italic">d</text>"#,
        r#"<text x="16.0" y="80.0" textLength="8.4">€</text>"#,
        r##"<text x="24.4" y="80.0" textLength="33.6" fill="#010203" opacity="0.6">x中z</text>"##,
    ];
    assert_eq!(texts, expected, "{svg}");
    assert!(svg.contains("<title>t &amp; u</title>") && svg.contains("viewBox=\"0 0 200 100\""), "{svg}");
}
