//! What an operator sees of exchanges: `consumer` and `user` in the record, and the metrics.

use std::rc::Rc;
use std::time::Duration;

use crate::support::codex::generated;
use crate::support::driver::Driver;
use crate::support::money::{Counted, PRICE, all_calls, call, image, priced, rule};
use crate::support::{KEY, NOW, digest, gate, head, ok};
use imagegate::exchange::{End, ResponseHead, Shared};
use serde_json::{Value, json};

/// A gate with three consumers, whose keys are valid, expired, and disabled.
fn three_keys() -> Rc<Shared> {
    let consumers = json!([
        {"name": "acme-web", "user": "acme", "key_sha256": [digest(KEY)]},
        {"name": "old", "key_sha256": [digest("sk-old")], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "off", "key_sha256": [digest("sk-off")], "disabled": true},
    ]);
    gate(&json!({"consumers": consumers})).0
}

/// The record and the counts of a request that is answered at its head.
fn answered_at_the_head(gate: &Rc<Shared>, more: &[(&str, &str)]) -> (Value, Counted) {
    let mut driver = Driver::new(gate);
    assert!(driver.request_head(&head(more), End::Stream).at_once);
    let record = driver.close(None);
    let mut counted = Counted::default();
    counted.take(&mut driver);
    (record, counted)
}

#[test]
fn a_request_rejected_at_its_head_names_the_owner_of_the_key() {
    let gate = three_keys();
    let limits = [(":method", "GET"), (":path", "/v1/images/limits")];
    for (key, more, status, consumer) in [
        (KEY, &limits[..], 200, json!("acme-web")),
        (KEY, &[(":method", "POST"), (":path", "/v1/images/limits")], 405, json!("acme-web")),
        (KEY, &[(":path", "/v1/images/variations")], 404, json!("acme-web")),
        (KEY, &[("content-type", "text/plain")], 415, json!("acme-web")),
        (KEY, &[("content-length", "99999999999")], 413, json!("acme-web")),
        (KEY, &[], 400, json!("acme-web")),
        ("sk-old", &[], 401, json!("old")),
        ("sk-off", &limits, 401, json!("off")),
        ("sk-nobody", &[], 401, Value::Null),
    ] {
        let key = format!("Bearer {key}");
        let more = [&[("authorization", key.as_str())], more].concat();
        let (record, _) = answered_at_the_head(&gate, &more);
        assert_eq!(
            (&record["status"], &record["consumer"]),
            (&json!(status), &consumer),
            "{more:?}"
        );
        let user = if status == 200 { json!("acme") } else { Value::Null };
        assert_eq!(record["user"], user, "{more:?}");
    }
}

#[test]
fn a_rejection_is_counted_by_its_endpoint_status_and_code_alone() {
    let (_, counted) =
        answered_at_the_head(&three_keys(), &[("authorization", "Bearer sk-nobody")]);
    let name = "imagegate_requests_total.endpoint.generations.status.401.code.invalid_api_key";
    assert_eq!(counted.all(), [(name, 1)]);
}

/// The counts of an exchange, which ends.
fn counts_at_the_end(mut driver: Driver, status: Option<u16>) -> Counted {
    driver.now = NOW + Duration::from_millis(1500);
    driver.close(status);
    let mut counted = Counted::default();
    counted.take(&mut driver);
    counted
}

#[test]
fn a_delivery_counts_images_money_and_times() {
    let gate = priced(&json!([rule("pocket", "usd", json!("10"), Some("day"))]));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 3}));
    call(&mut driver, 0, Some(ok()), &image("low", "1024x1024"));
    call(&mut driver, 1, Some(ResponseHead { status: 500, ..ok() }), b"{}");
    call(&mut driver, 2, Some(ok()), &image("low", "1024x1024")).unwrap();
    let expected = [
        ("imagegate_images_asked_total", 3),
        ("imagegate_images_delivered_total", 2),
        ("imagegate_images_failed_total", 1),
        ("imagegate_released_nanodollars_total", PRICE),
        ("imagegate_requests_total.endpoint.generations.status.200.code.ok", 1),
        ("imagegate_reserved_nanodollars_total", 3 * PRICE),
        ("imagegate_settled_nanodollars_total", 2 * PRICE),
        ("imagegate_upstream_errors_total.kind.upstream_error.upstream.codex", 1),
    ];
    assert_eq!(counts_at_the_end(driver, Some(200)).all(), expected);
}

#[test]
fn a_clients_fault_is_no_error_of_the_upstream() {
    let gate = priced(&json!([]));
    let refusal = json!({"error": {"code": "moderation_blocked", "message": "no", "type": "x"}});
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    let head = ResponseHead { status: 400, ..ok() };
    call(&mut driver, 0, Some(head), refusal.to_string().as_bytes()).unwrap();
    let counted = counts_at_the_end(driver, Some(400));
    assert_eq!(
        counted
            .of("imagegate_requests_total.endpoint.generations.status.400.code.moderation_blocked"),
        1
    );
    assert!(!counted.all().iter().any(|(name, _)| name.contains("upstream_errors")));
    assert_eq!(counted.of("imagegate_images_failed_total"), 1);
}

