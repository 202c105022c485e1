//! Callbacks and questions of the shell. Each leaves the change of the phase to `mod.rs`.

use std::time::Duration;

use super::deliver::step::Head;
use super::effect::NotStarted;
use super::head::{self, Headers, ResponseHead};
use super::outcome::{BodyAccess, End, OnAnswer, OnRequestBody};
use super::{Exchange, Phase};
use crate::auth;
use crate::openai::error::{Failure, GatewayFailure, UpstreamFailure};

impl Exchange {
    /// A body that nothing waits for: of a request that is not ours, or after our own reply.
    pub(super) fn late_body(&self) -> OnRequestBody {
        match self.phase {
            Phase::Passing => OnRequestBody::Pass,
            Phase::Start
            | Phase::Reading(_)
            | Phase::Checking(_)
            | Phase::Answering(_)
            | Phase::Ending { .. }
            | Phase::Done(_) => OnRequestBody::Hold,
        }
    }

    /// Notes that time has passed. Everything that Envoy itself does not time is timed here.
    pub fn tick(&mut self, now: Duration) -> OnAnswer {
        match &mut self.phase {
            Phase::Reading(reading) => match reading.tick(&self.account.shared, now) {
                Some(failure) => OnAnswer::Reply(self.fail(&failure)),
                None => OnAnswer::Hold,
            },
            Phase::Checking(check) if check.is_overdue(now) => {
                self.leave_check(now);
                OnAnswer::Reply(self.fail(&Failure::Gateway(GatewayFailure::LimitsUnavailable)))
            }
            Phase::Checking(_) => OnAnswer::Hold,
            Phase::Answering(answering) => {
                self.account.tick(now);
                let turn = answering.tick(&mut self.account, now);
                self.turn(turn)
            }
            Phase::Ending { .. } | Phase::Done(_) => {
                self.account.tick(now);
                OnAnswer::Pass
            }
            Phase::Start | Phase::Passing => OnAnswer::Pass,
        }
    }

    /// Whether the end of the response is still to come: whoever ends the stream now cuts it off.
    pub fn awaits_end(&self) -> bool {
        match &self.phase {
            Phase::Answering(answering) => !answering.has_ended(),
            Phase::Ending { .. } => true,
            Phase::Start
            | Phase::Passing
            | Phase::Reading(_)
            | Phase::Checking(_)
            | Phase::Done(_) => false,
        }
    }

    /// Takes the end of a side call's response.
    pub fn side_call_end(&mut self, token: u32, now: Duration) -> OnAnswer {
        let Phase::Answering(answering) = &mut self.phase else { return OnAnswer::Pass };
        let turn = answering.side_end(&mut self.account, token, now);
        self.turn(turn)
    }

    /// The property of Envoy that names who sends this head, if one does and the request is ours.
    /// Its value is to be given before the head.
    #[must_use]
    pub fn wanted_property(&self, headers: &Headers) -> Option<&[String]> {
        let path = auth::wanted_property(&self.account.shared.config)?;
        let target = head::value(headers, ":path").unwrap_or_default();
        self.account.shared.endpoint(target).map(|_| path)
    }

    /// Takes the value of the wanted property, as an earlier filter has set it.
    pub fn property(&mut self, value: Option<Vec<u8>>) {
        self.property = value;
    }

    /// Whether a request that is ours brings an `x-envoy-original-path` of its own. It has to be
    /// removed: an access log would take it for the client's path. After the request's head.
    #[must_use]
    pub fn forges_path(&self, headers: &Headers) -> bool {
        !matches!(self.phase, Phase::Start | Phase::Passing)
            && head::original_path(headers).is_some()
    }

    /// Takes what became of the attempt to ask the rate-limit service: the token of the call.
    /// `None` if the host did not start it.
    pub fn check_started(&mut self, token: Option<u32>) {
        if let Phase::Checking(check) = &mut self.phase {
            check.started(token);
        }
    }

    /// Takes the service's answer, a `RateLimitResponse`. `None` if the call failed.
    pub fn check_answered(&mut self, token: u32, message: Option<&[u8]>) {
        if let Phase::Checking(check) = &mut self.phase {
            check.answer(token, message);
        }
    }

    /// Takes what became of the attempt to start the next side call: its token, or why it did not
    /// start.
    pub fn call_started(&mut self, started: Result<u32, NotStarted>) {
        let Phase::Answering(answering) = &mut self.phase else { return };
        answering.calls().call_started(started.map_err(|reason| match reason {
            NotStarted::NoCluster => Failure::Gateway(GatewayFailure::ClusterMissing),
            NotStarted::Refused => Failure::Upstream(UpstreamFailure::Unreachable),
        }));
    }

    /// Whether the head of the response is read. Of the filter's own reply only one without a body
    /// is: Envoy has then turned it into one of gRPC, or the client asked by `HEAD`.
    #[must_use]
    pub fn wants_response_head(&self, end: End) -> bool {
        match &self.phase {
            Phase::Answering(_) => true,
            Phase::Done(Head::Held) => end == End::Stream,
            Phase::Start
            | Phase::Passing
            | Phase::Reading(_)
            | Phase::Checking(_)
            | Phase::Ending { .. }
            | Phase::Done(Head::Left { .. }) => false,
        }
    }

    /// How the next bytes of the response are read.
    pub fn body_access(&self) -> BodyAccess {
        match &self.phase {
            Phase::Answering(answering) => answering.access(),
            Phase::Ending { .. } | Phase::Done(Head::Left { .. }) => BodyAccess::Drain,
            Phase::Start
            | Phase::Passing
            | Phase::Reading(_)
            | Phase::Checking(_)
            | Phase::Done(Head::Held) => BodyAccess::None,
        }
    }

    /// Takes the head of a side call's response. `None` if the call was reset.
    pub fn side_call_headers(&mut self, token: u32, head: Option<ResponseHead>, now: Duration) {
        let bounds = self.account.shared.bounds();
        let Phase::Answering(answering) = &mut self.phase else { return };
        let is_linked = answering.calls().is_linked(token);
        let Some(call) = answering.calls().direct(token) else { return };
        match head {
            Some(head) if is_linked => call.head(head.of_loopback(), &bounds, now),
            Some(head) => call.head(head, &bounds, now),
            None => call.fail(Failure::Upstream(UpstreamFailure::Disconnected)),
        }
    }

    /// Takes bytes of a side call's response.
    pub fn side_call_body(&mut self, token: u32, chunk: Vec<u8>, now: Duration) {
        let Phase::Answering(answering) = &mut self.phase else { return };
        if let Some(call) = answering.calls().direct(token) {
            call.body(chunk, now);
        }
    }
}
