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
