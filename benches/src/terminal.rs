//! The rows of a run as lines on the terminal.

use super::report::{Cpu, Memory, Module, RequestRow, Start, size};

/// Over the lines of [`cpu`].
pub(crate) const CPU_HEADING: &str = "\
Envoy's CPU per image, through the filter over the same bytes without it
upstream  stream      base64  at once   ratio  quartiles     aim   filter ms   plain ms  pairs  p50 latency";

/// Over the lines of [`request`].
pub(crate) const REQUESTS_HEADING: &str = "\
Envoy's CPU per request without an image, over that of another request
case                 at once  added µs  quartiles        aim      µs    over µs  pairs";

/// Over the lines of [`memory`].
pub(crate) const MEMORY_HEADING: &str = "\
Memory per open answer, over its base64
  base64  at once         VM    process      VM peak process peak";

pub(crate) fn cpu(row: &Cpu) -> String {
    let [low, high] = row.ratio_quartiles;
    let label = format!(
        "{:<9} {:<9} {:>8} {:>8}",
        row.upstream.name(),
        row.stream.name(),
        size(row.base64_bytes),
        row.at_once
    );
    let ratio = format!("{:>5.2}  {low:>5.2} – {high:<5.2} ≤ {:<3.1}", row.ratio, row.aim);
    let detail = row.detail.as_ref().map(|it| {
        format!(
            "{:>10.3} {:>10.3} {:>6} {:>12.2}",
            it.filter_us / 1000.0,
            it.plain_us / 1000.0,
            it.pairs,
            it.latency_ratio
        )
    });
    format!("{label}   {ratio} {}", detail.unwrap_or_default())
}

pub(crate) fn request(row: &RequestRow) -> String {
    let [low, high] = row.added_us_quartiles;
    let aim = row.aim_us.map_or_else(String::new, |aim| format!("≤ {aim:.0}"));
    format!(
        "{:<20} {:>7} {:>9.1} {low:>6.1} – {high:<6.1} {aim:>6} {:>8.1} {:>9.1} {:>6}",
        row.case, row.at_once, row.added_us, row.measured_us, row.over_us, row.pairs
    )
}

pub(crate) fn start(start: &Start) -> String {
    let module = |it: &Module| format!("module {} bytes, code {} bytes", it.bytes, it.code_bytes);
    let [low, high] = start.added_cpu_seconds_quartiles;
    format!(
        "Envoy's CPU until it listens, medians of {} starts\n\
         filter  {:.2} s, {}\n\
         empty   {:.2} s, {}\n\
         added   {:.2} s ({low:.2} – {high:.2})",
        start.starts,
        start.cpu_seconds,
        module(&start.filter),
        start.empty_cpu_seconds,
        module(&start.empty),
        start.added_cpu_seconds,
    )
}

pub(crate) fn memory(row: &Memory) -> String {
    format!(
        "{:>8} {:>8} {:>10.2} {:>10.2} {:>12.2} {:>12.2}",
        size(row.base64_bytes),
        row.at_once,
        row.vm,
        row.process,
        row.vm_peak,
        row.process_peak,
    )
}
