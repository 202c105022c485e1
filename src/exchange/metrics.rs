//! What exchanges add to the metrics: names, labels and amounts. The shell carries them to the
//! host.
//!
//! Envoy knows no labels. They are spelt in a metric's name, `NAME.LABEL.VALUE.LABEL.VALUE`, and
//! `stats_tags` of the bootstrap turn them into labels (`docs/operations.md`). A name stays for as
//! long as Envoy runs, so a value is always one of a closed list or of the configuration: nothing
//! that a client sends becomes one.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A metric, as operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name without labels.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// The names of its labels, in the order of their values.
    pub labels: &'static [&'static str],
    /// What one of it is.
    pub unit: &'static str,
    /// What it measures.
    pub meaning: &'static str,
}

/// What a metric does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It says how much there is now.
    Gauge,
    /// It says how often there was how much.
    Histogram,
}

macro_rules! metrics {
    ($($(#[doc = $meaning:literal])+ $id:ident: $kind:ident $name:literal [$($label:literal),*] $unit:literal;)+) => {
        $(
            $(#[doc = $meaning])+
            pub const $id: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                unit: $unit,
                meaning: concat!($($meaning),+),
            };
        )+

        /// Every metric, in the order of the documentation.
        pub const METRICS: &[Metric] = &[$($id),+];
    };
}

metrics! {
    /// Exchanges that ended. `code` is that of the error, `ok` if there was none; `status` is what
    /// the client was sent, `0` if it had left before.
    REQUESTS: Counter "imagegate_requests_total" ["endpoint", "status", "code"] "exchanges";
    /// Images that requests asked for, as far as these could be read.
    IMAGES_ASKED: Counter "imagegate_images_asked_total" [] "images";
    /// Images that were delivered.
    IMAGES_DELIVERED: Counter "imagegate_images_delivered_total" [] "images";
    /// Images that were requested from an upstream and did not come.
    IMAGES_FAILED: Counter "imagegate_images_failed_total" [] "images";
    /// Images that an upstream generated beyond what was requested.
    IMAGES_DROPPED: Counter "imagegate_images_dropped_total" [] "images";
    /// Images that were charged and not delivered, because the client left (`on_abandon`).
    IMAGES_ABANDONED: Counter "imagegate_images_abandoned_total" [] "images";
    /// What requests could cost, counted when they go upstream.
    RESERVED: Counter "imagegate_reserved_nanodollars_total" [] "10⁻⁹ US dollars";
    /// What was charged for images, counted when a request is settled.
    SETTLED: Counter "imagegate_settled_nanodollars_total" [] "10⁻⁹ US dollars";
    /// What had been reserved and was not charged, counted when a request is settled.
    RELEASED: Counter "imagegate_released_nanodollars_total" [] "10⁻⁹ US dollars";
    /// What was charged beyond what had been reserved: with prices by tokens, or for another model
    /// than was asked for. A part of what was settled.
    OVERDRAWN: Counter "imagegate_overdrawn_nanodollars_total" [] "10⁻⁹ US dollars";
    /// Requests that a rule rejected.
    REJECTIONS: Counter "imagegate_rejections_total" ["rule"] "requests";
    /// Requests that a rule in `shadow` would have rejected.
    SHADOW_REFUSALS: Counter "imagegate_shadow_refusals_total" ["rule"] "requests";
    /// Requests that a rule admitted only because the rate-limit service did not answer.
    UNANSWERED: Counter "imagegate_unanswered_total" ["rule"] "requests";
    /// Requests whose outcome could not be counted because the counters were out of reach.
    UNCOUNTED: Counter "imagegate_uncounted_total" [] "requests";
    /// Keys, users, groups and models whose counters were dropped because the table had no room:
    /// the longest unused of those that hold nothing for a request in flight. They start from zero.
    SCOPES_EVICTED: Counter "imagegate_scopes_evicted_total" [] "scopes";
    /// Requests that were rejected because the table had no room and nothing could be dropped.
    SCOPES_REJECTED: Counter "imagegate_scopes_rejected_total" [] "requests";
    /// Calls of an upstream that failed through no fault of the client. `kind` is the error's code.
    UPSTREAM_ERRORS: Counter "imagegate_upstream_errors_total" ["kind", "upstream"] "calls";
    /// Calls that an upstream refused because it does not serve this text model.
    HOST_MODEL_REFUSALS: Counter "imagegate_host_model_refusals_total" ["host_model"] "calls";
    /// Calls that went to another upstream after this one had refused them.
    FAILOVERS: Counter "imagegate_failovers_total" ["upstream"] "calls";
    /// Rests that began: an upstream said that it serves no request for now, or could not be
    /// reached. `kind` is the code of that error.
    RESTS: Counter "imagegate_rests_total" ["kind", "upstream"] "rests";
    /// Responses that an upstream broke off, or did not end, after a complete answer. The client
    /// of such an answer gets a broken transfer if it has passed through.
    UNCLEAN_ENDS: Counter "imagegate_upstream_unclean_ends_total" ["upstream"] "responses";
    /// From the headers of a request to those of the upstream's answer.
    FIRST_BYTE: Histogram "imagegate_time_to_first_byte_ms" [] "ms";
    /// From the headers of a request to its answer with images.
    IMAGE: Histogram "imagegate_time_to_image_ms" [] "ms";
    /// Bytes that open exchanges hold, and bytes of answers that Envoy has not sent yet, all
    /// workers together.
    BUFFERED_BYTES: Gauge "imagegate_buffered_bytes" [] "bytes";
    /// Exchanges that are open, all workers together: from the headers of a request until Envoy
    /// has sent the answer, or the client has left.
    OPEN_EXCHANGES: Gauge "imagegate_open_exchanges" [] "exchanges";
    /// How many exchanges one worker may have open: `max_open_exchanges`.
    MAX_OPEN_EXCHANGES: Gauge "imagegate_max_open_exchanges" [] "exchanges";
    /// How long an upstream still rests: no request is sent to it. 0 if it does not rest. Recorded
    /// once a second.
    UPSTREAM_REST: Gauge "imagegate_upstream_rest_seconds" ["upstream"] "s";
    /// How much of its usage limit an upstream says it has used. 0 if it does not say. Recorded
    /// once a second.
    UPSTREAM_USED: Gauge "imagegate_upstream_used_percent" ["upstream"] "%";
    /// How long the answers of an upstream are still held, because it has broken one off after it
    /// was complete. 0 if they pass through, or are always held. Recorded once a second.
    UPSTREAM_HOLD: Gauge "imagegate_upstream_hold_seconds" ["upstream"] "s";
    /// Attempts to read the list of consumers (`consumers_from`) that failed.
    LIST_FAILURES: Counter "imagegate_consumers_list_failures_total" [] "attempts";
    /// How long ago the list of consumers in force was last known to be that of its source; since
    /// it was first asked for, if it has never been read. With several lists, that of the oldest.
    /// Recorded once a second.
    LIST_AGE: Gauge "imagegate_consumers_list_age_seconds" [] "s";
    /// Consumers of the lists in force. Recorded once a second.
    LISTED: Gauge "imagegate_consumers_listed" [] "consumers";
    /// Linear memory of the VMs, all workers together. It never shrinks.
    VM_MEMORY_BYTES: Gauge "imagegate_vm_memory_bytes" [] "bytes";
}

/// An amount that a metric grows by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The metric.
    pub metric: Metric,
    /// The values of its labels, in their order.
    pub values: Vec<String>,
    /// By how much, or the value for a histogram.
    pub amount: u64,
}

impl Metric {
    /// `amount` of a metric without labels.
    #[must_use]
    pub const fn of(self, amount: u64) -> Count {
        Count { metric: self, values: Vec::new(), amount }
    }

    /// One more under these values of the labels.
    pub(crate) fn once<const N: usize>(self, values: [&str; N]) -> Count {
        self.amount(1, values)
    }

    /// `amount` under these values of the labels.
    pub(crate) fn amount<const N: usize>(self, amount: u64, values: [&str; N]) -> Count {
        Count { metric: self, values: values.map(str::to_owned).to_vec(), amount }
    }

    /// The metrics of one rule, before anything has happened under it: what does not exist yet
    /// cannot be seen to grow.
    #[must_use]
    pub fn of_rule(rule: &str) -> [Count; 3] {
        [REJECTIONS, SHADOW_REFUSALS, UNANSWERED]
            .map(|metric| Count { amount: 0, ..metric.once([rule]) })
    }
}

impl Count {
    /// The name that the host knows the metric by, labels and all.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        if self.metric.labels.is_empty() {
            return Cow::Borrowed(self.metric.name);
        }
        let mut name = self.metric.name.to_owned();
        for (label, value) in self.metric.labels.iter().zip(&self.values) {
            // Into a string: this cannot fail.
            let _ = write!(name, ".{label}.{value}");
        }
        Cow::Owned(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_spelt_in_the_name() {
        let count = UPSTREAM_ERRORS.once(["upstream_timeout", "codex.eu"]);
        assert_eq!(
            count.name(),
            "imagegate_upstream_errors_total.kind.upstream_timeout.upstream.codex.eu"
        );
        assert_eq!(SETTLED.of(7).name(), "imagegate_settled_nanodollars_total");
    }

    #[test]
    fn names_are_unique_and_only_the_last_label_may_hold_dots() {
        for metric in METRICS {
            assert_eq!(METRICS.iter().filter(|it| it.name == metric.name).count(), 1);
            for dotted in ["upstream", "host_model"] {
                let place = metric.labels.iter().position(|label| *label == dotted);
                let is_last = place.is_none_or(|place| place + 1 == metric.labels.len());
                assert!(is_last, "{}", metric.name);
            }
        }
    }
}
