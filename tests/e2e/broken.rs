//! Upstreams that cut, stall, or send invalid responses.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::faults::assert_reported;
use crate::harness::sse::event;
use crate::harness::{Envoy, Generation, HUNG, Request, Response, Setup, Step, Upstream, config};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

/// The configuration with an upstream whose answers are held: `pass_image` has the others.
fn held() -> Value {
    let mut config = config();
    config["upstreams"]["codex"]["delivery"] = json!("hold");
    config
}

fn send_request(envoy: &Envoy) -> Response {
    Request::generation(&body()).send(envoy)
}

#[test]
fn a_broken_answer_is_a_bad_gateway() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let half = [generation.opening(), generation.image()[..1_300_000].to_vec()].concat();
    let broken = |steps: &[Step]| [&[Step::StreamHead, Step::Chunk(half.clone())], steps].concat();
    assert_reported(
        &held(),
        vec![
            ("closed at once", vec![Step::Close], 502, "upstream_disconnected"),
            ("reset at once", vec![Step::Reset], 502, "upstream_disconnected"),
            (
                "closed after the head",
                vec![Step::StreamHead, Step::Close],
                502,
                "upstream_disconnected",
            ),
            ("closed within the image", broken(&[Step::Close]), 502, "upstream_disconnected"),
            ("reset within the image", broken(&[Step::Reset]), 502, "upstream_disconnected"),
            ("ended within the image", broken(&[Step::End]), 502, "upstream_disconnected"),
            ("nothing at all", Step::stream(Vec::new()), 502, "upstream_disconnected"),
            (
                "no head",
                vec![Step::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), Step::Close],
                502,
                "upstream_invalid_response",
            ),
            ("not events", Step::stream(vec![b'x'; 100_000]), 502, "upstream_disconnected"),
        ],
    );
}

