//! The list of models: whole exchanges, without Envoy.

use std::rc::Rc;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::money::get;
use crate::support::{KEY, NOW, digest, gate, head};
use imagegate::exchange::{End, Shared};
use serde_json::{Value, json};

/// A gate with literal and other entries, and keys that may ask for some of them.
fn listing() -> Rc<Shared> {
    let consumer = |name: &str, key: &str, models: &[&str]| {
        let mut consumer = json!({"name": name, "key_sha256": [digest(key)]});
        if !models.is_empty() {
            consumer["models"] = json!(models);
        }
        consumer
    };
    gate(&json!({
        "models": [
            {"match": "gpt-image-2", "upstream": "codex"},
            {"match": "openai/gpt-image-1.5", "upstream": "codex", "rename": "gpt-image-1.5"},
            {"match": "gpt-image-2.5-*", "upstream": "codex"},
        ],
        "models_endpoint": {"names": ["gpt-image-2.5-flare", "gpt-image-2"]},
        "consumers": [
            consumer("acme-web", KEY, &[]),
            consumer("few", "sk-few", &["gpt-image-2.5-*", "gpt-image-2.5-sunburst", "dall-e-3"]),
            {"name": "off", "key_sha256": [digest("sk-off")], "disabled": true},
            {"name": "all", "key_sha256": [digest("sk-all")], "role": "master"},
        ],
    }))
    .0
}

fn ask(gate: &Rc<Shared>, path: &str, key: &str) -> Client {
    get(gate, &[(":path", path), ("authorization", &format!("Bearer {key}"))], NOW)
}

fn ids(reply: &Client) -> Vec<String> {
    assert_eq!(reply.status, 200);
    let list = reply.json();
    assert_eq!(list["object"], "list");
    let data = list["data"].as_array().unwrap();
    data.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_key_is_shown_the_models_that_it_may_ask_for() {
    let gate = listing();
    let all = ["gpt-image-2", "openai/gpt-image-1.5", "gpt-image-2.5-flare"];
    let reply = ask(&gate, "/v1/models", KEY);
    assert_eq!(ids(&reply), all);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-request-id"), Some("request-1"));
    let model = &reply.json()["data"][0];
    assert_eq!(
        *model,
        json!({"id": "gpt-image-2", "object": "model", "created": 0, "owned_by": "imagegate"})
    );
    // A key for others has no user to name.
    assert_eq!(ids(&ask(&gate, "/v1/models", "sk-all")), all);
    // Its own names are shown if they are served.
    let few = ids(&ask(&gate, "/v1/models?limit=2", "sk-few"));
    assert_eq!(few, ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst"]);
    // All that is listed is served.
    for id in all {
        let request = json!({"prompt": "p", "model": id});
        assert!(Driver::ask(&gate, &request).forwarded, "{id}");
    }
}

#[test]
fn without_entries_the_default_model_is_listed() {
    let gate = gate(&json!({"models_endpoint": {}})).0;
    assert_eq!(ids(&ask(&gate, "/v1/models", KEY)), ["gpt-image-2"]);
}

#[test]
fn a_model_is_retrieved_if_the_key_may_ask_for_it() {
    let gate = listing();
    for (path, id) in [
        ("/v1/models/gpt-image-2", "gpt-image-2"),
        ("/v1/models/gpt-image-2?x=y", "gpt-image-2"),
        ("/v1/models/openai%2Fgpt-image-1.5", "openai/gpt-image-1.5"),
        ("/v1/models/openai/gpt-image-1.5", "openai/gpt-image-1.5"),
        // What a pattern matches need not be listed.
        ("/v1/models/gpt-image-2.5-new", "gpt-image-2.5-new"),
    ] {
        let reply = ask(&gate, path, KEY);
        assert_eq!((reply.status, &reply.json()["id"]), (200, &json!(id)), "{path}");
    }
    for (path, key) in [
        ("/v1/models/gpt-image-3", KEY),
        ("/v1/models/gpt-image-2%20", KEY),
        ("/v1/models/%ff", KEY),
        ("/v1/models/GPT-IMAGE-2", KEY),
        ("/V1/models/gpt-image-2", KEY),
        ("/v1/models/gpt-image-2/x", KEY),
        // Others may ask for it.
        ("/v1/models/gpt-image-2", "sk-few"),
    ] {
        let reply = ask(&gate, path, key);
        let error = &reply.json()["error"];
        assert_eq!((reply.status, &error["code"]), (404, &json!("model_not_found")), "{path}");
        assert_eq!(error["param"], "model");
        assert_eq!(error["type"], "invalid_request_error");
    }
    let long = format!("/v1/models/{}", "x".repeat(5_000));
    assert!(ask(&gate, &long, KEY).json()["error"]["message"].to_string().len() < 200);
}

#[test]
fn the_list_needs_a_key_and_a_get() {
    let gate = listing();
    for path in
        ["/v1/models", "/v1/models/", "/v1/models/gpt-image-2", "/v1/./models", "/v1/%6dodels/x"]
    {
        let reply = get(&gate, &[(":path", path), ("authorization", "Bearer sk-no")], NOW);
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (401, &json!("invalid_api_key"))
        );
        assert_eq!(ask(&gate, path, "sk-off").status, 401, "{path}");
        for method in ["POST", "DELETE", "HEAD", "OPTIONS"] {
            let reply = get(&gate, &[(":path", path), (":method", method)], NOW);
            assert_eq!(
                (reply.status, reply.header("allow")),
                (405, Some("GET")),
                "{method} {path}"
            );
        }
    }
    let reply = get(&gate, &[(":path", "/v1/models"), ("content-type", "application/grpc")], NOW);
    assert_eq!(reply.status, 415);
}

#[test]
fn the_record_names_the_endpoint_and_who_asked() {
    let gate = listing();
    for (path, endpoint, status, model) in [
        ("/v1/models", "models", 200, Value::Null),
        ("/v1/models/gpt-image-2", "model", 200, json!("gpt-image-2")),
        ("/v1/models/none", "model", 404, Value::Null),
    ] {
        let mut driver = Driver::new(&gate);
        driver.request_head(&head(&[(":path", path), (":method", "GET")]), End::Stream);
        let record = driver.close(Some(status));
        assert_eq!(
            (&record["endpoint"], &record["consumer"]),
            (&json!(endpoint), &json!("acme-web"))
        );
        assert_eq!((&record["status"], &record["model"]), (&json!(status), &model), "{path}");
    }
}

#[test]
fn other_services_keep_the_path_if_the_list_is_not_served() {
    let gate = gate(&json!({})).0;
    for path in ["/v1/models", "/v1/models/gpt-image-2", "/v1//models"] {
        let mut driver = Driver::new(&gate);
        driver.request_head(&head(&[(":path", path), (":method", "GET")]), End::Stream);
        assert_eq!(driver.stripped, Some(Vec::new()), "{path}");
        assert!(driver.client.waits());
    }
}
