//! Upstreams that have said all they have to say, and do not end their answer as they should.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Envoy, Generation, Request, Response, Step, Upstream};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

/// The answer. The upstream's timeout is 60 s, and no case may wait for it.
#[track_caller]
fn send_promptly(envoy: &Envoy, case: &str) -> Response {
    let start = Instant::now();
    let response = Request::generation(&body()).send(envoy);
    assert!(start.elapsed() < Duration::from_secs(20), "{case}: {:?}", start.elapsed());
    response
}

/// An answer whose last event is whole and whose body is not.
fn complete_then(generation: &Generation, last: Step) -> Vec<Step> {
    vec![Step::StreamHead, Step::Chunk(generation.stream()), last]
}

#[test]
fn an_image_that_is_whole_is_delivered_however_its_connection_ends() {
    let upstream = Upstream::scripts([]);
    let envoy = Envoy::start(upstream.port());
    for generation in [Generation::small(1), Generation::of_bytes(2_000_000, 2)] {
        // A reset discards what the peer has not read yet, so a large answer is lost.
        let ends = [("closed", Step::Close), ("reset", Step::Reset), ("open", Step::KeepOpen)];
        let is_small = generation.base64.len() < 10_000;
        let ends = ends.into_iter().filter(|(case, _)| is_small || *case != "reset");
        for (case, end) in ends {
            for turn in 0..10 {
                upstream.push(complete_then(&generation, end.clone()));
                let response = send_promptly(&envoy, case);
                assert_eq!(response.status, 200, "{case}, turn {turn}: {}", response.json());
                assert!(response.image() == generation.base64, "{case}: the image differs");
            }
        }
    }
    assert_eq!(upstream.received().len(), 50);
}

#[test]
fn an_image_that_is_whole_is_delivered_though_the_declared_length_is_not_reached() {
    let generation = Generation::small(1);
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\n";
    let bytes = [head.as_bytes(), &generation.stream()].concat();
    let upstream = Upstream::scripts([]);
    let envoy = Envoy::start(upstream.port());
    for (case, end) in [("closed", Step::Close), ("reset", Step::Reset), ("open", Step::KeepOpen)] {
        upstream.push(vec![Step::Bytes(bytes.clone()), end]);
        let response = send_promptly(&envoy, case);
        assert_eq!(response.status, 200, "{case}: {}", response.json());
        assert_eq!(response.image(), generation.base64, "{case}");
    }
}

#[test]
fn an_error_whose_body_never_ends_is_reported_by_its_meaning() {
    let error = json!({"error": {"message": "Try again.", "type": "requests", "param": null,
        "code": "rate_limit_exceeded"}})
    .to_string();
    let headers =
        vec![("content-type", "application/json".to_owned()), ("retry-after", "7".to_owned())];
    let declared = format!(
        "HTTP/1.1 429 Too Many\r\ncontent-type: application/json\r\nretry-after: 7\r\n\
         content-length: 100000\r\n\r\n{error}"
    );
    let upstream = Upstream::scripts([]);
    let envoy = Envoy::start(upstream.port());
    let chunk = Step::Chunk(error.into_bytes());
    for (case, script) in [
        ("in chunks", vec![Step::Head(429, headers.clone()), chunk.clone(), Step::KeepOpen]),
        ("of a length", vec![Step::Bytes(declared.clone().into_bytes()), Step::KeepOpen]),
        ("closed", vec![Step::Head(429, headers), chunk, Step::Close]),
        ("closed early", vec![Step::Bytes(declared.into_bytes()), Step::Close]),
    ] {
        upstream.push(script);
        let response = send_promptly(&envoy, case);
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (429, "rate_limit_exceeded"),
            "{case}: {}",
            response.json()
        );
        assert_eq!(response.header("retry-after").as_deref(), Some("7"), "{case}");
    }
}

#[test]
fn an_error_in_place_of_events_is_reported_by_its_meaning() {
    let error = |code: &str| {
        json!({"error": {"message": "Try again.", "type": "requests",
        "param": null, "code": code}})
    };
    let upstream = Upstream::scripts([
        Step::json(200, &error("rate_limit_exceeded")),
        Step::json(200, &error("server_is_overloaded")),
        Step::json(200, &json!({"nothing": "of use"})),
    ]);
    let envoy = Envoy::start(upstream.port());
    send_promptly(&envoy, "limit").assert_error(429, "rate_limit_exceeded");
    send_promptly(&envoy, "overload").assert_error(503, "server_is_overloaded");
    assert_eq!(send_promptly(&envoy, "neither").status, 502);
}
