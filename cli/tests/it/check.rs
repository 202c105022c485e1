//! `check`: each form in which a configuration comes, and the settings around it.

use std::{fs, path::Path};

use crate::{
    fixtures::files,
    invalid::{Invalid, tables},
    program::{Folder, Outcome, command, root, run},
};

/// Checks a text as a YAML file.
fn check(text: &str) -> Outcome {
    let folder = Folder::new();
    run(&["check", &folder.file("file.yaml", text)])
}

fn example(name: &str) -> String {
    fs::read_to_string(root().join("envoy").join(name)).unwrap()
}

#[test]
fn the_examples_have_no_errors_and_no_warnings() {
    let files = fs::read_dir(root().join("envoy")).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    for file in files.filter(|file| file.extension().is_some_and(|end| end == "yaml")) {
        // The others are for programs beside Envoy.
        let text = fs::read_to_string(&file).unwrap();
        if !text.contains("\nstatic_resources:") {
            continue;
        }
        // The filter is in the file that this one discovers.
        let file = match text.contains("config_discovery:") {
            true => root().join("envoy/ecds/imagegate.yaml"),
            false => file,
        };
        let outcome = run(&["check", "--strict", file.to_str().unwrap()]);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(0), ""), "{}", outcome.err);
        assert!(outcome.err.contains("1 configuration, 0 errors, 0 warnings"), "{}", outcome.err);
        count += 1;
    }
    assert!(count >= 3, "only {count} files");
}

/// `check` of a file, with the variables that the fixtures name.
fn check_with_variables(file: &Path) -> (Option<i32>, String) {
    let variables = [
        ("CODEX_ACCESS_TOKEN", "t"),
        ("CODEX_ACCOUNT_ID", "a"),
        ("SET_EMPTY", ""),
        ("SET_WITH_LINE_END", "t\n"),
        ("SET_NOT_ASCII", "té"),
    ];
    let mut command = command(&["check", "--env", file.to_str().unwrap()]);
    let output = command.envs(variables).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn it_accepts_the_configurations_that_the_filter_accepts() {
    let files = files(&root().join("tests/fixtures/configs/valid"), |it| it.ends_with(".json"));
    assert!(files.len() >= 17, "only {} files", files.len());
    for file in files {
        let (code, report) = check_with_variables(&file);
        assert_eq!(code, Some(0), "{}\n{report}", file.display());
    }
}

#[test]
fn it_rejects_the_configurations_that_the_filter_rejects_in_the_same_place() {
    let folder = Folder::new();
    let tables = tables(&root().join("tests/fixtures/configs"));
    let cases: Vec<_> = tables.into_values().flatten().collect();
    assert!(cases.len() >= 340, "only {} cases", cases.len());
    for Invalid { name, text, error } in cases {
        let file = folder.file(&format!("{name}.json"), &text);
        let (code, report) = check_with_variables(Path::new(&file));
        assert_eq!(code, Some(1), "{name}\n{text}\n{report}");
        let (pointer, error) = error.split_once(": ").unwrap();
        // The place of the filter's first error is that of one of these, in other words.
        if !pointer.starts_with("the configuration") {
            let at = format!("= at: {pointer}\n");
            assert!(report.contains(&at), "{name}: {at}\n{report}");
        }
        let says = report.starts_with("error: ") || report.contains("\nerror: ");
        assert!(says, "{name}: {error}\n{report}");
        // No error is caused by the search for others.
        let several = SEVERAL.iter().find(|(it, _)| *it == name).map_or(1, |(_, it)| *it);
        let count = report.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(count, several, "{name}\n{text}\n{report}");
    }
}

/// The fixtures with more than one error.
const SEVERAL: [(&str, usize); 4] = [
    ("duplicate-field", 3),
    ("duplicate-field-escaped", 3),
    ("duplicate-upstream", 2),
    ("model-upstreams-unknown-field", 2),
];

#[test]
fn json_in_a_block_has_the_lines_of_the_file() {
    let broken = example("envoy.yaml")
        .replace("\"authority\": \"chatgpt.com\"", "\"authority\": \"sk-123456789/path\"");
    let line = broken.lines().position(|line| line.contains("sk-1")).unwrap() + 1;
    let column = broken.lines().nth(line - 1).unwrap().find("\"sk-1").unwrap() + 1;
    let outcome = check(&broken);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("error: expected a host"), "{}", outcome.err);
    assert!(
        outcome.err.contains(&format!("file.yaml:{line}:{column}")),
        "{line}:{column}\n{}",
        outcome.err
    );
    assert!(outcome.err.contains("at: /upstreams/codex/authority"), "{}", outcome.err);
    assert!(!outcome.err.contains("sk-1"), "{}", outcome.err);
}

