//! Upstreams that rest, and which of several is called first.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::{NOW, event, gate, stream};
use imagegate::exchange::{End, ResponseHead, Shared};
use imagegate::limits::Store;
use proptest::prelude::*;
use serde_json::{Value, json};

const IMAGE: &str = "iVBORw0KGgo=";

/// A gate with the accounts a, b and c, in this entry of `models`.
fn pool(entry: &Value) -> Rc<Shared> {
    let account = |name: &str| {
        json!({"authority": format!("{name}.example"),
        "credential": "envoy", "timeout": "60s"})
    };
    let upstreams = json!({"a": account("a"), "b": account("b"), "c": account("c")});
    let mut model = json!({"match": "*", "upstream": ["a", "b", "c"]});
    for (key, value) in entry.as_object().unwrap() {
        model[key] = value.clone();
    }
    gate(&json!({"upstreams": upstreams, "models": [model]})).0
}

fn request() -> Value {
    json!({"prompt": "a cat", "model": "gpt-image-2"})
}

/// A request at `now`: the upstream that is called, or the reply.
fn ask_at(gate: &Rc<Shared>, request: &Value, now: Duration) -> (Driver, Result<String, Client>) {
    let driver = Driver::ask_at(gate, request, now);
    let outcome = match driver.client.waits() {
        true => Ok(driver.sent().upstream.clone()),
        false => Err(driver.client.clone()),
    };
    (driver, outcome)
}

/// The headers of an answer.
fn head(headers: &[(&str, &str)], now: Duration) -> ResponseHead {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    ResponseHead::of(&headers.iter().map(own).collect::<Vec<_>>(), now)
}

/// What an upstream does.
#[derive(Debug, Clone, PartialEq)]
enum Does {
    Generates,
    Answers(u16, Value),
    /// A limit, with this header.
    Limits(&'static str, &'static str),
    Unreachable,
}

