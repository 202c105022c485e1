//! The shapes of the chart. Colours are classes, so that a reader's dark mode has its own.

use std::fmt::Write as _;

const WIDTH: f64 = 880.0;
/// Where the columns of words begin: the group, and the row.
pub(super) const GROUP: f64 = 24.0;
pub(super) const LABEL: f64 = 92.0;
/// Where bars begin, and how long the longest is.
pub(super) const LEFT: f64 = 190.0;
const LENGTH: f64 = 600.0;
/// The height of a bar.
const BAR: f64 = 15.0;
/// From one bar to the next.
pub(super) const ROW: f64 = 21.0;
/// Above each group of rows.
pub(super) const GAP: f64 = 8.0;

const STYLE: &str = "\
.paper{fill:#ffffff}text{fill:#1f2933}.faint{fill:#5b6673}.value{font-size:12px;font-weight:600}
.first{fill:#2f7f8f}.second{fill:#7fb7bf}.third{fill:#b7791f}.fourth{fill:#e3bf83}
.spread{stroke:#1f2933;stroke-width:1.5}.aim{stroke:#c2410c;stroke-width:2.5}
.grid{stroke:#d5dbe1}.one{stroke:#5b6673;stroke-dasharray:3 3}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117}text{fill:#e6edf3}.faint{fill:#9aa6b2}
.first{fill:#3a93a5}.second{fill:#23616d}.third{fill:#c98a2b}.fourth{fill:#7d5a20}
.spread{stroke:#e6edf3}.aim{stroke:#ff8a5c}.grid{stroke:#2d3540}.one{stroke:#9aa6b2}}";

/// What the length of a bar means.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    /// The value at the right end of the bars.
    max: f64,
    /// From one line of the grid to the next.
    step: f64,
    unit: &'static str,
    /// Digits after the point in the values of bars.
    digits: usize,
}

impl Scale {
    /// For values up to `most`, in a few steps.
    pub(super) fn new(most: f64, unit: &'static str, digits: usize) -> Self {
        let steps = [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
        let step = steps.into_iter().find(|step| most / step <= 8.0).unwrap_or(most / 8.0);
        Self { max: (most / step).ceil().max(1.0) * step, step, unit, digits }
    }
}

/// A bar, and what is shown with it.
pub(super) struct Bar<'a> {
    pub(super) label: &'a str,
    pub(super) class: &'a str,
    pub(super) value: f64,
    /// The first and the third quartile.
    pub(super) spread: Option<[f64; 2]>,
    /// The value to reach: the value of the bar is written clear of its line.
    pub(super) aim: Option<f64>,
}

/// An SVG while it is being written.
pub(super) struct Drawing {
    svg: String,
    /// Where the next line goes.
    pub(super) y: f64,
    pub(super) scale: Scale,
}

impl Drawing {
    pub(super) fn new() -> Self {
        Self { svg: String::new(), y: 34.0, scale: Scale::new(1.0, "×", 2) }
    }

    /// Where a value ends. Below zero there is no room.
    fn x(&self, value: f64) -> f64 {
        LEFT + value.max(0.0) / self.scale.max * LENGTH
    }

    /// A text on the current line; `look` are its attributes.
    fn text(&mut self, x: f64, look: &str, text: &str) {
        let _ = writeln!(self.svg, "<text x=\"{x:.1}\" y=\"{:.1}\" {look}>{text}</text>", self.y);
    }

    pub(super) fn title(&mut self, text: &str) {
        self.text(GROUP, "font-size=\"18\" font-weight=\"600\"", text);
    }

    pub(super) fn subtitle(&mut self, text: &str) {
        self.text(GROUP, "font-size=\"14\" font-weight=\"600\"", text);
    }

    /// The name of a group of rows.
    pub(super) fn group(&mut self, text: &str) {
        self.text(GROUP, "font-size=\"13\" font-weight=\"600\"", text);
    }

    pub(super) fn note(&mut self, x: f64, text: &str) {
        self.text(x, "font-size=\"12\" class=\"faint\"", text);
    }

    fn line(&mut self, [x1, x2]: [f64; 2], [y1, y2]: [f64; 2], class: &str) {
        let _ = writeln!(
            self.svg,
            "<line x1=\"{x1:.1}\" x2=\"{x2:.1}\" y1=\"{y1:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        );
    }

    /// A coloured box from `x`, on the current line.
    fn area(&mut self, x: f64, width: f64, class: &str) {
        let y = self.y - 12.0;
        let _ = writeln!(
            self.svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" \
             class=\"{class}\"/>"
        );
    }

    /// A row of a panel.
    pub(super) fn bar(&mut self, bar: &Bar<'_>) {
        self.note(LABEL, bar.label);
        self.area(LEFT, self.x(bar.value) - LEFT, bar.class);
        let mut end = self.x(bar.value);
        if let Some([low, high]) = bar.spread {
            let y = self.y - 4.5;
            self.line([self.x(low), self.x(high)], [y, y], "spread");
            end = end.max(self.x(high));
        }
        // Clear of the line of the aim.
        let aim =
            bar.aim.map(|aim| self.x(aim)).filter(|aim| (end - 4.0..end + 56.0).contains(aim));
        let Scale { unit, digits, .. } = self.scale;
        let value = format!("{:.digits$}{unit}", bar.value);
        self.text(aim.unwrap_or(end) + 8.0, "class=\"value\"", &value);
    }

    /// The line of an aim, from `top` to the current row.
    pub(super) fn aim(&mut self, value: f64, top: f64) {
        let x = self.x(value);
        self.line([x, x], [top, self.y + 7.0], "aim");
    }

    /// The scale under rows of this height, with its grid lines. The current line stays the same.
    pub(super) fn grid(&mut self, height: f64) {
        let (top, bottom) = (self.y + 10.0, self.y + height + 10.0);
        let line = self.y;
        let Scale { max, step, unit, .. } = self.scale;
        for tick in 0..=(max / step).round() as u32 {
            let value = f64::from(tick) * step;
            let x = self.x(value);
            let one = unit == "×" && (value - 1.0).abs() < 1e-9;
            self.line([x, x], [top, bottom], if one { "one" } else { "grid" });
            self.y = bottom + 14.0;
            let look = "font-size=\"11\" text-anchor=\"middle\" class=\"faint\"";
            let digits = if step.fract() == 0.0 { 0 } else { 1 };
            self.text(x, look, &format!("{value:.digits$}{unit}"));
        }
        self.y = line;
    }

    /// What the signs mean: the colours, and then the lines.
    pub(super) fn legend(&mut self, colours: &[(&str, &str)], lines: &[(&str, &str)]) {
        self.y += 26.0;
        let (middle, top) = (self.y - 4.5, self.y - 13.0);
        let mut x = GROUP;
        // The width of a letter of this size is about 6.6.
        let width = |text: &str| text.chars().count() as f64 * 6.6;
        for (class, text) in colours {
            self.area(x, 26.0, class);
            self.note(x + 34.0, text);
            x += 34.0 + width(text) + 18.0;
        }
        for (class, text) in lines {
            if *class == "spread" {
                self.line([x, x + 26.0], [middle, middle], class);
                x += 26.0;
            } else {
                self.line([x, x], [top, self.y + 3.0], class);
            }
            self.note(x + 8.0, text);
            x += 8.0 + width(text) + 18.0;
        }
    }

    pub(super) fn finish(self) -> String {
        let height = self.y + 20.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             width=\"{WIDTH}\" height=\"{height:.0}\" font-family=\"system-ui, 'Segoe UI', 'DejaVu \
             Sans', sans-serif\">\n<style>\n{STYLE}\n</style>\n<rect width=\"100%\" \
             height=\"100%\" rx=\"8\" class=\"paper\"/>\n{}</svg>\n",
            self.svg
        )
    }
}