#[test]
fn a_struct_in_yaml_has_the_lines_of_the_file() {
    let broken = example("ecds/imagegate.yaml")
        .replace("credential: { bearer_env", "kredential: { bearer_env");
    let line = broken.lines().position(|line| line.contains("kredential")).unwrap() + 1;
    let column = broken.lines().nth(line - 1).unwrap().find("kredential").unwrap() + 1;
    let outcome = check(&broken);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("unknown field"), "{}", outcome.err);
    assert!(
        outcome.err.contains(&format!("file.yaml:{line}:{column}")),
        "{line}:{column}\n{}",
        outcome.err
    );
}

#[test]
fn a_mesh_writes_it_in_its_own_ways() {
    let config = "{upstreams: {codex: {authority: a, credential: envoy}}, consumers: [{name: w, \
                  key_sha256: [short]}]}";
    let wasm_plugin = format!(
        "kind: WasmPlugin\nspec:\n  url: oci://registry.example/imagegate\n  pluginConfig: \
         {config}\n"
    );
    let extension = format!(
        "kind: EnvoyExtensionPolicy\nspec:\n  wasm:\n  - name: imagegate\n    config: {config}\n"
    );
    let filter = format!(
        "kind: EnvoyFilter\nspec:\n  configPatches:\n  - patch:\n      value:\n        \
         typed_config:\n          '@type': type.googleapis.com/udpa.type.v1.TypedStruct\n          \
         type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n          \
         value:\n            config:\n              rootId: imagegate\n              \
         configuration: {{'@type': type.googleapis.com/google.protobuf.Struct, value: {config}}}\n"
    );
    let json = serde_json::json!({ "upstreams": {}, "consumers": [] }).to_string();
    let string = format!(
        "kind: EnvoyFilter\nspec:\n  x:\n    '@type': \
         type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    config: {{name: \
         imagegate, configuration: {{'@type': type.googleapis.com/google.protobuf.StringValue, \
         value: '{json}'}}}}\n"
    );
    for text in [&wasm_plugin, &extension, &filter, &string] {
        // Several documents, the first of another kind.
        let outcome = check(&format!("kind: ConfigMap\n---\n{text}"));
        assert_eq!(outcome.code, Some(1), "{text}\n{}", outcome.err);
        let expected =
            if text == &string { "error: empty" } else { "at: /consumers/0/key_sha256/0" };
        assert!(outcome.err.contains(expected), "{text}\n{}", outcome.err);
    }
}

#[test]
fn a_file_without_a_configuration_does_not_pass() {
    for text in ["kind: ConfigMap\n", "static_resources: {}\n", "", "---\n---\n"] {
        let outcome = check(text);
        assert_eq!(outcome.code, Some(1), "{text:?}: {}", outcome.err);
    }
}

#[test]
fn variables_are_an_error_only_on_request() {
    let folder = Folder::new();
    let file = folder.file(
        "c.json",
        &fs::read_to_string(root().join("tests/fixtures/configs/valid/full.json")).unwrap(),
    );
    let outcome = run(&["check", "--strict", &file]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let note =
        "note: these environment variables are not set here: CODEX_ACCESS_TOKEN, CODEX_ACCOUNT_ID";
    assert!(outcome.err.contains(note), "{}", outcome.err);
    let outcome = run(&["check", "--env", &file]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains("CODEX_ACCESS_TOKEN is not set in the VM"), "{}", outcome.err);
}

#[test]
fn several_files_are_all_looked_at() {
    let folder = Folder::new();
    let (bad, good) = (
        folder.file("bad.yaml", "upstreams: 1\n"),
        folder.file("good.yaml", &example("envoy.yaml")),
    );
    let outcome = run(&["check", &bad, &good]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("bad.yaml: 1 configuration, 2 errors"), "{}", outcome.err);
    assert!(outcome.err.contains("good.yaml: 1 configuration, 0 errors"), "{}", outcome.err);
}

#[test]
fn a_folder_and_a_missing_file_are_reported_and_the_rest_is_checked() {
    let folder = Folder::new();
    let good = folder.file("good.yaml", &example("envoy.yaml"));
    let outcome = run(&["check", folder.path("").to_str().unwrap(), "/no/such/file", &good]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
    assert!(outcome.err.contains("a folder; name the files in it"), "{}", outcome.err);
    assert!(outcome.err.contains("/no/such/file: "), "{}", outcome.err);
    assert!(outcome.err.contains("good.yaml: 1 configuration, 0 errors"), "{}", outcome.err);
}

#[test]
fn all_files_of_the_folder_of_examples_pass() {
    let folder = root().join("envoy");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|it| it == "yaml")).collect();
    let mut command = command(&["check", "--strict", "--env"]);
    command.envs([("CODEX_ACCESS_TOKEN", "t"), ("CODEX_ACCOUNT_ID", "a"), ("OPENAI_API_KEY", "k")]);
    let output = command.args(&files).output().unwrap();
    let reported = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{reported}");
    assert!(reported.contains("limitador.yaml: passed over"), "{reported}");
}

