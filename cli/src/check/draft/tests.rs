use std::collections::BTreeSet;
use std::time::Duration;

use super::super::{Environment, errors, json};

/// The pointers of all errors of a configuration in JSON.
fn errors_of(text: &str) -> BTreeSet<String> {
    let tree = json::parse(text).unwrap();
    let reading = errors::read(text.as_bytes(), Some(&tree), false, &ENVIRONMENT);
    assert!(!reading.gave_up, "{text}");
    reading.errors.into_iter().map(|it| it.error.pointer).collect()
}

const ENVIRONMENT: Environment<'_> =
    Environment { is_here: false, is_of_lists: false, given: &[], now: Duration::ZERO };
const CONSUMER: &str = r#"{"name": "a", "key_sha256":
    ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]}"#;
const UPSTREAM: &str = r#""codex": {"authority": "a.example", "credential": "envoy"}"#;

/// A whole configuration with more fields.
fn with(more: &str) -> String {
    format!(r#"{{"upstreams": {{{UPSTREAM}}}, "consumers": [{CONSUMER}]{more}}}"#)
}

fn expect(text: &str, pointers: &[&str]) {
    let expected: BTreeSet<_> = pointers.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(errors_of(text), expected, "{text}");
}

#[test]
fn a_right_configuration_has_none() {
    expect(&with(""), &[]);
}

#[test]
fn each_wrong_field_is_found_once() {
    let more =
        r#", "request": {"max_n": 40, "max_m": 1, "max_body_bytes": "x"}, "keepalive": 1, "x": 1"#;
    let expected =
        ["/request/max_n", "/request/max_m", "/request/max_body_bytes", "/keepalive", "/x"];
    expect(&with(more), &expected);
}

#[test]
fn every_element_of_a_list_is_judged_in_its_place() {
    let more = r#", "limits": [{"name": "a b", "per": "key", "unit": "usd", "max": 1,
        "window": "1m"}, 7, {"name": "c", "per": "x", "unit": "images", "max": 1}],
        "prices": [1, {"model": "m", "usd": "x"}]"#;
    let expected = [
        "/limits/0/name",
        "/limits/0/max",
        "/limits/1",
        "/limits/2/per",
        "/limits/2/window",
        "/prices/0",
        "/prices/1/usd",
    ];
    expect(&with(more), &expected);
}

#[test]
fn a_value_under_a_wrong_name_is_read_too() {
    let text = format!(
        r#"{{"upstream": {{{UPSTREAM}, "b": {{"authority": 1}}}}, "consumers": [{CONSUMER}]}}"#
    );
    let expected = ["/upstream", "/upstream/b/authority", "/upstream/b/credential", "/models"];
    expect(&text, &expected);
}

#[test]
fn a_consequence_of_another_error_is_not_an_error() {
    // The name of the consumer is not known, so a limit that names it is no error.
    let text = format!(
        r#"{{"upstreams": {{{UPSTREAM}}}, "consumers": [{{"name": "a b", "key_sha256": []}}],
            "limits": [{{"name": "l", "per": "key", "unit": "x", "max": "25.00",
            "consumers": ["a b"]}}]}}"#
    );
    expect(&text, &["/consumers/0/name", "/consumers/0/key_sha256", "/limits/0/unit"]);
    let text = format!(
        r#"{{"upstreams": 1, "models": [{{"match": "*", "upstream": "codex"}}],
            "consumers": [{CONSUMER}]}}"#
    );
    expect(&text, &["/upstreams"]);
    let text = format!(
        r#"{{"upstreams": {{"c": {{"api": "x", "authority": "a", "credential": "envoy",
            "edits": "form", "host_model": "m"}}}}, "consumers": [{CONSUMER}]}}"#
    );
    expect(&text, &["/upstreams/c/api"]);
}

#[test]
fn fields_that_exclude_each_other_do_not_hide_others() {
    let text = format!(
        r#"{{"upstreams": {{"c": {{"authority": "a", "credential":
            {{"bearer_env": "B", "key_env": "K", "account_id_env": "1-"}}}}}},
            "consumers": [{CONSUMER}]}}"#
    );
    expect(&text, &["/upstreams/c/credential/key_env", "/upstreams/c/credential/account_id_env"]);
}

#[test]
fn every_single_value_may_be_wrong() {
    // For every replacement, the search ends and finds the parser's first error.
    let whole: serde_json::Value =
        serde_json::from_str(include_str!("../../../../tests/fixtures/configs/valid/full.json"))
            .unwrap();
    let mut pointers = Vec::new();
    collect(&whole, "", &mut pointers);
    assert!(pointers.len() > 50, "{}", pointers.len());
    for pointer in pointers.iter().filter(|it| !it.is_empty()) {
        for wrong in
            [serde_json::json!(null), serde_json::json!({"x": [1]}), serde_json::json!("\u{e9}")]
        {
            let mut changed = whole.clone();
            *changed.pointer_mut(pointer).unwrap() = wrong;
            let text = changed.to_string();
            let assumed = |_: &str| Some("assumed".to_owned());
            let first = imagegate::config::Config::parse(text.as_bytes(), &assumed);
            let found = errors_of(&text);
            match first {
                Ok(_) => assert!(found.is_empty(), "{pointer}: {found:?}"),
                Err(error) => assert!(found.contains(&error.pointer), "{pointer}: {found:?}"),
            }
        }
    }
}

fn collect(value: &serde_json::Value, here: &str, pointers: &mut Vec<String>) {
    pointers.push(here.to_owned());
    match value {
        serde_json::Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| collect(item, &format!("{here}/{index}"), pointers)),
        serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            collect(value, &format!("{here}/{name}"), pointers);
        }),
        _ => {}
    }
}
