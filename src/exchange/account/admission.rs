//! What a request holds under the rules, from its admission to its end: reserved once, settled
//! once.
//!
//! The price is known before anything leaves: `n` times the most that one image of it may cost.
//! What is delivered is charged, at what came back; a request that brings nothing costs nothing but
//! a request.

use std::time::Duration;

use super::charge::Charge;
use super::quote::{self, CandidateQuote};
use super::rejection::{self, Rejection};
use crate::config::Model;
use crate::exchange::shared::Shared;
use crate::exchange::upstream::result::Generated;
use crate::limits::local::{self, LimitStatus, Outcome, Reservation};
use crate::limits::rls::{self, Check, Decision};
use crate::limits::{Engine, OnError, Rule, Scope, Unit};
use crate::openai::error::{Failure, GatewayFailure};
use crate::openai::request::ImageRequest;
use crate::prices::Money;
use crate::translate::quota;

/// A hold outlives its request's timeout by this much before it is taken for lost.
const GRACE: Duration = Duration::from_secs(60);
/// While an answer is on its way, its places in flight are held anew this often. The timeout may
/// have passed when it leaves, but not the grace.
const RENEWAL: Duration = Duration::from_secs(20);

/// A request's place under the rules.
#[derive(Debug)]
pub(crate) struct Admission {
    reservation: Reservation,
    /// The checks by the rate-limit service that are to be made.
    checks: Vec<Check>,
    /// Those that it has counted.
    counted: Vec<Counted>,
    /// The shadow rules that would have rejected, by name.
    pub(crate) shadowed: Vec<String>,
    /// The rules that admitted only because the service did not answer, by name.
    pub(crate) unavailable: Vec<String>,
    /// What is requested of each upstream that may serve the request, and at what price.
    quotes: Vec<CandidateQuote>,
    /// What is reserved for one image: the most that one of them may cost.
    amounts: Amounts,
    n: u32,
    /// How long a hold lasts before it is taken for lost.
    patience: Duration,
}

/// A check that the service has counted.
#[derive(Debug)]
struct Counted {
    check: Check,
    /// How the rule stood after it, if the service said so.
    status: Option<LimitStatus>,
    is_admitted: bool,
}

/// What became of a check by the rate-limit service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answer {
    /// The token of its call. `None` if that is not under way.
    pub(crate) token: Option<u32>,
    /// `None` until the answer comes.
    pub(crate) decision: Option<Decision>,
}

impl Answer {
    /// The decision. Without an answer it is unavailable.
    pub(crate) fn decision(&self) -> Decision {
        self.decision.unwrap_or(Decision::Unavailable)
    }
}

/// What one image may take.
#[derive(Debug, Clone, Copy)]
struct Amounts {
    money: Money,
    pixels: u64,
}

/// What became of a settlement.
#[derive(Debug)]
pub(crate) struct Settled {
    /// How the rules then stand.
    pub(crate) statuses: Vec<LimitStatus>,
    /// The counters here could not be reached: what was held expires, and what came is not counted.
    pub(crate) uncounted: bool,
    /// What the request still holds.
    pub(crate) in_flight: InFlight,
}

/// The places in flight of a request that is settled. It holds them until its answer has left.
#[derive(Debug)]
pub(crate) struct InFlight {
    reservation: Reservation,
    /// How long a hold of them lasts.
    patience: Duration,
    /// When it is renewed.
    renewed_at: Duration,
}

impl Admission {
    /// Reserves all that `request` may take, or nothing.
    pub(crate) fn reserve(
        shared: &Shared,
        scope: &Scope<'_>,
        model: &Model<'_>,
        request: &ImageRequest<'_>,
        now: Duration,
    ) -> Result<Self, Failure> {
        let rules = shared.config.limits();
        let quotes = CandidateQuote::all(shared, scope, model, request)?;
        let amounts = Amounts {
            money: quotes.iter().map(CandidateQuote::per_image).max().unwrap_or_default(),
            pixels: quote::pixels(request),
        };
        let amount = |unit| amounts.of(unit, request.n);
        if let Some(rule) = rls::too_large(rules, scope, &amount) {
            return Err(rejection::too_large(rule, amount(rule.unit)));
        }
        let checks = rls::checks(rules, scope, &amount, now);
        let patience = patience(shared, model, checks.len());
        let reserved = local::reserve(shared.counters(), rules, scope, &amount, patience, now)
            .map_err(|error| rejection::local(rules, error, &amount, now))?;
        let name = |place: &usize| rules.get(*place).map(|rule| rule.name.clone());
        Ok(Self {
            reservation: reserved.reservation,
            checks,
            counted: Vec::new(),
            shadowed: reserved.shadowed.iter().filter_map(name).collect(),
            unavailable: Vec::new(),
            quotes,
            amounts,
            n: request.n,
            patience,
        })
    }

