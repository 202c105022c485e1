//! Which answers make an upstream rest, for how long, and what ends a rest.

use std::rc::Rc;
use std::time::Duration;

use super::{Does, ask_at, head, limited, pool, request, retry_after, run, secs};
use crate::support::client::Client;
use crate::support::{NOW, SharedData, event, gate};
use imagegate::exchange::{End, ResponseHead, Shared};
use serde_json::{Value, json};

#[test]
fn a_time_is_read_from_each_place_that_names_it() {
    for (does, wait) in [
        (limited(json!({"resets_in_seconds": 471_285})), 471_285),
        (limited(json!({"resets_in_seconds": "471285"})), 471_285),
        (limited(json!({"resets_at": NOW.as_secs() + 99})), 99),
        (limited(json!({"resets_at": (NOW.as_secs() + 99) * 1000})), 99),
        (limited(json!({"resets_at": 99_999_999_999_u64})), 7 * 86_400),
        (limited(json!({"resets_at": null, "resets_in_seconds": null})), 5),
        (Does::Limits("retry-after", "77"), 77),
        (Does::Limits("retry-after", "Thu, 01 Jan 2026 00:01:17 GMT"), 77),
        (Does::Limits("retry-after-ms", "1500"), 2),
        (Does::Limits("x-codex-primary-reset-after-seconds", "471285"), 471_285),
        (Does::Limits("x-codex-secondary-reset-at", "1767225700"), 100),
        (Does::Limits("retry-after", "soon"), 5),
        (
            Does::Answers(
                429,
                json!({"code": "rate_limit_exceeded",
            "message": "Please try again in 2s."}),
            ),
            2,
        ),
        (
            Does::Answers(
                429,
                json!({"code": "rate_limit_exceeded",
            "message": "Please try again in 9 days."}),
            ),
            5,
        ),
        (Does::Answers(402, json!({})), 60),
        (Does::Answers(401, json!({})), 5),
        (Does::Unreachable, 1),
    ] {
        let gate = pool(&json!({"upstream": "a"}));
        run(&gate, &request(), NOW, &mut |_| does.clone());
        let reply = ask_at(&gate, &request(), NOW).1.unwrap_err();
        assert_eq!(retry_after(&reply), Some(wait.to_string().as_str()), "{does:?}");
    }
}

#[test]
fn failures_that_the_client_causes_rest_no_upstream() {
    for does in [
        Does::Answers(400, json!({"code": "moderation_blocked"})),
        Does::Answers(400, json!({"type": "image_generation_user_error"})),
        Does::Answers(400, json!({"message": "Billing quota: please try again in 9 hours."})),
        Does::Answers(403, json!({"message": "no"})),
        Does::Answers(404, json!({"code": "model_not_found"})),
        Does::Answers(500, json!({"type": "server_error"})),
        Does::Answers(503, json!({"code": "server_is_overloaded"})),
    ] {
        let gate = pool(&json!({"upstream": "a"}));
        for _ in 0..3 {
            let (called, _, _) = run(&gate, &request(), NOW, &mut |_| does.clone());
            assert_eq!(called, ["a"], "{does:?}");
        }
    }
}

/// The events of an answer in words, without an image.
fn words(text: &str) -> Vec<u8> {
    let item = json!({"type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": text}]});
    let events = [
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"output": [item]}}),
    ];
    events.iter().map(event).collect::<String>().into_bytes()
}

#[test]
fn a_wait_in_words_rests_no_upstream_and_an_event_does() {
    let events = |bytes: Vec<u8>| {
        let gate = pool(&json!({"upstream": "a"}));
        let (mut driver, _) = ask_at(&gate, &request(), NOW);
        let type_of = ("content-type", "text/event-stream");
        driver.upstream_head(head(&[(":status", "200"), type_of], NOW));
        let status = driver.response_body(&bytes, End::Stream).status;
        (status, ask_at(&gate, &request(), NOW).1.is_err())
    };
    let limit_in_words =
        words("You've reached your image limit for today; it resets in about 14 hours.");
    assert_eq!(events(limit_in_words), (429, false));
    let failed = event(&json!({"type": "response.failed",
        "response": {"error": {"code": "rate_limit_exceeded", "message": "no"}}}));
    assert_eq!(events(failed.into_bytes()), (429, true));
}

