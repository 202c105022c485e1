//! The ways to write a list: `key add` and `key revoke` edit each of them, or leave the file alone.

use std::fs;

use crate::program::{Folder, run};

const A: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const B: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

/// The consumers `a` and `b`, in every way that can be edited. `A` and `B` stand for the digests.
const FORMS: [&str; 35] = [
    "consumers: [{name: a, key_sha256: [A]}, {name: b, key_sha256: [B]}]\n",
    "consumers: [{name: a, key_sha256: [A]}, {name: b, key_sha256: [B]},]\n",
    "consumers: [{name: a, key_sha256: [A,],}, {name: b, key_sha256: [B, ], }, ]\n",
    "consumers: [\n  {name: a, key_sha256: [A]},\n  {name: b, key_sha256: [B]},\n]\n",
    "consumers: [\n  {name: a, key_sha256: [A]},\n  {name: b, key_sha256: [B]}]\n",
    "consumers: [ # all\n  {name: a, key_sha256: [A]}, # a, ]\n  {name: b, key_sha256: [B]} # b }\n  \
     # end\n]\n",
    "consumers: [ # all\n  {name: a, key_sha256: [A]}, # a\n  {name: b, key_sha256: [B]}, # b\n  \
     # end\n]\n",
    "consumers: [{name: a, key_sha256: [A]} # a\n  , # also a\n  {name: b, key_sha256: [B]}]\n",
    "consumers: [{\n  name: a,\n  key_sha256: [\n    A,\n  ],\n}, {\n  name: b,\n  \
     key_sha256: [\n    B\n  ]\n}]\n",
    // Indented less than YAML allows in brackets. Envoy's loader and those of Kubernetes read it.
    "consumers:\n- name: a\n  key_sha256: [\n    \"A\",\n  ]\n- name: b\n  key_sha256: [\n  \"B\"\n]\n",
    "consumers: [\n{\"name\": \"a\", \"key_sha256\": [\"A\"]},\n{name: \"b\", key_sha256: [\n\"B\"\n]\n}\n]\n",
    "consumers: [{name: a, key_sha256: [A], groups: [\"]},\", '#']}, {name: b, key_sha256: [B]}]\n",
    "consumers:\n- name: a\n  key_sha256:\n  - A\n- name: b\n  key_sha256:\n  - B\n",
    "consumers:\n- name: a\n  key_sha256:\n  - A\n- name: b\n  key_sha256:\n  - B",
    "consumers:\n    - name: a\n      key_sha256:\n          - A\n    -   name: b\n        \
     key_sha256:\n            - B\n",
    "\u{feff}consumers:\n- name: a\n  key_sha256:\n  - A\n- name: b\n  key_sha256: [B]\n",
    "# ü 🎨\nconsumers:\n- name: a # ü\n  key_sha256:\n  - A # 🎨\n\
     - {name: b, key_sha256: [B]} # ü\nusers: []\n",
    "consumers:\n- name: a\t# x\n  key_sha256:\n  - A\t# y\n- name: b\n  key_sha256: [B]\n",
    "---\nx: 1\n---\nconsumers:\n- name: a\n  key_sha256: [A]\n- name: b\n  key_sha256:\n  - B\n\
     ...\n---\ny: 2\n",
    "\"consumers\":\n- \"name\": \"a\"\n  'key_sha256':\n  - 'A'\n- name: b\n  \
     \"key_sha256\":\n  - \"B\"\n",
    "consumers:\n-\n  name: a\n  key_sha256:\n  -\n    A\n- # second\n  name: b\n  \
     key_sha256:\n    - B\n",
    "consumers: &all\n- &a\n  name: a\n  key_sha256: &k\n  - A\n- &b\n  name: b\n  \
     key_sha256: [B]\n",
    "consumers: !!seq\n- !!map\n  name: !!str a\n  key_sha256: [!!str A]\n- name: b\n  \
     key_sha256: [B]\n",
    "base: &base {groups: [g]}\nconsumers:\n- <<: *base\n  name: a\n  key_sha256: [A]\n\
     - name: b\n  key_sha256: [B]\n  <<: *base\n",
    "consumers:\n- key_sha256: [A]\n  name: |-\n    a\n- key_sha256: [B]\n  name: >-\n    b\n\n\n\
     # c\nusers: []\n",
    "consumers:\n- name: a\n  key_sha256:\n  - |-\n    A\n- name: b\n  key_sha256:\n  - >-\n    \
     B\n  groups: [g]\nusers: []\n",
    "consumers:\n\n# c\n- name: a\n  # in a\n  key_sha256: [A]\n  # after a\n\n# b\n- name: b\n  \
     key_sha256: [B]\n  disabled:\nusers: []\n",
    "kind: ConfigMap\ndata:\n  list: |\n    consumers:\n    - name: a\n      key_sha256:\n      \
     - A\n    - name: b\n      key_sha256: [B]\n  other: 1\n",
    "data:\n  list: |-\n    consumers:\n    - name: a\n      key_sha256: [A]\n    \
     - name: b\n      key_sha256:\n      - B",
    "data:\n    list: |2\n        {\"consumers\": [\n          \
     {\"name\": \"a\", \"key_sha256\": [\"A\"]},\n          \
     {\"name\": \"b\", \"key_sha256\": [\"B\"]}\n        ]}\n    other: 1\n",
    "data:\n  \
     list: '{\"consumers\": [{\"name\": \"a\", \"key_sha256\": [\"A\"]}, {\"name\": \"b\", \"key_sha256\": [\"B\"]}]}'\n",
    // Texts that name a list and are none.
    "consumers_from: {path: /consumers.json}\nconsumers:\n- name: a\n  key_sha256: [A]\n\
     - name: b\n  key_sha256: [B]\n",
    "note: |\n  \"consumers\"\nconsumers:\n- name: a\n  key_sha256: [A]\n- name: b\n  \
     key_sha256: [B]\n",
    "{\"consumers\":[{\"name\":\"a\",\"key_sha256\":[\"A\"]},{\"name\":\"b\",\"key_sha256\":[\"B\"]}]}",
    "{\n  \"consumers\": [\n    {\n      \"name\": \"a\",\n      \"key_sha256\": [\n        \
     \"A\"\n      ]\n    },\n    {\n      \"name\": \"b\",\n      \"key_sha256\": [\"B\"]\n    \
     }\n  ]\n}\n",
];

