//! Patches that change imagegate's filter: `check` applies them as Envoy Gateway does.

use crate::program::{Folder, Outcome, run};

/// The policy that adds the filter.
pub(crate) fn filter(config: &str) -> String {
    policy(
        "gate",
        "{priority: 1}",
        &[&format!("{{op: add, path: {FILTER}, value: {}}}", entry(config))],
    )
}

pub(crate) fn entry(config: &str) -> String {
    format!(
        "{{name: imagegate, typed_config: {{'@type': \
         type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: {{root_id: \
         imagegate, allow_on_headers_stop_iteration: true, failure_policy: FAIL_RELOAD, \
         configuration: {{'@type': type.googleapis.com/google.protobuf.Struct, value: \
         {config}}}}}}}}}"
    )
}

/// A policy with these operations on the listener.
pub(crate) fn policy(name: &str, spec: &str, operations: &[&str]) -> String {
    let priority = spec.trim_matches(['{', '}']);
    let mut text = format!(
        "kind: EnvoyPatchPolicy\nmetadata: {{ namespace: apps, name: {name} }}\nspec:\n  \
         {priority}\n  jsonPatches:\n"
    );
    for operation in operations {
        text.push_str(&format!(
            "    - type: type.googleapis.com/envoy.config.listener.v3.Listener\n      name: \
             apps/web/http\n      operation: {operation}\n"
        ));
    }
    text
}

/// A policy that comes after that of the filter. `{C}` is the configuration.
pub(crate) fn after(operations: &[&str]) -> String {
    policy("more", "{priority: 2}", operations).replace("{C}", CONFIG)
}

pub(crate) fn check(files: &[(&str, &str)]) -> Outcome {
    let folder = Folder::new();
    let paths: Vec<_> = files.iter().map(|(name, text)| folder.file(name, text)).collect();
    let arguments = ["check", "--strict"].into_iter().chain(paths.iter().map(String::as_str));
    run(&arguments.collect::<Vec<_>>())
}

/// Checks the filter with patches.
fn patched(operations: &[&str]) -> Outcome {
    check(&[("gate.yaml", &filter(GOOD)), ("more.yaml", &after(operations))])
}

pub(crate) const FILTER: &str = "/default_filter_chain/filters/0/typed_config/http_filters/0";
pub(crate) const CONFIG: &str = "/default_filter_chain/filters/0/typed_config/http_filters/0/typed_config/\
                      config/configuration/value";
pub(crate) const GOOD: &str = "{upstreams: {codex: {authority: chatgpt.com, credential: envoy}}, consumers: [{name: web, \
     key_sha256: [9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]}], request: \
     {max_n: 4}}";
pub(crate) const LIMITS: &str = "{op: add, path: {C}/limits, value: [{name: a, per: key, unit: requests, \
                      max: 1, window: day}]}";

#[test]
fn patches_that_fit_pass() {
    for operations in [
        vec![LIMITS],
        vec![
            LIMITS,
            "{op: add, path: {C}/limits/-, value: {name: b, per: key, unit: images, max: \
                      1, window: day}}",
        ],
        vec!["{op: remove, path: {C}/request}"],
        vec!["{op: test, path: {C}/request/max_n, value: 4}"],
        vec!["{op: replace, path: {C}/request, value: {max_n: 2}}"],
        vec!["{op: copy, from: {C}/upstreams/codex/authority, path: {C}/upstreams/codex/cluster}"],
        vec!["{op: move, from: {C}/upstreams/codex, path: {C}/upstreams/other}"],
        vec![
            "{op: add, jsonPath: \"..http_filters[?(@.name=='imagegate')].typed_config.config\", \
              path: /configuration/value/request, value: {max_n: 1}}",
        ],
        // The filter goes to another place.
        vec![
            "{op: add, path: /default_filter_chain/filters/0/typed_config/http_filters/0, value: \
              {name: cors}}",
            "{op: remove, path: /default_filter_chain/filters/0/typed_config/http_filters/1/\
              typed_config/config/configuration/value/request}",
        ],
    ] {
        let outcome = patched(&operations);
        assert_eq!(outcome.code, Some(0), "{operations:?}\n{}", outcome.err);
        let sum = "more.yaml: 0 configurations, 0 errors, 0 warnings";
        assert!(outcome.err.contains(sum), "{operations:?}\n{}", outcome.err);
    }
}

