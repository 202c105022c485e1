//! The request: what is decided at its head and its body, and what goes upstream.

use super::{code, opened, rejected, waiting};
use crate::support::driver::Driver;
use crate::support::{KEY, NOW, TOKEN, after, digest, gate, head};
use imagegate::exchange::{End, OnRequestBody, OnResponseHeaders, ResponseHead};
use serde_json::{Value, json};

#[test]
fn a_request_that_is_not_ours_passes_without_the_headers_that_choose_a_route() {
    let (gate, _) = gate(&json!({}));
    let more = [(":path", "/other"), ("x-imagegate-upstream", "codex"), ("X-ImageGate-X", "1")];
    let driver = opened(&gate, &more, End::Open);
    assert_eq!(driver.stripped.unwrap(), ["x-imagegate-upstream", "X-ImageGate-X"]);
}

#[test]
fn the_upstream_gets_its_own_head_and_nothing_of_the_clients() {
    let (gate, _) = gate(&json!({}));
    let more = [("x-imagegate-upstream", "evil"), ("x-openai-x", "1"), ("accept-encoding", "gzip")];
    let mut driver = Driver::new(&gate);
    driver.request(&head(&more), br#"{"prompt":"a cat"}"#);
    let forward = driver.sent();
    let mut sent: Vec<String> = forward
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
        .collect();
    sent.sort();
    let wanted = [
        ":authority: gate.example".to_owned(),
        ":method: POST".to_owned(),
        ":path: /backend-api/codex/responses".to_owned(),
        ":scheme: https".to_owned(),
        "accept: text/event-stream".to_owned(),
        format!("authorization: Bearer {}", TOKEN),
        "chatgpt-account-id: account-1".to_owned(),
        format!("content-length: {}", forward.body.len()),
        "content-type: application/json".to_owned(),
        concat!("user-agent: imagegate/", env!("CARGO_PKG_VERSION")).to_owned(),
        "x-envoy-original-path: /v1/images/generations".to_owned(),
        "x-envoy-upstream-rq-timeout-ms: 65000".to_owned(),
        "x-forwarded-proto: https".to_owned(),
        "x-request-id: request-1".to_owned(),
    ];
    assert_eq!(sent, wanted);
    assert_eq!(forward.upstream, "codex");
    assert!(driver.calls.is_empty());
}

#[test]
fn the_header_that_routes_may_match_is_set_only_on_demand() {
    let (gate, _) = gate(&json!({"route_match": "header"}));
    let driver = waiting(&gate, 1);
    let upstream = ("x-imagegate-upstream".to_owned(), b"codex".to_vec());
    assert!(driver.sent().headers.contains(&upstream), "{:?}", driver.sent().headers);
    assert_eq!(driver.sent().upstream, "codex");
}

#[test]
fn the_head_alone_decides_what_it_can() {
    assert_eq!(code(&rejected(&[("authorization", "Bearer no")])), (401, json!("invalid_api_key")));
    assert_eq!(rejected(&[(":method", "GET")]).status, 405);
    assert_eq!(rejected(&[("content-type", "text/plain")]).status, 415);
    assert_eq!(rejected(&[("content-encoding", "gzip")]).status, 415);
    assert!(
        opened(&gate(&json!({})).0, &[("content-encoding", "Identity")], End::Open).client.waits()
    );
    assert_eq!(rejected(&[("content-length", "99999999")]).status, 413);
    assert_eq!(rejected(&[(":path", "/v1/images/variations")]).status, 404);
    let reply = rejected(&[("authorization", "Bearer no")]);
    assert_eq!(reply.header("x-request-id"), Some("request-1"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[test]
fn a_reply_that_envoy_turned_into_grpc_gets_its_status_back() {
    let (gate, _) = gate(&json!({}));
    let rejected = [("authorization", "Bearer no"), ("content-type", "application/grpc")];
    let mut driver = opened(&gate, &rejected, End::Open);
    assert_eq!(driver.client.code(), "invalid_api_key");
    let own = |content_type: &str| ResponseHead {
        status: 200,
        content_type: Some(content_type.into()),
        ..ResponseHead::default()
    };
    let mut outcome = |head, end| driver.exchange.response_headers(head, end, NOW);
    let grpc = outcome(own("application/grpc"), End::Stream);
    assert!(matches!(grpc, OnResponseHeaders::Restore(401)), "{grpc:?}");
    let json = outcome(own("application/json"), End::Open);
    assert!(matches!(json, OnResponseHeaders::Pass), "{json:?}");
}

#[test]
fn a_path_that_the_client_calls_original_is_removed_from_what_is_ours() {
    let own = [("x-envoy-original-path", "/forged")];
    let key = [("authorization", "Bearer no"), own[0]];
    let other = [(":path", "/other"), own[0]];
    for (more, removed) in [(&own[..], true), (&key[..], true), (&other[..], false), (&[], false)] {
        let (gate, _) = gate(&json!({}));
        let driver = opened(&gate, more, End::Open);
        assert_eq!(driver.exchange.forges_path(&head(more)), removed, "{more:?}");
    }
}

#[test]
fn the_key_is_checked_before_anything_else() {
    for path in ["/v1/images/edits", "/v1/images/variations", "//V1/images/%67enerations/?x"] {
        let reply = rejected(&[(":path", path), ("authorization", ""), ("content-type", "x")]);
        let known = [401, 404].contains(&reply.status);
        assert!(known, "{path}: {}", reply.status);
    }
}

#[test]
fn a_restricted_key_learns_what_it_may_request() {
    let (gate, _) = gate(&json!({
        "consumers": [{ "name": "narrow", "key_sha256": [digest(KEY)],
            "models": ["gpt-image-2", "gpt-*-mini*"],
            "sizes": ["1024x1024", "1536x1024"] }],
    }));
    let message = |request: &Value| {
        let reply = Driver::rejected(&gate, request);
        reply.json()["error"]["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        message(&json!({"prompt": "x", "model": "gpt-image-1.5"})),
        "This API key may not use the model 'gpt-image-1.5'. \
         Accepted: 'gpt-image-2', 'gpt-*-mini*'."
    );
    assert_eq!(
        message(&json!({"prompt": "x", "model": "gpt-image-2"})),
        "This API key may not ask for the size 'auto'. Accepted: '1024x1024', '1536x1024'. \
         A request without a size asks for 'auto'."
    );
}

#[test]
fn a_body_that_grows_beyond_its_limit_is_rejected_as_it_grows() {
    let (gate, budget) = gate(&json!({"request": {"max_body_bytes": 100}}));
    let mut driver = opened(&gate, &[], End::Open);
    assert!(driver.request_body(&[b' '; 60], End::Open).waits());
    assert_eq!(driver.request_body(&[b' '; 60], End::Open).status, 413);
    // The exchange takes what arrives later, and drops it.
    let late = driver.exchange.request_body(&[b' '; 60], End::Stream, NOW);
    assert!(matches!(late, OnRequestBody::Hold), "{late:?}");
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_rejection_by_the_head_waits_for_a_short_body() {
    let (gate, _) = gate(&json!({}));
    let key = ("authorization", "Bearer no");
    let rejected_with = |length: &'static str| [key, ("content-length", length)];
    let mut driver = opened(&gate, &rejected_with("65536"), End::Open);
    assert!(driver.client.waits());
    assert!(driver.request_body(&[b' '; 60_000], End::Open).waits());
    let client = driver.request_body(&[b' '; 5_536], End::Stream);
    assert_eq!(code(client), (401, json!("invalid_api_key")));
    assert!(client.at_once && !driver.forwarded);
    assert_eq!(driver.close(Some(401))["bytes_in"], 65_536);

    let mut driver = opened(&gate, &rejected_with("2"), End::Open);
    driver.request_body(b"{}", End::Open);
    assert_eq!(driver.request_trailers().status, 401);

    // The body does not come.
    let mut driver = opened(&gate, &rejected_with("2"), End::Open);
    assert!(driver.tick(NOW).waits());
    assert_eq!(driver.tick(after(1)).status, 401);
    assert_eq!(driver.close(Some(401))["code"], "invalid_api_key");

    // The client leaves.
    let mut driver = opened(&gate, &rejected_with("2"), End::Open);
    assert_eq!(driver.close(None)["code"], "client_closed_request");

    for length in ["65537", "18446744073709551616", "-1", ""] {
        let client = opened(&gate, &rejected_with(length), End::Open).client;
        assert_eq!(client.status, 401, "{length}");
    }
    assert_eq!(opened(&gate, &rejected_with("0"), End::Stream).client.status, 401);
}

#[test]
fn a_bounded_number_of_rejections_waits() {
    let (gate, _) = gate(&json!({}));
    let rejected = [("authorization", "Bearer no"), ("content-length", "2")];
    let mut waiting: Vec<_> = (0..1_000).map(|_| opened(&gate, &rejected, End::Open)).collect();
    assert!(waiting.iter().all(|it| it.client.waits()));
    assert_eq!(opened(&gate, &rejected, End::Open).client.status, 401);
    // A request with a key has its place all the same, and each end makes room for another.
    assert!(opened(&gate, &[("content-length", "2")], End::Open).client.waits());
    waiting[0].request_body(b"{}", End::Stream);
    waiting[1].tick(after(1));
    waiting.pop().unwrap().close(None);
    for _ in 0..3 {
        let driver = opened(&gate, &rejected, End::Open);
        assert!(driver.client.waits());
        waiting.push(driver);
    }
    assert_eq!(opened(&gate, &rejected, End::Open).client.status, 401);
}

#[test]
fn who_has_no_room_does_not_wait_for_a_body() {
    let (gate, _) = gate(&json!({"max_open_exchanges": 1}));
    let open = opened(&gate, &[], End::Open);
    let rejected = opened(&gate, &[("content-length", "2")], End::Open);
    assert_eq!((open.client.status, rejected.client.status), (0, 503));
}

#[test]
fn a_request_without_a_body_is_answered_at_its_head() {
    let (gate, _) = gate(&json!({}));
    assert_eq!(opened(&gate, &[], End::Stream).client.status, 400);
}

#[test]
fn trailers_end_a_body_too() {
    let (gate, _) = gate(&json!({}));
    let mut driver = opened(&gate, &[], End::Open);
    driver.request_body(br#"{"prompt":"a cat"}"#, End::Open);
    assert!(!driver.forwarded);
    driver.request_trailers();
    assert!(driver.forwarded);
}

#[test]
fn the_first_bytes_of_a_body_are_waited_for_and_then_the_setting_is_named() {
    let (gate, _) = gate(&json!({}));
    let mut driver = opened(&gate, &[], End::Open);
    assert!(driver.tick(after(9)).waits());
    let client = driver.tick(after(10));
    assert_eq!(client.status, 500);
    let message = client.error("message").to_string();
    assert!(message.contains("allow_on_headers_stop_iteration"), "{message}");
    // The clock sends the reply. The stream's own callbacks carry out the other effects.
    driver.close(Some(500));
    assert!(driver.notices[0].contains("allow_on_headers_stop_iteration"));
}

#[test]
fn once_a_body_has_arrived_a_silent_client_gets_a_timeout() {
    let (gate, _) = gate(&json!({}));
    waiting(&gate, 1);
    let mut driver = opened(&gate, &[], End::Open);
    assert!(driver.tick(after(29)).waits());
    assert_eq!(driver.tick(after(30)).status, 408);
}

#[test]
fn an_invalid_request_id_is_returned_as_printable_ascii() {
    for (sent, shown) in [("a\u{e9}\nb", "a___b".to_owned()), (&"x".repeat(200), "x".repeat(128))] {
        let client = rejected(&[("x-request-id", sent), (":method", "GET")]);
        assert_eq!(client.header("x-request-id"), Some(shown.as_str()));
    }
}

#[test]
fn a_declared_length_above_4_gib_is_too_large() {
    assert_eq!(rejected(&[("content-length", "5000000000")]).status, 413);
}
