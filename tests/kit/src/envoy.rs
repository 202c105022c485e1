//! A running Envoy: its start, its admin interface, its memory and its log.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Connection, Request};
use super::{HUNG, needed, root};

/// How often a wait looks again.
const INTERVAL: Duration = Duration::from_millis(10);

/// A running Envoy. It ends when this is dropped.
pub struct Envoy {
    process: Child,
    folder: PathBuf,
    /// 0 until Envoy has written it.
    admin: u16,
    /// 0 until Envoy is ready.
    port: u16,
}

/// Envoy's program: `$ENVOY`, or the one that `make setup` installs.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("ENVOY") {
        return path.into();
    }
    let lib = needed(".tools/venv/lib", "make setup");
    let python =
        fs::read_dir(lib).unwrap().next().expect("the virtual environment is whole").unwrap();
    python.path().join("site-packages/envoy/_bin/envoy")
}

impl Envoy {
    /// Starts it with this configuration. `folder` gets the configuration, the log and the admin
    /// address. `adjust` adds arguments and variables.
    pub fn spawn(folder: &Path, yaml: &str, adjust: impl FnOnce(&mut Command)) -> Self {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("envoy.yaml"), yaml).unwrap();
        let _ = fs::remove_file(folder.join("admin"));
        let log = File::create(folder.join("envoy.log")).unwrap();
        let mut command = Command::new(program());
        command
            .arg("-c")
            .arg(folder.join("envoy.yaml"))
            .args(["--disable-hot-restart", "--log-level", "warning"])
            .arg("--admin-address-path")
            .arg(folder.join("admin"))
            .current_dir(root())
            .env_remove("CODEX_ACCESS_TOKEN")
            .env_remove("CODEX_ACCOUNT_ID")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        adjust(&mut command);
        let process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program().display()));
        Self { process, folder: folder.to_owned(), admin: 0, port: 0 }
    }

    /// Waits until its workers accept connections.
    pub fn wait_until_ready(&mut self) {
        let start = Instant::now();
        while !self.is_ready() {
            if let Some(status) = self.ended() {
                panic!("Envoy ended at its start ({status}):\n{}", self.log_end());
            }
            assert!(start.elapsed() < HUNG, "Envoy did not become ready:\n{}", self.log_end());
            thread::sleep(INTERVAL);
        }
        self.port = self.listener("images");
    }

    fn is_ready(&mut self) -> bool {
        let address = fs::read_to_string(self.folder.join("admin")).unwrap_or_default();
        self.admin = address.rsplit(':').next().and_then(|it| it.trim().parse().ok()).unwrap_or(0);
        // The filter is compiled before the workers start: about a second.
        self.admin != 0 && self.has_workers().unwrap_or(false)
    }

    /// Whether its workers have started. An error if it does not answer: it may be about to end,
    /// and its log then says why.
    fn has_workers(&self) -> io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin))?;
        let path = "/stats?filter=^listener_manager.workers_started$";
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response.contains("listener_manager.workers_started: 1"))
    }

    /// How its process ended; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().unwrap()
    }

    /// Waits until it ends on its own, and returns how it ended.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(start.elapsed() < HUNG, "Envoy did not end:\n{}", self.log_end());
            thread::sleep(INTERVAL);
        }
    }

    /// Ends its process.
    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The folder of its configuration and its log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The port of the listener `images`, which has the filter.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The response of the admin interface.
    pub fn admin(&self, path: &str) -> String {
        let response = Request::new("GET", path).send_on(&mut Connection::open(self.admin));
        assert_eq!(response.status, 200, "{path}");
        String::from_utf8(response.body).unwrap()
    }

    /// The value of the metric of this name; `None` if Envoy has no such metric yet.
    pub fn metric(&self, name: &str) -> Option<u64> {
        let stats = self.admin(&format!("/stats?filter=^{name}$"));
        let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        line.parse().ok()
    }

    /// The port of the listener of this name.
    pub fn listener(&self, name: &str) -> u16 {
        let listeners: Value = serde_json::from_str(&self.admin("/listeners?format=json")).unwrap();
        let listeners = listeners["listener_statuses"].as_array().unwrap();
        let listener = listeners.iter().find(|it| it["name"] == name).unwrap();
        let address = &listener["local_address"]["socket_address"];
        u16::try_from(address["port_value"].as_u64().unwrap()).unwrap()
    }

    /// What its process has in memory, in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.process_kib("VmRSS:")
    }

    /// The most that its process has had in memory, in KiB.
    pub fn peak_rss_kib(&self) -> u64 {
        self.process_kib("VmHWM:")
    }

    fn process_kib(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Everything that Envoy and the filter have logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("envoy.log")).unwrap()).into_owned()
    }

    /// The last lines of the log.
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.stop();
    }
}
