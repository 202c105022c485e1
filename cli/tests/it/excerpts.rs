//! The excerpts that `check` shows of a file: names, numbers, enumerations and comments, but
//! nothing that is or may be a secret.

use crate::program::{Folder, run, run_with};

/// In a place that has no text, or in a file that cannot be read, anything may be a secret.
const SECRET: &str = "s3cr3t-v4lue";
/// It looks like a secret in any place.
const KEY: &str = "sk-s3cr3t-v4lue-0123";

#[test]
fn no_secret_is_ever_shown() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let folder = Folder::new();
    let files = [
        // The wrong type, an unknown field, a second one, in JSON and in YAML.
        ("a.json", format!(r#"{{"upstreams": "{SECRET}", "consumers": ["{SECRET}"]}}"#)),
        ("b.json", format!(r#"{{"upstreams": {{}}, "x": "{SECRET}", "y": "é{SECRET}", "x": 1}}"#)),
        ("c.json", format!(r#"{{"upstreams": {SECRET}}}"#)),
        ("d.json", format!("\"{SECRET}\"")),
        ("e.json", SECRET.to_owned()),
        ("f.yaml", format!("upstreams: {SECRET} # {KEY}\nconsumers: []\n")),
        (
            "g.yaml",
            format!(
                "upstreams: {{codex: {{authority: '{KEY}/', credential: envoy}}}} # \
                 {KEY}\nconsumers: [{{name: w, key_sha256: [{digest}]}}]\n"
            ),
        ),
        ("h.yaml", format!("upstreams: &x\n  c: {SECRET}\nconsumers: *x\n")),
        ("i.yaml", format!("upstreams: |\n  {SECRET}\n  {SECRET}\nconsumers: []\n")),
        ("j.yaml", format!("{SECRET}\n")),
        ("k.yaml", format!("a: '{SECRET}\nb: 1\n")),
        ("l.yaml", format!("a: {SECRET}\na: {SECRET}\n")),
        ("m.yaml", wasm(&format!("|\n      {{ \"upstreams\": \"{SECRET}\", \"consumers\": [] }}"))),
        ("n.yaml", wasm(&format!("|\n      {{ \"upstreams\": {SECRET} }}"))),
        ("o.yaml", wasm(&format!("'{{ \"upstreams\": \"{SECRET}\" }}'"))),
        ("p.yaml", wasm(&format!("\"{{ \\\"upstreams\\\": \\\"{SECRET}\\\", \\\"x\\\": 1 }}\""))),
        ("q.yaml", wasm(&format!(">\n      {{ \"upstreams\":\n      \"{SECRET}\" }}"))),
    ];
    for (name, text) in files {
        let file = folder.file(name, &text);
        let outcome = run(&["check", &file]);
        assert_eq!(outcome.code, Some(1), "{text}\n{}", outcome.err);
        assert!(outcome.err.contains(&format!("{name}:")), "{name} has no place\n{}", outcome.err);
        for part in [SECRET, KEY, digest, "s3cr", "9f86"] {
            assert!(!outcome.err.contains(part), "{text}\n{}", outcome.err);
        }
    }
}

#[test]
fn every_value_in_the_place_of_a_secret_is_hidden() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl";
    for (line, secrets) in [
        (format!("{{upstreams: {{a: {{authority: b, credential: {{bearer: hunter2}}}}}}, \
                  consumers: [{{name: c, key_sha256: [{digest}]}}]}}"), vec!["hunter2", digest]),
        ("{upstreams: {a: {authority: b, credential: envoy, headers: {x-team: hunter2, y: 'a b \
          c'}}}, consumers: 1}".to_owned(), vec!["hunter2", "a b c"]),
        (format!("{{upstreams: 1, consumers: [{{{digest}: 1, name: \
                  c}}], {token}: {{x: 1}}}}"), vec![digest, token]),
        ("{upstreams: 1, consumers: [{name: c, \
          key_sha256: [1234567812345678]}]}".to_owned(), vec!["1234567812345678"]),
        ("{upstreams: 1, consumers: [{name: c, key_sha256: hunter2}]}".to_owned(), vec!["hunter2"]),
        ("{upstreams: 1, consumers: [{name: c, \
          password: hunter2, unknown: hunter3}]}".to_owned(), vec!["hunter2", "hunter3"]),
        (format!("{{upstreams: 1, consumers: [], x: 1}} # Bearer hunter2, {token}, igk8f7d6s5a4 \
                  and AKIAIOSFODNN7EXAMPLE"),
            vec!["hunter2", token, "igk8f7d6s5a4", "AKIAIOSFODNN7EXAMPLE"]),
        ("{upstreams: {a: {authority: 'https://user:hunter2@b/', credential: envoy}}, consumers: \
          []}".to_owned(), vec!["hunter2"]),
        ("{upstreams: {a: {authority: b, credential: {bearer_env: x7Qp2LmN4vRt8Ws1Zk}}}, \
          consumers: []}".to_owned(), vec!["x7Qp2LmN4vRt8Ws1Zk"]),
        ("{name: imagegate, typed_config: {'@type': \
          type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: {vm_config: \
          {environment_variables: {key_values: {A: hunter2}}}, configuration: {'@type': \
          type.googleapis.com/google.protobuf.StringValue, value: '{\"x\": \"hunter3\"}'}}}, \
          request_headers_to_add: [{header: {key: k, value: hunter4}}], secret: {inline_string: \
          hunter5}}".to_owned(), vec!["hunter2", "hunter3", "hunter4", "hunter5"]),
    ] {
        for format in ["text", "json", "github"] {
            let outcome = run_with(&["check", "--format", format, "-"], &line);
            assert_eq!(outcome.code, Some(1), "{line}\n{}", outcome.err);
            for secret in &secrets {
                assert!(!outcome.err.contains(secret), "{secret}\n{}", outcome.err);
                assert!(!outcome.out.contains(secret), "{secret}\n{}", outcome.out);
            }
        }
    }
}

#[test]
fn an_excerpt_shows_the_value_of_the_error() {
    let line = "{upstreams: {codex: {authority: b.example, credential: {bearer_env: MY_TOKEN}, \
                timeout: 300, api: response}}, consumers: [{name: acme, key_sha256: []}], models: \
                [{match: 'gpt-*', upstream: codx}], max_image_bytes: 24MiB, request: {max_n: 40}} \
                # a comment";
    let outcome = run_with(&["check", "-"], line);
    for word in [
        "b.example",
        "MY_TOKEN",
        "300,",
        "api: response",
        "acme",
        "'gpt-*'",
        "codx",
        "24MiB",
        "40",
        "# a comment",
    ] {
        assert!(outcome.err.contains(word), "{word}\n{}", outcome.err);
    }
}

fn wasm(value: &str) -> String {
    format!(
        "'@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\nconfig:\n  name: \
         imagegate\n  configuration:\n    '@type': \
         type.googleapis.com/google.protobuf.StringValue\n    value: {value}\n"
    )
}
