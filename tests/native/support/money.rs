//! Prices, rules, and what clients and operators see of them.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use imagegate::exchange::{End, ResponseHead, Shared, Vm};
use imagegate::limits::{Conflict, Store};
use serde_json::{Value, json};

use super::client::Client;
use super::codex::generated;
use super::driver::Driver;
use super::{SharedData, config, gate, head, ok};

/// The price of every image of [`priced`], in nano-dollars.
pub(crate) const PRICE: u64 = 211_000_000;

/// Counters that outlive a gate, as those of a host do.
#[derive(Default, Clone)]
pub(crate) struct Counters(Rc<SharedData>);

impl Store for Counters {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        self.0.get(key)
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        self.0.swap(key, value, token)
    }
}

impl Counters {
    /// A gate over these counters.
    pub(crate) fn gate(&self, more: &Value) -> Rc<Shared> {
        Rc::new(Shared::new(config(more), Rc::<Vm>::default(), Box::new(self.clone())))
    }
}

/// A gate under these rules at which every image costs $0.211.
pub(crate) fn priced(limits: &Value) -> Rc<Shared> {
    gate(&json!({"prices": [{"model": "*", "usd": "0.211"}], "limits": limits})).0
}

/// A rule for each user.
pub(crate) fn rule(name: &str, unit: &str, max: Value, window: Option<&str>) -> Value {
    let mut rule = json!({"name": name, "per": "user", "unit": unit, "max": max});
    if let Some(window) = window {
        rule["window"] = Value::from(window);
    }
    rule
}

/// One rule for each unit, named after it. Each admits more than any test asks for.
pub(crate) fn every_unit() -> Value {
    json!([
        rule("requests", "requests", json!(1_000_000), Some("1h")),
        rule("images", "images", json!(1_000_000), Some("day")),
        rule("megapixels", "megapixels", json!(1_000_000), Some("week")),
        rule("concurrent", "concurrent", json!(1_000_000), None),
        rule("usd", "usd", json!("1000000"), Some("month")),
    ])
}

/// The answer to a head alone.
pub(crate) fn get(gate: &Rc<Shared>, more: &[(&str, &str)], now: Duration) -> Client {
    let mut lines = vec![(":method", "GET"), (":path", "/v1/images/limits")];
    lines.extend(more);
    let mut driver = Driver::new(gate);
    driver.now = now;
    driver.request_head(&head(&lines), End::Stream).clone()
}

/// The status of a rule for the caller: used, reserved and remaining, as a client reads them.
pub(crate) fn standing(gate: &Rc<Shared>, rule: &str, now: Duration) -> [Value; 3] {
    let list = get(gate, &[], now).json();
    let entry = list["data"].as_array().unwrap().iter().find(|entry| entry["name"] == rule);
    let entry = entry.unwrap_or_else(|| panic!("no {rule} in {list}"));
    ["used", "reserved", "remaining"].map(|field| entry[field].clone())
}

/// What is used and what is reserved under [`every_unit`], each as text.
pub(crate) fn totals(gate: &Rc<Shared>, now: Duration) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    ["requests", "images", "megapixels", "concurrent", "usd"]
        .iter()
        .map(|rule| {
            let [used, reserved, _] = standing(gate, rule, now);
            (text(&used), text(&reserved))
        })
        .collect()
}

/// [`totals`] with these amounts used, and nothing reserved.
pub(crate) fn used(amounts: [&str; 4]) -> Vec<(String, String)> {
    let [requests, images, megapixels, usd] = amounts;
    [requests, images, megapixels, "0", usd]
        .map(|amount| (amount.to_owned(), "0".to_owned()))
        .to_vec()
}

/// The same, and the place in flight of one request whose client may not have its answer yet.
pub(crate) fn in_flight(amounts: [&str; 4]) -> Vec<(String, String)> {
    let mut totals = used(amounts);
    totals[3] = ("0".to_owned(), "1".to_owned());
    totals
}

/// A stream with an image of this quality and size.
pub(crate) fn image(quality: &str, size: &str) -> Vec<u8> {
    let usage = json!({"input_tokens": 30,
        "input_tokens_details": {"image_tokens": 20, "text_tokens": 10},
        "output_tokens": 196, "total_tokens": 226});
    generated(&json!({"quality": quality, "size": size}), &json!({}), &usage)
}

/// Answers call `place` of a request completely. Returns the reply, if there is one now. Call 0 is
/// the client's own stream, and the others have the tokens from 0 on.
pub(crate) fn call(
    driver: &mut Driver,
    place: u32,
    head: Option<ResponseHead>,
    bytes: &[u8],
) -> Option<Client> {
    let waited = driver.client.waits();
    let client = match place.checked_sub(1) {
        None => driver.upstream(head.unwrap_or_default(), &[bytes]),
        Some(token) => driver.side(token, head, bytes),
    };
    (waited && !client.waits()).then(|| client.clone())
}

/// Answers each of `n` calls with the same stream. Returns the reply.
pub(crate) fn all_calls(driver: &mut Driver, n: u32, stream: &[u8]) -> Client {
    let replies: Vec<_> =
        (0..n).filter_map(|place| call(driver, place, Some(ok()), stream)).collect();
    let [reply]: [Client; 1] = replies.try_into().unwrap();
    reply
}

/// What exchanges have counted, for each metric.
#[derive(Default)]
pub(crate) struct Counted(BTreeMap<String, u64>);

impl Counted {
    /// Takes what an exchange has counted since the last call.
    pub(crate) fn take(&mut self, driver: &mut Driver) {
        for count in driver.counts.drain(..).filter(|count| count.amount > 0) {
            *self.0.entry(count.name().into_owned()).or_default() += count.amount;
        }
    }

    /// The sum under this name.
    pub(crate) fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The names of all metrics that grew, and their sums.
    pub(crate) fn all(&self) -> Vec<(&str, u64)> {
        self.0.iter().map(|(name, sum)| (name.as_str(), *sum)).collect()
    }
}
