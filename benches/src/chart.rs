//! docs/bench.svg: the ratios as bars.
//!
//! Colours are classes, so that a reader's dark mode has its own.

use std::fmt::Write as _;

use super::report::{Cpu, Filter, Memory, Run, size};
use super::stream::Variant;

const WIDTH: f64 = 880.0;
/// Where the columns of words begin: the group, and the row.
const GROUP: f64 = 24.0;
const LABEL: f64 = 92.0;
/// Where bars begin, and how long the longest is.
const LEFT: f64 = 190.0;
const LENGTH: f64 = 600.0;
const ROW: f64 = 21.0;
/// Above each group of rows.
const GAP: f64 = 8.0;

const STYLE: &str = "\
.paper{fill:#ffffff}text{fill:#1f2933}.faint{fill:#5b6673}.value{font-size:12px;font-weight:600}
.first{fill:#2f7f8f}.second{fill:#7fb7bf}.third{fill:#b7791f}.fourth{fill:#e3bf83}
.spread{stroke:#1f2933;stroke-width:1.5}.aim{stroke:#c2410c;stroke-width:2.5}
.grid{stroke:#d5dbe1}.one{stroke:#5b6673;stroke-dasharray:3 3}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117}text{fill:#e6edf3}.faint{fill:#9aa6b2}
.first{fill:#3a93a5}.second{fill:#23616d}.third{fill:#c98a2b}.fourth{fill:#7d5a20}
.spread{stroke:#e6edf3}.aim{stroke:#ff8a5c}.grid{stroke:#2d3540}.one{stroke:#9aa6b2}}";

/// An SVG while it is being written.
struct Drawing {
    svg: String,
    /// Where the next line goes.
    y: f64,
    /// The value at the right end of the bars.
    max: f64,
}

/// The chart of a run.
pub(crate) fn svg(run: &Run<Filter>) -> String {
    let Filter { cpu, memory_over_base64: memory } = &run.measured;
    let mut drawing = Drawing { svg: String::new(), y: 34.0, max: 1.0 };
    drawing.title("Envoy's CPU time per request through imagegate");
    drawing.y += 20.0;
    drawing.note(GROUP, "as a multiple of the CPU time for the same bytes without imagegate");
    drawing.cpu_legend();
    // One scale for all ratios of CPU time.
    let widest = cpu.iter().map(|it| it.ratio_quartiles[1].max(it.ratio).max(it.aim));
    drawing.max = widest.fold(1.0, f64::max).ceil();
    for (stream, title) in [
        (Variant::Preview, "As Codex sends it: a preview as long as the image, then the image"),
        (Variant::Repeated, "The image comes twice: in its event and in response.completed"),
    ] {
        let cells: Vec<_> = cpu.iter().filter(|it| it.stream == stream).collect();
        drawing.cpu_panel(title, &cells);
    }
    drawing.memory_panel(memory);
    drawing.y += 34.0;
    let Run { commit, date, envoy, cores, .. } = run;
    let origin =
        format!("Measured on {date} at commit {commit}: Envoy {envoy}, {cores} shared cores");
    drawing.note(GROUP, &origin);
    drawing.finish()
}

impl Drawing {
    fn x(&self, value: f64) -> f64 {
        LEFT + value / self.max * LENGTH
    }

    /// A text on the current line; `look` are its attributes.
    fn text(&mut self, x: f64, look: &str, text: &str) {
        let _ = writeln!(self.svg, "<text x=\"{x:.1}\" y=\"{:.1}\" {look}>{text}</text>", self.y);
    }

    fn title(&mut self, text: &str) {
        self.text(GROUP, "font-size=\"18\" font-weight=\"600\"", text);
    }

    fn note(&mut self, x: f64, text: &str) {
        self.text(x, "font-size=\"12\" class=\"faint\"", text);
    }

    fn line(&mut self, [x1, x2]: [f64; 2], [y1, y2]: [f64; 2], class: &str) {
        let _ = writeln!(
            self.svg,
            "<line x1=\"{x1:.1}\" x2=\"{x2:.1}\" y1=\"{y1:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        );
    }

    /// A bar from `x`, on the current line.
    fn bar(&mut self, x: f64, width: f64, class: &str) {
        let y = self.y - 12.0;
        let _ = writeln!(
            self.svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"15\" rx=\"2\" \
             class=\"{class}\"/>"
        );
    }

    /// A value with its unit, to the right of `x`.
    fn value(&mut self, x: f64, value: f64) {
        self.text(x + 8.0, "class=\"value\"", &format!("{value:.2}×"));
    }

    fn cpu_legend(&mut self) {
        self.y += 26.0;
        let (middle, top) = (self.y - 4.5, self.y - 13.0);
        self.bar(GROUP, 26.0, "first");
        self.note(GROUP + 34.0, "median");
        self.line([112.0, 138.0], [middle, middle], "spread");
        self.note(146.0, "first to third quartile");
        self.line([292.0, 292.0], [top, self.y + 3.0], "aim");
        self.note(302.0, "the aim");
        self.line([366.0, 366.0], [top, self.y + 3.0], "one");
        self.note(376.0, "1×: as without imagegate");
    }

    /// The scale under rows of this height, with its grid lines. The current line stays the same.
    fn scale(&mut self, height: f64) {
        let (top, bottom) = (self.y + 10.0, self.y + height + 10.0);
        let line = self.y;
        for tick in 0..=self.max as u32 {
            let x = self.x(f64::from(tick));
            self.line([x, x], [top, bottom], if tick == 1 { "one" } else { "grid" });
            self.y = bottom + 14.0;
            self.text(
                x,
                "font-size=\"11\" text-anchor=\"middle\" class=\"faint\"",
                &format!("{tick}×"),
            );
        }
        self.y = line;
    }

    fn cpu_panel(&mut self, title: &str, cells: &[&Cpu]) {
        self.y += 38.0;
        self.text(GROUP, "font-size=\"14\" font-weight=\"600\"", title);
        let groups: Vec<_> = cells.chunk_by(|a, b| a.base64_bytes == b.base64_bytes).collect();
        self.scale(groups.len() as f64 * GAP + cells.len() as f64 * ROW);
        for group in groups {
            self.y += GAP;
            let top = self.y + 4.0;
            for (at, cell) in group.iter().enumerate() {
                self.y += ROW;
                if at == 0 {
                    let bytes = size(cell.base64_bytes);
                    self.text(GROUP, "font-size=\"13\" font-weight=\"600\"", &bytes);
                }
                self.cpu_row(cell);
            }
            let aim = self.x(group[0].aim);
            self.line([aim, aim], [top, self.y + 7.0], "aim");
        }
        self.y += 24.0;
    }

    fn cpu_row(&mut self, cell: &Cpu) {
        self.note(LABEL, &format!("{} at once", cell.at_once));
        self.bar(LEFT, self.x(cell.ratio) - LEFT, "first");
        let [low, high] = cell.ratio_quartiles;
        let y = self.y - 4.5;
        self.line([self.x(low), self.x(high)], [y, y], "spread");
        let end = self.x(high.max(cell.ratio));
        // Clear of the line of the aim.
        let aim = self.x(cell.aim);
        let near = (end - 4.0..end + 48.0).contains(&aim);
        self.value(if near { aim } else { end }, cell.ratio);
    }

    fn memory_panel(&mut self, measured: &[Memory]) {
        self.y += 46.0;
        let bytes = measured.first().map_or(0, |it| it.base64_bytes);
        self.title(&format!("Memory per open answer of {}", size(bytes)));
        self.y += 20.0;
        let method = "as a multiple of its base64 · held: all wait before response.completed · \
                      peak: all are sent at once";
        self.note(GROUP, method);
        // Another scale than that of the panels above.
        let widest = measured.iter().map(|it| it.process_peak.max(it.vm_peak)).fold(1.0, f64::max);
        self.max = widest.ceil();
        self.scale(measured.len() as f64 * (GAP + 4.0 * ROW));
        for it in measured {
            self.y += GAP;
            let rows = [
                ("filter, held", it.vm, "first"),
                ("process, held", it.process, "second"),
                ("filter, peak", it.vm_peak, "third"),
                ("process, peak", it.process_peak, "fourth"),
            ];
            for (at, (label, value, class)) in rows.into_iter().enumerate() {
                self.y += ROW;
                if at == 0 {
                    let open = format!("{} open", it.at_once);
                    self.text(GROUP, "font-size=\"13\" font-weight=\"600\"", &open);
                }
                self.note(LABEL, label);
                self.bar(LEFT, self.x(value) - LEFT, class);
                self.value(self.x(value), value);
            }
        }
        self.y += 24.0;
    }

    fn finish(self) -> String {
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
