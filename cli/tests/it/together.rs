//! Routes and clusters that other patches add, in the same file or in another one.

use std::fs;

use crate::lints::changed;
use crate::patches::check;
use crate::program::root;

/// A manifest of `deploy/`.
fn manifest(mesh: &str) -> String {
    fs::read_to_string(root().join("deploy").join(mesh).join("imagegate.yaml")).unwrap()
}

fn limits(mesh: &str) -> String {
    fs::read_to_string(root().join("deploy").join(mesh).join("limits.yaml")).unwrap()
}

const ENGINE: &str = "engine: { kind: rls }\n                  limits: [{ name: a, per: key, unit: \
                      images, max: 1, window: day }]\n                  ";

/// In Istio the limits are in the file that has the filter.
fn with_engine() -> String {
    let key = "loopback: { cluster: imagegate_loopback }";
    changed(&manifest("istio"), key, &format!("{ENGINE}{key}"))
}

#[test]
fn the_cluster_of_another_file_counts() {
    for (mesh, gate) in [("istio", with_engine()), ("envoy-gateway", manifest("envoy-gateway"))] {
        let limits = limits(mesh);
        let both = check(&[("gate.yaml", &gate), ("limits.yaml", &limits)]);
        assert_eq!(both.code, Some(0), "{mesh}: {}", both.err);
        for sum in
            ["gate.yaml: 1 configuration, 0 errors", "limits.yaml: 0 configurations, 0 errors"]
        {
            assert!(both.err.contains(sum), "{mesh}: {}", both.err);
        }
        let other = changed(&limits, "          name: ratelimit\n", "          name: other\n");
        let both = check(&[("gate.yaml", &gate), ("limits.yaml", &other)]);
        assert_eq!(both.code, Some(1), "{mesh}: {}", both.err);
        let warning =
            "warning: no patch in these files adds the cluster `ratelimit` for the engine";
        assert!(both.err.contains(warning), "{mesh}: {}", both.err);
    }
    let alone = check(&[("gate.yaml", &with_engine())]);
    assert_eq!(alone.code, Some(1), "{}", alone.err);
    assert!(
        alone.err.contains("= help: name the file that adds it in the same call"),
        "{}",
        alone.err
    );
}

