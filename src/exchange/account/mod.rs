//! What a request reserves and is charged, and what operators learn of it.
//!
//! Money is settled with the outcome. The place in flight and the bytes that Envoy was given are
//! counted until the exchange ends: until then the client may not have read its answer.

pub(crate) mod admission;
pub(crate) mod charge;
pub(crate) mod quote;
pub(crate) mod record;
pub(crate) mod rejection;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::effect::Effect;
use super::metrics;
use super::notice;
use super::outcome::LocalReply;
use super::shared::Shared;
use super::upstream::calls::Calls;
use super::upstream::rests::{self, Sign};
use super::upstream::result::{Failed, Generated, Results};
use super::upstream::{endings, host_models, result::CallState};
use crate::config::{Api, Upstream};
use crate::limits::local::LimitStatus;
use crate::memory::Lease;
use crate::openai::error::{Failure, UpstreamFailure};
use crate::pool::{Cause, Refusal};
use crate::translate::quota;
use admission::{Admission, Answer, InFlight, Settled};
use charge::Charge;
use record::Record;

/// The account of one exchange: its record, what it holds under the rules, and what is still to be
/// carried out.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) shared: Rc<Shared>,
    pub(crate) record: Record,
    /// What the request holds under the rules, until it is settled: exactly once.
    admission: Option<Admission>,
    /// Its places in flight, once it is settled.
    in_flight: Option<InFlight>,
    /// Covers what Envoy was given for the client.
    given: Lease,
    /// Its place among the open exchanges.
    place: Option<Lease>,
    pub(crate) effects: VecDeque<Effect>,
}

impl Account {
    pub(crate) fn new(shared: Rc<Shared>) -> Self {
        Self {
            given: shared.lease(),
            shared,
            record: Record::default(),
            admission: None,
            in_flight: None,
            place: None,
            effects: VecDeque::new(),
        }
    }

