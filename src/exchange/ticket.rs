//! What a request holds under the rules, from its admission to its end: reserved once, settled once.
//!
//! The price is known before anything leaves: `n` times the most that one image of it may cost. What is
//! delivered is charged, at what came back; a request that brings nothing costs nothing but a request.

use std::time::Duration;

use super::gate::Gate;
use crate::config::Model;
use crate::limits::local::{self, Error, Outcome, Refused, Reservation};
use crate::limits::{Rule, Scope, Unit};
use crate::openai::error::{Failure, LimitReached};
use crate::openai::model::Family;
use crate::openai::request::ImageRequest;
use crate::openai::size::Size;
use crate::prices::{Ask, Came, Money, Quote, Tokens};
use crate::translate::collect::Picture;
use crate::translate::quota;

/// A hold outlives its request's time-out by this much before it is taken for lost.
const GRACE: Duration = Duration::from_secs(60);
/// The pixels of the largest standard size, which `auto` may become.
const AUTO_PIXELS: u64 = 1536 * 1024;

/// A request's place under the rules.
#[derive(Debug)]
pub(super) struct Ticket {
    reservation: Reservation,
    /// The shadow rules that would have refused, by name.
    pub(super) shadowed: Vec<String>,
    quote: Quote,
    asked: Asked,
    n: u32,
}

/// What was asked for, as prices know it.
#[derive(Debug)]
struct Asked {
    model: String,
    quality: Option<String>,
    size: Option<(u32, u32)>,
}

/// What a request is charged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    pub(super) outcome: Outcome,
    /// An image came of another size or quality than was asked for.
    pub(super) mismatch: bool,
}

impl Ticket {
    /// Reserves all that `request` may take, or nothing.
    pub(super) fn reserve(
        gate: &Gate,
        scope: &Scope<'_>,
        model: &Model<'_>,
        request: &ImageRequest<'_>,
        now: Duration,
    ) -> Result<Self, Failure> {
        let asked = Asked {
            model: model.sent.to_string(),
            quality: request.quality.map(|quality| quality.as_str().to_owned()),
            size: match request.size {
                Size::Auto => None,
                Size::Exact { width, height } => Some((width, height)),
            },
        };
        let rules = gate.config.limits();
        let quote = match gate.config.prices().quote(&asked.ask(&asked.qualities())) {
            Ok(quote) => quote,
            Err(_)
                if rules
                    .iter()
                    .any(|it| it.unit == Unit::Usd && !it.shadow && it.applies(scope)) =>
            {
                return Err(Failure::PriceUnavailable { model: model.requested.to_string() });
            }
            Err(_) => Quote::default(),
        };
        let amount = |unit| asked.amount(unit, request.n, quote);
        let patience = model.upstream.timeout().saturating_add(GRACE);
        let reserved = local::reserve(gate.store(), rules, scope, &amount, patience, now)
            .map_err(|error| failure(rules, error, &amount, now))?;
        let name = |place: &usize| rules.get(*place).map(|rule| rule.name.clone());
        Ok(Self {
            reservation: reserved.reservation,
            shadowed: reserved.shadowed.iter().filter_map(name).collect(),
            quote,
            asked,
            n: request.n,
        })
    }

    /// The money held.
    pub(super) fn reserved(&self) -> Money {
        self.quote.per_image.times(u64::from(self.n))
    }

    /// What `pictures` come to, if they are delivered.
    pub(super) fn charge(&self, gate: &Gate, pictures: &[Picture]) -> Charge {
        let qualities = self.asked.qualities();
        let ask = self.asked.ask(&qualities);
        let images = u64::try_from(pictures.len()).unwrap_or(u64::MAX);
        let mut charge = Charge::nothing();
        charge.outcome.images = images;
        let mut money = Money::ZERO;
        for picture in pictures {
            let attributes = &picture.attributes;
            let size = attributes.size.as_deref().and_then(Size::parse).and_then(exact);
            let came =
                Came { quality: attributes.quality.as_deref(), size, usage: tokens(picture) };
            let settled = gate.config.prices().settle(&ask, &came, &self.quote);
            money = money.plus(settled.money);
            charge.mismatch |= settled.mismatch;
            let pixels = pixels_of(size.or(self.asked.size));
            charge.outcome.pixels = charge.outcome.pixels.saturating_add(pixels);
        }
        charge.outcome.nanodollars = money.nanos();
        charge
    }

