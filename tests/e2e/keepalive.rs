//! Answers that are kept open by white space.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::sse::{Output, event};
use crate::harness::{Connection, Drawing, Envoy, Request, Step, Upstream, config};

fn kept() -> Value {
    let mut config = config();
    config["keepalive"] = json!("1s");
    config
}

/// An upstream that is silent until a space is due, speaks, and then ends like this.
fn late(drawing: &Drawing, end: Vec<u8>) -> Vec<Step> {
    vec![
        Step::StreamHead,
        Step::Chunk(drawing.opening()),
        Step::Pause(Duration::from_millis(1_500)),
        Step::Chunk(b": ping\n\n".to_vec()),
        Step::Pause(Duration::from_millis(300)),
        Step::Chunk(end),
        Step::End,
    ]
}

/// The status and the whole body of an answer.
fn ask(envoy: &Envoy) -> (u16, Option<String>, Vec<u8>) {
    let body = json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"});
    let request = Request::generation(&body);
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
fn white_space_goes_before_a_picture_of_any_size_and_before_a_late_failure() {
    let upstream = Upstream::scripts([]);
    let envoy = Envoy::with(upstream.port(), &kept());
    for bytes in [3_000, 24_000_000] {
        let drawing = Drawing { previews: 0, ..Drawing::of_bytes(bytes, 1) };
        let end = [drawing.picture(), drawing.completed(Output::Empty)].concat();
        upstream.push(late(&drawing, end));
        let (status, kind, body) = ask(&envoy);
        assert_eq!((status, kind.as_deref()), (200, Some("application/json")));
        assert_eq!(body.first(), Some(&b' '));
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(answer["data"][0]["b64_json"] == drawing.base64.as_str(), "the picture differs");
    }
    let failed = json!({"type": "response.failed", "response": {"error":
        {"code": "server_is_overloaded", "message": "m"}}});
    upstream.push(late(&Drawing { previews: 0, ..Drawing::small(1) }, event(&failed)));
    let (status, _, body) = ask(&envoy);
    assert_eq!((status, body.first()), (200, Some(&b' ')));
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["error"]["code"], "server_is_overloaded");
}
