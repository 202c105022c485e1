//! Requests that are rejected for their content, and the limits of all others.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Gate, Generation, Key, Request, Setup, Step, Upstream, config, eventually,
};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

#[test]
fn a_body_declared_too_large_is_rejected_before_it_arrives() {
    let upstream = Upstream::unreached();
    let envoy = Envoy::start(upstream.port());
    // The last two are more than the filter's 32 bits hold.
    for length in [32 * 1024 * 1024 + 1, 5_000_000_000, i64::MAX] {
        let head = Request::new("POST", "/v1/images/generations")
            .bearer(Key::WEB)
            .header("content-type", "application/json")
            .header("content-length", length.to_string())
            .head();
        let mut connection = Connection::open(envoy.port());
        connection.write(&head).unwrap();
        connection.read().assert_error(413, "request_too_large");
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn a_body_that_grows_too_large_is_rejected() {
    let upstream = Upstream::generating(&Generation::small(1));
    let mut config = config();
    config["request"] = json!({"max_body_bytes": "64KiB"});
    let envoy = Envoy::with(upstream.port(), &config);
    let of_length = |length: usize| {
        let mut text = body().to_string().into_bytes();
        text.resize(length, b' ');
        Request::generation(&body()).body(text)
    };
    of_length(65_536).send(&envoy).images();
    of_length(65_536).chunked().send(&envoy).images();
    of_length(65_537).send(&envoy).assert_error(413, "request_too_large");
    of_length(65_537).chunked().send(&envoy).assert_error(413, "request_too_large");
    // As much as fits into the buffers on the way: the client writes on before it reads.
    of_length(3_000_000).chunked().send(&envoy).assert_error(413, "request_too_large");
    assert_eq!(upstream.received().len(), 2);
}

#[test]
fn a_body_of_the_default_limit_passes_and_one_byte_more_does_not() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let mut text = body().to_string().into_bytes();
    text.resize(32 * 1024 * 1024, b' ');
    Request::generation(&body()).body(text.clone()).chunked().send(&envoy).images();
    text.push(b' ');
    Request::generation(&body())
        .body(text)
        .chunked()
        .send(&envoy)
        .assert_error(413, "request_too_large");
}

#[test]
fn a_body_that_drips_ends_with_the_requests_time() {
    let upstream = Upstream::unreached();
    let setup = Setup::new(upstream.port());
    let envoy = setup.replace("request_timeout: 300s", "request_timeout: 1s").start();
    let request = Request::generation(&body());
    let mut connection = Connection::open(envoy.port());
    connection.write(&request.head()).unwrap();
    // A byte now and then, so that the body is never silent for long, and never the last one.
    let framed = request.framed_body();
    for byte in framed.iter().take(framed.len() - 1).cycle().take(20) {
        let _ = connection.write(&[*byte]);
        thread::sleep(Duration::from_millis(70));
    }
    connection.read().assert_error(408, "request_timeout");
    eventually("nothing is left", || {
        envoy.metric("wasmcustom.imagegate_open_exchanges") == Some(0)
    });
    assert!(upstream.received().is_empty());
}

#[test]
fn a_media_type_other_than_json_is_rejected() {
    let upstream = Upstream::unreached();
    let envoy = Envoy::start(upstream.port());
    let plain =
        Request::new("POST", "/v1/images/generations").bearer(Key::WEB).body(b"{}".to_vec());
    plain.send(&envoy).assert_error(415, "unsupported_media_type");
    for media_type in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/x-www-form-urlencoded",
    ] {
        plain
            .clone()
            .header("content-type", media_type)
            .send(&envoy)
            .assert_error(415, "unsupported_media_type");
    }
    let encoded = Request::generation(&body()).header("content-encoding", "gzip");
    encoded.send(&envoy).assert_error(415, "unsupported_media_type");
}

#[test]
fn the_media_type_may_have_parameters() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    for media_type in ["application/json; charset=utf-8", "Application/JSON"] {
        let request =
            Request::generation(&body()).without("content-type").header("content-type", media_type);
        request.send(&envoy).images();
    }
}

#[test]
fn another_method_is_not_allowed() {
    let upstream = Upstream::unreached();
    let envoy = Envoy::start(upstream.port());
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let response = Request::new(method, "/v1/images/generations").bearer(Key::WEB).send(&envoy);
        response.assert_error(405, "method_not_allowed");
        assert_eq!(response.header("allow").as_deref(), Some("POST"));
    }
    assert_eq!(
        Request::new("HEAD", "/v1/images/generations").bearer(Key::WEB).send(&envoy).status,
        405
    );
    assert!(upstream.received().is_empty());
}

