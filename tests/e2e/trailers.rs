//! Messages that end with trailers: then no part of the body is marked as the last one.

use serde_json::{Value, json};

use crate::harness::{Envoy, Generation, Request, Response, Setup, Step, Upstream};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

/// An Envoy that passes trailers on, in both directions; by default it drops those of HTTP/1.
fn envoy(upstream: &Upstream) -> Envoy {
    Setup::new(upstream.port())
        .request_trailers()
        .upstream_protocol("http_protocol_options: { enable_trailers: true }")
        .start()
}

/// The request in chunks and with trailers.
fn send(envoy: &Envoy, body: Vec<u8>) -> Response {
    let request = Request::generation(&json!({})).body(body);
    request.send_with_trailers(envoy, b"x-checksum: 1\r\nx-bytes: \xff\r\n")
}

#[test]
fn a_request_may_end_with_trailers() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = envoy(&upstream);
    assert_eq!(send(&envoy, body().to_string().into_bytes()).image(), generation.base64);
    assert_eq!(
        upstream.only().header("content-length"),
        Some(upstream.only().body.len().to_string())
    );
    send(&envoy, Vec::new()).assert_error(400, "invalid_json");
    send(&envoy, b"{".to_vec()).assert_error(400, "invalid_json");
}

#[test]
fn an_answer_may_end_with_trailers() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let end = Step::Bytes(b"0\r\nx-checksum: 1\r\nx-bytes: \xff\r\n\r\n".to_vec());
    let upstream = Upstream::scripts([
        vec![Step::StreamHead, Step::Chunk(generation.stream()), end.clone()],
        vec![Step::StreamHead, Step::Chunk(generation.opening()), end.clone()],
        vec![Step::StreamHead, end.clone()],
        vec![Step::Head(500, Vec::new()), end],
        Step::generate(&generation),
    ]);
    let envoy = envoy(&upstream);
    assert!(
        Request::generation(&body()).send(&envoy).image() == generation.base64,
        "the image differs"
    );
    for code in ["upstream_disconnected", "upstream_disconnected", "upstream_error"] {
        Request::generation(&body()).send(&envoy).assert_error(502, code);
    }
    assert!(
        Request::generation(&body()).send(&envoy).image() == generation.base64,
        "the image differs"
    );
}
