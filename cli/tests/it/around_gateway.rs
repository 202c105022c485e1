//! EnvoyPatchPolicies that change what is around imagegate's filter in Envoy Gateway: the
//! connection manager, the routes and the clusters.

use std::fs;

use crate::around::expect;
use crate::lints::changed;
use crate::patches::check;
use crate::program::{Outcome, root};

const ROUTES: &str = "route.v3.RouteConfiguration";
const LISTENER: &str = "listener.v3.Listener";
const CLUSTER: &str = "cluster.v3.Cluster";
const FIRST: &str = "/virtual_hosts/0/routes/0";
const SECOND: &str = "/virtual_hosts/0/routes/1";
const MANAGER: &str = "/default_filter_chain/filters/0/typed_config";
const HOST: &str = "{ name: b, domains: ['*'], request_body_buffer_limit: 67108864, routes: [{ \
                    match: { prefix: / }, route: { cluster: codex } }] }";
const NO_ROUTE: &str = "error: the virtual host `images` has no route for the upstream `codex`";
const WAY: &str = "error: another route leads to an upstream's cluster";

fn manifest() -> String {
    fs::read_to_string(root().join("deploy/envoy-gateway/imagegate.yaml")).unwrap()
}

/// A policy that comes after that of the filter, with these operations on a resource.
fn more(kind: &str, name: &str, operations: &[&str]) -> String {
    let mut text =
        "kind: EnvoyPatchPolicy\nmetadata: { namespace: imagegate, name: more }\nspec:\n  \
                    targetRef: { kind: Gateway, name: gate }\n  priority: 1\n  jsonPatches:\n"
            .to_owned();
    for operation in operations {
        text.push_str(&format!(
            "    - type: type.googleapis.com/envoy.config.{kind}\n      name: {name}\n      \
             operation: {operation}\n"
        ));
    }
    text
}

fn with(kind: &str, operations: &[&str]) -> Outcome {
    let more = more(kind, "imagegate/gate/http", operations);
    check(&[("gate.yaml", &manifest()), ("more.yaml", &more)])
}

#[test]
fn routes_can_be_taken_away() {
    let limit = "warning: `request_body_buffer_limit` is below twice `request.max_body_bytes` \
                 (67108864)";
    let last = "warning: the last route does not match every request and lead to a cluster";
    for (operation, errors) in [
        ("{ op: remove, path: /virtual_hosts/0/routes/0 }", &[NO_ROUTE][..]),
        ("{ op: remove, path: /virtual_hosts/0/routes }", &[NO_ROUTE, last]),
        ("{ op: replace, path: /virtual_hosts/0/routes, value: [] }", &[NO_ROUTE, last]),
        ("{ op: remove, path: /virtual_hosts/0 }", &[NO_ROUTE, limit, last]),
        ("{ op: remove, path: /virtual_hosts }", &[NO_ROUTE, limit, last]),
        ("{ op: remove, path: /virtual_hosts/0/request_body_buffer_limit }", &[limit]),
    ] {
        let outcome = with(ROUTES, &[operation]);
        let mut found: Vec<_> = titles(&outcome);
        found.sort_unstable();
        assert_eq!(found, errors, "{operation}\n{}", outcome.err);
        assert_eq!(outcome.code, Some(1), "{operation}\n{}", outcome.err);
    }
    let outcome = with(ROUTES, &["{ op: remove, path: /virtual_hosts/0/routes }"]);
    assert!(outcome.err.contains("more.yaml:9:"), "{}", outcome.err);
}

fn titles(outcome: &Outcome) -> Vec<&str> {
    let is_title = |line: &&str| line.starts_with("error: ") || line.starts_with("warning: ");
    outcome.err.lines().filter(is_title).collect()
}

