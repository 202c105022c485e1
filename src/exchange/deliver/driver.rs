//! The response half of an exchange: from what the upstream sends to the answer.

use std::rc::Rc;
use std::time::Duration;

use crate::exchange::account::ticket::Charge;
use crate::exchange::head::ResponseHead;
use crate::exchange::notice;
use crate::exchange::outcome::{
    LocalReply, OnAnswer, OnFailover, OnResponseBody, OnResponseEnd, OnResponseHeaders, Reach,
};
use crate::exchange::upstream::call::Call;
use crate::exchange::upstream::calls::{Asking, Failed, Results};
use crate::exchange::{End, Exchange, Phase};
use crate::openai::error::Failure;
use crate::translate::answer;

impl Exchange {
    /// Takes what became of the attempt to start the next side call: its token, or nothing where the
    /// host refused it.
    pub fn side_call_started(&mut self, token: Option<u32>) {
        if let Some(asking) = self.asking() {
            asking.side_call_started(token);
        }
    }

    /// Notes that the next side call cannot start because Envoy has no such cluster.
    pub fn side_call_without_cluster(&mut self) {
        if let Some(asking) = self.asking() {
            asking.side_call_failed(Failure::ClusterMissing);
        }
    }

    /// The reply to a request whose side calls have no cluster, before anything of it goes upstream:
    /// else its client gets fewer images than it asked for, and nobody learns why.
    pub fn without_cluster(&mut self, now: Duration) -> Option<LocalReply> {
        let is_missing = self.asking().is_some_and(|asking| asking.lacks_cluster());
        is_missing.then(|| {
            self.settle(&Charge::nothing(), now);
            self.refuse(&Failure::ClusterMissing)
        })
    }

    /// The calls that are open.
    pub(crate) fn asking(&mut self) -> Option<&mut Asking> {
        match &mut self.phase {
            Phase::Asking(asking) => Some(asking),
            Phase::Streaming(streaming) => Some(&mut streaming.asking),
            Phase::KeptAlive(kept) => Some(&mut kept.asking),
            _ => None,
        }
    }

    /// Whether another upstream is to be asked.
    pub fn fail_over(&mut self, now: Duration) -> OnFailover {
        let gate = Rc::clone(&self.gate);
        // What has been said so far counts for the choice of the next one.
        self.take_signs(now);
        let Some(asking) = self.asking() else { return OnFailover::Hold };
        let (call, refusals) = (asking.next_call(now), asking.take_refusals());
        self.record.move_on(&refusals);
        let mut notices = Vec::new();
        for (candidate, refusal) in &refusals {
            self.note_refusal(*candidate, refusal, now);
            let upstream = self.record.candidate(*candidate);
            notices.extend(notice::moved_on(refusal, gate.config.upstream(&upstream)));
        }
        match call {
            Some(batch) => OnFailover::Call { batch, notices },
            None => match self.answer_if_settled(now) {
                OnAnswer::Reply(reply) => OnFailover::Reply(reply),
                OnAnswer::Hold | OnAnswer::Pass => OnFailover::Hold,
            },
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
            Phase::Asking(asking) => {
                asking.own_head(head, &self.gate.bounds(), now);
            }
            Phase::Streaming(streaming) => streaming.head(head, self.gate.bounds(), now),
            Phase::KeptAlive(kept) => kept.head(head, &self.gate.bounds(), now),
            Phase::Relaying(_) => self.relay_head(head, now),
            // Our own reply, which comes by here if it was sent before the upstream's head.
            Phase::Replied if head.is_grpc() => {
                return self
                    .record
                    .status
                    .map_or(OnResponseHeaders::Pass, OnResponseHeaders::Restore);
            }
            _ => return OnResponseHeaders::Pass,
        }
        self.record.ms_to_first_byte = Some(self.record.elapsed(now));
        match end {
            End::Open => OnResponseHeaders::Hold,
            End::Stream => match self.response_body(Vec::new(), End::Stream, now) {
                OnResponseBody::Reply(reply) => OnResponseHeaders::Reply(reply),
                OnResponseBody::Hold
                | OnResponseBody::Pass
                | OnResponseBody::Open(_)
                | OnResponseBody::Send(_)
                | OnResponseBody::Reset => OnResponseHeaders::Hold,
            },
        }
    }

    /// How the next bytes of the response are to be read.
    pub fn reach(&self) -> Reach {
        match &self.phase {
            Phase::Asking(_) | Phase::Streaming(_) | Phase::KeptAlive(_) | Phase::Told => {
                Reach::Take
            }
            Phase::Relaying(relaying) if relaying.is_held() => Reach::Take,
            Phase::Relaying(_) => Reach::Look,
            Phase::Start
            | Phase::Passing
            | Phase::Reading(_)
            | Phase::Consulting(_)
            | Phase::Replied => Reach::Nothing,
        }
    }

    /// Takes bytes of the response on the client's own stream.
    pub fn response_body(&mut self, chunk: Vec<u8>, end: End, now: Duration) -> OnResponseBody {
        let asking = match &mut self.phase {
            Phase::Asking(asking) => asking,
            Phase::Streaming(_) => return self.stream_body(chunk, end, now),
            Phase::KeptAlive(_) => return self.keepalive_body(chunk, end, now),
            Phase::Relaying(_) => return self.relay_body(chunk, end, now),
            Phase::Told => return OnResponseBody::Send(Vec::new()),
            _ => return OnResponseBody::Pass,
        };
        asking.own_body(chunk, end, now);
        match self.answer_if_settled(now) {
            OnAnswer::Reply(reply) => OnResponseBody::Reply(reply),
            OnAnswer::Hold => OnResponseBody::Hold,
            OnAnswer::Pass => OnResponseBody::Pass,
        }
    }

