//! The upstream of both listeners: whatever is asked, it sends the bytes that are set.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::HUNG;

/// So much is handed to the socket at once: the upstream is never what Envoy waits for.
const WRITE_BYTES: usize = 256 * 1024;
/// A request body is not longer.
const MAX_BODY_BYTES: u64 = 1024 * 1024;

/// A running upstream.
pub(crate) struct Upstream {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    response: Arc<[Vec<u8>; 2]>,
    /// Responses wait between their two parts.
    holding: bool,
    /// How many wait there.
    held: usize,
}

impl Upstream {
    /// Listens and answers, for as long as the program runs.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // Envoy closes its connections when it ends: an error is the end of one.
                thread::spawn(move || shared.serve(connection));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sets what is sent from the next request on.
    pub(crate) fn send(&self, response: [Vec<u8>; 2]) {
        self.shared.state.lock().unwrap().response = Arc::new(response);
    }

    /// Has responses wait between their two parts.
    pub(crate) fn hold(&self) {
        let mut state = self.shared.state.lock().unwrap();
        state.holding = true;
        state.held = 0;
    }

    /// Waits until so many do.
    pub(crate) fn wait_for_held(&self, count: usize) {
        let state = self.shared.state.lock().unwrap();
        let waited =
            self.shared.changed.wait_timeout_while(state, HUNG, |state| state.held < count);
        assert!(waited.unwrap().0.held == count, "not all requests reached the upstream");
    }

    /// Has all of them go on.
    pub(crate) fn release(&self) {
        self.shared.state.lock().unwrap().holding = false;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn serve(&self, connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut writer = connection;
        while read_request(&mut reader)? {
            let response = Arc::clone(&self.state.lock().unwrap().response);
            let [before, completed] = &*response;
            for piece in before.chunks(WRITE_BYTES) {
                writer.write_all(piece)?;
            }
            self.pass();
            for piece in completed.chunks(WRITE_BYTES) {
                writer.write_all(piece)?;
            }
        }
        Ok(())
    }

    /// Waits while responses are held.
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        if state.holding {
            state.held += 1;
            self.changed.notify_all();
            let _state =
                self.changed.wait_timeout_while(state, HUNG, |state| state.holding).unwrap();
        }
    }
}

/// Reads a request to its end; false where there is none any more.
fn read_request(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    assert!(length <= MAX_BODY_BYTES, "a request body of {length} bytes");
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(true)
}
