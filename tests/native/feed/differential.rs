//! An entry of a list is right or wrong as it is in the configuration, with the same error.

use std::path::Path;

use imagegate::config::Config;
use imagegate::feed;
use serde_json::{Value, json};

use super::world::reading;
use crate::invalid::tables;

/// A configuration without consumers or users, whose `identity` is that of `document`.
fn bare(document: &Value) -> Config {
    let mut bare = json!({"consumers": [], "users": []});
    if let Some(identity) = document.get("identity") {
        bare["identity"] = identity.clone();
    }
    reading(&bare)
}

#[test]
fn what_the_configuration_rejects_a_list_rejects_with_the_same_words() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/configs");
    let mut compared = 0;
    for case in tables(&configs).into_values().flatten() {
        let is_entry = ["/consumers/", "/users/"].iter().any(|it| case.error.starts_with(it));
        let Ok(document) = serde_json::from_str::<Value>(&case.text) else { continue };
        let (Some(consumers), users) = (document.get("consumers"), document.get("users")) else {
            continue;
        };
        // A name twice in an object is in the text alone.
        if !is_entry || case.error.contains("a second field") {
            continue;
        }
        let users = users.cloned().unwrap_or(json!([]));
        let list = json!({"consumers": consumers, "users": users}).to_string();
        let error = match feed::check(&bare(&document), list.clone().into_bytes()) {
            Ok(_) => panic!("{}: a list with it is taken: {list}", case.name),
            Err(error) => error.to_string(),
        };
        assert_eq!(error, case.error, "{}", case.name);
        compared += 1;
    }
    assert!(compared >= 60, "only {compared} cases");
}

#[test]
fn a_name_twice_in_an_entry_and_what_serde_would_take_are_rejected() {
    let config = reading(&json!({}));
    let digest = "ab".repeat(32);
    for (entry, words) in [
        (
            format!(r#"{{"name":"a","key_sha256":["{digest}"],"name":"b"}}"#),
            "/consumers/0/name: a second field of this name",
        ),
        (
            format!(r#"{{"name":"a","key_sha256":["{digest}"],"models":null}}"#),
            "/consumers/0/models: null",
        ),
        (format!(r#"["a",["{digest}"]]"#), "/consumers/0: an array"),
        (
            format!(r#"{{"name":"a","key_sha256":["{digest}"],"role":{{"master":null}}}}"#),
            "/consumers/0/role: an object",
        ),
        ("null".to_owned(), "/consumers/0: null"),
        ("{\"name\":\"\u{fffd}\"}".to_owned(), "/consumers/0/key_sha256: missing"),
    ] {
        let list = format!(r#"{{"consumers":[{entry}]}}"#);
        let error = feed::check(&config, list.into_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(words), "{entry}: {error}");
    }
}

#[test]
fn the_consumers_of_the_full_example_are_a_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/configs/valid/full.json");
    let full: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let list = json!({"consumers": full["consumers"], "users": full["users"]});
    assert_eq!(feed::check(&bare(&full), list.to_string().into_bytes()).unwrap(), 3);
}
