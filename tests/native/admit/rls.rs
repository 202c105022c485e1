//! Rules that a rate-limit service counts: whole exchanges with scripted answers, without Envoy.

mod any_order;
mod late;

use std::rc::Rc;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::driver::{Check, Driver, Host};
use crate::support::money::{Counters, all_calls, get, image, rule};
use crate::support::{NOW, config, head};
use imagegate::exchange::{Shared, Vm};
use prost::Message;
use serde_json::{Value, json};

/// A `RateLimitRequest`, declared separately from the code that writes it.
#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(message, repeated, tag = "2")]
    descriptors: Vec<Descriptor>,
    #[prost(uint32, tag = "3")]
    hits_addend: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Descriptor {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
    #[prost(message, optional, tag = "3")]
    hits_addend: Option<u64>,
    #[prost(bool, tag = "4")]
    is_negative_hits: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `overall_code: OK`, and nothing else.
const OK: &[u8] = &[8, 1];
const OVER_LIMIT: &[u8] = &[8, 2];

fn asked(message: &[u8]) -> Asked {
    Asked::decode(message).unwrap()
}

/// OVER_LIMIT or OK with a status: 10,000 hits in all, this many left, 35 s to go.
fn status(code: u8, remaining: u8) -> Vec<u8> {
    vec![8, code, 18, 11, 18, 3, 8, 0x90, 0x4e, 24, remaining, 34, 2, 8, 35]
}

struct Setup {
    gate: Rc<Shared>,
    vm: Rc<Vm>,
}

impl Setup {
    fn new(engine: &Value, limits: &Value) -> Self {
        Self::leaving(engine, limits, "release")
    }

    /// The same with this `on_abandon`.
    fn leaving(engine: &Value, limits: &Value, on_abandon: &str) -> Self {
        let more = json!({"prices": [{"model": "*", "usd": "0.211"}], "limits": limits,
            "engine": engine, "on_abandon": on_abandon});
        let vm = Rc::<Vm>::default();
        let gate = Shared::new(config(&more), Rc::clone(&vm), Box::<Counters>::default());
        Self { gate: Rc::new(gate), vm }
    }

    /// Sends a whole request. The checks that it starts have the tokens 100, 101, ….
    fn ask(&self, request: &Value) -> Driver {
        Driver::ask(&self.gate, request)
    }

    /// Sends a request for one image that starts checks.
    fn checking(&self) -> Driver {
        let driver = self.ask(&json!({"prompt": "p"}));
        assert!(!driver.checks.is_empty() && driver.client.waits());
        driver
    }

    fn releases(&self) -> Vec<Asked> {
        let releases = self.vm.take_settlements(usize::MAX);
        releases.iter().map(|it| asked(&it.message)).collect()
    }

    /// What is used and reserved of `concurrent`, which is counted locally.
    fn in_flight(&self) -> [Value; 2] {
        let list = get(&self.gate, &[], NOW).json();
        let entry = list["data"].as_array().unwrap().iter().find(|it| it["unit"] == "concurrent");
        ["used", "reserved"].map(|field| entry.unwrap()[field].clone())
    }
}

/// A service that refunds hits, so that all rules are checked at once, with `more` laid over it.
fn engine(more: &Value) -> Value {
    let mut engine = json!({"kind": "rls", "releases": "negative_hits"});
    for (key, value) in more.as_object().unwrap() {
        engine[key] = value.clone();
    }
    engine
}

fn four_rules() -> Value {
    json!([
        rule("rpm", "requests", json!(60), Some("1m")),
        rule("images", "images", json!(10), Some("day")),
        rule("in-flight", "concurrent", json!(4), None),
        rule("budget", "usd", json!("1.00"), Some("month")),
    ])
}

/// The service answers checks in turn, the one of token 100 first.
fn answer(driver: &mut Driver, answers: &[Option<&[u8]>]) {
    for (token, message) in (100..).zip(answers) {
        driver.answer_check(token, *message);
    }
}

/// The rules of the checks that have been started, in their order.
fn rules(driver: &Driver) -> Vec<String> {
    let rule = |it: &Check| asked(&it.message).descriptors[0].entries[0].value.clone();
    driver.checks.iter().map(rule).collect()
}

fn error(reply: &Client) -> (u16, String, String) {
    let error = &reply.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (reply.status, text("code"), text("message"))
}

#[test]
fn each_rule_of_the_service_is_one_check_and_requests_in_flight_are_counted_here() {
    let setup = Setup::new(&engine(&json!({"domain": "fleet"})), &four_rules());
    let driver = setup.ask(&json!({"prompt": "p", "n": 2}));
    assert_eq!(driver.checks[0].cluster, "ratelimit");
    assert_eq!(driver.checks[0].timeout, Duration::from_millis(50));
    let asked: Vec<_> = driver.checks.iter().map(|it| asked(&it.message)).collect();
    let hits: Vec<_> = asked
        .iter()
        .map(|it| (it.descriptors[0].entries[0].value.as_str(), it.hits_addend))
        .collect();
    assert_eq!(hits, [("rpm", 1), ("images", 2), ("budget", 4_220)]);
    assert!(
        asked.iter().all(|it| it.domain == "fleet" && it.descriptors[0].entries[1].key == "user")
    );
    assert_eq!(setup.in_flight(), [json!(0), json!(1)]);
}

#[test]
fn a_request_goes_on_when_the_last_check_is_answered_and_its_side_calls_with_it() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let mut driver = setup.ask(&json!({"prompt": "p", "n": 3}));
    for token in [102, 100] {
        assert!(driver.answer_check(token, Some(OK)).waits(), "{token}");
        assert!(!driver.forwarded && driver.calls.is_empty(), "{token}");
    }
    // A second answer, and one to no check, change nothing.
    driver.answer_check(100, Some(OVER_LIMIT));
    driver.answer_check(7, Some(OVER_LIMIT));
    assert!(!driver.forwarded);
    driver.answer_check(101, Some(OK));
    assert!(driver.forwarded && driver.calls.len() == 2);
    assert!(driver.calls.iter().all(|call| call.body == *driver.sent().body));
    // Nor does an answer after the decision.
    driver.answer_check(101, Some(OVER_LIMIT));
    let reply = all_calls(&mut driver, 3, &image("low", "1024x1024"));
    assert_eq!(reply.status, 200);
    let record = driver.close(Some(200));
    assert_eq!(record["reserved_nanodollars"], 633_000_000);
    assert_eq!(record["settled_nanodollars"], 633_000_000);
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}

