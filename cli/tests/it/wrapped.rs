//! Filters whose settings are in a `TypedStruct`, and the patches that change them.

use crate::merges::{SELECTED, WASM, envoy_filter};
use crate::patches::{FILTER, GOOD, check, policy};

const TYPES: [&str; 2] = ["udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"];

/// An entry of `http_filters`, or a patch of one, in this type.
fn entry(kind: &str, settings: &str) -> String {
    format!(
        "{{name: imagegate, typed_config: {{'@type': type.googleapis.com/{kind}, type_url: {WASM}, \
         value: {{config: {settings}}}}}}}"
    )
}

fn settings(configuration: &str) -> String {
    format!(
        "{{root_id: imagegate, allow_on_headers_stop_iteration: true, failure_policy: FAIL_RELOAD, \
         configuration: {configuration}}}"
    )
}

fn configuration(kind: &str, value: &str) -> String {
    format!("{{'@type': type.googleapis.com/{kind}, value: {value}}}")
}

fn structure(value: &str) -> String {
    configuration("google.protobuf.Struct", value)
}

fn istio(name: &str, operation: &str, value: &str) -> String {
    let wanted = if operation == "MERGE" { "imagegate" } else { "envoy.filters.http.router" };
    envoy_filter(&format!("name: {name}"), SELECTED, operation, wanted, value)
}

/// The filter, and a patch that merges these settings into it.
fn merged(kinds: (&str, &str), more: &str) -> crate::program::Outcome {
    let gate = istio("gate", "INSERT_BEFORE", &entry(kinds.0, &settings(&structure(GOOD))));
    let more = istio("more", "MERGE", &entry(kinds.1, more));
    check(&[("gate.yaml", &gate), ("more.yaml", &more)])
}

#[test]
fn the_configuration_is_text_or_a_struct() {
    let json = r#""{\"upstreams\": {}, \"consumers\": []}""#;
    // `{"upstreams": {}, "consumers": []}`
    let base64 = "eyJ1cHN0cmVhbXMiOiB7fSwgImNvbnN1bWVycyI6IFtdfQ==";
    for kind in TYPES {
        for (configuration, error) in [
            (structure(GOOD), None),
            (configuration("google.protobuf.BytesValue", base64), Some("error: empty")),
            (
                configuration("google.protobuf.BytesValue", "x"),
                Some("error: a BytesValue that is not"),
            ),
            (structure("{upstreams: {}, consumers: []}"), Some("error: empty")),
            (configuration("google.protobuf.StringValue", json), Some("error: empty")),
            // Envoy passes it on as it is.
            (
                format!(
                    "{{'@type': type.googleapis.com/{kind}, type_url: \
                     type.googleapis.com/google.protobuf.Struct, value: {GOOD}}}"
                ),
                Some("= why: Envoy unwraps a TypedStruct only where the filter itself is in it"),
            ),
        ] {
            let filter = entry(kind, &settings(&configuration));
            let outcome = check(&[("gate.yaml", &istio("gate", "INSERT_BEFORE", &filter))]);
            let code = if error.is_some() { 1 } else { 0 };
            assert_eq!(outcome.code, Some(code), "{filter}\n{}", outcome.err);
            let error = error.unwrap_or("1 configuration, 0 errors, 0 warnings");
            assert!(outcome.err.contains(error), "{error}\n{}", outcome.err);
        }
    }
}

/// The fields of a `Struct` are entries of a map: the patch replaces the settings as a whole.
#[test]
fn a_merge_replaces_all_settings() {
    let broken = GOOD.replace("max_n: 4", "max_n: many");
    // Both types have the same fields.
    for kinds in [(TYPES[0], TYPES[0]), (TYPES[0], TYPES[1])] {
        let outcome = merged(kinds, &settings(&structure(GOOD)));
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        let sum = "more.yaml: 0 configurations, 0 errors, 0 warnings";
        assert!(outcome.err.contains(sum), "{}", outcome.err);
        let outcome = merged(kinds, &settings(&structure(&broken)));
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        assert!(outcome.err.contains("= at: /request/max_n\n"), "{}", outcome.err);
        assert!(outcome.err.contains("more.yaml:8:"), "{}", outcome.err);
        // What it does not repeat is gone.
        let outcome = merged(kinds, &format!("{{configuration: {}}}", structure(GOOD)));
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        let lost = "error: `allow_on_headers_stop_iteration: true` is missing";
        assert!(outcome.err.contains(lost), "{}", outcome.err);
    }
}

#[test]
fn a_json_patch_finds_its_way_into_it() {
    let add = |value: &str| {
        format!("{{op: add, path: {FILTER}, value: {}}}", entry(value, &settings(&structure(GOOD))))
    };
    let name = "..http_filters[?(@.name=='imagegate')].typed_config.value.config";
    let root_id =
        "..http_filters[?(@.typed_config.value.config.root_id=='imagegate')].typed_config";
    for kind in TYPES {
        let gate = policy("gate", "{priority: 1}", &[&add(kind)]);
        for (operation, error) in [
            (
                format!(
                    "{{op: add, path: {FILTER}/typed_config/value/config/configuration/value/request/\
                     max_n, value: 2}}"
                ),
                None,
            ),
            (
                format!(
                    "{{op: add, jsonPath: \"{name}\", path: /configuration/value/request/max_n, \
                     value: many}}"
                ),
                Some("= at: /request/max_n\n"),
            ),
            (
                format!(
                    "{{op: add, path: {FILTER}/typed_config/config/configuration/value/request/max_n, \
                     value: 2}}"
                ),
                Some("error: the settings of this filter are in a `TypedStruct`"),
            ),
            (
                format!(
                    "{{op: add, jsonPath: \"{root_id}\", path: \
                     /value/config/configuration/value/limit, value: []}}"
                ),
                Some("error: unknown field `limit`"),
            ),
        ] {
            let more = policy("more", "{priority: 2}", &[&operation]);
            let outcome = check(&[("gate.yaml", &gate), ("more.yaml", &more)]);
            let code = if error.is_some() { 1 } else { 0 };
            assert_eq!(outcome.code, Some(code), "{operation}\n{}", outcome.err);
            let sum = "more.yaml: 0 configurations, 0 errors, 0 warnings";
            assert!(outcome.err.contains(error.unwrap_or(sum)), "{operation}\n{}", outcome.err);
        }
    }
}

#[test]
fn the_secrets_in_it_are_hidden() {
    let secret = "s3cr3t-v4lue";
    let config = GOOD.replace("credential: envoy", &format!("headers: {{ x-a: {secret} }}"));
    let outcome = merged((TYPES[0], TYPES[0]), &settings(&structure(&config)));
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains("more.yaml:"), "{}", outcome.err);
    assert!(!outcome.err.contains("s3cr3t"), "{}", outcome.err);
}
