//! With little more than its default values, the chart is the manifests of `deploy/`, which
//! `make test-mesh` runs in the meshes.
//!
//! Two things differ: Helm creates the Namespace, and the JSON in a ConfigMap is formatted in
//! another way.

use std::fs;

use serde::Deserialize;
use serde_json::Value;

use super::{case, template};
use crate::program::{root, run};

const MESHES: [&str; 2] = ["envoy-gateway", "istio"];
const UPSTREAMS: [(&str, &str); 3] =
    [("codex", "chatgpt.com"), ("openai", "api.openai.com"), ("azure", "acme.openai.azure.com")];
const DEMO_SHA256: &str = "f76ded3971b64183db256bf323c33bcb6c859846b00e21cfc29074444a8a1328";
/// Where `limits.yaml` of Envoy Gateway finds the filter.
const FILTER: &str = "/default_filter_chain/filters/0/typed_config/http_filters/0/";

/// The documents in the order of their kinds and names. The text of a ConfigMap is parsed.
pub(super) fn documents(text: &str) -> Vec<(String, Value)> {
    let documents = serde_yaml_ng::Deserializer::from_str(text).map(|document| {
        let mut document = Value::deserialize(document).unwrap();
        if document["kind"] == "ConfigMap" {
            for text in document["data"].as_object_mut().unwrap().values_mut() {
                *text = serde_yaml_ng::from_str(text.as_str().unwrap()).unwrap();
            }
        }
        document
    });
    let mut documents: Vec<_> = documents
        .filter(|document| !document.is_null() && document["kind"] != "Namespace")
        .map(|document| {
            let name = document["metadata"]["name"].as_str().unwrap();
            (format!("{} {name}", document["kind"].as_str().unwrap()), document)
        })
        .collect();
    documents.sort_by(|one, other| one.0.cmp(&other.0));
    documents
}

fn file(path: &str) -> Vec<(String, Value)> {
    documents(&fs::read_to_string(root().join(path)).unwrap())
}

/// The manifest for this upstream: `imagegatectl init` makes it of the one for Codex.
fn manifest(mesh: &str, upstream: &str, authority: &str) -> Vec<(String, Value)> {
    if upstream == "codex" {
        return file(&format!("deploy/{mesh}/imagegate.yaml"));
    }
    let arguments =
        ["--upstream", upstream, "--authority", authority, "--host", "images.example.com"];
    let outcome = run(&[&["init", "--for", mesh], &arguments[..]].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let key = outcome.out.split("key_sha256: [").nth(1).unwrap().split(']').next().unwrap();
    documents(&outcome.out.replace(key, DEMO_SHA256))
}

#[track_caller]
fn assert_same(actual: &[(String, Value)], expected: &[(String, Value)], case: &str) {
    fn names(documents: &[(String, Value)]) -> Vec<&str> {
        documents.iter().map(|document| document.0.as_str()).collect()
    }
    assert_eq!(names(actual), names(expected), "{case}");
    for ((name, actual), (_, expected)) in actual.iter().zip(expected) {
        let differences = json_patch::diff(expected, actual);
        assert!(differences.is_empty(), "{case}, {name}, the manifest becomes this: {differences}");
    }
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn it_is_the_tested_manifest_for_each_mesh_and_upstream() {
    let minimal = case("minimal.yaml");
    for mesh in MESHES {
        for (upstream, authority) in UPSTREAMS {
            let (mesh_is, kind) = (format!("mesh={mesh}"), format!("upstream.kind={upstream}"));
            let host = format!("upstream.host={authority}");
            let mut values = vec!["--values", &minimal, "--set", &mesh_is, "--set", &kind];
            if upstream == "azure" {
                values.extend(["--set", &host]);
            }
            let expected = manifest(mesh, upstream, authority);
            assert!(expected.len() >= 6, "only {} documents", expected.len());
            assert_same(&documents(&template(&values)), &expected, &format!("{mesh} {upstream}"));
        }
    }
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn its_limits_are_those_of_the_tested_manifests() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    for mesh in MESHES {
        let mesh_is = format!("mesh={mesh}");
        let values = ["--values", &minimal, "--values", &limits, "--set", &mesh_is];
        let mut expected = file(&format!("deploy/{mesh}/imagegate.yaml"));
        let (kind, list) = match mesh {
            "istio" => ("EnvoyFilter imagegate", "configPatches"),
            _ => ("EnvoyPatchPolicy imagegate", "jsonPatches"),
        };
        let document = expected.iter_mut().find(|document| document.0 == kind).unwrap();
        with_limits(document.1["spec"][list].as_array_mut().unwrap(), mesh, list);
        expected.extend(file("deploy/ratelimit.yaml"));
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_same(&documents(&template(&values)), &expected, mesh);
    }
}

/// Adds what `limits.yaml` adds: the cluster of the service, after the others, and members of the
/// filter's configuration. In Istio's file these members are in a comment.
fn with_limits(patches: &mut Vec<Value>, mesh: &str, list: &str) {
    let limits = file(&format!("deploy/{mesh}/limits.yaml"));
    let cluster = limits[0].1["spec"][list].as_array().unwrap().last().unwrap();
    // Before the listener of the filter's own calls.
    patches.insert(patches.len() - 1, cluster.clone());
    let field = if mesh == "istio" { "patch" } else { "operation" };
    let filter = &mut patches[0][field]["value"];
    let members = file("deploy/envoy-gateway/limits.yaml");
    let mut count = 0;
    for patch in members[0].1["spec"]["jsonPatches"].as_array().unwrap() {
        let operation = &patch["operation"];
        let path = operation["path"].as_str().unwrap();
        let Some((object, name)) = path.strip_prefix(FILTER).and_then(|it| it.rsplit_once('/'))
        else {
            continue;
        };
        filter.pointer_mut(&format!("/{object}")).unwrap()[name] = operation["value"].clone();
        count += 1;
    }
    assert_eq!(count, 3, "engine, limits and prices");
}
