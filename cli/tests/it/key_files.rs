//! `key add`, `key revoke` and `key list`: the keys in a file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::program::{Folder, run};

const A: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const B: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json_list() -> String {
    format!(
        "{{\n  \"users\": [],\n  \"consumers\": [\n    {{ \"name\": \"a\", \"key_sha256\": [\"{A}\"] }},\n    \
         {{ \"name\": \"b\", \"key_sha256\": [\"{B}\"], \"groups\": [\"g\"] }}\n  ]\n}}\n"
    )
}

fn yaml_list() -> String {
    format!(
        "# Who may call.\nconsumers:\n  # The first.\n  - name: a  # of Ann\n    key_sha256:\n      - {A}  \
         # since March\n\n  # The second.\n  - name: b\n    key_sha256: [\"{B}\"]\n    groups: [g]\n\n\
         # The rest.\nupstreams:\n  codex: {{ authority: chatgpt.com, credential: envoy }}\n"
    )
}

/// The lines that one text has and the other has not.
fn changed(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let only = |one: &str, other: &str| {
        let other: Vec<_> = other.lines().collect();
        one.lines().filter(|line| !other.contains(line)).map(str::to_owned).collect()
    };
    (only(before, after), only(after, before))
}

#[test]
fn a_key_is_added_and_revoked_and_the_rest_of_the_text_stays() {
    for (name, text) in [("list.json", json_list()), ("config.yaml", yaml_list())] {
        let folder = Folder::new();
        let file = folder.file(name, &text);
        let outcome = run(&["key", "add", &file, "--name", "new", "--user", "u", "--group", "x"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        let key = outcome.out;
        assert!(key.starts_with("imagegate_") && !outcome.err.contains(&key));
        let added = fs::read_to_string(&file).unwrap();
        assert!(added.contains(&sha256(&key)) && !added.contains(&key), "{added}");
        let (lost, _) = changed(&text, &added);
        // In JSON a comma follows what was the last.
        assert!(lost.len() <= 1 && lost.iter().all(|it| it.contains("\"b\"")), "{lost:?}");
        let check = || match name {
            "list.json" => run(&["check", "--list", &file]),
            _ => run(&["check", &file]),
        };
        assert_eq!(check().code, Some(0), "{}", check().err);

        // A second key of the same consumer, and the first one gone.
        let second = run(&["key", "add", &file, "--name", "a"]).out;
        let digits = &A[..12];
        assert_eq!(run(&["key", "revoke", &file, "--sha256", digits]).code, Some(0));
        let rotated = fs::read_to_string(&file).unwrap();
        assert!(rotated.contains(&sha256(&second)) && !rotated.contains(A), "{rotated}");

        assert_eq!(run(&["key", "revoke", &file, "--name", "b"]).code, Some(0));
        let listed = run(&["key", "list", &file, "--json"]).out;
        let listed: Vec<Value> =
            listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let names: Vec<_> = listed.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["a", "new"]);
        assert_eq!((&listed[1]["user"], &listed[1]["groups"][0]), (&"u".into(), &"x".into()));
        assert_eq!(listed[1]["keys"][0], sha256(&key)[..12]);
        let text = fs::read_to_string(&file).unwrap();
        for comment in
            ["# Who may call.", "# The first.", "# of Ann", "# The second.", "# The rest."]
        {
            assert!(name == "list.json" || text.contains(comment), "{comment}\n{text}");
        }
        assert_eq!(check().code, Some(0));
    }
}

#[test]
fn a_list_becomes_empty_and_is_filled_again() {
    for (name, text) in [
        ("list.json", format!("{{\"consumers\":[{{\"name\":\"a\",\"key_sha256\":[\"{A}\"]}}]}}")),
        ("list.yaml", format!("consumers:\n- name: a\n  key_sha256: [{A}]\nusers:\n- id: u\n")),
    ] {
        let folder = Folder::new();
        let file = folder.file(name, &text);
        let revoked = run(&["key", "revoke", &file, "--name", "a"]);
        assert_eq!(revoked.code, Some(0), "{name}: {}", revoked.err);
        assert_eq!(run(&["key", "list", &file]).out, "");
        for consumer in ["b", "c"] {
            let added = run(&["key", "add", &file, "--name", consumer]);
            assert_eq!(added.code, Some(0), "{name}: {}", added.err);
        }
        assert_eq!(run(&["key", "list", &file]).out.lines().count(), 2);
        let checked = run(&["check", "--list", &file]);
        assert_eq!(checked.code, Some(0), "{}", checked.err);
    }
}

#[test]
fn a_list_inside_a_text_of_a_file_is_edited_there() {
    let folder = Folder::new();
    let text = format!(
        "kind: ConfigMap\ndata:\n  consumers.json: |\n    {{ \"consumers\": [\n      {{ \"name\": \"a\", \
         \"key_sha256\": [\"{A}\"] }}\n    ] }}\n  other: 1  # stays\n"
    );
    let file = folder.file("map.yaml", &text);
    let added = run(&["key", "add", &file, "--name", "b"]);
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert_eq!(run(&["key", "list", &file]).out.lines().count(), 2);
    assert_eq!(run(&["key", "revoke", &file, "--name", "b"]).code, Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn the_file_keeps_its_mode_and_a_link_stays_one() {
    let folder = Folder::new();
    let file = folder.file("real.json", &json_list());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path("list.json");
    symlink("real.json", &link).unwrap();
    let link = link.to_str().unwrap();
    assert_eq!(run(&["key", "add", link, "--name", "new"]).code, Some(0));
    assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    let left: Vec<_> = fs::read_dir(folder.path(".")).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_file_with_a_second_name_is_left_as_it_is() {
    let folder = Folder::new();
    let file = folder.file("list.json", &json_list());
    fs::hard_link(&file, folder.path("other.json")).unwrap();
    for edit in ["add", "revoke"] {
        let outcome = run(&["key", edit, &file, "--name", "a"]);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{}", outcome.err);
        assert!(outcome.err.contains("a file with 2 names (hard links)"), "{}", outcome.err);
        assert_eq!(fs::read_to_string(&file).unwrap(), json_list());
    }
    assert_eq!(run(&["key", "list", &file]).code, Some(0));
    fs::remove_file(folder.path("other.json")).unwrap();
    assert_eq!(run(&["key", "revoke", &file, "--name", "a"]).code, Some(0));
}

#[test]
fn commands_at_once_lose_no_key() {
    let folder = Folder::new();
    let file = folder.file("list.json", "{\"consumers\": []}");
    thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || {
                let added = run(&["key", "add", file, "--name", &format!("c{number}")]);
                assert_eq!(added.code, Some(0), "{}", added.err);
            });
        }
    });
    assert_eq!(run(&["key", "list", &file]).out.lines().count(), 8);
}

