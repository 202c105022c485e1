//! docs/bench.svg: what the filter costs, as bars.

mod drawing;

use super::cases;
use super::report::{Cpu, Filter, Memory, RequestRow, Run, Start, megabytes, size};
use super::stream::Variant;
use super::upstream::Protocol;
use drawing::{Bar, Drawing, GAP, GROUP, ROW, Scale};

/// The chart of a run.
pub(crate) fn svg(run: &Run<Filter>) -> String {
    let Filter { cpu, requests, start, memory_over_base64 } = &run.measured;
    let mut drawing = Drawing::new();
    cpu_part(&mut drawing, cpu);
    requests_part(&mut drawing, requests);
    if let Some(start) = start {
        start_part(&mut drawing, start);
    }
    memory_part(&mut drawing, memory_over_base64);
    drawing.y += 34.0;
    let Run { commit, date, envoy, cores, .. } = run;
    let origin =
        format!("Measured on {date} at commit {commit}: Envoy {envoy}, {cores} shared cores");
    drawing.note(GROUP, &origin);
    drawing.finish()
}

/// The colour of a protocol.
fn class(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http1 => "first",
        Protocol::Http2 => "second",
    }
}

fn cpu_part(drawing: &mut Drawing, cpu: &[Cpu]) {
    drawing.title("Envoy's CPU time per image through imagegate");
    drawing.y += 20.0;
    drawing.note(GROUP, "as a multiple of the CPU time for the same bytes without imagegate");
    let colour = |it: Protocol| (class(it), format!("{} upstream", it.name()));
    let mut colours: Vec<_> = cpu.iter().map(|it| colour(it.upstream)).collect();
    colours.sort();
    colours.dedup();
    let colours: Vec<_> = colours.iter().map(|(class, text)| (*class, text.as_str())).collect();
    let one = "1×: as without imagegate";
    drawing.legend(
        &colours,
        &[("spread", "first to third quartile"), ("aim", "the aim"), ("one", one)],
    );
    // One scale for all ratios of CPU time.
    let widest = cpu.iter().map(|it| it.ratio_quartiles[1].max(it.ratio).max(it.aim));
    drawing.scale = Scale::new(widest.fold(1.0, f64::max).ceil(), "×", 2);
    for (stream, title) in [
        (Variant::Preview, "As Codex sends it: a preview as long as the image, then the image"),
        (Variant::Repeated, "The image comes twice: in its event and in response.completed"),
    ] {
        cpu_panel(drawing, title, cpu.iter().filter(|it| it.stream == stream).collect());
    }
}

/// The ratios of one order of the bytes, one group for each length of the image. The protocols of
/// one number at once are side by side.
fn cpu_panel(drawing: &mut Drawing, title: &str, mut cells: Vec<&Cpu>) {
    // The rows come one protocol after the other. This sort keeps their order among equals.
    cells.sort_by_key(|it| (std::cmp::Reverse(it.base64_bytes), it.at_once));
    drawing.y += 38.0;
    drawing.subtitle(title);
    let groups: Vec<_> = cells.chunk_by(|a, b| a.base64_bytes == b.base64_bytes).collect();
    drawing.grid(groups.len() as f64 * GAP + cells.len() as f64 * ROW);
    for group in groups {
        drawing.y += GAP;
        let top = drawing.y + 4.0;
        for (at, cell) in group.iter().enumerate() {
            drawing.y += ROW;
            if at == 0 {
                drawing.group(&size(cell.base64_bytes));
            }
            let first = at == 0 || group[at - 1].at_once != cell.at_once;
            drawing.bar(&Bar {
                label: &if first { format!("{} at once", cell.at_once) } else { String::new() },
                class: class(cell.upstream),
                value: cell.ratio,
                spread: Some(cell.ratio_quartiles),
                aim: Some(cell.aim),
            });
        }
        drawing.aim(group[0].aim, top);
    }
    drawing.y += 24.0;
}

fn requests_part(drawing: &mut Drawing, rows: &[RequestRow]) {
    let Some(first) = rows.first() else { return };
    drawing.y += 46.0;
    drawing.title("Envoy's CPU time that is added to a request");
    drawing.y += 20.0;
    drawing.note(GROUP, "in microseconds, over another request in the same Envoy");
    drawing.legend(&[], &[("spread", "first to third quartile"), ("aim", "the aim")]);
    let most = rows.iter().map(|it| it.added_us_quartiles[1].max(it.aim_us.unwrap_or(0.0)));
    drawing.scale = Scale::new(most.fold(first.added_us, f64::max), " µs", 0);
    for group in rows.chunk_by(|a, b| a.case == b.case) {
        drawing.y += 34.0;
        drawing.subtitle(cases::title(&group[0].case));
        drawing.grid(GAP + group.len() as f64 * ROW);
        drawing.y += GAP;
        let top = drawing.y + 4.0;
        for row in group {
            drawing.y += ROW;
            drawing.bar(&Bar {
                label: &format!("{} at once", row.at_once),
                class: "first",
                value: row.added_us,
                spread: Some(row.added_us_quartiles),
                aim: row.aim_us,
            });
        }
        if let Some(aim) = group[0].aim_us {
            drawing.aim(aim, top);
        }
        drawing.y += 24.0;
    }
}

fn start_part(drawing: &mut Drawing, start: &Start) {
    drawing.y += 46.0;
    drawing.title("Envoy's CPU time until it listens");
    drawing.y += 20.0;
    let (bytes, empty) = (megabytes(start.filter.bytes), megabytes(start.empty.bytes));
    drawing.note(GROUP, &format!("imagegate.wasm: {bytes} · the empty filter: {empty}"));
    drawing.scale = Scale::new(start.cpu_seconds.max(start.added_cpu_seconds), " s", 2);
    let rows = [
        ("imagegate", start.cpu_seconds, None, "first"),
        ("empty filter", start.empty_cpu_seconds, None, "second"),
        ("difference", start.added_cpu_seconds, Some(start.added_cpu_seconds_quartiles), "third"),
    ];
    drawing.grid(GAP + rows.len() as f64 * ROW);
    drawing.y += GAP;
    for (label, value, spread, class) in rows {
        drawing.y += ROW;
        drawing.bar(&Bar { label, class, value, spread, aim: None });
    }
    drawing.y += 24.0;
}

fn memory_part(drawing: &mut Drawing, measured: &[Memory]) {
    drawing.y += 46.0;
    let bytes = measured.first().map_or(0, |it| it.base64_bytes);
    drawing.title(&format!("Memory per open answer of {}", size(bytes)));
    drawing.y += 20.0;
    let method = "as a multiple of its base64 · held: all wait before response.completed · \
                  peak: all are sent at once";
    drawing.note(GROUP, method);
    let widest = measured.iter().map(|it| it.process_peak.max(it.vm_peak)).fold(1.0, f64::max);
    drawing.scale = Scale::new(widest.ceil(), "×", 2);
    drawing.grid(measured.len() as f64 * (GAP + 4.0 * ROW));
    for it in measured {
        drawing.y += GAP;
        let rows = [
            ("filter, held", it.vm, "first"),
            ("process, held", it.process, "second"),
            ("filter, peak", it.vm_peak, "third"),
            ("process, peak", it.process_peak, "fourth"),
        ];
        for (at, (label, value, class)) in rows.into_iter().enumerate() {
            drawing.y += ROW;
            if at == 0 {
                drawing.group(&format!("{} open", it.at_once));
            }
            drawing.bar(&Bar { label, class, value, spread: None, aim: None });
        }
    }
    drawing.y += 24.0;
}
