//! Answers that are kept open by white space.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::sse::{Output, event};
use crate::harness::{Connection, Envoy, Generation, Key, Request, Setup, Step, Upstream, config};

fn kept() -> Value {
    let mut config = config();
    config["keepalive"] = json!("1s");
    config
}

/// An upstream that is silent until a space is due, speaks, and then ends like this.
fn late(generation: &Generation, end: Vec<u8>) -> Vec<Step> {
    vec![
        Step::StreamHead,
        Step::Chunk(generation.opening()),
        Step::Pause(Duration::from_millis(1_500)),
        Step::Chunk(b": ping\n\n".to_vec()),
        Step::Pause(Duration::from_millis(300)),
        Step::Chunk(end),
        Step::End,
    ]
}

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

/// The status and the whole body of an answer.
fn send_request(envoy: &Envoy) -> (u16, Option<String>, Vec<u8>) {
    let request = Request::generation(&body());
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    let head = connection.read_head();
    let mut body = Vec::new();
    while let Some(chunk) = connection.read_chunk().unwrap() {
        body.extend(chunk);
    }
    (head.status, head.header("content-type"), body)
}

#[test]
fn white_space_goes_before_an_image_of_any_size_and_before_a_late_failure() {
    let upstream = Upstream::scripts([]);
    let envoy = Envoy::with(upstream.port(), &kept());
    for bytes in [3_000, 24_000_000] {
        let generation = Generation { previews: 0, ..Generation::of_bytes(bytes, 1) };
        let end = [generation.image(), generation.completed(Output::Empty)].concat();
        upstream.push(late(&generation, end));
        let (status, kind, body) = send_request(&envoy);
        assert_eq!((status, kind.as_deref()), (200, Some("application/json")));
        assert_eq!(body.first(), Some(&b' '));
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(answer["data"][0]["b64_json"] == generation.base64.as_str(), "the image differs");
    }
    let failed = json!({"type": "response.failed", "response": {"error":
        {"code": "server_is_overloaded", "message": "m"}}});
    upstream.push(late(&Generation { previews: 0, ..Generation::small(1) }, event(&failed)));
    let (status, _, body) = send_request(&envoy);
    assert_eq!((status, body.first()), (200, Some(&b' ')));
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["error"]["code"], "server_is_overloaded");
}

/// The body of an answer with the status 200, over HTTP/2.
fn ask_http2(envoy: &Envoy) -> Vec<u8> {
    let output = Command::new("curl")
        .args(["--http2-prior-knowledge", "--silent", "--show-error", "--max-time", "100"])
        .args(["--header", &format!("authorization: Bearer {}", Key::WEB)])
        .args(["--header", "content-type: application/json", "--data", &body().to_string()])
        .args(["--write-out", "%{stderr}%{http_version} %{http_code}"])
        .arg(format!("http://127.0.0.1:{}/v1/images/generations", envoy.port()))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "2 200");
    output.stdout
}

/// The answer leaves in one piece, many times larger than Envoy's buffer for a connection: by
/// default, and in the file for production by its own words, 1 MiB.
#[test]
fn a_response_of_many_megabytes_after_white_space_passes_a_buffer_of_one() {
    const LIMIT: &str = "per_connection_buffer_limit_bytes: 1048576";
    let upstream = Upstream::scripts([]);
    let default = Setup::new(upstream.port()).configure(&kept());
    let production = Setup::production(upstream.port()).configure_struct(&kept());
    // It occurs exactly once, or this fails.
    let production = production.replace(LIMIT, LIMIT);
    for (case, setup) in [("by default", default), ("in production", production)] {
        let envoy = setup.start();
        let generation = Generation { previews: 0, ..Generation::of_bytes(18_000_000, 2) };
        let end = [generation.image(), generation.completed(Output::Empty)].concat();
        for http2 in [false, true] {
            upstream.push(late(&generation, end.clone()));
            let body = if http2 { ask_http2(&envoy) } else { send_request(&envoy).2 };
            let case = format!("{case}, HTTP/2: {http2}");
            assert_eq!(body.first(), Some(&b' '), "{case}");
            let answer: Value = serde_json::from_slice(&body).unwrap();
            assert!(answer["data"][0]["b64_json"] == generation.base64.as_str(), "{case}");
        }
    }
}
