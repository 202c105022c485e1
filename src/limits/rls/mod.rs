//! Limits of a whole fleet, counted by a rate-limit service that speaks
//! `envoy.service.ratelimit.v3`.
//!
//! Nothing is counted here. Each rule is one check, because the services agree on no more than
//! that: Limitador reads only the hits of the request, and applies its limits to the first
//! descriptor. envoyproxy/ratelimit reads the hits of each descriptor. So a check has one
//! descriptor, and its hits are in both places.
//!
//! A check immediately counts the most that a request may take. What the request did not take is
//! refunded by negative hits if the operator says that the service supports them ([`Refunds`]), and
//! only in the period that it was counted in. Otherwise it stays counted until the window ends.
//! Either way nothing is ever counted short. If the service has no refunds, the checks are sent one
//! by one, money last: a request that its rate rejects must not cost its budget.

mod wire;

use std::time::Duration;

use prost::Message;

use super::{Engine, Rule, Scope, Unit, Window};
use crate::order;
use wire::{Descriptor, Entry, RateLimitRequest, RateLimitResponse};

/// The service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The Envoy cluster; at most 125 bytes.
    pub cluster: String,
    /// The domain of every check.
    pub domain: String,
    /// How long a decision may take.
    pub timeout: Duration,
    /// Whether it takes hits back.
    pub releases: Refunds,
}

/// Whether the amount that a request did not take is refunded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Refunds {
    /// It stays counted until its window ends.
    #[default]
    Never,
    /// By a check with `is_negative_hits` (envoyproxy/ratelimit).
    NegativeHits,
}

/// The check of one rule: what is counted, and what can be refunded after that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The rule's place in the configuration's list.
    pub rule: usize,
    name: String,
    scope: Option<(&'static str, String)>,
    window: Window,
    unit: Unit,
    hits: u32,
    /// The period that the hits are counted in.
    period: [u64; 2],
}

/// What is to be done about a check's hits once the outcome is known.
enum Correction {
    Nothing,
    Count(u32),
    Refund(u32),
}

/// The decision of the service on a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The hits are counted and within the limit.
    Admits(DescriptorStatus),
    /// The limit is exceeded.
    Rejects(DescriptorStatus),
    /// There is no answer, or no valid one.
    Unavailable,
}

/// The state of a rule, as far as the service reports it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DescriptorStatus {
    /// Hits that are left.
    pub remaining: Option<u64>,
    /// Until the window ends.
    pub reset: Option<Duration>,
}

/// The checks for a request, requests first and money last. There is one for each rule that
/// applies, is counted by the service, and counts anything of the request; of a rule `per` group
/// there is one for each group.
pub fn checks(
    rules: &[Rule],
    scope: &Scope<'_>,
    amount: &dyn Fn(Unit) -> u64,
    now: Duration,
) -> Vec<Check> {
    let counted = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| matches!(rule.engine, Engine::Rls(_)) && rule.applies(scope));
    let each = |(place, rule): (usize, &'_ Rule)| {
        let hits = hits(rule.unit, amount(rule.unit));
        let check = move |it: Option<(&'static str, &str)>| Check {
            rule: place,
            name: rule.name.clone(),
            scope: it.map(|(per, value)| (per, value.to_owned())),
            window: rule.window,
            unit: rule.unit,
            hits,
            period: period(rule.window, now),
        };
        rule.scopes(scope).map(check).collect::<Vec<_>>()
    };
    let checks: Vec<_> = counted
        .flat_map(each)
        // Limitador counts 0 hits as 1.
        .filter(|check| check.hits > 0)
        .collect();
    order::by_key(checks, |check| check.unit)
}

/// A rule whose whole limit is less than the request may take. The service would have
/// to reject it, but some services keep what they reject counted: for one such request they reject
/// everybody else's. A shadow rule rejects nothing.
pub fn too_large<'r>(
    rules: &'r [Rule],
    scope: &Scope<'_>,
    amount: &dyn Fn(Unit) -> u64,
) -> Option<&'r Rule> {
    rules.iter().find(|rule| {
        matches!(rule.engine, Engine::Rls(_))
            && !rule.shadow
            && amount(rule.unit) > rule.max
            && rule.applies(scope)
    })
}

/// What one hit is in the unit's own integers: a request, an image, a thousand pixels, 1e-4
/// dollars.
const fn step(unit: Unit) -> u64 {
    match unit {
        Unit::Requests | Unit::Images | Unit::Concurrent => 1,
        Unit::Megapixels => 1_000,
        Unit::Usd => 100_000,
    }
}

/// An amount in hits, rounded up.
#[must_use]
pub fn hits(unit: Unit, amount: u64) -> u32 {
    u32::try_from(amount.div_ceil(step(unit))).unwrap_or(u32::MAX)
}

/// Whether a service can have this maximum as its limit: `requests_per_unit` is 32 bits wide.
///
/// # Errors
///
/// The largest maximum of the unit, as the configuration writes it.
pub const fn fits(unit: Unit, max: u64) -> Result<(), &'static str> {
    if max <= amount(unit, MOST_HITS) {
        return Ok(());
    }
    Err(match unit {
        Unit::Requests | Unit::Images | Unit::Concurrent => "4294967295",
        Unit::Megapixels => "\"4294967.295\"",
        Unit::Usd => "\"429496.7295\"",
    })
}