#[test]
fn clusters_of_other_proxies_do_not_count() {
    let gate = with_engine();
    for (from, to) in [
        ("labels: { istio: imagegate }", "labels: { istio: other }"),
        ("namespace: imagegate, name", "namespace: other, name"),
        ("context: GATEWAY", "context: SIDECAR_OUTBOUND"),
        ("operation: ADD", "operation: MERGE"),
    ] {
        let other = changed(&limits("istio"), from, to);
        let outcome = check(&[("gate.yaml", &gate), ("limits.yaml", &other)]);
        assert!(outcome.err.contains("adds the cluster `ratelimit`"), "{to}: {}", outcome.err);
    }
    // Istio's own namespace is for all.
    let everywhere =
        changed(&limits("istio"), "namespace: imagegate, name", "namespace: istio-system, name");
    let outcome = check(&[("gate.yaml", &gate), ("limits.yaml", &everywhere)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}

/// The manifest of Istio in two: the filter, and the rest of its patches.
fn parted() -> (String, String) {
    let whole = manifest("istio");
    let at = whole.rfind("    # Without this, the upstream is sent the host").unwrap();
    let head = "kind: EnvoyFilter\nmetadata: { namespace: imagegate, name: rest }\nspec:\n  \
                workloadSelector:\n    labels: { istio: imagegate }\n  configPatches:\n";
    // What an alias of YAML refers to has to be in the same document.
    let vm = whole.split("vm_config: &vm\n").nth(1).unwrap();
    let vm: Vec<_> = vm.lines().take_while(|it| it.starts_with("                ")).collect();
    let rest = format!("{head}{}", &whole[at..]);
    let indent = rest.lines().find(|it| it.contains("vm_config: *vm")).unwrap();
    let indent = indent.len() - indent.trim_start().len();
    let vm: String =
        vm.iter().map(|it| format!("{}{}\n", " ".repeat(indent + 2), it.trim())).collect();
    let vm = vm.replace("local:", "  local:");
    (whole[..at].to_owned(), rest.replacen("vm_config: *vm\n", &format!("vm_config:\n{vm}"), 1))
}

#[test]
fn the_filter_and_its_routes_may_be_in_two_files() {
    let (gate, rest) = parted();
    for names in [["a.yaml", "b.yaml"], ["b.yaml", "a.yaml"]] {
        let outcome = check(&[(names[0], &gate), (names[1], &rest)]);
        assert_eq!(outcome.code, Some(0), "{rest}\n{}", outcome.err);
        assert!(!outcome.err.contains("only the filter is seen"), "{}", outcome.err);
        let sum = format!("{}: 0 configurations, 0 errors, 0 warnings", names[1]);
        assert!(outcome.err.contains(&sum), "{}", outcome.err);
        // What is wrong is reported where it stands.
        for (from, to, error) in [
            ("            host_rewrite_literal: chatgpt.com\n", "", "does not rewrite the host"),
            (
                "            stream_idle_timeout: 330s\n            access_log",
                "            stream_idle_timeout: 30s\n            access_log",
                "`stream_idle_timeout` is not above",
            ),
            (
                "            cluster: codex\n",
                "            cluster: codecs\n",
                "adds the cluster `codecs`",
            ),
        ] {
            let wrong = changed(&rest, from, to);
            let outcome = check(&[(names[0], &gate), (names[1], &wrong)]);
            assert_eq!(outcome.code, Some(1), "{}", outcome.err);
            let place = outcome.err.split(error).nth(1).unwrap_or_default().lines().nth(1);
            assert!(place.is_some_and(|it| it.contains(names[1])), "{error}\n{}", outcome.err);
        }
    }
    let outcome = check(&[("gate.yaml", &gate)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("note: only the filter is seen here"), "{}", outcome.err);
}

/// The manifest of Istio with a filter that Envoy discovers: the patches with it, and the others.
fn discovered() -> (String, String, String) {
    let whole = manifest("istio");
    let start = whole.find("    - applyTo: HTTP_FILTER\n").unwrap();
    let end = whole.find("    # Without this, the upstream is sent the host").unwrap();
    let (head, value) = whole[start..end].split_once("        value:\n").unwrap();
    let extension = format!(
        "    - applyTo: EXTENSION_CONFIG\n      match: {{ context: GATEWAY }}\n      patch:\n        \
         operation: ADD\n        value:\n{value}"
    );
    let filter = format!(
        "{head}        value: {{ name: imagegate, config_discovery: {{ config_source: {{ ads: {{}} }}, \
         type_urls: [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm] }} }}\n"
    );
    (whole[..start].to_owned(), extension, filter + &whole[end..])
}

#[test]
fn a_filter_that_envoy_discovers_is_checked() {
    let (head, extension, rest) = discovered();
    for (from, to, error) in [
        ("", "", None),
        ("max_n: 4", "max_n: many", Some("= at: /request/max_n\n")),
        ("timeout: 300s", "timeout: 400s", Some("`stream_idle_timeout` is not above")),
    ] {
        let extension = extension.replace(from, to);
        let outcome = check(&[("gate.yaml", &format!("{head}{extension}{rest}"))]);
        assert_eq!(outcome.code, Some(i32::from(error.is_some())), "{}", outcome.err);
        assert!(
            outcome.err.contains(error.unwrap_or("1 configuration, 0 errors")),
            "{}",
            outcome.err
        );
        assert!(!outcome.err.contains("comes from a control plane"), "{}", outcome.err);
    }
}

/// What belongs to an EnvoyPatchPolicy may be in a file of its own.
#[test]
fn each_resource_may_have_a_file() {
    let whole = manifest("envoy-gateway");
    let files: Vec<_> = whole
        .split("\n---\n")
        .enumerate()
        .map(|(index, text)| (format!("{index}.yaml"), text.to_owned() + "\n"))
        .collect();
    let outcome =
        check(&files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>());
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(!outcome.err.contains("only the filter is seen"), "{}", outcome.err);
}

/// A patch of a route is about one that the mesh has made.
#[test]
fn what_changes_other_routes_is_none() {
    let route = "    - applyTo: HTTP_ROUTE\n      match: { context: GATEWAY }\n      patch:\n        \
                 operation: MERGE\n        value: { route: { timeout: 0s } }\n";
    let first = "    # Each of these routes is put before those that are there";
    let more = changed(&manifest("istio"), first, &format!("{route}{first}"));
    let outcome = check(&[("gate.yaml", &more)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}
