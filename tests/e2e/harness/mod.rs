//! What the cases share: a real Envoy with the built filter, a scripted upstream, a raw client.
//!
//! Everything speaks bytes over loopback sockets, so that a case can send what no client library
//! would and see exactly what came. No case asserts how long something takes; the timeouts here
//! are upper bounds after which something counts as hung.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod envoy;
pub(crate) mod http2;
pub(crate) mod rls;
pub(crate) mod script;
pub(crate) mod setup;
pub(crate) mod sim;
pub(crate) mod sse;
pub(crate) mod upstream;
mod wire;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use client::{Connection, Request, Response};
pub(crate) use config::{Key, config};
pub(crate) use envoy::{Envoy, SECRET_PROMPT};
pub(crate) use rls::RateLimitService;
pub(crate) use script::{Gate, Step};
pub(crate) use setup::{Setup, program};
pub(crate) use sim::Sim;
pub(crate) use sse::Drawing;
pub(crate) use upstream::{Received, Upstream};

/// Whatever takes longer than this hangs.
pub(crate) const HUNG: Duration = Duration::from_secs(60);

/// The top of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A built or installed file that a case cannot do without.
pub(crate) fn needed(path: &str, command: &str) -> PathBuf {
    let path = root().join(path);
    assert!(path.exists(), "{} is missing; run: {command}", path.display());
    path
}

/// Waits until `holds`, and fails with `what` if that takes too long.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < HUNG, "this never came true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
