//! What `check` shows of a file: never a value, whatever is wrong with it.

use crate::program::{Folder, run};

const SECRET: &str = "s3cr3t-v4lue";

#[test]
fn no_value_and_no_comment_is_ever_shown() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let folder = Folder::new();
    let files = [
        // The wrong type, an unknown field, a second one, in JSON and in YAML.
        ("a.json", format!(r#"{{"upstreams": "{SECRET}", "consumers": ["{SECRET}"]}}"#)),
        ("b.json", format!(r#"{{"upstreams": {{}}, "x": "{SECRET}", "y": "é{SECRET}", "x": 1}}"#)),
        ("c.json", format!(r#"{{"upstreams": {SECRET}}}"#)),
        ("d.json", format!("\"{SECRET}\"")),
        ("e.json", SECRET.to_owned()),
        ("f.yaml", format!("upstreams: {SECRET} # {SECRET}\nconsumers: []\n")),
        (
            "g.yaml",
            format!(
                "upstreams: {{codex: {{authority: '{SECRET}/', credential: envoy}}}} # {SECRET}\nconsumers: [{{name: w, key_sha256: [{digest}]}}]\n"
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
        for part in [SECRET, digest, "s3cr", "9f86"] {
            assert!(!outcome.err.contains(part), "{text}\n{}", outcome.err);
        }
    }
}

fn wasm(value: &str) -> String {
    format!(
        "'@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\nconfig:\n  name: imagegate\n  \
         configuration:\n    '@type': type.googleapis.com/google.protobuf.StringValue\n    value: {value}\n"
    )
}