#[test]
fn routes_can_be_changed() {
    let rewrite = "error: the host is rewritten to another than the `authority` of the upstream \
                   `codex`";
    let open = "{ match: { prefix: / }, route: { cluster: codex } }";
    for (operations, error) in [
        (
            vec![format!("{{ op: replace, path: {FIRST}/route/host_rewrite_literal, value: b }}")],
            Some(rewrite),
        ),
        (vec![format!("{{ op: replace, path: {SECOND}/route/cluster, value: codex }}")], Some(WAY)),
        (vec![format!("{{ op: copy, from: {FIRST}/route, path: {SECOND}/route }}")], Some(WAY)),
        // What is not known to be there changes nothing, and a test never does.
        (vec!["{ op: remove, path: /virtual_hosts/0/routes/7 }".to_owned()], None),
        (vec!["{ op: remove, path: /virtual_hosts/3 }".to_owned()], None),
        (vec![format!("{{ op: test, path: {FIRST}, value: {open} }}")], None),
        // What is removed may be added again.
        (
            vec![
                "{ op: copy, from: /virtual_hosts/0/routes, path: /virtual_hosts/0/x }".to_owned(),
                "{ op: remove, path: /virtual_hosts/0/routes }".to_owned(),
                "{ op: move, from: /virtual_hosts/0/x, path: /virtual_hosts/0/routes }".to_owned(),
            ],
            None,
        ),
    ] {
        let operations: Vec<_> = operations.iter().map(String::as_str).collect();
        expect(&with(ROUTES, &operations), error.as_slice());
    }
    for path in ["/virtual_hosts/-", "/virtual_hosts/1"] {
        let outcome = with(ROUTES, &[&format!("{{ op: add, path: {path}, value: {HOST} }}")]);
        expect(&outcome, &[WAY]);
        assert!(outcome.err.contains("more.yaml:9:"), "{}", outcome.err);
    }
}

#[test]
fn fields_of_the_connection_manager_can_be_changed() {
    let reply = "warning: `local_reply_config` is missing";
    let idle = "error: `stream_idle_timeout` is not above the upstreams' `timeout` (300 s)";
    let duration = "error: `max_stream_duration` is not above the upstreams' `timeout` (300 s)";
    let options = "common_http_protocol_options";
    for (operation, error) in [
        (format!("{{ op: remove, path: {MANAGER}/local_reply_config }}"), Some(reply)),
        (format!("{{ op: replace, path: {MANAGER}/stream_idle_timeout, value: 9s }}"), Some(idle)),
        (
            format!("{{ op: add, path: {MANAGER}/{options}/max_stream_duration, value: 9s }}"),
            Some(duration),
        ),
        (format!("{{ op: test, path: {MANAGER}/stream_idle_timeout, value: 9s }}"), None),
        // Of a transport socket.
        (
            "{ op: add, path: /filter_chains/0/transport_socket/typed_config/stream_idle_timeout, \
             value: 9s }"
                .to_owned(),
            None,
        ),
    ] {
        expect(&with(LISTENER, &[&operation]), error.as_slice());
    }
}

#[test]
fn each_listener_has_its_own() {
    // The listener of the loopback has no timeout.
    let path = "/filter_chains/0/filters/0/typed_config/stream_idle_timeout";
    let idle = format!("{{ op: add, path: {path}, value: 9s }}");
    let more_of = |name: &str| more(LISTENER, name, &[&idle]);
    let gate = manifest();
    expect(&check(&[("gate.yaml", &gate), ("more.yaml", &more_of("imagegate_loopback"))]), &[]);
    // A second gate, which lacks what only the first one has.
    let of_http = "      name: imagegate/gate/http\n";
    let at = gate.find("kind: EnvoyPatchPolicy").unwrap();
    let patches: Vec<_> = gate[at..].split("    - type: ").collect();
    let both: Vec<_> = patches
        .iter()
        .flat_map(|it| {
            let is_reply =
                it.contains("path: /default_filter_chain/filters/0/typed_config/local_reply");
            let other = it.replace(of_http, "      name: imagegate/gate/https\n");
            [Some((*it).to_owned()), (other != *it && !is_reply).then_some(other)]
        })
        .flatten()
        .collect();
    let both = format!(
        "{}{}",
        &gate[..at],
        both.join("    - type: ").replace("&vm", "").replace("*vm", "{}")
    );
    let reply = "warning: `local_reply_config` is missing";
    let outcome = check(&[("gate.yaml", &both)]);
    assert_eq!(titles(&outcome).iter().filter(|it| **it == reply).count(), 1, "{}", outcome.err);
}

