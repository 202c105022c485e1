//! The main job: a request goes in, images come out.

use std::process::Command;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use crate::harness::config::{ACCOUNT, CODEX_VERSION, HOST_MODEL, TOKEN};
use crate::harness::sse::Output;
use crate::harness::{
    Connection, Envoy, Gate, Generation, Key, Request, SECRET_PROMPT, Step, Upstream,
};

fn body() -> Value {
    json!({"prompt": SECRET_PROMPT, "model": "gpt-image-2", "size": "1024x1024"})
}

#[test]
fn an_image_comes_as_openai_sends_it() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let response = Request::generation(&body()).send(&envoy);
    assert_eq!(response.image(), generation.base64);
    let mut answer = response.json();
    answer["data"][0].as_object_mut().unwrap().remove("revised_prompt");
    let expected = json!({
        "created": 1_790_000_000,
        "background": "opaque",
        "data": [{"b64_json": generation.base64}],
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
        "usage": {
            "input_tokens": 20, "input_tokens_details": {"image_tokens": 0, "text_tokens": 20},
            "output_tokens": 196, "output_tokens_details": {"image_tokens": 196, "text_tokens": 0},
            "total_tokens": 216
        }
    });
    assert_eq!(answer, expected);
}

#[test]
fn the_upstream_is_asked_as_codex_asks_it() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let prompt = "„Zwölf“ \"herons\" \\ in\na row — 鷺 \u{1f426}";
    let body = json!({"prompt": prompt, "model": "gpt-image-2", "size": "1536x1024",
        "quality": "high",
        "background": "opaque", "output_format": "webp", "output_compression": 80,
        "moderation": "low"});
    Request::generation(&body).send(&envoy).images();

    let request = upstream.only();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/backend-api/codex/responses")
    );
    let header = |name: &str| request.header(name);
    assert_eq!(header("host").as_deref(), Some("chatgpt.com"));
    assert_eq!(header("authorization"), Some(format!("Bearer {TOKEN}")));
    assert_eq!(header("chatgpt-account-id").as_deref(), Some(ACCOUNT));
    assert_eq!(header("originator").as_deref(), Some("codex_cli_rs"));
    assert_eq!(header("version").as_deref(), Some(CODEX_VERSION));
    let agent = format!("codex_cli_rs/{CODEX_VERSION}");
    assert_eq!(header("user-agent"), Some(agent));
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    assert_eq!(header("accept").as_deref(), Some("text/event-stream"));
    assert_eq!(header("content-length"), Some(request.body.len().to_string()));
    assert_eq!(header("accept-encoding"), None);
    assert_eq!(header("x-imagegate-upstream"), None);

    let request = request.json();
    assert_eq!(request["model"], HOST_MODEL);
    assert_eq!((&request["stream"], &request["store"]), (&json!(true), &json!(false)));
    assert!(request["instructions"].as_str().is_some_and(|it| !it.is_empty()));
    assert_eq!(request["tool_choice"], json!({"type": "image_generation"}));
    let tool = request["tools"][0].as_object().unwrap();
    for (name, value) in [
        ("type", json!("image_generation")),
        ("model", json!("gpt-image-2")),
        ("size", json!("1536x1024")),
        ("quality", json!("high")),
        ("background", json!("opaque")),
        ("output_format", json!("webp")),
        ("output_compression", json!(80)),
        ("moderation", json!("low")),
    ] {
        assert_eq!(tool.get(name), Some(&value), "{name}");
    }
    assert!(!tool.contains_key("n"));
    assert_eq!(texts(&request["input"]), [prompt]);
}

/// Every `text` of an `input_text` part.
fn texts(input: &Value) -> Vec<String> {
    let parts =
        input.as_array().unwrap().iter().flat_map(|item| item["content"].as_array().unwrap());
    parts
        .filter(|part| part["type"] == "input_text")
        .map(|part| part["text"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_request_without_a_model_gets_the_default_one() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    Request::generation(&json!({"prompt": "a square"})).send(&envoy).images();
    assert_eq!(upstream.only().json()["tools"][0]["model"], "gpt-image-2");
}

#[test]
fn a_provider_prefix_is_dropped_if_the_configuration_says_so() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    Request::generation(&json!({"prompt": "a square", "model": "openai:gpt-image-1.5"}))
        .send(&envoy)
        .images();
    assert_eq!(upstream.only().json()["tools"][0]["model"], "gpt-image-1.5");
}

#[test]
fn a_url_is_the_image_itself() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let body = json!({"prompt": "a square", "response_format": "url"});
    let answer = Request::generation(&body).send(&envoy).json();
    assert_eq!(answer["data"][0]["url"], format!("data:image/png;base64,{}", generation.base64));
    assert_eq!(answer["data"][0].get("b64_json"), None);
}

