//! The request half of an exchange: from its head to what goes upstream.

use std::time::Duration;

use crate::auth;
use crate::exchange::account::ticket::{Charge, Ticket};
use crate::exchange::admit::body::Reading;
use crate::exchange::admit::caller;
use crate::exchange::admit::limit_check::{Consulting, Progress};
use crate::exchange::admit::plan::{self, Admitted};
use crate::exchange::deliver::keepalive::Keepalive;
use crate::exchange::deliver::relay::Relaying;
use crate::exchange::deliver::stream::Streaming;
use crate::exchange::head;
use crate::exchange::outcome::{OnRequestBody, OnRequestHeaders, OnVerdict};
use crate::exchange::upstream::calls::Asking;
use crate::exchange::upstream::rests;
use crate::exchange::{End, Exchange, Headers, Phase};
use crate::openai::endpoint::Endpoint;

impl Exchange {
    /// The property of Envoy that tells who sends this head, where one does and the request is ours. Its
    /// value is to be given before the head.
    #[must_use]
    pub fn wanted_property(&self, headers: &Headers) -> Option<&[String]> {
        let path = auth::wanted_property(&self.gate.config)?;
        let target = head::value(headers, ":path").unwrap_or_default();
        Endpoint::of_path(target).map(|_| path)
    }

    /// Takes the value of the wanted property, as an earlier filter has set it.
    pub fn property(&mut self, value: Option<Vec<u8>>) {
        self.property = value;
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
        let property = self.property.take();
        let property = property.as_deref();
        if endpoint == Endpoint::Limits {
            let told = caller::limits(&self.gate, headers, property, &mut self.record, now);
            return OnRequestHeaders::Reply(match told {
                Ok(body) => {
                    self.phase = Phase::Replied;
                    self.deliver(body, Vec::new())
                }
                Err(failure) => self.refuse(&failure),
            });
        }
        match Reading::open(&self.gate, endpoint, headers, property, end, &mut self.record, now) {
            Ok(reading) => {
                self.phase = Phase::Reading(Box::new(reading));
                OnRequestHeaders::Hold
            }
            Err(failure) => OnRequestHeaders::Reply(self.refuse(&failure)),
        }
    }

    /// Whether a request that is ours brings an `x-envoy-original-path` of its own, which has to be
    /// removed: an access log would take it for the client's path. After its head.
    #[must_use]
    pub fn forges_path(&self, headers: &Headers) -> bool {
        !matches!(self.phase, Phase::Start | Phase::Passing) && head::names_original_path(headers)
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
        match plan::admit(&self.gate, *reading, &mut self.record, now) {
            Ok(admitted) => self.go_on(admitted, now),
            Err(failure) => OnRequestBody::Reply(self.refuse(&failure)),
        }
    }

    /// Sends an admitted request upstream, or asks the rate-limit service first.
    fn go_on(&mut self, admitted: Admitted, now: Duration) -> OnRequestBody {
        let service =
            self.gate.config.service().filter(|_| !admitted.ticket.questions().is_empty());
        if let Some(service) = service {
            let (consulting, consult) = Consulting::begin(admitted, service, now);
            self.phase = Phase::Consulting(Box::new(consulting));
            return OnRequestBody::Consult(consult);
        }
        let Admitted { forward, ticket, asking } = admitted;
        self.ask(ticket, asking, now);
        OnRequestBody::Forward(forward)
    }

    fn ask(&mut self, ticket: Ticket, mut asking: Asking, now: Duration) {
        self.record.reserve(&ticket);
        self.phase = match asking.terms.wanted.take() {
            _ if asking.terms.relays => {
                let limits = ticket.headers(&self.gate, now);
                let asked = self.record.images_asked;
                let relaying = Relaying::new(asking, asked, &self.gate.bounds(), limits);
                Phase::Relaying(Box::new(relaying))
            }
            Some(wanted) => {
                self.record.streamed = true;
                let limits = ticket.headers(&self.gate, now);
                Phase::Streaming(Box::new(Streaming::new(asking, wanted, limits)))
            }
            None => match self.gate.config.keepalive().filter(|_| asking.len() == 1) {
                Some(every) => {
                    let limits = ticket.headers(&self.gate, now);
                    Phase::KeptAlive(Box::new(Keepalive::new(asking, every, limits, now)))
                }
                None => Phase::Asking(Box::new(asking)),
            },
        };
        self.ticket = Some(ticket);
    }

    /// Takes what became of the attempt to ask the rate-limit service the next question: its token,
    /// or nothing where the host refused it.
    pub fn question_started(&mut self, token: Option<u32>) {
        if let Phase::Consulting(consulting) = &mut self.phase {
            consulting.question_started(token);
        }
    }

    /// Takes the answer to a question, a `RateLimitResponse`; nothing where the call failed. Behind it,
    /// and behind the last question that was started, [`verdict`](Self::verdict) says what to do.
    pub fn question_answered(&mut self, token: u32, message: Option<&[u8]>) {
        if let Phase::Consulting(consulting) = &mut self.phase {
            consulting.answer(token, message);
        }
    }

    /// What the rate-limit service has said so far.
    pub fn verdict(&mut self, now: Duration) -> OnVerdict {
        let Phase::Consulting(consulting) = &mut self.phase else { return OnVerdict::Pass };
        match consulting.progress(&self.gate) {
            Progress::Waiting => return OnVerdict::Hold,
            Progress::Next(question) => return OnVerdict::Ask(question),
            Progress::Decided => {}
        }
        let Phase::Consulting(consulting) = std::mem::replace(&mut self.phase, Phase::Replied)
        else {
            return OnVerdict::Pass;
        };
        let verdicts = consulting.verdicts();
        let admitted_at = consulting.admitted_at;
        let (mut ticket, asking, side_calls) = consulting.into_parts();
        let decided = ticket.decide(&self.gate, &verdicts, now);
        match decided {
            Ok(()) => {
                self.ask(ticket, asking, now);
                OnVerdict::Resume(side_calls)
            }
            Err(failure) => {
                self.release(admitted_at);
                self.ticket = Some(ticket);
                self.settle(&Charge::refused(), now);
                OnVerdict::Reply(self.refuse(&failure))
            }
        }
    }

    /// A body that nobody waits for: of a request that is not ours, or behind our own reply.
    fn late_body(&self) -> OnRequestBody {
        match self.phase {
            Phase::Passing => OnRequestBody::Pass,
            Phase::Start
            | Phase::Reading(_)
            | Phase::Consulting(_)
            | Phase::Asking(_)
            | Phase::Streaming(_)
            | Phase::KeptAlive(_)
            | Phase::Relaying(_)
            | Phase::Told
            | Phase::Replied => OnRequestBody::Hold,
        }
    }

    /// The client left, or Envoy answered itself, while the rate-limit service was asked: what it has
    /// counted so far is given back.
    pub(crate) fn leave_consulting(&mut self, now: Duration) {
        let phase = std::mem::replace(&mut self.phase, Phase::Replied);
        let Phase::Consulting(consulting) = phase else { return };
        let verdicts = consulting.verdicts();
        self.release(consulting.admitted_at);
        let (mut ticket, _, _) = consulting.into_parts();
        // Whatever it says: nothing goes upstream.
        let _ = ticket.decide(&self.gate, &verdicts, now);
        self.ticket = Some(ticket);
        self.settle(&Charge::refused(), now);
    }

    /// Leaves the first call after a rest to another request: nothing goes upstream.
    fn release(&self, admitted_at: Duration) {
        let upstream = self.gate.config.upstream(&self.record.candidate(0));
        rests::release(&self.gate, upstream, admitted_at);
    }
}
