//! Which keys may send requests, and for which models.

use serde_json::{Value, json};

use crate::harness::{Connection, Envoy, Generation, Key, Request, Setup, Upstream, eventually};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2"})
}

/// A request without a key.
fn request(body: &Value) -> Request {
    Request::generation(body).without("authorization")
}

/// A request with this key.
fn request_by(key: &str, body: &Value) -> Request {
    request(body).bearer(key)
}

fn with(field: &str, value: &str) -> Value {
    let mut body = body();
    body[field] = json!(value);
    body
}

/// Asserts the answers to requests that must not reach the upstream.
#[track_caller]
fn assert_rejected(cases: Vec<(&str, Request, u16, &str)>) {
    let upstream = Upstream::unreached();
    let envoy = Envoy::start(upstream.port());
    for (case, request, status, code) in cases {
        let response = request.send(&envoy);
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (status, code),
            "{case}: {}",
            response.json()
        );
    }
    assert!(upstream.received().is_empty(), "a refused request reached the upstream");
}

#[test]
fn each_header_of_a_key_opens() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    for (header, value) in [
        ("authorization", format!("Bearer {}", Key::WEB)),
        ("authorization", format!("bearer {}", Key::WEB)),
        ("authorization", format!("Bearer {}", Key::WEB_SECOND)),
        ("x-api-key", Key::WEB.to_owned()),
        ("api-key", Key::WEB.to_owned()),
    ] {
        let response = request(&body()).header(header, &value).send(&envoy);
        assert_eq!(response.images().len(), 1, "{header}: {value}");
    }
}

#[test]
fn without_a_good_key_there_is_a_401() {
    let basic = request(&body()).header("authorization", "Basic c2stZTJlLXdlYi0wMDAx");
    let first_decides = request_by(Key::UNKNOWN, &body()).header("x-api-key", Key::WEB);
    let twice =
        request_by(Key::WEB, &body()).header("authorization", format!("Bearer {}", Key::WEB));
    assert_rejected(vec![
        ("none", request(&body()), 401, "invalid_api_key"),
        ("another scheme", basic, 401, "invalid_api_key"),
        ("empty", request_by("", &body()), 401, "invalid_api_key"),
        ("empty x-api-key", request(&body()).header("x-api-key", ""), 401, "invalid_api_key"),
        ("unknown", request_by(Key::UNKNOWN, &body()), 401, "invalid_api_key"),
        ("a prefix", request_by(&Key::WEB[..10], &body()), 401, "invalid_api_key"),
        ("longer", request_by(&format!("{}x", Key::WEB), &body()), 401, "invalid_api_key"),
        ("very long", request_by(&"k".repeat(10_000), &body()), 401, "invalid_api_key"),
        ("expired", request_by(Key::EXPIRED, &body()), 401, "invalid_api_key"),
        ("disabled", request_by(Key::DISABLED, &body()), 401, "invalid_api_key"),
        ("twice", twice, 401, "invalid_api_key"),
        ("the first header decides", first_decides, 401, "invalid_api_key"),
    ]);
}

#[test]
fn bytes_that_are_not_utf8_are_no_key() {
    let bytes = [b"Bearer ".as_slice(), b"sk-\xff\xfe\x80"].concat();
    assert_rejected(vec![
        ("authorization", request(&body()).header("authorization", bytes), 401, "invalid_api_key"),
        ("x-api-key", request(&body()).header("x-api-key", b"\xff"), 401, "invalid_api_key"),
        ("api-key", request(&body()).header("api-key", b"\xc3\x28"), 401, "invalid_api_key"),
    ]);
}

#[test]
fn bytes_that_are_not_utf8_elsewhere_do_no_harm() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    for name in [
        "x-anything",
        "user-agent",
        "cookie",
        "accept",
        "accept-encoding",
        "x-imagegate-upstream",
        "referer",
    ] {
        let response = request_by(Key::WEB, &body()).header(name, b"a\xff\xfe\x80z").send(&envoy);
        assert_eq!(response.image(), generation.base64, "{name}");
    }
    let content_type = Request::new("POST", "/v1/images/generations")
        .bearer(Key::WEB)
        .header("content-type", b"\xff");
    content_type
        .body(body().to_string().into_bytes())
        .send(&envoy)
        .assert_error(415, "unsupported_media_type");
    // Envoy may reject such a path before the filter sees it. For the filter it is another
    // spelling.
    let path = Request::new("POST", b"/v1/images/generations\xff")
        .bearer(Key::WEB)
        .json(&body())
        .send(&envoy);
    assert!([200, 400].contains(&path.status), "{}", path.status);
}

