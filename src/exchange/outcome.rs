//! What a callback may answer: each enum holds exactly what Envoy allows at that point.

use crate::config::Upstream;
use crate::exchange::account::record::OK;
use crate::exchange::notice;
use crate::openai::error::Failure;

/// A response made by the filter.
#[derive(Debug)]
pub struct LocalReply {
    /// The status code.
    pub status: u16,
    /// Headers beside `content-length`, which Envoy sets.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The code of the error; `ok` for what was asked for.
    pub code: &'static str,
    /// What an operator has to correct, for the log.
    pub notice: Option<String>,
}

/// The answer to the request's head.
#[derive(Debug)]
pub enum OnRequestHeaders {
    /// Not ours: forward it without these headers, which are nobody's to send.
    Pass {
        /// Names of headers to remove, each once.
        strip: Vec<String>,
    },
    /// Hold the head and let the body come.
    Hold,
    /// Answer.
    Reply(LocalReply),
}

/// The answer to a part of the request's body, or to its end.
#[derive(Debug)]
pub enum OnRequestBody {
    /// Not ours.
    Pass,
    /// Not complete yet; what came is taken.
    Hold,
    /// Send this upstream in place of what the client sent.
    Forward(Forward),
    /// Put this in the place of what the client sent, hold it, and ask the rate-limit service.
    Consult(Consult),
    /// Answer.
    Reply(LocalReply),
}

/// The answer to what the rate-limit service says.
#[derive(Debug)]
pub enum OnVerdict {
    /// Not ours, or answered already.
    Pass,
    /// Not all is said yet.
    Hold,
    /// Ask this, too.
    Ask(Question),
    /// Let the held request go on, and start these calls beside it.
    Resume(Option<SideBatch>),
    /// Answer.
    Reply(LocalReply),
}

/// The answer to the response's head.
#[derive(Debug)]
pub enum OnResponseHeaders {
    /// Not ours, or our own reply on its way.
    Pass,
    /// Hold the head until the outcome is known.
    Hold,
    /// Answer in its place.
    Reply(LocalReply),
    /// Our own reply, which Envoy has turned into one of gRPC: give it back its status, without the
    /// fields of gRPC. Envoy leaves it no body.
    Restore(u16),
}

/// What a callback does with the bytes of the response that Envoy holds, before it says what came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// They are not the exchange's.
    Nothing,
    /// They are taken out of Envoy's buffer.
    Take,
    /// They are read and stay where they are.
    Look,
}

/// The answer to a part of the response's body.
#[derive(Debug)]
pub enum OnResponseBody {
    /// Not ours, or our own reply on its way; or it goes on as it is.
    Pass,
    /// Nothing to say yet; what came is taken, and the head stays held.
    Hold,
    /// Answer, while the head is held.
    Reply(LocalReply),
    /// Let the held head go, in this form.
    Open(Open),
    /// Send this in the place of what came, or before it where that was not taken. The head has left.
    Send(Vec<u8>),
    /// Break off: the head has left, and what should follow it will not come.
    Reset,
}

/// The answer to the end of a response that has trailers.
#[derive(Debug)]
pub enum OnResponseEnd {
    /// Not ours, our own reply on its way, or all is told.
    Pass,
    /// Nothing to say yet; the head stays held.
    Hold,
    /// Answer, while the head is held.
    Reply(LocalReply),
    /// Break off: the head has left, the outcome is not told, and no body can be put before trailers.
    Reset,
}

/// The head of a response that goes on, and its first bytes.
#[derive(Debug)]
pub struct Open {
    /// The status code.
    pub status: u16,
    /// All other headers, in place of the upstream's.
    pub headers: Vec<(&'static str, String)>,
    /// The first part of the body: no longer than the chunk that came, or a few KiB.
    pub body: Vec<u8>,
}

/// The answer to a side call's response, and to a tick of the clock, while the head is held.
#[derive(Debug)]
pub enum OnAnswer {
    /// Not ours, or our own reply on its way.
    Pass,
    /// Nothing to say yet; what came is taken.
    Hold,
    /// Answer.
    Reply(LocalReply),
}

/// The answer to the question whether another upstream is to be asked: behind each callback of the response
/// and of a side call that was answered with a hold.
#[derive(Debug)]
pub enum OnFailover {
    /// No.
    Hold,
    /// Start a side call, tell what became of it, and put the question again.
    Call {
        /// The call.
        batch: SideBatch,
        /// What an operator has to mend, for the log: why other upstreams refused.
        notices: Vec<String>,
    },
    /// Answer: the last calls could not be started.
    Reply(LocalReply),
}

/// What goes upstream.
#[derive(Debug)]
pub struct Forward {
    /// The upstream by its name: the value of the filter state that Envoy's routes match. It is set
    /// before the headers, whose change has Envoy choose the route again.
    pub upstream: String,
    /// All headers of the request, in place of the client's.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body of the request, and of each side call.
    pub body: Vec<u8>,
    /// Calls to make beside the client's own stream.
    pub side_calls: Option<SideCalls>,
}

/// What is asked of the rate-limit service while the request is held.
#[derive(Debug)]
pub struct Consult {
    /// What the request becomes; its side calls are told behind the verdict.
    pub forward: Forward,
    /// What is asked first.
    pub questions: Vec<Question>,
}

/// A gRPC call of the rate-limit service, `ShouldRateLimit`.
#[derive(Debug, Clone)]
pub struct Question {
    /// The Envoy cluster of the service; at most 125 bytes.
    pub cluster: String,
    /// When Envoy gives it up.
    pub timeout: std::time::Duration,
    /// A `RateLimitRequest`.
    pub message: Vec<u8>,
}

/// Side calls and the body of each.
#[derive(Debug)]
pub struct SideBatch {
    /// The calls.
    pub calls: SideCalls,
    /// The body.
    pub body: Vec<u8>,
}

/// Calls made beside the client's own stream, all alike: one for each picture after the first.
#[derive(Debug)]
pub struct SideCalls {
    /// How many.
    pub count: u32,
    /// The Envoy cluster.
    pub cluster: String,
    /// All headers.
    pub headers: Vec<(String, String)>,
    /// When Envoy gives a call up.
    pub timeout: std::time::Duration,
}

impl LocalReply {
    /// The reply that brings what was asked for.
    pub(crate) fn ok(headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        Self { status: 200, headers, body, code: OK, notice: None }
    }

    /// The reply that reports a failure, of a call of `upstream` if there was one.
    pub(crate) fn failure(failure: &Failure, upstream: Option<&Upstream>) -> Self {
        let error = failure.to_api();
        Self {
            status: error.status,
            headers: error.headers(),
            body: error.write(),
            code: error.code.unwrap_or_default(),
            notice: notice::answered(failure, upstream),
        }
    }

    /// The reply with one more header.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
