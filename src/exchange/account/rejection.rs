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
    failure(rules, rule, Some(&rejected.limit_status), fits, amount(rule.unit), now)
}

fn fits(rule: &Rule, rejected: &Rejected, now: Duration) -> Fits {
    match (rule.unit, rejected.fits_at) {
        (_, None) => Fits::Never,
        // Whoever is in flight may land any moment.
        (Unit::Concurrent, Some(_)) => Fits::After(Duration::from_secs(1)),
        (_, Some(at)) => Fits::After(at.saturating_sub(now)),
    }
}

/// What the rate-limit service says to `asked`, an amount in the unit's own integers.
pub(crate) fn rls(
    rules: &[Rule],
    place: usize,
    status: DescriptorStatus,
    asked: u64,
    now: Duration,
) -> Failure {
    let Some(rule) = rules.get(place) else {
        return Failure::Gateway(GatewayFailure::LimitsUnavailable);
    };
    let fits = match status.reset {
        _ if asked > rule.max => Fits::Never,
        Some(reset) => Fits::After(reset),
        None => Fits::Unknown,
    };
    failure(rules, rule, limit_status(rules, place, status, now).as_ref(), fits, asked, now)
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

fn failure(
    rules: &[Rule],
    rule: &Rule,
    limit_status: Option<&LimitStatus>,
    fits: Fits,
    asked: u64,
    now: Duration,
) -> Failure {
    let period = quota::window_name(rule.window).map(|name| format!(" per {name}"));
    let reached = Box::new(LimitReached {
        rule: rule.name.clone(),
        unit: format!("{}{}", quota::unit_name(rule.unit), period.unwrap_or_default()),
        max: quota::amount(rule.unit, rule.max),
        remaining: limit_status.map(|it| quota::amount(rule.unit, it.remaining)),
        asked: quota::amount(rule.unit, asked),
        fits,
        headers: limit_status
            .map(|it| quota::headers(rules, std::slice::from_ref(it), now))
            .unwrap_or_default(),
    });
    match rule.unit {
        Unit::Usd => Failure::Client(ClientFailure::BudgetSpent(reached)),
        Unit::Requests | Unit::Images | Unit::Megapixels | Unit::Concurrent => {
            Failure::Client(ClientFailure::LimitReached(reached))
        }
    }
}
