//! What the tests in Envoy (`tests/e2e`), the benchmarks (`benches`) and the tests of imagegatectl
//! (`cli/tests`) share: a running Envoy, a scripted upstream, a client.
//!
//! Client and upstream write and read bytes on loopback sockets. So a test can send what no client
//! library sends, and sees exactly what arrives. The timeouts are upper bounds, after which
//! something hangs.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::missing_errors_doc,
    reason = "for tests and measurements, which may panic, and read clocks and environment"
)]

pub mod client;
pub mod envoy;
pub mod http2;
pub mod program;
pub mod script;
pub mod sse;
pub mod upstream;
mod wire;
pub mod yaml;

pub use wire::chunked;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An operation that takes longer than this hangs.
pub const HUNG: Duration = Duration::from_secs(60);

/// The top of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The path of a built or installed file; panics with the command that makes it if it is missing.
pub fn needed(path: &str, command: &str) -> PathBuf {
    let path = root().join(path);
    assert!(path.exists(), "{} is missing; run: {command}", path.display());
    path
}

/// Waits until `holds`, and fails with `what` if that takes too long.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < HUNG, "this never became true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
