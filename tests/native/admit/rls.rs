//! Rules that a rate-limit service counts: whole exchanges with scripted answers, without Envoy.

mod any_order;
mod late;
mod service;
mod unanswered;

use std::rc::Rc;
use std::time::Duration;

use imagegate::exchange::{Shared, Vm};
use serde_json::{Value, json};

use crate::support::driver::Host;
use crate::support::money::{Counters, all_calls, get, image, rule};
use crate::support::{NOW, config};
use service::{
    OK, OVER_LIMIT, Setup, answer, asked, engine, error, four_rules, released, rules, status,
};

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
