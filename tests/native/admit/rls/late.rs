//! Answers of the service that come after the client has left, and what a slow service costs.

use std::time::Duration;

use super::service::{OK, OVER_LIMIT, Setup, asked, engine, four_rules, released, status};
use crate::support::driver::Driver;
use crate::support::money::{all_calls, image, rule};
use crate::support::{NOW, after, head, ok};
use imagegate::exchange::End;
use serde_json::json;

fn pair(name: &str, hits: u32) -> (String, u32) {
    (name.to_owned(), hits)
}

#[test]
fn what_the_service_counts_for_a_client_that_has_left_is_refunded_when_it_answers() {
    for (answer, refunds) in [
        (Some(OK), vec![pair("images", 2)]),
        // The services that refund have counted what they reject.
        (Some(OVER_LIMIT), vec![pair("images", 2)]),
        // Nobody knows whether these are counted, so nothing is given back that may not be.
        (None, vec![]),
        (Some(b"<html>".as_slice()), vec![]),
    ] {
        let setup = Setup::new(&engine(&json!({})), &four_rules());
        let mut driver = setup.ask(&json!({"prompt": "p", "n": 2}));
        driver.answer_check(100, Some(OK));
        driver.close(None);
        // What was known when it left is given back at once.
        assert_eq!(released(&setup), [pair("rpm", 1)]);
        let late = |token, message| setup.gate.late_answer(token, message, NOW);
        assert!(late(101, answer));
        assert_eq!(released(&setup), refunds, "{answer:?}");
        // Each answer counts once. Others are nobody's.
        assert!(!late(101, Some(OK)) && !late(100, Some(OK)) && !late(7, Some(OK)));
        assert_eq!(released(&setup), []);
        assert!(late(102, Some(OK)));
        assert_eq!(released(&setup), [pair("budget", 4_220)]);
        assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
    }
}

#[test]
fn a_late_answer_is_refunded_only_in_the_period_that_it_was_counted_in() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    setup.checking().close(None);
    // The minute is over, the day and the month are not.
    for token in [100, 101, 102] {
        assert!(setup.gate.late_answer(token, Some(OK), after(60)));
    }
    assert_eq!(released(&setup), [pair("images", 1), pair("budget", 2_110)]);
}

#[test]
fn nothing_is_kept_for_a_service_without_refunds() {
    let setup = Setup::new(&engine(&json!({"releases": "never"})), &four_rules());
    setup.checking().close(None);
    assert!(!setup.gate.late_answer(100, Some(OK), NOW));
    assert_eq!(setup.vm.take_settlements(usize::MAX).len(), 0);
}

#[test]
fn a_check_that_the_clock_gave_up_is_refunded_when_it_is_answered() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let mut driver = setup.checking();
    driver.answer_check(100, Some(OK));
    driver.answer_check(101, Some(OK));
    assert_eq!(driver.tick(NOW + Duration::from_millis(1_150)).status, 503);
    assert_eq!(released(&setup), [pair("rpm", 1), pair("images", 1)]);
    assert!(setup.gate.late_answer(102, Some(OK), driver.now));
    driver.close(Some(503));
    assert_eq!(released(&setup), [pair("budget", 2_110)]);
}

