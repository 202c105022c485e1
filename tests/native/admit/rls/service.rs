//! A rate-limit service whose answers a test writes, and what it was asked.

use std::rc::Rc;

use imagegate::exchange::{Shared, Vm};
use prost::Message;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::driver::{Check, Driver};
use crate::support::money::{Counters, get, rule};
use crate::support::{NOW, config};

/// A `RateLimitRequest`, declared separately from the code that writes it.
#[derive(Clone, PartialEq, Message)]
pub(in crate::admit::rls) struct Asked {
    #[prost(string, tag = "1")]
    pub(in crate::admit::rls) domain: String,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::admit::rls) descriptors: Vec<Descriptor>,
    #[prost(uint32, tag = "3")]
    pub(in crate::admit::rls) hits_addend: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::admit::rls) struct Descriptor {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::admit::rls) entries: Vec<Entry>,
    #[prost(message, optional, tag = "3")]
    pub(in crate::admit::rls) hits_addend: Option<u64>,
    #[prost(bool, tag = "4")]
    pub(in crate::admit::rls) is_negative_hits: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::admit::rls) struct Entry {
    #[prost(string, tag = "1")]
    pub(in crate::admit::rls) key: String,
    #[prost(string, tag = "2")]
    pub(in crate::admit::rls) value: String,
}

/// `overall_code: OK`, and nothing else.
pub(in crate::admit::rls) const OK: &[u8] = &[8, 1];
pub(in crate::admit::rls) const OVER_LIMIT: &[u8] = &[8, 2];

pub(in crate::admit::rls) fn asked(message: &[u8]) -> Asked {
    Asked::decode(message).unwrap()
}

/// OVER_LIMIT or OK with a status: 10,000 hits in all, this many left, 35 s to go.
pub(in crate::admit::rls) fn status(code: u8, remaining: u8) -> Vec<u8> {
    vec![8, code, 18, 11, 18, 3, 8, 0x90, 0x4e, 24, remaining, 34, 2, 8, 35]
}

pub(in crate::admit::rls) struct Setup {
    pub(in crate::admit::rls) gate: Rc<Shared>,
    pub(in crate::admit::rls) vm: Rc<Vm>,
}

impl Setup {
    pub(in crate::admit::rls) fn new(engine: &Value, limits: &Value) -> Self {
        Self::leaving(engine, limits, "release")
    }

    /// The same with this `on_abandon`.
    pub(in crate::admit::rls) fn leaving(engine: &Value, limits: &Value, on_abandon: &str) -> Self {
        let more = json!({"prices": [{"model": "*", "usd": "0.211"}], "limits": limits,
            "engine": engine, "on_abandon": on_abandon});
        let vm = Rc::<Vm>::default();
        let gate = Shared::new(config(&more), Rc::clone(&vm), Box::<Counters>::default());
        Self { gate: Rc::new(gate), vm }
    }

    /// Sends a whole request. The checks that it starts have the tokens 100, 101, ….
    pub(in crate::admit::rls) fn ask(&self, request: &Value) -> Driver {
        Driver::ask(&self.gate, request)
    }

    /// Sends a request for one image that starts checks.
    pub(in crate::admit::rls) fn checking(&self) -> Driver {
        let driver = self.ask(&json!({"prompt": "p"}));
        assert!(!driver.checks.is_empty() && driver.client.waits());
        driver
    }

    pub(in crate::admit::rls) fn releases(&self) -> Vec<Asked> {
        let releases = self.vm.take_settlements(usize::MAX);
        releases.iter().map(|it| asked(&it.message)).collect()
    }

    /// What is used and reserved of `concurrent`, which is counted locally.
    pub(in crate::admit::rls) fn in_flight(&self) -> [Value; 2] {
        let list = get(&self.gate, &[], NOW).json();
        let entry = list["data"].as_array().unwrap().iter().find(|it| it["unit"] == "concurrent");
        ["used", "reserved"].map(|field| entry.unwrap()[field].clone())
    }
}

/// A service that refunds hits, so that all rules are checked at once, with `more` laid over it.
pub(in crate::admit::rls) fn engine(more: &Value) -> Value {
    let mut engine = json!({"kind": "rls", "releases": "negative_hits"});
    for (key, value) in more.as_object().unwrap() {
        engine[key] = value.clone();
    }
    engine
}

pub(in crate::admit::rls) fn four_rules() -> Value {
    json!([
        rule("rpm", "requests", json!(60), Some("1m")),
        rule("images", "images", json!(10), Some("day")),
        rule("in-flight", "concurrent", json!(4), None),
        rule("budget", "usd", json!("1.00"), Some("month")),
    ])
}

/// The service answers checks in turn, the one of token 100 first.
pub(in crate::admit::rls) fn answer(driver: &mut Driver, answers: &[Option<&[u8]>]) {
    for (token, message) in (100..).zip(answers) {
        driver.answer_check(token, *message);
    }
}

/// The rules of the checks that have been started, in their order.
pub(in crate::admit::rls) fn rules(driver: &Driver) -> Vec<String> {
    let rule = |it: &Check| asked(&it.message).descriptors[0].entries[0].value.clone();
    driver.checks.iter().map(rule).collect()
}

pub(in crate::admit::rls) fn error(reply: &Client) -> (u16, String, String) {
    let error = &reply.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (reply.status, text("code"), text("message"))
}

pub(in crate::admit::rls) fn released(setup: &Setup) -> Vec<(String, u32)> {
    let releases = setup.releases();
    assert!(releases.iter().all(|it| it.descriptors[0].is_negative_hits));
    releases
        .into_iter()
        .map(|it| (it.descriptors[0].entries[0].value.clone(), it.hits_addend))
        .collect()
}
