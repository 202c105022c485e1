//! What a request holds under the rules, from its admission to its end: reserved once, settled once.
//!
//! The price is known before anything leaves: `n` times the most that one image of it may cost. What is
//! delivered is charged, at what came back; a request that brings nothing costs nothing but a request.

use std::time::Duration;

use super::charge::Charge;
use super::offer::{self, Offer};
use super::refusal;
use crate::config::{Api, Model};
use crate::exchange::shared::Gate;
use crate::exchange::upstream::result::Generated;
use crate::limits::local::{self, Reservation, Standing};
use crate::limits::rls::{self, Question, Verdict};
use crate::limits::{Engine, OnError, Rule, Scope, Unit};
use crate::openai::error::Failure;
use crate::openai::request::ImageRequest;
use crate::prices::Money;
use crate::translate::quota;

/// A hold outlives its request's time-out by this much before it is taken for lost.
const GRACE: Duration = Duration::from_secs(60);

/// A request's place under the rules.
#[derive(Debug)]
pub(crate) struct Ticket {
    reservation: Reservation,
    /// What the rate-limit service is asked, or has counted.
    questions: Vec<Question>,
    /// How the local rules stood behind the reservation, for a client whose head may leave before the
    /// request is settled.
    standings: Vec<Standing>,
    /// How rules stand, as it told.
    told: Vec<Standing>,
    /// The shadow rules that would have refused, by name.
    pub(crate) shadowed: Vec<String>,
    /// The rules that admitted only because the service did not answer, by name.
    pub(crate) unavailable: Vec<String>,
    /// What each upstream that may serve the request is asked for, and at what price.
    offers: Vec<Offer>,
    /// What is reserved for one image: the most that one of them may cost.
    amounts: Amounts,
    n: u32,
}

/// What one image may take.
#[derive(Debug, Clone, Copy)]
struct Amounts {
    money: Money,
    pixels: u64,
}

/// What became of a settlement.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// How the rules then stand, as `x-ratelimit-*`.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The counters here could not be reached: what was held expires, and what came is not counted.
    pub(crate) uncounted: bool,
}

impl Ticket {
    /// Reserves all that `request` may take, or nothing.
    pub(crate) fn reserve(
        gate: &Gate,
        scope: &Scope<'_>,
        model: &Model<'_>,
        request: &ImageRequest<'_>,
        now: Duration,
    ) -> Result<Self, Failure> {
        let rules = gate.config.limits();
        let offers = Offer::all(gate, scope, model, request)?;
        let amounts = Amounts {
            money: offers.iter().map(Offer::per_image).max().unwrap_or_default(),
            pixels: offer::pixels(request),
        };
        let amount = |unit| amounts.of(unit, request.n);
        let patience = patience(gate, model);
        let reserved = local::reserve(gate.store(), rules, scope, &amount, patience, now)
            .map_err(|error| refusal::local(rules, error, &amount, now))?;
        let questions = rls::questions(rules, scope, &amount, now);
        let name = |place: &usize| rules.get(*place).map(|rule| rule.name.clone());
        let leaves_early = request.stream.is_some()
            || gate.config.keepalive().is_some()
            || model.candidates.iter().any(|it| it.upstream.api() == Api::Images);
        Ok(Self {
            reservation: reserved.reservation,
            questions,
            standings: match leaves_early {
                true => local::standings(gate.store(), rules, scope, now),
                false => Vec::new(),
            },
            told: Vec::new(),
            shadowed: reserved.shadowed.iter().filter_map(name).collect(),
            unavailable: Vec::new(),
            offers,
            amounts,
            n: request.n,
        })
    }

    /// What the rate-limit service is to be asked before the request may go on.
    pub(crate) fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// Whether a verdict on the question at `place` refuses the request, whatever others say.
    pub(crate) fn is_final(&self, gate: &Gate, place: usize, verdict: Verdict) -> bool {
        let rule = self.questions.get(place).and_then(|it| gate.config.limits().get(it.rule));
        rule.is_none_or(|rule| refuses(rule, verdict))
    }

