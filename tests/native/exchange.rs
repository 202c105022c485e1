//! Whole exchanges through the public API, without Envoy: what goes upstream, what the client gets,
//! in which phase, and that nothing is left over.

use std::rc::Rc;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::codex::{completed, done, preview};
use crate::support::driver::{Driver, Host};
use crate::support::{KEY, NOW, TOKEN, after, digest, gate, head, item, ok, stream};
use imagegate::exchange::{End, OnRequestBody, OnResponseHeaders, ResponseHead, Shared};
use serde_json::{Value, json};

fn code(client: &Client) -> (u16, Value) {
    (client.status, client.code())
}

/// A driver that has received the head of a request.
fn opened(gate: &Rc<Shared>, more: &[(&str, &str)], end: End) -> Driver {
    let mut driver = Driver::new(gate);
    driver.request_head(&head(more), end);
    driver
}

/// The rejection of a request at its head.
fn rejected(more: &[(&str, &str)]) -> Client {
    let client = opened(&gate(&json!({})).0, more, End::Open).client;
    assert!(client.at_once);
    client
}

/// A driver that waits for its upstream, with this many images asked for.
fn waiting(gate: &Rc<Shared>, n: u32) -> Driver {
    Driver::admitted(gate, &json!({"prompt": "a cat", "n": n}))
}

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
fn a_request_whose_side_calls_have_no_cluster_never_goes_upstream() {
    let (gate, budget) = gate(&json!({}));
    let mut driver = Driver::with_host(&gate, &[Host::LacksCluster, Host::LacksCluster]);
    let client = driver.request(&head(&[]), br#"{"prompt":"a cat","n":3}"#);
    assert_eq!(code(client), (500, json!("gateway_misconfigured")));
    assert_eq!(client.header("x-should-retry"), Some("false"));
    assert!(!driver.forwarded && driver.calls.len() == 2);
    let notice = &driver.notices[0];
    assert!(notice.starts_with("upstream `codex`: Envoy has no cluster"), "{notice}");
    assert_eq!(budget.used(), 0);
}

#[test]
fn images_that_fail_for_lack_of_a_route_are_logged() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 2);
    let details = Some("cluster_not_found".to_owned());
    let head = ResponseHead { status: 404, envoy_details: details, ..ResponseHead::default() };
    assert!(driver.upstream(head, &[b"gone"]).waits());
    let client = driver.side(0, Some(ok()), &stream("QUJD"));
    assert_eq!((client.status, client.header("x-imagegate-images-failed")), (200, Some("1")));
    let notice = driver.notices.last().unwrap();
    assert!(notice.contains("upstream `codex`: Envoy has no route"), "{notice}");
}

#[test]
fn a_page_of_html_in_a_200_is_no_answer_that_was_cut() {
    for page in [
        "<html><title>Just a moment...</title></html>",
        "<html><title>Attention Required! | Cloudflare</title></html>",
    ] {
        let (gate, _) = gate(&json!({}));
        let content_type = Some(b"text/html; charset=UTF-8".to_vec());
        let head = ResponseHead { status: 200, content_type, ..ResponseHead::default() };
        let mut driver = waiting(&gate, 1);
        driver.upstream_head(head);
        let client = driver.response_body(page.as_bytes(), End::Stream);
        assert_eq!(code(client), (502, json!("upstream_blocked")), "{page}");
    }
}

#[test]
fn a_request_that_envoy_has_no_route_for_says_so_to_the_operator() {
    for details in ["route_not_found", "cluster_not_found"] {
        let (gate, _) = gate(&json!({}));
        let mut driver = waiting(&gate, 1);
        let details = Some(details.to_owned());
        let head = ResponseHead { status: 404, envoy_details: details, ..ResponseHead::default() };
        driver.upstream_head(head);
        let client = driver.response_body(b"gone", End::Stream);
        assert_eq!(code(client), (500, json!("gateway_misconfigured")));
        let notice = driver.notices.last().unwrap();
        assert!(notice.contains("upstream `codex`: Envoy has no route"), "{notice}");
        assert!(notice.contains("wasm.imagegate_upstream"), "{notice}");
    }
}

