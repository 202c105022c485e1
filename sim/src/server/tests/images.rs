//! The Images API over a socket.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::client::{End, Received, get, send, start};

const JSON: &str = "authorization: Bearer t\r\ncontent-type: application/json\r\n";
const GENERATIONS: &str = "/v1/images/generations";

async fn ask(address: SocketAddr, prompt: &str, more: Value) -> Received {
    let mut body =
        json!({"model": "gpt-image-2", "prompt": format!("[[sim:size=64x48]] {prompt}")});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    send(address, "POST", GENERATIONS, JSON, body.to_string()).await
}

async fn post(address: SocketAddr, prompt: &str) -> Received {
    ask(address, prompt, json!({})).await
}

async fn streamed(address: SocketAddr, prompt: &str) -> Received {
    ask(address, prompt, json!({"stream": true, "partial_images": 1})).await
}

fn promised(received: &Received) -> Option<usize> {
    let line = received.head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
    line.map(|len| len.parse().unwrap())
}

#[tokio::test]
async fn a_generation_is_answered_with_its_images() {
    let address = start(&[]).await;
    let received = ask(address, "fox", json!({"n": 2})).await;
    assert_eq!((received.status(), promised(&received)), (200, Some(received.body.len())));
    for name in
        ["openai-organization", "x-request-id: req_", "set-cookie", "x-ratelimit-limit-requests"]
    {
        assert!(received.head.contains(name), "{name}");
    }
    let places: Vec<_> =
        ["created", "background", "data", "output_format", "quality", "size", "usage"]
            .iter()
            .map(|name| received.text().find(&format!("\"{name}\":")).unwrap())
            .collect();
    assert!(places.is_sorted(), "{places:?}");
    let body = received.json();
    let (first, second) = (&body["data"][0], &body["data"][1]);
    assert_ne!(first["b64_json"], second["b64_json"]);
    assert_ne!(first["generation_id"], second["generation_id"]);
    let file = STANDARD.decode(second["b64_json"].as_str().unwrap()).unwrap();
    let image = image::load_from_memory(&file).unwrap();
    assert_eq!((image.width(), image.height()), (64, 48));
    let usage = &body["usage"];
    let sum = usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap();
    assert_eq!((&usage["total_tokens"], &body["quality"]), (&json!(sum), &json!("medium")));
    let stats = get(address, "/stats").await.json();
    assert_eq!((&stats["images_drawn"], &stats["finished_streams"]), (&json!(2), &json!(1)));
    assert_eq!(stats["last"]["body"]["n"], 2);
}

#[tokio::test]
async fn a_form_is_answered_and_shown() {
    let address = start(&[]).await;
    let generated = post(address, "fox").await.json();
    let png = STANDARD.decode(generated["data"][0]["b64_json"].as_str().unwrap()).unwrap();
    let mut body = b"--b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\na hat [[sim:size=64x48]]\r\n\
        --b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"
        .to_vec();
    body.extend_from_slice(&png);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let head = "authorization: Bearer t\r\ncontent-type: multipart/form-data; boundary=b\r\n";
    let received = send(address, "POST", "/images/edits", head, body).await;
    assert_eq!(received.status(), 200);
    assert_eq!(received.json()["usage"]["input_tokens_details"]["image_tokens"], 1105);
    let last = &get(address, "/stats").await.json()["last"];
    assert_eq!(last["body"]["files"][0]["len"], png.len());
    assert_eq!(last["body"]["prompt"], "a hat [[sim:size=64x48]]");
}

