//! EnvoyFilters that change what is around imagegate's filter in Istio: network filters, filter
//! chains, listeners, virtual hosts and routes.

use std::fs;

use crate::lints::changed;
use crate::patches::{GOOD, check, entry};
use crate::program::{Outcome, root};

const MANAGER: &str = "envoy.filters.network.http_connection_manager";
const MANAGER_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.network.\
                            http_connection_manager.v3.HttpConnectionManager";
const TCP: &str = "{ name: tcp, typed_config: { '@type': \
                   type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, \
                   cluster: codex } }";
pub(crate) const GATEWAY: &str = "{ context: GATEWAY }";

/// The manifest of Istio, and a file with these patches. They come after its own.
pub(crate) fn with(patches: &[String]) -> Outcome {
    let gate = fs::read_to_string(root().join("deploy/istio/imagegate.yaml")).unwrap();
    check(&[("gate.yaml", &gate), ("more.yaml", &more(patches))])
}

pub(crate) fn more(patches: &[String]) -> String {
    format!(
        "kind: EnvoyFilter\nmetadata: {{ namespace: imagegate, name: more }}\nspec:\n  \
         workloadSelector: {{ labels: {{ istio: imagegate }} }}\n  configPatches:\n{}",
        patches.concat()
    )
}

pub(crate) fn patch(apply_to: &str, operation: &str, place: &str, value: &str) -> String {
    let value = if value.is_empty() { String::new() } else { format!(", value: {value}") };
    format!(
        "    - applyTo: {apply_to}\n      match: {place}\n      patch: {{ operation: \
         {operation}{value} }}\n"
    )
}

/// A patch of the connection manager.
fn network(operation: &str, value: &str) -> String {
    let filter = format!("{{ filterChain: {{ filter: {{ name: {MANAGER} }} }} }}");
    let place = format!("{{ context: GATEWAY, listener: {filter} }}");
    patch("NETWORK_FILTER", operation, &place, value)
}

/// A connection manager with these fields.
fn manager(name: &str, fields: &str) -> String {
    format!(
        "{{ name: {name}, typed_config: {{ '@type': {MANAGER_TYPE}, http_filters: [{{ name: \
         envoy.filters.http.router }}], {fields} }} }}"
    )
}

#[track_caller]
pub(crate) fn expect(outcome: &Outcome, errors: &[&str]) {
    let code = i32::from(!errors.is_empty());
    assert_eq!(outcome.code, Some(code), "{}", outcome.err);
    let found = outcome
        .err
        .lines()
        .filter(|line| ["error: ", "warning: "].iter().any(|level| line.starts_with(level)));
    assert_eq!(found.collect::<Vec<_>>(), errors, "{}", outcome.err);
}

#[test]
fn without_a_place_for_the_filter_there_is_no_gate() {
    let all = "error: the patch takes the";
    for (patch, what) in [
        (network("REMOVE", ""), "connection manager"),
        (network("REPLACE", TCP), "connection manager"),
        (network("REPLACE", &manager("other", "stat_prefix: a")), "connection manager"),
        (patch("FILTER_CHAIN", "REMOVE", GATEWAY, ""), "filter chain"),
        (patch("LISTENER", "REMOVE", GATEWAY, ""), "listener"),
        (patch("LISTENER", "REMOVE", "{}", ""), "listener"),
    ] {
        let outcome = with(&[patch]);
        expect(&outcome, &[&format!("{all} {what} of imagegate's filter away")]);
        assert!(outcome.err.contains("more.yaml:8:27\n"), "{}", outcome.err);
    }
}