    /// Takes the verdicts on the questions, in their order; those behind the last verdict were never
    /// asked. What the service counted stays the ticket's to settle, whatever comes of the request.
    ///
    /// # Errors
    ///
    /// A rule that does not admit: one that says so before one that could not be asked.
    pub(crate) fn decide(
        &mut self,
        gate: &Gate,
        verdicts: &[Verdict],
        now: Duration,
    ) -> Result<(), Failure> {
        let rules = gate.config.limits();
        let mut refused = None;
        let mut unanswered = None;
        let questions = std::mem::take(&mut self.questions);
        for (question, verdict) in questions.into_iter().zip(verdicts) {
            let Some(rule) = rules.get(question.rule) else { continue };
            match verdict {
                Verdict::Unavailable if refuses(rule, *verdict) => {
                    unanswered = Some(Failure::LimitsUnavailable);
                }
                Verdict::Unavailable => self.unavailable.push(rule.name.clone()),
                Verdict::Refuses(_) if rule.shadow => self.shadowed.push(rule.name.clone()),
                Verdict::Refuses(told) if refused.is_none() => {
                    let asked = self.amounts.of(question.unit(), self.n);
                    refused = Some(refusal::rls(rules, question.rule, *told, asked, now));
                }
                Verdict::Refuses(_) => {}
                Verdict::Admits(told) => {
                    self.told.extend(refusal::standing(rules, question.rule, *told, now));
                }
            }
            if *verdict != Verdict::Unavailable {
                self.questions.push(question);
            }
        }
        refused.or(unanswered).map_or(Ok(()), Err)
    }

    /// How the rules stand with what the request holds, as `x-ratelimit-*`.
    pub(crate) fn headers(&self, gate: &Gate, now: Duration) -> Vec<(&'static str, String)> {
        let standings: Vec<_> = self.standings.iter().chain(&self.told).cloned().collect();
        quota::headers(gate.config.limits(), &standings, now)
    }

    /// The money held.
    pub(crate) fn reserved(&self) -> Money {
        self.amounts.money.times(u64::from(self.n))
    }

    /// What `images` cost if they are delivered.
    pub(crate) fn charge(&self, gate: &Gate, images: &[Generated]) -> Charge {
        let mut charge = Charge::nothing();
        charge.outcome.images = u64::try_from(images.len()).unwrap_or(u64::MAX);
        let mut money = Money::ZERO;
        for Generated { candidate, image } in images {
            let Some(offer) = self.offers.get(*candidate) else { continue };
            let (settled, pixels) = offer.settle(gate.config.prices(), image);
            money = money.plus(settled.money);
            charge.mismatch |= settled.mismatch;
            charge.outcome.pixels = charge.outcome.pixels.saturating_add(pixels);
        }
        charge.outcome.nanodollars = money.nanos();
        charge
    }

    /// Counts what came of the request and gives the rest back.
    pub(crate) fn settle(self, gate: &Gate, charge: &Charge, now: Duration) -> Settled {
        let rules = gate.config.limits();
        if let Some(service) = gate.config.service() {
            let settle = |it: &Question| it.settle(service, charge.outcome.of(it.unit()), now);
            self.questions.iter().filter_map(settle).for_each(|message| gate.tell_service(message));
        }
        match local::settle(gate.store(), rules, &self.reservation, &charge.outcome, now) {
            Ok(mut standings) => {
                standings.extend(self.told);
                Settled { headers: quota::headers(rules, &standings, now), uncounted: false }
            }
            Err(_) => Settled { headers: Vec::new(), uncounted: true },
        }
    }
}

/// Whether a request may not go on by this verdict on `rule`.
fn refuses(rule: &Rule, verdict: Verdict) -> bool {
    match verdict {
        Verdict::Admits(_) => false,
        Verdict::Refuses(_) => !rule.shadow,
        Verdict::Unavailable => rule.engine == Engine::Rls(OnError::Deny) && !rule.shadow,
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

/// How long a hold stands before it is taken for lost.
fn patience(gate: &Gate, model: &Model<'_>) -> Duration {
    // A rate-limit service may be asked before the upstream, rule by rule.
    let rules = u32::try_from(gate.config.limits().len()).unwrap_or(u32::MAX);
    let service = gate.config.service();
    let asking = service.map_or(Duration::ZERO, |it| it.timeout.saturating_mul(rules));
    model.longest_timeout().saturating_add(GRACE).saturating_add(asking)
}
