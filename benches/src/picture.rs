//! docs/bench.svg: the ratios as bars.

use std::fmt::Write as _;

use super::report::{Report, size};
use super::stream::Variant;
use super::{cpu, memory};

const WIDTH: f64 = 880.0;
/// Where bars begin, and how long the longest is.
const LEFT: f64 = 160.0;
const LENGTH: f64 = 610.0;
const ROW: f64 = 21.0;

const BAR: &str = "#2f7f8f";
const SECOND_BAR: &str = "#7fb7bf";
const THIRD_BAR: &str = "#c3d9dc";
const AIM: &str = "#c2410c";
const INK: &str = "#1f2933";
const FAINT: &str = "#6b7785";

/// A drawing in the making.
struct Drawing {
    svg: String,
    /// Where the next line goes.
    y: f64,
    /// The value at the right end of the bars.
    max: f64,
}

/// Draws the report.
pub(crate) fn draw(report: &Report) -> String {
    let widest = report.cpu.iter().map(|it| it.ratio[2].max(it.aim)).fold(1.0, f64::max);
    let mut drawing = Drawing { svg: String::new(), y: 34.0, max: (widest * 4.0).ceil() / 4.0 };
    drawing.text(24.0, 18.0, "600", INK, "Envoy's CPU per request through imagegate");
    drawing.y += 20.0;
    let method = "over the same bytes through the same Envoy without it · line: quartiles · \
        red: the aim · dashed: as much as without the filter";
    drawing.text(24.0, 12.0, "400", FAINT, method);
    for (variant, title) in [
        (Variant::Repeated, "The picture comes twice: in its event and in response.completed"),
        (Variant::Preview, "As Codex sends it: a preview as long as the picture, then the picture"),
    ] {
        let cells: Vec<_> = report.cpu.iter().filter(|it| it.variant == variant).collect();
        drawing.cpu_panel(title, &cells);
    }
    drawing.memory_panel(&report.memory);
    drawing.finish()
}

impl Drawing {
    fn x(&self, value: f64) -> f64 {
        LEFT + value / self.max * LENGTH
    }

    fn text(&mut self, x: f64, size: f64, weight: &str, color: &str, text: &str) {
        let y = self.y;
        let _ = write!(
            self.svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" font-weight=\"{weight}\" \
             fill=\"{color}\">{text}</text>"
        );
    }

    fn line(&mut self, x: [f64; 2], y: [f64; 2], style: &str) {
        let ([x1, x2], [y1, y2]) = (x, y);
        let _ = write!(
            self.svg,
            "<line x1=\"{x1:.1}\" x2=\"{x2:.1}\" y1=\"{y1:.1}\" y2=\"{y2:.1}\" {style}/>"
        );
    }

    /// A bar whose text stands on the current line.
    fn bar(&mut self, value: f64, color: &str) {
        let (y, width) = (self.y - 12.0, self.x(value) - LEFT);
        let _ = write!(
            self.svg,
            "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"15\" rx=\"2\" fill=\"{color}\"/>"
        );
    }

    fn cpu_panel(&mut self, title: &str, cells: &[&cpu::Measured]) {
        self.y += 36.0;
        self.text(24.0, 14.0, "600", INK, title);
        let top = self.y + 10.0;
        for group in cells.chunk_by(|a, b| a.base64_bytes == b.base64_bytes) {
            self.y += 8.0;
            let group_top = self.y + 4.0;
            for (at, cell) in group.iter().enumerate() {
                self.y += ROW;
                if at == 0 {
                    self.text(24.0, 13.0, "600", INK, &size(cell.base64_bytes));
                }
                self.text(84.0, 12.0, "400", FAINT, &format!("{} at once", cell.at_once));
                let [low, middle, high] = cell.ratio;
                self.bar(middle, BAR);
                let y = self.y - 4.5;
                self.line(
                    [self.x(low), self.x(high)],
                    [y, y],
                    "stroke=\"#1f2933\" stroke-width=\"1.5\"",
                );
                self.text(
                    self.x(high.max(cell.aim)) + 8.0,
                    12.0,
                    "600",
                    INK,
                    &format!("{middle:.2}"),
                );
            }
            let aim = self.x(group[0].aim);
            let style = format!("stroke=\"{AIM}\" stroke-width=\"2.5\"");
            self.line([aim, aim], [group_top, self.y + 7.0], &style);
        }
        self.one(top);
    }

    /// The dashed line at 1, from `top` to the current line.
    fn one(&mut self, top: f64) {
        let (x, bottom) = (self.x(1.0), self.y + 8.0);
        self.line([x, x], [top, bottom], "stroke=\"#1f2933\" stroke-dasharray=\"3 3\"");
    }

    fn memory_panel(&mut self, measured: &[memory::Measured]) {
        self.y += 40.0;
        self.text(24.0, 18.0, "600", INK, "Memory per open answer of 6 MB");
        self.y += 20.0;
        let method = "over the length of its base64: while all wait before response.completed, \
            and at the peak, when all are sent at once";
        self.text(24.0, 12.0, "400", FAINT, method);
        // Another scale than that of the panels above.
        let widest = measured.iter().map(|it| it.process_peak).fold(1.0, f64::max);
        self.max = widest.ceil();
        let top = self.y + 10.0;
        for it in measured {
            self.y += 8.0;
            let rows = [
                ("filter, held", it.vm, BAR),
                ("process, held", it.process, SECOND_BAR),
                ("process, peak", it.process_peak, THIRD_BAR),
            ];
            for (at, (label, value, color)) in rows.into_iter().enumerate() {
                self.y += ROW;
                if at == 0 {
                    self.text(24.0, 13.0, "600", INK, &format!("{} open", it.at_once));
                }
                self.text(78.0, 12.0, "400", FAINT, label);
                self.bar(value, color);
                self.text(self.x(value) + 8.0, 12.0, "600", INK, &format!("{value:.2}"));
            }
        }
        self.one(top);
    }

    fn finish(self) -> String {
        let height = self.y + 26.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             width=\"{WIDTH}\" height=\"{height:.0}\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', \
             sans-serif\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#ffffff\"/>\n{}\n</svg>\n",
            self.svg.replace("/><", "/>\n<").replace("</text><", "</text>\n<")
        )
    }
}