    /// Counts what came of the request and gives the rest back; how the rules then stand, as
    /// `x-ratelimit-*`.
    pub(super) fn settle(
        self,
        gate: &Gate,
        charge: &Charge,
        now: Duration,
    ) -> Vec<(&'static str, String)> {
        let rules = gate.config.limits();
        let settled = local::settle(gate.store(), rules, &self.reservation, &charge.outcome, now);
        // Where the counters cannot be reached the hold expires by itself, and there is nothing to tell.
        settled.map(|standings| quota::headers(rules, &standings, now)).unwrap_or_default()
    }
}

impl Charge {
    /// Nothing was delivered: a request that went upstream is all that counts.
    pub(super) fn nothing() -> Self {
        Self { outcome: Outcome { requests: 1, ..Outcome::default() }, mismatch: false }
    }
}

impl Asked {
    fn qualities(&self) -> Vec<&'static str> {
        let qualities = Family::of(&self.model).qualities();
        qualities.iter().map(|quality| quality.as_str()).filter(|it| *it != "auto").collect()
    }

    fn ask<'a>(&'a self, qualities: &'a [&'a str]) -> Ask<'a> {
        Ask { model: &self.model, quality: self.quality.as_deref(), size: self.size, qualities }
    }

    /// What `n` images may take of a unit.
    fn amount(&self, unit: Unit, n: u32, quote: Quote) -> u64 {
        let n = u64::from(n);
        match unit {
            Unit::Requests | Unit::Concurrent => 1,
            Unit::Images => n,
            Unit::Megapixels => pixels_of(self.size).saturating_mul(n),
            Unit::Usd => quote.per_image.times(n).nanos(),
        }
    }
}

fn exact(size: Size) -> Option<(u32, u32)> {
    match size {
        Size::Auto => None,
        Size::Exact { width, height } => Some((width, height)),
    }
}

fn pixels_of(size: Option<(u32, u32)>) -> u64 {
    size.map_or(AUTO_PIXELS, |(width, height)| u64::from(width).saturating_mul(u64::from(height)))
}

/// The tokens of a picture; absent where their kinds were not told.
fn tokens(picture: &Picture) -> Option<Tokens> {
    let usage = picture.usage?;
    let input = usage.input_details?;
    Some(Tokens {
        text_input: input.text_tokens,
        image_input: input.image_tokens,
        output: usage.output_tokens,
    })
}

fn failure(rules: &[Rule], error: Error, amount: &dyn Fn(Unit) -> u64, now: Duration) -> Failure {
    let refused = match error {
        Error::Refused(refused) => refused,
        Error::Full | Error::Store => return Failure::LimitsUnavailable,
    };
    let Some(rule) = rules.get(refused.standing.rule) else { return Failure::LimitsUnavailable };
    let reached = Box::new(reached(rules, rule, &refused, amount(rule.unit), now));
    match rule.unit {
        Unit::Usd => Failure::BudgetSpent(reached),
        Unit::Requests | Unit::Images | Unit::Megapixels | Unit::Concurrent => {
            Failure::LimitReached(reached)
        }
    }
}

fn reached(
    rules: &[Rule],
    rule: &Rule,
    refused: &Refused,
    asked: u64,
    now: Duration,
) -> LimitReached {
    let retry_after = match rule.unit {
        // Whoever is in flight may land any moment.
        Unit::Concurrent => refused.fits_at.map(|_| Duration::from_secs(1)),
        _ => refused.fits_at.map(|at| at.saturating_sub(now)),
    };
    let period = quota::window_name(rule.window).map(|name| format!(" per {name}"));
    LimitReached {
        rule: rule.name.clone(),
        unit: format!("{}{}", quota::unit_name(rule.unit), period.unwrap_or_default()),
        max: quota::amount(rule.unit, rule.max),
        remaining: quota::amount(rule.unit, refused.standing.remaining),
        asked: quota::amount(rule.unit, asked),
        retry_after,
        headers: quota::headers(rules, std::slice::from_ref(&refused.standing), now),
    }
}