    /// What the rate-limit service has to decide before the request may go on.
    pub(crate) fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether a decision on the check at `place` rejects the request, without regard to the
    /// others.
    pub(crate) fn is_final(&self, shared: &Shared, place: usize, decision: Decision) -> bool {
        let rule = self.checks.get(place).and_then(|it| shared.config.limits().get(it.rule));
        rule.is_none_or(|rule| rejects(rule, decision))
    }

    /// Takes the answers to the checks, in their order. The checks after the last answer were never
    /// made. What the service counted stays the admission's to settle, however the request. Of a
    /// check whose answer is still to come, that is the answer's to settle.
    ///
    /// # Errors
    ///
    /// A rule that does not admit: of several the one with the longest wait, and one that says so
    /// before one that could not be checked.
    pub(crate) fn decide(
        &mut self,
        shared: &Shared,
        answers: &[Answer],
        now: Duration,
    ) -> Result<(), Failure> {
        let rules = shared.config.limits();
        let mut rejected: Option<Rejection> = None;
        let mut unanswered = None;
        let checks = std::mem::take(&mut self.checks);
        for (check, answer) in checks.into_iter().zip(answers) {
            let Some(rule) = rules.get(check.rule) else { continue };
            let decision = answer.decision();
            match decision {
                Decision::Unavailable if rejects(rule, decision) => {
                    unanswered = Some(Failure::Gateway(GatewayFailure::LimitsUnavailable));
                }
                Decision::Unavailable => self.unavailable.push(rule.name.clone()),
                Decision::Rejects(_) if rule.shadow => self.shadowed.push(rule.name.clone()),
                Decision::Rejects(status) => {
                    let asked = self.amounts.of(check.unit(), self.n);
                    let next = Rejection::by_service(rules, check.rule, status, asked, now);
                    rejected = Rejection::longest(rejected, next);
                }
                Decision::Admits(_) => {}
            }
            match (decision.status(), answer) {
                (Some(status), _) => {
                    let status = rejection::limit_status(rules, check.rule, status, now);
                    let is_admitted = matches!(decision, Decision::Admits(_));
                    self.counted.push(Counted { check, status, is_admitted });
                }
                (None, Answer { token: Some(token), decision: None }) => {
                    shared.leave_check(*token, check);
                }
                (None, _) => {}
            }
        }
        // A rule `per` group has one check for each group.
        self.unavailable.dedup();
        self.shadowed.dedup();
        rejected.map(|it| it.failure).or(unanswered).map_or(Ok(()), Err)
    }

    /// How the rules stand with what the request holds, as `x-ratelimit-*`.
    pub(crate) fn headers(&self, shared: &Shared, now: Duration) -> Vec<(&'static str, String)> {
        let reported = self.counted.iter().filter_map(|it| it.status.as_ref());
        let statuses: Vec<_> =
            self.reservation.statuses().iter().chain(reported).cloned().collect();
        quota::headers(shared.config.limits(), &statuses, now)
    }

    /// The money held.
    pub(crate) fn reserved(&self) -> Money {
        self.amounts.money.times(u64::from(self.n))
    }

    /// What `images` cost if they are delivered.
    pub(crate) fn charge(&self, shared: &Shared, images: &[Generated]) -> Charge {
        let mut charge = Charge::nothing();
        charge.outcome.images = u64::try_from(images.len()).unwrap_or(u64::MAX);
        let mut money = Money::ZERO;
        for Generated { candidate, image } in images {
            let Some(quote) = self.quotes.get(*candidate) else { continue };
            let (settled, pixels) = quote.settle(shared.config.prices(), image);
            money = money.plus(settled.money);
            charge.mismatch |= settled.mismatch;
            charge.outcome.pixels = charge.outcome.pixels.saturating_add(pixels);
        }
        charge.outcome.nanodollars = money.nanos();
        charge
    }

