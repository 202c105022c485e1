//! Which host models upstreams have refused lately: shared by all workers, so that requests start
//! with one that works.
//!
//! It is lines of the [`shared`] notes: for each refused model one with the Unix milliseconds until
//! which it is not used, a space and its name.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{Candidate, Upstream};
use crate::exchange::shared::Shared;
use crate::limits::Store;
use crate::pool::shared::{self, Place};

/// The host models of one upstream, for one request.
#[derive(Debug, Default, Clone)]
pub(crate) struct Order {
    /// In the order in which they are tried. Empty for an upstream of the Images API.
    pub(crate) names: Vec<Rc<str>>,
    /// All were refused lately: only the one whose time ends first is tried, to find out when one
    /// works again without asking all of them for each request.
    pub(crate) is_probe: bool,
}

/// A model that is not used, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    until: Duration,
    name: String,
}

/// The orders of all chosen candidates. One whose models were all refused goes after the others.
pub(crate) fn order(candidates: &mut Vec<Candidate<'_>>, now: Duration) -> Vec<Order> {
    let orders = |it: &Candidate<'_>| order_of(it.upstream, &it.notes, now);
    let all = candidates.drain(..).map(|it| (orders(&it), it));
    let (probes, others): (Vec<_>, Vec<_>) = all.partition(|(order, _)| order.is_probe);
    let mut list = Vec::with_capacity(probes.len().saturating_add(others.len()));
    for (order, mut candidate) in others.into_iter().chain(probes) {
        candidate.host_model = order.names.first().cloned();
        candidates.push(candidate);
        list.push(order);
    }
    list
}

fn order_of(upstream: &Upstream, notes: &str, now: Duration) -> Order {
    let names = match upstream.first_host_model() {
        None => return Order::default(),
        Some(_) => upstream.host_models().names(),
    };
    if names.len() == 1 {
        return Order { names: names.to_vec(), is_probe: false };
    }
    let refused = parse(notes);
    let until = |name: &str| {
        let it = refused.iter().find(|it| it.name == name)?;
        Some(it.until).filter(|until| *until > now)
    };
    let live: Vec<_> = names.iter().filter(|name| until(name).is_none()).cloned().collect();
    if !live.is_empty() {
        return Order { names: live, is_probe: false };
    }
    let first = names.iter().min_by_key(|name| until(name)).cloned();
    Order { names: first.into_iter().collect(), is_probe: true }
}

/// Notes that `upstream` refused `name`; whether it has refused all of them.
pub(crate) fn refuse(shared: &Shared, upstream: &Upstream, name: &str, now: Duration) -> bool {
    let until = now.saturating_add(upstream.host_models().cooldown());
    write(shared.store(), upstream, now, |refused| {
        refused.retain(|it| it.name != name);
        refused.push(Refused { until, name: name.to_owned() });
    });
    let refused = read(shared.store(), upstream);
    let is_refused = |name: &Rc<str>| refused.iter().any(|it| *it.name == **name && it.until > now);
    upstream.host_models().names().iter().all(is_refused)
}

/// Notes that `upstream` served `name` after all.
pub(crate) fn serve(shared: &Shared, upstream: &Upstream, name: &str, now: Duration) {
    let is_refused = read(shared.store(), upstream).iter().any(|it| it.name == name);
    if is_refused {
        write(shared.store(), upstream, now, |refused| refused.retain(|it| it.name != name));
    }
}

fn write(
    store: &dyn Store,
    upstream: &Upstream,
    now: Duration,
    change: impl Fn(&mut Vec<Refused>),
) {
    let known = |it: &Refused| upstream.host_models().names().iter().any(|name| **name == *it.name);
    shared::change(store, place(upstream), &[REFUSED], |notes| {
        let mut refused = parse(notes);
        change(&mut refused);
        // What is of no use any more goes, so that the value stays as small as the configuration.
        refused.retain(|it| it.until > now && known(it));
        let line = |it: &Refused| format!("{REFUSED} {} {}", it.until.as_millis(), it.name);
        Some(refused.iter().map(line).collect())
    });
}

fn read(store: &dyn Store, upstream: &Upstream) -> Vec<Refused> {
    parse(&shared::read(store, place(upstream)))
}

fn parse(notes: &str) -> Vec<Refused> {
    let refused = shared::lines(notes, REFUSED).filter_map(|line| {
        let (until, name) = line.split_once(' ')?;
        let until = Duration::from_millis(until.parse().ok()?);
        Some(Refused { until, name: name.to_owned() })
    });
    refused.collect()
}

fn place(upstream: &Upstream) -> Place<'_> {
    Place { name: upstream.name(), fingerprint: upstream.fingerprint() }
}

/// The word of its lines.
const REFUSED: &str = "refused";
