//! Patches that take imagegate's filter away, or put another in its place.

use crate::merges::{SELECTED, envoy_filter, gate};
use crate::patches::{FILTER, GOOD, after, check, entry, filter, policy};

const GONE: &str = "error: the patch takes imagegate's filter away";
const LUA: &str = "{name: lua, typed_config: {'@type': \
                   type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}}";

/// An EnvoyFilter with one patch. It comes after that of the filter, whose name is `gate`.
fn more(operation: &str, name: &str, value: &str) -> String {
    envoy_filter("name: more", SELECTED, operation, name, value)
}

#[test]
fn without_the_filter_no_gate_is_left() {
    for (operation, value) in [("REMOVE", "{}"), ("REPLACE", LUA)] {
        let more = more(operation, "imagegate", value);
        for files in [
            [("a.yaml", gate(GOOD)), ("b.yaml", more.clone())],
            [("a.yaml", more.clone()), ("b.yaml", gate(GOOD))],
        ] {
            let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
            let outcome = check(&files);
            assert_eq!(outcome.code, Some(1), "{}", outcome.err);
            assert_eq!(outcome.err.matches("error: ").count(), 1, "{}", outcome.err);
            assert!(outcome.err.contains(GONE), "{}", outcome.err);
        }
    }
    let outcome =
        check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &more("REMOVE", "cors", "{}"))]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}

#[test]
fn another_filter_of_imagegate_takes_its_place() {
    let broken = GOOD.replace("max_n: 4", "max_n: many");
    for (first, second, code) in [(&broken, GOOD, 0), (&GOOD.to_owned(), broken.as_str(), 1)] {
        let replace = more("REPLACE", "imagegate", &entry(second));
        let insert = envoy_filter("name: z", SELECTED, "INSERT_FIRST", "x", &entry(second));
        let remove = more("REMOVE", "imagegate", "{}");
        let both = format!("{remove}---\n{insert}");
        for text in [&replace, &both] {
            let outcome = check(&[("gate.yaml", &gate(first)), ("more.yaml", text)]);
            assert_eq!(outcome.code, Some(code), "{text}\n{}", outcome.err);
            assert!(!outcome.err.contains(GONE), "{text}\n{}", outcome.err);
            let error = outcome.err.contains("= at: /request/max_n\n");
            assert_eq!(error, code == 1, "{text}\n{}", outcome.err);
            assert!(code == 0 || outcome.err.contains("more.yaml:"), "{text}\n{}", outcome.err);
            assert!(!outcome.err.contains("no imagegate filter in it"), "{}", outcome.err);
        }
    }
}

#[test]
fn a_patch_before_the_filter_changes_nothing() {
    for (operation, value) in [("REMOVE", "{}"), ("REPLACE", LUA)] {
        let early = more(operation, "imagegate", value).replace("name: more", "name: a");
        let outcome = check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &early)]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        let warning = "warning: the patch comes before the one that adds the filter";
        assert!(outcome.err.contains(warning), "{}", outcome.err);
    }
}

