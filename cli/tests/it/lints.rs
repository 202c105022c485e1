//! The findings of `check` about the Envoy around a configuration: one change to a complete
//! bootstrap at a time.

mod ways;
mod without_filter;

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
fn the_path_of_the_module_is_text() {
    let whole = example("envoy.yaml");
    for (value, is) in
        [("true", "a boolean"), ("15", "a number"), ("null", "null"), ("''", "empty")]
    {
        let text = changed(&whole, MODULE, &format!("filename: {value}"));
        expect(&text, "error", &format!("`filename` is {is}, expected the path of the module"));
    }
}

const MODULE: &str = "filename: build/imagegate.wasm";

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
    ] {
        expect(&changed(&whole, from, to), "error", title);
    }
}

#[test]
fn a_time_limit_below_that_of_the_upstream_is_an_error() {
    let whole = example("envoy.yaml");
    for (from, to, title) in [
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
    ] {
        expect(&changed(&whole, from, to), "error", title);
    }
}

#[test]
fn a_name_that_leads_nowhere_is_an_error() {
    let whole = example("envoy.yaml");
    for (from, to, title) in [
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
fn a_buffer_that_is_too_small_for_an_image_is_a_warning() {
    let whole = example("envoy.yaml");
    for (from, to, title) in [
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