#[test]
fn clusters_that_are_added_can_be_changed() {
    let gate = manifest();
    let lack = "warning: no patch in these files adds the cluster `codex`";
    let rename = more(CLUSTER, "codex", &["{ op: replace, path: /name, value: other }"]);
    expect(&check(&[("gate.yaml", &gate), ("more.yaml", &rename)]), &[lack]);
}

#[test]
fn operations_that_cannot_be_applied_are_errors() {
    let form = "error: after the patch there is no route configuration";
    for (operation, error) in [
        ("{ op: add, path: /virtual_hosts, value: 5 }", form),
        ("{ op: replace, path: '', value: null }", form),
        ("{ op: replace, path: /virtual_hosts/0, value: text }", form),
        ("{ op: add, path: /virtual_hosts/0/routes, value: {} }", form),
        ("{ op: add, path: virtual_hosts, value: [] }", "error: the path is no JSON pointer"),
        ("{ op: add, path: [], value: [] }", "error: the path is no JSON pointer"),
        ("{ op: Replace, path: /virtual_hosts/0 }", "error: unknown operation"),
        ("{ path: /virtual_hosts/0 }", "error: unknown operation"),
        ("{ op: add, path: /x }", "error: `value` is missing in the operation"),
        ("{ op: move, path: /x }", "error: `from` is missing in the operation"),
    ] {
        let outcome = with(ROUTES, &[operation]);
        expect(&outcome, &[error]);
        let column = "      operation: ".len() + operation.find("path: ").unwrap() + 7;
        let place = format!("more.yaml:9:{column}\n");
        assert!(outcome.err.contains(&place), "{operation}\n{}", outcome.err);
    }
}

#[test]
fn a_test_of_the_bootstrap_adds_nothing() {
    let add = "      - op: add\n        path: /bootstrap_extensions";
    let gate = changed(&manifest(), add, &add.replace("add", "test"));
    let lack = "error: the bootstrap extension `envoy.bootstrap.internal_listener` is missing";
    expect(&check(&[("gate.yaml", &gate)]), &[lack]);
}

#[test]
fn a_search_may_find_the_connection_manager() {
    let idle = "error: `stream_idle_timeout` is not above the upstreams' `timeout` (300 s)";
    let name = "envoy.filters.network.http_connection_manager";
    let search = format!("..filters[?(@.name=='{name}')].typed_config");
    for (json_path, path, error) in [
        (search.clone(), "/stream_idle_timeout", Some(idle)),
        (format!("{search}.stream_idle_timeout"), "", Some(idle)),
        (search.replace("..filters", "..http_filters"), "/stream_idle_timeout", None),
    ] {
        let operation =
            format!("{{ op: replace, jsonPath: \"{json_path}\", path: '{path}', value: 9s }}");
        expect(&with(LISTENER, &[&operation]), error.as_slice());
    }
    // What others find is not known.
    for kind in [LISTENER, ROUTES] {
        let outcome = with(kind, &["{ op: remove, jsonPath: \"..http_filters[*]\" }"]);
        expect(&outcome, &[]);
        let note = "note: the patch was not followed: what its `jsonPath` finds is not known here";
        assert!(outcome.err.contains(note), "{}", outcome.err);
    }
}

#[test]
fn without_a_virtual_host_there_is_no_route() {
    let operation =
        format!("{{ op: replace, path: {MANAGER}/route_config, value: {{ virtual_hosts: [] }} }}");
    expect(&with(LISTENER, &[&operation]), &["error: there is no virtual host, and so no route"]);
}