    /// The next thing to carry out, in any phase.
    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        let next = self.effects.pop_front();
        next.or_else(|| self.record.counts.pop_front().map(Effect::Count))
    }

    /// Takes a place among the open exchanges.
    ///
    /// # Errors
    ///
    /// There is none left.
    pub(crate) fn open(&mut self) -> Result<(), Failure> {
        self.place = Some(self.shared.open()?);
        Ok(())
    }

    /// Takes what an admitted request holds.
    pub(crate) fn reserve(&mut self, admission: Admission) {
        self.record.reserve(&admission);
        self.admission = Some(admission);
    }

    /// Takes what a request holds that waited for the rate-limit service.
    ///
    /// # Errors
    ///
    /// A rule does not admit the request. All that it holds is given back.
    pub(crate) fn decide(
        &mut self,
        mut admission: Admission,
        answers: &[Answer],
        now: Duration,
    ) -> Result<(), Failure> {
        match admission.decide(&self.shared, answers, now) {
            Ok(()) => {
                self.reserve(admission);
                Ok(())
            }
            Err(failure) => {
                let headers = self.give_back(admission, now);
                Err(failure.with_limits(headers))
            }
        }
    }

    /// Gives back what a request holds of which nothing goes upstream, after these `answers`. What
    /// the service counts of checks without an answer is given back when that comes.
    pub(crate) fn leave(&mut self, mut admission: Admission, answers: &[Answer], now: Duration) {
        // Its decision changes nothing any more; what the service has counted is given back.
        let _ = admission.decide(&self.shared, answers, now);
        self.give_back(admission, now);
    }

    /// Returns how the rules then stand, as headers.
    fn give_back(&mut self, admission: Admission, now: Duration) -> Vec<(&'static str, String)> {
        self.admission = Some(admission);
        let settled = self.settle(&Charge::rejected(), now);
        self.limit_headers(&settled, now)
    }

    /// Notes the images that are about to be delivered. Returns what they cost.
    pub(crate) fn deliver(&mut self, images: &[Generated], now: Duration) -> Charge {
        self.record.deliver(images, now);
        self.record.count_failed();
        let admission = self.admission.as_ref();
        admission.map_or_else(Charge::nothing, |admission| admission.charge(&self.shared, images))
    }

    /// Adds what `images` cost that upstreams were asked for by a client that has left. Does
    /// nothing if the request is settled.
    pub(crate) fn abandon(&mut self, charge: &mut Charge, images: u32) {
        let Some(admission) = &self.admission else { return };
        if images > 0 {
            admission.charge_abandoned(charge, images);
            self.record.abandon(images);
        }
    }

    /// Settles what the request holds, once, except its places in flight. Returns how the rules
    /// then stand.
    pub(crate) fn settle(&mut self, charge: &Charge, now: Duration) -> Vec<LimitStatus> {
        let Some(admission) = self.admission.take() else { return Vec::new() };
        self.record.settle(charge);
        let Settled { statuses, uncounted, in_flight } =
            admission.settle(&self.shared, charge, now);
        self.in_flight = Some(in_flight);
        self.record.note_uncounted(uncounted);
        statuses
    }

    /// How the rules stand after the settlement, as headers.
    pub(crate) fn limit_headers(
        &self,
        settled: &[LimitStatus],
        now: Duration,
    ) -> Vec<(&'static str, String)> {
        quota::headers(self.shared.config.limits(), settled, now)
    }

    /// Notes that Envoy gets this many bytes of an answer for the client.
    pub(crate) fn give(&mut self, bytes: usize) {
        self.given.add(bytes);
    }

    /// Notes that time has passed, and that the client may not have its answer yet.
    pub(crate) fn tick(&mut self, now: Duration) {
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.renew(&self.shared, now);
        }
    }

    /// Closes the account: Envoy has sent the answer, or the client has left.
    pub(crate) fn close(&mut self, now: Duration) {
        if let Some(in_flight) = self.in_flight.take() {
            in_flight.land(&self.shared, now);
        }
        // Any step may have made room: a reservation that was rejected in the end, too.
        self.record.evict(self.shared.counters().take_evicted());
        self.given = self.shared.lease();
        self.place = None;
    }

    /// How the rules stand with what the request holds, as headers. Empty if it is settled.
    pub(crate) fn limits(&self, now: Duration) -> Vec<(&'static str, String)> {
        self.admission.as_ref().map(|it| it.headers(&self.shared, now)).unwrap_or_default()
    }

    /// The reply that reports `failure`.
    pub(crate) fn fail(&mut self, failure: &Failure) -> LocalReply {
        self.record.fail(failure);
        self.log_answered(failure);
        let reply = LocalReply::failure(failure);
        self.record.bytes_out = reply.body.len();
        self.with_request_id(reply)
    }

    /// The reply to a request that succeeded, or the head of one and its first bytes.
    pub(crate) fn ok(
        &mut self,
        mut headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> LocalReply {
        self.record.bytes_out = body.len();
        self.record.status = Some(200);
        if self.record.images_failed > 0 && self.record.images_delivered > 0 {
            headers.push(("x-imagegate-images-failed", self.record.images_failed.to_string()));
        }
        self.with_request_id(LocalReply::ok(headers, body))
    }

    /// Notes a failure that is reported after the head has left. Returns its code.
    pub(crate) fn fail_late(&mut self, failure: &Failure) -> &'static str {
        self.record.fail_late(failure);
        self.log_answered(failure);
        self.record.code.unwrap_or_default()
    }

    /// Notes that a response broke off which the client has all images of.
    pub(crate) fn break_off(&mut self, is_overdue: bool, now: Duration) {
        self.note_unclean_end(is_overdue, now);
        let failure = if is_overdue {
            Failure::Upstream(UpstreamFailure::Timeout)
        } else {
            Failure::Upstream(UpstreamFailure::Disconnected)
        };
        self.record.break_off(&failure);
    }

    /// Notes that the upstream broke off after a complete answer: its answers are held from now on.
    ///
    /// A client that does not read can have a response run out of time. Held answers of Codex
    /// cost memory at most; those of the Images API would cost more, so there it does not count.
    fn note_unclean_end(&mut self, is_overdue: bool, now: Duration) {
        let Some(name) = self.record.upstream.clone() else { return };
        self.record.counts.push_back(metrics::UNCLEAN_ENDS.once([&name]));
        let Some(upstream) = self.shared.config.upstream(&name) else { return };
        if is_overdue && upstream.api() == Api::Images {
            return;
        }
        if endings::note_break(&self.shared, upstream, now) {
            self.effects.push_back(Effect::Log(notice::held(upstream)));
        }
    }

    /// The same after the outcome was sent, unless that was a failure.
    pub(crate) fn break_off_late(&mut self, is_overdue: bool, now: Duration) {
        if self.record.code.is_none() {
            self.break_off(is_overdue, now);
            self.record.count_failed();
        }
    }

    /// Logs what an operator has to correct after a request was answered with `failure`.
    fn log_answered(&mut self, failure: &Failure) {
        let upstream = self.record.upstream.as_deref();
        let upstream = upstream.and_then(|name| self.shared.config.upstream(name));
        let notice = notice::answered(failure, upstream);
        self.effects.extend(notice.map(Effect::Log));
    }

    /// Logs why one of several calls failed, whose request is answered all the same.
    pub(crate) fn log_partial(&mut self, failures: &[Failed]) {
        let notice = |it: &Failed| notice::passed_over(&it.failure, self.upstream(it.candidate));
        let notice = failures.iter().find_map(notice);
        self.effects.extend(notice.map(Effect::Log));
    }

    /// The reply with the request's id.
    fn with_request_id(&self, reply: LocalReply) -> LocalReply {
        match &self.record.request_id {
            Some(id) => reply.with("x-request-id", id.clone()),
            None => reply,
        }
    }

    fn upstream(&self, candidate: usize) -> Option<&Upstream> {
        self.shared.config.upstream(&self.record.candidate(candidate))
    }

    /// Notes what the open calls have said about their upstreams so far.
    pub(crate) fn take_signs(&mut self, calls: &mut Calls, now: Duration) {
        self.note_signs(&calls.take_signs(), now);
    }

    fn note_signs(&mut self, signs: &[(usize, Sign)], now: Duration) {
        for (candidate, sign) in signs {
            if let Sign::Uses(usage) = sign {
                self.record.upstream_used_percent = Some(usage.percent);
            }
            let rest = self
                .upstream(*candidate)
                .and_then(|upstream| rests::note(&self.shared, upstream, sign, now));
            let name = self.record.candidate(*candidate);
            let counts = rest.map(|cause| metrics::RESTS.once([cause.as_str(), &name]));
            self.record.counts.extend(counts);
        }
    }

    /// Notes the failures that another upstream is called after, each with its candidate.
    pub(crate) fn note_failover(&mut self, refusals: &[(usize, Failure)], now: Duration) {
        self.record.fail_over(refusals);
        for (candidate, refusal) in refusals {
            self.note_refusal(*candidate, refusal, now);
            let notice = notice::passed_over(refusal, self.upstream(*candidate));
            self.effects.extend(notice.map(Effect::Log));
        }
    }

    /// Notes what came of the calls in the end.
    pub(crate) fn note_results(&mut self, results: &Results, now: Duration) {
        self.note_signs(&results.signs, now);
        for failed in &results.failures {
            self.note_refusal(failed.candidate, &failed.failure, now);
        }
        for (candidate, host_model) in &results.host_models {
            if let Some(upstream) = self.upstream(*candidate) {
                host_models::serve(&self.shared, upstream, host_model, now);
            }
        }
        self.record.note_results(results);
    }

    /// Notes that the upstream at `candidate` refused a host model, if it did.
    fn note_refusal(&mut self, candidate: usize, refusal: &Failure, now: Duration) {
        let Failure::Upstream(UpstreamFailure::HostModelRefused { host_model, .. }) = refusal
        else {
            return;
        };
        self.record.counts.push_back(metrics::HOST_MODEL_REFUSALS.once([host_model]));
        let Some(upstream) = self.upstream(candidate) else { return };
        if host_models::refuse(&self.shared, upstream, host_model, now) {
            let refusal = Refusal::of(Cause::HostModelsRefused);
            self.note_signs(&[(candidate, Sign::Refuses(refusal))], now);
        }
    }

    /// The failure that the client gets for these. A limit ends for the client as soon as any
    /// upstream of the model can be called again.
    pub(crate) fn reported(&self, failures: Vec<Failed>, now: Duration) -> Failure {
        let Some(first) = failures.into_iter().next() else {
            return Failure::Upstream(UpstreamFailure::NoImage);
        };
        let Failure::Upstream(UpstreamFailure::RateLimited { retry_after }) = first.reported else {
            return first.reported;
        };
        let others = self.record.others(first.reported_by);
        let earliest = rests::earliest(&self.shared, others, now);
        Failure::Upstream(UpstreamFailure::RateLimited {
            retry_after: earliest.map_or(retry_after, |it| it.min(retry_after)),
        })
    }

    /// Leaves the first call after a rest to another request: nothing goes upstream.
    pub(crate) fn release(&self, admitted_at: Duration) {
        rests::release(&self.shared, self.upstream(0), admitted_at);
    }

    /// Notes that an exchange ended before its outcome was sent, with calls in these states.
    ///
    /// `status` is what the client was sent, if Envoy knows it. `overdue` is true if the calls were
    /// given up after the head had left.
    pub(crate) fn end_unanswered(
        &mut self,
        status: Option<u16>,
        overdue: bool,
        calls: &[(usize, CallState<'_>)],
    ) {
        match overdue && status.is_some() {
            true => {
                self.record.status = status;
                self.record.break_off(&Failure::Upstream(UpstreamFailure::Timeout));
            }
            false => self.record.end_early(status, calls),
        }
    }
}
