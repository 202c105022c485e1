//! Lists of resources, as `kubectl get -o yaml` prints them: each resource counts as a document.

use std::fs;

use crate::lints::changed;
use crate::patches::check;
use crate::program::root;

/// The documents of a file as the items of a list. All are `SHIFT` lines and columns further on.
fn list(kind: &str, documents: &str) -> String {
    let mut text = format!("apiVersion: v1\nkind: {kind}\nitems:\n");
    for document in documents.split("\n---\n") {
        let lines = document.lines().map(|line| format!("    {line}\n"));
        text.push_str(&format!("  -\n{}", lines.collect::<String>()));
    }
    text
}

const SHIFT: usize = 4;

/// The titles of all findings, with their places and pointers.
fn findings(report: &str, shift: usize) -> Vec<String> {
    let titles = ["error: ", "warning: ", "note: ", "   = at: "];
    let mut found = Vec::new();
    for line in report.lines() {
        if let Some((_, place)) = line.split_once("--> ") {
            let numbers = place.split(':').skip(1).map(|it| it.parse::<usize>().unwrap() + shift);
            found.push(format!("{:?}", numbers.collect::<Vec<_>>()));
        } else if titles.iter().any(|it| line.starts_with(it) || line.contains(" = at: ")) {
            found.push(line.trim_start_matches([' ', '|']).to_owned());
        }
    }
    found
}

fn manifest(path: &str) -> String {
    fs::read_to_string(root().join("deploy").join(path)).unwrap()
}

/// Checks the documents, and the same as a list. Returns the report of the list.
fn both(documents: &str, kind: &str) -> String {
    let apart = check(&[("list.yaml", documents)]);
    let outcome = check(&[("list.yaml", &list(kind, documents))]);
    assert_eq!(outcome.code, apart.code, "{}", outcome.err);
    let is_same = findings(&outcome.err, 0) == findings(&apart.err, SHIFT);
    assert!(is_same, "{}\n{}", apart.err, outcome.err);
    outcome.err
}

#[test]
fn the_manifests_pass_as_lists() {
    for path in [
        "istio/imagegate.yaml",
        "envoy-gateway/imagegate.yaml",
        "envoy-gateway/extension-policy.yaml",
    ] {
        for kind in ["List", "EnvoyFilterList"] {
            let report = both(&manifest(path), kind);
            assert!(report.contains("1 configuration, 0 errors, 0 warnings"), "{path}\n{report}");
        }
    }
}

#[test]
fn what_is_in_a_list_is_judged_as_documents_are() {
    for (path, from, to, error) in [
        ("istio/imagegate.yaml", "max_n: 4", "max_n: many", "= at: /request/max_n\n"),
        (
            "istio/imagegate.yaml",
            "            host_rewrite_literal: chatgpt.com\n",
            "",
            "does not rewrite the host",
        ),
        (
            "istio/imagegate.yaml",
            "            cluster: codex\n",
            "            cluster: codecs\n",
            "adds the cluster `codecs`",
        ),
        ("envoy-gateway/imagegate.yaml", "max_n: 4", "max_n: many", "= at: /request/max_n\n"),
        (
            "envoy-gateway/extension-policy.yaml",
            "max_n: 4",
            "max_n: many",
            "= at: /request/max_n\n",
        ),
        (
            "envoy-gateway/extension-policy.yaml",
            "value: FAIL_RELOAD",
            "value: FAIL_OPEN",
            "the patch opens the gate",
        ),
    ] {
        let report = both(&changed(&manifest(path), from, to), "List");
        assert!(report.contains(error), "{path}\n{report}");
    }
}

/// The API server leaves out the kind of each item of a list of one kind.
#[test]
fn the_kind_may_be_that_of_the_list() {
    let consumer = "{ name: web, key_sha256: [many] }";
    let text = format!(
        "kind: ConfigMapList\nitems:\n  - metadata: {{ name: a }}\n    data:\n      c.yaml: |\n        \
         upstreams: {{ codex: {{ authority: chatgpt.com, credential: envoy }} }}\n        consumers: \
         [{consumer}]\n"
    );
    let outcome = check(&[("list.yaml", &text)]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    for part in ["list.yaml:7:", "= at: /consumers/0/key_sha256/0\n", "= inside: `data.c.yaml`"] {
        assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
    }
}

#[test]
fn lists_may_be_json_and_in_lists() {
    let plugin =
        r#"{"kind": "WasmPlugin", "spec": {"url": "oci://x/imagegate", "pluginConfig": {}}}"#;
    let text = format!(
        "{{\n\"kind\": \"List\",\n\"items\": [{{\"kind\": \"List\",\n\"items\": [\n{plugin}\n]}}]\n}}\n"
    );
    for name in ["list.json", "list.yaml"] {
        let outcome = check(&[(name, &text)]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        for part in ["WasmPlugin cannot run imagegate", &format!("{name}:5:10\n")] {
            assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
        }
    }
}

#[test]
fn a_list_of_nothing_is_passed_over() {
    for items in ["[]", "[1, null, text, [], {}]", "{ kind: EnvoyFilter }", "null"] {
        let outcome = check(&[("list.yaml", &format!("kind: List\nitems: {items}\n"))]);
        assert_eq!(outcome.code, Some(1), "{items}\n{}", outcome.err);
        assert!(outcome.err.contains("list.yaml: passed over: "), "{items}\n{}", outcome.err);
    }
}

#[test]
fn merge_keys_of_yaml_are_followed() {
    let text = "kind: WasmPlugin\nspec:\n  <<: { url: oci://x/imagegate }\n  pluginConfig: {}\n";
    let outcome = check(&[("plugin.yaml", text)]);
    assert!(outcome.err.contains("WasmPlugin cannot run imagegate"), "{}", outcome.err);
}
