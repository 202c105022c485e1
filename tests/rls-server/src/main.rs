//! A rate-limit service for the tests: Limitador's own library with the API
//! `envoy.service.ratelimit.v3`.
//!
//! `rls-server --limits FILE [--listen ADDRESS] [--redis URL] [--delay MS]` prints
//! `listening on ADDRESS` and serves until it is killed. It counts at once and answers after the
//! delay. It is no product: run Limitador's server, or envoyproxy/ratelimit.

mod engine;
mod service;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lexopt::prelude::*;
use tonic::transport::server::TcpIncoming;

use engine::Engine;
use service::RateLimitService;

struct Arguments {
    limits: PathBuf,
    listen: SocketAddr,
    redis: Option<String>,
    delay: Duration,
}

fn arguments() -> Result<Arguments, lexopt::Error> {
    let (mut limits, mut listen, mut redis) = (None, SocketAddr::from(([127, 0, 0, 1], 0)), None);
    let mut delay = Duration::ZERO;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("limits") => limits = Some(PathBuf::from(parser.value()?)),
            Long("listen") => listen = parser.value()?.parse()?,
            Long("redis") => redis = Some(parser.value()?.string()?),
            Long("delay") => delay = Duration::from_millis(parser.value()?.parse()?),
            _ => return Err(argument.unexpected()),
        }
    }
    let limits = limits.ok_or("--limits FILE is missing")?;
    Ok(Arguments { limits, listen, redis, delay })
}

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { limits, listen, redis, delay } = arguments()?;
    // A storage in Redis blocks while it connects.
    let engine = tokio::task::block_in_place(|| Engine::open(&limits, redis.as_deref()))?;
    // An answer is several small writes: without this the last waits 40 ms for the peer's
    // acknowledgement.
    let incoming = TcpIncoming::bind(listen)?.with_nodelay(Some(true));
    println!("listening on {}", incoming.local_addr()?);
    let service = RateLimitService { engine: Arc::new(engine), delay };
    tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}
