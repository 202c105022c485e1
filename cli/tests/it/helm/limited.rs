//! The rate-limit service that the chart runs, and its Redis.

use std::fs;

use serde_json::Value;

use super::compared::documents;
use crate::program::root;

/// The document with this kind and name.
fn one<'d>(documents: &'d [(String, Value)], name: &str) -> &'d Value {
    let found = documents.iter().find(|document| document.0 == name);
    &found.unwrap_or_else(|| panic!("there is no {name}")).1
}

/// An image of Redis may be in protected mode, in which no other container can connect.
#[test]
fn redis_has_the_same_arguments_everywhere() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let compose: Value = serde_yaml_ng::from_str(&read("deploy/compose/compose.yaml")).unwrap();
    let (program, expected) =
        compose["services"]["redis"]["command"].as_array().unwrap().split_first().unwrap();
    assert_eq!(program, "redis-server");
    assert!(expected.contains(&"--protected-mode".into()), "{expected:?}");
    let all = documents(&read("deploy/ratelimit.yaml"));
    let arguments = one(&all, "Deployment redis").pointer("/spec/template/spec/containers/0/args");
    assert_eq!(arguments.unwrap().as_array().unwrap(), expected);
}
