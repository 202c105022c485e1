//! A provider's own stream, in a real Envoy.

use serde_json::{Value, json};

use crate::harness::config::config;
use crate::harness::{Envoy, Key, Request, Response, Setup, Sim, Step, Upstream};

fn before(port: u16) -> Envoy {
    let mut config = config();
    config["upstreams"]["codex"] = json!({
        "api": "images", "authority": "provider.test", "stream": "send",
        "credential": {"bearer_env": "CODEX_ACCESS_TOKEN"}, "timeout": "60s"
    });
    Setup::new(port).configure(&config).start()
}

fn body(prompt: &str) -> Value {
    json!({"prompt": prompt, "model": "gpt-image-2", "size": "1024x1024", "stream": true,
        "partial_images": 2})
}

/// The names and the data of the events.
fn events(response: &Response) -> Vec<(String, Value)> {
    let text = std::str::from_utf8(&response.body).unwrap();
    text.split_terminator("\n\n")
        .filter(|block| !block.starts_with(": "))
        .map(|block| {
            let (name, data) = block.split_once('\n').unwrap();
            let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            (name.strip_prefix("event: ").unwrap().to_owned(), data)
        })
        .collect()
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_providers_previews_and_image_arrive_as_our_events() {
    let provider = Sim::start();
    let envoy = before(provider.port());
    let response = Request::generation(&body("a lighthouse")).send(&envoy);
    let kind = response.header("content-type");
    assert_eq!(kind.as_deref(), Some("text/event-stream; charset=utf-8"));
    let generated = events(&response);
    let (preview, completed) = ("image_generation.partial_image", "image_generation.completed");
    assert_eq!(names(&generated), [preview, preview, completed]);
    let image = generated[2].1["b64_json"].as_str().unwrap().to_owned();
    assert!(
        generated.iter().all(|(_, it)| it["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo"))
    );
    assert!(generated[1].1["b64_json"] != generated[2].1["b64_json"]);
    assert!(generated[2].1["usage"]["output_tokens"].as_u64() > Some(0));
    let request = provider.received().pop().unwrap();
    assert_eq!(
        (&request["body"]["stream"], &request["body"]["partial_images"]),
        (&json!(true), &json!(2))
    );

    let mut edit = body("in blue");
    edit["images"] = json!([{"image_url": format!("data:image/png;base64,{image}")}]);
    let response =
        Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(&edit).send(&envoy);
    let (preview, completed) = ("image_edit.partial_image", "image_edit.completed");
    assert_eq!(names(&events(&response)), [preview, preview, completed]);
    let request = provider.received().pop().unwrap();
    assert_eq!(
        (&request["body"]["stream"], &request["body"]["partial_images"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(request["body"]["files"][0]["name"], "image");
}

#[test]
fn failures_in_a_providers_stream_are_reported() {
    let provider = Sim::start();
    let envoy = before(provider.port());
    let send =
        |fault: &str| Request::generation(&body(&format!("a fox [[sim:{fault}]]"))).send(&envoy);
    send("moderation").assert_error(400, "moderation_blocked");
    for (fault, code) in [
        ("nested_error", "upstream_error"),
        ("end_mid_image", "upstream_disconnected"),
        ("cut_before_completed", "upstream_disconnected"),
    ] {
        let received = events(&send(fault));
        assert_eq!(received.last().unwrap().0, "error", "{fault}");
        assert_eq!(received.last().unwrap().1["error"]["code"], code, "{fault}");
    }
    assert_eq!(events(&send("done_marker")).len(), 3);
}

#[test]
fn a_preview_and_an_image_of_24_mib_pass_and_a_document_gives_one_event() {
    let base64 = "A".repeat(24 << 20);
    let event = |name: &str| {
        format!("event: {name}\ndata: {{\"type\":\"{name}\",\"b64_json\":\"{base64}\"}}\n\n")
    };
    let stream = event("image_generation.partial_image") + &event("image_generation.completed");
    let header = |value: &str| vec![("content-type", value.to_owned())];
    let upstream =
        Upstream::always(vec![Step::Whole(200, header("text/event-stream"), stream.into_bytes())]);
    let envoy = before(upstream.port());
    let received = events(&Request::generation(&body("p")).send(&envoy));
    assert_eq!(names(&received), ["image_generation.partial_image", "image_generation.completed"]);
    assert!(received.iter().all(|(_, it)| it["b64_json"] == base64.as_str()));

    let document = json!({"created": 1_778_832_973, "data": [{"b64_json": "aGVsbG8="}]});
    let whole =
        Step::Whole(200, header("application/json"), serde_json::to_vec(&document).unwrap());
    let upstream = Upstream::always(vec![whole]);
    let received = events(&Request::generation(&body("p")).send(&before(upstream.port())));
    assert_eq!(names(&received), ["image_generation.completed"]);
    assert_eq!(received[0].1["b64_json"], "aGVsbG8=");
}
