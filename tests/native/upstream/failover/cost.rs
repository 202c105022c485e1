//! What fail-over costs in money and memory, and how it is counted.

use super::{IMAGE, error, head, images, json_head, request, several, two, upstreams};
use crate::support::codex::done;
use crate::support::driver::Driver;
use crate::support::{item, stream};
use serde_json::{Value, json};

#[test]
fn the_first_upstream_is_paid_at_its_own_price() {
    let (gate, budget) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(200), &[&stream(IMAGE)]);
    let record = driver.close(Some(200));
    assert_eq!((&record["upstream"], record.get("attempts")), (&json!("codex"), None));
    assert_eq!(record["reserved_nanodollars"], 500_000_000);
    assert_eq!(record["settled_nanodollars"], 250_000_000);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn each_upstream_sets_which_price_is_charged() {
    for (charge_by, settled) in [("asked", 500_000_000), ("served", 900_000_000)] {
        let mut upstreams = upstreams();
        upstreams["openai"]["charge_by"] = json!(charge_by);
        let prices = json!([{"model": "gpt-image-2", "usd": "0.25"},
            {"model": "gpt-image-1", "usd": "0.5"}, {"model": "other", "usd": "0.9"}]);
        let list = json!(["codex", {"name": "openai", "rename": "gpt-image-1"}]);
        let (gate, _) = several(&list, &json!({"upstreams": upstreams, "prices": prices}));
        let mut driver = Driver::admitted(&gate, &request());
        driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
        driver.call();
        let mut answer: Value = serde_json::from_slice(&images()).unwrap();
        answer["model"] = json!("other");
        driver.side(0, Some(json_head()), answer.to_string().as_bytes());
        let record = driver.close(Some(200));
        assert_eq!(record["settled_nanodollars"], settled, "{charge_by}");
        // The request to this upstream named another model.
        assert_eq!(
            (&record["model_served"], &record["price_mismatch"]),
            (&json!("other"), &json!(true))
        );
    }
}

#[test]
fn each_upstream_needs_a_price_if_a_budget_applies() {
    let list = json!(["codex", {"name": "openai", "rename": "unknown-model"}]);
    let (gate, _) = several(&list, &json!({}));
    let reply = Driver::rejected(&gate, &request());
    assert_eq!((reply.status, reply.code()), (403, json!("price_unavailable")));
}

#[test]
fn the_request_stays_in_memory_only_while_another_upstream_may_be_called() {
    let (gate, budget) = two();
    let image = format!("iVBORw0KGgo{}", "A".repeat(1 << 20));
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "images": [image]});
    let mut driver = Driver::admitted(&gate, &request);
    let before = budget.used();
    driver.upstream_head(head(200));
    let item = done(&item("ig_1", IMAGE));
    // The copy that was sent is freed at the head, the request at the first byte of an image.
    let after_head = budget.used();
    driver.upstream_bytes(item.as_bytes());
    assert!(before - after_head >= 1 << 20, "{before} {after_head}");
    assert!(after_head - budget.used() >= 2 << 20, "{after_head} {}", budget.used());
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_client_that_leaves_between_two_upstreams_is_charged_nothing() {
    let (gate, budget) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(429), &[b""]);
    driver.call();
    let record = driver.close(None);
    assert_eq!(record["code"], "client_closed_request");
    assert_eq!(record["settled_nanodollars"], 0);
    assert_eq!(
        record["attempts"],
        json!([{"upstream": "codex", "code": "rate_limit_exceeded", "calls": 1},
            {"upstream": "openai", "code": "client_closed_request", "calls": 1}])
    );
    assert_eq!(record["upstream"], "openai", "the one that may have generated");
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn the_metrics_count_each_upstream_separately() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(503), &[b""]);
    driver.call();
    driver.side(0, Some(head(401)), b"");
    let names = driver.count_names();
    for name in [
        "imagegate_upstream_errors_total.kind.server_is_overloaded.upstream.codex",
        "imagegate_failovers_total.upstream.codex",
        "imagegate_upstream_errors_total.kind.upstream_authentication_failed.upstream.openai",
    ] {
        assert!(names.iter().any(|it| it == name), "{name} {names:?}");
    }
    assert!(!names.iter().any(|it| it == "imagegate_failovers_total.upstream.openai"));
}