#[test]
fn what_cannot_be_done_says_why_and_leaves_the_file_as_it_is() {
    let folder = Folder::new();
    let file = folder.file("list.json", &json_list());
    let none = folder.file("none.json", "{\"users\": []}");
    let bad = folder.file("bad.json", "{\"consumers\": [");
    let twice = folder.file("twice.yaml", "a: {consumers: []}\nb: {consumers: []}\n");
    let key =
        folder.file("key.json", "{\"consumers\": [{\"name\": \"m\", \"identities\": [\"x\"]}]}");
    let absent = folder.path("absent.json").to_str().unwrap().to_owned();
    for (arguments, code, words) in [
        (&["add", &file, "--name", "a b"][..], 2, "--name: invalid value"),
        (
            &["add", &file, "--name", "c", "--group", "g", "--group", "g"],
            2,
            "--group: invalid value",
        ),
        (&["add", &file, "--name", "a", "--user", "u"], 1, "there is a consumer `a`"),
        (&["add", &none, "--name", "a"], 1, "there is no array `consumers`"),
        (&["add", &bad, "--name", "a"], 1, "bad.json:1: not JSON: EOF while parsing a list; run"),
        (&["add", &twice, "--name", "a"], 1, "several arrays `consumers`"),
        (&["add", &key, "--name", "m"], 1, "`m` has no array `key_sha256`"),
        (&["add", &absent, "--name", "a"], 2, "No such file"),
        (&["revoke", &file, "--name", "z"], 1, "there is no consumer `z`"),
        (&["revoke", &file, "--sha256", "00000000"], 1, "no key of the file"),
        (&["revoke", &file, "--sha256", "9f86"], 2, "--sha256: invalid value"),
        (&["revoke", &file], 2, "<--name <NAME>|--sha256 <DIGITS>>"),
        (&["revoke", &file, "--name", "a", "--sha256", "9f86d081"], 2, "cannot be used with"),
    ] {
        let arguments: Vec<_> = std::iter::once("key").chain(arguments.iter().copied()).collect();
        let outcome = run(&arguments);
        assert_eq!(outcome.code, Some(code), "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(words), "{arguments:?}: {}", outcome.err);
        assert!(outcome.out.is_empty(), "{arguments:?}: a key is printed");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), json_list());
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let folder = Folder::new();
    let list = "{\"consumers\": [{\"name\": \"\\u001b[31mred\\nb\", \"user\": \"\\u009b1m\", \
                \"groups\": [\"\\u0007\"], \"expires_at\": \"\\r\", \"key_sha256\": [\"0123456789\\u0000\"]}]}";
    let file = folder.file("list.json", list);
    let listed = run(&["key", "list", &file]);
    assert_eq!(
        listed.out,
        "\\u{1b}[31mred\\u{a}b  keys 0123456789\\u{0}  user \\u{9b}1m  groups \\u{7}  \
         expires \\u{d}\n"
    );
    let revoked = run(&["key", "revoke", &file, "--sha256", "01234567"]);
    assert_eq!(revoked.err, "Removed: consumer `\\u{1b}[31mred\\u{a}b` with its keys.\n");
    let odd = folder.file("\u{1b}[31m\n.yaml", "upstreams: 1\n");
    let other = folder.file("\u{1b}[32m.yaml", "x: 1\n");
    for format in ["text", "json", "github"] {
        let checked = run(&["check", "--format", format, &odd, &other, "/nonexistent/\u{1b}[33m"]);
        assert!(!(checked.err + &checked.out).contains('\u{1b}'), "{format}");
    }
}

