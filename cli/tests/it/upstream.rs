//! `upstream check`: which of the configured host models a list of models has.

use std::fs;

use imagegate_testkit::upstream::Received;
use serde_json::{Value, json};

use crate::program::{Folder, Outcome, command, root};
use crate::server::Server;

/// A configuration with one Codex upstream; `settings` go into it.
fn configuration(settings: Value) -> Value {
    let credential = json!({ "bearer_env": "T_TOKEN", "account_id_env": "T_ACCOUNT" });
    let mut codex = json!({ "authority": "chatgpt.com", "credential": credential });
    codex.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let consumer = json!({ "name": "web", "key_sha256": ["0".repeat(64)] });
    json!({ "upstreams": { "codex": codex }, "consumers": [consumer] })
}

/// A configuration with a host model and this version.
fn configured(host_model: &str, version: &str) -> Value {
    let headers =
        json!({ "originator": "codex_cli_rs", "Version": version, "user-agent": "codex_cli_rs/x" });
    configuration(json!({ "host_model": host_model, "headers": headers }))
}

/// A server with some models of every kind.
fn server() -> Server {
    let server = Server::start(1);
    let model = |slug: &str, least: Value, visibility: &str, modalities: Value| {
        json!({ "slug": slug, "minimal_client_version": least, "visibility": visibility,
            "input_modalities": modalities, "base_instructions": "s3cret" })
    };
    let both = json!(["text", "image"]);
    let models = [
        (155, model("luna", json!("0.155.0"), "list", both.clone())),
        (0, model("terra", json!([0, 144, 0]), "list", both.clone())),
        // Declares less than the list demands.
        (160, model("sol", json!("0.153.0"), "list", both.clone())),
        (0, model("spark", json!("0.1.0"), "list", json!(["text"]))),
        (0, model("reserve", json!("0.1.0"), "hide", both)),
        (0, json!({ "slug": "bare" })),
        (0, json!({ "slug": 7 })),
        (0, json!("odd")),
    ];
    server.with(|state| state.models.extend(models));
    server
}

fn check(server: &Server, config: &Value, more: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let folder = Folder::new();
    let file = folder.file("config.json", &config.to_string());
    check_file(server, &file, more, environment)
}

fn check_file(server: &Server, file: &str, more: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let mut command = command(&["upstream", "check", "--url", &server.issuer, file]);
    command.args(more).envs(environment.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!out.contains("s3cret") && !err.contains("s3cret"), "a secret is shown: {out}{err}");
    Outcome { code: output.status.code(), out, err }
}

const GOOD: &[(&str, &str)] = &[("T_TOKEN", "at-s3cret"), ("T_ACCOUNT", "acc-s3cret")];

#[test]
fn each_state_of_a_host_model_is_reported() {
    let server = server();
    for (host_model, version, code, state, least) in [
        ("luna", "0.170.0", 0, "usable", json!("0.155.0")),
        ("luna", "0.155", 0, "usable", json!("0.155.0")),
        ("luna", "0.154.9", 1, "version_too_old", json!("0.155.0")),
        ("terra", "0.150.0", 0, "usable", json!("0.144.0")),
        ("terra", "0.140.0", 1, "version_too_old", json!("0.144.0")),
        ("sol", "0.159.0", 1, "version_too_old", json!("0.153.0")),
        ("gone", "0.170.0", 1, "not_listed", Value::Null),
        ("spark", "0.170.0", 1, "no_image_input", json!("0.1.0")),
        ("reserve", "0.170.0", 1, "hidden", json!("0.1.0")),
        ("bare", "0.170.0", 0, "usable", Value::Null),
    ] {
        let outcome = check(&server, &configured(host_model, version), &["--format", "json"], GOOD);
        assert_eq!(outcome.code, Some(code), "{host_model} {version}: {outcome:?}");
        let report: Value = serde_json::from_str(&outcome.out).unwrap();
        let expected =
            json!([{ "name": host_model, "state": state, "minimal_client_version": least }]);
        assert_eq!(report["upstreams"][0]["host_models"], expected, "{version}");
        assert_eq!(
            (&report["usable"], &report["upstreams"][0]["version"]),
            (&json!(code == 0), &json!(version))
        );
        let text = check(&server, &configured(host_model, version), &[], GOOD);
        assert!(text.code == Some(code) && text.out.contains(host_model), "{text:?}");
    }
}