    /// Adds `images` that no client gets to `charge`, at what was reserved for each.
    pub(crate) fn charge_abandoned(&self, charge: &mut Charge, images: u32) {
        let add = |sum: &mut u64, unit| *sum = sum.saturating_add(self.amounts.of(unit, images));
        add(&mut charge.outcome.images, Unit::Images);
        add(&mut charge.outcome.pixels, Unit::Megapixels);
        add(&mut charge.outcome.nanodollars, Unit::Usd);
    }

    /// Counts what came of the request and gives the rest back, except its places in flight.
    pub(crate) fn settle(mut self, shared: &Shared, charge: &Charge, now: Duration) -> Settled {
        let rules = shared.config.limits();
        let outcome = &charge.outcome;
        let reported = self.settle_counted(shared, outcome, now);
        let settled = local::settle(shared.counters(), rules, &mut self.reservation, outcome, now);
        let uncounted = settled.is_err();
        let mut statuses = settled.unwrap_or_default();
        if !uncounted {
            statuses.extend(reported);
        }
        let (reservation, patience) = (self.reservation, self.patience);
        let in_flight = InFlight { reservation, patience, renewed_at: now };
        Settled { statuses, uncounted, in_flight }
    }
}

impl Admission {
    /// Corrects what the service has counted to what came of the request. Returns how the rules
    /// then stand, as far as the service has said.
    fn settle_counted(
        &mut self,
        shared: &Shared,
        outcome: &Outcome,
        now: Duration,
    ) -> Vec<LimitStatus> {
        let Some(service) = shared.config.service() else { return Vec::new() };
        let mut statuses = Vec::new();
        for Counted { check, status, is_admitted } in std::mem::take(&mut self.counted) {
            let used = outcome.of(check.unit());
            if let Some(message) = check.settle(service, used, now) {
                shared.tell_service(message);
            }
            let Some(mut status) = status else { continue };
            // What is left after a rejection does not depend on what was rejected.
            if is_admitted {
                let max = shared.config.limits().get(check.rule).map_or(0, |rule| rule.max);
                status.remaining = check.left(service, used, status.remaining, now).min(max);
                status.used = max.saturating_sub(status.remaining);
            }
            statuses.push(status);
        }
        statuses
    }
}

impl InFlight {
    /// Gives the places in flight back.
    pub(crate) fn land(self, shared: &Shared, now: Duration) {
        // If the counters cannot be reached, they expire.
        let _ = local::land(shared.counters(), self.reservation, now);
    }

    /// Holds them for longer, if they would expire soon.
    pub(crate) fn renew(&mut self, shared: &Shared, now: Duration) {
        if now.saturating_sub(self.renewed_at) < RENEWAL {
            return;
        }
        self.renewed_at = now;
        let _ = local::renew(shared.counters(), &mut self.reservation, self.patience, now);
    }
}

/// Whether a request may not go on by this decision on `rule`.
fn rejects(rule: &Rule, decision: Decision) -> bool {
    match decision {
        Decision::Admits(_) => false,
        Decision::Rejects(_) => !rule.shadow,
        Decision::Unavailable => rule.engine == Engine::Rls(OnError::Deny) && !rule.shadow,
    }
}

impl Amounts {
    /// What `n` images may take of a unit.
    fn of(self, unit: Unit, n: u32) -> u64 {
        let n = u64::from(n);
        match unit {
            Unit::Requests | Unit::Concurrent => 1,
            Unit::Images => n,
            Unit::Megapixels => self.pixels.saturating_mul(n),
            Unit::Usd => self.money.times(n).nanos(),
        }
    }
}

/// How long a hold lasts before it is taken for lost.
fn patience(shared: &Shared, model: &Model<'_>, checks: usize) -> Duration {
    // A rate-limit service may be asked before the upstream, check by check.
    let checks = u32::try_from(checks).unwrap_or(u32::MAX);
    let service = shared.config.service();
    let asking = service.map_or(Duration::ZERO, |it| it.timeout.saturating_mul(checks));
    model.longest_timeout().saturating_add(GRACE).saturating_add(asking)
}