#[test]
fn as_many_late_checks_are_kept_as_fit() {
    let setup =
        Setup::new(&engine(&json!({})), &json!([rule("rpm", "requests", json!(9), Some("1m"))]));
    for token in 0..10_010 {
        let mut driver = Driver::new(&setup.gate);
        // The tokens of a host are unique.
        driver.first_check(token);
        driver.request(&head(&[]), br#"{"prompt":"p"}"#);
        driver.close(None);
    }
    assert_eq!(setup.vm.take_lost_settlements(), 10);
}

#[test]
fn the_time_of_an_upstream_begins_when_the_request_leaves() {
    let engine = engine(&json!({"timeout": "10s", "on_error": "allow", "releases": "never"}));
    let setup = Setup::new(&engine, &four_rules());
    // The body takes 100 s, and the silent service three times ten: the upstream has a minute.
    let mut driver = Driver::new(&setup.gate);
    driver.request_head(&head(&[]), End::Open);
    driver.request_body(b"{\"prompt\":", End::Open);
    driver.now = after(100);
    driver.request_body(b"\"p\",\"n\":2}", End::Stream);
    for (token, secs) in [(100, 110), (101, 120), (102, 130)] {
        driver.now = after(secs);
        driver.answer_check(token, None);
    }
    assert!(driver.forwarded && driver.calls.len() == 1);
    assert!(driver.tick(after(189)).waits());
    // The answer of one call comes in time, and the other one's time ends.
    driver.side(0, Some(ok()), &image("low", "1024x1024"));
    assert!(driver.client.waits());
    let reply = driver.tick(after(190)).clone();
    assert_eq!((reply.status, reply.header("x-imagegate-images-failed")), (200, Some("1")));
}

#[test]
fn of_several_rules_that_reject_the_one_with_the_longest_wait_is_named() {
    let limits = json!([
        rule("rpm", "requests", json!(60), Some("1m")),
        rule("images", "images", json!(10), Some("day")),
        rule("pixels", "megapixels", json!(100), Some("day")),
    ]);
    let wait = |secs: u8| {
        let mut message = status(2, 0);
        *message.last_mut().unwrap() = secs;
        message
    };
    for (answers, name, after) in [
        ([wait(20), wait(50), wait(35)], "images", Some("50")),
        ([wait(50), wait(50), wait(35)], "rpm", Some("50")),
        // One that says no time may be over sooner than one that does.
        ([OVER_LIMIT.to_vec(), wait(20), OVER_LIMIT.to_vec()], "images", Some("20")),
        ([OVER_LIMIT.to_vec(), OK.to_vec(), OVER_LIMIT.to_vec()], "rpm", None),
    ] {
        let setup = Setup::new(&engine(&json!({})), &limits);
        let mut driver = setup.checking();
        for (token, answer) in (100..).zip(&answers) {
            driver.answer_check(token, Some(answer));
        }
        let reply = driver.client.clone();
        assert_eq!((reply.status, reply.header("retry-after")), (429, after));
        assert_eq!(driver.close(Some(429))["rule"], name);
    }
}

#[test]
fn a_budget_that_rejects_is_named_before_a_rule_that_can_be_waited_for() {
    let wait = |secs: u8| {
        let mut message = status(2, 0);
        *message.last_mut().unwrap() = secs;
        message
    };
    for budget in [wait(20), OVER_LIMIT.to_vec()] {
        let setup = Setup::new(&engine(&json!({})), &four_rules());
        let mut driver = setup.checking();
        for (token, answer) in (100..).zip([&wait(50), OK, &budget]) {
            driver.answer_check(token, Some(answer));
        }
        let reply = driver.client.clone();
        assert_eq!((reply.status, reply.header("retry-after")), (429, None));
        assert_eq!(driver.close(Some(429))["rule"], "budget");
    }
}

/// OK with this many hits left.
fn left(hits: u8) -> Vec<u8> {
    status(1, hits)
}

#[test]
fn what_is_left_after_a_request_is_settled_is_what_the_service_then_has() {
    let limits = json!([rule("images", "images", json!(100), Some("day"))]);
    for (releases, served, expected) in
        [("negative_hits", 3, "50"), ("negative_hits", 1, "52"), ("never", 1, "50")]
    {
        let setup = Setup::new(&engine(&json!({"releases": releases})), &limits);
        let mut driver = setup.ask(&json!({"prompt": "p", "n": 3}));
        driver.answer_check(100, Some(&left(50)));
        let reply = match served {
            3 => all_calls(&mut driver, 3, &image("low", "1024x1024")),
            _ => {
                driver.answer(&[&image("low", "1024x1024")]);
                driver.side(0, None, b"");
                driver.side(1, None, b"").clone()
            }
        };
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("x-ratelimit-remaining-images"), Some(expected), "{releases}");
        driver.close(Some(200));
    }
}

#[test]
fn a_rejection_by_the_service_shows_the_tightest_of_all_rules_that_apply() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let mut driver = setup.ask(&json!({"prompt": "p", "n": 3}));
    driver.answer_check(100, Some(&left(41)));
    driver.answer_check(101, Some(&status(2, 2)));
    driver.answer_check(102, Some(OK));
    let reply = driver.client.clone();
    // The request that was counted is given back; what is left of images is what the service says;
    // of the budget it says nothing.
    for (header, value) in [
        ("x-ratelimit-remaining-requests", Some("42")),
        ("x-ratelimit-remaining-images", Some("2")),
        ("x-ratelimit-remaining-usd", None),
        ("x-ratelimit-limit-concurrent", Some("4")),
    ] {
        assert_eq!(reply.header(header), value, "{header}");
    }
    assert_eq!(asked(&driver.checks[1].message).hits_addend, 3);
}
