//! The cost of the filter, as ratios: `make bench`. The argument `rules` measures what rules cost,
//! `users` what many users cost; `docs` writes the last figures into the documentation. docs/benchmarks.md describes the method.
//!
//! One Envoy has two listeners before one upstream, and the filter in one of them. Rounds of
//! requests alternate between the two, and Envoy's own CPU time is read around each round: other
//! work of the machine meets both. Everything listens on the loopback, and every count and time is
//! bounded.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on ends, and it reads clocks and its environment"
)]

mod chart;
mod client;
mod cpu;
mod envoy;
mod memory;
mod pages;
mod report;
mod rules;
mod stream;
mod users;

use std::path::PathBuf;
use std::time::Duration;

use imagegate_testkit::root;
use imagegate_testkit::upstream::Upstream;

use envoy::Envoy;
use report::{Cpu, Filter, Memory, Run};
use stream::Variant;

/// The default run. The documented figures come from one.
const WHOLE_RUN: Duration = Duration::from_secs(200);
/// The part of a run that measures the memory of open responses: starts of Envoy, mostly.
const MEMORY_PART: Duration = Duration::from_secs(15);
/// How long rules are measured at least for the documentation.
const RULES_RUN_SECONDS: u64 = 120;

/// The figures of the last run. Only `make bench-docs` writes them into the documentation.
const FILTER_RUN: &str = "build/bench/filter.json";
/// As above, of rules.
const RULES_RUN: &str = "build/bench/rules.json";

/// As above, of many users.
const USERS_RUN: &str = "build/bench/users.json";

/// How many requests are under way at once.
const AT_ONCE: [usize; 3] = [1, 8, 32];

fn main() {
    if std::env::args().nth(1).as_deref() == Some("docs") {
        return pages::take();
    }
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let shortened =
        variable("BENCH_SECONDS").map(|value| value.parse().expect("BENCH_SECONDS is a number"));
    let run = shortened.map_or(WHOLE_RUN, Duration::from_secs);
    let filter =
        variable("BENCH_FILTER").map_or_else(|| root().join("build/imagegate.wasm"), PathBuf::from);
    let upstream = Upstream::forgetful();
    match std::env::args().nth(1).as_deref() {
        Some("rules") => return rules::measure(&filter, &upstream, run),
        Some("users") => return users::measure(&filter, &upstream, run),
        _ => {}
    }
    let start = || Envoy::start(&filter, upstream.port());

    let cells = cells();
    let cell_time = run.saturating_sub(MEMORY_PART) / u32::try_from(cells.len()).unwrap();
    let envoy = start();
    let version = envoy.version();
    let mut measured = Filter::default();
    println!("{}", report::cpu_heading());
    for cell in &cells {
        let line = cpu::measure(cell, &envoy, &upstream, cell_time);
        println!("{line}");
        measured.cpu.push(Cpu::from(&line));
    }
    drop(envoy);

    println!("\n{}", report::memory_heading());
    for at_once in AT_ONCE {
        let line = memory::measure(at_once, &start(), &upstream);
        println!("{line}");
        measured.memory_over_base64.push(Memory::from(&line));
    }
    save(&Run::new("make bench", run.as_secs(), version, measured));
}

/// Every image, at every number at once, in both orders of the bytes.
fn cells() -> Vec<cpu::Cell> {
    let mut cells = Vec::new();
    for variant in [Variant::Preview, Variant::Repeated] {
        for (base64_bytes, aim) in [(6_000_000, 1.0), (1_500_000, 1.0), (4_000, 2.0)] {
            for at_once in AT_ONCE {
                cells.push(cpu::Cell { variant, base64_bytes, at_once, aim });
            }
        }
    }
    cells
}

/// Writes the figures, but never into the documentation.
fn save(run: &Run<Filter>) {
    report::write(&root().join(FILTER_RUN), run);
    let chart = root().join("build/bench/bench.svg");
    std::fs::write(chart, chart::svg(run)).unwrap();
    println!(
        "\n{FILTER_RUN}, build/bench/bench.svg; `make bench-docs` takes them into the documentation"
    );
}
