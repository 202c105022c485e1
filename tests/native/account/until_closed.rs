//! What is counted until the exchange ends: the client may not have read its answer.

use std::rc::Rc;
use std::time::Duration;

use crate::support::codex::{done, preview};
use crate::support::driver::Driver;
use crate::support::money::{all_calls, every_unit, image, priced, rule, standing, totals};
use crate::support::providers::{images, json_head, provider};
use crate::support::{NOW, after, gate, head, item, ok, png, stream};
use imagegate::exchange::{End, ResponseHead, Shared};
use serde_json::{Value, json};

/// What is used and reserved under the rule `in-flight`.
fn in_flight(gate: &Rc<Shared>, now: Duration) -> (Value, Value) {
    let [used, reserved, _] = standing(gate, "in-flight", now);
    (used, reserved)
}

#[test]
fn a_place_in_flight_is_free_once_the_client_has_its_answer_or_has_left() {
    let request = json!({"prompt": "p"});
    for (ends, status) in [("answer", 200), ("failure", 502), ("client", 0), ("client", 200)] {
        let gate = priced(&json!([rule("in-flight", "concurrent", json!(1), None)]));
        let mut driver = Driver::admitted(&gate, &request);
        match ends {
            "answer" => drop(all_calls(&mut driver, 1, &image("low", "1024x1024"))),
            "failure" => drop(driver.upstream(ResponseHead { status: 500, ..ok() }, &[b"{}"])),
            _ => {}
        }
        assert_eq!(in_flight(&gate, NOW), (json!(0), json!(1)), "{ends}");
        assert_eq!(Driver::rejected(&gate, &request).status, 429, "{ends}");
        driver.log(Some(status).filter(|it| *it > 0));
        assert_eq!(in_flight(&gate, NOW), (json!(0), json!(0)), "{ends}");
        Driver::admitted(&gate, &request);
    }
}

#[test]
fn money_is_settled_with_the_outcome_and_not_again_when_the_client_has_read_it() {
    let gate = priced(&every_unit());
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    let reply = all_calls(&mut driver, 1, &image("low", "1024x1024"));
    let text = |list: [(&str, &str); 5]| list.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
    let money = [("1", "0"), ("1", "0"), ("1.048576", "0")];
    let [requests, images, pixels] = money;
    let unread = text([requests, images, pixels, ("0", "1"), ("0.211", "0")]);
    let read = text([requests, images, pixels, ("0", "0"), ("0.211", "0")]);
    assert_eq!(totals(&gate, NOW), unread);
    // The headers of the answer say the same as `GET /v1/images/limits`.
    assert_eq!(reply.header("x-ratelimit-remaining-concurrent"), Some("999999"));
    assert_eq!(reply.header("x-ratelimit-remaining-images"), Some("999999"));
    driver.close(Some(200));
    assert_eq!(totals(&gate, NOW), read);
    driver.close(None);
    assert_eq!(totals(&gate, NOW), read);
}

#[test]
fn a_place_in_flight_does_not_expire_while_the_client_reads() {
    let gate = priced(&json!([rule("in-flight", "concurrent", json!(1), None)]));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    all_calls(&mut driver, 1, &image("low", "1024x1024"));
    for minutes in 1..=60 {
        (0..60).for_each(|second| drop(driver.tick(after(minutes * 60 + second)).clone()));
        assert_eq!(in_flight(&gate, driver.now).1, 1, "{minutes}");
    }
    let now = driver.now;
    driver.close(Some(200));
    assert_eq!(in_flight(&gate, now).1, 0);
    // One whose VM is lost expires.
    let gate = priced(&json!([rule("in-flight", "concurrent", json!(1), None)]));
    let mut lost = Driver::admitted(&gate, &json!({"prompt": "p"}));
    all_calls(&mut lost, 1, &image("low", "1024x1024"));
    drop(lost);
    assert_eq!(in_flight(&gate, NOW).1, 1);
    assert_eq!(in_flight(&gate, after(200)).1, 0);
}

#[test]
fn the_bytes_of_an_answer_count_until_the_client_has_read_it() {
    let (gate, budget) = gate(&json!({}));
    let large = stream(&"A".repeat(4_000_000));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 3}));
    let answer = all_calls(&mut driver, 3, &large);
    assert!(answer.body.len() > 12_000_000);
    assert_eq!(budget.used(), answer.body.len());
    driver.close(Some(200));
    assert_eq!(budget.used(), 0);
    // Of an answer without images nothing counts: it is short.
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    driver.upstream(ResponseHead { status: 500, ..ok() }, &[b"{}"]);
    assert_eq!(budget.used(), 0);
}

