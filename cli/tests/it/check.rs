//! `check`: each form in which a configuration comes, and the settings around it.

use std::fs;

use crate::program::{Folder, Outcome, command, root, run, run_with};

/// Checks a text as a YAML file.
fn check(text: &str) -> Outcome {
    let folder = Folder::new();
    run(&["check", &folder.file("file.yaml", text)])
}

fn example(name: &str) -> String {
    fs::read_to_string(root().join("envoy").join(name)).unwrap()
}

#[test]
fn the_examples_have_no_faults_and_no_warnings() {
    let files = fs::read_dir(root().join("envoy")).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    for file in files.filter(|file| file.extension().is_some_and(|end| end == "yaml")) {
        // The others are for what runs beside Envoy.
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
        assert!(outcome.err.contains("1 configuration, 0 faults, 0 warnings"), "{}", outcome.err);
        count += 1;
    }
    assert!(count >= 3, "only {count} files");
}

#[test]
fn it_judges_the_fixtures_as_the_filter_does() {
    let variables = [
        ("CODEX_ACCESS_TOKEN", "t"),
        ("CODEX_ACCOUNT_ID", "a"),
        ("SET_EMPTY", ""),
        ("SET_WITH_LINE_END", "t\n"),
        ("SET_NOT_ASCII", "té"),
    ];
    for (folder, code) in [("valid", 0), ("invalid", 1)] {
        let folder = root().join("tests/fixtures/configs").join(folder);
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut count = 0;
        for file in files.filter(|file| file.extension().is_some_and(|end| end == "json")) {
            // The file system's case: text that is not UTF-8 is no configuration file at all.
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let output = command(&["check", "--env", file.to_str().unwrap()])
                .envs(variables)
                .output()
                .unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{}\n{text}\n{told}", file.display());
            if let Ok(expected) = fs::read_to_string(file.with_extension("err")) {
                let fault = expected.trim_end().split_once(": ").unwrap().1;
                let title = fault.split(", accepted: ").next().unwrap();
                assert!(told.contains(title), "{}: {title}\n{told}", file.display());
            }
            count += 1;
        }
        assert!(count >= 10, "only {count} files");
    }
}

#[test]
fn json_in_a_block_has_the_lines_of_the_file() {
    let broken = example("envoy.yaml")
        .replace("\"authority\": \"chatgpt.com\"", "\"authority\": \"s3cret/path\"");
    let line = broken.lines().position(|line| line.contains("s3cret")).unwrap() + 1;
    let column = broken.lines().nth(line - 1).unwrap().find("\"s3cret").unwrap() + 1;
    let outcome = check(&broken);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("error: invalid value"), "{}", outcome.err);
    assert!(
        outcome.err.contains(&format!("file.yaml:{line}:{column}")),
        "{line}:{column}\n{}",
        outcome.err
    );
    assert!(outcome.err.contains("at: /upstreams/codex/authority"), "{}", outcome.err);
    assert!(outcome.err.contains("accepted: a host"), "{}", outcome.err);
    assert!(!outcome.err.contains("s3cret"), "{}", outcome.err);
}