#[test]
fn one_usable_host_model_of_a_list_is_enough() {
    let server = server();
    let mut config = configured("x", "0.156.0");
    let codex = config["upstreams"]["codex"].as_object_mut().unwrap();
    codex.remove("host_model");
    codex.insert("host_models".to_owned(), json!(["gone", "sol", "luna"]));
    let outcome = check(&server, &config, &["--format", "json"], GOOD);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    let models = report["upstreams"][0]["host_models"].as_array().unwrap().clone();
    let states: Vec<_> = models.iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["not_listed", "version_too_old", "usable"]);
    assert!(!report["upstreams"][0]["other_models"].to_string().contains("luna"));
    let text = check(&server, &config, &[], GOOD);
    assert!(text.out.starts_with("codex: 1 of 3 host models usable ("), "{}", text.out);
    config["upstreams"]["codex"]["host_models"] = json!(["gone", "sol"]);
    assert_eq!(check(&server, &config, &[], GOOD).code, Some(1));
}

#[test]
fn without_a_version_no_host_model_is_usable() {
    let server = server();
    let outcome = check(&server, &configuration(json!({ "host_model": "luna" })), &[], GOOD);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.out.contains("no `version` under `headers`"), "{}", outcome.out);
    assert!(server.model_requests()[0].path.ends_with("client_version=999.0.0"));
}

#[test]
fn other_models_that_could_be_used_are_named_and_hidden_ones_apart() {
    let server = server();
    let outcome = check(&server, &configured("gone", "0.156.0"), &["--format", "json"], GOOD);
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    let report = &report["upstreams"][0];
    let names: Vec<_> =
        report["other_models"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, [&json!("luna"), &json!("terra")]);
    assert_eq!(report["hidden_models"], json!(["reserve"]));
    let outcome = check(&server, &configured("gone", "0.156.0"), &[], GOOD);
    assert_eq!(
        outcome.out,
        "codex: 0 of 1 host models usable (`version` 0.156.0; 5 listed)\n  \
         gone  -              not listed for this account: retired, or not in its plan\n  \
         others that take images: luna (needs 0.155.0), terra (needs 0.144.0)\n  \
         hidden, not for use: reserve\n"
    );
}

#[test]
fn the_request_is_as_the_filter_would_send_it() {
    let server = server();
    let outcome = check(&server, &configured("luna", "0.170.0"), &[], GOOD);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let requests = server.model_requests();
    // The response lists all: one request is enough.
    assert_eq!(requests.len(), 1, "{requests:?}");
    let request = &requests[0];
    let path = "/backend-api/codex/models?client_version=0.170.0";
    let line = [&request.method, &request.path, &request.version];
    assert_eq!(line, ["GET", path, "HTTP/1.1"]);
    for (name, value) in [
        ("authorization", "Bearer at-s3cret"),
        ("chatgpt-account-id", "acc-s3cret"),
        ("originator", "codex_cli_rs"),
        ("user-agent", "codex_cli_rs/x"),
        ("version", "0.170.0"),
        ("accept", "application/json"),
    ] {
        assert_eq!(request.header(name).as_deref(), Some(value), "{name}: {request:?}");
    }
}