#[test]
fn another_credential_ends_a_rest() {
    let data = SharedData::default();
    let with_token = |account: &str| {
        let upstream = json!({"authority": "a.example", "credential": {"bearer_env": account}});
        let config = crate::support::config(&json!({"upstreams": {"a": upstream}}));
        let vm = Rc::default();
        Rc::new(Shared::new(config, vm, Box::new(data.clone())))
    };
    let first = with_token("TOKEN");
    run(&first, &request(), NOW, &mut |_| Does::Answers(401, json!({})));
    assert!(ask_at(&first, &request(), NOW).1.is_err());
    assert!(ask_at(&with_token("TOKEN"), &request(), NOW).1.is_err(), "another worker");
    assert!(ask_at(&with_token("ACCOUNT"), &request(), NOW).1.is_ok());
}

/// The head and the body of an error with these headers.
fn error_with(status: &str, headers: &[(&str, &str)], error: &Value) -> (ResponseHead, Vec<u8>) {
    let fixed = [(":status", status), ("content-type", "application/json")];
    let body = json!({ "error": error }).to_string().into_bytes();
    (head(&[&fixed, headers].concat(), NOW), body)
}

/// How long the only upstream rests after this answer, in seconds, and what the client is sent.
fn rest_after((head, bytes): (ResponseHead, Vec<u8>)) -> (Option<u64>, Client) {
    let gate = pool(&json!({"upstream": "a"}));
    let (mut driver, _) = ask_at(&gate, &request(), NOW);
    driver.upstream_head(head);
    let reply = driver.response_body(&bytes, End::Stream).clone();
    let rest = ask_at(&gate, &request(), NOW).1.err();
    (rest.map(|it| retry_after(&it).unwrap().parse().unwrap()), reply)
}

#[test]
fn usage_limits_say_nothing_about_other_failures() {
    let full = [
        ("x-codex-primary-used-percent", "100"),
        ("x-codex-primary-reset-after-seconds", "471285"),
    ];
    let overloaded = json!({"code": "server_is_overloaded"});
    let (rest, reply) = rest_after(error_with("503", &full, &overloaded));
    assert_eq!((rest, retry_after(&reply)), (None, Some("5")));
    let (rest, _) = rest_after(error_with("401", &full, &json!({"code": "token_expired"})));
    assert_eq!(rest, Some(5));
    let busy = json!({"message": "Selected model is at capacity. Please try a different model."});
    assert_eq!(rest_after(error_with("429", &full, &busy)).0, None);
    let limited = json!({"type": "usage_limit_reached"});
    assert_eq!(rest_after(error_with("429", &full, &limited)).0, Some(471_285));
    assert_eq!(rest_after(error_with("402", &full, &json!({}))).0, Some(471_285));
}

#[test]
fn a_renewed_credential_and_a_new_connection_are_soon_tried() {
    let week = [("retry-after", "604800")];
    for (status, wait) in [("401", 5), ("523", 1)] {
        assert_eq!(rest_after(error_with(status, &week, &json!({}))).0, Some(wait), "{status}");
    }
}

#[test]
fn a_limit_that_one_request_alone_exceeds_rests_no_upstream() {
    for error in [
        json!({"code": "rate_limit_exceeded", "type": "input-images", "message":
            "Request too large for gpt-image-2 on input-images per min (IPM): Limit 5, \
             Requested 16."}),
        json!({"code": "content_policy_violation"}),
        json!({"code": "request_too_large"}),
        json!({"code": "invalid_prompt"}),
    ] {
        assert_eq!(rest_after(error_with("429", &[], &error)).0, None, "{error}");
    }
    for error in [
        json!({"code": "permission_denied"}),
        json!({"code": "AccessDenied", "param": "images[0].image_url"}),
        json!({"code": "unauthorized", "message": "Error while downloading https://x.example/y."}),
    ] {
        assert_eq!(rest_after(error_with("400", &[], &error)).0, None, "{error}");
    }
}

