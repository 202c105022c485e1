//! Which upstreams were called for an exchange, and what became of the calls.

use super::{Attempt, Record};
use crate::config::Candidate;
use crate::exchange::metrics;
use crate::exchange::outcome::OK;
use crate::exchange::upstream::rests::Passed;
use crate::exchange::upstream::result::{CallState, Results};
use crate::openai::error::{Failure, UpstreamFailure};
use crate::translate::error::from_envoy;

/// The code of an exchange whose client left before it was answered.
const CLIENT_CLOSED: &str = "client_closed_request";

impl Record {
    /// Notes the upstreams that are not called for the request.
    pub(crate) fn pass(&mut self, passed: &[Passed]) {
        self.passed = passed.iter().map(|(name, _)| name.clone()).collect();
        self.resting_upstreams = (!passed.is_empty()).then(|| self.passed.join(","));
    }

    /// The upstreams of the model other than the one at this place.
    pub(crate) fn others(&self, candidate: usize) -> impl Iterator<Item = &str> {
        let own = self.candidates.get(candidate);
        let all = self.candidates.iter().chain(&self.passed);
        all.filter(move |it| Some(*it) != own).map(String::as_str)
    }

    /// Notes who may serve the request.
    pub(crate) fn ask(&mut self, candidates: &[Candidate<'_>]) {
        self.candidates = candidates.iter().map(|it| it.upstream.name().to_owned()).collect();
        self.upstream = self.candidates.first().cloned();
        let host_model = candidates.first().and_then(|it| it.host_model.as_deref());
        self.host_model = host_model.map(str::to_owned);
    }

    /// Notes the failures that another upstream is called after, each with its candidate.
    pub(crate) fn fail_over(&mut self, refusals: &[(usize, Failure)]) {
        for (candidate, refusal) in refusals {
            self.attempt(*candidate, refusal.to_api().code.unwrap_or_default());
            self.count_error(*candidate, refusal);
            let upstream = self.candidate(*candidate);
            self.counts.push_back(metrics::FAILOVERS.once([&upstream]));
        }
    }

    /// Notes what came of the calls in the end.
    pub(crate) fn note_results(&mut self, results: &Results) {
        let Results { images, failures, .. } = results;
        self.images_failed = u32::try_from(failures.len()).unwrap_or(u32::MAX);
        failures.iter().for_each(|it| self.count_error(it.candidate, &it.failure));
        let generated_by = images.first().map(|it| it.candidate);
        let reported_by = || failures.first().map(|it| it.reported_by);
        if let Some(candidate) = generated_by.or_else(reported_by) {
            self.upstream = Some(self.candidate(candidate));
        }
        let serving = results.host_models.first().map(|(_, name)| name);
        let failed = || failures.first().and_then(|it| it.host_model.as_ref());
        let host_model = if images.is_empty() { failed() } else { serving };
        self.host_model = host_model.map(|name| name.to_string());
        let generated = images.iter().map(|it| (it.candidate, CallState::Generated));
        let failed = failures.iter().map(|it| (it.candidate, CallState::Failed(&it.failure)));
        self.note_attempts(generated.chain(failed), OK);
    }

    /// Notes the state of each call, if more than one upstream was called. The code of an open call
    /// is `open`.
    fn note_attempts<'f>(
        &mut self,
        calls: impl Iterator<Item = (usize, CallState<'f>)>,
        open: &'static str,
    ) {
        if self.attempts.is_empty() {
            return;
        }
        for (candidate, state) in calls {
            self.attempt(
                candidate,
                match state {
                    CallState::Generated => OK,
                    CallState::Failed(failure) => failure.to_api().code.unwrap_or_default(),
                    CallState::Open => open,
                },
            );
        }
    }

    /// Notes that the call on the client's own stream failed after the head had left.
    pub(crate) fn break_off(&mut self, failure: &Failure) {
        self.images_failed = 1;
        self.count_error(0, failure);
        self.fail_late(failure);
    }

    fn count_error(&mut self, candidate: usize, failure: &Failure) {
        let kind = failure.to_api().code.filter(|_| !failure.is_clients());
        let upstream = self.candidate(candidate);
        self.counts.extend(kind.map(|kind| metrics::UPSTREAM_ERRORS.once([kind, &upstream])));
    }

    fn attempt(&mut self, candidate: usize, code: &'static str) {
        let upstream = self.candidate(candidate);
        let same = |it: &&mut Attempt| it.upstream == upstream && it.code == code;
        match self.attempts.iter_mut().find(same) {
            Some(attempt) => attempt.calls = attempt.calls.saturating_add(1),
            None => self.attempts.push(Attempt { upstream, code, calls: 1 }),
        }
    }

    pub(crate) fn candidate(&self, place: usize) -> String {
        self.candidates.get(place).cloned().unwrap_or_default()
    }

    /// Notes that an exchange ended before the filter answered, with `calls` of upstreams made: the
    /// client left, or Envoy answered itself, as it does if the upstream breaks off after its head.
    pub(crate) fn end_early(&mut self, status: Option<u16>, calls: &[(usize, CallState<'_>)]) {
        let failure = match status {
            None => None,
            // With 200 the head of a stream had left.
            Some(200 | 502 | 503) => Some(Failure::Upstream(UpstreamFailure::Disconnected)),
            Some(status) => Some(from_envoy(status, "")),
        };
        // The client's own stream broke, or the call that replaced it. What became of the others is
        // not known.
        let first = calls.first().map(|(candidate, _)| *candidate);
        if let Some(candidate) = first {
            self.upstream = Some(self.candidate(candidate));
        }
        match &failure {
            None => self.code = Some(CLIENT_CLOSED),
            Some(failure) => {
                self.fail(failure);
                first.into_iter().for_each(|candidate| self.count_error(candidate, failure));
            }
        }
        self.images_failed = u32::try_from(calls.len()).unwrap_or(u32::MAX);
        self.note_attempts(calls.iter().copied(), self.code.unwrap_or(CLIENT_CLOSED));
    }
}