#[test]
fn an_image_that_is_sent_twice_is_delivered_once() {
    let generation = Generation::small(1);
    let bytes =
        [generation.opening(), generation.image(), generation.completed(Output::Repeated)].concat();
    let upstream = Upstream::always(Step::stream(bytes));
    let envoy = Envoy::start(upstream.port());
    assert_eq!(Request::generation(&body()).send(&envoy).image(), generation.base64);
}

#[test]
fn the_size_of_the_pieces_makes_no_difference() {
    let generation = Generation::small(1);
    let pieces =
        |length| vec![Step::StreamHead, Step::Pieces(generation.stream(), length), Step::End];
    let upstream = Upstream::scripts([pieces(1), pieces(7), pieces(4096)]);
    let envoy = Envoy::start(upstream.port());
    for _ in 0..3 {
        assert_eq!(Request::generation(&body()).send(&envoy).image(), generation.base64);
    }
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let generations =
        [Generation::small(1), Generation::of_bytes(2_000_000, 2), Generation::small(3)];
    let upstream = Upstream::scripts(generations.iter().map(Step::generate));
    let envoy = Envoy::start(upstream.port());
    let mut connection = Connection::open(envoy.port());
    for generation in &generations {
        let response = Request::generation(&body()).send_on(&mut connection);
        assert_eq!(response.image(), generation.base64);
    }
}

#[test]
fn an_image_of_16_mb_comes_whole() {
    let generation = Generation::of_bytes(16_000_000, 1);
    let bytes =
        [generation.opening(), generation.image(), generation.completed(Output::Repeated)].concat();
    let upstream = Upstream::always(Step::stream(bytes));
    let envoy = Envoy::start(upstream.port());
    let images = Request::generation(&body()).send(&envoy).images();
    assert!(images == [generation.base64], "the image differs");
}

#[test]
fn a_request_of_20_mb_goes_whole() {
    let references: Vec<_> = [3, 4].map(|seed| Generation::of_bytes(7_500_000, seed).base64).into();
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let mut body = body();
    body["images"] = json!([format!("data:image/png;base64,{}", references[0]), references[1]]);
    Request::generation(&body).send(&envoy).images();
    let request = upstream.only().json();
    let content = request["input"][0]["content"].as_array().unwrap();
    let images: Vec<_> = content.iter().filter(|part| part["type"] == "input_image").collect();
    assert_eq!(images.len(), 2);
    for (image, reference) in images.iter().zip(&references) {
        let url = image["image_url"].as_str().unwrap();
        assert!(url == format!("data:image/png;base64,{reference}"), "a reference image differs");
    }
}

#[test]
fn twenty_four_requests_are_served_at_once() {
    let (generation, gate) = (Generation::of_bytes(1_500_000, 1), Gate::default());
    let script = vec![
        Step::StreamHead,
        Step::Chunk([generation.opening(), generation.image()].concat()),
        Step::Wait(gate.clone()),
        Step::Chunk(generation.completed(Output::Empty)),
        Step::End,
    ];
    let upstream = Upstream::always(script);
    let envoy = Arc::new(Envoy::start(upstream.port()));
    let clients: Vec<_> = (0..24)
        .map(|_| {
            let envoy = Arc::clone(&envoy);
            thread::spawn(move || Request::generation(&body()).send(&envoy))
        })
        .collect();
    // None of them is answered before all of them are under way.
    upstream.wait_for(24);
    gate.open();
    for client in clients {
        assert!(client.join().unwrap().image() == generation.base64, "an image differs");
    }
}

#[test]
fn an_http2_client_is_served() {
    let generation = Generation::of_bytes(5_000_000, 1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let output = Command::new("curl")
        .args([
            "-sS",
            "--http2-prior-knowledge",
            "-m",
            "60",
            "-w",
            "%{http_version} %{http_code}",
            "-o",
            "-",
        ])
        .args([
            "-H",
            "content-type: application/json",
            "-H",
            &format!("authorization: Bearer {}", Key::WEB),
        ])
        .args([
            "-d",
            &body().to_string(),
            &format!("http://127.0.0.1:{}/v1/images/generations", envoy.port()),
        ])
        .output()
        .expect("curl is installed; run: make setup");
    let output = String::from_utf8(output.stdout).unwrap();
    let answer =
        output.strip_suffix("2 200").unwrap_or_else(|| panic!("{}", &output[output.len() - 200..]));
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert!(answer["data"][0]["b64_json"] == generation.base64, "the image differs");
}
