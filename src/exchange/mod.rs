//! One request and its response as a state machine. Every transition of its phase is in this file.
//!
//! ```text
//!          not ours            body whole, admitted          every call settled
//! Start ───────────▶ Passing  ┌─────────────────▶ Answering ───────────────────┐
//!   │ ours, key known         │ a service counts ▲   │ too slow                ▼
//!   ├─────────────▶ Reading ──┼─▶ Checking ──────┘   └──────────────────────▶ Done
//!   │ or rejected             │      └─ a rule rejects ───────────────────────▲
//!   │                         └─ bad, too large, rejected, too slow ──────────┤
//!   └── rejected ─────────────────────────────────────────────────────────────┘
//! ```
//!
//! Between `Answering` and `Done` an exchange is in `Ending` while its outcome has left in the body
//! and the upstream has not ended the response.
//!
//! Three types say where an exchange is. The phase is above. The `Head` of the response is held
//! or has left. The `Delivery` is how the client is answered. What a callback does
//! in `Answering` follows from the last two: the table is at the top of `deliver/driver.rs`.
//!
//! The shell (`filter/`) calls one method for each callback of Envoy, carries out the outcome, and
//! then drains [`next_effect`](Exchange::next_effect). After a `Reply` the exchange ignores what
//! else comes: Envoy sends the filter's own reply through its response callbacks.

mod account;
mod admit;
mod carried;
mod deliver;
mod effect;
mod gauges;
mod head;
mod inputs;
mod late;
pub mod metrics;
mod notice;
mod outcome;
mod shared;
mod upstream;
mod vm;

use std::rc::Rc;
use std::time::Duration;

pub use account::record::Record;
pub use effect::{CheckRequest, Effect, NotStarted, SideCall};
pub use gauges::InForce;
pub use head::{
    CALL_HEADER, DETAILS_HEADER, Headers, ORIGINAL_PATH, ResponseHead, TIMEOUT_HEADER,
    UPSTREAM_HEADER, original_path,
};
pub use outcome::{
    BodyAccess, End, Forward, LocalReply, OnAnswer, OnRequestBody, OnRequestHeaders,
    OnResponseBody, OnResponseEnd, OnResponseHeaders, Open,
};
pub use shared::{BODY_TIMEOUT, FIRST_BODY_TIMEOUT, Shared};
pub use vm::Vm;

use crate::openai::error::Failure;
use account::Account;
use account::charge::Charge;
use admit::body::RequestBody;
use admit::caller;
use admit::limit_check::{LimitCheck, Progress};
use admit::plan::{self, Admitted};
use admit::reading::Reading;
use deliver::delivery::Delivery;
use deliver::driver::{Answering, Turn};
use deliver::step::Head;
use upstream::calls::Calls;

/// One request and its response.
#[derive(Debug)]
pub struct Exchange {
    phase: Phase,
    account: Account,
    /// Who calls, as a property of Envoy says, until the head is read.
    property: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Phase {
    Start,
    /// Not ours.
    Passing,
    Reading(Box<Reading>),
    /// The rate-limit service is asked.
    Checking(Box<LimitCheck>),
    Answering(Box<Answering>),
    /// The outcome has left in the body, and the upstream has not ended the response. Its time is
    /// over at the deadline.
    Ending {
        head: Head,
        deadline: Duration,
    },
    /// Envoy has the outcome: as a reply if the head was held, else in the body. The client may
    /// not have read it yet.
    Done(Head),
}

impl Exchange {
    /// An exchange that has seen nothing yet.
    pub fn new(shared: Rc<Shared>) -> Self {
        let account = Account::new(shared);
        Self { phase: Phase::Start, account, property: None }
    }

    /// Takes the request's head. `now` is the time since the Unix epoch, here and everywhere.
    pub fn request_headers(
        &mut self,
        headers: &Headers,
        end: End,
        now: Duration,
    ) -> OnRequestHeaders {
        let path = head::value(headers, ":path").unwrap_or_default();
        let Some(endpoint) = self.account.shared.endpoint(path) else {
            self.phase = Phase::Passing;
            return OnRequestHeaders::Pass { strip: head::own_headers(headers) };
        };
        let Account { shared, record, .. } = &mut self.account;
        record.started = now;
        record.endpoint = Some(endpoint.name());
        record.request_id = head::request_id(headers);
        let property = self.property.take();
        let property = property.as_deref();
        let body = match caller::answer(shared, endpoint, headers, property, record, now) {
            Some(Ok(body)) => return OnRequestHeaders::Reply(self.answer(body)),
            Some(Err(failure)) => Err(failure),
            None => RequestBody::open(shared, endpoint, headers, property, end, record, now),
        };
        let reading = match body {
            Ok(body) => self.account.open().map(|()| Reading::Body(body)),
            Err(failure) => Reading::rejected(&self.account.shared, failure, headers, end, now),
        };
        match reading {
            Ok(reading) => {
                self.phase = Phase::Reading(Box::new(reading));
                OnRequestHeaders::Hold
            }
            Err(failure) => OnRequestHeaders::Reply(self.fail(&failure)),
        }
    }

