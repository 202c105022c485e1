//! `docs/configuration.md` against the code: its defaults and its examples.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{describe, minimal, parse};

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

#[test]
fn the_manual_has_the_defaults_of_the_code() {
    let expected = describe(&parse(minimal().to_string().as_bytes()).unwrap());
    let defaults = documented_defaults();
    assert!(defaults.len() >= 20, "only {} defaults", defaults.len());
    for (field, default) in defaults {
        let mut document = minimal();
        let path = field.replacen("/upstreams/*", "/upstreams/codex", 1).replacen(
            "/consumers/*",
            "/consumers/0",
            1,
        );
        if let Some(field) = path.strip_prefix("/users/*/") {
            document["users"] = json!([{ "id": "acme-web" }]);
            document["users"][0][field] = default;
        } else {
            let (parent, name) = path.rsplit_once('/').unwrap();
            if parent == "/request" {
                document["request"] = json!({});
            }
            document.pointer_mut(parent).unwrap()[name] = default;
        }
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
}