#[test]
fn the_credential_of_envoy_comes_from_a_login_or_from_its_files() {
    let (server, folder) = (server(), Folder::new());
    let mut config = configured("luna", "0.170.0");
    config["upstreams"]["codex"]["credential"] = json!("envoy");
    let none = check(&server, &config, &[], &[]);
    assert!(none.code == Some(1) && none.out.contains("--auth-file or --sds-dir"), "{none:?}");
    assert_eq!(server.model_requests().len(), 0);

    let tokens = json!({ "access_token": "at-s3cret", "account_id": "acc-s3cret" });
    let auth = folder.file("auth.json", &json!({ "tokens": tokens }).to_string());
    for (name, value) in [("access-token", "at-s3cret"), ("account-id", "acc-s3cret")] {
        let text = format!(
            "resources:\n  - generic_secret:\n      secret: {{ inline_string: \"{value}\" }}\n"
        );
        folder.file(&format!("{name}.yaml"), &text);
    }
    let sds = folder.path(".").to_str().unwrap().to_owned();
    for arguments in [["--auth-file", &auth], ["--sds-dir", &sds]] {
        let outcome = check(&server, &config, &arguments, &[]);
        assert_eq!(outcome.code, Some(0), "{arguments:?} {outcome:?}");
    }
    let requests = server.model_requests();
    let account = |it: &Received| it.header("chatgpt-account-id");
    assert!(requests.iter().all(|it| account(it).as_deref() == Some("acc-s3cret")));
    let key = folder.file("auth.json", r#"{"OPENAI_API_KEY": "s3cret"}"#);
    let outcome = check(&server, &config, &["--auth-file", &key], &[]);
    assert!(outcome.code == Some(3) && outcome.err.contains("login of an API key"), "{outcome:?}");
}

#[test]
fn a_failed_request_is_reported_without_a_secret() {
    let server = server();
    let config = configured("luna", "0.170.0");
    let unset = check(&server, &config, &[], &[("T_TOKEN", "at-s3cret")]);
    assert!(unset.code == Some(1) && unset.out.contains("T_ACCOUNT is not set"), "{unset:?}");
    let wrong = check(&server, &config, &[], &[("T_TOKEN", "s3cret"), ("T_ACCOUNT", "s3cret")]);
    assert!(wrong.code == Some(1) && wrong.out.contains("credential"), "{wrong:?}");
    for (status, headers, code, words) in [
        (403, "content-type: text/html", 1, "Cloudflare"),
        (404, "", 1, "`path`"),
        (400, "", 1, "`version`"),
        (302, "location: http://127.0.0.1:9/s3cret", 1, "302"),
        (200, "", 1, "not a list of models"),
        (503, "", 4, "503"),
    ] {
        server.with(|state| state.refusals.push((status, headers, "s3cret")));
        let outcome = check(&server, &config, &[], GOOD);
        assert_eq!(outcome.code, Some(code), "{status}: {outcome:?}");
        assert!(outcome.out.contains(words), "{status}: {outcome:?}");
    }
}

#[test]
fn upstreams_other_than_codex_are_not_called() {
    let server = server();
    let mut config = configured("luna", "0.170.0");
    let key = json!({ "key_env": "T_KEY" });
    let upstreams = config["upstreams"].as_object_mut().unwrap();
    upstreams.insert(
        "azure".to_owned(),
        json!({ "api": "images", "authority": "a", "credential": key }),
    );
    upstreams.insert(
        "openai".to_owned(),
        json!({ "path": "/v1/responses", "authority": "b", "credential": key }),
    );
    config["models"] = json!([{ "match": "*", "upstream": "codex" }]);
    let outcome = check(&server, &config, &[], GOOD);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.out.contains("azure: not asked") && outcome.out.contains("openai: not asked"));
    let only = check(&server, &config, &["--upstream", "azure"], GOOD);
    assert!(only.code == Some(1) && only.err.contains("/codex/responses"), "{only:?}");
    assert!(check(&server, &config, &["--url", "http://images.example"], GOOD).code == Some(2));
}

#[test]
fn an_envoy_file_is_read_as_check_reads_it() {
    let server = server();
    let file = root().join("envoy/envoy.yaml");
    let environment = [
        ("CODEX_ACCESS_TOKEN", "at-s3cret"),
        ("CODEX_ACCOUNT_ID", "acc-s3cret"),
        ("OPENAI_API_KEY", "k"),
    ];
    let outcome = check_file(&server, file.to_str().unwrap(), &["--format", "json"], &environment);
    let report: Value =
        serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert!(report["upstreams"][0]["listed"].as_u64() > Some(0), "{report}");
    let folder = Folder::new();
    let text = fs::read_to_string(&file).unwrap().replace("{", "{{{");
    let outcome = check_file(&server, &folder.file("broken.yaml", &text), &[], &environment);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
}