#[test]
fn a_request_without_a_body_is_rejected() {
    let upstream = Upstream::unreached();
    let envoy = Envoy::start(upstream.port());
    let bare = Request::new("POST", "/v1/images/generations")
        .bearer(Key::WEB)
        .header("content-type", "application/json");
    bare.send(&envoy).assert_error(400, "invalid_json");
    bare.clone().body(Vec::new()).send(&envoy).assert_error(400, "invalid_json");
    bare.chunked().send(&envoy).assert_error(400, "invalid_json");
}

#[test]
fn a_wrong_request_is_rejected_with_the_name_of_its_field() {
    let upstream = Upstream::unreached();
    let envoy = Envoy::start(upstream.port());
    let with = |field: &str, value: Value| {
        let mut body = body();
        body[field] = value;
        body
    };
    for (body, code, param) in [
        (json!([]), "invalid_json", Value::Null),
        (json!({"model": "gpt-image-2"}), "missing_required_parameter", json!("prompt")),
        (with("prompt", json!(1)), "invalid_type", json!("prompt")),
        (with("prompt", json!("x".repeat(32_001))), "string_above_max_length", json!("prompt")),
        (with("n", json!(0)), "integer_below_min_value", json!("n")),
        (with("n", json!(11)), "integer_above_max_value", json!("n")),
        (with("size", json!("1000x1000")), "invalid_value", json!("size")),
        (with("quality", json!("best")), "invalid_value", json!("quality")),
        (with("partial_images", json!(1)), "invalid_value", json!("partial_images")),
        (with("colour", json!("red")), "unknown_parameter", json!("colour")),
        (with("images", json!([])), "empty_array", json!("images")),
    ] {
        let response = Request::generation(&body).send(&envoy);
        response.assert_error(400, code);
        assert_eq!(response.json()["error"]["param"], param, "{code}");
    }
    for text in [b"{".as_slice(), b"\xff", b"{\"prompt\":\"\xff\"}", b"{\"prompt\":\"a\"} x"] {
        Request::generation(&body())
            .body(text.to_vec())
            .send(&envoy)
            .assert_error(400, "invalid_json");
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn a_client_that_expects_100_continue_gets_it() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let request = Request::generation(&body()).header("expect", "100-continue");
    let mut connection = Connection::open(envoy.port());
    connection.write(&request.head()).unwrap();
    assert_eq!(connection.read_any_head().unwrap().status, 100);
    connection.write(&request.framed_body()).unwrap();
    connection.read().images();

    let mut connection = Connection::open(envoy.port());
    connection.write(&request.bearer(Key::UNKNOWN).head()).unwrap();
    connection.read().assert_error(401, "invalid_api_key");
}

#[test]
fn above_the_byte_budget_requests_get_a_retry_after() {
    let (generation, gate) = (Generation::of_bytes(900_000, 1), Gate::default());
    let mut script = Step::generate(&generation);
    script.insert(0, Step::Wait(gate.clone()));
    let upstream = Upstream::always(script);
    let mut config = config();
    config["request"] = json!({"max_body_bytes": "1MiB"});
    // Each request holds its body of 0.8 MB, what is made of it, and what goes upstream, until the
    // upstream answers.
    config["max_buffered_bytes"] = json!("8MiB");
    let envoy = Envoy::with(upstream.port(), &config);
    let body = || {
        let mut body = body();
        body["images"] = json!([format!("data:image/png;base64,{}", "A".repeat(800_000))]);
        body
    };
    let request = Request::generation(&body());
    let mut admitted = Vec::new();
    loop {
        let mut client = Connection::open(envoy.port());
        client.write(&[request.head(), request.framed_body()].concat()).unwrap();
        if !client.is_silent_for(Duration::from_millis(300)) {
            break;
        }
        admitted.push(client);
        assert!(admitted.len() < 12, "8 MiB hold more than 12 bodies");
    }
    assert!(!admitted.is_empty());
    upstream.wait_for(admitted.len());
    for _ in 0..5 {
        let rejected = request.send(&envoy);
        rejected.assert_error(503, "server_is_overloaded");
        let wait: u64 = rejected.header("retry-after").unwrap().parse().unwrap();
        assert!(wait >= 1);
        assert!(rejected.header("retry-after-ms").is_some());
    }
    gate.open();
    let served = admitted.len();
    for mut client in admitted {
        assert!(client.read().image() == generation.base64, "an image differs");
    }
    assert_eq!(upstream.received().len(), served);
    Request::generation(&body()).send(&envoy).images();
}
