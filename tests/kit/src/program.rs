//! A server program that prints its port when it listens: codex-sim, rls-server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running program. It ends when this is dropped.
pub struct Program {
    process: Child,
    port: u16,
}

impl Program {
    /// Starts it, and waits until it has printed its port: the end of its first line.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().split_once("listening on ").map(|(_, address)| address);
        let port = address
            .and_then(|address| address.rsplit_once(':')?.1.parse().ok())
            .unwrap_or_else(|| panic!("{name} printed: {line}"));
        Self { process, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
