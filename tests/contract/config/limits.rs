//! `limits` as rules.

use std::time::Duration;

use imagegate::config::union_of_groups;
use imagegate::limits::{Per, Scope, Unit, Window};
use serde_json::{Value, json};

use super::{full, minimal, parse};

fn rule(limit: Value) -> (u64, Window) {
    let mut document = minimal();
    document["limits"] = json!([limit]);
    let config = parse(document.to_string().as_bytes()).unwrap();
    (config.limits()[0].max, config.limits()[0].window)
}

#[test]
fn a_maximum_is_exact_in_the_integers_of_its_unit() {
    for (unit, max, expected) in [
        ("requests", json!(60), 60),
        ("images", json!(1_000_000_000_000_u64), 1_000_000_000_000),
        ("megapixels", json!(5), 5_000_000),
        ("megapixels", json!("1572.864"), 1_572_864_000),
        ("megapixels", json!("0.000001"), 1),
        ("usd", json!("25.00"), 25_000_000_000),
        ("usd", json!("0.000000001"), 1),
        ("usd", json!("1000000000"), 1_000_000_000_000_000_000),
    ] {
        let (found, _) =
            rule(json!({ "name": "a", "per": "key", "unit": unit, "max": max, "window": "1m" }));
        assert_eq!(found, expected, "{unit} {max}");
    }
}

#[test]
fn a_window_slides_or_follows_the_calendar() {
    let seconds = |secs| Window::Sliding(Duration::from_secs(secs));
    for (text, window) in [
        ("1s", seconds(1)),
        ("1h 30m", seconds(5_400)),
        ("31d", seconds(31 * 86_400)),
        ("day", Window::Day),
        ("week", Window::Week),
        ("month", Window::Month),
    ] {
        let (_, found) =
            rule(json!({ "name": "a", "per": "key", "unit": "images", "max": 1, "window": text }));
        assert_eq!(found, window, "{text}");
    }
}

#[test]
fn the_rules_are_those_of_the_document_in_its_order() {
    let config = parse(full().to_string().as_bytes()).unwrap();
    let rules: Vec<_> =
        config.limits().iter().map(|it| (it.name.as_str(), it.per, it.unit, it.shadow)).collect();
    let expected = [
        ("key-rpm", Per::Key, Unit::Requests, false),
        ("user-images", Per::User, Unit::Images, false),
        ("ops-megapixels", Per::Model, Unit::Megapixels, false),
        ("in-flight", Per::Key, Unit::Concurrent, false),
        ("user-budget", Per::User, Unit::Usd, true),
        ("everything", Per::Global, Unit::Usd, false),
        ("web-team", Per::Group, Unit::Usd, false),
    ];
    assert_eq!(rules, expected);
    assert_eq!(config.limits()[3].window, Window::Now);
}

#[test]
fn selectors_say_which_requests_a_rule_applies_to() {
    let config = parse(full().to_string().as_bytes()).unwrap();
    let applying = |consumer, user, model| {
        let named = config.consumers().iter().find(|it| it.name() == consumer).unwrap();
        let groups = union_of_groups(named.groups(), config.groups_of_user(user));
        let scope = Scope { consumer, user, model, groups: &groups };
        let applying = config.limits().iter().filter(|rule| rule.applies(&scope));
        applying.map(|rule| rule.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        applying("acme-web", "acme", "gpt-image-2"),
        ["key-rpm", "user-images", "in-flight", "user-budget", "everything", "web-team"]
    );
    assert_eq!(
        applying("ops", "nobody", "draw"),
        ["key-rpm", "user-images", "ops-megapixels", "in-flight", "everything"]
    );
    // A rule for each model knows only those that an entry of `models` matches.
    assert_eq!(applying("ops", "nobody", "other"), ["key-rpm", "in-flight", "everything"]);
    // The groups of the user are those of the request, whoever's key it has.
    let applying = applying("ops", "acme", "other");
    assert!(applying.contains(&"web-team"), "{applying:?}");
}

#[test]
fn there_are_a_thousand_rules_at_most() {
    let limits = |count: usize| {
        let rules = (0..count).map(|index| {
            json!({ "name": format!("r{index}"), "per": "key", "unit": "concurrent", "max": 1 })
        });
        let mut document = minimal();
        document["limits"] = rules.collect();
        parse(document.to_string().as_bytes())
    };
    assert_eq!(limits(1_000).unwrap().limits().len(), 1_000);
    let error = limits(1_001).unwrap_err().to_string();
    assert_eq!(error, "/limits: out of range, accepted: an array of up to 1000 rules");
}

#[test]
fn a_budget_without_prices_is_a_configuration_that_admits_nothing() {
    let mut document = minimal();
    document["limits"] =
        json!([{ "name": "b", "per": "user", "unit": "usd", "max": "1", "window": "day" }]);
    let config = parse(document.to_string().as_bytes()).unwrap();
    assert!(config.prices().entries().is_empty());
    assert_eq!((config.counts().limits, config.counts().prices), (1, 0));
}
