//! `key new` and `key hash`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

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
    // No line end: a program that stores it from a pipe keeps every byte.
    let key = outcome.out.as_str();
    let body = key.strip_prefix("imagegate_").unwrap();
    assert!(body.len() == 40 && body.bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");
    assert!(!outcome.err.contains(key), "the key is printed twice");
    let consumer = format!(r#"{{"key_sha256":["{}"],"name":"acme-web"}}"#, sha256(key));
    assert!(outcome.err.contains(&consumer), "{}", outcome.err);
    assert_ne!(run(&["key", "new"]).out, outcome.out);
}

/// The examples of a command's help: a line that ends with a bar goes on in the next one.
fn examples(arguments: &[&str]) -> Vec<String> {
    let help = run(arguments).out;
    let (_, lines) = help.split_once("Examples:\n").unwrap();
    let lines: Vec<_> = lines.lines().take_while(|line| line.starts_with("  ")).collect();
    let mut examples: Vec<String> = Vec::new();
    for line in lines {
        match examples.last_mut().filter(|last| last.ends_with('|')) {
            Some(last) => last.push_str(line),
            None => examples.push(line.to_owned()),
        }
    }
    examples
}

/// Runs a line in a shell, in this folder, with a `kubectl` that keeps the bytes of
/// `--from-file=key=`.
fn in_a_shell(folder: &Folder, line: &str) -> std::process::Output {
    let program = Path::new(env!("CARGO_BIN_EXE_imagegatectl"));
    let path = std::env::join_paths(
        [folder.path("bin"), program.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", line]).env("PATH", path.unwrap());
    shell.current_dir(folder.path("."));
    shell.output().unwrap()
}

/// The 64 digits of the digest in a text.
fn digest_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("\"key_sha256\":[\"")?;
    rest.get(..64)
}

#[test]
fn each_example_of_a_new_key_leads_to_a_secret_and_its_digest() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("bin")).unwrap();
    let kubectl = folder.file(
        "bin/kubectl",
        "#!/usr/bin/env bash\nfor it; do [[ $it == --from-file=key=* ]] && cat \
         \"${it#--from-file=key=}\" >secret; done\n",
    );
    std::fs::set_permissions(kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
    let examples = examples(&["key", "new", "--help"]);
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let output = in_a_shell(&folder, &example);
        assert!(output.status.success(), "{example}: {output:?}");
        let reported = [output.stdout.as_slice(), output.stderr.as_slice()]
            .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        let mut files: Vec<_> = ["acme-web.txt", "acme-web.json", "secret"]
            .map(|name| std::fs::read_to_string(folder.path(name)).unwrap_or_default())
            .into();
        files.extend(reported.clone());
        // The key is in the secret, in the JSON, or was shown. The secret has nothing else.
        let secret = files[2].clone();
        let key = match serde_json::from_str::<Value>(&files[1]) {
            Ok(document) => document["key"].as_str().unwrap().to_owned(),
            Err(_) if secret.is_empty() => reported[0].clone(),
            Err(_) => secret,
        };
        let digest = files.iter().find_map(|text| digest_in(text));
        assert_eq!(digest, Some(sha256(&key).as_str()), "{example}");
        assert!(key.bytes().all(|byte| byte.is_ascii_graphic()), "{example}: {key:?}");
        for name in ["acme-web.txt", "acme-web.json", "secret"] {
            let _ = std::fs::remove_file(folder.path(name));
        }
    }
}

#[test]
fn as_json_a_new_key_is_a_consumer_that_the_filter_accepts() {
    let outcome = run(&["key", "new", "--json", "--prefix", "acme_prod", "--name", "web"]);
    let reported: Value = serde_json::from_str(&outcome.out).unwrap();
    let key = reported["key"].as_str().unwrap();
    assert!(key.starts_with("acme_prod_") && outcome.err.is_empty(), "{outcome:?}");
    assert_eq!(reported["sha256"], sha256(key));
    let upstreams = serde_json::json!({ "codex": { "authority": "a", "credential": "envoy" } });
    let document =
        serde_json::json!({ "upstreams": upstreams, "consumers": [reported["consumer"]] });
    let checked = run_with(&["check", "-"], &document.to_string());
    assert_eq!(checked.code, Some(0), "{}", checked.err);
}

#[test]
fn a_key_is_hashed_without_its_line_end() {
    let folder = Folder::new();
    for text in ["sk-test", "sk-test\n", "sk-test\r\n"] {
        let outcome = run_with(&["key", "hash"], text);
        assert_eq!((outcome.code, outcome.out.trim_end()), (Some(0), sha256("sk-test").as_str()));
        assert!(outcome.err.contains("without a checksum"), "{}", outcome.err);
    }
    let file = folder.file("key", "sk-test\n");
    let outcome = run(&["key", "hash", "--json", "--file", &file]);
    let reported: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(
        (&reported["sha256"], &reported["checksum"]),
        (&sha256("sk-test").into(), &"none".into())
    );
}

#[test]
fn a_mistyped_key_is_rejected_and_not_repeated() {
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
fn a_key_that_no_header_can_carry_is_rejected() {
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
