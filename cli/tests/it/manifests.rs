//! The manifests of `deploy/` for the meshes: `check` has nothing to say about them, and
//! `extension-policy.yaml` is `imagegate.yaml` but for the way in which the filter is there.

use std::fs;

use serde::Deserialize;
use serde_json::Value;

use crate::program::{Folder, Outcome, root, run};

const EXTENSION_POLICY: &str = "envoy-gateway/extension-policy";

fn manifest(name: &str) -> String {
    fs::read_to_string(root().join("deploy").join(name).with_extension("yaml")).unwrap()
}

fn check(text: &str) -> Outcome {
    let folder = Folder::new();
    run(&["check", "--strict", &folder.file("file.yaml", text)])
}

#[test]
fn they_have_no_errors_and_no_warnings() {
    for name in ["envoy-gateway/imagegate", EXTENSION_POLICY, "istio/imagegate"] {
        let outcome = check(&manifest(name));
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.err);
        let sum = "1 configuration, 0 errors, 0 warnings";
        assert!(outcome.err.contains(sum), "{name}: {}", outcome.err);
    }
}

#[test]
fn limits_are_checked_with_the_filter_that_they_change() {
    let folder = Folder::new();
    for mesh in ["envoy-gateway", "istio"] {
        let text = |name: &str| manifest(&format!("{mesh}/{name}"));
        let gate = folder.file("imagegate.yaml", &text("imagegate"));
        let limits = folder.file("limits.yaml", &text("limits"));
        let good = run(&["check", "--strict", &gate, &limits]);
        assert_eq!(good.code, Some(0), "{}", good.err);
        let sum = "imagegate.yaml: 1 configuration, 0 errors, 0 warnings";
        assert!(good.err.contains(sum), "{}", good.err);
        // For Istio this file has only the cluster of the service.
        let sum = "limits.yaml: 0 configurations, 0 errors, 0 warnings";
        assert!(good.err.contains(sum), "{}", good.err);
    }
}