/// `u32::MAX`.
const MOST_HITS: u64 = 4_294_967_295;

/// Hits as an amount in the unit's own integers.
#[must_use]
pub const fn amount(unit: Unit, hits: u64) -> u64 {
    hits.saturating_mul(step(unit))
}

/// The number of the period that `now` is in, in each of the two ways that services count from the
/// Unix epoch: a week begins on Monday, or on Thursday like the epoch; a month is one of the
/// calendar, or 30 days. Once either period is over, a refund might reach the next one.
fn period(window: Window, now: Duration) -> [u64; 2] {
    let count = |length: Duration| {
        let count = now.as_millis().checked_div(length.as_millis()).unwrap_or(0);
        u64::try_from(count).unwrap_or(u64::MAX)
    };
    match window {
        Window::Sliding(length) => [count(length); 2],
        Window::Day | Window::Now => [window.interval(now); 2],
        Window::Week => [window.interval(now), count(WEEK)],
        Window::Month => [window.interval(now), count(THIRTY_DAYS)],
    }
}

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const THIRTY_DAYS: Duration = Duration::from_secs(30 * 86_400);

impl Check {
    /// The `RateLimitRequest` of this check.
    #[must_use]
    pub fn message(&self, service: &Service) -> Vec<u8> {
        self.request(service, self.hits, false)
    }

    /// The `RateLimitRequest` that corrects the count to `used`, in the unit's own integers. `None`
    /// if there is nothing to correct.
    #[must_use]
    pub fn settle(&self, service: &Service, used: u64, now: Duration) -> Option<Vec<u8>> {
        match self.correction(service, used, now) {
            Correction::Nothing => None,
            Correction::Count(hits) => Some(self.request(service, hits, false)),
            Correction::Refund(hits) => Some(self.request(service, hits, true)),
        }
    }

    /// What is left after that of `left`, in the unit's own integers.
    #[must_use]
    pub fn left(&self, service: &Service, used: u64, left: u64, now: Duration) -> u64 {
        match self.correction(service, used, now) {
            Correction::Nothing => left,
            Correction::Count(hits) => left.saturating_sub(amount(self.unit, hits.into())),
            Correction::Refund(hits) => left.saturating_add(amount(self.unit, hits.into())),
        }
    }

    /// The excess is refunded, unless the service has no refunds or the period is over: the hits of
    /// the next one belong to other requests. A shortfall is always counted, as when an image's
    /// tokens cost more than was reserved for it.
    fn correction(&self, service: &Service, used: u64, now: Duration) -> Correction {
        let used = hits(self.unit, used);
        let missing = used.saturating_sub(self.hits);
        if missing > 0 {
            return Correction::Count(missing);
        }
        let unused = self.hits.saturating_sub(used);
        let over = period(self.window, now) != self.period;
        if service.releases == Refunds::Never || unused == 0 || over {
            return Correction::Nothing;
        }
        Correction::Refund(unused)
    }

    /// The unit of the rule.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    fn request(&self, service: &Service, hits: u32, is_negative_hits: bool) -> Vec<u8> {
        let entry = |key: &str, value: &str| Entry { key: key.to_owned(), value: value.to_owned() };
        let mut entries = vec![entry("rule", &self.name)];
        entries.extend(self.scope.as_ref().map(|(per, value)| entry(per, value)));
        let descriptor =
            Descriptor { entries, hits_addend: Some(u64::from(hits)), is_negative_hits };
        let request = RateLimitRequest {
            domain: service.domain.clone(),
            descriptors: vec![descriptor],
            hits_addend: hits,
        };
        request.encode_to_vec()
    }
}

impl Decision {
    /// How the rule stands. `None` if the service has not decided.
    #[must_use]
    pub const fn status(self) -> Option<DescriptorStatus> {
        match self {
            Self::Admits(status) | Self::Rejects(status) => Some(status),
            Self::Unavailable => None,
        }
    }

    /// Reads a `RateLimitResponse`.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let Ok(response) = RateLimitResponse::decode(bytes) else { return Self::Unavailable };
        match response.overall_code {
            wire::OK => Self::Admits(status(&response)),
            wire::OVER_LIMIT => Self::Rejects(status(&response)),
            // UNKNOWN, which is also what an empty message says.
            _ => Self::Unavailable,
        }
    }
}

/// The status of the only descriptor or, without one, from the draft-03 rate-limit headers that
/// Limitador adds.
fn status(response: &RateLimitResponse) -> DescriptorStatus {
    if let Some(status) = response.statuses.first().filter(|it| it.current_limit.is_some()) {
        let reset = status.duration_until_reset.and_then(|it| Duration::try_from(it).ok());
        return DescriptorStatus { remaining: Some(u64::from(status.limit_remaining)), reset };
    }
    let number = |name: &str| {
        let header =
            response.response_headers_to_add.iter().find(|it| it.key.eq_ignore_ascii_case(name))?;
        let raw = std::str::from_utf8(&header.raw_value).unwrap_or_default();
        let text = if header.value.is_empty() { raw } else { &header.value };
        text.trim().parse::<u64>().ok()
    };
    DescriptorStatus {
        remaining: number("x-ratelimit-remaining"),
        reset: number("x-ratelimit-reset").map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests;