#[test]
fn an_image_that_has_come_whole_is_delivered_however_its_answer_ends() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let whole = [generation.opening(), generation.image()].concat();
    let incomplete = event(&json!({"type": "response.incomplete", "response": {"id": "r",
        "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}}));
    let failed = event(&json!({"type": "response.failed", "response": {"id": "r",
        "status": "failed", "error": {"code": "server_error", "message": "m"}}}));
    let upstream = Upstream::scripts([]);
    let mut held = held();
    held["upstreams"]["codex"]["timeout"] = json!("2s");
    let [passing, held] = [config(), held].map(|config| Envoy::with(upstream.port(), &config));
    for end in [&incomplete[..], &failed, b"data: [DONE]\n\n", b""] {
        for envoy in [&passing, &held] {
            let rest = [Step::Chunk(end.to_vec()), Step::End];
            upstream.push([&[Step::StreamHead, Step::Chunk(whole.clone())], &rest[..]].concat());
            assert_eq!(send_request(envoy).image(), generation.base64);
        }
    }
    // A held answer does not depend on its upstream's end.
    for last in [Step::Close, Step::KeepOpen] {
        let end = if matches!(last, Step::Close) { failed.clone() } else { Vec::new() };
        upstream.push(vec![Step::StreamHead, Step::Chunk([whole.clone(), end].concat()), last]);
        assert_eq!(send_request(&held).image(), generation.base64);
    }
}

#[test]
fn no_upstream_is_a_bad_gateway() {
    let envoy = Envoy::start(Upstream::closed_port());
    send_request(&envoy).assert_error(502, "upstream_unreachable");
    let envoy = Setup::new(Upstream::closed_port()).without_hosts().start();
    send_request(&envoy).assert_error(502, "upstream_unreachable");
}

#[test]
fn a_stalled_upstream_is_a_timeout() {
    let mut config = held();
    config["upstreams"]["codex"]["timeout"] = json!("1s");
    let generation = Generation::of_bytes(2_000_000, 1);
    let half = [generation.opening(), generation.image()[..1_300_000].to_vec()].concat();
    let start = Instant::now();
    assert_reported(
        &config,
        vec![
            ("before the head", vec![Step::KeepOpen], 504, "upstream_timeout"),
            ("after the head", vec![Step::StreamHead, Step::KeepOpen], 504, "upstream_timeout"),
            (
                "within the image",
                vec![Step::StreamHead, Step::Chunk(half), Step::KeepOpen],
                504,
                "upstream_timeout",
            ),
            (
                "within an error",
                vec![Step::Head(500, Vec::new()), Step::Chunk(b"{".to_vec()), Step::KeepOpen],
                504,
                "upstream_timeout",
            ),
        ],
    );
    assert!(start.elapsed() > Duration::from_secs(4), "it did not wait");
}

#[test]
fn a_stalled_side_call_costs_its_image_alone() {
    let mut config = config();
    config["upstreams"]["codex"]["timeout"] = json!("1s");
    let generation = Generation::small(1);
    let upstream = Upstream::choosing({
        let generation = generation.clone();
        move |request| {
            if request.is_side_call() {
                vec![Step::StreamHead, Step::KeepOpen]
            } else {
                Step::generate(&generation)
            }
        }
    });
    let envoy = Envoy::with(upstream.port(), &config);
    let mut body = body();
    body["n"] = json!(2);
    let response = Request::generation(&body).send(&envoy);
    assert_eq!(response.image(), generation.base64);
    assert_eq!(response.header("x-imagegate-images-failed").as_deref(), Some("1"));
}

#[test]
fn an_answer_does_not_wait_for_the_socket_to_close() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let upstream =
        Upstream::always(vec![Step::StreamHead, Step::Chunk(generation.stream()), Step::KeepOpen]);
    let envoy = Envoy::with(upstream.port(), &held());
    let start = Instant::now();
    assert!(send_request(&envoy).image() == generation.base64, "the image differs");
    // The upstream's timeout is 60 s.
    assert!(start.elapsed() < HUNG / 2, "it waited");
}

#[test]
fn what_comes_after_completed_does_not_count() {
    let generation = Generation::small(1);
    let late =
        json!({"type": "error", "code": "server_error", "message": "too late", "param": null});
    let another = String::from_utf8(Generation::small(2).image())
        .unwrap()
        .replace("ig_1", "ig_2")
        .into_bytes();
    let upstream = Upstream::scripts([
        Step::stream([generation.stream(), event(&late), another].concat()),
        vec![
            Step::StreamHead,
            Step::Chunk(generation.stream()),
            Step::Chunk(event(&late)),
            Step::Close,
        ],
    ]);
    let envoy = Envoy::start(upstream.port());
    assert_eq!(send_request(&envoy).image(), generation.base64);
    assert_eq!(send_request(&envoy).image(), generation.base64);
}

#[test]
fn an_image_above_the_limit_is_rejected() {
    let mut config = held();
    config["max_image_bytes"] = json!("64KiB");
    let (small, large) = (Generation::of_bytes(60_000, 1), Generation::of_bytes(70_000, 2));
    let upstream =
        Upstream::scripts([Step::generate(&small), Step::generate(&large), Step::generate(&small)]);
    let envoy = Envoy::with(upstream.port(), &config);
    send_request(&envoy).images();
    send_request(&envoy).assert_error(502, "generated_image_too_large");
    send_request(&envoy).images();
}

#[test]
fn bytes_that_are_not_utf8_do_no_harm() {
    let generation = Generation::small(1);
    let head = b"HTTP/1.1 200 \xff\r\nx-a: \xff\xfe\r\nset-cookie: \x80\r\ncontent-type: \
                 text/event-stream\r\n"
        .to_vec();
    let framed = [head, b"transfer-encoding: chunked\r\n\r\n".to_vec()].concat();
    let good = vec![Step::Bytes(framed), Step::Chunk(generation.stream()), Step::End];
    let upstream = Upstream::always(good);
    let envoy = Envoy::start(upstream.port());
    let mut body = body();
    body["n"] = json!(2);
    assert_eq!(Request::generation(&body).send(&envoy).images().len(), 2);
    drop(envoy);

    let words = [
        b"data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"message\":\"\xff\"}}}\n\n"
            .to_vec(),
    ]
    .concat();
    let upstream = Upstream::scripts([
        Step::stream(words),
        Step::stream(vec![0xff; 10_000]),
        Step::stream(generation.stream()),
    ]);
    let envoy = Envoy::start(upstream.port());
    for _ in 0..2 {
        assert_eq!(send_request(&envoy).status, 502);
    }
    assert_eq!(send_request(&envoy).image(), generation.base64);
}

#[test]
fn an_event_without_end_is_bounded() {
    let endless: Vec<_> = std::iter::repeat_n(Step::Chunk(vec![b'a'; 1_000_000]), 200).collect();
    let start = br#"data: {"type":"response.output_text.delta","delta":""#.to_vec();
    let script = [vec![Step::StreamHead, Step::Chunk(start)], endless, vec![Step::End]].concat();
    let upstream = Upstream::always(script);
    let envoy = Envoy::start(upstream.port());
    let before = envoy.rss_kib();
    let response = send_request(&envoy);
    assert_eq!(response.status, 502, "{}", response.json());
    let grown = envoy.rss_kib().saturating_sub(before);
    assert!(grown < 80_000, "200 MB of one event cost {grown} KiB");
}
