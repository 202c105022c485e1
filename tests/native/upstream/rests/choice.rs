//! Which upstream is called first, by use and by weight, and who may call after a rest.

use std::collections::{BTreeMap, BTreeSet};

use super::{Does, IMAGE, ask_at, drive, head, limited, pool, request, run, secs};
use crate::support::driver::Driver;
use crate::support::{NOW, gate, stream};
use imagegate::exchange::End;
use serde_json::json;

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