#[test]
fn other_places_are_left() {
    let listener =
        |port: u16| format!("{{ context: GATEWAY, listener: {{ portNumber: {port} }} }}");
    for patch in [
        // Without a name Istio removes no network filter.
        patch("NETWORK_FILTER", "REMOVE", GATEWAY, ""),
        patch("LISTENER", "REMOVE", "{ context: SIDECAR_INBOUND }", ""),
        patch("VIRTUAL_HOST", "REMOVE", "{ context: SIDECAR_OUTBOUND }", ""),
    ] {
        expect(&with(&[patch]), &[]);
    }
    let some = "warning: the patch takes a listener away that may be that of imagegate's filter";
    expect(&with(&[patch("LISTENER", "REMOVE", &listener(9090), "")]), &[some]);
    // If the filter has a listener, only that one counts.
    let gate = fs::read_to_string(root().join("deploy/istio/imagegate.yaml")).unwrap();
    let router = "        listener:\n          filterChain:\n";
    let gate =
        gate.replacen(router, &router.replace(":\n  ", ":\n          portNumber: 8080\n  "), 1);
    for (port, errors) in [
        (9090, &[][..]),
        (8080, &["error: the patch takes the listener of imagegate's filter away"]),
    ] {
        let more = more(&[patch("LISTENER", "REMOVE", &listener(port), "")]);
        expect(&check(&[("gate.yaml", &gate), ("more.yaml", &more)]), errors);
    }
}

#[test]
fn another_connection_manager_gets_the_filter() {
    let inserted = network("INSERT_FIRST", &manager(MANAGER, "stat_prefix: a"));
    expect(&with(&[network("REMOVE", ""), inserted]), &[]);
    // Istio replaces before it merges, whatever the order.
    let slow = manager(MANAGER, "stream_idle_timeout: 30s");
    expect(&with(&[network("REPLACE", &slow)]), &[]);
    let gone = "error: the virtual host `a` has no route for the upstream `codex`";
    let limit = "request_body_buffer_limit: 67108864";
    let inline = format!(
        "route_config: {{ virtual_hosts: [{{ name: a, domains: ['*'], {limit}, routes: [{{ match: \
         {{ prefix: / }}, route: {{ cluster: nowhere }} }}] }}] }}"
    );
    let outcome = with(&[network("REPLACE", &manager(MANAGER, &inline))]);
    expect(&outcome, &[gone]);
}

#[test]
fn the_filter_may_be_in_a_connection_manager_of_a_patch() {
    let broken = GOOD.replace("max_n: 4", "max_n: many");
    for (own, merged, code) in [(&broken, GOOD, 0), (&GOOD.to_owned(), &broken, 1)] {
        let whole = manager(MANAGER, "stream_idle_timeout: 330s, local_reply_config: {}")
            .replace("[{", &format!("[{}, {{", entry(own)));
        let merge = format!(
            "{{ context: GATEWAY, listener: {{ filterChain: {{ filter: {{ name: {MANAGER}, \
             subFilter: {{ name: imagegate }} }} }} }} }}"
        );
        let merge = patch("HTTP_FILTER", "MERGE", &merge, &entry(merged));
        let outcome = check(&[("more.yaml", &more(&[network("REPLACE", &whole), merge]))]);
        assert_eq!(outcome.code, Some(code), "{}", outcome.err);
        let has_error = outcome.err.contains("= at: /request/max_n\n");
        assert_eq!(has_error, code == 1, "{}", outcome.err);
        assert!(!outcome.err.contains("not checked"), "{}", outcome.err);
    }
}

#[test]
fn network_filters_of_others_change_nothing() {
    let other = TCP.replace("codex", "other");
    expect(&with(&[network("INSERT_BEFORE", &other)]), &[]);
    let place = "{ context: GATEWAY, listener: { filterChain: { filter: { name: tcp } } } }";
    expect(&with(&[patch("NETWORK_FILTER", "MERGE", place, &other)]), &[]);
    expect(&with(&[patch("NETWORK_FILTER", "REPLACE", place, &other)]), &[]);
}

#[test]
fn messages_are_merged_field_by_field() {
    let options = |fields: &str| {
        let fields = format!("common_http_protocol_options: {{ {fields} }}");
        network("MERGE", &format!("{{ typed_config: {{ '@type': {MANAGER_TYPE}, {fields} }} }}"))
    };
    let outcome = with(&[options("max_stream_duration: 10s"), options("idle_timeout: 600s")]);
    expect(
        &outcome,
        &["error: `max_stream_duration` is not above the upstreams' `timeout` (300 s)"],
    );
    assert!(outcome.err.contains("more.yaml:8:"), "{}", outcome.err);
}

