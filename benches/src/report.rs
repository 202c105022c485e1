//! What runs measured, as JSON: `docs/bench.json`.
//!
//! Times are in microseconds if the name ends with `_us`. Ratios are of Envoy's CPU time, medians
//! over all pairs of rounds; their quartiles are the first and the third.

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::stream::Variant;
use super::upstream::Protocol;

/// The figures of the documentation.
#[derive(Deserialize, Serialize)]
pub(crate) struct Figures {
    /// The filter over no filter.
    pub(crate) filter: Run<Filter>,
    /// Rules over none.
    pub(crate) rules: Run<Rules>,
    /// Three rules per user over none, by the number of users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<Run<Users>>,
}

/// One run: how, where and when, and what it measured.
#[derive(Deserialize, Serialize)]
pub(crate) struct Run<T> {
    /// What measures it again.
    pub(crate) command: String,
    /// The measured commit.
    pub(crate) commit: String,
    /// The day, in UTC.
    pub(crate) date: String,
    /// How long it measured.
    pub(crate) seconds: u64,
    /// Envoy's version.
    pub(crate) envoy: String,
    /// Of the machine.
    pub(crate) cores: usize,
    #[serde(flatten)]
    pub(crate) measured: T,
}

/// What the filter costs.
#[derive(Deserialize, Serialize)]
pub(crate) struct Filter {
    pub(crate) cpu: Vec<Cpu>,
    /// Absent in runs before 2026-12.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) requests: Vec<RequestRow>,
    /// As above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Start>,
    pub(crate) memory_over_base64: Vec<Memory>,
}

/// CPU time through the filter over the same bytes without it.
#[derive(Deserialize, Serialize)]
pub(crate) struct Cpu {
    /// On both sides. Runs before 2026-12 had HTTP/1.1 only.
    #[serde(default)]
    pub(crate) upstream: Protocol,
    pub(crate) stream: Variant,
    pub(crate) base64_bytes: usize,
    pub(crate) at_once: usize,
    pub(crate) aim: f64,
    pub(crate) ratio: f64,
    pub(crate) ratio_quartiles: [f64; 2],
    /// Not kept of older runs.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<Detail>,
}

/// Shown of small images only.
#[derive(Deserialize, Serialize)]
pub(crate) struct Detail {
    pub(crate) pairs: usize,
    pub(crate) filter_us: f64,
    pub(crate) plain_us: f64,
    pub(crate) latency_ratio: f64,
}

/// CPU time that a request without an image costs more than another one.
#[derive(Deserialize, Serialize)]
pub(crate) struct RequestRow {
    /// The name of a case in `cases.rs`.
    pub(crate) case: String,
    pub(crate) at_once: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aim_us: Option<f64>,
    pub(crate) added_us: f64,
    pub(crate) added_us_quartiles: [f64; 2],
    pub(crate) measured_us: f64,
    pub(crate) over_us: f64,
    pub(crate) pairs: usize,
}

/// CPU time of Envoy until it listens: medians.
#[derive(Deserialize, Serialize)]
pub(crate) struct Start {
    /// Of each of the two.
    pub(crate) starts: usize,
    pub(crate) cpu_seconds: f64,
    /// With the empty filter in place of this one.
    pub(crate) empty_cpu_seconds: f64,
    pub(crate) added_cpu_seconds: f64,
    pub(crate) added_cpu_seconds_quartiles: [f64; 2],
    pub(crate) filter: Module,
    pub(crate) empty: Module,
}

/// The length of a module, and of the code in it.
#[derive(Deserialize, Serialize)]
pub(crate) struct Module {
    pub(crate) bytes: usize,
    pub(crate) code_bytes: usize,
}

/// Growth per open answer, over the length of its base64.
#[derive(Deserialize, Serialize)]
pub(crate) struct Memory {
    pub(crate) base64_bytes: usize,
    pub(crate) at_once: usize,
    pub(crate) vm: f64,
    pub(crate) process: f64,
    pub(crate) vm_peak: f64,
    pub(crate) process_peak: f64,
}

/// What rules cost.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Rules {
    pub(crate) cpu: Vec<Rule>,
}

/// CPU time with rules over the same filter without any.
#[derive(Deserialize, Serialize)]
pub(crate) struct Rule {
    pub(crate) case: String,
    pub(crate) at_once: usize,
    pub(crate) added_us: f64,
    pub(crate) ratio: f64,
    pub(crate) ratio_quartiles: [f64; 2],
}

/// What many users cost.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Users {
    pub(crate) users: Vec<UsersRow>,
}

/// CPU time of requests under three rules per user.
#[derive(Deserialize, Serialize)]
pub(crate) struct UsersRow {
    pub(crate) users: usize,
    /// Over the same filter without rules: the median of all pairs of rounds.
    pub(crate) ratio: f64,
    pub(crate) added_us: f64,
    pub(crate) with_us: f64,
    pub(crate) rounds: usize,
    /// The memory of the Envoy process.
    pub(crate) envoy_mb: u64,
}

/// `6 MB`, `4 KB`.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        1_000_000.. => format!("{} MB", bytes as f64 / 1e6),
        _ => format!("{} KB", bytes as f64 / 1e3),
    }
}

/// `1.78 MB`.
pub(crate) fn megabytes(bytes: usize) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

/// More digits than are significant with this noise.
pub(crate) fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Rule {
    /// From the quartiles of the ratio.
    pub(crate) fn new(case: &str, at_once: usize, added_us: f64, ratio: [f64; 3]) -> Self {
        let [low, middle, high] = ratio.map(round);
        let case = case.to_owned();
        Self {
            case,
            at_once,
            added_us: round(added_us),
            ratio: middle,
            ratio_quartiles: [low, high],
        }
    }
}

impl<T: Serialize> Run<T> {
    /// A run of today, with the commit and the date that benches/run.sh names.
    pub(crate) fn new(command: &str, seconds: u64, envoy: String, measured: T) -> Self {
        let variable = |name| std::env::var(name).unwrap_or_else(|_| "unknown".to_owned());
        Self {
            command: command.to_owned(),
            commit: variable("BENCH_COMMIT"),
            date: variable("BENCH_DATE"),
            seconds,
            envoy,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            measured,
        }
    }

    /// Why this run is not for the documentation, if so.
    pub(crate) fn unfit(&self, least_seconds: u64) -> Option<String> {
        if self.seconds < least_seconds {
            return Some(format!("it took {} s, and needs {least_seconds} s", self.seconds));
        }
        let known = self.commit.len() >= 7 && self.commit.bytes().all(|it| it.is_ascii_hexdigit());
        (!known).then(|| format!("it is not of a commit: {}", self.commit))
    }
}

/// Reads a file that [`write()`] has written.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Writes for programs and people.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{}\n", serde_json::to_string_pretty(value).unwrap())).unwrap();
}