#[test]
fn the_rule_that_rejects_is_named_with_what_is_left_and_when_to_retry() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let mut driver = setup.checking();
    driver.answer_check(100, Some(&status(2, 0)));
    driver.answer_check(101, Some(OK));
    driver.answer_check(102, Some(OK));
    let reply = driver.client.clone();
    let (status, code, message) = error(&reply);
    assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"));
    assert!(message.contains("'rpm'") && message.contains(" 0 left"), "{message}");
    assert_eq!(reply.header("retry-after"), Some("35"));
    assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some("0"));
    let record = driver.close(Some(429));
    assert_eq!((&record["rule"], &record["reserved_nanodollars"]), (&json!("rpm"), &json!(0)));
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}

#[test]
fn a_budget_of_the_service_is_a_quota_also_without_details() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let mut driver = setup.checking();
    driver.answer_check(100, Some(OK));
    driver.answer_check(101, Some(OK));
    driver.answer_check(102, Some(OVER_LIMIT));
    let reply = driver.client.clone();
    let (status, code, message) = error(&reply);
    assert_eq!((status, code.as_str()), (429, "insufficient_quota"));
    assert!(message.contains("'budget'") && message.contains("too few are left"), "{message}");
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    assert_eq!(reply.header("x-ratelimit-remaining-usd"), None);
}

#[test]
fn a_local_rule_that_rejects_starts_no_check() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let open: Vec<_> = (0..4).map(|_| setup.checking()).collect();
    let fifth = setup.ask(&json!({"prompt": "p"}));
    assert_eq!((fifth.client.status, fifth.checks.len()), (429, 0));
    drop(open);
}

#[test]
fn a_service_without_refunds_is_checked_rule_by_rule_and_for_money_last() {
    let mut limits = four_rules();
    limits.as_array_mut().unwrap().reverse();
    let setup = Setup::new(&engine(&json!({"releases": "never"})), &limits);
    let one_by_one = || {
        let mut driver = setup.checking();
        assert_eq!(rules(&driver), ["rpm"]);
        driver.answer_check(100, Some(OK));
        assert_eq!(rules(&driver), ["rpm", "images"]);
        driver
    };
    // A rate rejects, so the budget is never checked.
    let mut driver = one_by_one();
    driver.answer_check(101, Some(OVER_LIMIT));
    assert_eq!(error(&driver.client).1, "rate_limit_exceeded");
    assert_eq!((driver.checks.len(), setup.releases().len()), (2, 0));
    // All rules admit.
    let mut driver = one_by_one();
    driver.answer_check(101, Some(OK));
    assert_eq!(rules(&driver), ["rpm", "images", "budget"]);
    driver.answer_check(102, Some(OK));
    assert!(driver.forwarded && driver.calls.is_empty());
    // The host does not start a later check.
    let mut driver = one_by_one();
    driver.host.push_back(Host::Refuses);
    driver.answer_check(101, Some(OK));
    assert_eq!((driver.checks.len(), driver.client.status), (3, 503));
    // The client leaves between two checks, or the service does not answer.
    one_by_one().close(None);
    let mut driver = one_by_one();
    assert!(driver.tick(NOW + Duration::from_millis(1_149)).waits());
    assert!(!driver.tick(NOW + Duration::from_millis(1_150)).waits());
}