    /// Takes the end of the response where trailers stand in for the last part of the body.
    pub fn response_trailers(&mut self, now: Duration) -> OnResponseEnd {
        match self.phase {
            Phase::Streaming(_) => return self.stream_trailers(now),
            Phase::KeptAlive(_) => return self.keepalive_trailers(now),
            Phase::Relaying(_) => return self.relay_trailers(now),
            _ => {}
        }
        match self.response_body(Vec::new(), End::Stream, now) {
            OnResponseBody::Reply(reply) => OnResponseEnd::Reply(reply),
            OnResponseBody::Hold => OnResponseEnd::Hold,
            OnResponseBody::Pass
            | OnResponseBody::Open(_)
            | OnResponseBody::Send(_)
            | OnResponseBody::Reset => OnResponseEnd::Pass,
        }
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
        if let Some(asking) = self.asking() {
            asking.side_end(token, now);
        }
        self.answer_if_settled(now)
    }

    fn side_call(&mut self, token: u32) -> Option<&mut Call> {
        self.asking()?.side(token)
    }

    /// Notes that time has passed. Everything that Envoy itself does not time is timed here.
    pub fn tick(&mut self, now: Duration) -> OnAnswer {
        match &mut self.phase {
            Phase::Reading(reading) => match reading.tick(&self.gate, now) {
                Some(failure) => OnAnswer::Reply(self.refuse(&failure)),
                None => OnAnswer::Hold,
            },
            Phase::Asking(asking) => {
                asking.tick(now);
                self.answer_if_settled(now)
            }
            Phase::Streaming(_) => self.tick_stream(now),
            Phase::KeptAlive(_) => self.tick_keepalive(now),
            Phase::Relaying(_) => self.tick_relay(now),
            Phase::Consulting(consulting) if consulting.is_overdue(now) => {
                self.leave_consulting(now);
                OnAnswer::Reply(self.refuse(&Failure::LimitsUnavailable))
            }
            Phase::Consulting(_) => OnAnswer::Hold,
            Phase::Start | Phase::Passing | Phase::Told | Phase::Replied => OnAnswer::Pass,
        }
    }

    /// Answers once every call is settled. Nothing after the terminal event counts, and nobody waits
    /// for the end of the stream: a connection that breaks in between would take the picture along.
    fn answer_if_settled(&mut self, now: Duration) -> OnAnswer {
        let Some(asking) = self.asking() else { return OnAnswer::Pass };
        if !asking.is_settled() {
            return OnAnswer::Hold;
        }
        let asking = match std::mem::replace(&mut self.phase, Phase::Replied) {
            Phase::Asking(asking) => asking,
            other => {
                self.phase = other;
                return self.late_answer(now);
            }
        };
        OnAnswer::Reply(self.answer(*asking, now))
    }

    /// The outcome of a side call that took the place of the client's own stream, whose head is held; once that
    /// has left, the outcome is for the stream's own callbacks to tell.
    fn late_answer(&mut self, now: Duration) -> OnAnswer {
        match self.phase {
            Phase::Streaming(_) => self.tick_stream(now),
            Phase::KeptAlive(_) => self.tick_keepalive(now),
            _ => OnAnswer::Pass,
        }
    }

    /// The answer from all calls: what pictures came, else the first failure.
    pub(crate) fn answer(&mut self, asking: Asking, now: Duration) -> LocalReply {
        let format = asking.terms.format;
        let results = asking.into_results();
        self.note_results(&results, now);
        let Results { pictures, drawn_by, failures, .. } = results;
        if pictures.is_empty() {
            self.count_failed();
            let failure = match failures.into_iter().next() {
                Some(first) => self.told(first.told, first.told_by, now),
                None => Failure::UpstreamNoImage,
            };
            self.settle(&Charge::nothing(), now);
            return self.refuse(&failure);
        }
        // The client gets what came; the operator learns why it is not all.
        let upstream =
            |it: &Failed| self.gate.config.upstream(&self.record.candidate(it.candidate));
        let notice = failures.iter().find_map(|it| notice::moved_on(&it.failure, upstream(it)));
        let ticket = self.ticket.as_ref();
        let charge = ticket.map(|ticket| ticket.charge(&self.gate, &pictures, &drawn_by));
        self.record.deliver(&pictures, now);
        self.count_failed();
        match answer::write(pictures, format, now.as_secs()) {
            Ok(body) => {
                let limits = self.settle(&charge.unwrap_or_else(Charge::nothing), now);
                LocalReply { notice, ..self.deliver(body, limits) }
            }
            Err(_) => {
                self.record.images_delivered = 0;
                self.count_failed();
                self.settle(&Charge::nothing(), now);
                self.refuse(&Failure::overloaded())
            }
        }
    }

    pub(crate) fn deliver(
        &mut self,
        body: Vec<u8>,
        limits: Vec<(&'static str, String)>,
    ) -> LocalReply {
        self.record.bytes_out = body.len();
        self.record.status = Some(200);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(limits);
        if self.record.images_failed > 0 {
            headers.push(("x-imagegate-images-failed", self.record.images_failed.to_string()));
        }
        self.with_request_id(LocalReply::ok(headers, body))
    }
}
