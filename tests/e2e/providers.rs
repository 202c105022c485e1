//! An upstream that speaks the Images API itself.

use serde_json::{Value, json};

use crate::harness::config::{self, Key, TOKEN};
use crate::harness::{Generation, Request, SECRET_PROMPT, Setup, Sim, Step, Upstream};

/// The configuration of most cases, with its upstream a provider of the Images API.
fn config() -> Value {
    let mut config = config::config();
    config["upstreams"]["codex"] = json!({
        "api": "images", "authority": "provider.test",
        "credential": {"key_env": "CODEX_ACCESS_TOKEN"}, "timeout": "60s"
    });
    config["models"] = json!([
        {"match": "openai:*", "upstream": "codex", "rename": "*"},
        {"match": "openai/*", "upstream": "codex", "rename": "*"},
        {"match": "gpt-image-*", "upstream": "codex"}
    ]);
    config
}

fn answer(base64: &str) -> Value {
    json!({"created": 1_778_832_973, "background": "opaque",
        "data": [{"b64_json": base64, "generation_id": "g"}], "output_format": "png",
        "quality": "low", "size": "1024x1024", "usage": {"input_tokens": 10,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 10}, "output_tokens": 196,
        "total_tokens": 206}})
}

/// An answer as providers send it, with headers that must not pass.
fn as_sent(status: u16, body: &Value) -> Vec<Step> {
    let header = |name, value: &str| (name, value.to_owned());
    let headers = vec![
        header("content-type", "application/json"),
        header("set-cookie", "__cf_bm=secret"),
        header("openai-organization", "org-secret"),
        header("x-ratelimit-remaining-requests", "4999"),
    ];
    vec![Step::Whole(status, headers, serde_json::to_vec(body).unwrap())]
}

fn body() -> Value {
    json!({"prompt": SECRET_PROMPT, "model": "openai/gpt-image-2", "size": "1024x1024"})
}

