//! Upstreams that rest, and which of several is called first.

mod choice;
mod times;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::{NOW, gate, stream};
use imagegate::exchange::{End, ResponseHead, Shared};
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
