//! Patches of an EnvoyFilter that have no effect: Istio does not follow them, or they are refused.

use std::fs;

use crate::around::{GATEWAY, expect, more, patch, with};
use crate::patches::check;
use crate::program::root;

#[test]
fn what_istio_does_not_follow_is_a_warning() {
    for (apply_to, operation) in [
        ("LISTENER", "REPLACE"),
        ("FILTER_CHAIN", "REPLACE"),
        ("ROUTE_CONFIGURATION", "REMOVE"),
        ("ROUTE_CONFIGURATION", "INSERT_FIRST"),
        ("HTTP_ROUTE", "REPLACE"),
        ("CLUSTER", "REPLACE"),
        ("EXTENSION_CONFIG", "MERGE"),
    ] {
        let outcome = with(&[patch(apply_to, operation, GATEWAY, "{ name: a }")]);
        let title = format!("warning: Istio does not follow `{operation}` for `{apply_to}`");
        expect(&outcome, &[&title]);
        assert!(outcome.err.contains("more.yaml:8:27\n"), "{}", outcome.err);
    }
    // Without an order it adds.
    expect(&with(&[patch("CLUSTER", "INSERT_FIRST", GATEWAY, "{ name: a }")]), &[]);
}

#[test]
fn what_kubernetes_or_istio_refuses_is_an_error() {
    let good = patch("HTTP_ROUTE", "MERGE", GATEWAY, "{ name: a }");
    for (from, to, place, titles) in [
        ("HTTP_ROUTE", "http_route", "6:16", "unknown `applyTo`: `http_route`"),
        ("HTTP_ROUTE", "[HTTP_ROUTE]", "6:7", "`applyTo` is no text"),
        ("applyTo", "apply_to", "6:7", "`applyTo` is missing in the patch"),
        ("MERGE", "Merge", "8:27", "unknown `operation`: `Merge`"),
        ("operation: MERGE, ", "", "8:7", "`operation` is missing in the patch"),
        ("GATEWAY", "gateway", "7:25", "unknown `context`: `gateway`"),
        ("GATEWAY", "1", "7:25", "`context` is no text"),
        (", value: { name: a }", "", "8:7", "the patch has no `value`"),
    ] {
        let outcome = with(&[good.replace(from, to)]);
        expect(&outcome, &[&format!("error: {titles}")]);
        assert!(outcome.err.contains(&format!("more.yaml:{place}\n")), "{}", outcome.err);
    }
    // Patches of others are theirs.
    let other = more(&[good.replace("MERGE", "Merge")]).replace("imagegate", "other");
    let gate = fs::read_to_string(root().join("deploy/istio/imagegate.yaml")).unwrap();
    expect(&check(&[("gate.yaml", &gate), ("more.yaml", &other)]), &[]);
    // Nothing finds the filter of such a patch but its type.
    let unknown = "error: unknown `applyTo`: `http_filter`";
    let gate = gate.replacen("HTTP_FILTER", "http_filter", 1);
    expect(&check(&[("gate.yaml", &gate)]), &[unknown]);
}
