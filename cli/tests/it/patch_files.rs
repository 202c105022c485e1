//! Patches and the filter in several files: which belong together, in which order, and what is said
//! if the filter is in none of them.

use crate::patches::{CONFIG, GOOD, LIMITS, after, check, filter, policy};
use crate::program::{Folder, run};

#[test]
fn policies_apply_by_priority_and_then_in_their_order() {
    let set = |name: &str, priority: &str, value: &str| {
        let operation = format!("{{op: add, path: {CONFIG}/request/max_n, value: {value}}}");
        policy(name, priority, &[&operation])
    };
    for (first, second, code) in [
        (set("a", "{priority: 2}", "many"), set("b", "{priority: 3}", "1"), 0),
        (set("a", "{priority: 3}", "1"), set("b", "{priority: 2}", "many"), 0),
        (set("a", "{priority: 3}", "many"), set("b", "{priority: 2}", "1"), 1),
        (set("a", "{priority: 2}", "many"), set("b", "{priority: 2}", "1"), 0),
        (set("a", "{priority: 2}", "1"), set("b", "{priority: 2}", "many"), 1),
    ] {
        let one_file = format!("{first}---\n{second}---\n{}", filter(GOOD));
        let outcome = check(&[("all.yaml", &one_file)]);
        assert_eq!(outcome.code, Some(code), "{one_file}\n{}", outcome.err);
        let outcome =
            check(&[("a.yaml", &first), ("gate.yaml", &filter(GOOD)), ("b.yaml", &second)]);
        assert_eq!(outcome.code, Some(code), "{first}\n{second}\n{}", outcome.err);
    }
    let early = set("a", "{priority: 0}", "1");
    let outcome = check(&[("gate.yaml", &filter(GOOD)), ("a.yaml", &early)]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    let error = "error: the patch comes before the one that adds the filter";
    assert!(outcome.err.contains(error), "{}", outcome.err);
}

#[test]
fn without_the_filter_a_warning_says_so() {
    let patch = after(&[LIMITS, "{op: remove, path: {C}/request}"]);
    let elsewhere = filter(GOOD).replace("apps/web/http", "apps/web/https");
    for (files, code) in [
        (vec![("more.yaml", patch.as_str())], 1),
        (vec![("more.yaml", patch.as_str()), ("gate.yaml", elsewhere.as_str())], 1),
    ] {
        let outcome = check(&files);
        assert_eq!(outcome.code, Some(code), "{}", outcome.err);
        let warning = "warning: changes imagegate's configuration, and is not checked without the \
                       file that has the filter\n";
        assert_eq!(outcome.err.matches(warning).count(), 1, "{}", outcome.err);
        assert!(outcome.err.contains("= changes: /limits, /request\n"), "{}", outcome.err);
        assert!(!outcome.err.contains("no imagegate filter in it"), "{}", outcome.err);
    }
}

#[test]
fn patches_of_other_filters_are_passed_over() {
    let other = CONFIG.replace("http_filters/0", "http_filters/1");
    let operation = format!("{{op: add, path: {other}/limits, value: nonsense}}");
    let patch = policy("more", "{priority: 2}", &[&operation]);
    let outcome = check(&[("gate.yaml", &filter(GOOD)), ("more.yaml", &patch)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("more.yaml: passed over: no imagegate filter in it"));
    // No field of imagegate's, and no name.
    let operation = format!("{{op: add, path: {CONFIG}/rules, value: nonsense}}");
    let patch = policy("more", "{priority: 2}", &[&operation]);
    let outcome = check(&[("more.yaml", &patch)]);
    assert!(outcome.err.contains("more.yaml: passed over: no imagegate filter in it"));
    assert!(!outcome.err.contains("warning"), "{}", outcome.err);
}

#[test]
fn each_folder_has_patches_of_its_own() {
    let folder = Folder::new();
    for name in ["one", "two"] {
        std::fs::create_dir(folder.path(name)).unwrap();
    }
    let set =
        |value: &str| after(&[&format!("{{op: add, path: {{C}}/request/max_n, value: {value}}}")]);
    let files = [
        folder.file("one/gate.yaml", &filter(GOOD)),
        folder.file("two/gate.yaml", &filter(GOOD)),
        folder.file("one/more.yaml", &set("many")),
        folder.file("two/more.yaml", &set("2")),
    ];
    let arguments = ["check"].into_iter().chain(files.iter().map(String::as_str));
    let outcome = run(&arguments.collect::<Vec<_>>());
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    for sum in
        ["one/more.yaml: 0 configurations, 1 error", "two/more.yaml: 0 configurations, 0 errors"]
    {
        assert!(outcome.err.contains(sum), "{}", outcome.err);
    }
}

#[test]
fn a_list_of_resources_has_patches_too() {
    let item = |text: String| {
        let text = text.trim_end().replace('\n', "\n    ");
        format!("  - {text}\n")
    };
    let wrong = "{op: add, path: {C}/request/max_n, value: many}";
    let list = format!("kind: List\nitems:\n{}{}", item(after(&[wrong])), item(filter(GOOD)));
    let outcome = check(&[("list.yaml", &list)]);
    assert_eq!(outcome.code, Some(1), "{list}\n{}", outcome.err);
    assert!(outcome.err.contains("list.yaml:10:"), "{}", outcome.err);
    assert!(outcome.err.contains("= at: /request/max_n\n"), "{}", outcome.err);
}

#[test]
fn the_secrets_of_a_patch_are_hidden() {
    let secret = "s3cr3t-v4lue";
    for operation in [
        format!(
            "{{op: add, path: {CONFIG}/upstreams/codex/headers, value: {{x-a: {secret}, : 1}}}}"
        ),
        format!("{{op: add, path: {CONFIG}/consumers/-, value: {{key_sha256: [{secret}]}}}}"),
        format!("{{op: add, path: {CONFIG}/upstreams, value: {secret}}}"),
        format!("{{op: replace, path: {CONFIG}, value: {{upstreams: {secret}, x: {secret}}}}}"),
        format!(
            "{{op: replace, path: {}, value: {{'@type': \
             type.googleapis.com/google.protobuf.StringValue, value: '{{ \"upstreams\": \
             \"{secret}\" }}'}}}}",
            CONFIG.trim_end_matches("/value")
        ),
    ] {
        let patch = policy("more", "{priority: 2}", &[&operation]);
        for files in [
            vec![("more.yaml", patch.as_str()), ("gate.yaml", &filter(GOOD))],
            vec![("more.yaml", patch.as_str())],
        ] {
            let outcome = check(&files);
            assert_eq!(outcome.code, Some(1), "{patch}\n{}", outcome.err);
            assert!(outcome.err.contains("more.yaml:8:"), "{patch}\n{}", outcome.err);
            assert!(!outcome.err.contains("s3cr3t"), "{patch}\n{}", outcome.err);
        }
    }
}
