//! A running Envoy with the built filter.
//!
//! Whatever a case is about, its Envoy must end it in good health: still running, no trap of the VM, no
//! secret in the log. That is checked when the [`Envoy`] is dropped.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Request;
use super::config::{ACCOUNT, Key, TOKEN};
use super::setup::{Setup, with_value};
use super::{Connection, HUNG};

/// A running Envoy.
pub(crate) struct Envoy {
    process: Child,
    folder: PathBuf,
    port: u16,
    admin: u16,
    /// The process is meant to end, or the VM to trap.
    expects_trouble: bool,
}

impl Envoy {
    /// The shipped configuration before the upstream at `port`.
    pub(crate) fn start(port: u16) -> Self {
        Setup::new(port).start()
    }

    /// The same with another configuration of the filter.
    pub(crate) fn with(port: u16, config: &Value) -> Self {
        Setup::new(port).configure(config).start()
    }

    /// A process that has just been started.
    pub(super) fn starting(process: Child, folder: PathBuf) -> Self {
        Self { process, folder, port: 0, admin: 0, expects_trouble: false }
    }

    /// The same, once it listens.
    pub(super) fn once_ready(mut self) -> Self {
        let start = Instant::now();
        while !self.is_ready() {
            if let Some(status) = self.process.try_wait().unwrap() {
                self.expects_trouble = true;
                panic!("Envoy ended at its start ({status}):\n{}", self.log_end());
            }
            assert!(start.elapsed() < HUNG, "Envoy did not become ready:\n{}", self.log_end());
            thread::sleep(Duration::from_millis(10));
        }
        self.port = self.listener("images");
        self
    }

    /// Waits until it ends by itself, and returns how it did and its log.
    pub(super) fn wait_for_end(mut self) -> (ExitStatus, String) {
        self.expects_trouble = true;
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return (status, self.log());
            }
            assert!(start.elapsed() < HUNG, "Envoy did not end:\n{}", self.log_end());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The answer of the admin interface.
    pub(crate) fn admin(&self, path: &str) -> String {
        let request = Request::new("GET", path);
        let response = request.send_on(&mut Connection::open(self.admin));
        assert_eq!(response.status, 200, "{path}");
        String::from_utf8(response.body).unwrap()
    }

    /// The value of the metric of this name; nothing if there is none.
    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        let stats = self.admin("/stats");
        let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        line.parse().ok()
    }

    /// What Envoy's process has in memory, in KiB.
    pub(crate) fn rss_kib(&self) -> u64 {
        self.process_kib("VmRSS:")
    }

    /// The most that Envoy's process has had in memory, in KiB.
    pub(crate) fn peak_rss_kib(&self) -> u64 {
        self.process_kib("VmHWM:")
    }

    fn process_kib(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Everything that Envoy and the filter have logged.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("envoy.log")).unwrap()).into_owned()
    }

    /// The lines of the access log so far: each of them JSON.
    pub(crate) fn access_log(&self) -> Vec<Value> {
        let log = self.log();
        // The last line may be half written.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().filter(|line| line.starts_with('{'));
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// The usage records so far, of `production.yaml`.
    pub(crate) fn records(&self) -> Vec<Value> {
        let records = self.access_log().into_iter().filter_map(|line| line.get("usage").cloned());
        records.inspect(|record| assert!(record.is_object(), "{record}")).collect()
    }

    /// Replaces the filter's configuration while Envoy runs. It takes effect some time after.
    pub(crate) fn rediscover(&self, config: &Value) {
        let path = self.folder.join("filter.yaml");
        let yaml = fs::read_to_string(&path).unwrap();
        let next = self.folder.join("filter.next");
        fs::write(&next, with_value(&yaml, "value: ", &config.to_string())).unwrap();
        // Envoy watches for a rename.
        fs::rename(next, path).unwrap();
    }

    fn is_ready(&mut self) -> bool {
        let Ok(address) = fs::read_to_string(self.folder.join("admin")) else { return false };
        let Some(port) = address.rsplit(':').next().and_then(|port| port.trim().parse().ok())
        else {
            return false;
        };
        self.admin = port;
        let response = Request::new("GET", "/ready").send_on(&mut Connection::open(port));
        response.status == 200
    }

    /// The port of the listener of this name.
    pub(crate) fn listener(&self, name: &str) -> u16 {
        let listeners: Value = serde_json::from_str(&self.admin("/listeners?format=json")).unwrap();
        let listeners = listeners["listener_statuses"].as_array().unwrap();
        let listener = listeners.iter().find(|it| it["name"] == name).unwrap();
        let address = &listener["local_address"]["socket_address"];
        u16::try_from(address["port_value"].as_u64().unwrap()).unwrap()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// What is wrong with this Envoy, if anything is.
    fn trouble(&mut self) -> Option<String> {
        if let Some(status) = self.process.try_wait().unwrap() {
            return Some(format!("Envoy has ended: {status}"));
        }
        let log = self.log();
        let traps = ["panicked", "in-VM backtrace", "RuntimeError", "[critical]"];
        // An update whose configuration is refused is a failure to load, too.
        let is_trap = |line: &&str| {
            traps.iter().any(|it| line.contains(it)) && !line.ends_with("failed to load")
        };
        if let Some(line) = log.lines().find(is_trap) {
            return Some(format!("the log says: {line}"));
        }
        let secrets = Key::ALL.into_iter().chain([TOKEN, ACCOUNT, SECRET_PROMPT]);
        if let Some(secret) = secrets.into_iter().find(|secret| log.contains(secret)) {
            return Some(format!("the secret '{secret}' stands in the log"));
        }
        let reloads = self.metric("wasm.imagegate.vm_reload").filter(|count| *count > 0)?;
        Some(format!("the VM was loaded anew {reloads} times"))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let is_checked = !self.expects_trouble && !thread::panicking();
        let trouble = if is_checked { self.trouble() } else { None };
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() || trouble.is_some() {
            eprintln!(
                "--- the end of {}\n{}",
                self.folder.join("envoy.log").display(),
                self.log_end()
            );
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
        if let Some(trouble) = trouble {
            panic!("{trouble}");
        }
    }
}

/// A prompt that must not be logged: cases that look at it use it, and every log is searched for it.
pub(crate) const SECRET_PROMPT: &str = "a heron nobody may read about";
