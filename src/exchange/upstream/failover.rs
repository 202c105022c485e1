//! A request that several upstreams may serve: the next is asked where one refuses.
//!
//! ```text
//! own stream ─ 429 ─▶ due ─▶ side call ─ 500 ─▶ due ─▶ side call ─▶ picture
//! (closed: what still comes on it is dropped)
//! ```
//!
//! Each call of the request moves on by itself, and only while the client's head is held, nothing of a picture has
//! come, and the upstream has said that it draws none: over a limit, out of credit, not entitled, wrongly set up, or
//! out of reach. One that failed, was silent or broke off may have drawn, and be paid; what is the client's fault is so everywhere.
//!
//! The client's body is kept until no call can move on any more, and written anew for each call.

use std::rc::Rc;
use std::time::Duration;

use crate::config::Candidate;
use crate::exchange::head::Kept;
use crate::exchange::outcome::{SideBatch, SideCalls};
use crate::exchange::shared::Gate;
use crate::exchange::upstream::request::write;
use crate::exchange::upstream::rests;
use crate::exchange::upstream::target::{Callee, Place};
use crate::memory::Lease;
use crate::openai::endpoint::Endpoint;
use crate::openai::error::Failure;
use crate::openai::request::{Encoding, ImageRequest};

/// What another upstream is asked from.
#[derive(Debug)]
pub(crate) struct Failover {
    pub(crate) gate: Rc<Gate>,
    pub(crate) endpoint: Endpoint,
    pub(crate) encoding: Encoding,
    pub(crate) head: Kept,
    pub(crate) body: Vec<u8>,
    /// Covers the body, and what is made of it while it stands.
    pub(crate) _lease: Lease,
    /// Who may serve the request.
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
    /// Who is asked after `place` has refused with `refusal`: the next host model if it is only the
    /// host model that is refused, else the next upstream. `None` if there is none.
    ///
    /// An upstream that rests is passed by, unless it is one of the `asked`, and others wait for the outcome
    /// of that call.
    pub(crate) fn next(
        &self,
        place: Place,
        refusal: &Failure,
        asked: &[usize],
        now: Duration,
    ) -> Option<Place> {
        let Place { candidate, host_model } = place;
        let other = Place { candidate, host_model: host_model.saturating_add(1) };
        let count = self.candidates.get(candidate).map_or(0, |it| it.host_models.len());
        if matches!(refusal, Failure::HostModelRefused { .. }) && other.host_model < count {
            return Some(other);
        }
        let others = self.candidates.iter().enumerate().skip(candidate.saturating_add(1));
        let mut awake = others.filter(|(_, it)| {
            let upstream = self.gate.config.upstream(&it.upstream);
            let same = |place: &usize| {
                self.candidates.get(*place).is_some_and(|other| other.upstream == it.upstream)
            };
            let has_asked = asked.iter().any(same);
            upstream.is_some_and(|it| rests::may_follow(&self.gate, it, has_asked, now))
        });
        awake.next().map(|(candidate, _)| Place { candidate, host_model: 0 })
    }

    /// Whether there is another upstream after this one.
    pub(crate) fn has_upstream_after(&self, candidate: usize) -> bool {
        candidate.saturating_add(1) < self.candidates.len()
    }

    /// The call at `place`, which ends at `deadline` at the latest. `None` if the body cannot be read
    /// again, which it could.
    pub(crate) fn call(
        &self,
        place: Place,
        deadline: Duration,
        now: Duration,
    ) -> Option<(SideBatch, Callee)> {
        let gate = &self.gate;
        let choice = self.candidates.get(place.candidate)?;
        let upstream = gate.config.upstream(&choice.upstream)?;
        // A request that was faster has taken the first call after a rest: this one is late, not lost.
        let _ = rests::claim_one(gate, upstream, now);
        let host_model = choice.host_models.get(place.host_model).cloned();
        let sent = choice.sent.as_str().into();
        let model = Candidate { sent, upstream, host_model, place: 0, weight: 1 };
        let limits = gate.config.request();
        let mut request =
            ImageRequest::parse_for(self.endpoint, &self.body, &self.encoding, limits).ok()?;
        // The answer of a side call comes whole: previews would come too late, and cost.
        request.stream = None;
        let (path, body) = write(&model, &request, 1);
        let deadline = deadline.min(now.saturating_add(upstream.timeout()));
        let calls = SideCalls {
            count: 1,
            cluster: upstream.cluster().to_owned(),
            headers: self.head.call(upstream, &path, &body),
            timeout: Kept::patience(deadline.saturating_sub(now)),
        };
        let callee = Callee::new(place, &model, deadline);
        Some((SideBatch { calls, body: body.bytes }, callee))
    }
}

/// Whether an upstream that fails like this has said that it draws nothing, for reasons of its own.
pub(crate) const fn is_refusal(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::RateLimited { .. }
            | Failure::QuotaExhausted
            | Failure::UpstreamOverloaded { .. }
            | Failure::UpstreamCredential
            | Failure::UpstreamNotEntitled
            | Failure::UpstreamBlocked
            // What the operator set for this upstream may be right for the next.
            | Failure::UpstreamRejects
            // In the model's words, in place of a call of the tool.
            | Failure::UpstreamNoTool
            // The account has not got it, or nobody has.
            | Failure::ModelRefused
            | Failure::HostModelRefused { .. }
            | Failure::UpstreamUnreachable
            | Failure::RouteMissing
            | Failure::ClusterMissing
            // A full queue of Envoy's.
            | Failure::Overloaded { .. }
    )
}

/// Which of the failures a client is told where each upstream brought nothing, in the order in which they were
/// asked: what the last one said, unless that is a refusal and there is one with a wait; of these the shortest.
pub(crate) fn telling(failures: &[(usize, Failure)]) -> usize {
    let last = failures.len().saturating_sub(1);
    if !failures.last().is_some_and(|(_, it)| is_refusal(it)) {
        return last;
    }
    let waits = failures.iter().enumerate().filter_map(|(place, it)| Some((wait(&it.1)?, place)));
    waits.min().map_or(last, |(_, place)| place)
}

const fn wait(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::RateLimited { retry_after }
        | Failure::UpstreamOverloaded { retry_after }
        | Failure::Overloaded { retry_after } => Some(*retry_after),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(failures: &[Failure]) -> usize {
        let tries: Vec<_> = failures.iter().cloned().enumerate().collect();
        super::telling(&tries)
    }

    #[test]
    fn the_shortest_wait_is_told_else_what_the_last_upstream_said() {
        let limited = |secs| Failure::RateLimited { retry_after: Duration::from_secs(secs) };
        let (failed, spent) = (Failure::UpstreamCredential, Failure::QuotaExhausted);
        assert_eq!(telling(&[limited(9), limited(3), failed.clone()]), 1);
        assert_eq!(telling(&[limited(9), limited(20)]), 0);
        assert_eq!(telling(&[limited(9), limited(9)]), 0);
        assert_eq!(telling(&[spent.clone(), failed.clone()]), 1);
        assert_eq!(telling(&[failed, spent.clone()]), 1);
        assert_eq!(telling(&[spent]), 0);
    }

    #[test]
    fn what_is_no_refusal_is_told_as_it_is() {
        let limited = Failure::RateLimited { retry_after: Duration::from_secs(1) };
        for last in [
            Failure::UpstreamFailed,
            Failure::UpstreamTimeout,
            Failure::UpstreamCut,
            Failure::Refused { message: "no".to_owned(), details: None },
        ] {
            assert_eq!(telling(&[limited.clone(), last]), 1);
        }
    }
}