#[test]
fn a_client_that_leaves_is_not_counted_as_an_upstream_that_breaks() {
    let gate = priced(&json!([]));
    let left = counts_at_the_end(Driver::admitted(&gate, &json!({"prompt": "p"})), None);
    let name = "imagegate_requests_total.endpoint.generations.status.0.code.client_closed_request";
    assert_eq!(left.of(name), 1);
    assert!(!left.all().iter().any(|(name, _)| name.contains("upstream_errors")));
    let cut =
        counts_at_the_end(Driver::admitted(&gate, &json!({"prompt": "p", "n": 2})), Some(502));
    let name = "imagegate_upstream_errors_total.kind.upstream_disconnected.upstream.codex";
    assert_eq!((cut.of(name), cut.of("imagegate_images_failed_total")), (1, 2));
    for counted in [left, cut] {
        let reserved = counted.of("imagegate_reserved_nanodollars_total");
        assert_eq!(reserved, counted.of("imagegate_released_nanodollars_total"));
    }
}

#[test]
fn rules_that_reject_are_counted_by_name_and_so_are_those_in_shadow() {
    let mut shadow = rule("trial", "images", json!(1), Some("day"));
    shadow["shadow"] = json!(true);
    let gate = priced(&json!([shadow, rule("strict", "images", json!(2), Some("day"))]));
    let mut served = Driver::admitted(&gate, &json!({"prompt": "p", "n": 2}));
    all_calls(&mut served, 2, &image("low", "1024x1024"));
    let served = counts_at_the_end(served, Some(200));
    assert_eq!(served.of("imagegate_shadow_refusals_total.rule.trial"), 1);
    let rejected = Driver::ask(&gate, &json!({"prompt": "p"}));
    assert!(rejected.client.at_once);
    let rejected = counts_at_the_end(rejected, Some(429));
    assert_eq!(rejected.of("imagegate_rejections_total.rule.strict"), 1);
    assert_eq!(rejected.of("imagegate_shadow_refusals_total.rule.trial"), 0);
    assert_eq!(rejected.of("imagegate_images_asked_total"), 1);
}

#[test]
fn a_price_of_tokens_may_settle_more_than_was_reserved() {
    let tokens = json!({"text_input": "0", "image_input": "0", "image_output": "1000"});
    let prices = json!([{"model": "*", "usd": "0.001", "usd_per_million_tokens": tokens}]);
    let (gate, _) = gate(&json!({"prices": prices}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    all_calls(&mut driver, 1, &image("low", "1024x1024"));
    let counted = counts_at_the_end(driver, Some(200));
    let sum = |name| counted.of(&format!("imagegate_{name}_nanodollars_total"));
    assert_eq!((sum("settled"), sum("overdrawn")), (196_000_000, 195_000_000));
    assert_eq!(sum("reserved") + sum("overdrawn"), sum("settled") + sum("released"));
}

#[test]
fn a_dearer_model_that_was_served_may_settle_more_than_was_reserved() {
    let prices = json!([{"model": "gpt-image-2", "usd": "0.1"}, {"model": "dear*", "usd": "0.7"}]);
    let (gate, _) = gate(&json!({"prices": prices}));
    for (served, settled, overdrawn, released) in
        [("dear-1", 700, 600, 0), ("gpt-image-2-codex", 100, 0, 0), ("gpt-image-1", 100, 0, 0)]
    {
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
        let stream = generated(&json!({}), &json!({"model": served}), &Value::Null);
        all_calls(&mut driver, 1, &stream);
        let counted = counts_at_the_end(driver, Some(200));
        let sums = ["settled", "overdrawn", "released"]
            .map(|name| counted.of(&format!("imagegate_{name}_nanodollars_total")));
        assert_eq!(sums, [settled, overdrawn, released].map(|it| it * 1_000_000), "{served}");
        // What the upstream says is no label.
        assert!(!counted.all().iter().any(|(name, _)| name.contains(served)));
    }
}

#[test]
fn nothing_that_a_client_sends_becomes_a_label() {
    let consumers = json!([{"name": "acme-web", "role": "master",
        "key_sha256": [digest(KEY)]}]);
    let (gate, _) = gate(&json!({"consumers": consumers, "unknown_users": "admit"}));
    let mut counted = Counted::default();
    for turn in 0..50 {
        let mut driver = Driver::new(&gate);
        let body = json!({"prompt": "p", "model": format!("m{turn}"), "user": format!("u{turn}")});
        let path = format!("/v1/images/generations?x={turn}");
        driver.request(&head(&[(":path", &path)]), body.to_string().as_bytes());
        driver.close(Some(502));
        counted.take(&mut driver);
    }
    assert!(counted.all().len() < 8, "{:?}", counted.all());
}
