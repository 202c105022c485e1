//! A request that several upstreams may serve: if one refuses, the next is called.
//!
//! ```text
//! own stream ─ 429 ─▶ due ─▶ side call ─ 500 ─▶ due ─▶ side call ─▶ image
//! (closed: what still comes on it is dropped)
//! ```
//!
//! Each call of the request moves to the next upstream by itself, and only while three things hold:
//! the client's head is held, no byte of an image has come, and the upstream has said that it
//! generates none. It says so if it is over a limit, out of credit, not entitled, wrongly set up,
//! or out of reach. An upstream that failed, was silent or broke off may have generated an image,
//! which costs money. A fault of the client is one at every upstream.
//!
//! The client's body is kept until no call can move any more, and written anew for each call.

use std::rc::Rc;
use std::time::Duration;

use super::loopback;
use super::request::write;
use super::rests;
use super::target::{CallTarget, Place};
use crate::config::Candidate;
use crate::exchange::effect::SideCall;
use crate::exchange::head::ClientHead;
use crate::exchange::shared::Shared;
use crate::memory::Lease;
use crate::openai::endpoint::Endpoint;
use crate::openai::error::{Failure, UpstreamFailure};
use crate::openai::request::{Encoding, ImageRequest};

/// What a call of another upstream is made from.
#[derive(Debug)]
pub(crate) struct Failover {
    pub(crate) shared: Rc<Shared>,
    pub(crate) endpoint: Endpoint,
    pub(crate) encoding: Encoding,
    pub(crate) head: ClientHead,
    pub(crate) body: Vec<u8>,
    /// Covers the body, and what is made of it in a call.
    pub(crate) _lease: Lease,
    /// The upstreams that may serve the request.
    pub(crate) candidates: Vec<Choice>,
}

/// An upstream that may serve a request.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) upstream: String,
    /// The name of the model there.
    pub(crate) sent: String,
    pub(crate) host_models: Vec<Rc<str>>,
}

impl Failover {
    /// Where the call goes after `place` has refused with `refusal`: to the next host model if only
    /// the host model is refused, else to the next upstream. `None` if there is none.
    ///
    /// An upstream that rests is skipped, unless it is one of the `tried`, and other requests wait
    /// for the outcome of that call.
    pub(crate) fn next(
        &self,
        place: Place,
        refusal: &Failure,
        tried: &[usize],
        now: Duration,
    ) -> Option<Place> {
        let Place { candidate, host_model } = place;
        let other = Place { candidate, host_model: host_model.saturating_add(1) };
        let count = self.candidates.get(candidate).map_or(0, |it| it.host_models.len());
        if matches!(refusal, Failure::Upstream(UpstreamFailure::HostModelRefused { .. }))
            && other.host_model < count
        {
            return Some(other);
        }
        let others = self.candidates.iter().enumerate().skip(candidate.saturating_add(1));
        let mut awake = others.filter(|(_, it)| {
            let upstream = self.shared.config.upstream(&it.upstream);
            let same = |place: &usize| {
                self.candidates.get(*place).is_some_and(|other| other.upstream == it.upstream)
            };
            let has_called = tried.iter().any(same);
            upstream.is_some_and(|it| rests::may_follow(&self.shared, it, has_called, now))
        });
        awake.next().map(|(candidate, _)| Place { candidate, host_model: 0 })
    }

    /// Whether there is another upstream after this one.
    pub(crate) fn has_upstream_after(&self, candidate: usize) -> bool {
        candidate.saturating_add(1) < self.candidates.len()
    }

    /// The call at `place`, which ends at `deadline` at the latest. `None` if the body no longer
    /// parses. It did once, so this never happens.
    pub(crate) fn call(
        &self,
        place: Place,
        deadline: Duration,
        now: Duration,
    ) -> Option<(SideCall, CallTarget)> {
        let shared = &self.shared;
        let choice = self.candidates.get(place.candidate)?;
        let upstream = shared.config.upstream(&choice.upstream)?;
        // Another request may have taken the first call after a rest. This one goes all the same.
        let _ = rests::claim_one(shared, upstream, now);
        let host_model = choice.host_models.get(place.host_model).cloned();
        let sent = choice.sent.as_str().into();
        let notes = String::new();
        let model = Candidate { sent, upstream, host_model, place: 0, weight: 1, notes };
        let limits = shared.config.request();
        let mut request =
            ImageRequest::parse_for(self.endpoint, &self.body, &self.encoding, limits).ok()?;
        // The answer of a side call comes whole: previews would come too late, and cost.
        request.stream = None;
        let (path, body) = write(&model, &request, 1);
        let deadline = deadline.min(now.saturating_add(upstream.timeout()));
        let timeout = ClientHead::patience(deadline.saturating_sub(now));
        let side_call = match shared.config.loopback() {
            Some(cluster) => loopback::call(cluster, &self.head, upstream, &path, body, timeout),
            None => SideCall {
                cluster: upstream.cluster().to_owned(),
                headers: self.head.call(upstream, &path, &body),
                timeout,
                body: Rc::new(body.bytes),
                link: None,
            },
        };
        Some((side_call, CallTarget::new(place, &model, deadline)))
    }
}
