//! `docs/configuration.md` against the code: its defaults and its examples.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{describe, full, minimal, parse};

/// Rows of the manual whose default is a JSON value: `| field | accepted | default | meaning |`.
fn documented_defaults() -> Vec<(String, Value)> {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let manual = fs::read_to_string(manual).unwrap();
    let rows = manual.lines().filter(|line| line.starts_with("| `/")).map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        assert_eq!(cells.len(), 4, "{line}");
        let value = cells[2].strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
        let pointer = cells[0].trim_start_matches("| ").trim_matches('`').to_owned();
        value.map(|value| (pointer, serde_json::from_str(value).unwrap()))
    });
    rows.flatten().collect()
}

/// A document that may have `field` but does not, and the field's place in it.
fn without(field: &str) -> (Value, String) {
    let mut document = minimal();
    let lists = [
        ("users", json!([{ "id": "acme-web" }])),
        ("models", json!([{ "match": "*", "upstream": ["codex"] }])),
        ("prices", json!([{ "model": "*", "usd": "1" }])),
        ("limits", json!([{ "name": "a", "per": "key", "unit": "concurrent", "max": 1 }])),
        ("request", json!({})),
        ("models_endpoint", json!({})),
        ("engine", json!({ "kind": "rls" })),
        ("consumers_from", json!({ "cluster": "keys", "authority": "keys.test", "path": "/" })),
    ];
    for (name, list) in lists {
        if field.starts_with(&format!("/{name}/")) {
            document[name] = list;
        }
    }
    let place = field.replacen("/upstreams/*", "/upstreams/codex", 1).replacen("/*", "/0", 1);
    (document, place)
}

#[test]
fn the_manual_has_the_defaults_of_the_code() {
    let defaults = documented_defaults();
    assert!(defaults.len() >= 25, "only {} defaults", defaults.len());
    for (field, default) in defaults {
        let (mut document, place) = without(&field);
        let expected = describe(&parse(document.to_string().as_bytes()).unwrap());
        let (parent, name) = place.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = default;
        let found = describe(&parse(document.to_string().as_bytes()).unwrap());
        assert_eq!(found, expected, "{field}");
    }
}

#[test]
fn the_examples_of_the_manual_are_valid() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let manual = fs::read_to_string(manual).unwrap();
    let from = manual.find("value: |\n").unwrap() + "value: |\n".len();
    let text = &manual[from..];
    let text = &text[..text.find("```").unwrap()];
    assert!(parse(text.as_bytes()).is_ok());

    let from = manual.find("```json\n").unwrap() + "```json\n".len();
    let text = &manual[from..];
    let example: Value = serde_json::from_str(&text[..text.find("```").unwrap()]).unwrap();
    let mut document = full();
    document["limits"] = example["limits"].clone();
    assert_eq!(parse(document.to_string().as_bytes()).unwrap().limits().len(), 5);
}
