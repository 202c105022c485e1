//! Patches of the filter that Envoy Gateway makes of an EnvoyExtensionPolicy.

use crate::patches::{GOOD, check, policy};

const FILTER: &str = "envoy.filters.http.wasm/envoyextensionpolicy/apps/gate/wasm/0";
const MISSING: [&str; 2] = [
    "{op: add, {S}.config\", path: /allow_on_headers_stop_iteration, value: true}",
    "{op: add, {S}.config\", path: /failure_policy, value: FAIL_RELOAD}",
];

fn extension(config: &str) -> String {
    format!(
        "kind: EnvoyExtensionPolicy\nmetadata: {{ namespace: apps, name: gate }}\nspec:\n  \
         targetRefs: [{{ kind: Gateway, name: web }}]\n  wasm:\n    - name: imagegate\n      \
         rootID: imagegate\n      config: {config}\n"
    )
}

/// Checks the policy with what it lacks, and with these patches. `{S}` searches for its
/// `typed_config`.
fn patched(config: &str, operations: &[&str]) -> crate::program::Outcome {
    let search = format!("jsonPath: \"..http_filters[?(@.name=='{FILTER}')].typed_config");
    let all: Vec<_> =
        MISSING.iter().chain(operations).map(|it| it.replace("{S}", &search)).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let patches = policy("more", "{priority: 1}", &all);
    check(&[("gate.yaml", &extension(config)), ("more.yaml", &patches)])
}

const STRUCT: &str = "'@type': type.googleapis.com/google.protobuf.Struct, value: ";
const STRING: &str = "'@type': type.googleapis.com/google.protobuf.StringValue, value: ";

fn replaced(value: &str) -> String {
    format!("{{op: replace, {{S}}.config\", path: /configuration, value: {{{value}}}}}")
}

#[test]
fn a_patch_replaces_the_configuration() {
    let broken = GOOD.replace("max_n: 4", "max_n: many");
    let json = "'{\"upstreams\": {}, \"consumers\": []}'";
    for (own, patch, error) in [
        (broken.as_str(), replaced(&format!("{STRUCT}{GOOD}")), None),
        (GOOD, replaced(&format!("{STRUCT}{broken}")), Some("= at: /request/max_n\n")),
        (GOOD, replaced(&format!("{STRING}{json}")), Some("error: empty")),
        (
            GOOD,
            format!("{{op: replace, {{S}}.config\", path: /configuration/value, value: {json}}}"),
            Some("error: empty"),
        ),
        (
            GOOD,
            "{op: remove, {S}.config\", path: /configuration}".to_owned(),
            Some("error: no plugin configuration"),
        ),
    ] {
        let outcome = patched(own, &[&patch]);
        let code = if error.is_some() { 1 } else { 0 };
        assert_eq!(outcome.code, Some(code), "{patch}\n{}", outcome.err);
        let sum = "more.yaml: 0 configurations, 0 errors, 0 warnings";
        assert!(outcome.err.contains(error.unwrap_or(sum)), "{patch}\n{}", outcome.err);
        assert!(!outcome.err.contains("is not checked"), "{patch}\n{}", outcome.err);
    }
}

#[test]
fn a_part_of_it_can_be_patched_only_if_it_is_no_text() {
    let limits = "{op: add, {S}.config\", path: /configuration/value/limits, value: []}";
    let outcome = patched(GOOD, &[limits]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    for part in
        ["error: the path leads to nothing", "nothing: it is a single value", "more.yaml:14:"]
    {
        assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
    }
    let outcome = patched(GOOD, &[&replaced(&format!("{STRUCT}{GOOD}")), limits]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let object =
        format!("{{op: replace, {{S}}.config\", path: /configuration/value, value: {GOOD}}}");
    let outcome = patched(GOOD, &[&object]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains("error: expected text, found another value"), "{}", outcome.err);
}

#[test]
fn a_patch_may_open_the_gate() {
    for (patch, error) in [
        (
            "{op: add, {S}.config\", path: /fail_open, value: true}",
            "error: the patch opens the gate",
        ),
        (
            "{op: replace, {S}.config\", path: /failure_policy, value: FAIL_OPEN}",
            "error: the patch opens the gate",
        ),
        ("{op: remove, {S}\"}", "and is not checked"),
        (
            &format!("{{op: remove, jsonPath: \"..http_filters[?(@.name=='{FILTER}')]\"}}"),
            "error: the patch takes imagegate's filter away",
        ),
    ] {
        let outcome = patched(GOOD, &[patch]);
        assert_eq!(outcome.code, Some(1), "{patch}\n{}", outcome.err);
        for part in [error, "more.yaml:14:"] {
            assert!(outcome.err.contains(part), "{patch}: {part}\n{}", outcome.err);
        }
    }
}

#[test]
fn a_patch_may_pass_the_variables() {
    let config = GOOD.replace("credential: envoy", "credential: {bearer_env: TOKEN}");
    let outcome = patched(&config, &[]);
    let error = "error: the environment variable TOKEN is not passed into the VM";
    assert!(outcome.err.contains(error), "{}", outcome.err);
    let passed = "{op: add, {S}.config\", path: /vm_config/environment_variables, value: \
                  {host_env_keys: [TOKEN]}}";
    let outcome = patched(&config, &[passed]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}