#[test]
fn nonsense_in_the_limits_is_reported_at_its_line() {
    let folder = Folder::new();
    let gate = folder.file("imagegate.yaml", &manifest("envoy-gateway/imagegate"));
    let text = manifest("envoy-gateway/limits");
    let broken = text.replace("unit: images", "unit: picture");
    let broken = broken.replace("window: 1m, on_error: allow", "window: 1m, on_error: maybe");
    let line = |part: &str| broken.lines().position(|it| it.contains(part)).unwrap() + 1;
    let limits = folder.file("limits.yaml", &broken);
    for arguments in [[&gate, &limits], [&limits, &gate]] {
        let [first, second] = arguments.map(String::as_str);
        let outcome = run(&["check", first, second]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        for (word, pointer) in [("picture", "/limits/1/unit"), ("maybe", "/limits/0/on_error")] {
            let place = format!("limits.yaml:{}:", line(word));
            for part in [&format!("found \"{word}\""), &place, &format!("= at: {pointer}\n")] {
                assert!(outcome.err.contains(part.as_str()), "{part}\n{}", outcome.err);
            }
        }
        let sum = "limits.yaml: 0 configurations, 2 errors, 0 warnings";
        assert!(outcome.err.contains(sum), "{}", outcome.err);
    }
    let alone = run(&["check", &limits]);
    assert_eq!(alone.code, Some(1), "{}", alone.err);
    let warning = "is not checked without the file that has the filter\n";
    assert!(alone.err.contains(warning), "{}", alone.err);
    // Envoy Gateway chooses the place of this filter.
    let policy = folder.file("policy.yaml", &manifest(EXTENSION_POLICY));
    let outcome = run(&["check", &policy, &limits]);
    let why = "= why: the place of the policy's filter in the list is not known here";
    assert!(outcome.err.contains(why), "{}", outcome.err);
    // The patches of each stay with their own filter.
    let good = folder.file("limits.yaml", &text);
    for files in [[&gate, &policy, &good], [&policy, &good, &gate]] {
        let [first, second, third] = files.map(String::as_str);
        let outcome = run(&["check", "--strict", first, second, third]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    }
}

/// A part of `extension-policy.yaml`, what is there in its place, and how the finding begins.
const BROKEN: [(&str, &str, &str); 9] = [
    (
        "kind: Gateway, name: gate }\n  wasm:",
        "kind: HTTPRoute, name: images }\n  wasm:",
        "error: the policy targets HTTPRoute",
    ),
    (
        "      rootID: imagegate\n",
        "      rootID: gate\n",
        "error: the patch misses: no EnvoyExtensionPolicy makes this filter",
    ),
    (
        "path: /allow_on_headers_stop_iteration\n        value: true",
        "path: /allow_on_headers_stop_iteration\n        value: false",
        CANNOT,
    ),
    ("].typed_config.config\"\n        path: /allow", "]\"\n        path: /allow", CANNOT),
    (
        "path: /failure_policy",
        "path: /failure_mode",
        "warning: no patch adds `failure_policy: FAIL_RELOAD` to the filter of the policy",
    ),
    (
        "path: /disabled\n        value: false",
        "path: /disabled\n        value: true",
        "error: the filter is disabled on every route",
    ),
    (
        "      rootID: imagegate\n",
        "      rootID: imagegate\n      failOpen: true\n",
        "error: `failOpen: true` opens",
    ),
    (
        "              - key: wasm.imagegate_upstream\n",
        "              - key: wasm.other\n",
        "error: ",
    ),
    (
        "        value: 134217728\n",
        "        value: 1024\n",
        "warning: `http.async_response_buffer_limit` is too small",
    ),
];
const CANNOT: &str = "error: Envoy Gateway's EnvoyExtensionPolicy cannot run imagegate";

#[test]
fn an_extension_policy_that_is_broken_is_reported() {
    let good = manifest(EXTENSION_POLICY);
    for (part, instead, expected) in BROKEN {
        assert_eq!(good.matches(part).count(), 1, "{part}");
        let outcome = check(&good.replace(part, instead));
        assert_eq!(outcome.code, Some(1), "{instead}\n{}", outcome.err);
        let is_it = |line: &str| line.starts_with(expected);
        assert!(outcome.err.lines().any(is_it), "{instead}\n{}", outcome.err);
    }
}

fn documents(name: &str) -> Vec<Value> {
    let text = manifest(name);
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents.map(|it| Value::deserialize(it).unwrap()).filter(|it| !it.is_null()).collect()
}

/// The patches of the EnvoyPatchPolicy, without those that concern the filter and the loopback.
fn patches(documents: &mut [Value]) -> Vec<Value> {
    let is_policy = |it: &&mut Value| it["kind"] == "EnvoyPatchPolicy";
    let policy = documents.iter_mut().find(is_policy).unwrap();
    let list = policy["spec"]["jsonPatches"].as_array_mut().unwrap();
    let own = |it: &Value| {
        let path = it["operation"]["path"].as_str().unwrap();
        !path.ends_with("/http_filters/0")
            && it["operation"]["jsonPath"].is_null()
            && it["name"] != "imagegate_loopback"
    };
    std::mem::take(list).into_iter().filter(own).collect()
}

/// The configuration in the filter that the first patch adds.
fn configuration(documents: &[Value]) -> &Value {
    let policy = documents.iter().find(|it| it["kind"] == "EnvoyPatchPolicy").unwrap();
    let filter = &policy["spec"]["jsonPatches"][0]["operation"]["value"];
    &filter["typed_config"]["config"]["configuration"]["value"]
}

#[test]
fn the_extension_policy_changes_nothing_but_the_filter() {
    let mut default = documents("envoy-gateway/imagegate");
    let mut variant = documents(EXTENSION_POLICY);
    let mut config = configuration(&default).clone();
    config.as_object_mut().unwrap().remove("loopback").unwrap();
    let policy = variant.iter().position(|it| it["kind"] == "EnvoyExtensionPolicy").unwrap();
    assert_eq!(variant.remove(policy)["spec"]["wasm"][0]["config"], config);
    assert_eq!(patches(&mut variant), patches(&mut default));
    for proxy in default.iter_mut().chain(&mut variant).filter(|it| it["kind"] == "EnvoyProxy") {
        let bootstrap = proxy["spec"]["bootstrap"]["jsonPatches"].as_array_mut().unwrap();
        bootstrap.retain(|it| {
            let path = it["path"].as_str().unwrap();
            path != "/bootstrap_extensions" && !path.ends_with("http.async_response_buffer_limit")
        });
        let envoy = &mut proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"];
        for list in ["/pod/volumes", "/container/volumeMounts"] {
            let list = envoy.pointer_mut(list).unwrap().as_array_mut().unwrap();
            list.retain(|it| it["name"] != "imagegate-module");
        }
    }
    assert_eq!(variant, default);
}
