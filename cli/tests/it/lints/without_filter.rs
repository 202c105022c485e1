//! Routes on which the filter is disabled.

use super::{changed, example, expect};
use crate::program::run_with;

/// The filter's own entry, with more in it.
fn with_filter(whole: &str, more: &str) -> String {
    let entry = "                  - name: imagegate\n                    typed_config:";
    changed(
        whole,
        entry,
        &format!("                  - name: imagegate\n{more}                    typed_config:"),
    )
}

const DISABLED: &str = "                    disabled: true\n";

/// `FilterConfig` at a place with this indentation.
fn setting(indent: usize, value: &str) -> String {
    let spaces = " ".repeat(indent);
    format!(
        "{spaces}typed_per_filter_config: {{ imagegate: {{ '@type': \
         type.googleapis.com/envoy.config.route.v3.FilterConfig, {value} }} }}\n"
    )
}

#[test]
fn a_route_by_header_without_the_filter_is_an_error() {
    let whole = example("envoy.yaml");
    let state = "filter_state:\n                              - key: wasm.imagegate_upstream\n";
    let header = "headers:\n                              - name: x-imagegate-upstream\n";
    let whole = changed(&whole, state, header);
    let whole =
        changed(&whole, "\"consumers\": [", "\"route_match\": \"header\", \"consumers\": [");
    expect(&whole, "warning", "routes match a header that a client can send");
    // Disabled for all, and enabled only on the last route, which image requests take first. Envoy
    // Gateway generates this.
    let last = "                        - match: { prefix: \"/\" }\n";
    let enabled = changed(&whole, last, &format!("{last}{}", setting(26, "config: {}")));
    let title = "the filter is disabled on a route that a client can choose by a header";
    expect(&with_filter(&enabled, DISABLED), "error", title);
    // Enabled for all, disabled on the upstream's route only.
    let route = "                          route:\n                            cluster: codex\n";
    let disabled = changed(&whole, route, &format!("{}{route}", setting(26, "disabled: true")));
    expect(&disabled, "error", title);
    // Another listener without the filter.
    let open = "    - filter_chains: [{ filters: [{ typed_config: { '@type': \
                type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, \
                route_config: { virtual_hosts: [{ routes: [{ match: { prefix: /, headers: [{ name: \
                X-Imagegate-Upstream, string_match: { exact: codex } }] }, route: { cluster: codex \
                } }] }] } } }] }]\n  clusters:\n";
    let other = changed(&whole, "  clusters:\n", open);
    expect(&other, "error", "another route leads to an upstream's cluster");
    // Enabled on the virtual host: on both routes.
    let domains = "                      domains: [\"*\"]\n";
    let enabled = changed(&whole, domains, &format!("{domains}{}", setting(22, "config: {}")));
    expect(&with_filter(&enabled, DISABLED), "warning", "routes match a header");
}

#[test]
fn image_requests_without_the_filter_are_reported() {
    let whole = example("envoy.yaml");
    let all = "the filter is disabled on every route that an image request takes";
    expect(&with_filter(&whole, DISABLED), "error", all);
    let domains = "                      domains: [\"*\"]\n";
    let disabled = changed(&whole, domains, &format!("{domains}{}", setting(22, "disabled: true")));
    expect(&disabled, "error", all);
    // One of the two paths.
    let last = "                        - match: { prefix: \"/\" }\n";
    let edits = format!(
        "                        - match: {{ prefix: /v1/images/edits }}\n                          \
         route: {{ cluster: nowhere }}\n{}{last}",
        setting(26, "disabled: true")
    );
    let title = "the filter is disabled on the route that /v1/images/edits takes";
    expect(&changed(&whole, last, &edits), "warning", title);
    // The upstream's own route may have any setting: the filter has run by then.
    let route = "                          route:\n                            cluster: codex\n";
    let disabled = changed(&whole, route, &format!("{}{route}", setting(26, "disabled: true")));
    let outcome = run_with(&["check", "--strict", "-"], &disabled);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}

#[test]
fn a_virtual_host_of_another_team_is_no_error() {
    let whole = example("envoy.yaml");
    // A virtual host of another team, with the filter.
    let other = "                    - name: other\n                      domains: \
                 [other.example]\n                      routes: [{ match: { prefix: / }, route: { \
                 cluster: nowhere } }]\n";
    let hosts = "                  virtual_hosts:\n";
    let two = changed(&whole, hosts, &format!("{hosts}{other}"));
    expect(&two, "note", "the virtual host `other` has no routes to upstreams");
    // One whose routes are a tree.
    let tree = other
        .replace("routes: [", "matcher: { x: 1 }, x: [")
        .replace("matcher: { x: 1 }, x", "matcher: { x: 1 }\n                      x");
    let two = changed(&whole, hosts, &format!("{hosts}{tree}"));
    expect(&two, "note", "the match tree of the virtual host `other` was not looked at");
    // A virtual host of another team, without the filter.
    let other = format!(
        "                    - name: other\n                      domains: [other.example]\n{}                      \
         routes: [{{ match: {{ prefix: / }}, route: {{ cluster: nowhere }} }}]\n",
        setting(22, "disabled: true")
    );
    let two = changed(&whole, hosts, &format!("{hosts}{other}"));
    let outcome = run_with(&["check", "--strict", "-"], &two);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}
