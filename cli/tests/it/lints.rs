//! The findings of `check` about the Envoy around a configuration: one change to a complete
//! bootstrap at a time.

use std::fs;

use crate::program::{Folder, Outcome, root, run, run_with};

pub(crate) fn example(name: &str) -> String {
    fs::read_to_string(root().join("envoy").join(name)).unwrap()
}

/// The bootstrap with one text in the place of another, which is there once.
pub(crate) fn changed(whole: &str, from: &str, to: &str) -> String {
    assert_eq!(whole.matches(from).count(), 1, "the example has {from:?} not once");
    whole.replace(from, to)
}

pub(crate) fn check(text: &str) -> Outcome {
    let folder = Folder::new();
    run(&["check", &folder.file("file.yaml", text)])
}

/// Asserts that there is such a finding, and none of a higher level.
pub(crate) fn expect(text: &str, level: &str, title: &str) {
    let outcome = check(text);
    let code = if level == "error" { 1 } else { 0 };
    assert_eq!(outcome.code, Some(code), "{title}: {}", outcome.err);
    assert!(
        outcome.err.contains(&format!("{level}: {title}")),
        "{level}: {title}\n{}",
        outcome.err
    );
    let strict = run_with(&["check", "--strict", "-"], text);
    let strict_code = if level == "note" { 0 } else { 1 };
    assert_eq!(strict.code, Some(strict_code), "{title}: {}", strict.err);
}