#[test]
fn without_the_virtual_hosts_there_is_no_route() {
    let remove = patch("VIRTUAL_HOST", "REMOVE", GATEWAY, "");
    let gone = "error: the patch takes the virtual hosts with the routes to upstreams away";
    expect(&with(std::slice::from_ref(&remove)), &[gone]);
    let named = "{ context: GATEWAY, routeConfiguration: { vhost: { name: 'a:80' } } }";
    expect(&with(&[patch("VIRTUAL_HOST", "REMOVE", named, "")]), &[]);
    // Another one has its own routes: none of those that are added to Istio's.
    let host = "{ name: a, domains: ['*'], request_body_buffer_limit: 67108864, routes: [{ match: \
                { prefix: / }, route: { cluster: nowhere } }] }";
    let added = patch("VIRTUAL_HOST", "ADD", GATEWAY, host);
    let lack = "error: the virtual host `a` has no route for the upstream `codex`";
    for patches in [[remove.clone(), added.clone()], [added, remove]] {
        expect(&with(&patches), &[lack]);
    }
}

#[test]
fn the_routes_of_virtual_hosts_count() {
    let way = "error: another route leads to an upstream's cluster";
    let limit = "warning: `request_body_buffer_limit` is below twice `request.max_body_bytes` \
                 (67108864)";
    let host = "{ name: a, domains: [a], routes: [{ name: b, match: { prefix: / }, route: { \
                cluster: codex } }] }";
    let table = format!("{{ virtual_hosts: [{host}] }}");
    for (apply_to, operation, value, errors) in [
        ("VIRTUAL_HOST", "ADD", host, &[way][..]),
        ("VIRTUAL_HOST", "MERGE", host, &[way]),
        // What was merged before is lost.
        ("VIRTUAL_HOST", "REPLACE", host, &[limit, way]),
        ("ROUTE_CONFIGURATION", "MERGE", table.as_str(), &[way]),
    ] {
        let outcome = with(&[patch(apply_to, operation, GATEWAY, value)]);
        expect(&outcome, errors);
        assert!(!outcome.err.contains("--> gate.yaml"), "{}", outcome.err);
    }
    // Routes of virtual hosts can be changed, and those that are added cannot.
    let merge = patch("VIRTUAL_HOST", "MERGE", GATEWAY, host);
    for (wanted, errors) in [("{ name: b }", &[][..]), ("{ name: c }", &[way])] {
        let place = format!(
            "{{ context: GATEWAY, routeConfiguration: {{ vhost: {{ route: {wanted} }} }} }}"
        );
        expect(&with(&[patch("HTTP_ROUTE", "REMOVE", &place, ""), merge.clone()]), errors);
        let other = "{ route: { cluster: other } }";
        expect(&with(&[patch("HTTP_ROUTE", "MERGE", &place, other), merge.clone()]), errors);
    }
    expect(&with(&[patch("HTTP_ROUTE", "REMOVE", GATEWAY, "")]), &[]);
}

#[test]
fn a_route_configuration_may_disable_the_filter() {
    let filter =
        "{ '@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true }";
    let value = format!("{{ typed_per_filter_config: {{ imagegate: {filter} }} }}");
    let outcome = with(&[patch("ROUTE_CONFIGURATION", "MERGE", GATEWAY, &value)]);
    expect(&outcome, &["error: the filter is disabled on every route that an image request takes"]);
    assert!(outcome.err.contains("more.yaml:8:"), "{}", outcome.err);
}