#[test]
fn routes_of_another_file_are_found_by_their_name() {
    let whole = example("envoy.yaml");
    let (start, end) = (
        whole.find("                route_config:\n").unwrap(),
        whole.find("                # Where Envoy answers by itself").unwrap(),
    );
    let table = whole.get(start..end).unwrap();
    let (before, after) = (whole.get(..start).unwrap(), whole.get(end..).unwrap());
    let bootstrap =
        format!("{before}                rds: {{ route_config_name: images }}\n{after}");
    let resource = table
        .replacen(
            "route_config:\n",
            "- '@type': type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n",
            1,
        )
        .replace("host_rewrite_literal: chatgpt.com", "host_rewrite_literal: openai.com");
    let folder = Folder::new();
    let (bootstrap, routes) = (
        folder.file("a.yaml", &bootstrap),
        folder.file("b.yaml", &format!("resources:\n{resource}")),
    );
    let alone = run(&["check", "--strict", &bootstrap]);
    assert_eq!(alone.code, Some(0), "{}", alone.err);
    assert!(alone.err.contains("note: the routes come from elsewhere"), "{}", alone.err);
    let both = run(&["check", &bootstrap, &routes]);
    assert_eq!(both.code, Some(1), "{}", both.err);
    assert!(both.err.contains("the host is rewritten to another than"), "{}", both.err);
    assert!(both.err.contains("b.yaml: 0 configurations, 1 error, 0 warnings"), "{}", both.err);
    assert!(both.err.contains("a.yaml: 1 configuration, 0 errors, 0 warnings"), "{}", both.err);
}

#[test]
fn a_list_of_consumers_is_checked_as_the_filter_reads_it() {
    let folder = Folder::new();
    let list = |digest: &str| {
        let text = format!(r#"{{"consumers": [{{"name": "a", "key_sha256": ["{digest}"]}}]}}"#);
        folder.file("consumers.json", &text)
    };
    let bad = run(&["check", "--list", &list("nope")]);
    assert_eq!(bad.code, Some(1), "{}", bad.err);
    assert!(bad.err.contains("= at: /consumers/0/key_sha256/0\n"), "{}", bad.err);
    let good = list("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    assert_eq!(run(&["check", "--list", &good]).code, Some(0));
    // Without the option it is a configuration, and has no upstreams.
    let configuration = run(&["check", &good]);
    assert_eq!(configuration.code, Some(1), "{}", configuration.err);
    assert!(configuration.err.contains("upstreams"), "{}", configuration.err);
}

#[test]
fn the_list_in_a_config_map_is_checked() {
    let folder = Folder::new();
    let map = |digest: &str| {
        let text = format!(
            "kind: Service\n---\nkind: ConfigMap\ndata:\n  other: x\n  consumers.json: |\n    {{ \
             \"consumers\": [\n      {{ \"name\": \"a\", \"key_sha256\": [\"{digest}\"] }}\n    ] \
             }}\n"
        );
        folder.file("map.yaml", &text)
    };
    let good = map("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    let outcome = run(&["check", "--strict", "--list", &good]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("1 configuration, 0 errors"), "{}", outcome.err);
    let outcome = run(&["check", "--list", &map("nope")]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    let inside = "= inside: `data.consumers.json` of the ConfigMap";
    for part in ["= at: /consumers/0/key_sha256/0\n", inside, "map.yaml:8:"] {
        assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
    }
    let outcome = run(&["check", "--list", &folder.file("other.yaml", "kind: ConfigMap\n")]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains("passed over: no list of consumers in it"), "{}", outcome.err);
}

#[test]
fn a_list_that_is_no_json_is_refused_where_the_fault_is() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let consumer = format!(r#"{{"name": "a", "key_sha256": ["{digest}"]}}"#);
    let folder = Folder::new();
    for name in ["list.json", "list", "list.yaml"] {
        // YAML takes a comma after the last item, and the filter does not.
        let file = folder.file(name, &format!("{{\"consumers\": [\n  {consumer},\n]}}\n"));
        let outcome = run(&["check", "--list", &file]);
        assert_eq!(outcome.code, Some(1), "{name}: {}", outcome.err);
        assert!(outcome.err.contains("is not an entry in JSON"), "{name}: {}", outcome.err);
        assert!(outcome.err.contains(&format!("{file}:3:1")), "{name}: {}", outcome.err);
    }
    // YAML may become JSON on its way.
    let yaml = format!("consumers:\n- {{ name: a, key_sha256: [{digest}] }}\n");
    let outcome = run(&["check", "--list", &folder.file("lines.yaml", &yaml)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("note: this list is not JSON"), "{}", outcome.err);
}

#[test]
fn a_list_may_be_as_long_as_the_filter_takes_it() {
    let folder = Folder::new();
    let file = folder.file("list.json", &format!("{{\"consumers\": []{}}}", " ".repeat(17 << 20)));
    let outcome = run(&["check", "--list", &file]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let outcome = run(&["check", &file]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
}