#[test]
fn a_request_reaches_the_provider_as_its_own_and_the_answer_comes_back_filtered() {
    let upstream = Upstream::always(as_sent(200, &answer("aGVsbG8=")));
    let envoy = Setup::new(upstream.port()).configure(&config()).start();
    let response = Request::generation(&body()).send(&envoy);
    assert_eq!(response.image(), "aGVsbG8=");
    assert_eq!(response.json()["usage"]["output_tokens"], 196);
    for name in ["set-cookie", "openai-organization", "x-ratelimit-remaining-requests"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    let received = upstream.only();
    assert_eq!(received.path, "/v1/images/generations");
    assert_eq!(received.header("api-key").as_deref(), Some(TOKEN));
    assert_eq!(received.header("authorization"), None);
    // That of the route.
    assert_eq!(received.header("host").as_deref(), Some("chatgpt.com"));
    let expected = json!({"model": "gpt-image-2", "prompt": SECRET_PROMPT, "size": "1024x1024"});
    assert_eq!(received.json(), expected);
}

#[test]
fn three_images_are_one_call_or_three_and_an_edit_goes_to_the_edits() {
    let upstream = Upstream::always(as_sent(200, &answer("aGVsbG8=")));
    let mut config = config();
    config["upstreams"]["codex"]["edits"] = json!("json");
    let envoy = Setup::new(upstream.port()).configure(&config).start();
    let mut request = body();
    request["n"] = json!(3);
    // As the client wants them, they are the provider's to count; as URLs, they are collected.
    Request::generation(&request).send(&envoy).image();
    assert_eq!(upstream.only().json()["n"], 3);
    request["response_format"] = json!("url");
    let urls = Request::generation(&request).send(&envoy).json();
    assert_eq!(urls["data"].as_array().unwrap().len(), 3, "{urls}");
    assert_eq!(upstream.received().len(), 4);
    assert!(upstream.received().iter().skip(1).all(|it| it.json().get("n").is_none()));
    let edit = json!({"prompt": "p", "model": "openai:gpt-image-2",
        "images": [{"image_url": "data:image/png;base64,iVBORw0KGgo="}]});
    let response =
        Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(&edit).send(&envoy);
    assert_eq!(response.image(), "aGVsbG8=");
    let last = upstream.received().pop().unwrap();
    assert_eq!(last.path, "/v1/images/edits");
    assert_eq!(last.json()["images"], edit["images"]);
}

#[test]
fn an_image_of_24_mib_comes_through_the_default_buffer() {
    let base64 = "A".repeat(24 << 20);
    let upstream = Upstream::always(as_sent(200, &answer(&base64)));
    let envoy = Setup::new(upstream.port()).configure(&config()).start();
    assert!(Request::generation(&body()).send(&envoy).image() == base64);
    let mut streamed = body();
    streamed["stream"] = json!(true);
    let response = Request::generation(&streamed).send(&envoy);
    assert_eq!(
        response.header("content-type").as_deref(),
        Some("text/event-stream; charset=utf-8")
    );
    let events = String::from_utf8(response.body).unwrap();
    assert_eq!(events.matches("event: image_generation.completed\n").count(), 1);
    assert!(events.contains(&base64));
}

#[test]
fn a_providers_failures_are_reported_by_our_table() {
    let error = |code: &str| {
        json!({"error": {"code": code, "message": "org-secret", "type": "t",
        "param": null}})
    };
    for (status, code, told_status, told_code) in [
        (401, "invalid_api_key", 502, "upstream_authentication_failed"),
        (429, "rate_limit_exceeded", 429, "rate_limit_exceeded"),
        (500, "server_error", 502, "upstream_error"),
    ] {
        let upstream = Upstream::always(as_sent(status, &error(code)));
        let envoy = Setup::new(upstream.port()).configure(&config()).start();
        let response = Request::generation(&body()).send(&envoy);
        response.assert_error(told_status, told_code);
        assert!(!String::from_utf8_lossy(&response.body).contains("org-secret"));
    }
}

#[test]
fn an_answer_that_is_cut_is_no_image() {
    let whole = serde_json::to_vec(&answer(&"A".repeat(100_000))).unwrap();
    let head = || Step::Head(200, vec![("content-type", "application/json".to_owned())]);
    let half = whole[..50_000].to_vec();
    let upstream = Upstream::always(vec![head(), Step::Chunk(half), Step::End]);
    let envoy = Setup::new(upstream.port()).configure(&config()).start();
    let mut collected = body();
    collected["response_format"] = json!("url");
    Request::generation(&collected).send(&envoy).assert_error(502, "upstream_disconnected");
}

#[test]
fn the_example_asks_each_upstream_for_its_own_models() {
    let (codex, provider) = (Upstream::generating(&Generation::small(1)), Sim::start());
    let envoy = Setup::of("envoy/providers.yaml", codex.port())
        .replace("port_value: 10002 ", &format!("port_value: {} ", provider.port()))
        .variable("OPENAI_API_KEY", Some("provider-key"))
        .start();
    let send = |model: &str| {
        let body = json!({"prompt": "a lighthouse", "model": model, "n": 2});
        Request::generation(&body).bearer("sk-imagegate-demo").send(&envoy)
    };
    assert_eq!(send("gpt-image-2").images().len(), 2);
    assert_eq!(codex.received().len(), 2);
    let generated = send("openai/gpt-image-2");
    // PNGs, generated by another program than the one that acts as Codex here.
    assert!(generated.images().iter().all(|it| it.starts_with("iVBORw0KGgo")));
    assert_eq!(codex.received().len(), 2);
    let request = provider.received();
    assert_eq!(request.len(), 1);
    for request in request {
        assert_eq!(request["body"]["n"], 2, "{request}");
        assert_eq!(request["path"], "/v1/images/generations", "{request}");
        assert_eq!(request["body"]["model"], "gpt-image-2", "{request}");
    }
}

/// The gateway's own endpoints, a deployment with a query and a key in a header of its own, and the
/// Codex backend's own endpoints, before a program that knows all three.
#[test]
fn each_kind_of_provider_generates_and_edits() {
    let provider = Sim::start();
    let key = json!({"key_env": "CODEX_ACCESS_TOKEN"});
    let bearer = json!({"bearer_env": "CODEX_ACCESS_TOKEN", "account_id_env": "CODEX_ACCOUNT_ID"});
    for (path, credential, taken, generations, edits) in [
        ("/v1/images", &bearer, "form", "/v1/images/generations", "/v1/images/edits"),
        (
            "/openai/deployments/pictures/images?api-version=1",
            &key,
            "form",
            "/openai/deployments/pictures/images/generations?api-version=1",
            "/openai/deployments/pictures/images/edits?api-version=1",
        ),
        (
            "/backend-api/codex/images",
            &bearer,
            "json",
            "/backend-api/codex/images/generations",
            "/backend-api/codex/images/edits",
        ),
    ] {
        let mut config = config();
        config["upstreams"]["codex"]["path"] = json!(path);
        config["upstreams"]["codex"]["credential"] = credential.clone();
        config["upstreams"]["codex"]["edits"] = json!(taken);
        let envoy = Setup::new(provider.port()).configure(&config).start();
        let generated = Request::generation(&body()).send(&envoy).image();
        let edit = json!({"prompt": "in blue", "model": "openai/gpt-image-2",
            "images": [{"image_url": format!("data:image/png;base64,{generated}")}]});
        let edited =
            Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(&edit).send(&envoy);
        assert!(edited.image() != generated, "the edit shows nothing of itself");
        let request = provider.received();
        let paths: Vec<_> = request.iter().rev().take(2).map(|it| it["path"].clone()).collect();
        assert_eq!(paths, [edits, generations]);
    }
}