#[test]
fn the_head_alone_decides_what_it_can() {
    assert_eq!(code(&rejected(&[("authorization", "Bearer no")])), (401, json!("invalid_api_key")));
    assert_eq!(rejected(&[(":method", "GET")]).status, 405);
    assert_eq!(rejected(&[("content-type", "text/plain")]).status, 415);
    assert_eq!(rejected(&[("content-encoding", "gzip")]).status, 415);
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
fn an_answer_waits_for_nothing_after_the_terminal_event() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    driver.upstream_head(ok());
    let client = driver.upstream_bytes(&stream("QUJD")).clone();
    assert_eq!(client.status, 200);
    assert_eq!(client.json()["data"][0]["b64_json"], "QUJD");
    // The driver asserts that the exchange ignores what arrives after its reply.
    driver.response_body(b"junk", End::Stream);
    assert_eq!(driver.client.body, client.body);
}

#[test]
fn an_upstream_that_takes_too_long_is_given_up() {
    let (gate, budget) = gate(&json!({}));
    for answered in [false, true] {
        let mut driver = waiting(&gate, 1);
        if answered {
            driver.upstream_head(ok());
            driver.upstream_bytes(b"event: response.created\n");
        }
        assert!(driver.tick(after(59)).waits());
        let reply = driver.tick(after(60)).clone();
        assert_eq!(reply.status, 504);
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_failure_of_the_upstream_is_reported_in_the_clients_terms() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    assert!(driver.upstream_head(ResponseHead { status: 401, ..ok() }).waits());
    let error = br#"{"error":{"message":"token of org-secret expired","code":"token_expired"}}"#;
    let client = driver.response_body(error, End::Stream);
    assert_eq!(client.status, 502);
    assert!(!client.text().contains("org-secret"));
}

#[test]
fn a_failure_without_a_body_is_reported_at_its_head() {
    let (gate, _) = gate(&json!({}));
    for (status, reported) in [(204, 502), (302, 502), (429, 429), (503, 503), (0, 502)] {
        let head = ResponseHead { status, ..ok() };
        let client = waiting(&gate, 1).response_head(head, End::Stream).clone();
        assert_eq!(client.status, reported, "of {status}");
    }
}

#[test]
fn errors_of_envoy_are_kept_apart_from_those_of_the_upstream() {
    let (gate, _) = gate(&json!({}));
    for (status, details, reported) in [
        (503, "upstream_reset_before_response_started{connection_termination}", 502),
        (503, "no_healthy_upstream", 503),
        (504, "response_timeout", 504),
        (404, "route_not_found", 500),
    ] {
        let mut driver = waiting(&gate, 1);
        let head = ResponseHead {
            status,
            envoy_details: Some(details.to_owned()),
            ..ResponseHead::default()
        };
        driver.upstream_head(head);
        let reply = driver.response_body(b"text", End::Stream).clone();
        assert!(reply.status == reported || reply.status == 502, "{details}: {}", reply.status);
    }
}

#[test]
fn an_encoded_answer_is_invalid() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    let head = ResponseHead { content_encoding: Some(b"gzip".to_vec()), ..ok() };
    driver.upstream_head(head);
    let reply = driver.response_body(&[0x1f, 0x8b], End::Stream).clone();
    assert_eq!(reply.status, 502);
}

