//! `key new` and `key hash`.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::program::{Folder, run, run_with};

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_new_key_is_alone_on_standard_output_and_its_digest_beside_it() {
    let outcome = run(&["key", "new", "--name", "acme-web"]);
    assert_eq!(outcome.code, Some(0));
    let key = outcome.out.strip_suffix('\n').unwrap();
    let body = key.strip_prefix("imagegate_").unwrap();
    assert!(body.len() == 40 && body.bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");
    assert!(!outcome.err.contains(key), "the key is told twice");
    let consumer = format!(r#"{{"key_sha256":["{}"],"name":"acme-web"}}"#, sha256(key));
    assert!(outcome.err.contains(&consumer), "{}", outcome.err);
    assert_ne!(run(&["key", "new"]).out, outcome.out);
}

#[test]
fn as_json_a_new_key_is_a_consumer_that_the_filter_accepts() {
    let outcome = run(&["key", "new", "--json", "--prefix", "acme_prod", "--name", "web"]);
    let told: Value = serde_json::from_str(&outcome.out).unwrap();
    let key = told["key"].as_str().unwrap();
    assert!(key.starts_with("acme_prod_") && outcome.err.is_empty(), "{outcome:?}");
    assert_eq!(told["sha256"], sha256(key));
    let upstreams = serde_json::json!({ "codex": { "authority": "a", "credential": "envoy" } });
    let document = serde_json::json!({ "upstreams": upstreams, "consumers": [told["consumer"]] });
    let checked = run_with(&["check", "-"], &document.to_string());
    assert_eq!(checked.code, Some(0), "{}", checked.err);
}

#[test]
fn a_key_is_hashed_without_its_line_end() {
    let folder = Folder::new();
    for text in ["sk-test", "sk-test\n", "sk-test\r\n"] {
        let outcome = run_with(&["key", "hash"], text);
        assert_eq!((outcome.code, outcome.out.trim_end()), (Some(0), sha256("sk-test").as_str()));
        assert!(outcome.err.contains("no checksum"), "{}", outcome.err);
    }
    let file = folder.file("key", "sk-test\n");
    let outcome = run(&["key", "hash", "--json", "--file", &file]);
    let told: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!((&told["sha256"], &told["checksum"]), (&sha256("sk-test").into(), &"none".into()));
}

#[test]
fn a_mistyped_key_is_refused_and_not_repeated() {
    let key = run(&["key", "new"]).out;
    assert_eq!(run_with(&["key", "hash"], &key).out.trim_end(), sha256(key.trim_end()));
    let mut typed = key.into_bytes();
    typed[20] = if typed[20] == b'a' { b'b' } else { b'a' };
    let typed = String::from_utf8(typed).unwrap();
    for wrong in [typed.as_str(), "imagegate_", "imagegate_short\n"] {
        let outcome = run_with(&["key", "hash"], wrong);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{wrong}");
        assert!(outcome.err.contains("mistyped"), "{}", outcome.err);
        assert!(
            !outcome.err.contains(wrong.trim_end().trim_start_matches("imagegate_"))
                || wrong.len() < 12
        );
    }
}

#[test]
fn what_no_header_can_carry_is_no_key() {
    for (text, words) in
        [("", "empty"), ("\n", "empty"), ("a b", "header"), ("a\nb\n", "header"), ("é", "header")]
    {
        let outcome = run_with(&["key", "hash"], text);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{text:?}");
        assert!(outcome.err.contains(words), "{text:?}: {}", outcome.err);
    }
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    for arguments in [
        vec!["key", "new", "--prefix", "Sk-"],
        vec!["key", "new", "--name", "a b"],
        vec!["key", "hash", "--file", "/nonexistent/key"],
        vec!["key", "hash", "sk-on-the-command-line"],
        vec!["check", "/nonexistent/envoy.yaml"],
        vec!["nonsense"],
        vec![],
    ] {
        let outcome = run(&arguments);
        assert_eq!(
            (outcome.code, outcome.out.as_str()),
            (Some(2), ""),
            "{arguments:?}: {}",
            outcome.err
        );
        assert!(!outcome.err.is_empty());
    }
}
