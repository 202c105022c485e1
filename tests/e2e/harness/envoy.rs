//! A running Envoy with the built filter.
//!
//! At the end of each case its Envoy must be in good health: it still runs, the VM has not trapped,
//! and no secret is in the log. That is checked when the [`Envoy`] is dropped.

use std::fs;
use std::ops::Deref;
use std::thread;

use imagegate_testkit::envoy::Envoy as Process;
use imagegate_testkit::yaml::with_value;
use serde_json::Value;

use super::Setup;
use super::config::{ACCOUNT, Key, TOKEN};

/// A running Envoy.
pub(crate) struct Envoy {
    process: Process,
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

    /// The Envoy of this process, once it listens.
    pub(super) fn once_ready(mut process: Process) -> Self {
        process.wait_until_ready();
        Self { process }
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
        let path = self.folder().join("filter.yaml");
        let yaml = fs::read_to_string(&path).unwrap();
        let next = self.folder().join("filter.next");
        fs::write(&next, with_value(&yaml, "value: ", &config.to_string())).unwrap();
        // Envoy watches for a rename.
        fs::rename(next, path).unwrap();
    }

    /// What is wrong with this Envoy, if anything is.
    fn problem(&mut self) -> Option<String> {
        if let Some(status) = self.process.ended() {
            return Some(format!("Envoy has ended: {status}"));
        }
        let log = self.log();
        let traps = ["panicked", "in-VM backtrace", "RuntimeError", "[critical]"];
        // An update whose configuration is rejected fails to load, too.
        let is_trap = |line: &&str| {
            traps.iter().any(|it| line.contains(it)) && !line.ends_with("failed to load")
        };
        if let Some(line) = log.lines().find(is_trap) {
            return Some(format!("the log says: {line}"));
        }
        let secrets = Key::ALL.into_iter().chain([TOKEN, ACCOUNT, SECRET_PROMPT]);
        if let Some(secret) = secrets.into_iter().find(|secret| log.contains(secret)) {
            return Some(format!("the secret '{secret}' is in the log"));
        }
        let reloads = self.metric("wasm.imagegate.vm_reload").filter(|count| *count > 0)?;
        Some(format!("the VM was reloaded {reloads} times"))
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
        let problem = if thread::panicking() { None } else { self.problem() };
        self.process.stop();
        if thread::panicking() || problem.is_some() {
            let log = self.folder().join("envoy.log");
            eprintln!("--- the end of {}\n{}", log.display(), self.log_end());
        } else {
            let _ = fs::remove_dir_all(self.folder());
        }
        if let Some(problem) = problem {
            panic!("{problem}");
        }
    }
}

/// A prompt that must not be logged. Cases about that send it, and every log is searched for it.
pub(crate) const SECRET_PROMPT: &str = "a heron nobody may read about";
