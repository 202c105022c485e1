//! The usage record: one line of JSON for each exchange, whatever became of it.
//!
//! Names are stable: fields are added, never renamed. No prompt, no key, no body is among them.

use std::time::Duration;

use serde::Serialize;

use super::ticket::{Charge, Ticket};
use crate::openai::error::Failure;
use crate::translate::answer::usage;
use crate::translate::collect::Picture;
use crate::translate::error::from_envoy;

/// What an operator learns of one exchange.
#[derive(Debug, Default, Serialize)]
pub struct Record {
    pub(super) request_id: Option<String>,
    pub(super) endpoint: Option<&'static str>,
    pub(super) consumer: Option<String>,
    pub(super) user: Option<String>,
    pub(super) model: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    /// The rule that refused.
    pub(super) rule: Option<String>,
    /// Shadow rules that would have refused, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shadow_rules: Option<String>,
    /// Rules that admitted only because the rate-limit service did not answer, with commas between
    /// them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unavailable_rules: Option<String>,
    /// The client was answered with events.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) streamed: bool,
    pub(super) images_asked: u32,
    pub(super) images_delivered: u32,
    pub(super) images_failed: u32,
    pub(super) images_dropped: u32,
    pub(super) size: Option<String>,
    pub(super) quality: Option<String>,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) reserved_nanodollars: u64,
    pub(super) settled_nanodollars: u64,
    /// The counters could not be reached at the end: what was held expires, and what came of the
    /// request is missing in them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) uncounted: bool,
    /// An image came of another size or quality than was asked for.
    pub(super) price_mismatch: bool,
    /// Of the client's request body.
    pub(super) bytes_in: usize,
    /// Of the answer's body.
    pub(super) bytes_out: usize,
    /// From the request's head to the upstream's.
    pub(super) ms_to_first_byte: Option<u64>,
    /// From the request's head to the answer.
    pub(super) ms_to_image: Option<u64>,
    /// From the request's head to the end of the exchange.
    pub(super) ms_total: u64,
    #[serde(skip)]
    pub(super) started: Duration,
}

impl Record {
    /// Milliseconds since the exchange began.
    pub(super) fn elapsed(&self, now: Duration) -> u64 {
        u64::try_from(now.saturating_sub(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    /// Notes what the request holds.
    pub(super) fn reserve(&mut self, ticket: &Ticket) {
        self.reserved_nanodollars = ticket.reserved().nanos();
        let names = |list: &[String]| (!list.is_empty()).then(|| list.join(","));
        self.shadow_rules = names(&ticket.shadowed);
        self.unavailable_rules = names(&ticket.unavailable);
    }

    /// Notes what it was charged.
    pub(super) fn settle(&mut self, charge: &Charge) {
        self.settled_nanodollars = charge.outcome.nanodollars;
        self.price_mismatch = charge.mismatch;
    }

    /// Notes the pictures that are about to be delivered.
    pub(super) fn deliver(&mut self, pictures: &[Picture], now: Duration) {
        self.images_delivered = u32::try_from(pictures.len()).unwrap_or(u32::MAX);
        self.images_dropped =
            pictures.iter().fold(0, |sum: u32, picture| sum.saturating_add(picture.dropped));
        if let Some(first) = pictures.first() {
            self.size = first.attributes.size.clone();
            self.quality = first.attributes.quality.clone();
        }
        let usage = usage(pictures);
        self.input_tokens = usage.map(|usage| usage.input_tokens);
        self.output_tokens = usage.map(|usage| usage.output_tokens);
        self.ms_to_image = Some(self.elapsed(now));
    }

    /// Notes a failure that is about to be told to the client.
    pub(super) fn fail(&mut self, failure: &Failure) {
        let error = failure.to_api();
        self.status = Some(error.status);
        if let Failure::LimitReached(limit) | Failure::BudgetSpent(limit) = failure {
            self.rule = Some(limit.rule.clone());
        }
        self.code = error.code.map(|code| code.to_string());
    }

    /// Notes a failure that is told behind a head that has left.
    pub(super) fn fail_stream(&mut self, failure: &Failure) {
        let status = self.status;
        self.fail(failure);
        self.status = status;
    }

    /// Notes that an exchange ended before the filter answered: the client left, or Envoy answered
    /// itself, as it does where the upstream breaks off behind its head.
    pub(super) fn end_early(&mut self, status: Option<u16>) {
        let failure = match status {
            None => {
                self.code = Some("client_closed_request".to_owned());
                return;
            }
            // With 200 the head of a stream had left.
            Some(200 | 502 | 503) => Failure::UpstreamCut,
            Some(status) => from_envoy(status, ""),
        };
        self.fail(&failure);
    }

    /// The record as one line, at the end of the exchange. `status` is what the client was sent, where
    /// Envoy knows it: it answers some failures itself.
    pub(super) fn write(&mut self, now: Duration, status: Option<u16>) -> Vec<u8> {
        self.ms_total = self.elapsed(now);
        if let Some(status) = status {
            self.status = Some(status);
        }
        // Strings and numbers into a vector: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
