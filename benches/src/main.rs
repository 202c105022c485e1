//! The cost of the filter, as ratios: `make bench`. The argument `rules` measures what rules cost,
//! `users` what many users cost; `docs` writes the last figures into the documentation.
//! docs/benchmarks.md describes the method.
//!
//! One Envoy has several listeners before one upstream, and the filter in one of them. Rounds of
//! requests alternate between two listeners, and Envoy's own CPU time is read around each round:
//! other work of the machine meets both. Everything listens on the loopback, and every count and
//! time is bounded. `cases.rs` lists what is measured.

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

mod cases;
mod chart;
mod client;
mod cpu;
mod envoy;
mod filter;
mod http2;
mod images;
mod memory;
mod pages;
mod report;
mod requests;
mod rules;
mod start;
mod stream;
mod terminal;
mod upstream;
mod users;

use std::path::PathBuf;
use std::time::Duration;

use imagegate_testkit::root;

use upstream::Upstream;

/// How long rules are measured at least for the documentation.
const RULES_RUN_SECONDS: u64 = 120;

/// The figures of the last run. Only `make bench-docs` writes them into the documentation.
const FILTER_RUN: &str = "build/bench/filter.json";
/// As above, of rules.
const RULES_RUN: &str = "build/bench/rules.json";

/// As above, of many users.
const USERS_RUN: &str = "build/bench/users.json";

fn main() {
    let what = std::env::args().nth(1);
    if what.as_deref() == Some("docs") {
        return pages::take();
    }
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let shortened =
        variable("BENCH_SECONDS").map(|value| value.parse().expect("BENCH_SECONDS is a number"));
    let run = shortened.map_or(filter::WHOLE_RUN, Duration::from_secs);
    let module =
        variable("BENCH_FILTER").map_or_else(|| root().join("build/imagegate.wasm"), PathBuf::from);
    let upstream = Upstream::start();
    match what.as_deref() {
        Some("rules") => rules::measure(&module, &upstream, run),
        Some("users") => users::measure(&module, &upstream, run),
        _ => filter::measure(&module, &upstream, run),
    }
}
