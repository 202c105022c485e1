//! What Envoy's access log says of a request: its path, its status, and why.

use serde_json::{Value, json};

use crate::harness::http2::{Ended, Http2};
use crate::harness::{Envoy, Generation, Key, Request, Setup, Step, Upstream, config, eventually};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2"})
}

/// The lines of the exchanges and their usage records, in order, once there are `count` of each.
fn logged(envoy: &Envoy, count: usize) -> (Vec<Value>, Vec<Value>) {
    eventually("every exchange is logged", || envoy.access_log().len() >= 2 * count);
    let lines = envoy.access_log().into_iter().filter(|line| line.get("usage").is_none());
    (lines.collect(), envoy.records())
}

fn production(upstream: &Upstream) -> Envoy {
    Setup::production(upstream.port()).configure_struct(&config()).start()
}

#[test]
fn each_line_is_json_with_the_record_as_an_object() {
    let upstream = Upstream::scripts([Step::generate(&Generation::small(1))]);
    let envoy = production(&upstream);
    let hostile = "\"},{\\\"x\\\":\"\\u0000%FILTER_STATE(a)%";
    let mut body = body();
    body["model"] = json!(format!("gpt-image-2{hostile}\n"));
    let target = "/v1/images/generations?\"}{\\\"x";
    for request in [
        Request::generation(&self::body()),
        Request::generation(&body),
        Request::new("POST", target).bearer(Key::WEB).json(&body),
        Request::generation(&body).bearer(hostile),
        Request::new("GET", "/nothing\"{"),
    ] {
        request
            .header("x-request-id", hostile)
            .header("user-agent", hostile)
            .header("x-forwarded-for", hostile)
            .header("x-forwarded-for", "192.0.2.1\"")
            .header("referer", hostile)
            .send(&envoy);
    }
    eventually("every exchange is logged", || envoy.access_log().len() >= 9);
    assert_eq!(envoy.access_log().len(), 9);
    let records = envoy.records();
    assert_eq!(records.len(), 4, "what is not ours has no record");
    for record in &records {
        assert_eq!(record["endpoint"], "generations");
        assert!(record["request_id"].is_string());
    }
}

#[test]
fn the_path_is_the_clients() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = production(&upstream);
    let own = "x-envoy-original-path";
    let generation = || Request::generation(&body());
    let get = |path: &str| Request::new("GET", path).bearer(Key::WEB).header(own, "/forged");
    let spelled = Request::new("POST", "/v1/Images/generations/?a=b").bearer(Key::WEB);
    let generations = "/v1/images/generations";
    let cases = [
        (generation(), generations),
        (spelled.json(&body()), "/v1/Images/generations/"),
        (generation().header(own, "/forged"), generations),
        (generation().header(own, "/forged").header(own, "/twice"), generations),
        (generation().bearer(Key::UNKNOWN).header(own, "/forged"), generations),
        (Request::generation(&json!({})).header("X-Envoy-Original-Path", "/forged"), generations),
        (get(generations), generations),
        (get("/v1/images/limits"), "/v1/images/limits"),
    ];
    cases.iter().for_each(|(request, _)| drop(request.send(&envoy)));
    let (lines, _) = logged(&envoy, cases.len());
    for ((_, path), line) in cases.iter().zip(lines) {
        assert_eq!(line["path"], *path, "{line}");
    }
    let request = upstream.received().pop().unwrap();
    assert_eq!(request.path, "/backend-api/codex/responses");
    assert_eq!(request.header(own), None);
}