#[test]
fn a_struct_in_yaml_has_the_lines_of_the_file() {
    let broken =
        example("production.yaml").replace("credential: { bearer_env", "kredential: { bearer_env");
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
    let config = "{upstreams: {codex: {authority: a, credential: envoy}}, consumers: [{name: w, key_sha256: [short]}]}";
    let wasm_plugin = format!(
        "kind: WasmPlugin\nspec:\n  url: oci://registry.example/imagegate\n  pluginConfig: {config}\n"
    );
    let extension = format!(
        "kind: EnvoyExtensionPolicy\nspec:\n  wasm:\n  - name: imagegate\n    config: {config}\n"
    );
    let filter = format!(
        "kind: EnvoyFilter\nspec:\n  configPatches:\n  - patch:\n      value:\n        typed_config:\n          \
         '@type': type.googleapis.com/udpa.type.v1.TypedStruct\n          \
         type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n          \
         value:\n            config:\n              rootId: imagegate\n              configuration: {{'@type': type.googleapis.com/google.protobuf.Struct, value: {config}}}\n"
    );
    let json = serde_json::json!({ "upstreams": {}, "consumers": [] }).to_string();
    let string = format!(
        "kind: EnvoyFilter\nspec:\n  x:\n    '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    \
         config: {{name: imagegate, configuration: {{'@type': type.googleapis.com/google.protobuf.StringValue, value: '{json}'}}}}\n"
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
fn each_setting_that_is_not_optional_is_missed() {
    let whole = example("envoy.yaml");
    for (setting, title) in [
        (
            "allow_on_headers_stop_iteration: true",
            "`allow_on_headers_stop_iteration: true` is missing",
        ),
        ("failure_policy: FAIL_RELOAD", "`failure_policy: FAIL_RELOAD` is missing"),
        ("request_body_buffer_limit: 67108864", "`request_body_buffer_limit` is below twice"),
        ("stream_idle_timeout: 330s", "`stream_idle_timeout` is not above"),
        (
            "http.async_response_buffer_limit: 134217728",
            "`http.async_response_buffer_limit` is missing",
        ),
        ("host_env_keys: [CODEX_ACCESS_TOKEN, CODEX_ACCOUNT_ID]", "is not passed into the VM"),
        ("string_match: { exact: codex }", "string_match: { exact: other }=>no route matches"),
        (
            "- match: { prefix: \"/\" }",
            "- match: { prefix: \"/other\" }=>the last route does not match",
        ),
        (
            "    - name: codex\n",
            "    - name: other\n=>there is no cluster `codex` for the upstream `codex`",
        ),
        (
            "\"consumers\": [",
            "\"engine\": { \"kind\": \"rls\", \"cluster\": \"limits\" }, \"consumers\": [=>there is no cluster `limits` for the engine",
        ),
        ("cluster: nowhere", "cluster: codex=>a route to an upstream's cluster without a match"),
    ] {
        assert!(whole.contains(setting), "the example has no {setting}");
        let (instead, title) = title.split_once("=>").unwrap_or(("x: null", title));
        let outcome = check(&whole.replace(setting, instead));
        assert_eq!(outcome.code, Some(0), "{setting}: {}", outcome.err);
        assert!(
            outcome.err.contains("warning: ") && outcome.err.contains(title),
            "{setting}: {}",
            outcome.err
        );
        let strict = run_with(&["check", "--strict", "-"], &whole.replace(setting, instead));
        assert_eq!(strict.code, Some(1), "{setting}");
    }
}

#[test]
fn the_filters_of_others_are_passed_over() {
    let ours = "                  - name: imagegate\n                    typed_config:";
    let other = "                  - name: waf\n                    typed_config: { '@type': type.googleapis.com/\
        envoy.extensions.filters.http.wasm.v3.Wasm, config: { name: waf, configuration: { '@type': type.googleapis.com/\
        google.protobuf.StringValue, value: '{}' } } }\n";
    let whole = example("envoy.yaml");
    assert_eq!(whole.matches(ours).count(), 1);
    let outcome = check(&whole.replace(ours, &format!("{other}{ours}")));
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("1 configuration, 0 faults, 0 warnings"), "{}", outcome.err);
}

#[test]
fn variables_are_a_fault_only_on_request() {
    let folder = Folder::new();
    let file = folder.file(
        "c.json",
        &fs::read_to_string(root().join("tests/fixtures/configs/valid/full.json")).unwrap(),
    );
    let outcome = run(&["check", "--strict", &file]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(
        outcome.err.contains("note: the environment variable CODEX_ACCESS_TOKEN is not set here")
    );
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
    assert!(outcome.err.contains("bad.yaml: 1 configuration, 1 fault"), "{}", outcome.err);
    assert!(outcome.err.contains("good.yaml: 1 configuration, 0 faults"), "{}", outcome.err);
}