    /// The reply to a question about the gateway itself.
    fn answer(&mut self, body: Vec<u8>) -> LocalReply {
        self.phase = Phase::Done(Head::Held);
        self.account.ok(vec![("content-type", "application/json".to_owned())], body)
    }

    /// Takes bytes of the request's body.
    pub fn request_body(&mut self, chunk: &[u8], end: End, now: Duration) -> OnRequestBody {
        let Phase::Reading(reading) = &mut self.phase else { return self.late_body() };
        let Account { shared, record, .. } = &mut self.account;
        shared.note_body();
        record.bytes_in = record.bytes_in.saturating_add(chunk.len());
        if let Err(failure) = reading.push(shared, chunk, now) {
            return OnRequestBody::Reply(self.fail(&failure));
        }
        match end {
            End::Open => OnRequestBody::Hold,
            End::Stream => self.request_end(now),
        }
    }

    /// Takes the end of the request if trailers stand in for the last part of the body.
    pub fn request_end(&mut self, now: Duration) -> OnRequestBody {
        let reading = match std::mem::replace(&mut self.phase, Phase::Done(Head::Held)) {
            Phase::Reading(reading) => reading,
            other => {
                self.phase = other;
                return self.late_body();
            }
        };
        let Account { shared, record, .. } = &mut self.account;
        let admitted = reading.end().and_then(|body| plan::admit(shared, body, record, now));
        let (admitted, forward) = match admitted {
            Ok(admitted) => admitted,
            Err(failure) => return OnRequestBody::Reply(self.fail(&failure)),
        };
        let service = shared.config.service().filter(|_| !admitted.admission.checks().is_empty());
        match service {
            Some(service) => {
                let (check, effects) = LimitCheck::begin(admitted, service, now);
                self.phase = Phase::Checking(Box::new(check));
                self.account.effects.extend(effects);
                forward.map_or(OnRequestBody::Hold, OnRequestBody::Check)
            }
            None => {
                let Admitted { admission, calls, delivery, side_calls } = admitted;
                self.account.reserve(admission);
                self.call(calls, delivery, side_calls, now);
                forward.map_or(OnRequestBody::Hold, OnRequestBody::Forward)
            }
        }
    }

    /// Sends an admitted request upstream.
    fn call(&mut self, calls: Calls, delivery: Delivery, side_calls: Vec<SideCall>, now: Duration) {
        self.account.record.streamed = delivery.streams();
        // The head of events has those of the admission, even if it leaves with the outcome.
        let limits = if delivery.streams() { self.account.limits(now) } else { Vec::new() };
        self.account.effects.extend(side_calls.into_iter().map(Effect::Call));
        self.phase = Phase::Answering(Box::new(Answering::new(calls, delivery, limits, now)));
    }

    /// The next thing to carry out, once the outcome of a callback is: until it returns `None`,
    /// after each callback of the stream. Not after a tick: the host would deliver the answer of a
    /// call that is started there to the root context.
    pub fn next_effect(&mut self, now: Duration) -> Option<Effect> {
        let effect = self.account.next_effect();
        if effect.is_some() {
            return effect;
        }
        match &mut self.phase {
            Phase::Checking(check) => match check.progress(&self.account.shared) {
                Progress::Waiting => None,
                Progress::Next(check) => Some(Effect::Check(check)),
                Progress::Decided => self.decide(now),
            },
            Phase::Answering(answering) => {
                let turn = answering.next_effect(&mut self.account, now);
                turn.map(|turn| self.turn(turn)).or_else(|| self.account.next_effect())
            }
            Phase::Start
            | Phase::Passing
            | Phase::Reading(_)
            | Phase::Ending { .. }
            | Phase::Done(_) => None,
        }
    }

    /// Does what the rate-limit service has decided.
    fn decide(&mut self, now: Duration) -> Option<Effect> {
        let checked = match std::mem::replace(&mut self.phase, Phase::Done(Head::Held)) {
            Phase::Checking(check) => check.into_parts(),
            other => {
                self.phase = other;
                return None;
            }
        };
        let Admitted { admission, mut calls, delivery, side_calls } = checked.admitted;
        match self.account.decide(admission, &checked.answers, now) {
            Ok(()) => {
                calls.postpone(now.saturating_sub(checked.admitted_at));
                let resumes = calls.uses_own_stream();
                self.call(calls, delivery, side_calls, now);
                if resumes { Some(Effect::Resume) } else { self.account.next_effect() }
            }
            Err(failure) => {
                self.account.release(checked.admitted_at);
                Some(Effect::Reply(self.fail(&failure)))
            }
        }
    }

    /// Notes that nothing goes upstream of a request that waits for the rate-limit service: what
    /// that has counted is given back, now or when its answer comes.
    fn leave_check(&mut self, now: Duration) {
        match std::mem::replace(&mut self.phase, Phase::Done(Head::Held)) {
            Phase::Checking(check) => {
                let checked = check.into_parts();
                self.account.release(checked.admitted_at);
                self.account.leave(checked.admitted.admission, &checked.answers, now);
            }
            other => self.phase = other,
        }
    }