#[test]
fn images_of_side_calls_are_in_the_order_of_their_calls() {
    let (gate, budget) = gate(&json!({}));
    let mut driver = waiting(&gate, 3);
    assert!(driver.side(1, Some(ok()), &stream("Q0ND")).waits());
    driver.upstream_head(ok());
    let hold = driver.response_body(&stream("QUFB"), End::Stream);
    assert!(hold.waits());
    let reply = driver.side(0, Some(ok()), &stream("QkJC")).clone();
    let data = reply.json();
    let images: Vec<&Value> =
        data["data"].as_array().unwrap().iter().map(|image| &image["b64_json"]).collect();
    assert_eq!(images, ["QUFB", "QkJC", "Q0ND"]);
    assert_eq!(data["usage"]["total_tokens"], 618);
    assert_eq!(reply.header("x-imagegate-images-failed"), None);
    assert_eq!(budget.used(), 0);
}

#[test]
fn images_that_arrive_are_delivered_and_those_that_fail_are_counted() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 3);
    driver.upstream(ResponseHead { status: 500, ..ok() }, &[b"{}"]);
    assert!(driver.side(0, None, b"").waits());
    let client = driver.side(1, Some(ok()), &stream("Q0ND"));
    assert_eq!(client.status, 200);
    assert_eq!(client.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(client.header("x-imagegate-images-failed"), Some("2"));
}

#[test]
fn if_all_calls_failed_the_first_failure_is_reported() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 2);
    driver.side(0, None, b"");
    let client = driver.upstream(ResponseHead { status: 429, ..ok() }, &[b"{}"]);
    assert_eq!(code(client), (429, json!("rate_limit_exceeded")));
}

#[test]
fn a_side_call_that_the_host_does_not_start_has_failed() {
    let (gate, _) = gate(&json!({}));
    let mut driver = Driver::with_host(&gate, &[Host::Refuses]);
    driver.request(&head(&[]), br#"{"prompt":"a cat","n":3}"#);
    assert_eq!(driver.calls.len(), 2);
    driver.answer(&[&stream("QUFB")]);
    let client = driver.side(1, Some(ok()), &stream("Q0ND"));
    assert_eq!(client.header("x-imagegate-images-failed"), Some("1"));
    assert_eq!(client.json()["data"][1]["b64_json"], "Q0ND");
}

#[test]
fn images_that_arrive_in_time_are_delivered_if_the_others_time_out() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 2);
    driver.side(0, Some(ok()), &stream("QkJC"));
    let reply = driver.tick(after(60)).clone();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-imagegate-images-failed"), Some("1"));
}

