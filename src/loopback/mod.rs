//! The filter on the loopback listener: one call of an exchange, on a stream of its own.
//!
//! ```text
//! client ─▶ listener ─▶ imagegate (Exchange) ─ side call ─▶ loopback listener
//!                            ▲                                    │
//!                            └────── bytes, as they come ─── imagegate (Carrier) ─ route ─▶ upstream
//! ```
//!
//! Envoy hands a side call's answer over only when it has ended, and loses it if it ends uncleanly
//! or if its cluster is updated. So side calls go to a listener of the same Envoy, which nothing
//! from outside can reach. The filter there gives the upstream's bytes to the exchange as they
//! come: both run in the same VM, on the same worker. When the exchange knows the outcome, the
//! carrier answers its own stream with an empty reply. That ends the side call, and Envoy resets
//! the upstream's stream, however it would have ended. The same happens when the client has left.
//!
//! While an update replaces the module, the two filters may run in different VMs. Then the answer
//! passes as it is, as that of a side call without the loopback listener.

mod request;

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::exchange::{BodyAccess, End, Exchange, Headers, LocalReply, ResponseHead};

use request::Call;
pub use request::{OnCarriedRequest, Refusal, WITHOUT_SECRET};

/// Finds an exchange by its VM and the host's number of its stream. `None` if that is another VM. An
/// exchange that has ended is a reference to nothing.
pub type Find<'f> = &'f dyn Fn(u64, u32) -> Option<Weak<RefCell<Exchange>>>;

/// A stream on the loopback listener.
#[derive(Debug, Default)]
pub struct Carrier {
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Start,
    /// For the call of this link.
    Carrying { exchange: Weak<RefCell<Exchange>>, link: u32 },
    /// For an exchange in another VM.
    Passing,
    /// The reply is sent.
    Done,
}

/// What a callback of the response comes to.
#[derive(Debug)]
pub enum OnCarried {
    /// The response goes on as it is.
    Pass,
    /// It goes on with this report, and without one of the upstream's: why Envoy answers in the
    /// upstream's place.
    Report(Option<String>),
    /// Its bytes so far are taken, and its head is held.
    Hold,
    /// End the call.
    Reply(LocalReply),
}

/// Why a carrier ends its stream, as `%RESPONSE_CODE_DETAILS%` says.
const CARRIED: &str = "loopback_carried";
const ABANDONED: &str = "loopback_abandoned";

impl Carrier {
    /// Takes the request's head. `address` is where its connection arrived; `secret` is what the
    /// filters of this Envoy have in common.
    pub fn request_headers(
        &mut self,
        headers: &Headers,
        address: Option<&[u8]>,
        secret: Option<&[u8]>,
        find: Find<'_>,
    ) -> OnCarriedRequest {
        let call = match Call::read(headers, address, secret) {
            Ok(call) => call,
            Err(refusal) => {
                self.phase = Phase::Done;
                return OnCarriedRequest::Reply(refusal.reply());
            }
        };
        let found = call.id.and_then(|id| Some((find(id.vm, id.stream)?, id.link)));
        let Some((exchange, link)) = found else {
            self.phase = Phase::Passing;
            return OnCarriedRequest::Forward { forward: call.forward, is_carried: false };
        };
        let is_wanted = step(&exchange, |it| it.take_call(link)).unwrap_or(false);
        if !is_wanted {
            return OnCarriedRequest::Reply(self.end(ABANDONED));
        }
        self.phase = Phase::Carrying { exchange, link };
        OnCarriedRequest::Forward { forward: call.forward, is_carried: true }
    }

    /// Takes the head of the response.
    pub fn response_headers(&mut self, head: ResponseHead, end: End, now: Duration) -> OnCarried {
        match &self.phase {
            Phase::Start | Phase::Done => OnCarried::Pass,
            Phase::Passing => OnCarried::Report(head.envoy_details),
            Phase::Carrying { exchange, link } => {
                step(exchange, |it| it.carried_headers(*link, head, now));
                self.go_on(end, now)
            }
        }
    }

    /// What a callback does with the bytes of the response.
    pub fn body_access(&self) -> BodyAccess {
        match self.phase {
            Phase::Carrying { .. } => BodyAccess::Drain,
            Phase::Start | Phase::Passing | Phase::Done => BodyAccess::None,
        }
    }

    /// Takes bytes of the response.
    pub fn response_body(&mut self, chunk: Vec<u8>, end: End, now: Duration) -> OnCarried {
        let Phase::Carrying { exchange, link } = &self.phase else { return OnCarried::Pass };
        step(exchange, |it| it.carried_body(*link, chunk, now));
        self.go_on(end, now)
    }

    /// Takes the end of a response that has trailers.
    pub fn response_trailers(&mut self, now: Duration) -> OnCarried {
        match self.phase {
            Phase::Carrying { .. } => self.go_on(End::Stream, now),
            Phase::Start | Phase::Passing | Phase::Done => OnCarried::Pass,
        }
    }

    /// Notes that time has passed. Returns the reply that ends the call, if it is no longer needed:
    /// the client has left, or the exchange has given the call up.
    pub fn tick(&mut self) -> Option<LocalReply> {
        match &self.phase {
            Phase::Carrying { exchange, link } if !is_wanted(exchange, *link) => {
                Some(self.end(ABANDONED))
            }
            Phase::Start | Phase::Carrying { .. } | Phase::Passing | Phase::Done => None,
        }
    }

    /// Ends the call if the exchange wants no more of it.
    fn go_on(&mut self, end: End, now: Duration) -> OnCarried {
        let Phase::Carrying { exchange, link } = &self.phase else { return OnCarried::Pass };
        if end == End::Stream {
            step(exchange, |it| it.carried_end(*link, now));
        }
        match end == End::Open && is_wanted(exchange, *link) {
            true => OnCarried::Hold,
            false => OnCarried::Reply(self.end(CARRIED)),
        }
    }

    /// The reply that ends the call. The exchange has what it wants of it, and drops the reply.
    fn end(&mut self, code: &'static str) -> LocalReply {
        self.phase = Phase::Done;
        LocalReply { status: 200, headers: Vec::new(), body: Vec::new(), code }
    }
}

fn step<T>(exchange: &Weak<RefCell<Exchange>>, step: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
    let exchange: Rc<RefCell<Exchange>> = exchange.upgrade()?;
    let mut exchange = exchange.try_borrow_mut().ok()?;
    Some(step(&mut exchange))
}

fn is_wanted(exchange: &Weak<RefCell<Exchange>>, link: u32) -> bool {
    step(exchange, |it| it.wants_call(link)).unwrap_or(false)
}
