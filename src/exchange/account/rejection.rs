//! The rule that does not admit a request, as the failure that the client gets.

use std::time::Duration;

use crate::limits::local::{Error, LimitStatus, Rejected};
use crate::limits::rls::{self, DescriptorStatus};
use crate::limits::{Rule, Unit};
use crate::openai::error::{ClientFailure, Failure, Fits, GatewayFailure, LimitReached};
use crate::translate::quota;

/// What the local engine says. `amount` is what the request would take of a unit.
pub(crate) fn local(
    rules: &[Rule],
    error: Error,
    amount: &dyn Fn(Unit) -> u64,
    now: Duration,
) -> Failure {
    let rejected = match error {
        Error::Rejected(rejected) => rejected,
        Error::Full => return Failure::Gateway(GatewayFailure::CountersFull),
        Error::Store => return Failure::Gateway(GatewayFailure::LimitsUnavailable),
    };
    let Some(rule) = rules.get(rejected.limit_status.rule) else {
        return Failure::Gateway(GatewayFailure::LimitsUnavailable);
    };
    let fits = fits(rule, &rejected, now);
    let asked = amount(rule.unit);
    let failure = failure(rule, Some(&rejected.limit_status), fits, asked);
    failure.with_limits(quota::headers(rules, &rejected.statuses, now))
}

fn fits(rule: &Rule, rejected: &Rejected, now: Duration) -> Fits {
    match (rule.unit, rejected.fits_at) {
        (_, None) => Fits::Never,
        // Whoever is in flight may land any moment.
        (Unit::Concurrent, Some(_)) => Fits::After(Duration::from_secs(1)),
        (_, Some(at)) => Fits::After(at.saturating_sub(now)),
    }
}

/// A rejection by the rate-limit service, without the `x-ratelimit-*` that belong to it.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) failure: Failure,
    fits: Fits,
}

impl Rejection {
    /// What the service says to `asked`, an amount in the unit's own integers.
    pub(crate) fn by_service(
        rules: &[Rule],
        place: usize,
        status: DescriptorStatus,
        asked: u64,
        now: Duration,
    ) -> Self {
        let Some(rule) = rules.get(place) else {
            let failure = Failure::Gateway(GatewayFailure::LimitsUnavailable);
            return Self { failure, fits: Fits::Unknown };
        };
        let fits = match status.reset {
            Some(reset) => Fits::After(reset),
            None => Fits::Unknown,
        };
        let status = limit_status(rules, place, status, now);
        Self { failure: failure(rule, status.as_ref(), fits, asked), fits }
    }

    /// The one with the longest wait, of two that are as long the first: a client that waits for
    /// less is rejected again. A budget names no time to wait for, so it comes before all.
    pub(crate) fn longest(first: Option<Self>, next: Self) -> Option<Self> {
        let wait = |it: &Self| match (&it.failure, it.fits) {
            (Failure::Client(ClientFailure::BudgetSpent(_)), _) | (_, Fits::Never) => {
                (2, Duration::ZERO)
            }
            (_, Fits::Unknown) => (0, Duration::ZERO),
            (_, Fits::After(after)) => (1, after),
        };
        Some(first.filter(|it| wait(it) >= wait(&next)).unwrap_or(next))
    }
}

/// A request that takes `asked`, more than the whole limit of a rule that the service counts.
pub(crate) fn too_large(rule: &Rule, asked: u64) -> Failure {
    failure(rule, None, Fits::Never, asked)
}

/// How a rule stands, as the service reports it. `None` if it does not report what is left.
pub(crate) fn limit_status(
    rules: &[Rule],
    place: usize,
    status: DescriptorStatus,
    now: Duration,
) -> Option<LimitStatus> {
    let rule = rules.get(place)?;
    let remaining = rls::amount(rule.unit, status.remaining?).min(rule.max);
    Some(LimitStatus {
        rule: place,
        used: rule.max.saturating_sub(remaining),
        reserved: 0,
        remaining,
        full_at: status.reset.map(|reset| now.saturating_add(reset)),
    })
}

fn failure(rule: &Rule, limit_status: Option<&LimitStatus>, fits: Fits, asked: u64) -> Failure {
    let period = quota::window_name(rule.window).map(|name| format!(" per {name}"));
    let reached = Box::new(LimitReached {
        rule: rule.name.clone(),
        unit: format!("{}{}", quota::unit_name(rule.unit), period.unwrap_or_default()),
        max: quota::amount(rule.unit, rule.max),
        remaining: limit_status.map(|it| quota::amount(rule.unit, it.remaining)),
        asked: quota::amount(rule.unit, asked),
        fits,
        headers: Vec::new(),
    });
    match rule.unit {
        Unit::Usd => Failure::Client(ClientFailure::BudgetSpent(reached)),
        Unit::Requests | Unit::Images | Unit::Megapixels | Unit::Concurrent => {
            Failure::Client(ClientFailure::LimitReached(reached))
        }
    }
}