#[test]
fn each_answer_says_why() {
    let generation = Generation::small(1);
    let quota = json!({"error": {"type": "insufficient_quota", "message": "m"}});
    let upstream = Upstream::scripts([
        // The head is here, and the answer takes its place.
        Step::generate(&generation),
        vec![Step::StreamHead, Step::Chunk(generation.opening()), Step::End],
        // Three on one stream and two side calls.
        Step::generate(&generation),
        Step::generate(&generation),
        Step::generate(&generation),
        // Then the upstream rests.
        Step::json(429, &quota),
    ]);
    let envoy = production(&upstream);
    let mut several = body();
    several["n"] = json!(3);
    let cases = [
        (Request::generation(&body()), 200, "ok"),
        (Request::generation(&body()), 502, "upstream_disconnected"),
        (Request::generation(&several), 200, "ok"),
        (Request::generation(&body()), 429, "insufficient_quota"),
        (Request::generation(&body()), 429, "rate_limit_exceeded"),
        (Request::new("GET", "/v1/images/limits").bearer(Key::WEB), 200, "ok"),
        (Request::new("GET", "/v1/images/edits"), 405, "method_not_allowed"),
        (Request::generation(&body()).bearer(Key::UNKNOWN), 401, "invalid_api_key"),
        (Request::generation(&json!({"prompt": 1})), 400, "invalid_type"),
    ];
    for (request, status, code) in &cases {
        assert_eq!(request.send(&envoy).status, *status, "{code}");
    }
    let (lines, _) = logged(&envoy, cases.len());
    for (place, ((_, status, code), line)) in cases.iter().zip(lines).enumerate() {
        assert_eq!(line["status"], json!(status), "{line}");
        // The first answer passes through, which is no reply of the filter. A client that reads its
        // `content-length` may close the connection before its end.
        let details = match place {
            0 => vec!["via_upstream".to_owned(), "downstream_remote_disconnect".to_owned()],
            _ => vec![format!("imagegate_{code}")],
        };
        assert!(details.iter().any(|it| line["details"] == *it), "{line}");
    }
}

#[test]
fn a_request_of_grpc_gets_the_true_status_over_http2() {
    let upstream = Upstream::unreached();
    let envoy = production(&upstream);
    for key in [Key::UNKNOWN, Key::WEB] {
        let key = format!("Bearer {key}");
        let more =
            [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", &key)];
        let mut client = Http2::post(envoy.port(), &more, &[0; 5]);
        assert_eq!(client.read_rest(), (Vec::new(), Ended::Well));
    }
    let (lines, records) = logged(&envoy, 2);
    for (status, at) in [(401, 0), (415, 1)] {
        let (line, record) = (&lines[at], &records[at]);
        assert_eq!((&line["protocol"], &line["status"]), (&json!("HTTP/2"), &json!(status)));
        assert_eq!(record["status"], status);
    }
}

/// What a request of gRPC may call itself.
const GRPC: [&str; 6] = [
    "application/grpc",
    "application/grpc+proto",
    "application/grpc+json",
    "Application/GRPC",
    "application/grpc; charset=utf-8",
    "application/grpc ;a=b",
];

#[test]
fn a_request_of_grpc_gets_the_true_status() {
    let upstream = Upstream::unreached();
    let envoy = production(&upstream);
    let generations = || Request::new("POST", "/v1/images/generations").bearer(Key::WEB);
    let get = |path| Request::new("GET", path).bearer(Key::WEB);
    let mut expected = Vec::new();
    for grpc in GRPC {
        for (request, status, code) in [
            (generations().bearer(Key::UNKNOWN).body(vec![0; 5]), 401, "invalid_api_key"),
            (generations().body(vec![0; 100_000]), 415, "unsupported_media_type"),
            (generations().body(vec![0; 5]).chunked(), 415, "unsupported_media_type"),
            (get("/v1/images/generations"), 405, "method_not_allowed"),
            (Request::new("HEAD", "/v1/images/edits"), 405, "method_not_allowed"),
            (get("/v1/images/variations"), 404, "unknown_url"),
            (get("/v1/images/limits"), 415, "unsupported_media_type"),
        ] {
            let response =
                request.header("te", "trailers").header("content-type", grpc).send(&envoy);
            expected.push((status, code));
            assert_eq!(response.status, status, "{grpc}");
            for name in ["grpc-status", "grpc-message"] {
                assert_eq!(response.header(name), None, "{grpc}");
            }
            assert!(
                !response.header("content-type").unwrap_or_default().contains("grpc"),
                "{grpc}: {:?}",
                response.headers
            );
        }
    }
    let (lines, records) = logged(&envoy, expected.len());
    for ((line, record), (status, code)) in lines.iter().zip(&records).zip(expected) {
        let details = json!(format!("imagegate_{code}"));
        let said = (&line["status"], &line["details"], &record["status"], &record["code"]);
        assert_eq!(said, (&json!(status), &details, &json!(status), &json!(code)), "{line}");
    }
    let metric =
        "wasmcustom.imagegate_requests_total.endpoint.generations.status.401.code.invalid_api_key";
    assert_eq!(envoy.metric(metric), Some(GRPC.len() as u64));
}
