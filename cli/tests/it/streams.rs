//! What happens if standard output or standard error cannot be written.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::program::{Folder, command, shell};

/// Ways to lose what is written to standard output, and what the program says.
const LOST: [(&str, &str); 2] = [
    (">/dev/full", "standard output: No space left on device"),
    ("1</dev/zero", "standard output: Bad file descriptor"),
];

/// An output whose reader is gone.
fn without_reader() -> Stdio {
    let (_, writer) = UnixStream::pair().unwrap();
    OwnedFd::from(writer).into()
}

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
    let mut add = command(&["key", "add", &file, "--name", "new"]);
    let output = add.stdout(without_reader()).output().unwrap();
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
        "completions bash",
        "completions zsh",
        "completions fish",
        "--help",
        "key add --help",
        "--version",
    ] {
        for (to, words) in LOST {
            // clap takes a descriptor that is not open for writing for a success.
            if to.starts_with('1') && (arguments.contains("--help") || arguments == "--version") {
                continue;
            }
            let outcome = shell(&folder, &format!("imagegatectl {arguments} {to}"));
            assert_eq!(outcome.code, Some(2), "{arguments} {to}: {}", outcome.err);
            assert!(outcome.err.contains(words), "{arguments} {to}: {}", outcome.err);
        }
    }
}

#[test]
fn without_standard_error_the_exit_code_says_what_was_done() {
    let folder = configurations();
    for (arguments, code) in [
        // What was to be said is the result, or a part of it.
        ("check good.yaml", 2),
        ("check bad.yaml", 2),
        ("init --for envoy --upstream openai", 2),
        ("key new", 2),
        // What was to be said is beside the result.
        ("key add good.yaml --name b", 0),
        ("key add good.yaml --name b", 0),
        ("key revoke good.yaml --name b", 0),
        ("key hash --file key", 0),
        ("check --format json good.yaml", 0),
        ("check --format json bad.yaml", 1),
        ("check --format json none.yaml", 2),
        ("key revoke good.yaml --name b", 1),
        ("key list none.yaml", 2),
        ("token --once --auth-file none.json --sds-dir .", 3),
        ("nonsense", 2),
        ("", 2),
    ] {
        let outcome = shell(&folder, &format!("imagegatectl {arguments} 2>/dev/full"));
        assert_eq!(outcome.code, Some(code), "{arguments}");
    }
}

#[test]
fn a_reader_that_has_left_causes_no_panic() {
    let folder = configurations();
    for arguments in ["completions bash", "schema", "--help", "check --format json bad.yaml"] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let mut program = command(&arguments);
        program.current_dir(folder.path(".")).stdout(without_reader());
        let output = program.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("standard output: Broken pipe"), "{arguments:?}: {said}");
    }
}
