//! What rules cost: Envoy's CPU time per request with five rules, over the same filter without any.
//!
//! The service is that of the tests, and its own CPU time is not counted: what it costs is its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::cpu::{Side, compare, quantile};
use super::envoy::Envoy;
use super::report::{self, Rule, Rules, Run};
use super::stream::{Stream, Variant};
use super::upstream::Upstream;
use super::{AT_ONCE, root};

/// A small picture: of a large one rules are no part that could be seen.
const BASE64_BYTES: usize = 4_000;

/// The rules: names, what each counts together, and of what; more than a run can use.
const RULES: [(&str, &str, &str); 5] = [
    ("rpm", "key", r#""unit": "requests", "max": 100000000"#),
    ("images", "user", r#""unit": "images", "max": 100000000"#),
    ("pixels", "user", r#""unit": "megapixels", "max": 1000000"#),
    ("model", "model", r#""unit": "requests", "max": 100000000"#),
    ("budget", "user", r#""unit": "usd", "max": "10000.00""#),
];

/// The cases that the README names.
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

/// What is compared with no rules: what it is called, how many rules, and where they are counted.
const CASES: [(&str, usize, &str); 4] = [
    (LOCAL, 5, r#"{"kind": "local"}"#),
    (SERVICE, 1, r#"{"kind": "rls", "timeout": "10s"}"#),
    ("5 rls, at once", 5, r#"{"kind": "rls", "timeout": "10s", "releases": "negative_hits"}"#),
    ("5 rls, one by one", 5, r#"{"kind": "rls", "timeout": "10s"}"#),
];

/// The filter's settings with so many of the rules.
fn settings(rules: usize, engine: &str) -> String {
    let rule = |(name, per, what): &(&str, &str, &str)| {
        format!(r#"{{"name": "{name}", "per": "{per}", {what}, "window": "1h"}}"#)
    };
    let rules: Vec<_> = RULES.iter().take(rules).map(rule).collect();
    let prices = r#""prices": [{"model": "*", "usd": "0.000001"}]"#;
    format!(r#"{prices}, "limits": [{}], "engine": {engine}"#, rules.join(", "))
}

/// Measures each engine at each number of requests at once, and prints what comes of it.
pub(crate) fn measure(binary: &str, filter: &Path, upstream: &Upstream, run: Duration) {
    let service = Service::start();
    let cell_time = run / u32::try_from(CASES.len() * AT_ONCE.len()).unwrap();
    upstream.send(Stream::new(Variant::Repeated, BASE64_BYTES).response());
    println!(
        "Envoy's CPU per request of 4 KB, with rules over without\n\
         rules             at once   ratio  quartiles       added µs   none ms  pairs  p50 latency"
    );
    let mut measured = Rules::default();
    let mut version = String::new();
    for (name, rules, engine) in CASES {
        let settings = settings(rules, engine);
        let envoy = Envoy::with_settings(binary, filter, upstream.port(), &settings, service.port);
        version = envoy.version();
        for at_once in AT_ONCE {
            let mut ruled = Side::connect(&envoy, envoy.gate(), at_once);
            let mut free = Side::connect(&envoy, envoy.plain(), at_once);
            let mut ratios = compare(&mut ruled, &mut free, Instant::now() + cell_time);
            let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut ratios, share));
            let added_us = quantile(&mut ruled.cpu_us, 0.5) - quantile(&mut free.cpu_us, 0.5);
            println!(
                "{name:<17} {at_once:>7}   {middle:>5.2}  {low:>5.2} – {high:<5.2} {:>12.1} {:>9.3} {:>6} {:>12.2}",
                added_us,
                quantile(&mut free.cpu_us, 0.5) / 1000.0,
                ratios.len(),
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

/// The rate-limit service of the tests; it ends when this is dropped.
struct Service {
    process: Child,
    port: u16,
}

impl Service {
    fn start() -> Self {
        let folder = root().join("build/bench");
        fs::create_dir_all(&folder).unwrap();
        let limit = |(rule, per, _)| {
            format!(
                "- {{ namespace: imagegate, max_value: 100000000, seconds: 3600, name: {rule}, \
                 conditions: [\"descriptors[0].rule == '{rule}'\"], variables: [\"descriptors[0].{per}\"] }}\n"
            )
        };
        fs::write(folder.join("limits.yaml"), RULES.map(limit).concat()).unwrap();
        let mut process = Command::new(root().join("target/rls-server/debug/rls-server"))
            .arg("--limits")
            .arg(folder.join("limits.yaml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("benches/run.sh builds the service");
        // For benches/run.sh, should this program be killed.
        fs::write(folder.join("service.pid"), process.id().to_string()).unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().expect("the service listens");
        Self { process, port }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(root().join("build/bench/service.pid"));
    }
}
