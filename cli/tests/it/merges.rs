//! EnvoyFilters that merge into imagegate's filter: `check` applies them as Istio does.

use crate::patches::{GOOD, check, entry};

/// An EnvoyFilter with one patch of an HTTP filter.
pub(crate) fn envoy_filter(
    metadata: &str,
    spec: &str,
    operation: &str,
    name: &str,
    value: &str,
) -> String {
    format!(
        "kind: EnvoyFilter\nmetadata: {{ namespace: apps, {metadata} }}\nspec:\n  {spec}\n  \
         configPatches:\n    - applyTo: HTTP_FILTER\n      match: {{ context: GATEWAY, listener: \
         {{ filterChain: {{ filter: {{ subFilter: {{ name: {name} }} }} }} }} }}\n      patch: {{ \
         operation: {operation}, value: {value} }}\n"
    )
}

pub(crate) fn gate(config: &str) -> String {
    let router = "envoy.filters.http.router";
    envoy_filter("name: gate", SELECTED, "INSERT_BEFORE", router, &entry(config))
}

/// A patch of the settings of imagegate's filter.
pub(crate) fn merge(metadata: &str, spec: &str, settings: &str) -> String {
    let value = format!("{{ typed_config: {{ '@type': {WASM}, config: {settings} }} }}");
    envoy_filter(metadata, spec, "MERGE", "imagegate", &value)
}

fn configuration(config: &str) -> String {
    let kind = "type.googleapis.com/google.protobuf.Struct";
    format!("{{ configuration: {{ '@type': {kind}, value: {config} }} }}")
}

pub(crate) const SELECTED: &str = "workloadSelector: { labels: { istio: gate } }";
pub(crate) const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

#[test]
fn a_configuration_replaces_the_other() {
    let broken = GOOD.replace("max_n: 4", "max_n: many");
    let more = |config: &str| merge("name: more", SELECTED, &configuration(config));
    let mended = check(&[("more.yaml", &more(GOOD)), ("gate.yaml", &gate(&broken))]);
    assert_eq!(mended.code, Some(0), "{}", mended.err);
    let sum = "more.yaml: 0 configurations, 0 errors, 0 warnings";
    assert!(mended.err.contains(sum), "{}", mended.err);
    for (config, error) in [
        (broken.as_str(), "= at: /request/max_n\n"),
        // It is not merged.
        ("{ limits: [] }", "error: `upstreams` is missing"),
    ] {
        let outcome = check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &more(config))]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        for part in [error, "more.yaml:8:", "= patches: "] {
            assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
        }
        assert!(outcome.err.contains("gate.yaml: 1 configuration, 0 errors"), "{}", outcome.err);
    }
}

#[test]
fn settings_are_merged_but_for_defaults() {
    for (settings, code) in [
        ("{ fail_open: true }", 1),
        ("{ vm_config: { vm_id: other } }", 0),
        // Nothing in protobuf.
        ("{ allow_on_headers_stop_iteration: false, failure_policy: '' }", 0),
    ] {
        let more = merge("name: more", SELECTED, settings);
        let outcome = check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &more)]);
        assert_eq!(outcome.code, Some(code), "{settings}\n{}", outcome.err);
        assert_eq!(outcome.err.contains("more.yaml:8:"), code == 1, "{}", outcome.err);
    }
}

#[test]
fn the_order_is_by_priority_then_age_then_name() {
    let good = configuration(GOOD);
    let bad = configuration(&GOOD.replace("max_n: 4", "max_n: many"));
    for (first, last) in [
        (("name: b", "priority: 1"), ("name: a", "priority: 2")),
        (("name: a", "priority: -1"), ("name: b", "workloadSelector: {}")),
        (("name: a", "priority: 1"), ("name: b", "priority: 1")),
        // In Istio's own namespace.
        (("name: z", "priority: 1"), ("name: b", "priority: 1")),
        (
            ("name: b, creationTimestamp: '2026-01-01T00:00:00Z'", "priority: 1"),
            ("name: a, creationTimestamp: '2026-01-02T00:00:00Z'", "priority: 1"),
        ),
    ] {
        for (one, other, code) in [(&bad, &good, 0), (&good, &bad, 1)] {
            let (a, b) = (merge(first.0, first.1, one), merge(last.0, last.1, other));
            let a = a.replace("apps, name: z", "istio-system, name: z");
            let gate = gate(GOOD);
            let outcome = check(&[("b.yaml", &b), ("gate.yaml", &gate), ("a.yaml", &a)]);
            assert_eq!(outcome.code, Some(code), "{a}{b}{}", outcome.err);
        }
    }
}

#[test]
fn another_type_is_not_merged() {
    let other = format!("{{ typed_config: {{ '@type': {WASM}.Other, config: {{}} }} }}");
    let more = envoy_filter("name: more", SELECTED, "MERGE", "imagegate", &other);
    let outcome = check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &more)]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    let warning = "warning: changes imagegate's configuration, and is not checked\n";
    for part in [warning, "its `typed_config` has another `@type`", "more.yaml:7:"] {
        assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
    }
    assert!(!outcome.err.contains("no imagegate filter"), "{}", outcome.err);
}

#[test]
fn without_the_filter_a_warning_says_so() {
    let warning = "is not checked without the file that has the filter\n";
    let more = merge("name: more", SELECTED, &configuration("{ limits: [] }"));
    let outcome = check(&[("more.yaml", &more)]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains(warning), "{}", outcome.err);
    assert!(!outcome.err.contains("no imagegate filter in it"), "{}", outcome.err);
    // Other workloads, and another part of the mesh, have another filter.
    for (part, instead) in [
        ("istio: gate", "istio: other"),
        ("GATEWAY", "SIDECAR_INBOUND"),
        ("namespace: apps", "namespace: others"),
    ] {
        let elsewhere = more.replace(part, instead);
        let outcome = check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &elsewhere)]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        assert!(outcome.err.contains(warning), "{elsewhere}\n{}", outcome.err);
    }
    let everywhere = more.replace("namespace: apps", "namespace: istio-system");
    let outcome = check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &everywhere)]);
    assert!(outcome.err.contains("error: `upstreams` is missing"), "{}", outcome.err);
}

#[test]
fn the_secrets_of_a_patch_are_hidden() {
    let secret = "s3cr3t-v4lue";
    let config = GOOD.replace("credential: envoy", &format!("headers: {{ x-a: {secret} }}"));
    let more = merge("name: more", SELECTED, &configuration(&config));
    let gate = gate(GOOD);
    for files in [
        vec![("more.yaml", more.as_str()), ("gate.yaml", &gate)],
        vec![("more.yaml", more.as_str())],
    ] {
        let outcome = check(&files);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        assert!(outcome.err.contains("more.yaml:"), "{}", outcome.err);
        assert!(!outcome.err.contains("s3cr3t"), "{}", outcome.err);
    }
}

#[test]
fn a_patch_that_names_no_filter_is_not_checked() {
    let more = merge("name: more", SELECTED, &configuration(GOOD));
    let more = more.replace("subFilter: { name: imagegate }", "");
    let outcome = check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &more)]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains("= why: it names no `subFilter`"), "{}", outcome.err);
}

#[test]
fn patches_of_other_filters_are_passed_over() {
    let value = "{ typed_config: { '@type': type.googleapis.com/some.Filter, limits: nonsense } }";
    let more = envoy_filter("name: more", SELECTED, "MERGE", "other", value);
    let outcome = check(&[("gate.yaml", &gate(GOOD)), ("more.yaml", &more)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("more.yaml: passed over: no imagegate filter in it"));
}
