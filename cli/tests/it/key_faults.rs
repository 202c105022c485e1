//! Lists with a fault: `key` says which one it is, and leaves the file as it is.

use std::fs;

use crate::program::{Folder, run};

const A: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const B: &str = "9f86d0810b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

/// Asserts that the command with these arguments fails for a file of this name and text, and says
/// these words.
fn assert_fault(name: &str, text: &str, arguments: &[&str], words: &str) {
    let folder = Folder::new();
    let text = text.replace("$A", A).replace("$B", B);
    let file = folder.file(name, &text);
    let (command, rest) = arguments.split_first().unwrap();
    let outcome = run(&[&["key", command, &file], rest].concat());
    let case = format!("{text:?} {arguments:?}: {}", outcome.err);
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{case}");
    assert!(outcome.err.contains(words), "{case}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "{case}");
}

#[test]
fn a_file_that_is_no_list_has_its_reason() {
    for (name, text, words) in [
        ("l.json", "\u{feff}{\"consumers\": []}", "l.json: it begins with a byte order mark"),
        (
            "l.json",
            "",
            "l.json: there is nothing in it, accepted: a list, without consumers {\"con",
        ),
        ("l.json", " \n", "there is nothing in it"),
        ("l.yaml", "", "there is nothing in it"),
        ("l.yaml", "# c\n", "there is nothing in it"),
        ("l.json", "{\n\"consumers\": [],\n}", "l.json:3: not JSON: key must be a string; run"),
        ("l.json", "{\"consumers\": [] // c\n}", "l.json:1: not JSON: expected `,` or `}`; run"),
        ("l.json", "{}", "there is no array `consumers`"),
        ("l.yaml", "limits: [{consumers: [a]}]\nupstreams: {}\n", "there is no array `consumers`"),
    ] {
        assert_fault(name, text, &["list"], words);
        assert_fault(name, text, &["add", "--name", "c"], words);
        assert_fault(name, text, &["revoke", "--name", "c"], words);
    }
}

#[test]
fn a_file_that_is_no_text_says_what_is_accepted() {
    let folder = Folder::new();
    let file = folder.file("l.json", "");
    // As some shells write a file: UTF-16.
    fs::write(&file, b"\xff\xfe{\0}\0").unwrap();
    for arguments in [&["check", &file][..], &["key", "list", &file], &["upstream", "check", &file]]
    {
        let outcome = run(arguments);
        assert_eq!(outcome.code, Some(2), "{}", outcome.err);
        assert!(
            outcome.err.contains("l.json: not UTF-8 at byte 0, accepted: text"),
            "{}",
            outcome.err
        );
    }
}

#[test]
fn an_entry_that_is_no_consumer_has_its_place() {
    let object = "an object with `name`, and `key_sha256` or `identities`";
    let digits = "64 hexadecimal digits in quotes";
    for (text, words) in [
        ("[\n 7]", format!(":2: /consumers/0: a number, accepted: {object}")),
        ("[a]", format!(":1: /consumers/0: a string, accepted: {object}")),
        ("[{name: a}, null]", format!("/consumers/1: null, accepted: {object}")),
        ("{a: 1}", "/consumers: an object, accepted: an array of consumers".to_owned()),
        ("a", "/consumers: a string, accepted: an array of consumers".to_owned()),
        ("[{name: 123}]", "/consumers/0/name: a number, accepted: 1 to 128 visible".to_owned()),
        ("[{key_sha256: [$A]}]", "/consumers/0/name: missing, accepted: 1 to 128".to_owned()),
        (
            "[{name: a, key_sha256: $A}]",
            "/consumers/0/key_sha256: a string, accepted: an array of".to_owned(),
        ),
        (
            "[{name: a, key_sha256: [$A, 7]}]",
            format!("/consumers/0/key_sha256/1: a number, accepted: {digits}"),
        ),
    ] {
        for around in [
            "consumers: ".to_owned() + text,
            format!("x: {{upstreams: {{}}, consumers: {text}}}"),
            format!("data:\n  list: |\n    consumers: {}", text.replace('\n', "\n    ")),
        ] {
            let (_, place) =
                words.split_once(": ").filter(|_| words.starts_with(':')).unwrap_or(("", &words));
            assert_fault("l.yaml", &around, &["list"], place);
            assert_fault("l.yaml", &around, &["add", "--name", "c"], place);
        }
        assert_fault("l.yaml", &format!("consumers: {text}"), &["revoke", "--name", "a"], &words);
    }
}

#[test]
fn what_matches_several_entries_says_what_they_are() {
    let twice = "[{name: a, key_sha256: [$A]}, {name: a, key_sha256: [$B]}]";
    let same = "[{name: a, key_sha256: [$A]}, {name: b, key_sha256: [$A]}]";
    for (text, arguments, words) in [
        (twice, &["revoke", "--name", "a"][..], "several consumers have the name `a`"),
        (twice, &["add", "--name", "a"], "several consumers have the name `a`"),
        (twice, &["revoke", "--sha256", "9f86d081"], "accepted: more digits"),
        (same, &["revoke", "--sha256", A], "the key is there twice, at `a` and at `b`"),
        (same, &["revoke", "--sha256", "9f86d081"], "the key is there twice, at `a` and at `b`"),
    ] {
        assert_fault("l.yaml", &format!("consumers: {text}\n"), arguments, words);
    }
    let folder = Folder::new();
    let file =
        folder.file("l.yaml", &format!("consumers: {twice}\n").replace("$A", A).replace("$B", B));
    assert_eq!(run(&["key", "revoke", &file, "--sha256", &A[..12]]).code, Some(0));
}

#[test]
fn check_says_what_it_looked_for_and_that_a_file_begins_with_a_mark() {
    let folder = Folder::new();
    let other = folder.file("envoy.yaml", "kind: ConfigMap\ndata: {}\n");
    for format in ["text", "json", "github"] {
        let outcome = run(&["check", "--format", format, "--list", &other]);
        let said = outcome.out + &outcome.err;
        assert_eq!(outcome.code, Some(1), "{said}");
        assert!(said.contains("nothing was checked: no list of consumers"), "{said}");
    }
    let marked = folder.file("l.json", "\u{feff}{\"consumers\": []}");
    for arguments in [&["check", &marked][..], &["check", "--list", &marked]] {
        let outcome = run(arguments);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        assert!(outcome.err.contains("help: remove the byte order mark"), "{}", outcome.err);
    }
}
