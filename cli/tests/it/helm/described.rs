//! The chart's files, without Helm: versions, and what the schema says of each value.

use std::fs;

use serde_json::Value;

use super::chart;
use crate::{fixtures::assert_expected, program::root};

fn yaml(file: &str) -> Value {
    serde_yaml_ng::from_str(&fs::read_to_string(chart(file)).unwrap()).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(chart("values.schema.json")).unwrap()).unwrap()
}

#[test]
fn the_chart_has_the_version_of_the_workspace() {
    let chart = yaml("Chart.yaml");
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
}

/// The schema of `config` is that of the filter's configuration, without what the chart adds.
#[test]
fn the_schema_knows_the_configuration() {
    let text = fs::read_to_string(root().join("docs/configuration.schema.json")).unwrap();
    let mut configuration: Value = serde_json::from_str(&text).unwrap();
    for field in ["$schema", "title", "anyOf", "required"] {
        assert!(configuration.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    // What is given here changes a part of the chart's own upstream.
    let upstream = configuration.pointer_mut("/properties/upstreams/additionalProperties");
    assert!(upstream.unwrap().as_object_mut().unwrap().remove("required").is_some());
    let mut current = schema();
    current["$defs"]["configuration"] = configuration;
    let current = serde_json::to_string_pretty(&current).unwrap() + "\n";
    assert_expected(&chart("values.schema.json"), &current);
}

#[test]
fn each_value_has_a_description_and_a_default() {
    let (values, schema) = (yaml("values.yaml"), schema());
    let mut count = 0;
    described("", &values, &schema, &mut count);
    assert!(count >= 35, "only {count} values");
}

/// Both have the same members, except in free-form objects and in the filter's configuration.
fn described(pointer: &str, values: &Value, schema: &Value, count: &mut usize) {
    let (Some(values), Some(properties)) = (values.as_object(), schema["properties"].as_object())
    else {
        return;
    };
    if pointer == "/config" {
        return;
    }
    for (name, property) in properties {
        let here = format!("{pointer}/{name}");
        let text = property["description"].as_str().unwrap_or_default();
        assert!(text.ends_with('.') && text.len() > 10, "{here}: {text:?}");
        assert!(values.contains_key(name) || here == "/global", "values.yaml has no {here}");
        *count += 1;
        described(&here, values.get(name).unwrap_or(&Value::Null), property, count);
    }
    for name in values.keys() {
        assert!(properties.contains_key(name), "the schema has no {pointer}/{name}");
    }
}

/// Each value of `values.yaml` has a comment, or is in an object that has one for all of it.
#[test]
fn each_value_has_a_comment() {
    let text = fs::read_to_string(chart("values.yaml")).unwrap();
    let mut commented = false;
    for line in text.lines() {
        let bare = line.trim_start();
        let top = !line.starts_with(' ') && bare.contains(':') && !bare.starts_with('#');
        assert!(!top || commented, "no comment before: {line}");
        commented = bare.starts_with('#');
    }
}
