//! A running Envoy: the shipped configuration with a second listener, which lacks what is measured.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Client;
use super::{HUNG, root};

/// The listener without the filter.
const PLAIN: &str = include_str!("plain.yaml");

/// A running Envoy with one worker; it ends when this is dropped.
pub(crate) struct Envoy {
    process: Child,
    folder: PathBuf,
    admin: u16,
    gate: u16,
    plain: u16,
}

impl Envoy {
    /// Starts it with this filter before the upstream at this port. The second listener has no filter.
    pub(crate) fn start(binary: &str, filter: &Path, upstream: u16) -> Self {
        let yaml = shipped(filter, upstream);
        Self::boot(binary, &replace(&yaml, "\n  clusters:\n", &format!("\n{PLAIN}\n  clusters:\n")))
    }

    /// The same, but both listeners have the filter, and only the first these settings, the start of a
    /// JSON object. `service` is where the cluster `ratelimit` leads.
    pub(crate) fn with_settings(
        binary: &str,
        filter: &Path,
        upstream: u16,
        settings: &str,
        service: u16,
    ) -> Self {
        let yaml = shipped(filter, upstream);
        let (head, rest) = yaml.split_once("  listeners:\n").unwrap();
        let (listener, clusters) = rest.split_once("\n  clusters:\n").unwrap();
        let consumers = r#""consumers": ["#;
        let measured = replace(listener, consumers, &format!("{settings}, {consumers}"));
        let plain =
            replace(listener, "- name: images\n      address", "- name: plain\n      address");
        let with_service = fs::read_to_string(root().join("envoy/rls.yaml")).unwrap();
        let cluster = with_service.split_once("    - name: ratelimit\n").unwrap().1;
        let cluster = replace(cluster, "port_value: 8081 ", &format!("port_value: {service} "));
        let yaml = format!(
            "{head}  listeners:\n{measured}\n{plain}\n  clusters:\n{clusters}\n    - name: ratelimit\n{cluster}"
        );
        Self::boot(binary, &yaml)
    }

    /// Starts it, and waits until it listens.
    fn boot(binary: &str, yaml: &str) -> Self {
        let folder = root().join("build/bench");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("envoy.yaml"), yaml).unwrap();
        let _ = fs::remove_file(folder.join("admin"));
        let process = Command::new(binary)
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "-c"])
            .arg(folder.join("envoy.yaml"))
            .arg("--admin-address-path")
            .arg(folder.join("admin"))
            .envs([("CODEX_ACCESS_TOKEN", "bench-token"), ("CODEX_ACCOUNT_ID", "bench-account")])
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("envoy.log")).unwrap())
            .spawn()
            .unwrap_or_else(|fault| panic!("{binary} does not start: {fault}"));
        // For benches/run.sh, should this program be killed.
        fs::write(folder.join("envoy.pid"), process.id().to_string()).unwrap();
        let mut envoy = Self { process, folder, admin: 0, gate: 0, plain: 0 };
        envoy.wait_until_ready();
        (envoy.gate, envoy.plain) = (envoy.listener_port("images"), envoy.listener_port("plain"));
        envoy
    }

    fn wait_until_ready(&mut self) {
        let start = Instant::now();
        while self.admin == 0 {
            let ended = self.process.try_wait().unwrap().is_some();
            assert!(!ended && start.elapsed() < HUNG, "Envoy does not start:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
            let address = fs::read_to_string(self.folder.join("admin")).unwrap_or_default();
            self.admin =
                address.rsplit(':').next().and_then(|it| it.trim().parse().ok()).unwrap_or(0);
        }
        // The filter is compiled before the listeners open: about a second.
        while !self.admin("/stats?filter=listener_manager.workers_started").ends_with(": 1\n") {
            assert!(start.elapsed() < HUNG, "Envoy does not start:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn listener_port(&self, name: &str) -> u16 {
        let listeners: Value = serde_json::from_str(&self.admin("/listeners?format=json")).unwrap();
        let listener = listeners["listener_statuses"].as_array().unwrap().iter();
        let mut named = listener.filter(|listener| listener["name"] == name);
        let port = &named.next().unwrap()["local_address"]["socket_address"]["port_value"];
        port.as_u64().unwrap().try_into().unwrap()
    }

    /// The port of the listener with what is measured.
    pub(crate) fn gate(&self) -> u16 {
        self.gate
    }

    /// The port of the listener without it.
    pub(crate) fn plain(&self) -> u16 {
        self.plain
    }

    fn admin(&self, path: &str) -> String {
        Client::connect(self.admin).get(path)
    }

    /// `1.40.0`, say.
    pub(crate) fn version(&self) -> String {
        let info: Value = serde_json::from_str(&self.admin("/server_info")).unwrap();
        info["version"].as_str().and_then(|it| it.split('/').nth(1)).unwrap_or("?").to_owned()
    }

    /// The value of the metric of this name; 0 where there is none yet.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let stats = self.admin(&format!("/stats?filter=^{name}$"));
        stats.trim().rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// The CPU time that all threads of the process have had, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap().flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
            .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// What the process has in memory, in bytes.
    pub(crate) fn rss(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most it has had since [`forget_peak`](Self::forget_peak), in bytes.
    pub(crate) fn peak_rss(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    /// Has the peak start anew (proc(5), `clear_refs`).
    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").unwrap();
    }

    fn status_bytes(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("envoy.log")).unwrap_or_default()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(self.folder.join("envoy.pid"));
    }
}

/// `envoy/envoy.yaml` with this filter before the upstream at this port, on free ports.
fn shipped(filter: &Path, upstream: u16) -> String {
    let yaml = fs::read_to_string(root().join("envoy/envoy.yaml")).unwrap();
    let yaml = replace(&yaml, "port_value: 9901 ", "port_value: 0 ");
    let yaml = replace(&yaml, "port_value: 10000 ", "port_value: 0 ");
    let yaml = replace(&yaml, "port_value: 10001 ", &format!("port_value: {upstream} "));
    replace(&yaml, "build/imagegate.wasm", filter.to_str().unwrap())
}

/// Replaces a text that stands there exactly once, so that the example cannot drift from this.
fn replace(yaml: &str, from: &str, to: &str) -> String {
    assert_eq!(yaml.matches(from).count(), 1, "{from:?} must stand exactly once in envoy.yaml");
    yaml.replace(from, to)
}
