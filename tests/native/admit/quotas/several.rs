//! Several rules for one request: which one a rejection names, and what clients see of all; and
//! what a rule for each model counts together.

use serde_json::{Value, json};

use super::{error, generate, one, seconds};
use crate::support::driver::Driver;
use crate::support::money::{call, get, image, priced, rule, standing};
use crate::support::{NOW, gate, ok};

#[test]
fn of_several_rules_that_reject_the_one_with_the_longest_wait_is_named() {
    let rpm = || rule("rpm", "requests", json!(1), Some("30s"));
    let daily = || rule("daily", "images", json!(1), Some("day"));
    let pocket = || rule("pocket", "usd", json!("0.30"), Some("month"));
    let change = || rule("change", "usd", json!("0.30"), Some("10s"));
    let small = || rule("small", "megapixels", json!("0.5"), Some("1m"));
    for (limits, name, wait) in [
        (vec![rpm(), daily()], "daily", Some(86_400)),
        (vec![daily(), rpm()], "daily", Some(86_400)),
        (vec![rpm()], "rpm", Some(31)),
        // A budget has no time to wait for, as long as it takes.
        (vec![rpm(), pocket(), daily()], "pocket", None),
        (vec![rpm(), change(), daily()], "change", None),
    ] {
        let gate = priced(&Value::Array(limits));
        generate(&gate);
        let mut driver = Driver::ask(&gate, &one());
        let reply = driver.client.clone();
        assert_eq!(reply.status, 429, "{name}");
        assert_eq!(reply.header("retry-after").is_some(), wait.is_some(), "{name}");
        if let Some(wait) = wait {
            assert_eq!(seconds(&reply, "retry-after"), wait, "{name}");
        }
        assert_eq!(driver.close(Some(429))["rule"], name);
    }
    // What never fits is never worth a wait.
    let gate = priced(&json!([rpm(), small()]));
    let mut driver = Driver::ask(&gate, &one());
    assert_eq!(driver.client.header("retry-after"), None);
    assert_eq!(driver.close(Some(429))["rule"], "small");
}

#[test]
fn a_place_in_flight_is_waited_for_last() {
    let limits = json!([
        rule("in-flight", "concurrent", json!(1), None),
        rule("rpm", "requests", json!(1), Some("30s")),
    ]);
    let gate = priced(&limits);
    let open = Driver::admitted(&gate, &one());
    let reply = Driver::rejected(&gate, &one());
    assert!(reply.json()["error"]["message"].to_string().contains("'rpm'"));
    assert_eq!(seconds(&reply, "retry-after"), 31);
    drop(open);
    let gate = priced(&json!([limits[0]]));
    let open = Driver::admitted(&gate, &one());
    assert_eq!(seconds(&Driver::rejected(&gate, &one()), "retry-after"), 1);
    drop(open);
}

#[test]
fn a_rejection_shows_the_tightest_of_all_rules_that_apply() {
    let gate = priced(&json!([
        rule("wide", "images", json!(9), Some("month")),
        rule("tight", "images", json!(5), Some("day")),
        rule("rpm", "requests", json!(60), Some("1m")),
        rule("pocket", "usd", json!("3.00"), Some("month")),
    ]));
    (0..3).for_each(|_| drop(generate(&gate)));
    let reply = Driver::rejected(&gate, &json!({"prompt": "p", "n": 7}));
    assert!(reply.json()["error"]["message"].to_string().contains("'tight'"));
    for (name, value) in [
        ("x-ratelimit-limit-images", "5"),
        ("x-ratelimit-remaining-images", "2"),
        ("x-ratelimit-remaining-requests", "57"),
        ("x-ratelimit-remaining-usd", "2.367"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    // Of two with as much left, the one that is full again last.
    let gate = priced(&json!([
        rule("day", "images", json!(5), Some("day")),
        rule("month", "images", json!(5), Some("month")),
    ]));
    assert_eq!(generate(&gate).header("x-ratelimit-reset-images"), Some("744h0m0s"));
}

#[test]
fn what_is_left_is_right_after_images_that_did_not_come() {
    let gate = priced(&json!([rule("daily", "images", json!(5), Some("day"))]));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 3}));
    let during = Driver::rejected(&gate, &json!({"prompt": "p", "n": 3}));
    assert_eq!(during.header("x-ratelimit-remaining-images"), Some("2"));
    let stream = image("low", "1024x1024");
    call(&mut driver, 0, Some(ok()), &stream);
    call(&mut driver, 1, None, b"");
    let reply = call(&mut driver, 2, None, b"").unwrap();
    assert_eq!((reply.status, reply.header("x-ratelimit-remaining-images")), (200, Some("4")));
}

