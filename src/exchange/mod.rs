//! One request and its response as a state machine. Every transition is in this file.
//!
//! ```text
//!          not ours            body whole, admitted         every call settled
//! Start ───────────▶ Passing  ┌──────────────────▶ Asking ─────────────────────┐
//!   │ ours, key known         │                      │ too slow                ▼
//!   ├─────────────▶ Reading ──┤                      └────────────────────▶ Replied
//!   │                         └─ bad, too large, refused, too slow ───────────▲
//!   └── refused ──────────────────────────────────────────────────────────────┘
//! ```
//!
//! The driver (`filter/`) calls one method for each callback of Envoy and carries out the outcome.
//! After a `Reply` the exchange ignores whatever else comes: Envoy sends the filter's own reply
//! through its response callbacks.

mod admission;
mod call;
mod gate;
mod head;
mod outcome;
mod record;
mod ticket;

use std::rc::Rc;
use std::time::Duration;

pub use call::ResponseHead;
pub use gate::{BODY_TIMEOUT, FIRST_BODY_TIMEOUT, Gate, Vm};
pub use head::Headers;
pub use outcome::{
    Forward, LocalReply, OnAnswer, OnRequestBody, OnRequestHeaders, OnResponseHeaders, SideCalls,
};
pub use record::Record;

use crate::memory::Lease;
use crate::openai::endpoint::Endpoint;
use crate::openai::error::Failure;
use crate::openai::request::ResponseFormat;
use crate::translate::answer;
use call::Call;
use ticket::{Charge, Ticket};

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
}

#[derive(Debug)]
enum Phase {
    Start,
    Passing,
    Reading(Box<admission::Reading>),
    Asking(Asking),
    Replied,
}

/// Upstream is asked: one call for each picture, the first of them the client's own stream.
#[derive(Debug)]
struct Asking {
    calls: Vec<Call>,
    /// The token of each side call that is under way, beside its place in `calls`.
    tokens: Vec<(u32, usize)>,
    /// Covers what was sent until the upstream has begun to answer.
    sent: Option<Lease>,
    format: ResponseFormat,
    deadline: Duration,
}

impl Exchange {
    /// An exchange that has seen nothing yet.
    pub fn new(gate: Rc<Gate>) -> Self {
        Self { gate, phase: Phase::Start, record: Record::default(), ticket: None }
    }

    /// Takes the request's head. `now` is the time since the Unix epoch, here and everywhere.
    pub fn request_headers(
        &mut self,
        headers: &Headers,
        end: End,
        now: Duration,
    ) -> OnRequestHeaders {
        let path = head::value(headers, ":path").unwrap_or_default();
        let Some(endpoint) = Endpoint::of_path(path) else {
            self.phase = Phase::Passing;
            return OnRequestHeaders::Pass { strip: head::own_headers(headers) };
        };
        self.record.started = now;
        self.record.endpoint = Some(endpoint.name());
        self.record.request_id = head::Kept::of(headers).request_id;
        if endpoint == Endpoint::Limits {
            return OnRequestHeaders::Reply(match admission::limits(&self.gate, headers, now) {
                Ok(body) => {
                    self.phase = Phase::Replied;
                    self.deliver(body, Vec::new())
                }
                Err(failure) => self.refuse(&failure),
            });
        }
        match admission::Reading::open(&self.gate, endpoint, headers, end, now) {
            Ok(reading) => {
                self.record.consumer = Some(reading.consumer_name().to_owned());
                self.phase = Phase::Reading(Box::new(reading));
                OnRequestHeaders::Hold
            }
            Err(failure) => OnRequestHeaders::Reply(self.refuse(&failure)),
        }
    }

    /// Takes bytes of the request's body.
    pub fn request_body(&mut self, chunk: &[u8], end: End, now: Duration) -> OnRequestBody {
        let Phase::Reading(reading) = &mut self.phase else { return self.late_body() };
        self.gate.note_body();
        self.record.bytes_in = self.record.bytes_in.saturating_add(chunk.len());
        if let Err(failure) = reading.push(&self.gate, chunk, now) {
            return OnRequestBody::Reply(self.refuse(&failure));
        }
        match end {
            End::Open => OnRequestBody::Hold,
            End::Stream => self.request_end(now),
        }
    }

