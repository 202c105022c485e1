//! What rules cost: Envoy's CPU time per request with five rules, over the same filter without any.
//!
//! The service is that of the tests. Its own CPU time is not counted.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use imagegate_testkit::program::Program;
use imagegate_testkit::{needed, root};

use super::cases::AT_ONCE;
use super::client::Target;
use super::cpu::{Side, compare, quantile};
use super::envoy::Envoy;
use super::report::{self, Rule, Rules, Run};
use super::stream::{Stream, Variant};
use super::upstream::{Protocol, Upstream};

/// A small image: beside a large one the cost of rules is too small to see.
const BASE64_BYTES: usize = 4_000;

/// The rules: their names, their scopes, and their units with a maximum that no run reaches.
const RULES: [(&str, &str, &str); 5] = [
    ("rpm", "key", r#""unit": "requests", "max": 100000000"#),
    ("images", "user", r#""unit": "images", "max": 100000000"#),
    ("pixels", "user", r#""unit": "megapixels", "max": 1000000"#),
    ("model", "model", r#""unit": "requests", "max": 100000000"#),
    ("budget", "user", r#""unit": "usd", "max": "10000.00""#),
];

/// The cases that docs/benchmarks.md names.
pub(crate) const LOCAL: &str = "5 local";
/// As above.
pub(crate) const SERVICE: &str = "1 rls";

/// What a case is called in the documentation.
pub(crate) fn title(case: &str) -> &str {
    match case {
        LOCAL => "5, counted here (`local`)",
        SERVICE => "1, by a service (`rls`)",
        "5 rls, at once" => "5, by a service, at once (`releases: negative_hits`)",
        "5 rls, one by one" => "5, by a service, one by one (`releases: never`)",
        other => other,
    }
}

/// The cases that are compared with no rules: the name, the number of rules, and the engine.
const CASES: [(&str, usize, &str); 4] = [
    (LOCAL, 5, r#"{"kind": "local"}"#),
    (SERVICE, 1, r#"{"kind": "rls", "timeout": "10s"}"#),
    ("5 rls, at once", 5, r#"{"kind": "rls", "timeout": "10s", "releases": "negative_hits"}"#),
    ("5 rls, one by one", 5, r#"{"kind": "rls", "timeout": "10s"}"#),
];

/// The filter's settings with this many of the rules.
fn settings(rules: usize, engine: &str) -> String {
    let rule = |(name, per, what): &(&str, &str, &str)| {
        format!(r#"{{"name": "{name}", "per": "{per}", {what}, "window": "1h"}}"#)
    };
    let rules: Vec<_> = RULES.iter().take(rules).map(rule).collect();
    let prices = r#""prices": [{"model": "*", "usd": "0.000001"}]"#;
    format!(r#"{prices}, "limits": [{}], "engine": {engine}"#, rules.join(", "))
}

/// Measures each engine at each number of requests at once, and prints the result.
pub(crate) fn measure(filter: &Path, upstream: &Upstream, run: Duration) {
    let service = Service::start();
    let cell_time = run / u32::try_from(CASES.len() * AT_ONCE.len()).unwrap();
    upstream.answer_with(&Stream::new(Variant::Repeated, BASE64_BYTES));
    println!(
        "Envoy's CPU per request of 4 KB, with rules over without\n\
         rules             at once   ratio  quartiles       added µs   none ms  pairs  p50 latency"
    );
    let mut measured = Rules::default();
    let mut version = String::new();
    for (name, rules, engine) in CASES {
        let settings = settings(rules, engine);
        let port = upstream.port(Protocol::Http1);
        let envoy = Envoy::with_settings(filter, port, &settings, service.program.port());
        version = envoy.version();
        for at_once in AT_ONCE {
            let mut ruled = Side::connect(&envoy, &Target::image(envoy.gate()), at_once);
            let mut free = Side::connect(&envoy, &Target::image(envoy.plain()), at_once);
            let pairs = compare(&mut ruled, &mut free, Instant::now() + cell_time);
            let [low, middle, high] = pairs.ratio();
            let added_us = quantile(&mut ruled.cpu_us, 0.5) - quantile(&mut free.cpu_us, 0.5);
            println!(
                "{name:<17} {at_once:>7}   {middle:>5.2}  {low:>5.2} – {high:<5.2} {:>12.1} \
                 {:>9.3} {:>6} {:>12.2}",
                added_us,
                quantile(&mut free.cpu_us, 0.5) / 1000.0,
                pairs.len(),
                quantile(&mut ruled.seconds, 0.5) / quantile(&mut free.seconds, 0.5),
            );
            measured.cpu.push(Rule::new(name, at_once, added_us, [low, middle, high]));
        }
    }
    let seconds = run.as_secs();
    let command = format!("make build && BENCH_SECONDS={seconds} benches/run.sh rules");
    let run = Run::new(&command, seconds, version, measured);
    report::write(&root().join(super::RULES_RUN), &run);
    println!("\n{}; `make bench-docs` takes it into the documentation", super::RULES_RUN);
}

/// The rate-limit service of the tests. It ends when this is dropped.
struct Service {
    program: Program,
}

impl Service {
    fn start() -> Self {
        let folder = root().join("build/bench");
        fs::create_dir_all(&folder).unwrap();
        let limit = |(rule, per, _)| {
            format!(
                "- {{ namespace: imagegate, max_value: 100000000, seconds: 3600, name: {rule}, \
                 conditions: [\"descriptors[0].rule == '{rule}'\"], variables: \
                 [\"descriptors[0].{per}\"] }}\n"
            )
        };
        fs::write(folder.join("limits.yaml"), RULES.map(limit).concat()).unwrap();
        let binary = needed("target/rls-server/debug/rls-server", "benches/run.sh rules");
        let mut command = Command::new(binary);
        let program = Program::start(command.arg("--limits").arg(folder.join("limits.yaml")));
        // For benches/run.sh, should this program be killed.
        fs::write(folder.join("service.pid"), program.id().to_string()).unwrap();
        Self { program }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_file(root().join("build/bench/service.pid"));
    }
}
