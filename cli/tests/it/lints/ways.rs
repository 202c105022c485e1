//! The ways to an upstream: the routes for it, and those past the filter.

use super::{changed, check, example, expect};
use crate::program::run_with;

#[test]
fn each_upstream_needs_a_route_that_no_client_can_choose() {
    let whole = example("envoy.yaml");
    let state = "filter_state:\n                              - key: wasm.imagegate_upstream\n";
    let header = "headers:\n                              - name: x-imagegate-upstream\n";
    let no_route = "the virtual host `images` has no route for the upstream `codex`";
    for (from, to, title) in [
        ("string_match: { exact: codex }", "string_match: { exact: other }", no_route),
        ("string_match: { exact: codex }", "string_match: { prefix: other }", no_route),
        ("key: wasm.imagegate_upstream", "key: wasm.other", no_route),
        (
            state,
            header,
            "a route matches the header `x-imagegate-upstream`, which a client can send",
        ),
    ] {
        expect(&changed(&whole, from, to), "error", title);
    }
}

#[test]
fn a_route_that_does_not_fit_its_upstream_is_an_error() {
    let whole = example("envoy.yaml");
    for (from, to, title) in [
        (
            "host_rewrite_literal: chatgpt.com",
            "x: null",
            "the route for the upstream `codex` does not rewrite the host",
        ),
        (
            "host_rewrite_literal: chatgpt.com",
            "host_rewrite_literal: openai.com",
            "the host is rewritten to another than the `authority` of the upstream `codex`",
        ),
        (
            "routes:\n",
            "routes:\n                        - { match: { prefix: /backend-api }, route: { \
             cluster: nowhere } }\n",
            "this route comes before that of the upstream `codex` and takes its requests",
        ),
        (
            "prefix: \"/\"\n                            filter_state",
            "prefix: /v1/images\n                            filter_state",
            "the route for the upstream `codex` does not match the upstream's path",
        ),
    ] {
        expect(&changed(&whole, from, to), "error", title);
    }
}

#[test]
fn another_way_to_an_upstream_is_an_error() {
    let whole = example("envoy.yaml");
    for (from, to, title) in [
        ("cluster: nowhere", "cluster: codex", "another route leads to an upstream's cluster"),
        (
            "cluster: nowhere",
            "weighted_clusters: { clusters: [{ name: codex, weight: 1 }] }",
            "another route leads to an upstream's cluster",
        ),
        (
            "cluster: nowhere",
            "cluster: nowhere, request_mirror_policies: [{ cluster: codex }]",
            "another route leads to an upstream's cluster",
        ),
        (
            "cluster: nowhere",
            "cluster_header: x-where",
            "a client can name its cluster by a header",
        ),
        (
            "  clusters:\n",
            "    - filter_chains: [{ filters: [{ typed_config: { '@type': \
             type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, cluster: \
             codex } }] }]\n  clusters:\n",
            "a TCP proxy leads to an upstream's cluster",
        ),
    ] {
        expect(&changed(&whole, from, to), "error", title);
    }
}

#[test]
fn other_ways_to_rewrite_the_host_and_real_domains_are_fine() {
    let whole = example("envoy.yaml");
    for (from, to) in [
        ("host_rewrite_literal: chatgpt.com", "auto_host_rewrite: true"),
        ("host_rewrite_literal: chatgpt.com", "host_rewrite_header: x-host"),
        ("host_rewrite_literal: chatgpt.com", "host_rewrite_literal: ChatGPT.com"),
        ("domains: [\"*\"]", "domains: [images.example.com]"),
        ("string_match: { exact: codex }", "string_match: { prefix: cod }"),
        ("stream_idle_timeout: 330s", "stream_idle_timeout: 0s"),
    ] {
        let outcome = run_with(&["check", "--strict", "-"], &changed(&whole, from, to));
        assert_eq!(outcome.code, Some(0), "{to}: {}", outcome.err);
    }
}

#[test]
fn a_copy_of_the_cluster_with_the_same_credential_is_another_way_to_the_upstream() {
    let whole = example("credential-injector.yaml");
    let at = whole.find("    - name: codex\n      connect_timeout").unwrap();
    let copy = whole[at..].replacen("name: codex", "name: alias", 1);
    let alias = changed(&whole, "cluster: nowhere", "cluster: alias") + &copy;
    expect(&alias, "error", "another route leads to an upstream's cluster");
    // A credential of its own is another service's.
    let other =
        copy.replace("codex-access-token", "other-token").replace("codex-account-id", "other-id");
    let other = changed(&whole, "cluster: nowhere", "cluster: alias") + &other;
    let outcome = check(&other);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}
