//! The usage record: one line of JSON for each exchange, however it ended.
//!
//! Names are stable: fields are added, never renamed. No prompt, no key, no body is among them.

mod attempts;

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::admission::Admission;
use super::charge::Charge;
use crate::exchange::metrics::{self, Count};
use crate::exchange::outcome::OK;
use crate::exchange::upstream::result::Generated;
use crate::openai::error::{Failure, GatewayFailure};
use crate::span::millis;
use crate::translate::answer::usage;
use crate::translate::collect::Image;

/// What an operator learns of one exchange.
#[derive(Debug, Default, Serialize)]
pub struct Record {
    pub(crate) request_id: Option<String>,
    pub(crate) endpoint: Option<&'static str>,
    pub(crate) consumer: Option<String>,
    pub(crate) user: Option<String>,
    /// The groups of the consumer and of the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<String>,
    pub(crate) model: Option<String>,
    /// The image models that the upstream says it used, each once and with commas between
    /// them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model_served: Option<String>,
    pub(crate) upstream: Option<String>,
    /// Upstreams that were not called because they rest, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resting_upstreams: Option<String>,
    /// How much of its usage limit the upstream that answered last has used, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_used_percent: Option<u8>,
    /// The text model that called the image tool, or was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host_model: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<&'static str>,
    /// The rule that refused.
    pub(crate) rule: Option<String>,
    /// Shadow rules that would have refused, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shadow_rules: Option<String>,
    /// Rules that admitted only because the rate-limit service did not answer, with commas between
    /// them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unavailable_rules: Option<String>,
    /// The client was answered with events.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) streamed: bool,
    /// The status had left before the outcome was known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) committed: bool,
    pub(crate) images_asked: u32,
    pub(crate) images_delivered: u32,
    pub(crate) images_failed: u32,
    pub(crate) images_dropped: u32,
    /// Charged and not delivered, because the client left.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) images_abandoned: u32,
    pub(crate) size: Option<String>,
    pub(crate) quality: Option<String>,
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) reserved_nanodollars: u64,
    pub(crate) settled_nanodollars: u64,
    /// The counters could not be reached at the end: what was held expires, and what came of the
    /// request is missing in them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) uncounted: bool,
    /// An image came of another model, size or quality than was asked for.
    pub(crate) price_mismatch: bool,
    /// Of the client's request body.
    pub(crate) bytes_in: usize,
    /// Of the answer's body.
    pub(crate) bytes_out: usize,
    /// From the request's head to the upstream's.
    pub(crate) ms_to_first_byte: Option<u64>,
    /// From the request's head to the answer.
    pub(crate) ms_to_image: Option<u64>,
    /// From the request's head to the end of the exchange.
    pub(crate) ms_total: u64,
    /// What became of the calls of each upstream, in their order, if more than one was called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attempts: Vec<Attempt>,
    /// The names of the upstreams that may serve the request, in the order in which they are tried.
    #[serde(skip)]
    candidates: Vec<String>,
    /// The names of those that rest.
    #[serde(skip)]
    passed: Vec<String>,
    #[serde(skip)]
    pub(crate) started: Duration,
    /// What is still to be added to the metrics.
    #[serde(skip)]
    pub(crate) counts: VecDeque<Count>,
}

/// Calls of an upstream that came to the same.
#[derive(Debug, Serialize)]
pub(crate) struct Attempt {
    upstream: String,
    /// `ok`, or the code of the error.
    code: &'static str,
    calls: u32,
}

/// Most records are no longer.
const USUAL_BYTES: usize = 768;

impl Record {
    /// Milliseconds since the exchange began.
    pub(crate) fn elapsed(&self, now: Duration) -> u64 {
        millis(now.saturating_sub(self.started))
    }

    /// Notes what the request holds.
    pub(crate) fn reserve(&mut self, admission: &Admission) {
        self.reserved_nanodollars = admission.reserved().nanos();
        let names = |list: &[String]| (!list.is_empty()).then(|| list.join(","));
        self.shadow_rules = names(&admission.shadowed);
        self.unavailable_rules = names(&admission.unavailable);
        self.counts.push_back(metrics::RESERVED.of(self.reserved_nanodollars));
        let shadowed = admission.shadowed.iter().map(|rule| metrics::SHADOW_REFUSALS.once([rule]));
        let unanswered = admission.unavailable.iter().map(|rule| metrics::UNANSWERED.once([rule]));
        self.counts.extend(shadowed.chain(unanswered));
    }

    /// Notes how many scopes lost their counters to make room.
    pub(crate) fn evict(&mut self, scopes: u32) {
        if scopes > 0 {
            self.counts.push_back(metrics::SCOPES_EVICTED.of(scopes.into()));
        }
    }