#[test]
fn a_rule_for_each_model_without_names_is_a_warning() {
    let rule = |more: &str| {
        let model = r#"{"name": "m", "per": "model", "unit": "images", "max": 9, "window": "day""#;
        let with_rule = format!(r#""limits": [{model}{more}}}], "consumers": ["#);
        changed(&example("envoy.yaml"), r#""consumers": ["#, &with_rule)
    };
    expect(&rule(""), "warning", "this rule counts all models together");
    let outcome = check(&rule(r#", "models": ["gpt-image-2"]"#));
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("0 warnings"), "{}", outcome.err);
}

#[test]
fn a_setting_that_breaks_every_request_or_opens_the_gate_is_an_error() {
    let whole = example("envoy.yaml");
    for (from, to, title) in [
        (
            "allow_on_headers_stop_iteration: true",
            "x: null",
            "`allow_on_headers_stop_iteration: true` is missing",
        ),
        (
            "allow_on_headers_stop_iteration: true",
            "allow_on_headers_stop_iteration: false",
            "`allow_on_headers_stop_iteration: true` is not set",
        ),
        (
            "failure_policy: FAIL_RELOAD",
            "failure_policy: FAIL_OPEN",
            "`failure_policy: FAIL_OPEN` opens the gate",
        ),
        ("failure_policy: FAIL_RELOAD", "fail_open: true", "`fail_open: true` opens the gate"),
        (
            "failure_policy: FAIL_RELOAD",
            "failure_policy: FAIL_RELAOD",
            "`failure_policy` has no value `FAIL_RELAOD`",
        ),
        ("stream_idle_timeout: 330s", "x: null", "`stream_idle_timeout` is not above"),
        (
            "stream_idle_timeout: 330s",
            "stream_idle_timeout: 30s",
            "`stream_idle_timeout` is not above",
        ),
        (
            "stream_idle_timeout: 330s",
            "stream_idle_timeout: 330s\n                common_http_protocol_options: { \
             max_stream_duration: 60s }",
            "`max_stream_duration` is not above",
        ),
        ("timeout: 310s", "idle_timeout: 60s", "`idle_timeout` is not above"),
        ("cluster: codex\n", "cluster: codecs\n", "there is no cluster `codecs`"),
        (
            "host_env_keys: [CODEX_ACCESS_TOKEN, CODEX_ACCOUNT_ID]",
            "host_env_keys: [CODEX_ACCESS_TOKEN]",
            "the environment variable CODEX_ACCOUNT_ID is not passed into the VM",
        ),
        (
            "    - name: codex\n",
            "    - name: other\n",
            "there is no cluster `codex` for the upstream `codex`",
        ),
        (
            "\"consumers\": [",
            "\"engine\": { \"kind\": \"rls\", \"cluster\": \"limits\" }, \"consumers\": [",
            "there is no cluster `limits` for the engine",
        ),
    ] {
        expect(&changed(&whole, from, to), "error", title);
    }
}

#[test]
fn routes_lead_each_upstream_to_its_own_host_only() {
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
    let hosts = "                  virtual_hosts:\n";
    let two = changed(&whole, hosts, &format!("{hosts}{other}"));
    let outcome = run_with(&["check", "--strict", "-"], &two);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}

#[test]
fn variables_may_be_given_as_they_are() {
    let given = changed(
        &example("envoy.yaml"),
        "host_env_keys: [CODEX_ACCESS_TOKEN, CODEX_ACCOUNT_ID]",
        "key_values: { CODEX_ACCESS_TOKEN: hunter2, CODEX_ACCOUNT_ID: a }",
    );
    for arguments in [&["check", "--strict", "-"][..], &["check", "--strict", "--env", "-"]] {
        let outcome = run_with(arguments, &given);
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        assert!(!outcome.err.contains("not set here"), "{}", outcome.err);
    }
}

#[test]
fn a_setting_that_fails_sometimes_is_a_warning() {
    let whole = example("envoy.yaml");
    for (from, to, title) in [
        ("failure_policy: FAIL_RELOAD", "x: null", "`failure_policy: FAIL_RELOAD` is missing"),
        ("local_reply_config:", "x:", "`local_reply_config` is missing"),
        (
            "\"consumers\": [",
            "\"default_model\": \"dall-e-3\", \"consumers\": [",
            "the model `dall-e-3` ended on 2026-05-12",
        ),
        (
            "request_body_buffer_limit: 67108864",
            "x: null",
            "`request_body_buffer_limit` is below twice",
        ),
        (
            "http.async_response_buffer_limit: 134217728",
            "x: null",
            "`http.async_response_buffer_limit` is missing",
        ),
        (
            "http.async_response_buffer_limit: 134217728",
            "http.async_response_buffer_limit: 1048576",
            "`http.async_response_buffer_limit` is too small for `max_image_bytes`",
        ),
        (
            "\"consumers\": [",
            "\"max_image_bytes\": \"48MiB\", \"consumers\": [",
            "`http.async_response_buffer_limit` is too small for `max_image_bytes`",
        ),
        (
            "- match: { prefix: \"/\" }",
            "- match: { prefix: \"/other\" }",
            "the last route does not match every request",
        ),
        (
            "timeout: 310s",
            "retry_policy: { retry_on: 'connect-failure,5xx' }",
            "Envoy retries requests to the upstream `codex` on 5xx",
        ),
    ] {
        expect(&changed(&whole, from, to), "warning", title);
    }
}

#[test]
fn a_broken_configuration_hides_nothing_around_it() {
    let broken = example("envoy.yaml")
        .replace("allow_on_headers_stop_iteration: true", "x: null")
        .replace("stream_idle_timeout: 330s", "stream_idle_timeout: 30s")
        .replace("host_rewrite_literal: chatgpt.com", "x: null")
        .replace("local_reply_config:", "y:")
        .replace("\"consumers\": [", "\"consumer\": [");
    let outcome = check(&broken);
    for title in [
        "`allow_on_headers_stop_iteration: true` is missing",
        "`stream_idle_timeout` is not above",
        "does not rewrite the host",
        "`local_reply_config` is missing",
        "unknown field `consumer`",
    ] {
        assert!(outcome.err.contains(title), "{title}\n{}", outcome.err);
    }
    assert!(outcome.err.contains("1 configuration, 4 errors, 1 warning"), "{}", outcome.err);
}

#[test]
fn the_filters_of_others_are_passed_over() {
    let ours = "                  - name: imagegate\n                    typed_config:";
    let other = "                  - name: waf\n                    typed_config: { '@type': \
                 type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: { name: \
                 waf, configuration: { '@type': type.googleapis.com/google.protobuf.StringValue, \
                 value: '{}' } } }\n";
    let whole = example("envoy.yaml");
    let outcome = check(&changed(&whole, ours, &format!("{other}{ours}")));
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("1 configuration, 0 errors, 0 warnings"), "{}", outcome.err);
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
