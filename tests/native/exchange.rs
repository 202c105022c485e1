//! Whole exchanges through the public API, without Envoy: what goes up, what comes down, in which
//! phase, and that nothing stays behind.

use std::rc::Rc;
use std::time::Duration;

use crate::support::{NOW, answer, ask, asking, body, collect, gate, head, ok, stream};
use imagegate::exchange::{
    End, Exchange, LocalReply, OnAnswer, OnRequestBody, OnRequestHeaders, OnResponseBody,
    OnResponseHeaders, ResponseHead,
};
use serde_json::{Value, json};

fn header<'r>(reply: &'r LocalReply, name: &str) -> Option<&'r str> {
    reply.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
}

fn code(reply: &LocalReply) -> (u16, Value) {
    (reply.status, body(reply)["error"]["code"].clone())
}

/// The reply to a head alone.
fn refused(more: &[(&str, &str)]) -> LocalReply {
    let (gate, _) = gate(&json!({}));
    match Exchange::new(gate).request_headers(&head(more), End::Open, NOW) {
        OnRequestHeaders::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

/// Gives a side call a whole stream.
fn side_call(exchange: &mut Exchange, token: u32, stream: &[u8]) -> OnAnswer {
    exchange.side_call_headers(token, Some(ok()), NOW);
    exchange.side_call_body(token, stream.to_vec(), NOW);
    exchange.side_call_end(token, NOW)
}

fn reply_of(answer: OnAnswer) -> LocalReply {
    match answer {
        OnAnswer::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_that_is_not_ours_passes_without_the_headers_that_choose_a_route() {
    let (gate, _) = gate(&json!({}));
    let more = [(":path", "/other"), ("x-imagegate-upstream", "codex"), ("X-ImageGate-X", "1")];
    match Exchange::new(gate).request_headers(&head(&more), End::Open, NOW) {
        OnRequestHeaders::Pass { strip } => {
            assert_eq!(strip, ["x-imagegate-upstream", "X-ImageGate-X"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_upstream_gets_its_own_head_and_nothing_of_the_clients() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    let more = [("x-imagegate-upstream", "evil"), ("x-openai-x", "1"), ("accept-encoding", "gzip")];
    exchange.request_headers(&head(&more), End::Open, NOW);
    let OnRequestBody::Forward(forward) =
        exchange.request_body(br#"{"prompt":"a cat"}"#, End::Stream, NOW)
    else {
        panic!("not forwarded")
    };
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
        format!("authorization: Bearer {}", crate::support::TOKEN),
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
    assert!(forward.side_calls.is_none());
}

#[test]
fn the_header_that_routes_may_match_is_set_only_on_demand() {
    let (gate, _) = gate(&json!({"route_match": "header"}));
    let mut exchange = Exchange::new(gate);
    let forward = ask(&mut exchange, &json!({"prompt": "a cat"})).unwrap();
    let upstream = ("x-imagegate-upstream".to_owned(), b"codex".to_vec());
    assert!(forward.headers.contains(&upstream), "{:?}", forward.headers);
    assert_eq!(forward.upstream, "codex");
}

#[test]
fn a_request_whose_side_calls_have_no_cluster_never_goes_upstream() {
    let (gate, budget) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    ask(&mut exchange, &json!({"prompt": "a cat", "n": 3})).unwrap();
    exchange.side_call_without_cluster();
    exchange.side_call_without_cluster();
    let reply = exchange.without_cluster(NOW).unwrap();
    assert_eq!(code(&reply), (500, json!("gateway_misconfigured")));
    assert!(reply.headers.contains(&("x-should-retry", "false".to_owned())), "{:?}", reply.headers);
    let notice = reply.notice.unwrap();
    assert!(notice.starts_with("upstream `codex`: Envoy has no cluster"), "{notice}");
    assert_eq!(budget.used(), 0);
}

#[test]
fn fewer_images_for_want_of_a_route_are_logged() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = asking(&gate, 2);
    let details = Some("cluster_not_found".to_owned());
    let head = ResponseHead { status: 404, envoy_details: details, ..ResponseHead::default() };
    let _ = exchange.response_headers(head, End::Open, NOW);
    let _ = exchange.response_body(b"gone".to_vec(), End::Stream, NOW);
    exchange.side_call_headers(0, Some(ok()), NOW);
    exchange.side_call_body(0, stream("QUJD"), NOW);
    let OnAnswer::Reply(reply) = exchange.side_call_end(0, NOW) else { panic!("no reply") };
    assert_eq!((reply.status, header(&reply, "x-imagegate-images-failed")), (200, Some("1")));
    let notice = reply.notice.unwrap();
    assert!(notice.contains("upstream `codex`: Envoy has no route"), "{notice}");
}

#[test]
fn a_page_of_html_in_a_200_is_no_answer_that_was_cut() {
    for (page, status, code_of) in [
        ("<html><title>Just a moment...</title></html>", 502, "upstream_blocked"),
        ("<html><title>Attention Required! | Cloudflare</title></html>", 502, "upstream_blocked"),
    ] {
        let (gate, _) = gate(&json!({}));
        let mut exchange = asking(&gate, 1);
        let content_type = Some(b"text/html; charset=UTF-8".to_vec());
        let head = ResponseHead { status: 200, content_type, ..ResponseHead::default() };
        let _ = exchange.response_headers(head, End::Open, NOW);
        let OnResponseBody::Reply(reply) =
            exchange.response_body(page.as_bytes().to_vec(), End::Stream, NOW)
        else {
            panic!("no reply")
        };
        assert_eq!(code(&reply), (status, json!(code_of)), "{page}");
    }
}

#[test]
fn a_request_that_envoy_has_no_route_for_says_so_to_the_operator() {
    for details in ["route_not_found", "cluster_not_found"] {
        let (gate, _) = gate(&json!({}));
        let mut exchange = asking(&gate, 1);
        let details = Some(details.to_owned());
        let head = ResponseHead { status: 404, envoy_details: details, ..ResponseHead::default() };
        let _ = exchange.response_headers(head, End::Open, NOW);
        let OnResponseBody::Reply(reply) =
            exchange.response_body(b"gone".to_vec(), End::Stream, NOW)
        else {
            panic!("no reply")
        };
        assert_eq!(code(&reply), (500, json!("gateway_misconfigured")));
        let notice = reply.notice.unwrap();
        assert!(notice.contains("upstream `codex`: Envoy has no route"), "{notice}");
        assert!(notice.contains("wasm.imagegate_upstream"), "{notice}");
    }
}

#[test]
fn the_head_alone_decides_what_it_can() {
    assert_eq!(code(&refused(&[("authorization", "Bearer no")])), (401, json!("invalid_api_key")));
    assert_eq!(refused(&[(":method", "GET")]).status, 405);
    assert_eq!(refused(&[("content-type", "text/plain")]).status, 415);
    assert_eq!(refused(&[("content-encoding", "gzip")]).status, 415);
    assert_eq!(refused(&[("content-length", "99999999")]).status, 413);
    assert_eq!(refused(&[(":path", "/v1/images/variations")]).status, 404);
    let reply = refused(&[("authorization", "Bearer no")]);
    assert_eq!(header(&reply, "x-request-id"), Some("request-1"));
    assert_eq!(header(&reply, "content-type"), Some("application/json"));
}

#[test]
fn a_reply_that_envoy_made_one_of_grpc_gets_its_status_back() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    let refused = [("authorization", "Bearer no"), ("content-type", "application/grpc")];
    exchange.request_headers(&head(&refused), End::Open, NOW);
    assert_eq!(exchange.code(), "invalid_api_key");
    let own = |content_type: &str| ResponseHead {
        status: 200,
        content_type: Some(content_type.into()),
        ..ResponseHead::default()
    };
    let outcome = exchange.response_headers(own("application/grpc"), End::Stream, NOW);
    assert!(matches!(outcome, OnResponseHeaders::Restore(401)), "{outcome:?}");
    let outcome = exchange.response_headers(own("application/json"), End::Open, NOW);
    assert!(matches!(outcome, OnResponseHeaders::Pass), "{outcome:?}");
}

#[test]
fn a_path_that_the_client_calls_original_is_removed_from_what_is_ours() {
    let own = [("x-envoy-original-path", "/forged")];
    let key = [("authorization", "Bearer no"), own[0]];
    let other = [(":path", "/other"), own[0]];
    for (more, removed) in [(&own[..], true), (&key[..], true), (&other[..], false), (&[], false)] {
        let (gate, _) = gate(&json!({}));
        let mut exchange = Exchange::new(gate);
        exchange.request_headers(&head(more), End::Open, NOW);
        assert_eq!(exchange.forges_path(&head(more)), removed, "{more:?}");
    }
}

#[test]
fn a_key_is_asked_for_before_anything_else_is_told() {
    for path in ["/v1/images/edits", "/v1/images/variations", "//V1/images/%67enerations/?x"] {
        let reply = refused(&[(":path", path), ("authorization", ""), ("content-type", "x")]);
        let known = [401, 404].contains(&reply.status);
        assert!(known, "{path}: {}", reply.status);
    }
}

#[test]
fn a_narrow_key_is_told_what_it_may_ask_for() {
    let (gate, _) = gate(&json!({
        "consumers": [{ "name": "narrow", "key_sha256": [crate::support::digest(crate::support::KEY)], "models": ["gpt-image-2", "gpt-*-mini*"],
            "sizes": ["1024x1024", "1536x1024"] }],
    }));
    let told = |request: &Value| {
        let reply = ask(&mut Exchange::new(Rc::clone(&gate)), request).unwrap_err();
        body(&reply)["error"]["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        told(&json!({"prompt": "x", "model": "gpt-image-1.5"})),
        "This API key may not use the model 'gpt-image-1.5'. Accepted: 'gpt-image-2', 'gpt-*-mini*'."
    );
    assert_eq!(
        told(&json!({"prompt": "x", "model": "gpt-image-2"})),
        "This API key may not ask for the size 'auto'. Accepted: '1024x1024', '1536x1024'. A request without a size asks for 'auto'."
    );
}

#[test]
fn a_body_that_grows_beyond_its_limit_is_refused_as_it_grows() {
    let (gate, budget) = gate(&json!({"request": {"max_body_bytes": 100}}));
    let mut exchange = Exchange::new(gate);
    exchange.request_headers(&head(&[]), End::Open, NOW);
    assert!(matches!(exchange.request_body(&[b' '; 60], End::Open, NOW), OnRequestBody::Hold));
    match exchange.request_body(&[b' '; 60], End::Open, NOW) {
        OnRequestBody::Reply(reply) => assert_eq!(reply.status, 413),
        other => panic!("{other:?}"),
    }
    // What still comes is taken and forgotten.
    assert!(matches!(exchange.request_body(&[b' '; 60], End::Stream, NOW), OnRequestBody::Hold));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_request_without_a_body_is_answered_at_its_head() {
    let (gate, _) = gate(&json!({}));
    match Exchange::new(gate).request_headers(&head(&[]), End::Stream, NOW) {
        OnRequestHeaders::Reply(reply) => assert_eq!(reply.status, 400),
        other => panic!("{other:?}"),
    }
}

#[test]
fn trailers_end_a_body_too() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    exchange.request_headers(&head(&[]), End::Open, NOW);
    exchange.request_body(br#"{"prompt":"a cat"}"#, End::Open, NOW);
    assert!(matches!(exchange.request_end(NOW), OnRequestBody::Forward(_)));
}

#[test]
fn the_first_bytes_of_a_body_are_waited_for_and_then_the_setting_is_named() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(Rc::clone(&gate));
    exchange.request_headers(&head(&[]), End::Open, NOW);
    assert!(matches!(exchange.tick(NOW + Duration::from_secs(9)), OnAnswer::Hold));
    let reply = reply_of(exchange.tick(NOW + Duration::from_secs(10)));
    assert_eq!(reply.status, 500);
    let message = body(&reply)["error"]["message"].to_string();
    assert!(message.contains("allow_on_headers_stop_iteration"), "{message}");
    assert!(reply.notice.unwrap().contains("allow_on_headers_stop_iteration"));
}

#[test]
fn where_bodies_do_come_a_silent_client_is_told_so() {
    let (gate, _) = gate(&json!({}));
    asking(&gate, 1);
    let mut exchange = Exchange::new(Rc::clone(&gate));
    exchange.request_headers(&head(&[]), End::Open, NOW);
    assert!(matches!(exchange.tick(NOW + Duration::from_secs(29)), OnAnswer::Hold));
    assert_eq!(reply_of(exchange.tick(NOW + Duration::from_secs(30))).status, 408);
}

#[test]
fn an_answer_waits_for_nothing_after_the_terminal_event() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = asking(&gate, 1);
    exchange.response_headers(ok(), End::Open, NOW);
    let reply = reply_of(collect(&mut exchange, stream("QUJD"), End::Open, NOW));
    assert_eq!(reply.status, 200);
    assert_eq!(body(&reply)["data"][0]["b64_json"], "QUJD");
    // Whatever comes behind is nobody's.
    let late = collect(&mut exchange, b"junk".to_vec(), End::Stream, NOW);
    assert!(matches!(late, OnAnswer::Pass));
}

#[test]
fn an_upstream_that_takes_too_long_is_given_up() {
    let (gate, budget) = gate(&json!({}));
    for answered in [false, true] {
        let mut exchange = asking(&gate, 1);
        if answered {
            exchange.response_headers(ok(), End::Open, NOW);
            collect(&mut exchange, b"event: response.created\n".to_vec(), End::Open, NOW);
        }
        assert!(matches!(exchange.tick(NOW + Duration::from_secs(59)), OnAnswer::Hold));
        let reply = reply_of(exchange.tick(NOW + Duration::from_secs(60)));
        assert_eq!(reply.status, 504);
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_failure_of_the_upstream_is_told_in_the_clients_terms() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = asking(&gate, 1);
    let head = ResponseHead { status: 401, ..ok() };
    assert!(matches!(exchange.response_headers(head, End::Open, NOW), OnResponseHeaders::Hold));
    let error = br#"{"error":{"message":"token of org-secret expired","code":"token_expired"}}"#;
    let reply = reply_of(collect(&mut exchange, error.to_vec(), End::Stream, NOW));
    assert_eq!(reply.status, 502);
    assert!(!String::from_utf8_lossy(&reply.body).contains("org-secret"));
}

#[test]
fn a_failure_that_has_no_body_is_told_at_its_head() {
    let (gate, _) = gate(&json!({}));
    for (status, told) in [(204, 502), (302, 502), (429, 429), (503, 503), (0, 502)] {
        let mut exchange = asking(&gate, 1);
        let head = ResponseHead { status, ..ok() };
        match exchange.response_headers(head, End::Stream, NOW) {
            OnResponseHeaders::Reply(reply) => assert_eq!(reply.status, told, "of {status}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_envoy_says_of_an_upstream_is_told_from_what_the_upstream_says() {
    let (gate, _) = gate(&json!({}));
    for (status, details, told) in [
        (503, "upstream_reset_before_response_started{connection_termination}", 502),
        (503, "no_healthy_upstream", 503),
        (504, "response_timeout", 504),
        (404, "route_not_found", 500),
    ] {
        let mut exchange = asking(&gate, 1);
        let head = ResponseHead {
            status,
            envoy_details: Some(details.to_owned()),
            ..ResponseHead::default()
        };
        exchange.response_headers(head, End::Open, NOW);
        let reply = reply_of(collect(&mut exchange, b"text".to_vec(), End::Stream, NOW));
        assert!(reply.status == told || reply.status == 502, "{details}: {}", reply.status);
    }
}

#[test]
fn an_encoded_answer_was_not_asked_for() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = asking(&gate, 1);
    let head = ResponseHead { content_encoding: Some(b"gzip".to_vec()), ..ok() };
    exchange.response_headers(head, End::Open, NOW);
    let reply = reply_of(collect(&mut exchange, vec![0x1f, 0x8b], End::Stream, NOW));
    assert_eq!(reply.status, 502);
}

#[test]
fn pictures_of_side_calls_come_in_the_order_of_their_calls() {
    let (gate, budget) = gate(&json!({}));
    let mut exchange = asking(&gate, 3);
    assert!(matches!(side_call(&mut exchange, 1, &stream("Q0ND")), OnAnswer::Hold));
    exchange.response_headers(ok(), End::Open, NOW);
    let hold = collect(&mut exchange, stream("QUFB"), End::Stream, NOW);
    assert!(matches!(hold, OnAnswer::Hold));
    let reply = reply_of(side_call(&mut exchange, 0, &stream("QkJC")));
    let data = body(&reply);
    let images: Vec<&Value> =
        data["data"].as_array().unwrap().iter().map(|image| &image["b64_json"]).collect();
    assert_eq!(images, ["QUFB", "QkJC", "Q0ND"]);
    assert_eq!(data["usage"]["total_tokens"], 618);
    assert_eq!(header(&reply, "x-imagegate-images-failed"), None);
    assert_eq!(budget.used(), 0);
}

#[test]
fn what_came_is_delivered_and_what_failed_is_counted() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = asking(&gate, 3);
    exchange.response_headers(ResponseHead { status: 500, ..ok() }, End::Open, NOW);
    collect(&mut exchange, b"{}".to_vec(), End::Stream, NOW);
    exchange.side_call_headers(0, None, NOW);
    assert!(matches!(exchange.side_call_end(0, NOW), OnAnswer::Hold));
    let reply = reply_of(side_call(&mut exchange, 1, &stream("Q0ND")));
    assert_eq!(reply.status, 200);
    assert_eq!(body(&reply)["data"].as_array().unwrap().len(), 1);
    assert_eq!(header(&reply, "x-imagegate-images-failed"), Some("2"));
}

#[test]
fn where_all_failed_the_first_failure_is_told() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = asking(&gate, 2);
    exchange.side_call_headers(0, None, NOW);
    exchange.side_call_end(0, NOW);
    exchange.response_headers(ResponseHead { status: 429, ..ok() }, End::Open, NOW);
    let reply = reply_of(collect(&mut exchange, b"{}".to_vec(), End::Stream, NOW));
    assert_eq!(code(&reply), (429, json!("rate_limit_exceeded")));
}

#[test]
fn a_side_call_that_the_host_refuses_is_a_failed_one() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    let forward = ask(&mut exchange, &json!({"prompt": "a cat", "n": 3})).unwrap();
    assert_eq!(forward.side_calls.unwrap().count, 2);
    exchange.side_call_started(None);
    exchange.side_call_started(Some(7));
    exchange.response_headers(ok(), End::Open, NOW);
    collect(&mut exchange, stream("QUFB"), End::Stream, NOW);
    let reply = reply_of(side_call(&mut exchange, 7, &stream("Q0ND")));
    assert_eq!(header(&reply, "x-imagegate-images-failed"), Some("1"));
    assert_eq!(body(&reply)["data"][1]["b64_json"], "Q0ND");
}

#[test]
fn pictures_that_came_in_time_are_delivered_when_the_others_are_given_up() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = asking(&gate, 2);
    side_call(&mut exchange, 0, &stream("QkJC"));
    let reply = reply_of(exchange.tick(NOW + Duration::from_secs(60)));
    assert_eq!(reply.status, 200);
    assert_eq!(header(&reply, "x-imagegate-images-failed"), Some("1"));
}

#[test]
fn past_the_byte_budget_new_requests_are_refused_and_open_ones_finish() {
    let (gate, budget) = gate(&json!({"max_buffered_bytes": "64MiB", "max_image_bytes": "24MiB"}));
    let mut open = Vec::new();
    let mut refused = None;
    for _ in 0..20 {
        let mut exchange = Exchange::new(Rc::clone(&gate));
        match ask(&mut exchange, &json!({"prompt": "a cat", "size": "1024x1024"})) {
            Ok(_) => open.push(exchange),
            Err(reply) => {
                refused = Some(reply);
                break;
            }
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.status, 503);
    assert!(header(&refused, "retry-after").is_some());
    assert!(open.len() > 5, "only {} were admitted", open.len());
    for mut exchange in open {
        // As large as a picture of that size can be: every byte of it has its room.
        let reply = answer(&mut exchange, &[&stream(&"A".repeat(5_592_404))]);
        assert_eq!(reply.status, 200);
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_budget_smaller_than_a_picture_admits_one_request_at_a_time() {
    for (budget, request) in [
        ("1", json!({"prompt": "p"})),
        ("8MiB", json!({"prompt": "p"})),
        ("16MiB", json!({"prompt": "p", "n": 2})),
        ("100MiB", json!({"prompt": "p", "n": 4, "size": "3840x2160"})),
    ] {
        let (gate, used) = gate(&json!({"max_buffered_bytes": budget}));
        let mut first = Exchange::new(Rc::clone(&gate));
        assert!(ask(&mut first, &request).is_ok(), "{budget}");
        let refused = ask(&mut Exchange::new(Rc::clone(&gate)), &request);
        assert_eq!(refused.unwrap_err().status, 503, "{budget}");
        drop(first);
        assert_eq!(used.used(), 0);
    }
}

#[test]
fn what_a_client_declares_takes_no_room() {
    let (gate, budget) = gate(&json!({}));
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut exchange = Exchange::new(Rc::clone(&gate));
        let head = head(&[("content-length", "33554432")]);
        assert!(matches!(exchange.request_headers(&head, End::Open, NOW), OnRequestHeaders::Hold));
        open.push(exchange);
    }
    assert_eq!(budget.used(), 0);
    assert!(ask(&mut Exchange::new(gate), &json!({"prompt": "p"})).is_ok());
}

#[test]
fn what_goes_upstream_n_times_takes_room_n_times_until_the_upstream_answers() {
    let (gate, budget) = gate(&json!({}));
    let image = format!("data:image/png;base64,{}", "A".repeat(4_000_000));
    let mut exchange = Exchange::new(Rc::clone(&gate));
    let request = json!({"prompt": "p", "n": 5, "images": [image]});
    ask(&mut exchange, &request).unwrap();
    let while_sent = budget.used();
    exchange.response_headers(ok(), End::Open, NOW);
    assert!(while_sent - budget.used() >= 5 * 4_000_000);
}

#[test]
fn images_that_do_not_fit_into_one_answer_are_refused_by_n() {
    let (gate, _) = gate(&json!({}));
    let request = json!({"prompt": "p", "n": 10, "size": "3840x2160"});
    let reply = ask(&mut Exchange::new(Rc::clone(&gate)), &request).unwrap_err();
    assert_eq!(code(&reply), (400, json!("integer_above_max_value")));
    assert_eq!(body(&reply)["error"]["param"], "n");
    let request = json!({"prompt": "p", "n": 8, "size": "3840x2160"});
    assert!(ask(&mut Exchange::new(gate), &request).is_ok());
}

#[test]
fn a_preview_takes_no_room_from_its_picture() {
    let (gate, _) = gate(&json!({
        "accept_last_partial": true, "max_buffered_bytes": "12MiB", "max_image_bytes": "8MiB"
    }));
    let request = json!({"prompt": "p", "size": "1024x1024"});
    let mut exchange = Exchange::new(Rc::clone(&gate));
    ask(&mut exchange, &request).unwrap();
    let mut other = Exchange::new(Rc::clone(&gate));
    ask(&mut other, &request).unwrap();
    let preview = json!({"type": "response.image_generation_call.partial_image",
        "partial_image_b64": "A".repeat(5_000_000)});
    let rest = stream(&"A".repeat(5_000_000));
    let pieces = [crate::support::event(&preview).into_bytes(), rest].concat();
    assert_eq!(answer(&mut exchange, &[&pieces]).status, 200);
}

#[test]
fn an_error_whose_body_does_not_end_is_told_at_once_or_soon() {
    let (gate, _) = gate(&json!({}));
    let head = ResponseHead { status: 429, retry_after: Some(b"7".to_vec()), ..ok() };
    let mut whole = asking(&gate, 1);
    whole.response_headers(head.clone(), End::Open, NOW);
    let reply = reply_of(collect(&mut whole, br#"{"error":{}}"#.to_vec(), End::Open, NOW));
    assert_eq!((reply.status, header(&reply, "retry-after")), (429, Some("7")));
    let mut half = asking(&gate, 1);
    half.response_headers(head, End::Open, NOW);
    assert!(matches!(collect(&mut half, b"{\"err".to_vec(), End::Open, NOW), OnAnswer::Hold));
    assert!(matches!(half.tick(NOW + Duration::from_secs(1)), OnAnswer::Hold));
    assert_eq!(reply_of(half.tick(NOW + Duration::from_secs(2))).status, 429);
}

#[test]
fn an_error_in_json_with_a_status_of_success_is_an_error() {
    let (gate, _) = gate(&json!({}));
    for (error, told) in [
        (r#"{"error":{"code":"rate_limit_exceeded","message":"m"}}"#, 429),
        (r#"{"id":"resp_1"}"#, 502),
    ] {
        let mut exchange = asking(&gate, 1);
        let content_type = Some(b"application/json; charset=utf-8".to_vec());
        exchange.response_headers(ResponseHead { content_type, ..ok() }, End::Open, NOW);
        let reply = reply_of(collect(&mut exchange, error.as_bytes().to_vec(), End::Open, NOW));
        assert_eq!(reply.status, told);
    }
}

#[test]
fn an_id_that_a_client_made_up_comes_back_presentable() {
    let (gate, _) = gate(&json!({}));
    for (sent, shown) in [("a\u{e9}\nb", "a___b".to_owned()), (&"x".repeat(200), "x".repeat(128))] {
        let head = head(&[("x-request-id", sent), (":method", "GET")]);
        match Exchange::new(Rc::clone(&gate)).request_headers(&head, End::Open, NOW) {
            OnRequestHeaders::Reply(reply) => {
                assert_eq!(header(&reply, "x-request-id"), Some(shown.as_str()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_length_beyond_all_memory_is_too_large() {
    assert_eq!(refused(&[("content-length", "5000000000")]).status, 413);
}

#[test]
fn a_picture_beyond_its_limit_is_not_delivered() {
    let (gate, budget) = gate(&json!({"max_image_bytes": "1MiB"}));
    let reply = answer(&mut asking(&gate, 1), &[&stream(&"A".repeat(1_398_104))]);
    assert_eq!(reply.status, 200);
    let reply = answer(&mut asking(&gate, 1), &[&stream(&"A".repeat(1_398_108))]);
    assert_eq!(reply.status, 502);
    assert_eq!(budget.used(), 0);
}

#[test]
fn previews_and_repeated_copies_are_never_kept() {
    let (gate, budget) = gate(&json!({}));
    let mut exchange = asking(&gate, 1);
    exchange.response_headers(ok(), End::Open, NOW);
    let admitted = budget.used();
    let preview = json!({"type": "response.image_generation_call.partial_image",
        "partial_image_b64": "A".repeat(20_000_000)});
    collect(&mut exchange, crate::support::event(&preview).into_bytes(), End::Open, NOW);
    assert_eq!(budget.used(), admitted);
    let done =
        json!({"type": "response.output_item.done", "item": crate::support::item("ig_1", "QUJD")});
    collect(&mut exchange, crate::support::event(&done).into_bytes(), End::Open, NOW);
    let copy = json!({"type": "response.completed",
        "response": {"output": [crate::support::item("ig_1", &"A".repeat(20_000_000))]}});
    let before = budget.used();
    let copy = crate::support::event(&copy).into_bytes();
    let (most, rest) = copy.split_at(copy.len() - 10);
    collect(&mut exchange, most.to_vec(), End::Open, NOW);
    assert_eq!(budget.used(), before);
    let reply = reply_of(collect(&mut exchange, rest.to_vec(), End::Open, NOW));
    assert_eq!(body(&reply)["data"][0]["b64_json"], "QUJD");
}

#[test]
fn a_url_is_a_data_url_of_the_pictures_own_type() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    ask(&mut exchange, &json!({"prompt": "a cat", "response_format": "url"})).unwrap();
    let reply = answer(&mut exchange, &[&stream("QUJD")]);
    let image = &body(&reply)["data"][0];
    assert_eq!(image["url"], "data:image/png;base64,QUJD");
    assert!(image.get("b64_json").is_none());
}

#[test]
fn words_within_a_prompt_cannot_take_the_place_of_a_picture() {
    let (gate, _) = gate(&json!({}));
    for format in ["b64_json", "url"] {
        let mut exchange = Exchange::new(Rc::clone(&gate));
        ask(&mut exchange, &json!({"prompt": "x", "response_format": format})).unwrap();
        let mut item = crate::support::item("ig_1", "QUJD");
        let words = r#""b64_json":"" ;base64,""#;
        item["revised_prompt"] = Value::from(words);
        let stream =
            crate::support::event(&json!({"type": "response.output_item.done", "item": item}))
                + &crate::support::event(&json!({"type": "response.completed", "response": {}}));
        let reply = answer(&mut exchange, &[stream.as_bytes()]);
        assert_eq!(body(&reply)["data"][0]["revised_prompt"], words);
        assert!(body(&reply)["data"][0].to_string().contains("QUJD"));
    }
}

#[test]
fn the_record_tells_what_became_of_an_exchange() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = asking(&gate, 1);
    let reply = answer(&mut exchange, &[&stream("QUJD")]);
    let record = exchange.finish(Some(200), NOW + Duration::from_millis(1500)).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let wanted = json!({"request_id": "request-1", "endpoint": "generations", "host_model": "gpt-6-luna",
        "consumer": "acme-web", "user": "acme", "model": "gpt-image-2", "upstream": "codex",
        "status": 200, "code": null, "images_asked": 1, "images_delivered": 1, "images_failed": 0,
        "images_dropped": 0, "size": "1024x1024", "quality": "low", "input_tokens": 10,
        "output_tokens": 196, "rule": null, "reserved_nanodollars": 0, "settled_nanodollars": 0,
        "price_mismatch": false, "bytes_in": 24, "bytes_out": reply.body.len(), "ms_to_first_byte": 0,
        "ms_to_image": 0, "ms_total": 1500});
    assert_eq!(record, wanted);
}

#[test]
fn the_record_of_a_refused_request_names_the_code() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    ask(&mut exchange, &json!({"prompt": "a cat", "n": 11})).unwrap_err();
    let record: Value = serde_json::from_slice(&exchange.finish(None, NOW).unwrap()).unwrap();
    assert_eq!(record["status"], 400);
    assert_eq!(record["code"], "integer_above_max_value");
    assert_eq!(record["consumer"], "acme-web");
}

#[test]
fn a_request_that_is_not_ours_leaves_no_record() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    exchange.request_headers(&head(&[(":path", "/other")]), End::Open, NOW);
    assert!(exchange.finish(Some(200), NOW).is_none());
}

#[test]
fn the_record_of_an_exchange_that_ended_early_says_why() {
    let (gate, _) = gate(&json!({}));
    for (status, code) in [
        (None, "client_closed_request"),
        (Some(502), "upstream_disconnected"),
        (Some(504), "upstream_timeout"),
    ] {
        let mut exchange = asking(&gate, 2);
        let record: Value = serde_json::from_slice(&exchange.finish(status, NOW).unwrap()).unwrap();
        assert_eq!(record["code"], code);
        assert_eq!(record["status"], json!(status));
        assert_eq!(record["images_failed"], 2);
    }
}
