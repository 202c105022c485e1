//! codex-sim, for cases that need an upstream which behaves like Codex and not a scripted one.

use std::process::{Command, Stdio};

use imagegate_testkit::program::Program;
use serde_json::Value;

use super::{Connection, Request, needed, root};

/// The program, on a port of its own. It stops with the case.
pub(crate) struct Sim {
    program: Program,
}

impl Sim {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(needed("target/tools/codex-sim", "make test-e2e"));
        command.args(["--listen", "127.0.0.1:0"]).current_dir(root()).stderr(Stdio::null());
        Self { program: Program::start(&mut command) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.program.port()
    }

    /// The last requests as received, the oldest first.
    pub(crate) fn received(&self) -> Vec<Value> {
        let request = Request::new("GET", "/stats");
        let stats = request.send_on(&mut Connection::open(self.port())).json();
        stats["recent"].as_array().unwrap().clone()
    }
}
