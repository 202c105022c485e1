//! codex-sim, where a case wants an upstream that behaves rather than one that is scripted.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Connection, Request, needed, root};

/// The program, on a port of its own. It stops with the case.
pub(crate) struct Sim {
    process: Child,
    port: u16,
}

impl Sim {
    pub(crate) fn start() -> Self {
        let program = needed("target/tools/codex-sim", "make test-e2e");
        let mut process = Command::new(program)
            .args(["--listen", "127.0.0.1:0"])
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line
            .trim()
            .strip_prefix("codex-sim listening on 127.0.0.1:")
            .and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("codex-sim said: {line}"));
        Self { process, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The last requests as they came, the oldest first.
    pub(crate) fn received(&self) -> Vec<Value> {
        let request = Request::new("GET", "/stats");
        let stats = request.send_on(&mut Connection::open(self.port)).json();
        stats["recent"].as_array().unwrap().clone()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