#[tokio::test]
async fn azure_takes_its_own_key_and_wants_a_version() {
    let address = start(&["--token", "right"]).await;
    let path = "/openai/deployments/gpt-image-1.5/images/generations";
    let body = r#"{"prompt":"fox [[sim:size=64x48]]"}"#;
    let key = "api-key: right\r\ncontent-type: application/json\r\n";
    let versioned = format!("{path}?api-version=2025-04-01-preview");
    for (path, headers, status) in [
        (versioned.as_str(), key, 200),
        (path, key, 404),
        (&versioned, "api-key: wrong\r\n", 401),
        (GENERATIONS, key, 401),
        (GENERATIONS, "", 401),
        (GENERATIONS, "authorization: Bearer wrong\r\n", 401),
    ] {
        let received = send(address, "POST", path, headers, body).await;
        assert_eq!(received.status(), status, "{path} {headers}");
        if status == 401 {
            assert_eq!(received.json()["error"]["code"], "invalid_api_key");
        }
    }
    let stats = get(address, "/stats").await;
    assert!(!stats.text().contains("right"), "no key is shown");
    assert_eq!(stats.json()["recent"][0]["path"], versioned);
}

#[tokio::test]
async fn a_stream_has_previews_and_one_last_event() {
    let address = start(&[]).await;
    let received = streamed(address, "fox").await;
    assert!(received.head.contains("content-type: text/event-stream") && received.whole);
    let names = ["image_generation.partial_image", "image_generation.completed"];
    assert_eq!(received.names(), names);
    let events = received.events();
    assert_eq!(
        (&events[0]["partial_image_index"], &events[1]["sequence_number"]),
        (&json!(0), &json!(1))
    );
    assert!(events[1]["usage"]["total_tokens"].is_u64() && events[0]["usage"].is_null());
    assert_ne!(events[0]["b64_json"], events[1]["b64_json"]);
    assert!(!received.text().contains("[DONE]"));
    let several = ask(address, "fox", json!({"stream": true, "n": 2})).await;
    assert_eq!(several.json()["error"]["param"], "n");
}

#[tokio::test]
async fn a_stream_can_fail() {
    let address = start(&[]).await;
    let error = streamed(address, "[[sim:nested_error]]").await;
    assert_eq!(error.events().last().unwrap()["error"]["code"], "image_generation_failed");
    let early = streamed(address, "[[sim:cut_before_completed]]").await;
    assert!(early.whole && early.names() == ["image_generation.partial_image"]);
    let cut = streamed(address, "[[sim:cut_mid_image]]").await;
    assert!(!cut.whole && cut.names() == ["image_generation.partial_image"]);
    let usage = streamed(address, "[[sim:no_usage]]").await;
    assert!(usage.events()[1]["usage"].is_null());
    let reset = streamed(address, "[[sim:reset]]").await;
    assert_eq!((reset.status(), reset.end), (200, End::Reset));
}

#[tokio::test]
async fn statuses_come_in_the_envelope_of_the_api() {
    let address = start(&[]).await;
    for (fault, status, code) in [
        ("rate_limit", 429, json!("rate_limit_exceeded")),
        ("insufficient_quota", 429, json!("insufficient_quota")),
        ("moderation", 400, json!("moderation_blocked")),
        ("unauthorized", 401, json!("invalid_api_key")),
        ("forbidden", 403, Value::Null),
        ("not_found", 404, Value::Null),
        ("invalid_size", 400, json!("invalid_value")),
        ("bad_image", 400, json!("invalid_image")),
        ("server_error", 500, Value::Null),
        ("huge_error", 400, Value::Null),
    ] {
        let received = post(address, &format!("[[sim:{fault}]]")).await;
        assert_eq!(received.status(), status, "{fault}");
        let error = &received.json()["error"];
        assert_eq!(error["code"], code, "{fault}");
        assert!(error["message"].is_string() && error["type"].is_string(), "{fault}");
    }
    for (fault, status) in [("502", 502), ("unavailable", 503), ("overloaded", 503), ("302", 302)] {
        assert_eq!(post(address, &format!("[[sim:{fault}]]")).await.status(), status);
    }
    let empty = post(address, "[[sim:empty_body]]").await;
    assert_eq!((empty.status(), empty.body.len()), (200, 0));
}

