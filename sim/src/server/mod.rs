//! The server: connections, routes and the playing of plans. HTTP/1.1 and HTTP/2 without TLS on one
//! port.

mod answer;
mod body;
mod connection;
mod head;
mod images;
mod player;
mod route;
mod work;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::TcpListener;

use self::connection::{Ending, Wire};
use crate::{cli::Options, clock, generator::Cache, hash::hash, stats::Stats};

/// How many different prompts are counted before counting starts over.
const MAX_PROMPTS: usize = 10_000;

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    state: Arc<State>,
}

/// What all requests share.
#[derive(Debug)]
struct State {
    options: Options,
    /// Chooses identifiers.
    seed: u64,
    cache: Cache,
    stats: Stats,
    /// The number of requests with each prompt, by its hash.
    calls: Mutex<HashMap<u64, u64>>,
}

impl State {
    /// The number of requests with this prompt, this one included.
    fn count(&self, prompt: &str) -> u64 {
        let Ok(mut calls) = self.calls.lock() else { return 1 };
        if calls.len() > MAX_PROMPTS {
            calls.clear();
        }
        let count = calls.entry(hash(prompt.as_bytes())).or_insert(0);
        *count += 1;
        *count
    }

    /// Forgets all requests so far.
    fn reset(&self) {
        self.stats.reset();
        if let Ok(mut calls) = self.calls.lock() {
            calls.clear();
        }
    }
}

impl Server {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// If the address is not available.
    pub async fn bind(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let seed = options.seed.unwrap_or_else(|| hash(&clock::now().as_nanos().to_le_bytes()));
        let state = State {
            options,
            seed,
            cache: Cache::default(),
            stats: Stats::default(),
            calls: Mutex::new(HashMap::new()),
        };
        Ok(Self { listener, state: Arc::new(state) })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// If the system does not report it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves for ever. Dropping the future stops it.
    pub async fn run(self) {
        loop {
            let Ok((tcp, _)) = self.listener.accept().await else {
                // Out of file descriptors, most likely: some will be free soon.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            };
            // Small pieces must leave at once, and not wait for the next one.
            let _ = tcp.set_nodelay(true);
            self.state.stats.connected();
            tokio::spawn(serve(tcp, Arc::clone(&self.state)));
        }
    }
}

async fn serve(tcp: tokio::net::TcpStream, state: Arc<State>) {
    let ending = Ending::default();
    let wire = TokioIo::new(Wire::new(tcp, ending.clone()));
    let service =
        service_fn(move |request| route::answer(request, Arc::clone(&state), ending.clone()));
    // An error here means that the client or a fault ended the connection.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(wire, service).await;
}

#[cfg(test)]
mod tests;