#[test]
fn without_the_file_of_the_filter_a_warning_says_so() {
    let outcome = check(&[("more.yaml", &more("REMOVE", "imagegate", "{}"))]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    let warning = "is not checked without the file that has the filter";
    assert!(outcome.err.contains(warning), "{}", outcome.err);
    // A whole filter is checked as it is.
    let outcome = check(&[("more.yaml", &more("REPLACE", "imagegate", &entry(GOOD)))]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("1 configuration, 0 errors"), "{}", outcome.err);
}

/// Istio puts a filter beside another one only if that is there.
#[test]
fn the_filter_beside_it_has_to_be_there() {
    let beside = |name: &str| gate(GOOD).replace("envoy.filters.http.router", name);
    let lua = |metadata: &str, operation: &str, name: &str, value: &str| {
        envoy_filter(&format!("name: {metadata}"), SELECTED, operation, name, value)
    };
    let later = lua("z", "INSERT_FIRST", "x", LUA);
    let earlier = lua("a", "INSERT_FIRST", "x", LUA);
    let cors = LUA.replace("name: lua", "name: envoy.filters.http.cors");
    let router = "envoy.filters.http.router";
    for (gate, more, name) in [
        (beside("lua"), later, Some("lua")),
        (beside("lua"), earlier.clone(), None),
        (beside("lua"), earlier.replace("istio: gate", "istio: other"), None),
        (beside("lua"), format!("{earlier}---\n{}", lua("b", "REMOVE", "lua", "{}")), Some("lua")),
        (beside("lua"), format!("{earlier}---\n{}", lua("b", "REPLACE", "lua", LUA)), None),
        (beside("lua"), format!("{earlier}---\n{}", lua("z", "REMOVE", "lua", "{}")), None),
        (beside(router), lua("a", "REMOVE", router, "{}"), Some(router)),
        (beside(router), lua("z", "REPLACE", router, &cors), None),
        // Istio has one itself.
        (beside("envoy.filters.http.cors"), lua("z", "INSERT_FIRST", "x", &cors), None),
        // In no file.
        (beside("lua"), lua("z", "REMOVE", "other", "{}"), None),
    ] {
        let outcome = check(&[("gate.yaml", &gate), ("more.yaml", &more)]);
        let error =
            name.map(|it| format!("error: there is no filter `{it}` when this patch is applied"));
        assert_eq!(outcome.code, Some(i32::from(error.is_some())), "{more}\n{}", outcome.err);
        assert!(outcome.err.contains(&error.unwrap_or_default()), "{more}\n{}", outcome.err);
    }
}

/// A filter of other gateways is another one.
#[test]
fn the_targets_of_an_envoy_filter_count() {
    let web = "targetRefs: [{ kind: Gateway, name: web }]";
    let both = "targetRefs: [{ kind: Gateway, name: web }, { kind: Gateway, name: other }]";
    let other = "targetRefs: [{ kind: Gateway, name: other }]";
    for (spec, is_gone) in
        [(web, true), (both, true), ("priority: 0", true), (other, false), (SELECTED, false)]
    {
        let gate = gate(GOOD).replace(SELECTED, web);
        let more = envoy_filter("name: more", spec, "REMOVE", "imagegate", "{}");
        let outcome = check(&[("gate.yaml", &gate), ("more.yaml", &more)]);
        assert_eq!(outcome.err.contains(GONE), is_gone, "{spec}\n{}", outcome.err);
    }
}

/// Operations of Envoy Gateway.
#[test]
fn json_patches_take_it_away_too() {
    let lua = format!("value: {LUA}");
    let list = "/default_filter_chain/filters/0/typed_config/http_filters";
    let search = "jsonPath: \"..http_filters[?(@.name=='imagegate')]\"";
    for operation in [
        format!("{{op: remove, path: {FILTER}}}"),
        format!("{{op: replace, path: {FILTER}, {lua}}}"),
        format!("{{op: replace, path: {list}, value: [{LUA}]}}"),
        "{op: remove, path: /default_filter_chain}".to_owned(),
        format!("{{op: remove, {search}}}"),
        format!("{{op: replace, {search}, {lua}}}"),
        format!("{{op: replace, path: {FILTER}/typed_config, value: {{'@type': other}}}}"),
    ] {
        let outcome = check(&[("gate.yaml", &filter(GOOD)), ("more.yaml", &after(&[&operation]))]);
        assert_eq!(outcome.code, Some(1), "{operation}\n{}", outcome.err);
        assert_eq!(outcome.err.matches("error: ").count(), 1, "{operation}\n{}", outcome.err);
        assert!(outcome.err.contains(GONE), "{operation}\n{}", outcome.err);
        assert!(outcome.err.contains("more.yaml:8:"), "{operation}\n{}", outcome.err);
    }
}

#[test]
fn json_patches_may_add_it_again() {
    let broken = GOOD.replace("max_n: 4", "max_n: many");
    let list = "/default_filter_chain/filters/0/typed_config/http_filters";
    for (first, second, code) in [(&broken, GOOD, 0), (&GOOD.to_owned(), broken.as_str(), 1)] {
        let new = entry(second);
        for operations in [
            vec![format!("{{op: replace, path: {list}, value: [{LUA}, {new}]}}")],
            vec![
                format!("{{op: remove, path: {FILTER}}}"),
                format!("{{op: add, path: {FILTER}, value: {new}}}"),
            ],
        ] {
            let operations: Vec<_> = operations.iter().map(String::as_str).collect();
            let more = policy("more", "{priority: 2}", &operations);
            let outcome = check(&[("gate.yaml", &filter(first)), ("more.yaml", &more)]);
            assert_eq!(outcome.code, Some(code), "{operations:?}\n{}", outcome.err);
            assert!(!outcome.err.contains(GONE), "{operations:?}\n{}", outcome.err);
            let has_error = outcome.err.contains("= at: /request/max_n\n");
            assert_eq!(has_error, code == 1, "{operations:?}\n{}", outcome.err);
        }
    }
    // It may also move.
    let more = after(&[
        &format!("{{op: move, from: {FILTER}, path: {list}/2}}"),
        &format!(
            "{{op: add, path: {list}/2/typed_config/config/configuration/value/request/max_n, value: \
             many}}"
        ),
    ]);
    let outcome = check(&[("gate.yaml", &filter(GOOD)), ("more.yaml", &more)]);
    assert!(outcome.err.contains("= at: /request/max_n\n"), "{}", outcome.err);
}
