//! Messages that end with trailers: then no part of the body is marked as the last one.

use serde_json::{Value, json};

use crate::harness::{Connection, Drawing, Envoy, Request, Setup, Step, Upstream};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

/// An Envoy that passes trailers on, in both directions; by default it drops those of HTTP/1.
fn envoy(upstream: &Upstream) -> Envoy {
    let protocol = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let of_cluster = format!(
        "connect_timeout: 5s\n      typed_extension_protocol_options: {{ {protocol}: {{ \"@type\": \
         type.googleapis.com/{protocol}, explicit_http_config: {{ http_protocol_options: {{ enable_trailers: true }} }} }} }}\n"
    );
    Setup::new(upstream.port())
        .replace("stat_prefix: images\n", "stat_prefix: images\n                http_protocol_options: { enable_trailers: true }\n")
        .replace("connect_timeout: 5s\n", &of_cluster)
        .start()
}

/// The request in chunks and with a trailer.
fn send(envoy: &Envoy, body: Vec<u8>) -> crate::harness::Response {
    let request = Request::generation(&json!({})).body(body).chunked();
    let mut framed = request.framed_body();
    framed.truncate(framed.len() - b"\r\n".len());
    framed.extend(b"x-checksum: 1\r\nx-bytes: \xff\r\n\r\n");
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), framed].concat()).unwrap();
    connection.read()
}

#[test]
fn a_request_may_end_with_trailers() {
    let drawing = Drawing::small(1);
    let upstream = Upstream::drawing(&drawing);
    let envoy = envoy(&upstream);
    assert_eq!(send(&envoy, body().to_string().into_bytes()).picture(), drawing.base64);
    assert_eq!(
        upstream.only().header("content-length"),
        Some(upstream.only().body.len().to_string())
    );
    send(&envoy, Vec::new()).assert_error(400, "invalid_json");
    send(&envoy, b"{".to_vec()).assert_error(400, "invalid_json");
}

#[test]
fn an_answer_may_end_with_trailers() {
    let drawing = Drawing::of_bytes(2_000_000, 1);
    let end = Step::Bytes(b"0\r\nx-checksum: 1\r\nx-bytes: \xff\r\n\r\n".to_vec());
    let upstream = Upstream::scripts([
        vec![Step::StreamHead, Step::Chunk(drawing.stream()), end.clone()],
        vec![Step::StreamHead, Step::Chunk(drawing.opening()), end.clone()],
        vec![Step::StreamHead, end.clone()],
        vec![Step::Head(500, Vec::new()), end],
        Step::draw(&drawing),
    ]);
    let envoy = envoy(&upstream);
    assert!(
        Request::generation(&body()).send(&envoy).picture() == drawing.base64,
        "the picture differs"
    );
    for code in ["upstream_disconnected", "upstream_disconnected", "upstream_error"] {
        Request::generation(&body()).send(&envoy).assert_error(502, code);
    }
    assert!(
        Request::generation(&body()).send(&envoy).picture() == drawing.base64,
        "the picture differs"
    );
}
