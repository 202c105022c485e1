//! One request and its response as a state machine. Its transitions are in four files: `request` up
//! to what goes upstream, `response` from what comes back, `streaming` where it goes on as events.
//!
//! ```text
//!          not ours            body whole, admitted         every call settled
//! Start ───────────▶ Passing  ┌──────────────────▶ Asking ─────────────────────┐
//!   │ ours, key known         │ a service counts ▲   │ too slow                ▼
//!   ├─────────────▶ Reading ──┼─▶ Consulting ────┘   └────────────────────▶ Replied
//!   │                         │        └─ a rule refuses ─────────────────────▲
//!   │                         └─ bad, too large, refused, too slow ───────────┤
//!   └── refused ──────────────────────────────────────────────────────────────┘
//! ```
//!
//! Where the client wants events, `Streaming` and `Told` stand in the place of `Asking` and `Replied`; see
//! `streaming`. So does `KeptAlive` where it wants one answer and is sent white space meanwhile; see `keepalive`.
//! And so does `Relaying` where the answer of a provider passes on as it comes; see `relaying`.
//!
//! The driver (`filter/`) calls one method for each callback of Envoy and carries out the outcome.
//! After a `Reply` the exchange ignores whatever else comes: Envoy sends the filter's own reply
//! through its response callbacks.

mod account;
mod admit;
mod deliver;
mod head;
pub mod metrics;
mod notice;
mod outcome;
mod request;
mod shared;
mod upstream;

use std::rc::Rc;
use std::time::Duration;

pub use account::record::Record;
pub use head::{Headers, ResponseHead};
pub use metrics as count;
pub use outcome::{
    Consult, Forward, LocalReply, OnAnswer, OnFailover, OnRequestBody, OnRequestHeaders,
    OnResponseBody, OnResponseEnd, OnResponseHeaders, OnVerdict, Open, Question, Reach, SideBatch,
    SideCalls,
};
pub use shared::{BODY_TIMEOUT, FIRST_BODY_TIMEOUT, Gate, Vm};

use crate::openai::error::Failure;
use crate::pool::{Cause, Refusal};
use account::ticket::{Charge, Settled, Ticket};
use admit::limit_check::Consulting;
use deliver::keepalive::Keepalive;
use deliver::relay::Relaying;
use deliver::stream::Streaming;
use metrics::Count;
use upstream::calls::{Asking, Results};
use upstream::rests::Sign;

/// Whether a callback is the last of its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// More may come.
    Open,
    /// Nothing more comes.
    Stream,
}

/// One request and its response.
#[derive(Debug)]
pub struct Exchange {
    gate: Rc<Gate>,
    phase: Phase,
    record: Record,
    /// What the request holds under the rules, until it is settled: exactly once.
    ticket: Option<Ticket>,
    /// Who calls, as a property of Envoy tells; until the head is read.
    property: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Phase {
    Start,
    Passing,
    Reading(Box<admit::body::Reading>),
    Consulting(Box<Consulting>),
    Asking(Box<Asking>),
    Streaming(Box<Streaming>),
    KeptAlive(Box<Keepalive>),
    Relaying(Box<Relaying>),
    /// The outcome was sent, and the head long before: what still comes is dropped.
    Told,
    Replied,
}

impl Exchange {
    /// An exchange that has seen nothing yet.
    pub fn new(gate: Rc<Gate>) -> Self {
        Self { gate, phase: Phase::Start, record: Record::default(), ticket: None, property: None }
    }

    /// Settles what the request holds, once; how the rules then stand, as headers.
    fn settle(&mut self, charge: &Charge, now: Duration) -> Vec<(&'static str, String)> {
        let Some(ticket) = self.ticket.take() else { return Vec::new() };
        self.record.settle(charge);
        let Settled { headers, uncounted } = ticket.settle(&self.gate, charge, now);
        self.record.note_uncounted(uncounted);
        headers
    }

    /// The reply that tells `failure`; the exchange ends with it.
    fn refuse(&mut self, failure: &Failure) -> LocalReply {
        self.phase = Phase::Replied;
        self.record.fail(failure);
        let upstream = self.record.upstream.as_deref();
        let upstream = upstream.and_then(|name| self.gate.config.upstream(name));
        let reply = LocalReply::failure(failure, upstream);
        self.record.bytes_out = reply.body.len();
        self.with_request_id(reply)
    }

