//! A scripted upstream: it answers each request with a list of steps, so that chunk borders, stalls
//! and breaks are exact.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;

use super::script::Step;
use super::sse::Generation;
use super::wire::{ToEnd, Wire, chunked, only};
use super::{HUNG, eventually};

/// A request that has arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub version: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Arc<Vec<u8>>,
}

impl Received {
    /// The only header of this name.
    pub fn header(&self, name: &str) -> Option<String> {
        only(&self.headers, name)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether this is a side call and not the client's own stream: Envoy marks its own requests.
    pub fn is_side_call(&self) -> bool {
        self.header("x-envoy-internal").is_some()
    }
}

/// A server on a port of its own. It stops when this is dropped.
pub struct Upstream {
    port: u16,
    shared: Arc<Shared>,
}

/// The steps of a response. A script of many megabytes is shared, not copied.
type Script = Arc<[Step]>;
type Choose = dyn Fn(&Received) -> Script + Send + Sync;

struct Shared {
    scripts: Mutex<VecDeque<Vec<Step>>>,
    /// Chooses a script if none is left in the queue.
    choose: Mutex<Arc<Choose>>,
    /// `None` in an upstream that keeps no requests.
    received: Option<Mutex<Vec<Received>>>,
    /// Responses that the peer did not wait for, and requests that it did not finish.
    aborted: AtomicUsize,
    stopped: AtomicBool,
}

impl Upstream {
    /// Answers each request with the same script.
    pub fn always(script: Vec<Step>) -> Self {
        Self::start(VecDeque::new(), same(script), Some(Mutex::default()))
    }

    /// Answers each request with the script that `choose` returns for it.
    pub fn choosing(choose: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let choose = Arc::new(move |request: &Received| choose(request).into());
        Self::start(VecDeque::new(), choose, Some(Mutex::default()))
    }

    /// Answers requests, in the order of their arrival, with one script each.
    pub fn scripts(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let choose = Arc::new(|_: &Received| unscripted().into());
        Self::start(scripts.into_iter().collect(), choose, Some(Mutex::default()))
    }

    /// Keeps none of the requests, for measurements with many. [`Upstream::answer_with`] sets what
    /// it sends.
    pub fn forgetful() -> Self {
        Self::start(VecDeque::new(), same(unscripted()), None)
    }

    /// Answers each request with the same image.
    pub fn generating(generation: &Generation) -> Self {
        Self::always(Step::generate(generation))
    }

    /// A server that no request may reach.
    pub fn unreached() -> Self {
        Self::scripts([])
    }

    /// A port on which nothing listens.
    pub fn closed_port() -> u16 {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
    }

    fn start(
        scripts: VecDeque<Vec<Step>>,
        choose: Arc<Choose>,
        received: Option<Mutex<Vec<Received>>>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            scripts: Mutex::new(scripts),
            choose: Mutex::new(choose),
            received,
            aborted: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                std::thread::spawn(move || {
                    Peer { wire: Wire::new(stream.unwrap()) }.serve(&shared)
                });
            }
        });
        Self { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Adds a script to the queue.
    pub fn push(&self, script: Vec<Step>) {
        self.shared.scripts.lock().unwrap().push_back(script);
    }

    /// Answers each request from now on with this script.
    pub fn answer_with(&self, script: Vec<Step>) {
        *self.shared.choose.lock().unwrap() = same(script);
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received().clone()
    }

    /// The only request so far.
    pub fn only(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "requests that reached the upstream");
        received.remove(0)
    }

    /// Waits until this many requests have come.
    pub fn wait_for(&self, count: usize) {
        eventually(&format!("{count} requests at the upstream"), || {
            self.shared.received().len() >= count
        });
    }

    /// How many responses the peer did not wait for.
    pub fn aborted(&self) -> usize {
        self.shared.aborted.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

impl Shared {
    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.as_ref().expect("the upstream keeps its requests").lock().unwrap()
    }
}

fn same(script: Vec<Step>) -> Arc<Choose> {
    let script: Script = script.into();
    Arc::new(move |_: &Received| Arc::clone(&script))
}

fn unscripted() -> Vec<Step> {
    vec![Step::Whole(418, Vec::new(), b"the test has no script for this request".to_vec())]
}

struct Peer {
    wire: Wire,
}

/// The state of the connection after a script.
#[derive(PartialEq)]
enum After {
    Serve,
    Gone,
}

impl Peer {
    fn serve(mut self, shared: &Shared) {
        while let Ok(request) = self.read_request(shared) {
            let scripted = shared.scripts.lock().unwrap().pop_front();
            let choose = Arc::clone(&shared.choose.lock().unwrap());
            let script = scripted.map_or_else(|| choose(&request), Script::from);
            if let Some(received) = &shared.received {
                received.lock().unwrap().push(request);
            }
            match self.play(&script, shared) {
                Ok(After::Serve) => {}
                Ok(After::Gone) => return,
                Err(_) => {
                    shared.aborted.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    fn play(&mut self, script: &[Step], shared: &Shared) -> io::Result<After> {
        for step in script {
            match step {
                Step::Head(status, headers) => {
                    self.head(*status, headers, "transfer-encoding: chunked")?;
                }
                Step::StreamHead => {
                    let headers = [("content-type", "text/event-stream; charset=utf-8".to_owned())];
                    self.head(200, &headers, "transfer-encoding: chunked")?;
                }
                Step::Chunk(bytes) => self.chunk(bytes)?,
                Step::Pieces(bytes, length) => {
                    bytes.chunks(*length).try_for_each(|piece| self.chunk(piece))?;
                }
                Step::Bytes(bytes) => self.wire.write(bytes)?,
                Step::End => self.wire.write(b"0\r\n\r\n")?,
                Step::Whole(status, headers, body) => {
                    self.head(*status, headers, &format!("content-length: {}", body.len()))?;
                    self.wire.write(body)?;
                }
                Step::Pause(time) => std::thread::sleep(*time),
                Step::Wait(gate) => gate.wait(),
                Step::KeepOpen => {
                    self.wait_for_close();
                    shared.aborted.fetch_add(1, Ordering::Relaxed);
                    return Ok(After::Gone);
                }
                Step::Close => return Ok(After::Gone),
                Step::Reset => {
                    socket2::SockRef::from(self.wire.stream()).set_linger(Some(Duration::ZERO))?;
                    return Ok(After::Gone);
                }
            }
        }
        Ok(After::Serve)
    }

    fn head(&mut self, status: u16, headers: &[(&str, String)], framing: &str) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n{framing}\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head.push_str("\r\n");
        self.wire.write(head.as_bytes())
    }

    fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.wire.write(&chunked(bytes, bytes.len()))
    }

    fn wait_for_close(&self) {
        let mut stream = self.wire.stream();
        stream.set_read_timeout(Some(HUNG)).unwrap();
        let mut byte = [0];
        while matches!(stream.read(&mut byte), Ok(1)) {}
    }

    fn read_request(&mut self, shared: &Shared) -> io::Result<Received> {
        let head = self.wire.read_head()?;
        let body = self.wire.read_body(&head, ToEnd::No);
        if body.is_err() {
            shared.aborted.fetch_add(1, Ordering::Relaxed);
        }
        let mut first = head.first.split(' ').map(str::to_owned);
        Ok(Received {
            method: first.next().unwrap(),
            path: first.next().unwrap(),
            version: first.next().unwrap(),
            headers: head.headers,
            body: Arc::new(body?),
        })
    }
}