#[test]
fn a_pause_of_zero_is_ignored_and_a_short_one_lasts_a_second() {
    for header in [("retry-after", "0"), ("retry-after", "-1"), ("retry-after-ms", "0")] {
        let (rest, _) = rest_after(error_with("429", &[header], &json!({})));
        assert_eq!(rest, Some(5), "{header:?}");
    }
    // Otherwise the rest would be over for each request.
    let hint = json!({"message": "Please try again in 1ms."});
    for error in
        [error_with("429", &[("retry-after-ms", "1")], &json!({})), error_with("429", &[], &hint)]
    {
        let gate = pool(&json!({"upstream": "a"}));
        let (mut driver, _) = ask_at(&gate, &request(), NOW);
        driver.upstream_head(error.0);
        driver.response_body(&error.1, End::Stream);
        let soon = NOW + Duration::from_millis(900);
        assert!(ask_at(&gate, &request(), soon).1.is_err());
        assert!(ask_at(&gate, &request(), NOW + secs(1)).1.is_ok());
    }
}

#[test]
fn a_rest_that_ended_long_ago_delays_no_request() {
    let gate = pool(&json!({"upstream": "a"}));
    run(&gate, &request(), NOW, &mut |_| limited(json!({"resets_in_seconds": 10})));
    let now = NOW + secs(3600);
    let both = [ask_at(&gate, &request(), now).1, ask_at(&gate, &request(), now).1];
    assert!(both.iter().all(Result::is_ok));
}

#[test]
fn a_clock_that_is_set_back_does_not_make_a_rest_longer() {
    let gate = pool(&json!({"upstream": "a"}));
    let ahead = NOW + secs(365 * 86_400);
    run(&gate, &request(), ahead, &mut |_| limited(json!({"resets_in_seconds": 10})));
    assert!(ask_at(&gate, &request(), NOW).1.is_ok());
}

#[test]
fn a_shorter_max_rest_ends_longer_rests() {
    let data = SharedData::default();
    let with = |max_rest: &str| {
        let upstream =
            json!({"authority": "a.example", "credential": "envoy", "max_rest": max_rest});
        let config = crate::support::config(&json!({"upstreams": {"a": upstream}}));
        Rc::new(Shared::new(config, Rc::default(), Box::new(data.clone())))
    };
    let week = || limited(json!({"resets_in_seconds": 604_800}));
    run(&with("7d"), &request(), NOW, &mut |_| week());
    assert!(ask_at(&with("7d"), &request(), NOW).1.is_err());
    let gate = with("1h");
    let (called, _, _) = run(&gate, &request(), NOW, &mut |_| week());
    assert_eq!(called, ["a"]);
    let reply = ask_at(&gate, &request(), NOW).1.unwrap_err();
    assert_eq!(retry_after(&reply), Some("3600"));
    let rest = |gate: &Shared| gate.upstream_gauges(NOW)[0].amount;
    assert_eq!((rest(&gate), rest(&with("0s"))), (3600, 0));
}

#[test]
fn a_refused_image_model_is_no_refused_host_model() {
    let upstream = json!({"authority": "a.example", "credential": "envoy",
        "host_models": ["gpt-6-luna"]});
    let (gate, _) = gate(&json!({"upstreams": {"a": upstream}}));
    for model in ["gpt-6-luna", "gpt-6-luna-2"] {
        let request = json!({"prompt": "a cat", "model": model});
        let message =
            format!("The model '{model}' does not exist or you do not have access to it.");
        run(&gate, &request, NOW, &mut |_| Does::Answers(404, json!({ "message": message })));
        assert!(ask_at(&gate, &self::request(), NOW).1.is_ok(), "{model}");
    }
}