    /// Takes the head of the response on the client's own stream.
    pub fn response_headers(
        &mut self,
        head: ResponseHead,
        end: End,
        now: Duration,
    ) -> OnResponseHeaders {
        match &mut self.phase {
            // Nothing went upstream on this stream: Envoy itself answers it.
            Phase::Answering(answering) if !answering.uses_own_stream() => {
                let turn = answering.envoy_answers(&mut self.account, &head, now);
                return OnResponseHeaders::Reply(self.turn(turn));
            }
            Phase::Answering(answering) => {
                answering.response_head(head, self.account.shared.bounds(), now);
            }
            // Our own reply, which comes by here if it was sent before the upstream's head.
            Phase::Done(Head::Held) if head.is_grpc() => {
                let status = self.account.record.status;
                return status.map_or(OnResponseHeaders::Pass, OnResponseHeaders::Restore);
            }
            Phase::Start
            | Phase::Passing
            | Phase::Reading(_)
            | Phase::Checking(_)
            | Phase::Ending { .. }
            | Phase::Done(_) => return OnResponseHeaders::Pass,
        }
        self.account.record.ms_to_first_byte = Some(self.account.record.elapsed(now));
        if end == End::Open {
            return OnResponseHeaders::Hold;
        }
        match self.response_trailers(now) {
            OnResponseEnd::Reply(reply) => OnResponseHeaders::Reply(reply),
            OnResponseEnd::Hold | OnResponseEnd::Pass | OnResponseEnd::Reset(_) => {
                OnResponseHeaders::Hold
            }
        }
    }

    /// Takes bytes of the response on the client's own stream.
    pub fn response_body(&mut self, chunk: Vec<u8>, end: End, now: Duration) -> OnResponseBody {
        match &mut self.phase {
            Phase::Answering(answering) => {
                let deadline = answering.calls().deadline();
                let turn = answering.body(&mut self.account, chunk, end, now);
                let outcome = self.turn(turn);
                if let (Phase::Done(head @ Head::Left { .. }), End::Open) = (&self.phase, end) {
                    self.phase = Phase::Ending { head: *head, deadline };
                }
                outcome
            }
            // Nothing after the outcome counts.
            Phase::Ending { head, .. } => {
                if end == End::Stream {
                    self.phase = Phase::Done(*head);
                }
                OnResponseBody::Send(Vec::new())
            }
            Phase::Done(Head::Left { .. }) => OnResponseBody::Send(Vec::new()),
            Phase::Start
            | Phase::Passing
            | Phase::Reading(_)
            | Phase::Checking(_)
            | Phase::Done(Head::Held) => OnResponseBody::Pass,
        }
    }

    /// Takes the end of the response if trailers stand in for the last part of the body.
    pub fn response_trailers(&mut self, now: Duration) -> OnResponseEnd {
        match &mut self.phase {
            Phase::Answering(answering) => {
                let turn = answering.trailers(&mut self.account, now);
                self.turn(turn)
            }
            Phase::Ending { head, .. } => {
                self.phase = Phase::Done(*head);
                OnResponseEnd::Pass
            }
            Phase::Start
            | Phase::Passing
            | Phase::Reading(_)
            | Phase::Checking(_)
            | Phase::Done(_) => OnResponseEnd::Pass,
        }
    }

    /// Ends the exchange if its outcome is sent with this turn.
    fn turn<T>(&mut self, turn: Turn<T>) -> T {
        if let (true, Phase::Answering(answering)) = (turn.is_last, &self.phase) {
            self.phase = Phase::Done(answering.head());
        }
        turn.outcome
    }

    /// The reply that reports `failure`. The exchange ends with it.
    fn fail(&mut self, failure: &Failure) -> LocalReply {
        self.phase = Phase::Done(Head::Held);
        self.account.fail(failure)
    }

    /// The usage record, at the end of the exchange. `None` for a request that was not ours.
    /// `status` is what the client was sent, if Envoy knows it. `None` for a client that left.
    pub fn finish(&mut self, status: Option<u16>, now: Duration) -> Option<Vec<u8>> {
        match &mut self.phase {
            Phase::Start | Phase::Passing => return None,
            Phase::Reading(_) => self.account.record.end_early(status, &[]),
            Phase::Checking(_) => {
                self.account.record.end_early(status, &[]);
                self.leave_check(now);
            }
            Phase::Answering(answering) => {
                answering.end(&mut self.account, status, now);
                self.phase = Phase::Done(answering.head());
            }
            Phase::Ending { deadline, .. } if status.is_some() => {
                // The client has its image, but to one that reads to the end the transfer is
                // broken. The filter cannot end a response whose head has left.
                self.account.break_off_late(now >= *deadline, now);
            }
            Phase::Ending { .. } | Phase::Done(_) => {}
        }
        // A client that left, or Envoy's own answer: no more is delivered.
        self.account.settle(&Charge::nothing(), now);
        self.account.close(now);
        Some(self.account.record.write(now, status))
    }
}
