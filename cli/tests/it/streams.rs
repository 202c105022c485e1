//! What happens if standard output or standard error cannot be written.

use std::fs;
use std::process::Stdio;

use crate::program::{Folder, command, shell};

/// Ways to lose what is written to standard output, and what the program says.
const LOST: [(&str, &str); 2] = [
    (">/dev/full", "standard output: No space left on device"),
    ("1</dev/zero", "standard output: Bad file descriptor"),
];

#[test]
fn a_key_that_nobody_would_get_is_not_added() {
    let folder = Folder::new();
    let text = "{\"consumers\": [{\"name\": \"a\", \"key_sha256\": []}]}";
    let file = folder.file("list.json", text);
    let nowhere = [
        (">&-", "standard output: closed, or /dev/null: nobody would have the key"),
        (">/dev/null", "accepted: a terminal, a pipe or a file"),
    ];
    for (to, words) in LOST.iter().chain(&nowhere) {
        for name in ["a", "new"] {
            let outcome =
                shell(&folder, &format!("imagegatectl key add list.json --name {name} {to}"));
            assert_eq!(outcome.code, Some(2), "{to}: {}", outcome.err);
            assert!(outcome.err.contains(words), "{to}: {}", outcome.err);
            assert_eq!(fs::read_to_string(&file).unwrap(), text, "{to}");
        }
        assert_eq!(fs::read_dir(folder.path(".")).unwrap().count(), 1, "{to}: a draft is left");
    }
    // A pipe whose reader is gone.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut add = command(&["key", "add", &file, "--name", "new"]);
    let output = add.stdout(Stdio::from(writer)).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_new_key_is_not_lost_in_silence() {
    let folder = Folder::new();
    for arguments in ["", "--json"] {
        for to in [">/dev/full", ">&-", ">/dev/null"] {
            let outcome = shell(&folder, &format!("imagegatectl key new {arguments} {to}"));
            assert_eq!(outcome.code, Some(2), "{to}: {}", outcome.err);
            assert!(outcome.err.starts_with("error: standard output: "), "{to}: {}", outcome.err);
        }
    }
}

/// A configuration without errors, and one with an error.
fn configurations() -> Folder {
    let folder = Folder::new();
    let good = "consumers: [{name: a, key_sha256: \
                [9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]}]\n\
                upstreams: {codex: {authority: chatgpt.com, credential: envoy}}\n";
    folder.file("good.yaml", good);
    folder.file("bad.yaml", &good.replace("name: a", "name: 1"));
    folder.file("key", "sk-test\n");
    folder
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let folder = configurations();
    for arguments in [
        "check --format json good.yaml",
        "check --format json bad.yaml",
        "check --format github bad.yaml",
        "init --for envoy --upstream openai",
        "key hash --file key",
        "key list good.yaml",
        "schema",
    ] {
        for (to, words) in LOST {
            let outcome = shell(&folder, &format!("imagegatectl {arguments} {to}"));
            assert_eq!(outcome.code, Some(2), "{arguments} {to}: {}", outcome.err);
            assert!(outcome.err.contains(words), "{arguments} {to}: {}", outcome.err);
        }
    }
}