#[test]
fn a_key_is_judged_before_the_body_is_read() {
    let upstream = Upstream::unreached();
    let envoy = Envoy::start(upstream.port());
    let request = request_by(Key::UNKNOWN, &body()).body(vec![b' '; 1_000_000]);
    for head in [request.head(), request.chunked().head()] {
        let mut connection = Connection::open(envoy.port());
        connection.write(&head).unwrap();
        // The body never comes.
        connection.read().assert_error(401, "invalid_api_key");
    }
}

#[test]
fn a_wrong_key_with_a_short_body_leaves_the_connection_open() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let mut connection = Connection::open(envoy.port());
    for _ in 0..3 {
        let response = request_by(Key::UNKNOWN, &body()).send_on(&mut connection);
        response.assert_error(401, "invalid_api_key");
        assert_eq!(response.header("connection"), None);
    }
    request_by(Key::WEB, &body()).send_on(&mut connection).images();
    // A body that never comes is not waited for.
    connection.write(&request_by(Key::UNKNOWN, &body()).head()).unwrap();
    let response = connection.read();
    response.assert_error(401, "invalid_api_key");
    assert_eq!(response.header("connection").as_deref(), Some("close"));
}

#[test]
fn a_master_names_the_user() {
    assert_rejected(vec![
        ("nobody", request_by(Key::MASTER, &body()), 400, "missing_required_parameter"),
        ("unknown", request_by(Key::MASTER, &with("user", "initech")), 404, "user_not_found"),
        ("blocked", request_by(Key::MASTER, &with("user", "globex")), 403, "user_blocked"),
    ]);
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    request_by(Key::MASTER, &with("user", "acme")).send(&envoy).images();
}

#[test]
fn an_unknown_user_of_a_master_may_be_admitted() {
    let upstream = Upstream::generating(&Generation::small(1));
    let mut config = crate::harness::config();
    config["unknown_users"] = json!("admit");
    let envoy = Envoy::with(upstream.port(), &config);
    request_by(Key::MASTER, &with("user", "initech")).send(&envoy).images();
    request_by(Key::MASTER, &with("user", "globex")).send(&envoy).assert_error(403, "user_blocked");
}

#[test]
fn a_key_acts_for_its_own_user_alone() {
    assert_rejected(vec![
        ("foreign", request_by(Key::WEB, &with("user", "globex")), 403, "user_not_allowed"),
        ("blocked", request_by(Key::BLOCKED, &body()), 403, "user_blocked"),
    ]);
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    request_by(Key::WEB, &with("user", "acme")).send(&envoy).images();
}

#[test]
fn a_key_may_take_any_end_user() {
    let upstream = Upstream::generating(&Generation::small(1));
    let mut config = crate::harness::config();
    config["consumers"][0]["any_user"] = json!(true);
    let setup = Setup::production(upstream.port()).configure_struct(&config);
    let envoy = setup.start();
    let send_request = |body: Value| request_by(Key::WEB, &body).send(&envoy);
    send_request(with("user", "end-user-17")).images();
    send_request(with("safety_identifier", "José Pérez")).images();
    send_request(body()).images();
    send_request(with("user", "globex")).assert_error(403, "user_blocked");
    let blocked = send_request(with("safety_identifier", "globex"));
    blocked.assert_error(403, "user_blocked");
    eventually("every exchange is logged", || envoy.records().len() == 5);
    let users: Vec<_> = envoy.records().iter().map(|it| it["user"].clone()).collect();
    assert_eq!(users[..3], [json!("end-user-17"), json!("José Pérez"), json!("acme")]);
    for request in upstream.received() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!body.contains("end-user-17") && !body.contains("Pérez"), "{body}");
    }
}

#[test]
fn the_field_that_names_a_user_is_the_one_at_fault() {
    let upstream = Upstream::unreached();
    let envoy = Envoy::start(upstream.port());
    for field in ["user", "safety_identifier"] {
        let rejected = request_by(Key::WEB, &with(field, "end-user-17")).send(&envoy);
        rejected.assert_error(403, "user_not_allowed");
        assert_eq!(rejected.json()["error"]["param"], field);
        let unknown = request_by(Key::MASTER, &with(field, "initech")).send(&envoy);
        unknown.assert_error(404, "user_not_found");
        assert_eq!(unknown.json()["error"]["param"], field);
    }
}

#[test]
fn a_key_may_be_narrowed_to_models_and_sizes() {
    assert_rejected(vec![
        (
            "model",
            request_by(Key::NARROW, &with("model", "gpt-image-1.5")),
            403,
            "model_not_allowed",
        ),
        ("size", request_by(Key::NARROW, &with("size", "1536x1024")), 403, "size_not_allowed"),
    ]);
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    request_by(Key::NARROW, &with("size", "1024x1024")).send(&envoy).images();
}

#[test]
fn a_model_without_an_upstream_is_not_found() {
    assert_rejected(vec![(
        "model",
        request_by(Key::WEB, &with("model", "dall-e-9")),
        404,
        "model_not_found",
    )]);
}
