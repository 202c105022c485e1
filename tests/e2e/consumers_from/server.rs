//! A server that has a list of consumers, and turns as bad as a case wants.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};

/// What it answers.
#[derive(Debug, Clone)]
pub(super) enum Served {
    /// A document, with its hash as its version.
    List(String),
    /// A status with a page.
    Status(u16),
    /// A head that promises more than comes.
    CutOff,
    /// Nothing, on an open connection.
    Hangs,
    /// The connection is closed at once.
    Gone,
}

/// The server.
pub(super) struct KeyServer {
    pub(super) port: u16,
    served: Arc<Mutex<Served>>,
    asked: Arc<AtomicUsize>,
    unchanged: Arc<AtomicUsize>,
}

impl KeyServer {
    pub(super) fn new(served: Served) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            served: Arc::new(Mutex::new(served)),
            asked: Arc::default(),
            unchanged: Arc::default(),
        };
        let (served, asked) = (Arc::clone(&server.served), Arc::clone(&server.asked));
        let unchanged = Arc::clone(&server.unchanged);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (served, asked) = (Arc::clone(&served), Arc::clone(&asked));
                let unchanged = Arc::clone(&unchanged);
                thread::spawn(move || serve(stream, &served, &asked, &unchanged));
            }
        });
        server
    }

    pub(super) fn serve(&self, served: Served) {
        *self.served.lock().unwrap() = served;
    }

    pub(super) fn served(&self) -> Served {
        self.served.lock().unwrap().clone()
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// How often it had no other version.
    pub(super) fn unchanged(&self) -> usize {
        self.unchanged.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    served: &Mutex<Served>,
    asked: &AtomicUsize,
    unchanged: &AtomicUsize,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let served = served.lock().unwrap().clone();
    let answer = |status: &str, headers: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let text = match served {
        Served::List(list) => {
            let etag: String =
                Sha256::digest(&list).iter().take(8).map(|it| format!("{it:02x}")).collect();
            let etag = format!("\"{etag}\"");
            if head.contains(&format!("if-none-match: {etag}")) {
                unchanged.fetch_add(1, Ordering::SeqCst);
                format!("HTTP/1.1 304 Not Modified\r\nconnection: close\r\netag: {etag}\r\n\r\n")
            } else {
                // A server may compress what it sends to a client that does not forbid it.
                let forbids = head.contains("accept-encoding: identity\r\n");
                let encoding = if forbids { "" } else { "content-encoding: gzip\r\n" };
                answer("200 OK", &format!("etag: {etag}\r\n{encoding}"), &list)
            }
        }
        Served::Status(status) => answer(&format!("{status} Sorry"), "", "<html>sorry</html>"),
        Served::CutOff => {
            "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"consumers\":[".to_owned()
        }
        Served::Hangs => {
            // Until Envoy gives up.
            let _ = stream.read(&mut byte);
            return;
        }
        Served::Gone => return,
    };
    let _ = stream.write_all(text.as_bytes());
}