    /// Breaks off an answer whose head has left and whose body can take nothing more.
    fn break_off(&mut self, failure: &Failure, now: Duration) -> OnResponseEnd {
        self.take_signs(now);
        self.phase = Phase::Told;
        self.settle(&Charge::nothing(), now);
        self.record.fail_own(failure);
        self.record.fail_stream(failure);
        OnResponseEnd::Reset
    }

    /// Notes what the open calls have said about their upstreams so far.
    fn take_signs(&mut self, now: Duration) {
        let signs = self.asking().map(Asking::take_signs);
        self.note_signs(&signs.unwrap_or_default(), now);
    }

    /// Notes what calls said about their upstreams.
    fn note_signs(&mut self, signs: &[(usize, Sign)], now: Duration) {
        for (candidate, sign) in signs {
            if let Sign::Uses(usage) = sign {
                self.record.upstream_used_percent = Some(usage.percent);
            }
            let name = self.record.candidate(*candidate);
            let upstream = self.gate.config.upstream(&name);
            let rest = upstream.and_then(|it| upstream::rests::note(&self.gate, it, sign, now));
            self.record
                .counts
                .extend(rest.map(|cause| metrics::RESTS.once([cause.as_str(), &name])));
        }
    }

    /// Notes what came of the calls in the end.
    fn note_results(&mut self, results: &Results, now: Duration) {
        self.note_signs(&results.signs, now);
        for failed in &results.failures {
            self.note_refusal(failed.candidate, &failed.failure, now);
        }
        for (candidate, host_model) in &results.host_models {
            if let Some(upstream) = self.gate.config.upstream(&self.record.candidate(*candidate)) {
                upstream::host_models::serve(&self.gate, upstream, host_model, now);
            }
        }
        self.record.note_results(results);
    }

    /// What the client gets for the failure of the upstream at `candidate`, after all that calls
    /// said is noted: a limit ends for it when any upstream of the model can be asked again.
    fn told(&self, failure: Failure, candidate: usize, now: Duration) -> Failure {
        let Failure::RateLimited { retry_after } = failure else { return failure };
        let earliest = upstream::rests::earliest(&self.gate, self.record.others(candidate), now);
        Failure::RateLimited { retry_after: earliest.map_or(retry_after, |it| it.min(retry_after)) }
    }

    /// Notes that the upstream at `candidate` refused a host model, if it did.
    fn note_refusal(&mut self, candidate: usize, refusal: &Failure, now: Duration) {
        let Failure::HostModelRefused { host_model, .. } = refusal else { return };
        self.record.counts.push(metrics::HOST_MODEL_REFUSALS.once([host_model]));
        let Some(upstream) = self.gate.config.upstream(&self.record.candidate(candidate)) else {
            return;
        };
        if upstream::host_models::refuse(&self.gate, upstream, host_model, now) {
            let refusal = Refusal::of(Cause::HostModelsRefused);
            self.note_signs(&[(candidate, Sign::Refuses(refusal))], now);
        }
    }

    fn with_request_id(&self, reply: LocalReply) -> LocalReply {
        match &self.record.request_id {
            Some(id) => reply.with("x-request-id", id.clone()),
            None => reply,
        }
    }

    /// What has come of the exchange so far: the code of an error, else `ok`.
    pub fn code(&self) -> &'static str {
        self.record.code.unwrap_or(account::record::OK)
    }

    /// What the metrics are yet to be told: after each method.
    pub fn take_counts(&mut self) -> Vec<Count> {
        std::mem::take(&mut self.record.counts)
    }

    /// The usage record, at the end of the exchange; nothing for a request that was not ours.
    /// `status` is what the client was sent, where Envoy tells: nothing for a client that left.
    pub fn finish(&mut self, status: Option<u16>, now: Duration) -> Option<Vec<u8>> {
        self.take_signs(now);
        match &self.phase {
            Phase::Start | Phase::Passing => return None,
            Phase::Reading(_) => self.record.end_early(status, &[]),
            Phase::Consulting(_) => {
                self.record.end_early(status, &[]);
                self.leave_consulting(now);
            }
            Phase::Asking(asking) => self.record.end_early(status, &asking.fates()),
            Phase::Streaming(streaming) => {
                let calls = streaming.asking.fates();
                self.record.end_late(status, streaming.overdue(), &calls);
            }
            Phase::KeptAlive(kept) => {
                self.record.end_late(status, kept.overdue(), &kept.asking.fates());
            }
            Phase::Relaying(_) => self.end_relay(status, now),
            Phase::Told | Phase::Replied => {}
        }
        // A client that left, or Envoy's own answer: nothing more was delivered.
        self.settle(&Charge::nothing(), now);
        Some(self.record.write(now, status))
    }
}
