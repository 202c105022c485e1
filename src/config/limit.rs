//! `limits`: the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::callers::Callers;
use super::engine::Engines;
use super::error::{ConfigError, Fault};
use super::file::LimitFile;
use super::pointer::Pointer;
use super::units::{Amount, Period};
use super::{UnknownUsers, list, text};
use crate::decimal;
use crate::limits::{Engine, Per, Rule, Unit, Window, rls};
use crate::pattern::Pattern;
use crate::prices::Money;

/// The names that a rule may use.
struct People<'a> {
    callers: &'a Callers,
    groups: BTreeSet<&'a str>,
    /// Whether a consumer takes any end user.
    any_user: bool,
    /// Whether there are more, which are not known yet.
    fetches: bool,
}

impl<'a> People<'a> {
    fn new(callers: &'a Callers) -> Self {
        let consumers = &callers.consumers.list;
        let of_consumers = consumers.iter().map(|consumer| consumer.groups());
        let groups = of_consumers.chain(callers.users.values().map(|user| &*user.groups));
        let mut known = BTreeSet::new();
        for group in groups.flatten() {
            known.insert(group.as_str());
        }
        let any_user = consumers.iter().any(|consumer| consumer.takes_any_user());
        Self { callers, groups: known, any_user, fetches: callers.consumers_from.is_some() }
    }

    fn consumer(&self, name: String, here: &Pointer) -> Result<String, ConfigError> {
        if self.callers.consumers.named(&name).is_some() || (self.fetches && text::is_name(&name)) {
            return Ok(name);
        }
        Err(here.fault(Fault::Undefined { what: "consumer", accepted: here.accepted() }))
    }

    fn group(&self, name: String, here: &Pointer) -> Result<String, ConfigError> {
        if self.groups.contains(name.as_str()) || (self.fetches && text::is_name(&name)) {
            return Ok(name);
        }
        Err(here.fault(Fault::Undefined { what: "group", accepted: here.accepted() }))
    }

    /// Whether a user may have any id.
    fn takes_any(&self) -> bool {
        self.any_user || self.fetches
    }

    fn user(&self, id: String, here: &Pointer) -> Result<String, ConfigError> {
        if self.callers.users.contains_key(&id) {
            return Ok(id);
        }
        match self.callers.unknown_users {
            UnknownUsers::Reject if !self.takes_any() => {
                Err(here.fault(Fault::Undefined { what: "user", accepted: here.accepted() }))
            }
            _ if text::is_end_user(&id) => Ok(id),
            _ => Err(here.invalid()),
        }
    }
}

