//! "In short" of docs/benchmarks.md: the figures in words.

use crate::cases::{NOT_OURS, REFUSED, REFUSED_WITH_BODY};
use crate::report::{Cpu, Figures, Filter, Memory, Rules, Run, Start, megabytes, size};
use crate::rules::{LOCAL, SERVICE};

pub(super) fn text(figures: &Figures) -> String {
    let Filter { cpu, start, memory_over_base64, .. } = &figures.filter.measured;
    let mut parts = vec![images(cpu)];
    parts.extend(requests(&figures.filter.measured));
    parts.extend(start.as_ref().map(starts));
    parts.push(memory(memory_over_base64));
    parts.push(rules(&figures.rules));
    parts.join("\n")
}

/// The least and the most of these values.
fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::MAX, f64::MIN], |[least, most], it| [least.min(it), most.max(it)])
}

/// `18 to 31 µs`.
fn microseconds(values: impl Iterator<Item = f64>) -> String {
    let [least, most] = range(values);
    format!("{least:.0} to {most:.0} µs")
}

fn images(cpu: &[Cpu]) -> String {
    let mut sorted: Vec<_> = cpu.iter().collect();
    sorted.sort_by_key(|it| std::cmp::Reverse(it.base64_bytes));
    let sizes = sorted.chunk_by(|a, b| a.base64_bytes == b.base64_bytes).map(|rows| {
        let [least, most] = range(rows.iter().map(|it| it.ratio));
        let (bytes, aim) = (size(rows[0].base64_bytes), rows[0].aim);
        format!("{least:.2} to {most:.2} for {bytes} (the aim is {aim:.1})")
    });
    let sizes = sizes.collect::<Vec<_>>().join(", ");
    format!("Envoy's CPU time per image, over the same bytes without the filter: {sizes}.\n")
}

/// `None` if the run has no such requests.
fn requests(filter: &Filter) -> Option<String> {
    let rows = |case| filter.requests.iter().filter(move |it| it.case == case);
    let added = |case| {
        rows(case).next()?;
        Some(microseconds(rows(case).map(|it| it.added_us)))
    };
    let aim = |case| rows(case).next()?.aim_us;
    Some(format!(
        "A request that is not the filter's adds {} of Envoy's CPU, over an empty filter (the aim is \
         {} µs).\nA wrong key adds {}, over a request that is proxied without a filter (the aim is {} \
         µs), and {} with a body.\n",
        added(NOT_OURS)?,
        aim(NOT_OURS)?,
        added(REFUSED)?,
        aim(REFUSED)?,
        added(REFUSED_WITH_BODY)?,
    ))
}

fn starts(start: &Start) -> String {
    format!(
        "The module has {}. To start with it, Envoy needs {:.2} s of CPU more than with an empty \
         one.\n",
        megabytes(start.filter.bytes),
        start.added_cpu_seconds
    )
}

fn memory(rows: &[Memory]) -> String {
    let held = rows.iter().map(|it| it.vm).fold(0.0, f64::max);
    let bytes = size(rows[0].base64_bytes);
    let peaks = rows.iter().map(|it| {
        format!("{:.2} with {} open (process: {:.2})", it.vm_peak, it.at_once, it.process_peak)
    });
    let peaks = peaks.collect::<Vec<_>>().join(", ");
    format!(
        "Memory per open answer of {bytes}, as a multiple of its base64: {held:.2} is held in the \
         filter while the image is generated.\nThe peak, while answers are written: {peaks}.\n"
    )
}

fn rules(run: &Run<Rules>) -> String {
    let added = |case: &'static str| {
        microseconds(run.measured.cpu.iter().filter(|it| it.case == case).map(|it| it.added_us))
    };
    format!(
        "Five local rules add {} of Envoy's CPU to a request (the aim is 25 µs), one question to a \
         rate-limit service {}\n(measured on {} at commit {} by `{}`).\n",
        added(LOCAL),
        added(SERVICE),
        run.date,
        run.commit,
        run.command,
    )
}