#[test]
fn the_bytes_of_a_stream_count_as_they_are_sent() {
    let (gate, budget) = gate(&json!({}));
    let request = json!({"prompt": "p", "stream": true, "partial_images": 1});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream_head(ok());
    let before = budget.used();
    driver.upstream_bytes(preview(0, &"A".repeat(400_000)).as_bytes());
    let preview = driver.client.body.len();
    assert!(preview > 400_000 && budget.used() > before + 390_000);
    driver.upstream_bytes(done(&item("ig_1", &"B".repeat(400_000))).as_bytes());
    driver.upstream_bytes(&stream(&"B".repeat(400_000)));
    driver.upstream_end();
    assert!(driver.client.body.len() > preview + 400_000);
    assert_eq!(budget.used(), driver.client.body.len());
    driver.close(Some(200));
    assert_eq!(budget.used(), 0);
}

#[test]
fn of_an_answer_that_passes_through_no_byte_counts() {
    let (gate, budget) = provider(&json!({}), &json!({}));
    let answer = images(&[&png(512, 512, 300_000), &png(512, 512, 300_000)]).to_string();
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 2}));
    driver.upstream_head(json_head(200));
    let before = budget.used();
    let (first, rest) = answer.as_bytes().split_at(10_000);
    driver.upstream_bytes(first);
    assert_eq!(driver.client.body.len(), first.len());
    rest.chunks(50_000).for_each(|chunk| drop(driver.upstream_bytes(chunk).clone()));
    driver.upstream_end();
    assert_eq!(driver.client.body, answer.as_bytes());
    // It stays in Envoy's buffer, which its flow control bounds.
    assert_eq!(budget.used(), 0, "{before} before");
    driver.close(Some(200));
    assert_eq!(budget.used(), 0);
}

#[test]
fn one_key_that_reads_nothing_stays_within_the_budget() {
    let rules = json!([{"name": "in-flight", "per": "key", "unit": "concurrent", "max": 4}]);
    let (gate, budget) = gate(&json!({"limits": rules, "max_buffered_bytes": "256MiB"}));
    let large = stream(&"A".repeat(2_000_000));
    let request = json!({"prompt": "p", "n": 10, "size": "1024x1024"});
    let mut unread = Vec::new();
    for _ in 0..60 {
        let mut driver = Driver::ask(&gate, &request);
        if driver.forwarded {
            all_calls(&mut driver, 10, &large);
            unread.push(driver);
        }
    }
    assert_eq!(unread.len(), 4);
    let bytes: usize = unread.iter().map(|it| it.client.body.len()).sum();
    assert_eq!(budget.used(), bytes);
}

#[test]
fn the_exchange_that_is_one_too_many_is_rejected_before_its_body_is_read() {
    let (gate, _) = gate(&json!({"max_open_exchanges": 2}));
    let opened = || {
        let mut driver = Driver::new(&gate);
        driver.request_head(&head(&[]), End::Open);
        driver
    };
    let (mut first, second) = (opened(), opened());
    let mut third = opened();
    assert!(first.client.waits() && second.client.waits());
    assert_eq!((third.client.status, third.client.code()), (503, json!("server_is_overloaded")));
    assert!(third.client.header("retry-after").is_some());
    let record = third.close(Some(503));
    assert_eq!((&record["consumer"], &record["bytes_in"]), (&json!("acme-web"), &json!(0)));
    // Who has no key, and who asks how the rules stand, takes no place.
    let mut stranger = Driver::new(&gate);
    stranger.request_head(&head(&[("authorization", "Bearer no")]), End::Open);
    assert_eq!(stranger.client.status, 401);
    let limits = [(":method", "GET"), (":path", "/v1/images/limits")];
    let mut limits_of = Driver::new(&gate);
    assert_eq!(limits_of.request_head(&head(&limits), End::Stream).status, 200);
    // A place is free once the exchange has ended, and not with its answer.
    first.request_body(b"{}", End::Stream);
    assert_eq!(first.client.status, 400);
    assert_eq!(opened().client.status, 503);
    first.close(Some(400));
    assert!(opened().client.waits());
    drop(second);
    assert!(opened().client.waits());
}