/// One rule for each model, and whether a second request is admitted, by the names of both.
#[track_caller]
fn assert_counted(more: &Value, own: Option<&Value>, pairs: &[(&str, &str, bool)]) {
    let mut each =
        json!({"name": "each", "per": "model", "unit": "requests", "max": 1, "window": "day"});
    if let Some(own) = own {
        each["models"] = own.clone();
    }
    for (first, second, is_apart) in pairs {
        let mut more = more.clone();
        more["limits"] = json!([each]);
        let gate = gate(&more).0;
        let ask = |model: &str| Driver::ask(&gate, &json!({"prompt": "p", "model": model}));
        let mut driver = ask(first);
        assert!(driver.forwarded, "{first}");
        // The record has the client's own name.
        assert_eq!(driver.close(None)["model"], **first);
        let then = ask(second);
        assert_eq!(then.forwarded, *is_apart, "{first}, then {second}");
        if !is_apart {
            assert_eq!(error(&then.client).1, "rate_limit_exceeded");
        }
    }
}

#[test]
fn spellings_that_one_pattern_matches_are_one_model() {
    let models = json!({"models": [
        {"match": "gpt-image-2", "upstream": "codex"},
        {"match": "gpt-image-*", "upstream": "codex"},
        {"match": "*", "upstream": "codex", "rename": "gpt-image-2"},
    ]});
    assert_counted(
        &models,
        None,
        &[
            ("gpt-image-2", "gpt-image-2", false),
            ("gpt-image-2-2026-04-21", "gpt-image-2.5-flare", false),
            ("gpt-image-*", "gpt-image-1", false),
            ("GPT-image-2", "anything", false),
            ("gpt-image-2", "gpt-image-2-2026-04-21", true),
            ("gpt-image-1", "anything", true),
        ],
    );
    // Without `models` one entry matches every name.
    assert_counted(&json!({}), None, &[("gpt-image-2", "gpt-image-1", false)]);
}

#[test]
fn a_rule_for_each_model_counts_by_its_own_patterns() {
    let own = json!(["gpt-image-1", "gpt-image-1*", "gpt-image-2*"]);
    assert_counted(
        &json!({}),
        Some(&own),
        &[
            ("gpt-image-2", "gpt-image-2-2026-04-21", false),
            ("gpt-image-1-mini", "gpt-image-1.5", false),
            ("gpt-image-1", "gpt-image-1.5", true),
            ("gpt-image-1", "gpt-image-2", true),
            // It does not apply to these.
            ("flux", "flux", true),
        ],
    );
}

#[test]
fn the_limits_of_a_model_are_those_that_its_requests_count_under() {
    let gate = gate(&json!({
        "models": [{"match": "gpt-*", "upstream": "codex"}],
        "limits": [{"name": "each", "per": "model", "unit": "images", "max": 9, "window": "day"}],
    }))
    .0;
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "model": "gpt-a"}));
    call(&mut driver, 0, Some(ok()), &image("low", "1024x1024"));
    driver.close(Some(200));
    let list = get(&gate, &[(":path", "/v1/images/limits?model=gpt-b")], NOW).json();
    assert_eq!(list["data"][0]["used"], 1);
    assert_eq!(standing(&gate, "each", NOW)[0], 1);
}
