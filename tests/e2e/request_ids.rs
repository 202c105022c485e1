//! `x-request-id`: OpenAI's clients read it from every response.

use serde_json::json;

use crate::harness::{Envoy, Generation, Key, Request, Setup, Upstream, config};

/// What clients may send in its place.
fn ids() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("none", Vec::new()),
        ("long", vec![b'a'; 200]),
        ("very long", vec![b'a'; 20_000]),
        ("quotes", br#"a"b\c'{"d":1}"#.to_vec()),
        ("blanks", b"a b\tc".to_vec()),
        ("not ASCII", "für-ä-中".as_bytes().to_vec()),
        ("not UTF-8", b"a\xff\xfeb".to_vec()),
        ("format", b"%s%n${jndi}<script>".to_vec()),
    ]
}

fn assert_every_answer_has_one(envoy: &Envoy) {
    let body = json!({"prompt": "a square", "n": 2});
    for (case, id) in ids() {
        let request = Request::generation(&body);
        let request = if id.is_empty() { request } else { request.header("x-request-id", id) };
        for (request, status) in [
            (request.clone(), 200),
            (request.clone().bearer(Key::UNKNOWN), 401),
            (request.body(b"{".to_vec()), 400),
        ] {
            let response = request.send(envoy);
            assert_eq!(response.status, status, "{case}");
            let id = response.header("x-request-id");
            assert!(id.is_some_and(|it| !it.is_empty()), "{case}, {status}: no x-request-id");
        }
    }
}

#[test]
fn every_answer_has_one_for_any_client_header() {
    let upstream = Upstream::generating(&Generation::small(1));
    assert_every_answer_has_one(&Envoy::start(upstream.port()));
    let production = Setup::production(upstream.port()).configure_struct(&config()).start();
    assert_every_answer_has_one(&production);
    // The one that it has upstream is a header like any other.
    for request in upstream.received() {
        let id = request.header("x-request-id").expect("the upstream gets one");
        assert!(id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id}");
    }
}
