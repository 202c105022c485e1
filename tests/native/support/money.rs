//! Prices, rules, and what clients and operators are told of them.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use imagegate::exchange::{
    End, Exchange, Gate, LocalReply, OnAnswer, OnRequestHeaders, OnResponseHeaders, ResponseHead,
    Vm,
};
use imagegate::limits::{Conflict, Store};
use serde_json::{Value, json};

use super::codex::generated;
use super::{NOW, SharedData, ask, body, collect, config, gate, head, ok};

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
    pub(crate) fn gate(&self, more: &Value) -> Rc<Gate> {
        Rc::new(Gate::new(config(more), Rc::<Vm>::default(), Box::new(self.clone())))
    }
}

/// A gate under these rules at which every image costs $0.211.
pub(crate) fn priced(limits: &Value) -> Rc<Gate> {
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

/// A rule of each unit, by its name, that admits more than any test asks for.
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
pub(crate) fn get(gate: &Rc<Gate>, more: &[(&str, &str)], now: Duration) -> LocalReply {
    let mut lines = vec![(":method", "GET"), (":path", "/v1/images/limits")];
    lines.extend(more);
    match Exchange::new(Rc::clone(gate)).request_headers(&head(&lines), End::Stream, now) {
        OnRequestHeaders::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

/// How a rule stands for the caller: used, reserved and remaining, as the client reads them.
pub(crate) fn standing(gate: &Rc<Gate>, rule: &str, now: Duration) -> [Value; 3] {
    let list = body(&get(gate, &[], now));
    let entry = list["data"].as_array().unwrap().iter().find(|entry| entry["name"] == rule);
    let entry = entry.unwrap_or_else(|| panic!("no {rule} in {list}"));
    ["used", "reserved", "remaining"].map(|field| entry[field].clone())
}

/// What is used and what is held under [`every_unit`], each as text.
pub(crate) fn totals(gate: &Rc<Gate>, now: Duration) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    ["requests", "images", "megapixels", "concurrent", "usd"]
        .iter()
        .map(|rule| {
            let [used, reserved, _] = standing(gate, rule, now);
            (text(&used), text(&reserved))
        })
        .collect()
}

/// [`totals`] of these amounts, with nothing held.
pub(crate) fn used(amounts: [&str; 4]) -> Vec<(String, String)> {
    let [requests, images, megapixels, usd] = amounts;
    [requests, images, megapixels, "0", usd]
        .map(|amount| (amount.to_owned(), "0".to_owned()))
        .to_vec()
}

/// The record of an exchange that ends now.
pub(crate) fn record(exchange: &mut Exchange, status: Option<u16>) -> Value {
    serde_json::from_slice(&exchange.finish(status, NOW).unwrap()).unwrap()
}

/// An exchange that waits for the upstream's answers to `request`.
pub(crate) fn admitted(gate: &Rc<Gate>, request: &Value) -> Exchange {
    let mut exchange = Exchange::new(Rc::clone(gate));
    let forward = ask(&mut exchange, request).unwrap();
    let calls = forward.side_calls.map_or(0, |calls| calls.count);
    (0..calls).for_each(|call| exchange.side_call_started(Some(call)));
    exchange
}

/// The refusal of `request`.
pub(crate) fn refusal(gate: &Rc<Gate>, request: &Value) -> LocalReply {
    ask(&mut Exchange::new(Rc::clone(gate)), request).unwrap_err()
}

/// A stream that brings a picture of this quality and size.
pub(crate) fn picture(quality: &str, size: &str) -> Vec<u8> {
    let usage = json!({"input_tokens": 30, "input_tokens_details": {"image_tokens": 20, "text_tokens": 10},
        "output_tokens": 196, "total_tokens": 226});
    drawn(&json!({"quality": quality, "size": size}), &json!({}), &usage)
}

/// A stream that brings a picture: with these members of its item, of the tool as the response echoes it, and
/// with this usage.
pub(crate) fn drawn(more: &Value, tool: &Value, usage: &Value) -> Vec<u8> {
    generated(more, tool, usage)
}

/// Gives call `place` of an exchange an answer, whole; the reply if it was the last.
pub(crate) fn call(
    exchange: &mut Exchange,
    place: u32,
    head: Option<ResponseHead>,
    bytes: &[u8],
) -> Option<LocalReply> {
    let answer = match place.checked_sub(1) {
        None => {
            match exchange.response_headers(head.unwrap_or_default(), End::Open, NOW) {
                OnResponseHeaders::Reply(reply) => return Some(reply),
                OnResponseHeaders::Hold
                | OnResponseHeaders::Pass
                | OnResponseHeaders::Restore(_) => {}
            }
            collect(exchange, bytes.to_vec(), End::Stream, NOW)
        }
        Some(token) => {
            exchange.side_call_headers(token, head, NOW);
            exchange.side_call_body(token, bytes.to_vec(), NOW);
            exchange.side_call_end(token, NOW)
        }
    };
    match answer {
        OnAnswer::Reply(reply) => Some(reply),
        OnAnswer::Hold | OnAnswer::Pass => None,
    }
}

/// Gives each of `n` calls the same stream; the reply.
pub(crate) fn all_calls(exchange: &mut Exchange, n: u32, stream: &[u8]) -> LocalReply {
    let replies: Vec<_> =
        (0..n).filter_map(|place| call(exchange, place, Some(ok()), stream)).collect();
    let [reply]: [LocalReply; 1] = replies.try_into().unwrap();
    reply
}

/// The only header of this name.
pub(crate) fn header<'r>(reply: &'r LocalReply, name: &str) -> Option<&'r str> {
    let mut values = reply.headers.iter().filter(|(it, _)| *it == name);
    let value = values.next().map(|(_, value)| value.as_str());
    assert!(values.next().is_none(), "{name} came twice");
    value
}

/// What exchanges have told the metrics, by name.
#[derive(Default)]
pub(crate) struct Counted(BTreeMap<String, u64>);

impl Counted {
    /// Takes what the exchange has to tell.
    pub(crate) fn take(&mut self, exchange: &mut Exchange) {
        for count in exchange.take_counts().into_iter().filter(|count| count.amount > 0) {
            *self.0.entry(count.name()).or_default() += count.amount;
        }
    }

    /// The sum under this name.
    pub(crate) fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// All names that grew, and their sums.
    pub(crate) fn all(&self) -> Vec<(&str, u64)> {
        self.0.iter().map(|(name, sum)| (name.as_str(), *sum)).collect()
    }
}