fn text(form: &str) -> String {
    form.replace('A', A).replace('B', B)
}

fn names(file: &str) -> Vec<String> {
    let listed = run(&["key", "list", file]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    listed.out.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// Does it, and asserts that it succeeds.
fn key(arguments: &[&str], before: &str) {
    let arguments: Vec<_> = std::iter::once("key").chain(arguments.iter().copied()).collect();
    let outcome = run(&arguments);
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {}\n{before}", outcome.err);
}

/// The first digits of the digests of a consumer's keys.
fn digests(file: &str, name: &str) -> Vec<String> {
    let listed = run(&["key", "list", file]).out;
    let line = listed.lines().find(|line| line.starts_with(name)).unwrap();
    line.split("keys ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .split(',')
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_is_added_and_revoked_again_leaves_each_form_as_it_was() {
    for form in FORMS {
        for text in [text(form), text(form).replace('\n', "\r\n")] {
            let folder = Folder::new();
            let file = folder.file("list.yaml", &text);
            key(&["add", &file, "--name", "new", "--user", "u", "--group", "g"], &text);
            assert_eq!(names(&file), ["a", "b", "new"], "{text}");
            let added = fs::read_to_string(&file).unwrap();
            let breaks = added.matches('\n').count();
            assert!(!text.contains("\r\n") || added.matches("\r\n").count() == breaks, "{added:?}");
            key(&["revoke", &file, "--name", "new"], &added);
            assert_eq!(fs::read_to_string(&file).unwrap(), text, "after\n{added}");
            for name in ["a", "b"] {
                key(&["add", &file, "--name", name], &text);
                let added = fs::read_to_string(&file).unwrap();
                let second = digests(&file, name).remove(1);
                key(&["revoke", &file, "--sha256", &second], &added);
                assert_eq!(fs::read_to_string(&file).unwrap(), text, "after\n{added}");
            }
        }
    }
}

#[test]
fn an_empty_list_with_comments_is_filled_and_emptied_again() {
    for text in [
        "{\"consumers\": [ # c1\n # c2\n ]}\n",
        "consumers: [ # c1\n ]\n",
        "consumers: [\n    # c1\n\n    # c2 ]\n  ] # c3\nusers: []\n",
        "data:\n  list: |\n    {\"consumers\": [\n      # c\n    ]}\n  other: 1\n",
    ] {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let folder = Folder::new();
            let file = folder.file("list.yaml", &text);
            key(&["add", &file, "--name", "new"], &text);
            let added = fs::read_to_string(&file).unwrap();
            assert!(text.lines().all(|line| added.contains(line)), "{added}");
            key(&["revoke", &file, "--name", "new"], &added);
            assert_eq!(fs::read_to_string(&file).unwrap(), text, "after\n{added}");
        }
    }
    // The same for the keys of a consumer, which has a name of the mesh, too.
    let text = "consumers: [{name: a, identities: [x], key_sha256: [ # c1\n # c2\n ]}]\n";
    let folder = Folder::new();
    let file = folder.file("list.yaml", text);
    key(&["add", &file, "--name", "a"], text);
    key(&["add", &file, "--name", "a"], text);
    let second = digests(&file, "a").remove(1);
    key(&["revoke", &file, "--sha256", &second], text);
    assert_eq!(digests(&file, "a").len(), 1);
}

#[test]
fn either_consumer_of_each_form_can_be_revoked() {
    for form in FORMS {
        for (name, other) in [("a", "b"), ("b", "a")] {
            let folder = Folder::new();
            let text = text(form);
            let file = folder.file("list.yaml", &text);
            key(&["revoke", &file, "--name", name], &text);
            assert_eq!(names(&file), [other], "{text}");
        }
    }
}

/// Asserts that a file of this form is left as it is, with these words about the reason. The
/// arguments are those of `key`; `FILE` stands for the file.
fn assert_left(form: &str, arguments: &[&str], words: &str) {
    let folder = Folder::new();
    let text = text(form);
    let file = folder.file("list.yaml", &text);
    let mut command = vec!["key"];
    command.extend(arguments.iter().map(|it| if *it == "FILE" { file.as_str() } else { it }));
    let outcome = run(&command);
    assert_eq!(outcome.code, Some(1), "{text}: {}", outcome.err);
    assert!(outcome.err.contains(words), "{text}: {}", outcome.err);
    assert_eq!((outcome.out.as_str(), fs::read_to_string(&file).unwrap()), ("", text));
}

#[test]
fn a_value_that_stands_in_two_places_is_left() {
    for (form, arguments, words) in [
        (
            "keys: &k [A]\nconsumers:\n- name: a\n  key_sha256: *k\n",
            &["add", "FILE", "--name", "a"][..],
            ":4: this is written in a way that cannot be edited here",
        ),
        (
            "consumers: &all\n- name: a\n  key_sha256: [A]\ncopy: *all\n",
            &["add", "FILE", "--name", "b"],
            "without aliases",
        ),
        (
            "consumers:\n- &a\n  name: a\n  key_sha256: [A]\n- name: b\n  key_sha256: [B]\n\
             copy: *a\n",
            &["revoke", "FILE", "--name", "a"],
            "without aliases",
        ),
    ] {
        assert_left(form, arguments, words);
    }
}

#[test]
fn what_cannot_be_edited_is_left_with_its_line_and_what_is_accepted() {
    for (form, arguments, words) in [
        (
            "? consumers\n: - name: a\n    key_sha256: [A]\n",
            &["add", "FILE", "--name", "b"],
            ":2: this is written",
        ),
        // Text whose characters are not those of the file.
        (
            "x: 1\nlist: >\n  {\"consumers\": [\n  {\"name\": \"a\", \"key_sha256\": [\"A\"]}]}\n",
            &["add", "FILE", "--name", "b"],
            ":3: the text with the list is folded or escaped",
        ),
        (
            "list: \"{\\\"consumers\\\": []}\"\n",
            &["add", "FILE", "--name", "b"],
            "accepted: a block of lines after `|`",
        ),
        (
            "consumers:\n- name: b\n- name: a\n  identities: [x]\n",
            &["add", "FILE", "--name", "a"],
            ":3: consumer `a` has no array `key_sha256`, accepted: an array, also an empty one",
        ),
        ("x: 1\nconsumers: [\n", &["add", "FILE", "--name", "a"], ":3: not YAML"),
        (
            "consumers:\n- name: a\n  name: b\n",
            &["add", "FILE", "--name", "c"],
            ":3: a second field `name`",
        ),
    ] {
        assert_left(form, arguments, words);
    }
}
