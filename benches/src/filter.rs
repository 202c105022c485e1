//! `make bench`: what the filter costs, over the same Envoy without it. All figures are of one run.

use std::path::Path;
use std::time::Duration;

use imagegate_testkit::root;

use super::cases::{self, AT_ONCE, REQUESTS};
use super::envoy::{Envoy, Listeners};
use super::report::{self, Filter, Run};
use super::upstream::{Protocol, Upstream};
use super::{FILTER_RUN, chart, images, memory, requests, start, terminal};

/// The default run. The documented figures come from one.
pub(crate) const WHOLE_RUN: Duration = Duration::from_secs(330);
/// The part of a run that starts Envoy again and again, for what starts and open answers take.
const STARTS_PART: Duration = Duration::from_secs(45);
/// The share of the other time that requests without an image get: one in this many.
const REQUESTS_SHARE: u32 = 5;

/// Measures the filter for about this time, prints the figures, and writes them, but never into
/// the documentation.
pub(crate) fn measure(module: &Path, upstream: &Upstream, run: Duration) {
    let time = run.saturating_sub(STARTS_PART);
    let requests_time = time / REQUESTS_SHARE;
    let image_time = (time - requests_time) / u32::try_from(cases::images().len()).unwrap();
    let envoy = |protocol| Envoy::start(module, upstream, protocol, Listeners::All);
    let http1 = envoy(Protocol::Http1);
    let version = http1.version();
    let mut cpu = measure_images(Protocol::Http1, &http1, upstream, image_time);
    let requests = measure_requests(&http1, upstream, requests_time);
    drop(http1);
    cpu.extend(measure_images(Protocol::Http2, &envoy(Protocol::Http2), upstream, image_time));
    let start = start::measure(module, upstream);
    println!("\n{}", terminal::start(&start));
    println!("\n{}", terminal::MEMORY_HEADING);
    let memory_over_base64 = AT_ONCE.map(|at_once| {
        let row = memory::measure(at_once, &envoy(Protocol::Http1), upstream);
        println!("{}", terminal::memory(&row));
        row
    });
    let memory_over_base64 = memory_over_base64.into();
    let measured = Filter { cpu, requests, start: Some(start), memory_over_base64 };
    save(&Run::new("make bench", run.as_secs(), version, measured));
}

/// The images of one protocol, each for this time.
fn measure_images(
    protocol: Protocol,
    envoy: &Envoy,
    upstream: &Upstream,
    each: Duration,
) -> Vec<report::Cpu> {
    println!("\n{}", terminal::CPU_HEADING);
    let row = |image: &cases::Image| {
        let row = images::measure(image, envoy, upstream, each);
        println!("{}", terminal::cpu(&row));
        row
    };
    cases::images().iter().filter(|it| it.upstream == protocol).map(row).collect()
}

fn measure_requests(envoy: &Envoy, upstream: &Upstream, time: Duration) -> Vec<report::RequestRow> {
    let each = time / u32::try_from(REQUESTS.len() * AT_ONCE.len()).unwrap();
    println!("\n{}", terminal::REQUESTS_HEADING);
    let mut rows = Vec::new();
    for request in &REQUESTS {
        for at_once in AT_ONCE {
            let row = requests::measure(request, at_once, envoy, upstream, each);
            println!("{}", terminal::request(&row));
            rows.push(row);
        }
    }
    rows
}

fn save(run: &Run<Filter>) {
    report::write(&root().join(FILTER_RUN), run);
    let chart = root().join("build/bench/bench.svg");
    std::fs::write(chart, chart::svg(run)).unwrap();
    println!(
        "\n{FILTER_RUN}, build/bench/bench.svg; `make bench-docs` takes them into the documentation"
    );
}