    /// Takes the end of the request where trailers stand in for the last part of the body.
    pub fn request_end(&mut self, now: Duration) -> OnRequestBody {
        if !matches!(self.phase, Phase::Reading(_)) {
            return self.late_body();
        }
        let Phase::Reading(reading) = std::mem::replace(&mut self.phase, Phase::Replied) else {
            return OnRequestBody::Pass;
        };
        match admission::admit(&self.gate, *reading, &mut self.record, now) {
            Ok(admitted) => {
                self.record.reserve(&admitted.ticket);
                self.ticket = Some(admitted.ticket);
                self.phase = Phase::Asking(Asking {
                    calls: admitted.rooms.into_iter().map(Call::new).collect(),
                    tokens: Vec::new(),
                    sent: Some(admitted.sent),
                    format: admitted.format,
                    deadline: admitted.deadline,
                });
                OnRequestBody::Forward(admitted.forward)
            }
            Err(failure) => OnRequestBody::Reply(self.refuse(&failure)),
        }
    }

    /// A body that nobody waits for: of a request that is not ours, or behind our own reply.
    fn late_body(&self) -> OnRequestBody {
        match self.phase {
            Phase::Passing => OnRequestBody::Pass,
            Phase::Start | Phase::Reading(_) | Phase::Asking(_) | Phase::Replied => {
                OnRequestBody::Hold
            }
        }
    }

    /// Takes what became of the attempt to start the next side call: its token, or nothing where the
    /// host refused it.
    pub fn side_call_started(&mut self, token: Option<u32>) {
        let Phase::Asking(asking) = &mut self.phase else { return };
        let place = asking.tokens.len().saturating_add(1);
        match token {
            Some(token) => asking.tokens.push((token, place)),
            None => {
                // Its place is taken all the same, by a token that no call has.
                asking.tokens.push((u32::MAX, place));
                if let Some(call) = asking.calls.get_mut(place) {
                    call.fail(Failure::UpstreamUnreachable);
                }
            }
        }
    }

    /// Takes the head of the response on the client's own stream.
    pub fn response_headers(
        &mut self,
        head: ResponseHead,
        end: End,
        now: Duration,
    ) -> OnResponseHeaders {
        let Phase::Asking(asking) = &mut self.phase else { return OnResponseHeaders::Pass };
        self.record.ms_to_first_byte = Some(self.record.elapsed(now));
        asking.sent = None;
        if let Some(call) = asking.calls.first_mut() {
            call.head(head, &self.gate.bounds(), now);
        }
        match end {
            End::Open => OnResponseHeaders::Hold,
            End::Stream => match self.response_body(Vec::new(), End::Stream, now) {
                OnAnswer::Reply(reply) => OnResponseHeaders::Reply(reply),
                OnAnswer::Hold | OnAnswer::Pass => OnResponseHeaders::Hold,
            },
        }
    }

    /// Whether the response's head is held here, so that its bytes are this exchange's to take.
    pub fn holds_response(&self) -> bool {
        matches!(self.phase, Phase::Asking(_))
    }

    /// Takes bytes of the response on the client's own stream.
    pub fn response_body(&mut self, chunk: Vec<u8>, end: End, now: Duration) -> OnAnswer {
        let Phase::Asking(asking) = &mut self.phase else { return OnAnswer::Pass };
        if let Some(call) = asking.calls.first_mut() {
            call.body(chunk, now);
            if end == End::Stream {
                call.end(now);
            }
        }
        self.answer_if_settled(now)
    }

    /// Takes the head of a side call's response; nothing where the call was reset.
    pub fn side_call_headers(&mut self, token: u32, head: Option<ResponseHead>, now: Duration) {
        let bounds = self.gate.bounds();
        let Some(call) = self.side_call(token) else { return };
        match head {
            Some(head) => call.head(head, &bounds, now),
            None => call.fail(Failure::UpstreamCut),
        }
    }

    /// Takes bytes of a side call's response.
    pub fn side_call_body(&mut self, token: u32, chunk: Vec<u8>, now: Duration) {
        if let Some(call) = self.side_call(token) {
            call.body(chunk, now);
        }
    }

    /// Takes the end of a side call's response.
    pub fn side_call_end(&mut self, token: u32, now: Duration) -> OnAnswer {
        if let Some(call) = self.side_call(token) {
            call.end(now);
        }
        self.answer_if_settled(now)
    }

    fn side_call(&mut self, token: u32) -> Option<&mut Call> {
        let Phase::Asking(asking) = &mut self.phase else { return None };
        let (_, place) = asking.tokens.iter().find(|(it, _)| *it == token)?;
        asking.calls.get_mut(*place)
    }