#[tokio::test]
async fn a_document_can_stop_in_its_last_image() {
    let address = start(&[]).await;
    let whole = post(address, "").await.body.len();
    let cut = post(address, "[[sim:cut_mid_image]]").await;
    assert!(promised(&cut) == Some(whole) && cut.body.len() < whole && cut.end == End::Closed);
    let ended = post(address, "[[sim:end_mid_image]]").await;
    assert!(promised(&ended) == Some(ended.body.len()) && ended.body.len() < whole);
    assert!(ended.text().contains("b64_json"));
    let stalled = post(address, "[[sim:stall_mid_image]]").await;
    assert!(stalled.end == End::Silent && stalled.body.len() == ended.body.len());
    let silent = post(address, "[[sim:stall]]").await;
    assert_eq!((silent.status(), silent.body.len(), silent.end), (200, 0, End::Silent));
    let reset = post(address, "[[sim:reset]]").await;
    assert_eq!((reset.status(), reset.end), (200, End::Reset));
    let closed = post(address, "[[sim:hang_up]]").await;
    assert_eq!((closed.head.as_str(), closed.end), ("", End::Closed));
}

#[tokio::test]
async fn a_document_can_have_another_form() {
    let address = start(&[]).await;
    let plain = post(address, "fox").await.json();
    for fault in ["data_last", "pretty", "chunked", "escaped_slashes", "slow_drip", "piece=100B"] {
        let received = post(address, &format!("fox [[sim:bytes=9kB]] [[sim:{fault}]]")).await;
        let body = received.json();
        let members = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(&body), members(&plain), "{fault}");
        assert!(STANDARD.decode(body["data"][0]["b64_json"].as_str().unwrap()).is_ok());
        assert_eq!(promised(&received).is_none(), fault == "chunked", "{fault}");
        match fault {
            "data_last" => assert!(received.text().ends_with("}]}")),
            "pretty" => assert!(received.text().contains("\r\n\t :")),
            "escaped_slashes" => assert!(received.text().contains("\\/")),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_document_can_say_something_else() {
    let address = start(&[]).await;
    assert_eq!(
        post(address, "[[sim:two_images]]").await.json()["data"].as_array().unwrap().len(),
        2
    );
    assert_eq!(post(address, "[[sim:empty]]").await.json()["data"], json!([]));
    assert_eq!(post(address, "[[sim:empty_result]]").await.json()["data"][0]["b64_json"], "");
    assert!(post(address, "[[sim:no_usage]]").await.json().get("usage").is_none());
    assert_eq!(post(address, "[[sim:zero_usage]]").await.json()["usage"]["total_tokens"], 0);
    assert!(post(address, "[[sim:wrong_type]]").await.head.contains("content-type: text/plain"));
    let long = post(address, "[[sim:bytes=300kB]]").await.json();
    assert!(long["data"][0]["b64_json"].as_str().unwrap().len().abs_diff(300_000) < 64);
}

#[tokio::test]
async fn a_directive_without_meaning_here_is_rejected() {
    let address = start(&[]).await;
    for fault in ["typo", "store", "refusal", "crlf", "cut_before_completed", "output=full"] {
        let received = post(address, &format!("[[sim:{fault}]]")).await;
        assert_eq!(
            (received.status(), &received.json()["error"]["param"]),
            (400, &json!("prompt")),
            "{fault}"
        );
    }
    assert_eq!(streamed(address, "[[sim:pretty]]").await.status(), 400);
    assert_eq!(super::post(address, "[[sim:pretty]]").await.status(), 400);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(post(address, "fox [[sim:500@2]]").await.status());
    }
    assert_eq!(statuses, [200, 500, 200]);
}

#[tokio::test]
async fn a_client_that_leaves_during_the_generation_is_counted() {
    let address = start(&[]).await;
    let none = post(address, "[[sim:delay=1h]]").await;
    assert_eq!((none.head.as_str(), none.end), ("", End::Silent));
    tokio::time::sleep(super::PATIENCE).await;
    let stats = get(address, "/stats").await.json();
    assert_eq!((&stats["aborted_streams"], &stats["open_streams"]), (&json!(1), &json!(0)));
}