#[test]
fn past_the_byte_budget_new_requests_are_rejected_and_open_ones_finish() {
    let (gate, budget) = gate(&json!({"max_buffered_bytes": "64MiB", "max_image_bytes": "24MiB"}));
    let mut open = Vec::new();
    let mut rejected = None;
    for _ in 0..20 {
        let driver = Driver::ask(&gate, &json!({"prompt": "a cat", "size": "1024x1024"}));
        if driver.client.at_once {
            rejected = Some(driver.client);
            break;
        }
        open.push(driver);
    }
    let rejected = rejected.unwrap();
    assert_eq!(rejected.status, 503);
    assert!(rejected.header("retry-after").is_some());
    assert!(open.len() > 5, "only {} were admitted", open.len());
    for mut driver in open {
        // The largest image of that size: each byte of it has its memory.
        assert_eq!(driver.answer(&[&stream(&"A".repeat(5_592_404))]).status, 200);
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_budget_smaller_than_an_image_admits_one_request_at_a_time() {
    for (budget, request) in [
        ("1", json!({"prompt": "p"})),
        ("8MiB", json!({"prompt": "p"})),
        ("16MiB", json!({"prompt": "p", "n": 2})),
        ("100MiB", json!({"prompt": "p", "n": 4, "size": "3840x2160"})),
    ] {
        let (gate, used) = gate(&json!({"max_buffered_bytes": budget}));
        let first = Driver::admitted(&gate, &request);
        assert_eq!(Driver::rejected(&gate, &request).status, 503, "{budget}");
        drop(first);
        assert_eq!(used.used(), 0);
    }
}

#[test]
fn what_a_client_declares_takes_no_memory() {
    let (gate, budget) = gate(&json!({}));
    let declared = [("content-length", "33554432")];
    let open: Vec<_> = (0..100).map(|_| opened(&gate, &declared, End::Open)).collect();
    assert!(open.iter().all(|driver| driver.client.waits()));
    assert_eq!(budget.used(), 0);
    waiting(&gate, 1);
}

#[test]
fn what_goes_upstream_n_times_takes_memory_n_times_until_the_upstream_answers() {
    let (gate, budget) = gate(&json!({}));
    let image = format!("data:image/png;base64,{}", "A".repeat(4_000_000));
    let request = json!({"prompt": "p", "n": 5, "images": [image]});
    let mut driver = Driver::admitted(&gate, &request);
    let while_sent = budget.used();
    driver.upstream_head(ok());
    assert!(while_sent - budget.used() >= 5 * 4_000_000);
}

#[test]
fn images_that_do_not_fit_into_one_answer_are_rejected_by_n() {
    let (gate, _) = gate(&json!({}));
    let request = json!({"prompt": "p", "n": 10, "size": "3840x2160"});
    let reply = Driver::rejected(&gate, &request);
    assert_eq!(code(&reply), (400, json!("integer_above_max_value")));
    assert_eq!(reply.json()["error"]["param"], "n");
    let request = json!({"prompt": "p", "n": 8, "size": "3840x2160"});
    Driver::admitted(&gate, &request);
}

#[test]
fn a_preview_takes_no_memory_from_its_image() {
    let (gate, _) = gate(&json!({
        "accept_last_partial": true, "max_buffered_bytes": "12MiB", "max_image_bytes": "8MiB"
    }));
    let request = json!({"prompt": "p", "size": "1024x1024"});
    let mut driver = Driver::admitted(&gate, &request);
    let _other = Driver::admitted(&gate, &request);
    let preview = preview(0, &"A".repeat(5_000_000));
    let rest = stream(&"A".repeat(5_000_000));
    assert_eq!(driver.answer(&[&[preview.as_bytes(), &rest].concat()]).status, 200);
}

#[test]
fn an_error_whose_body_does_not_end_is_reported_at_once_or_soon() {
    let (gate, _) = gate(&json!({}));
    let head = ResponseHead { status: 429, retry_after: Some(b"7".to_vec()), ..ok() };
    let mut whole = waiting(&gate, 1);
    whole.upstream_head(head.clone());
    let reply = whole.upstream_bytes(br#"{"error":{}}"#).clone();
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
    let mut half = waiting(&gate, 1);
    half.upstream_head(head);
    assert!(half.upstream_bytes(b"{\"err").waits());
    assert!(half.tick(after(1)).waits());
    assert_eq!(half.tick(after(2)).status, 429);
}

#[test]
fn an_error_in_json_with_a_status_of_success_is_an_error() {
    let (gate, _) = gate(&json!({}));
    for (error, expected) in [
        (r#"{"error":{"code":"rate_limit_exceeded","message":"m"}}"#, 429),
        (r#"{"id":"resp_1"}"#, 502),
    ] {
        let mut driver = waiting(&gate, 1);
        let content_type = Some(b"application/json; charset=utf-8".to_vec());
        driver.upstream_head(ResponseHead { content_type, ..ok() });
        let reply = driver.upstream_bytes(error.as_bytes()).clone();
        assert_eq!(reply.status, expected);
    }
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

#[test]
fn an_image_beyond_its_limit_is_not_delivered() {
    let (gate, budget) = gate(&json!({"max_image_bytes": "1MiB"}));
    for (len, status) in [(1_398_104, 200), (1_398_108, 502)] {
        assert_eq!(waiting(&gate, 1).answer(&[&stream(&"A".repeat(len))]).status, status);
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn previews_and_repeated_copies_are_never_kept() {
    let (gate, budget) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    driver.upstream_head(ok());
    let admitted = budget.used();
    driver.upstream_bytes(preview(0, &"A".repeat(20_000_000)).as_bytes());
    assert_eq!(budget.used(), admitted);
    driver.upstream_bytes(done(&item("ig_1", "QUJD")).as_bytes());
    let copy = completed(&json!({"output": [item("ig_1", &"A".repeat(20_000_000))]}));
    let before = budget.used();
    let (most, rest) = copy.as_bytes().split_at(copy.len() - 10);
    driver.upstream_bytes(most);
    assert_eq!(budget.used(), before);
    let client = driver.upstream_bytes(rest);
    assert_eq!(client.json()["data"][0]["b64_json"], "QUJD");
}

#[test]
fn a_url_is_a_data_url_of_the_images_own_type() {
    let (gate, _) = gate(&json!({}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat", "response_format": "url"}));
    let reply = driver.answer(&[&stream("QUJD")]);
    let image = &reply.json()["data"][0];
    assert_eq!(image["url"], "data:image/png;base64,QUJD");
    assert!(image.get("b64_json").is_none());
}

#[test]
fn text_in_a_revised_prompt_cannot_replace_an_image() {
    let (gate, _) = gate(&json!({}));
    for format in ["b64_json", "url"] {
        let request = json!({"prompt": "x", "response_format": format});
        let mut driver = Driver::admitted(&gate, &request);
        let mut item = item("ig_1", "QUJD");
        let words = r#""b64_json":"" ;base64,""#;
        item["revised_prompt"] = Value::from(words);
        let stream = done(&item) + &completed(&json!({}));
        let image = driver.answer(&[stream.as_bytes()]).json()["data"][0].clone();
        assert_eq!(image["revised_prompt"], words);
        assert!(image.to_string().contains("QUJD"));
    }
}

#[test]
fn the_record_holds_the_outcome_of_an_exchange() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    let len = driver.answer(&[&stream("QUJD")]).body.len();
    driver.now = NOW + Duration::from_millis(1500);
    let record = driver.close(Some(200));
    let wanted = json!({"request_id": "request-1", "endpoint": "generations",
        "host_model": "gpt-6-luna",
        "consumer": "acme-web", "user": "acme", "model": "gpt-image-2", "upstream": "codex",
        "status": 200, "code": null, "images_asked": 1, "images_delivered": 1, "images_failed": 0,
        "images_dropped": 0, "size": "1024x1024", "quality": "low", "input_tokens": 10,
        "output_tokens": 196, "rule": null, "reserved_nanodollars": 0, "settled_nanodollars": 0,
        "price_mismatch": false, "bytes_in": 24, "bytes_out": len, "ms_to_first_byte": 0,
        "ms_to_image": 0, "ms_total": 1500});
    assert_eq!(record, wanted);
}

#[test]
fn the_record_of_a_rejected_request_names_the_code() {
    let (gate, _) = gate(&json!({}));
    let record = Driver::ask(&gate, &json!({"prompt": "a cat", "n": 11})).close(None);
    assert_eq!(record["status"], 400);
    assert_eq!(record["code"], "integer_above_max_value");
    assert_eq!(record["consumer"], "acme-web");
}

#[test]
fn a_request_that_is_not_ours_leaves_no_record() {
    let (gate, _) = gate(&json!({}));
    let mut driver = opened(&gate, &[(":path", "/other")], End::Open);
    assert!(driver.log(Some(200)).is_none());
}

#[test]
fn the_record_of_an_exchange_that_ended_early_says_why() {
    let (gate, _) = gate(&json!({}));
    for (status, code) in [
        (None, "client_closed_request"),
        (Some(502), "upstream_disconnected"),
        (Some(504), "upstream_timeout"),
    ] {
        let mut driver = waiting(&gate, 2);
        let record = driver.close(status);
        assert_eq!(record["code"], code);
        assert_eq!(record["status"], json!(status));
        assert_eq!(record["images_failed"], 2);
    }
}