impl Does {
    fn response(&self, now: Duration) -> (ResponseHead, Vec<u8>) {
        let json_type = ("content-type", "application/json");
        match self {
            Self::Generates => {
                let events = ("content-type", "text/event-stream");
                (head(&[(":status", "200"), events], now), stream(IMAGE))
            }
            Self::Answers(status, error) => {
                let status = status.to_string();
                let body = json!({ "error": error }).to_string();
                (head(&[(":status", &status), json_type], now), body.into_bytes())
            }
            Self::Limits(name, value) => {
                let head = head(&[(":status", "429"), json_type, (name, value)], now);
                (head, br#"{"error":{"type":"usage_limit_reached"}}"#.to_vec())
            }
            Self::Unreachable => {
                let details = "upstream_reset_before_response_started{remote_connection_failure}";
                let head = head(&[(":status", "503"), ("content-type", "text/plain")], now);
                (ResponseHead { envoy_details: Some(details.to_owned()), ..head }, Vec::new())
            }
        }
    }
}

/// Runs a request to its end: the upstreams that were called, the reply, and the record.
fn run(
    gate: &Rc<Shared>,
    request: &Value,
    now: Duration,
    does: &mut dyn FnMut(&str) -> Does,
) -> (Vec<String>, Client, Value) {
    let (mut driver, outcome) = ask_at(gate, request, now);
    let called = outcome.map_or_else(|_| Vec::new(), |first| drive(&mut driver, first, does));
    let client = driver.client.clone();
    let record = driver.close(Some(client.status));
    (called, client, record)
}

/// Answers the calls one after the other, `first` on the client's own stream. Returns the upstreams
/// that were called.
fn drive(driver: &mut Driver, first: String, does: &mut dyn FnMut(&str) -> Does) -> Vec<String> {
    let (head, bytes) = does(&first).response(driver.now);
    driver.upstream(head, &[&bytes]);
    let mut called = vec![first];
    while driver.client.waits() {
        let calls = driver.take_calls();
        assert!(!calls.is_empty(), "no call is open, and the client waits");
        for call in calls {
            let (head, bytes) = does(&call.cluster).response(driver.now);
            driver.side(call.token, Some(head), &bytes);
            called.push(call.cluster);
        }
    }
    called
}

fn limited(members: Value) -> Does {
    let mut error = json!({"type": "usage_limit_reached", "message": "The usage limit is reached"});
    for (key, value) in members.as_object().unwrap() {
        error[key] = value.clone();
    }
    Does::Answers(429, error)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn retry_after(client: &Client) -> Option<&str> {
    client.header("retry-after")
}

#[test]
fn an_exhausted_account_is_called_once_for_each_rest() {
    let gate = pool(&json!({"balance": "round_robin"}));
    let resets_at = NOW.as_secs() + 3600;
    let mut called: BTreeMap<String, u32> = BTreeMap::new();
    for second in 0..7200 {
        let now = NOW + secs(second);
        let (all, reply, _) = run(&gate, &request(), now, &mut |name| match name == "b"
            && now.as_secs() < resets_at
        {
            true => limited(json!({ "resets_at": resets_at })),
            false => Does::Generates,
        });
        assert_eq!(reply.status, 200, "{second}: {}", reply.json());
        for name in all {
            *called.entry(name).or_default() += u32::from(second < 3600 && second > 10);
        }
    }
    assert_eq!(called["b"], 0);
    assert!(called["a"].abs_diff(called["c"]) <= 1, "{called:?}");
}

#[test]
fn the_record_names_the_upstreams_that_were_skipped() {
    let gate = pool(&json!({}));
    run(&gate, &request(), NOW, &mut |name| match name {
        "a" => limited(json!({"resets_in_seconds": 60})),
        _ => Does::Generates,
    });
    let (called, _, record) = run(&gate, &request(), NOW, &mut |_| Does::Generates);
    assert_eq!(called, ["b"]);
    assert_eq!(record["resting_upstreams"], "a");
    assert_eq!(record["upstream"], "b");
    let (called, _, record) = run(&gate, &request(), NOW + secs(60), &mut |_| Does::Generates);
    assert_eq!(called, ["a"]);
    assert_eq!(record["resting_upstreams"], Value::Null);
}

#[test]
fn if_all_rest_no_upstream_is_called_and_the_client_gets_the_earliest_time() {
    let gate = pool(&json!({}));
    let (called, reply, _) = run(&gate, &request(), NOW, &mut |name| match name {
        "a" => limited(json!({"resets_in_seconds": 600})),
        "b" => Does::Answers(401, json!({"code": "token_expired"})),
        _ => limited(json!({"resets_in_seconds": 90})),
    });
    assert_eq!((called.len(), reply.status), (3, 429));
    let (mut driver, outcome) = ask_at(&gate, &request(), NOW + secs(2));
    let reply = outcome.unwrap_err();
    // b rests for 5 s because its credential was refused.
    assert_eq!((reply.status, retry_after(&reply)), (503, Some("3")));
    let record = driver.close(Some(503));
    assert_eq!(record["resting_upstreams"], "a,b,c");
    assert_eq!((&record["upstream"], &record["settled_nanodollars"]), (&Value::Null, &json!(0)));

    let (called, reply, _) = run(&gate, &request(), NOW + secs(5), &mut |_| {
        Does::Answers(401, json!({"code": "token_expired"}))
    });
    assert_eq!((called, reply.status), (vec!["b".to_owned()], 502));
    let (called, reply, _) = run(&gate, &request(), NOW + secs(16), &mut |_| {
        Does::Answers(401, json!({"code": "token_expired"}))
    });
    assert_eq!((called, reply.status), (vec!["b".to_owned()], 502), "the pause has grown to 10 s");
    let reply = ask_at(&gate, &request(), NOW + secs(17)).1.unwrap_err();
    assert_eq!((reply.status, retry_after(&reply)), (503, Some("19")));
    assert_eq!(reply.json()["error"]["code"], "upstream_unavailable");
}

#[test]
fn a_single_upstream_rests_too() {
    let gate = pool(&json!({"upstream": "a"}));
    let (_, reply, _) =
        run(&gate, &request(), NOW, &mut |_| limited(json!({"resets_in_seconds": 20})));
    assert_eq!((reply.status, retry_after(&reply)), (429, Some("20")));
    let reply = ask_at(&gate, &request(), NOW + secs(8)).1.unwrap_err();
    assert_eq!((reply.status, retry_after(&reply)), (429, Some("12")));
    assert_eq!(reply.json()["error"]["code"], "rate_limit_exceeded");
}

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
fn the_least_used_account_is_called_first() {
    let gate = pool(&json!({"balance": "least_used"}));
    let used = |name: &str| match name {
        "a" => "80",
        "b" => "20.5",
        _ => "60",
    };
    // Each reports how much is used when it is called for the first time.
    let mut firsts = Vec::new();
    for _ in 0..6 {
        let (mut driver, outcome) = ask_at(&gate, &request(), NOW);
        let name = outcome.unwrap();
        let headers = [
            (":status", "200"),
            ("content-type", "text/event-stream"),
            ("x-codex-primary-used-percent", used(&name)),
            ("x-codex-primary-reset-after-seconds", "3600"),
        ];
        driver.upstream_head(head(&headers, NOW));
        driver.response_body(&stream(IMAGE), End::Stream);
        let record = driver.close(Some(200));
        assert_eq!(
            record["upstream_used_percent"],
            used(&name).split('.').next().unwrap().parse::<u64>().unwrap()
        );
        firsts.push(name);
    }
    assert_eq!(firsts, ["a", "b", "c", "b", "b", "b"]);
    let percents: Vec<_> = gate
        .upstream_gauges(NOW)
        .into_iter()
        .filter(|gauge| gauge.metric.name == "imagegate_upstream_used_percent")
        .map(|gauge| (gauge.values[0].clone(), gauge.amount))
        .collect();
    assert_eq!(percents, [("a".to_owned(), 80), ("b".to_owned(), 20), ("c".to_owned(), 60)]);
    // Their windows have ended.
    let later = NOW + secs(3600);
    let first = |_: u32| ask_at(&gate, &request(), later).1.unwrap();
    let all: BTreeSet<_> = (0..6).map(first).collect();
    assert_eq!(all.len(), 3);
}

#[test]
fn weights_share_the_load() {
    let gate = pool(&json!({"balance": "round_robin", "weights": {"a": 3}}));
    let mut called: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..10 {
        *called.entry(ask_at(&gate, &request(), NOW).1.unwrap()).or_default() += 1;
    }
    let expected = [("a", 6), ("b", 2), ("c", 2)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(called, BTreeMap::from(expected));
}

#[test]
fn the_gauges_and_counters_show_rests() {
    let gate = pool(&json!({"upstream": "a"}));
    let (mut driver, _) = ask_at(&gate, &request(), NOW);
    let (head, bytes) = limited(json!({"resets_in_seconds": 20})).response(NOW);
    driver.upstream_head(head);
    driver.response_body(&bytes, End::Stream);
    let names = driver.count_names();
    let rest = "imagegate_rests_total.kind.rate_limit_exceeded.upstream.a";
    assert!(names.iter().any(|name| name == rest), "{names:?}");
    let rest = |now| {
        let gauges = gate.upstream_gauges(now);
        let name = "imagegate_upstream_rest_seconds.upstream.a";
        gauges.iter().find(|gauge| gauge.name() == name).unwrap().amount
    };
    assert_eq!(
        (rest(NOW), rest(NOW + Duration::from_millis(500)), rest(NOW + secs(20))),
        (20, 20, 0)
    );
}

#[test]
fn refused_host_models_rest_the_upstream_when_none_is_left() {
    let mut upstreams = json!({});
    for name in ["a", "b"] {
        upstreams[name] = json!({"authority": "a.example", "credential": "envoy",
            "host_models": ["gpt-6-luna", "gpt-6-sol"]});
    }
    let model = json!([{"match": "*", "upstream": ["a", "b"]}]);
    let (gate, _) = gate(&json!({"upstreams": upstreams, "models": model}));
    let called = |now| {
        let mut luna = false;
        run(&gate, &request(), now, &mut |name| {
            luna = !luna;
            let host_model = if luna { "gpt-6-luna" } else { "gpt-6-sol" };
            let message = format!("The '{host_model}' model is not supported when using Codex.");
            match name {
                "a" => Does::Answers(400, json!({ "message": message })),
                _ => Does::Generates,
            }
        })
        .0
    };
    assert_eq!(called(NOW), ["a", "a", "b"]);
    assert_eq!(called(NOW + secs(4)), ["b"]);
    assert_eq!(called(NOW + secs(5)), ["b"], "it is tried after the others");
}

/// Shared data that several gates use.
struct Data(Rc<crate::support::SharedData>);
impl Store for Data {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        self.0.get(key)
    }
    fn swap(
        &self,
        key: &str,
        value: &[u8],
        token: Option<u32>,
    ) -> Result<(), imagegate::limits::Conflict> {
        self.0.swap(key, value, token)
    }
}

#[test]
fn another_credential_ends_a_rest() {
    let data: Rc<crate::support::SharedData> = Rc::default();
    let with_token = |account: &str| {
        let upstream = json!({"authority": "a.example", "credential": {"bearer_env": account}});
        let config = crate::support::config(&json!({"upstreams": {"a": upstream}}));
        let vm = Rc::default();
        Rc::new(Shared::new(config, vm, Box::new(Data(Rc::clone(&data)))))
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
    let data: Rc<crate::support::SharedData> = Rc::default();
    let with = |max_rest: &str| {
        let upstream =
            json!({"authority": "a.example", "credential": "envoy", "max_rest": max_rest});
        let config = crate::support::config(&json!({"upstreams": {"a": upstream}}));
        Rc::new(Shared::new(config, Rc::default(), Box::new(Data(Rc::clone(&data)))))
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
fn an_upstream_without_previews_serves_while_the_other_rests() {
    let account =
        |name: &str| json!({"authority": format!("{name}.example"), "credential": "envoy"});
    let mut plain = account("b");
    plain["max_partial_images"] = json!(0);
    let model = json!([{"match": "*", "upstream": ["a", "b"]}]);
    let (gate, _) = gate(&json!({"upstreams": {"a": account("a"), "b": plain}, "models": model}));
    let request_with_previews = json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true,
        "partial_images": 2});
    assert_eq!(ask_at(&gate, &request_with_previews, NOW).1.unwrap(), "a");
    run(&gate, &request(), NOW, &mut |name| match name {
        "a" => limited(json!({"resets_in_seconds": 600})),
        _ => Does::Answers(400, json!({"code": "moderation_blocked"})),
    });
    assert_eq!(ask_at(&gate, &request_with_previews, NOW).1.unwrap(), "b");
}

#[test]
fn a_rejected_request_does_not_use_up_the_first_call_after_a_rest() {
    let limits =
        json!([{"name": "one", "per": "global", "unit": "images", "max": 1, "window": "1h"}]);
    let upstream = json!({"authority": "a.example", "credential": "envoy"});
    let (gate, _) = gate(&json!({"upstreams": {"a": upstream}, "limits": limits}));
    run(&gate, &request(), NOW, &mut |_| limited(json!({"resets_in_seconds": 10})));
    let now = NOW + secs(10);
    let mut two = request();
    two["n"] = json!(2);
    let reply = ask_at(&gate, &two, now).1.unwrap_err();
    assert_eq!(reply.json()["error"]["code"], "rate_limit_exceeded");
    assert!(ask_at(&gate, &request(), now).1.is_ok());
}

#[test]
fn a_request_that_fails_its_limit_check_frees_the_first_call_after_a_rest() {
    let rule =
        json!([{"name": "one", "per": "global", "unit": "images", "max": 9, "window": "1h"}]);
    let upstream = json!({"authority": "a.example", "credential": "envoy"});
    let more = json!({"upstreams": {"a": upstream}, "limits": rule, "engine": {"kind": "rls"}});
    let (gate, _) = gate(&more);
    let check = |now| {
        let driver = Driver::ask_at(&gate, &request(), now);
        let has_check = !driver.checks.is_empty();
        (driver, has_check)
    };
    let admit = |driver: &mut Driver, now| {
        // OK is 1, OVER_LIMIT is 2.
        driver.answer_check(100, Some(&[8, if now == NOW { 1 } else { 2 }]));
    };
    let (mut driver, _) = check(NOW);
    admit(&mut driver, NOW);
    drive(&mut driver, "a".to_owned(), &mut |_| limited(json!({"resets_in_seconds": 10})));
    // The service rejects one request, and the client of another leaves. Then the call is free.
    let now = NOW + secs(10);
    let (mut driver, has_check) = check(now);
    assert!(has_check && !check(now).1, "one at a time");
    admit(&mut driver, now);
    let (mut driver, has_check) = check(now);
    assert!(has_check);
    driver.now = now + secs(1);
    driver.close(None);
    assert!(check(now).1);
}

#[test]
fn all_images_of_a_request_may_follow_its_first() {
    let gate = pool(&json!({"upstream": ["a", "b"]}));
    // b has rested, and its rest is over.
    run(&gate, &request(), NOW, &mut |name| match name {
        "a" => limited(json!({"resets_in_seconds": 1})),
        _ => limited(json!({"resets_in_seconds": 2})),
    });
    run(&gate, &request(), NOW + secs(1), &mut |_| Does::Generates);
    let now = NOW + secs(3);
    let mut request = request();
    request["n"] = json!(2);
    let (mut driver, outcome) = ask_at(&gate, &request, now);
    assert_eq!(outcome.unwrap(), "a");
    let second = driver.call().token;
    let (head, bytes) = limited(json!({"resets_in_seconds": 600})).response(now);
    driver.upstream(head.clone(), &[&bytes]);
    assert_eq!(driver.call().cluster, "b");
    // The call for the second image is refused a moment later.
    driver.side(second, Some(head), &bytes);
    assert_eq!(driver.call().cluster, "b");
}

#[test]
fn an_upstream_that_is_listed_twice_is_called_by_both_names() {
    let list = json!(["a", {"name": "a", "rename": "gpt-image-1"}]);
    let gate = pool(&json!({"upstream": list}));
    run(&gate, &request(), NOW, &mut |_| limited(json!({"resets_in_seconds": 1})));
    let mut calls = 0;
    let (called, reply, _) = run(&gate, &request(), NOW + secs(1), &mut |_| {
        calls += 1;
        match calls {
            1 => Does::Answers(
                400,
                json!({"message": "Tool 'image_generation' is not supported with this model"}),
            ),
            _ => Does::Generates,
        }
    });
    assert_eq!((called, reply.status), (vec!["a".to_owned(), "a".to_owned()], 200));
}

#[test]
fn the_earliest_time_is_reported_also_of_an_upstream_that_was_not_called() {
    let gate = pool(&json!({"upstream": ["a", "b"]}));
    run(&gate, &request(), NOW, &mut |name| match name {
        "a" => limited(json!({"resets_in_seconds": 10})),
        _ => Does::Generates,
    });
    let (called, reply, _) =
        run(&gate, &request(), NOW, &mut |_| limited(json!({"resets_in_seconds": 604_800})));
    assert_eq!(called, ["b"]);
    assert_eq!((reply.status, retry_after(&reply)), (429, Some("10")));
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

#[test]
fn a_stream_that_breaks_off_still_reports_usage() {
    let gate = pool(&json!({"upstream": "a"}));
    let mut request = request();
    request["stream"] = json!(true);
    let (mut driver, _) = ask_at(&gate, &request, NOW);
    let headers = [
        (":status", "200"),
        ("content-type", "text/event-stream"),
        ("x-codex-primary-used-percent", "80"),
        ("x-codex-primary-reset-after-seconds", "3600"),
    ];
    driver.upstream_head(head(&headers, NOW));
    let bytes = stream(IMAGE);
    let result = bytes.windows(IMAGE.len()).position(|it| it == IMAGE.as_bytes()).unwrap();
    assert_eq!(driver.upstream_bytes(&bytes[..result + 4]).status, 200);
    assert!(driver.upstream_trailers().reset);
    driver.close(Some(200));
    let used = gate.upstream_gauges(NOW).into_iter().find(|it| it.name().contains("used"));
    assert_eq!(used.unwrap().amount, 80);
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        4 => Just(Does::Generates),
        2 => (1_u64..40).prop_map(|wait| limited(json!({"resets_in_seconds": wait}))),
        1 => Just(limited(json!({}))),
        1 => Just(Does::Answers(401, json!({}))),
        1 => Just(Does::Answers(402, json!({}))),
        1 => Just(Does::Answers(400, json!({"code": "moderation_blocked"}))),
        1 => Just(Does::Answers(500, json!({"type": "server_error"}))),
        1 => Just(Does::Unreachable),
    ]
}

proptest! {
    /// For any answers of three accounts, balanced in any way: a request generates one image at
    /// most, no account is called while it rests, or after an answer that is no refusal, and no
    /// client gets a 429 while an account that does not rest has not been called.
    #[test]
    fn no_rest_or_balance_generates_an_image_twice(
        balance in prop::sample::select(vec!["first", "round_robin", "least_used"]),
        script in prop::collection::vec((0_u64..20, prop::collection::vec(does(), 3)), 1..30),
    ) {
        let gate = pool(&json!({ "balance": balance }));
        let mut now = NOW;
        for (pause, answers) in script {
            now += secs(pause);
            let rest = |name: &str| {
                let name = format!("imagegate_upstream_rest_seconds.upstream.{name}");
                gate.upstream_gauges(now).iter().find(|it| it.name() == name).unwrap().amount
            };
            let before: BTreeMap<_, _> = ["a", "b", "c"].map(|name| (name, rest(name))).into();
            let mut generated = 0;
            let (called, reply, record) = run(&gate, &request(), now, &mut |name| {
                let place = ["a", "b", "c"].iter().position(|it| *it == name).unwrap();
                generated += u32::from(answers[place] == Does::Generates);
                answers[place].clone()
            });
            prop_assert!(generated <= 1);
            prop_assert_eq!(reply.status == 200, generated == 1);
            prop_assert_eq!(record["images_delivered"].as_u64(), Some(u64::from(generated)));
            for name in &called {
                prop_assert_eq!(before[name.as_str()], 0, "{} rested", name);
            }
            let awake = before.values().filter(|rest| **rest == 0).count();
            if matches!(reply.status, 429 | 503) {
                prop_assert_eq!(called.len(), awake);
            }
            if called.is_empty() {
                let earliest = before.values().min().unwrap().to_string();
                prop_assert_eq!(retry_after(&reply), Some(earliest.as_str()));
            }
        }
    }
}