#[test]
fn a_service_that_does_not_answer_is_handled_by_on_error_of_each_rule() {
    let mut limits = four_rules();
    limits[1]["on_error"] = json!("allow");
    let setup = Setup::new(&engine(&json!({})), &limits);
    for failed in [100, 101, 102] {
        let mut driver = setup.checking();
        for token in [100, 101, 102] {
            driver.answer_check(token, (token != failed).then_some(OK));
        }
        if failed == 101 {
            assert!(driver.forwarded && driver.calls.is_empty());
            driver.close(None);
            continue;
        }
        let reply = driver.client.clone();
        assert_eq!(reply.status, 503);
        assert_eq!(error(&reply).1, "limits_unavailable");
    }
    let setup = Setup::new(&engine(&json!({"on_error": "allow"})), &four_rules());
    let mut driver = setup.checking();
    answer(&mut driver, &[None; 3]);
    assert!(driver.forwarded && driver.calls.is_empty());
    let reply = all_calls(&mut driver, 1, &image("low", "1024x1024"));
    assert_eq!(reply.status, 200);
    assert_eq!(driver.close(Some(200))["unavailable_rules"], "rpm,images,budget");
}

#[test]
fn a_check_that_does_not_start_or_gets_an_invalid_answer_counts_as_unanswered() {
    let setup =
        Setup::new(&engine(&json!({})), &json!([rule("rpm", "requests", json!(1), Some("1m"))]));
    let mut driver = Driver::with_host(&setup.gate, &[Host::Refuses]);
    assert_eq!(driver.request(&head(&[]), br#"{"prompt":"p"}"#).status, 503);
    assert_eq!(driver.checks.len(), 1);
    let mut driver = setup.checking();
    driver.answer_check(100, Some(b"<html>"));
    assert_eq!(driver.client.status, 503);
}

#[test]
fn a_check_that_the_host_forgets_times_out() {
    let setup = Setup::new(&engine(&json!({"on_error": "allow"})), &four_rules());
    let mut driver = setup.checking();
    assert!(driver.tick(NOW + Duration::from_millis(1_149)).waits());
    let reply = driver.tick(NOW + Duration::from_millis(1_150));
    assert_eq!(reply.status, 503);
    driver.answer_check(100, Some(OK));
    assert!(!driver.forwarded);
    driver.close(Some(503));
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}

#[test]
fn a_shadow_rule_of_the_service_admits_and_is_recorded() {
    let mut limits = four_rules();
    limits[0]["shadow"] = json!(true);
    limits[1]["shadow"] = json!(true);
    let setup = Setup::new(&engine(&json!({})), &limits);
    let mut driver = setup.checking();
    driver.answer_check(100, Some(OVER_LIMIT));
    driver.answer_check(101, None);
    driver.answer_check(102, Some(OK));
    assert!(driver.forwarded && driver.calls.is_empty());
    let record = driver.close(None);
    assert_eq!(
        (&record["shadow_rules"], &record["unavailable_rules"]),
        (&json!("rpm"), &json!("images"))
    );
}

fn released(setup: &Setup) -> Vec<(String, u32)> {
    let releases = setup.releases();
    assert!(releases.iter().all(|it| it.descriptors[0].is_negative_hits));
    releases
        .into_iter()
        .map(|it| (it.descriptors[0].entries[0].value.clone(), it.hits_addend))
        .collect()
}

#[test]
fn what_was_not_delivered_is_refunded_if_the_service_takes_refunds() {
    let setup = Setup::new(&engine(&json!({"releases": "negative_hits"})), &four_rules());
    let admitted = || {
        let mut driver = setup.ask(&json!({"prompt": "p", "n": 3}));
        answer(&mut driver, &[Some(OK); 3]);
        assert_eq!(driver.calls.len(), 2);
        driver
    };
    let pair = |name: &str, hits| (name.to_owned(), hits);
    // The client leaves: a request counts, images and money do not.
    admitted().close(None);
    assert_eq!(released(&setup), [pair("images", 3), pair("budget", 6_330)]);
    // All is delivered.
    let mut driver = admitted();
    all_calls(&mut driver, 3, &image("low", "1024x1024"));
    driver.close(Some(200));
    assert_eq!(released(&setup), []);
    // A rule rejects: what this rule and the others have counted is refunded.
    let mut driver = setup.checking();
    driver.answer_check(100, Some(OK));
    driver.answer_check(101, Some(OVER_LIMIT));
    driver.answer_check(102, None);
    assert_eq!(driver.client.status, 429);
    driver.close(Some(429));
    assert_eq!(released(&setup), [pair("rpm", 1), pair("images", 1)]);
    // The client leaves during the checks: what is known to be counted is refunded.
    let mut driver = setup.checking();
    driver.answer_check(102, Some(OK));
    assert_eq!(driver.close(None)["code"], "client_closed_request");
    assert_eq!(released(&setup), [pair("budget", 2_110)]);
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}

#[test]
fn what_a_client_abandons_is_not_refunded_if_it_is_charged() {
    let setup = Setup::leaving(&engine(&json!({})), &four_rules(), "charge");
    let mut driver = setup.ask(&json!({"prompt": "p", "n": 3}));
    answer(&mut driver, &[Some(OK); 3]);
    driver.side(0, None, b"");
    assert_eq!(driver.close(None)["images_abandoned"], 2);
    assert_eq!(released(&setup), [("images".to_owned(), 1), ("budget".to_owned(), 2_110)]);
    // Nothing has gone upstream of a request that waits for the service.
    let mut driver = setup.checking();
    assert_eq!(driver.close(None).get("images_abandoned"), None);
}

#[test]
fn what_only_the_service_knows_is_null_in_the_list_of_limits() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let list = get(&setup.gate, &[], NOW).json();
    let entry = |name: &str| {
        list["data"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
    };
    assert_eq!(entry("budget")["max"], "1");
    for field in ["used", "reserved", "remaining", "resets_at"] {
        assert_eq!(entry("budget")[field], Value::Null, "{field}");
    }
    assert_eq!(entry("in-flight")["remaining"], 4);
}

#[test]
fn tokens_that_alone_have_a_price_are_counted_by_the_service() {
    let tokens = json!({"text_input": "5.00", "image_input": "10.00", "image_output": "40.00"});
    let more = json!({"limits": [rule("budget", "usd", json!("1.00"), Some("month"))],
        "prices": [{"model": "*", "usd": "0", "usd_per_million_tokens": tokens}],
        "engine": engine(&json!({}))});
    let vm = Rc::<Vm>::default();
    let gate = Rc::new(Shared::new(config(&more), Rc::clone(&vm), Box::<Counters>::default()));
    let setup = Setup { gate, vm };
    let mut driver = setup.ask(&json!({"prompt": "p"}));
    answer(&mut driver, &[Some(OK)]);
    all_calls(&mut driver, 1, &image("low", "1024x1024"));
    driver.close(Some(200));
    // $0.00809 are 81 hits, of which one was counted first.
    let counted: Vec<_> = setup.releases().iter().map(|it| it.hits_addend).collect();
    assert_eq!((rules(&driver), counted), (vec!["budget".to_owned()], vec![80]));
}

#[test]
fn a_request_above_a_whole_limit_is_rejected_without_a_check() {
    let mut limits = json!([
        rule("rpm", "requests", json!(60), Some("1m")),
        rule("images", "images", json!(3), Some("day")),
    ]);
    let setup = Setup::new(&engine(&json!({})), &limits);
    let driver = setup.ask(&json!({"prompt": "p", "n": 4}));
    let (status, code, message) = error(&driver.client);
    assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"), "{message}");
    assert!(message.contains("'images'") && message.contains("not fit later"), "{message}");
    assert_eq!(driver.client.header("x-should-retry"), Some("false"));
    assert!(driver.checks.is_empty() && !driver.forwarded);
    // A shadow rule rejects nothing, so its service is asked.
    limits[1]["shadow"] = json!(true);
    let setup = Setup::new(&engine(&json!({})), &limits);
    let mut driver = setup.ask(&json!({"prompt": "p", "n": 4}));
    answer(&mut driver, &[Some(OK), Some(OVER_LIMIT)]);
    assert!(driver.forwarded && rules(&driver) == ["rpm", "images"]);
}
