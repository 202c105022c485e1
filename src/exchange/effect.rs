//! What the shell carries out beside the outcome of a callback, from one queue.

use std::rc::Rc;
use std::time::Duration;

use super::metrics::Count;
use super::outcome::LocalReply;

/// One thing to do. [`Exchange::next_effect`](super::Exchange::next_effect) hands them out.
#[derive(Debug)]
pub enum Effect {
    /// Start this call, and report what became of that with `call_started`.
    Call(SideCall),
    /// Ask the rate-limit service, and report what became of that with `check_started`.
    Check(CheckRequest),
    /// Let the held request go on: the rate-limit service admits it.
    Resume,
    /// Answer. The head of the response is held, and the callback's own outcome was to hold it.
    Reply(LocalReply),
    /// Write this to the log: what an operator has to correct.
    Log(String),
    /// Add this to the metrics.
    Count(Count),
}

/// A call beside the client's own stream.
#[derive(Debug, Clone)]
pub struct SideCall {
    /// The Envoy cluster.
    pub cluster: String,
    /// All headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Rc<Vec<u8>>,
    /// When Envoy gives the call up.
    pub timeout: Duration,
    /// Its number, if it goes through the loopback listener. With it the filter there finds the
    /// call: see [`CALL_HEADER`](super::CALL_HEADER).
    pub link: Option<u32>,
}

/// Why the host did not start a side call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStarted {
    /// Envoy has no cluster of that name.
    NoCluster,
    /// The host refused.
    Refused,
}

/// A gRPC call of the rate-limit service, `ShouldRateLimit`.
#[derive(Debug, Clone)]
pub struct CheckRequest {
    /// The Envoy cluster of the service; at most 125 bytes.
    pub cluster: String,
    /// When Envoy gives the call up.
    pub timeout: Duration,
    /// A `RateLimitRequest`.
    pub message: Vec<u8>,
}
