//! A running Envoy: the shipped configuration with a second listener, which lacks the measured
//! part.

use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::process::Stdio;

use imagegate_testkit::envoy::Envoy as Process;
use imagegate_testkit::root;
use imagegate_testkit::yaml::{self, replace, with_port};
use serde_json::Value;

/// The listener without the filter.
const PLAIN: &str = include_str!("plain.yaml");

/// A running Envoy with one worker; it ends when this is dropped.
pub(crate) struct Envoy {
    process: Process,
    plain: u16,
}

impl Envoy {
    /// Starts it with this filter before the upstream at this port. The second listener has no
    /// filter.
    pub(crate) fn start(filter: &Path, upstream: u16) -> Self {
        let yaml = shipped(filter, upstream);
        Self::boot(&replace(&yaml, "\n  clusters:\n", &format!("\n{PLAIN}\n  clusters:\n")))
    }

    /// The same, but both listeners have the filter, and only the first has these settings, the
    /// start of a JSON object. `service` is the target of the cluster `ratelimit`.
    pub(crate) fn with_settings(
        filter: &Path,
        upstream: u16,
        settings: &str,
        service: u16,
    ) -> Self {
        let yaml = shipped(filter, upstream);
        let (head, rest) = yaml.split_once("  listeners:\n").unwrap();
        let (listener, clusters) = rest.split_once("\n  clusters:\n").unwrap();
        let consumers = r#""consumers": ["#;
        // A request may name any user.
        let listener =
            &replace(listener, r#""name": "demo","#, r#""name": "demo", "any_user": true,"#);
        let measured = replace(listener, consumers, &format!("{settings}, {consumers}"));
        let plain =
            replace(listener, "- name: images\n      address", "- name: plain\n      address");
        let with_service = fs::read_to_string(root().join("envoy/rls.yaml")).unwrap();
        let cluster = with_service.split_once("    - name: ratelimit\n").unwrap().1;
        let cluster = with_port(cluster, 8081, service);
        let yaml = format!(
            "{head}  listeners:\n{measured}\n{plain}\n  clusters:\n{clusters}\n    - name: \
             ratelimit\n{cluster}"
        );
        Self::boot(&yaml)
    }

    /// Starts it, and waits until it listens.
    fn boot(yaml: &str) -> Self {
        let folder = root().join("build/bench");
        let mut process = Process::spawn(&folder, yaml, |command| {
            command
                .args(["--concurrency", "1"])
                .envs([
                    ("CODEX_ACCESS_TOKEN", "bench-token"),
                    ("CODEX_ACCOUNT_ID", "bench-account"),
                ])
                .stdout(Stdio::null());
        });
        // For benches/run.sh, should this program be killed.
        fs::write(folder.join("envoy.pid"), process.id().to_string()).unwrap();
        process.wait_until_ready();
        Self { plain: process.listener("plain"), process }
    }

    /// The port of the listener with the measured part.
    pub(crate) fn gate(&self) -> u16 {
        self.process.port()
    }

    /// The port of the listener without the measured part.
    pub(crate) fn plain(&self) -> u16 {
        self.plain
    }

    /// Its version, for example `1.40.0`.
    pub(crate) fn version(&self) -> String {
        let info: Value = serde_json::from_str(&self.admin("/server_info")).unwrap();
        info["version"].as_str().and_then(|it| it.split('/').nth(1)).unwrap_or("?").to_owned()
    }

    /// The CPU time that all threads of the process have had, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id())).unwrap().flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
            .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// What the process has in memory, in bytes.
    pub(crate) fn rss(&self) -> u64 {
        self.rss_kib() * 1024
    }

    /// The most it has had since [`forget_peak`](Self::forget_peak), in bytes.
    pub(crate) fn peak_rss(&self) -> u64 {
        self.peak_rss_kib() * 1024
    }

    /// Restarts the measurement of the peak (proc(5), `clear_refs`).
    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }
}

impl Deref for Envoy {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.process.stop();
        let _ = fs::remove_file(self.folder().join("envoy.pid"));
    }
}

/// `envoy/envoy.yaml` with this filter before the upstream at this port, on free ports.
fn shipped(filter: &Path, upstream: u16) -> String {
    let yaml = with_port(&yaml::shipped("envoy/envoy.yaml"), 10001, upstream);
    replace(&yaml, "build/imagegate.wasm", filter.to_str().unwrap())
}