/// Operations, and what is said about the last of them, at its line.
const WRONG: [(&[&str], &[&str]); 12] = [
    (
        &["{op: add, path: {C}/request/max_n, value: many}"],
        &["error: expected ", "= at: /request/max_n\n", "= patches: "],
    ),
    (
        &[LIMITS, "{op: add, path: {C}/limits/-, value: {name: b, per: key, unit: picture}}"],
        &["found \"picture\"", "= at: /limits/1/unit\n"],
    ),
    (
        &["{op: add, path: {C}/limit, value: []}"],
        &["error: unknown field `limit`", "= at: /limit\n"],
    ),
    (
        &["{op: remove, path: {C}/requests}"],
        &[
            "error: the path leads to nothing; it ends after the configuration",
            "= at: /requests\n",
            "= accepted: there: `consumers`, `request`, `upstreams`",
        ],
    ),
    (
        &["{op: replace, path: {C}/consumers/1, value: {}}"],
        &["error: the path leads to nothing; it ends after /consumers", "an index up to 0"],
    ),
    (
        &["{op: add, path: {C}/consumers/2, value: {}}"],
        &["error: the path leads to nothing", "accepted: there: an index up to 1, or `-`"],
    ),
    (
        &["{op: test, path: {C}/request/max_n, value: 5}"],
        &["error: the test fails", "= at: /request/max_n\n", "= accepted: "],
    ),
    (
        &["{op: merge, path: {C}/request, value: {}}"],
        &["error: unknown operation", "= accepted: add, remove, replace, move, copy, test"],
    ),
    (&["{op: add, path: {C}/request}"], &["error: `value` is missing", "= at: /request\n"]),
    (&["{op: copy, path: {C}/request}"], &["and is not checked", "= why: it takes a value from"]),
    (
        &[
            "{op: remove, path: /default_filter_chain/filters/0/typed_config/http_filters/0/typed_config}",
        ],
        &["and is not checked\n", "= why: after it, there is no filter of imagegate"],
    ),
    (
        &[
            "{op: add, jsonPath: \"..configuration.value\", path: /typed_config/config/configuration/\
           value/limits, value: []}",
        ],
        &["and is not checked\n", "= why: what its `jsonPath` finds"],
    ),
];

#[test]
fn patches_that_do_not_fit_are_reported_at_their_line() {
    for (operations, expected) in WRONG {
        let outcome = patched(operations);
        assert_eq!(outcome.code, Some(1), "{operations:?}\n{}", outcome.err);
        let line = 5 + 3 * operations.len();
        let place = format!("more.yaml:{line}:");
        for part in expected.iter().chain([&place.as_str()]) {
            assert!(outcome.err.contains(part), "{operations:?}: {part}\n{}", outcome.err);
        }
        let count =
            outcome.err.matches("error: ").count() + outcome.err.matches("warning: ").count();
        let is_read = expected.iter().any(|it| it.starts_with("found"));
        assert!(count == 1 || is_read, "{operations:?}\n{}", outcome.err);
        assert!(!outcome.err.contains("no imagegate filter"), "{}", outcome.err);
    }
}

#[test]
fn a_path_that_is_no_pointer_is_an_error() {
    for path in
        [CONFIG.trim_start_matches('/').to_owned() + "/limits", format!("{CONFIG}/limits/a~2b")]
    {
        let outcome = patched(&[&format!("{{op: add, path: {path}, value: []}}")]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        for part in ["error: the path is no JSON pointer", "more.yaml:8:", "= accepted: "] {
            assert!(outcome.err.contains(part), "{path}: {part}\n{}", outcome.err);
        }
    }
}

#[test]
fn what_a_removal_leaves_is_reported_in_the_document_with_the_name_of_the_patch() {
    for (path, error) in [
        ("{C}/upstreams", "error: `upstreams` is missing"),
        (
            "/default_filter_chain/filters/0/typed_config/http_filters/0/typed_config/config/\
             allow_on_headers_stop_iteration",
            "`allow_on_headers_stop_iteration",
        ),
    ] {
        let outcome = patched(&[&format!("{{op: remove, path: {path}}}")]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        for part in [error, "gate.yaml:8:", "= patched by: the EnvoyPatchPolicy more in "] {
            assert!(outcome.err.contains(part), "{path}: {part}\n{}", outcome.err);
        }
        assert!(outcome.err.contains("gate.yaml: 1 configuration, 1 error"), "{}", outcome.err);
    }
}

#[test]
fn a_patch_may_mend_the_document() {
    let broken = filter(&GOOD.replace("max_n: 4", "max_n: many"));
    let alone = check(&[("gate.yaml", &broken)]);
    assert_eq!(alone.code, Some(1), "{}", alone.err);
    let mend = after(&["{op: replace, path: {C}/request/max_n, value: 4}"]);
    for files in [
        [("gate.yaml", &broken), ("more.yaml", &mend)],
        [("more.yaml", &mend), ("gate.yaml", &broken)],
    ] {
        let both = check(&files.map(|(name, text)| (name, text.as_str())));
        assert_eq!(both.code, Some(0), "{}", both.err);
    }
    // Another error of the document is the document's, and not the patch's.
    let other = broken.replace("chatgpt.com", "chatgpt.com/path");
    let both = check(&[("gate.yaml", &other), ("more.yaml", &mend)]);
    assert!(both.err.contains("error: expected a host"), "{}", both.err);
    assert!(!both.err.contains("patched by"), "{}", both.err);
}