#[test]
fn filter_chains_of_others_are_ways_too() {
    let chain = format!("{{ filters: [{TCP}] }}");
    let way = "error: a TCP proxy leads to an upstream's cluster";
    expect(&with(&[network("INSERT_FIRST", TCP)]), &[way]);
    expect(&with(&[patch("FILTER_CHAIN", "ADD", GATEWAY, &chain)]), &[way]);
    expect(
        &with(&[patch("LISTENER", "ADD", GATEWAY, &format!("{{ filter_chains: [{chain}] }}"))]),
        &[way],
    );
}

#[test]
fn a_cluster_of_the_mesh_may_be_removed() {
    let name = "outbound|443||chatgpt.com";
    let gate = fs::read_to_string(root().join("deploy/istio/imagegate.yaml")).unwrap();
    let gate =
        changed(&gate, "            cluster: codex\n", &format!("            cluster: {name}\n"));
    let gone = format!("error: a patch removes the cluster `{name}`");
    for (wanted, is_gone) in [
        ("{}".to_owned(), true),
        (format!("{{ name: '{name}' }}"), true),
        ("{ service: chatgpt.com }".to_owned(), true),
        ("{ service: chatgpt.com, portNumber: 443 }".to_owned(), true),
        ("{ service: chatgpt.com, portNumber: 80 }".to_owned(), false),
        ("{ service: other.com }".to_owned(), false),
        ("{ subset: v1 }".to_owned(), false),
    ] {
        let place = format!("{{ context: GATEWAY, cluster: {wanted} }}");
        let more = more(&[patch("CLUSTER", "REMOVE", &place, "")]);
        let outcome = check(&[("gate.yaml", &gate), ("more.yaml", &more)]);
        assert_eq!(outcome.err.contains(&gone), is_gone, "{wanted}\n{}", outcome.err);
    }
    // What a patch adds is not removed.
    let place = "{ context: GATEWAY, cluster: { name: codex } }";
    expect(&with(&[patch("CLUSTER", "REMOVE", place, "")]), &[]);
}

#[test]
fn routes_of_other_virtual_hosts_are_apart() {
    let of = |host: &str| {
        format!("{{ context: GATEWAY, routeConfiguration: {{ vhost: {{ name: '{host}' }} }} }}")
    };
    let gate = fs::read_to_string(root().join("deploy/istio/imagegate.yaml")).unwrap();
    let own = "HTTP_ROUTE\n      match: { context: GATEWAY }";
    let gate = gate.replace(own, &own.replace("{ context: GATEWAY }", &of("images:80")));
    let own = "VIRTUAL_HOST\n      match: { context: GATEWAY }";
    let gate = gate.replace(own, &own.replace("{ context: GATEWAY }", &of("images:80")));
    let route = |cluster: &str| {
        let route = format!("{{ match: {{ prefix: / }}, route: {{ cluster: {cluster} }} }}");
        patch("HTTP_ROUTE", "INSERT_FIRST", &of("other:80"), &route)
    };
    let way = "error: another route leads to an upstream's cluster";
    let gone = "error: the virtual host `other:80` has no route for the upstream `codex`";
    let limit = "warning: `request_body_buffer_limit` is below twice `request.max_body_bytes` \
                 (67108864)";
    let small = "{ request_body_buffer_limit: 1 }";
    for (patches, errors) in [
        (vec![route("other")], &[][..]),
        (vec![route("codex")], &[way]),
        (vec![route("other"), patch("VIRTUAL_HOST", "MERGE", &of("other:80"), small)], &[]),
        (vec![route("other"), patch("VIRTUAL_HOST", "MERGE", &of("images:80"), small)], &[limit]),
        (vec![route("other"), patch("VIRTUAL_HOST", "REMOVE", &of("other:80"), "")], &[]),
        (
            vec![route("other"), patch("VIRTUAL_HOST", "REMOVE", &of("images:80"), "")],
            &[gone, limit],
        ),
    ] {
        let more = more(&patches);
        expect(&check(&[("gate.yaml", &gate), ("more.yaml", &more)]), errors);
    }
    // It does not count which one is first.
    let first = more(&[route("other")]).replace("name: more", "name: a");
    expect(&check(&[("gate.yaml", &gate), ("more.yaml", &first)]), &[]);
}