    /// Notes what it was charged.
    pub(crate) fn settle(&mut self, charge: &Charge) {
        self.settled_nanodollars = charge.outcome.nanodollars;
        self.price_mismatch = charge.mismatch;
        let (reserved, settled) = (self.reserved_nanodollars, self.settled_nanodollars);
        self.counts.extend([
            metrics::SETTLED.of(settled),
            metrics::RELEASED.of(reserved.saturating_sub(settled)),
            metrics::OVERDRAWN.of(settled.saturating_sub(reserved)),
        ]);
    }

    /// Notes whether the counters could not be reached at the end.
    pub(crate) fn note_uncounted(&mut self, uncounted: bool) {
        self.uncounted = uncounted;
        self.counts.push_back(metrics::UNCOUNTED.of(uncounted.into()));
    }

    /// Notes the images that are about to be delivered.
    pub(crate) fn deliver(&mut self, generated: &[Generated], now: Duration) {
        let images = || generated.iter().map(|it| &it.image);
        self.images_delivered = u32::try_from(generated.len()).unwrap_or(u32::MAX);
        self.images_dropped = images().fold(0, |sum: u32, it| sum.saturating_add(it.dropped));
        if let Some(first) = images().next() {
            self.size = first.attributes.size.clone();
            self.quality = first.attributes.quality.clone();
        }
        self.model_served = models(images());
        let usage = usage(images());
        self.input_tokens = usage.map(|usage| usage.input_tokens);
        self.output_tokens = usage.map(|usage| usage.output_tokens);
        self.ms_to_image = Some(self.elapsed(now));
    }

    /// Counts what was asked for and not delivered: one call may have been for several images.
    pub(crate) fn count_failed(&mut self) {
        self.images_failed = self.images_asked.saturating_sub(self.images_delivered);
    }

    /// Notes images that are charged and not delivered, because the client left.
    pub(crate) fn abandon(&mut self, images: u32) {
        self.images_abandoned = images;
        self.counts.push_back(metrics::IMAGES_ABANDONED.of(images.into()));
    }

    /// Notes that no image is delivered after all.
    pub(crate) fn undeliver(&mut self) {
        self.images_delivered = 0;
        self.count_failed();
    }

    /// Notes a failure that is about to be reported to the client.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        let error = failure.to_api();
        self.status = Some(error.status);
        if let Failure::Client(failure) = failure {
            if let Some(limit) = failure.limit() {
                self.rule = Some(limit.rule.clone());
                self.counts.push_back(metrics::REJECTIONS.once([&limit.rule]));
            }
        }
        if matches!(failure, Failure::Gateway(GatewayFailure::CountersFull)) {
            self.counts.push_back(metrics::SCOPES_REJECTED.of(1));
        }
        self.code = error.code;
    }

    /// Notes a failure that is reported after the head has left: the status stays.
    pub(crate) fn fail_late(&mut self, failure: &Failure) {
        let status = self.status;
        self.fail(failure);
        self.status = status;
    }

    /// The record as one line, at the end of the exchange. `status` is what the client was sent,
    /// where Envoy knows it: it answers some failures itself.
    pub(crate) fn write(&mut self, now: Duration, status: Option<u16>) -> Vec<u8> {
        self.ms_total = self.elapsed(now);
        if let Some(status) = status {
            self.status = Some(status);
        }
        self.count_end();
        let mut line = Vec::with_capacity(USUAL_BYTES);
        // Strings and numbers into a vector: this cannot fail.
        let _ = serde_json::to_writer(&mut line, self);
        line
    }

    /// Counts how the exchange ended.
    fn count_end(&mut self) {
        let status = self.status.unwrap_or(0).to_string();
        let endpoint = self.endpoint.unwrap_or_default();
        let delivered = self.ms_to_image.filter(|_| self.images_delivered > 0);
        let times = [(metrics::FIRST_BYTE, self.ms_to_first_byte), (metrics::IMAGE, delivered)];
        self.counts.extend([
            metrics::REQUESTS.once([endpoint, &status, self.code.unwrap_or(OK)]),
            metrics::IMAGES_ASKED.of(self.images_asked.into()),
            metrics::IMAGES_DELIVERED.of(self.images_delivered.into()),
            metrics::IMAGES_FAILED.of(self.images_failed.into()),
            metrics::IMAGES_DROPPED.of(self.images_dropped.into()),
        ]);
        self.counts.extend(times.into_iter().filter_map(|(metric, ms)| ms.map(|ms| metric.of(ms))));
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The models that generated `images`, in the order of their first images.
fn models<'p>(images: impl Iterator<Item = &'p Image>) -> Option<String> {
    let mut models: Vec<&str> = Vec::new();
    for model in images.filter_map(|it| it.attributes.model.as_deref()) {
        if !models.contains(&model) {
            models.push(model);
        }
    }
    (!models.is_empty()).then(|| models.join(","))
}