#[test]
fn a_list_is_checked_as_the_filter_reads_it() {
    let folder = Folder::new();
    let wrong = folder.file("wrong.json", &json_list().replace(B, &A.to_ascii_uppercase()));
    let outcome = run(&["check", &wrong]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("the same as /consumers/0/key_sha256/0"), "{}", outcome.err);
    assert!(!outcome.err.contains(A), "a digest is shown");
}

#[test]
fn a_consumer_stays_without_which_the_filter_refuses_the_configuration() {
    let folder = Folder::new();
    let rule =
        "limits: [{ name: r, per: key, unit: images, max: 1, window: day, consumers: [a] }]\n";
    let only = format!(
        "consumers:\n- name: a\n  key_sha256: [{A}]\nupstreams:\n  codex: {{ authority: chatgpt.com, \
         credential: envoy }}\n"
    );
    for (text, words) in [
        (only.clone(), "/consumers: empty"),
        (yaml_list() + rule, "/limits/0/consumers/0: no such consumer"),
    ] {
        let file = folder.file("config.yaml", &text);
        let outcome = run(&["key", "revoke", &file, "--name", "a"]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        assert!(outcome.err.contains(words), "{}", outcome.err);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    // One that it refuses anyway may be edited.
    let file = folder.file("config.yaml", &only.replace("chatgpt.com", "https://chatgpt.com"));
    assert_eq!(run(&["key", "revoke", &file, "--name", "a"]).code, Some(0));
}

#[test]
fn a_key_that_cannot_work_is_added_with_a_warning() {
    let folder = Folder::new();
    let text = json_list().replace("\"name\": \"a\",", "\"name\": \"a\", \"disabled\": true,");
    let file = folder.file("list.json", &text);
    let off = run(&["key", "add", &file, "--name", "a"]);
    assert_eq!(off.code, Some(0), "{}", off.err);
    assert!(off.err.contains("`a` is `disabled`: the filter rejects all its keys"), "{}", off.err);
    assert!(!run(&["key", "add", &file, "--name", "b"]).err.contains("disabled"));
}