/// Compiles the rules in their order.
///
/// # Errors
///
/// The first field that breaks a rule.
pub(super) fn compile(
    file: Vec<LimitFile>,
    callers: &Callers,
    engines: &Engines,
    models: &[Pattern],
) -> Result<Vec<Rule>, ConfigError> {
    let here = Pointer::default().key("limits");
    if file.len() > MAX_RULES {
        return Err(here.out_of_range());
    }
    let people = People::new(callers);
    let (mut rules, mut names) = (Vec::new(), BTreeMap::new());
    for (index, entry) in file.into_iter().enumerate() {
        let rule = compile_rule(entry, &here.index(index), &people, engines, models)?;
        let place = here.index(index).key("name");
        if let Some(first) = names.insert(rule.name.clone(), index) {
            return Err(place.repeats(&here.index(first).key("name")));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn compile_rule(
    file: LimitFile,
    here: &Pointer,
    people: &People<'_>,
    engines: &Engines,
    models: &[Pattern],
) -> Result<Rule, ConfigError> {
    if !text::is_rule_name(&file.name) {
        return Err(here.key("name").invalid());
    }
    let (per, unit) = (file.per, file.unit);
    let engine = engines.of_rule(unit, file.on_error, here)?;
    let max = compile_max(&file.max, unit, &here.key("max"))?;
    if let (Engine::Rls(_), Err(most)) = (engine, rls::fits(unit, max)) {
        return Err(here.key("max").fault(Fault::TooManyHits { most }));
    }
    let window = compile_window(file.window, unit, &here.key("window"))?;
    Ok(Rule {
        id: Rule::id_of(&file.name, per, unit, window),
        name: file.name,
        per,
        unit,
        max,
        window,
        models: compile_models(file.models, per, models, &here.key("models"))?,
        consumers: list::compile(file.consumers, &here.key("consumers"), |name, here| {
            people.consumer(name, here)
        })?,
        users: list::compile(file.users, &here.key("users"), |id, here| people.user(id, here))?,
        groups: list::compile(file.groups, &here.key("groups"), |name, here| {
            people.group(name, here)
        })?,
        shadow: file.shadow,
        engine,
    })
}

/// The rule's own patterns. Without any, a rule for each model has those of `all` models: each is
/// counted under a name of the configuration, because clients may write any number of names.
fn compile_models(
    file: Option<Vec<String>>,
    per: Per,
    all: &[Pattern],
    here: &Pointer,
) -> Result<Option<Vec<Pattern>>, ConfigError> {
    let own = list::compile(file, here, list::pattern)?;
    Ok(own.or_else(|| (per == Per::Model).then(|| all.to_vec())))
}

/// The maximum in the rule's own integers: pixels for megapixels, nano-dollars for dollars.
fn compile_max(file: &Amount, unit: Unit, here: &Pointer) -> Result<u64, ConfigError> {
    let mistyped = |found| Err(here.fault(Fault::Type { found, accepted: here.accepted() }));
    let parsed = match (unit, file) {
        (Unit::Requests | Unit::Images | Unit::Concurrent, Amount::Whole(count)) => Some(*count),
        (Unit::Requests | Unit::Images | Unit::Concurrent, Amount::Text(_)) => {
            return mistyped("a string");
        }
        (Unit::Megapixels, Amount::Whole(millions)) => Some(millions.saturating_mul(MEGAPIXEL)),
        (Unit::Megapixels, Amount::Text(text)) => decimal::parse(text, MEGAPIXEL_PLACES),
        (Unit::Usd, Amount::Whole(_)) => return mistyped("a number"),
        (Unit::Usd, Amount::Text(text)) => Money::parse(text).map(Money::nanos),
    };
    let most = match unit {
        Unit::Requests | Unit::Images | Unit::Concurrent => MAX_COUNT,
        Unit::Megapixels => MAX_PIXELS,
        Unit::Usd => MAX_NANODOLLARS,
    };
    match parsed {
        None => Err(here.invalid()),
        Some(max) if (1..=most).contains(&max) => Ok(max),
        Some(_) => Err(here.out_of_range()),
    }
}

fn compile_window(file: Option<Period>, unit: Unit, here: &Pointer) -> Result<Window, ConfigError> {
    match (unit, file) {
        (Unit::Concurrent, None) => Ok(Window::Now),
        (Unit::Concurrent, Some(_)) => Err(here.fault(Fault::WindowOfConcurrent)),
        (_, None) => Err(here.missing()),
        (_, Some(Period(Window::Sliding(length))))
            if !(MIN_WINDOW..=MAX_WINDOW).contains(&length) =>
        {
            Err(here.out_of_range())
        }
        (_, Some(Period(window))) => Ok(window),
    }
}

/// Enough for a budget for each of hundreds of users. Each request reads all rules.
const MAX_RULES: usize = 1_000;
/// Requests or images: a million millions, beyond any window's traffic.
const MAX_COUNT: u64 = 1_000_000_000_000;
/// Pixels of a megapixel.
const MEGAPIXEL: u64 = 1_000_000;
/// Digits after the point of a megapixel.
const MEGAPIXEL_PLACES: usize = 6;
/// A million million megapixels. The sum of it and any request stays below 2^64.
const MAX_PIXELS: u64 = 1_000_000_000_000_000_000;
/// A thousand million dollars, as for pixels.
const MAX_NANODOLLARS: u64 = 1_000_000_000_000_000_000;
/// Envoy's own local rate limit handles bursts within a second.
const MIN_WINDOW: Duration = Duration::from_secs(1);
/// The longest month.
const MAX_WINDOW: Duration = Duration::from_secs(31 * 86_400);