    /// Notes that time has passed. Everything that Envoy itself does not time is timed here.
    pub fn tick(&mut self, now: Duration) -> OnAnswer {
        match &mut self.phase {
            Phase::Reading(reading) => match reading.tick(&self.gate, now) {
                Some(failure) => OnAnswer::Reply(self.refuse(&failure)),
                None => OnAnswer::Hold,
            },
            Phase::Asking(asking) => {
                if now >= asking.deadline {
                    asking.calls.iter_mut().for_each(|call| call.fail(Failure::UpstreamTimeout));
                }
                asking.calls.iter_mut().for_each(|call| call.tick(now));
                self.answer_if_settled(now)
            }
            Phase::Start | Phase::Passing | Phase::Replied => OnAnswer::Pass,
        }
    }

    /// Answers once every call is settled. Nothing after the terminal event counts, and nobody waits
    /// for the end of the stream: a connection that breaks in between would take the picture along.
    fn answer_if_settled(&mut self, now: Duration) -> OnAnswer {
        let Phase::Asking(asking) = &self.phase else { return OnAnswer::Pass };
        if !asking.calls.iter().all(Call::is_settled) {
            return OnAnswer::Hold;
        }
        let Phase::Asking(asking) = std::mem::replace(&mut self.phase, Phase::Replied) else {
            return OnAnswer::Pass;
        };
        OnAnswer::Reply(self.answer(asking, now))
    }

    /// The answer from all calls: what pictures came, else the first failure.
    fn answer(&mut self, asking: Asking, now: Duration) -> LocalReply {
        let (mut pictures, mut failures) = (Vec::new(), Vec::new());
        for call in asking.calls {
            match call.into_result() {
                Ok(picture) => pictures.push(picture),
                Err(failure) => failures.push(failure),
            }
        }
        self.record.images_failed = u32::try_from(failures.len()).unwrap_or(u32::MAX);
        if pictures.is_empty() {
            let failure = failures.into_iter().next().unwrap_or(Failure::UpstreamNoImage);
            self.settle(&Charge::nothing(), now);
            return self.refuse(&failure);
        }
        let charge = self.ticket.as_ref().map(|ticket| ticket.charge(&self.gate, &pictures));
        self.record.deliver(&pictures, now);
        match answer::write(pictures, asking.format, now.as_secs()) {
            Ok(body) => {
                let limits = self.settle(&charge.unwrap_or_else(Charge::nothing), now);
                self.deliver(body, limits)
            }
            Err(_) => {
                self.record.images_delivered = 0;
                self.settle(&Charge::nothing(), now);
                self.refuse(&Failure::overloaded())
            }
        }
    }

    /// Settles what the request holds, once; how the rules then stand, as headers.
    fn settle(&mut self, charge: &Charge, now: Duration) -> Vec<(&'static str, String)> {
        let Some(ticket) = self.ticket.take() else { return Vec::new() };
        self.record.settle(charge);
        ticket.settle(&self.gate, charge, now)
    }

    fn deliver(&mut self, body: Vec<u8>, limits: Vec<(&'static str, String)>) -> LocalReply {
        self.record.bytes_out = body.len();
        self.record.status = Some(200);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(limits);
        if self.record.images_failed > 0 {
            headers.push(("x-imagegate-images-failed", self.record.images_failed.to_string()));
        }
        self.with_request_id(LocalReply { status: 200, headers, body, notice: None })
    }

    /// The reply that tells `failure`; the exchange ends with it.
    fn refuse(&mut self, failure: &Failure) -> LocalReply {
        self.phase = Phase::Replied;
        self.record.fail(failure);
        let reply = LocalReply::failure(failure);
        self.record.bytes_out = reply.body.len();
        self.with_request_id(reply)
    }

    fn with_request_id(&self, reply: LocalReply) -> LocalReply {
        match &self.record.request_id {
            Some(id) => reply.with("x-request-id", id.clone()),
            None => reply,
        }
    }

    /// The usage record, at the end of the exchange; nothing for a request that was not ours.
    /// `status` is what the client was sent, where Envoy tells: nothing for a client that left.
    pub fn finish(&mut self, status: Option<u16>, now: Duration) -> Option<Vec<u8>> {
        match &self.phase {
            Phase::Start | Phase::Passing => return None,
            Phase::Reading(_) => self.record.end_early(status),
            Phase::Asking(asking) => {
                self.record.images_failed = u32::try_from(asking.calls.len()).unwrap_or(u32::MAX);
                self.record.end_early(status);
            }
            Phase::Replied => {}
        }
        // A client that left, or Envoy's own answer: nothing was delivered.
        self.settle(&Charge::nothing(), now);
        Some(self.record.write(now, status))
    }
}
