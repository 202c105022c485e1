//! What rules reject, and what clients see of rules: whole exchanges, without Envoy.

mod several;

use std::rc::Rc;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::money::{
    Counters, all_calls, call, every_unit, get, image, priced, rule, standing, totals, used,
};
use crate::support::{KEY, NOW, after, digest, gate, ok, png, stream};
use imagegate::exchange::Shared;
use serde_json::{Value, json};

fn one() -> Value {
    json!({"prompt": "p"})
}

/// Asks for one image and gets it.
fn generate(gate: &Rc<Shared>) -> Client {
    let mut driver = Driver::admitted(gate, &one());
    let reply = all_calls(&mut driver, 1, &image("low", "1024x1024"));
    assert_eq!(reply.status, 200);
    driver.close(Some(200));
    reply
}

fn error(reply: &Client) -> (u16, Value, Value) {
    let error = &reply.json()["error"];
    (reply.status, error["code"].clone(), error["type"].clone())
}

fn seconds(reply: &Client, name: &str) -> u64 {
    reply.header(name).unwrap().parse().unwrap()
}

#[test]
fn a_dollar_buys_four_images_at_21_cents_and_the_fifth_request_learns_what_is_left() {
    let gate = priced(&json!([rule("pocket", "usd", json!("1.00"), Some("month"))]));
    (0..4).for_each(|_| drop(generate(&gate)));
    let mut fifth = Driver::ask(&gate, &one());
    let reply = fifth.client.clone();
    let quota = json!("insufficient_quota");
    assert_eq!(error(&reply), (429, quota.clone(), quota));
    let message = reply.json()["error"]["message"].to_string();
    for part in ["'pocket'", " 1 ", " 0.156 ", "0.211"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    assert_eq!(reply.header("retry-after"), None);
    assert_eq!(reply.header("x-ratelimit-limit-usd"), Some("1"));
    assert_eq!(reply.header("x-ratelimit-remaining-usd"), Some("0.156"));
    // January has begun.
    assert_eq!(reply.header("x-ratelimit-reset-usd"), Some("744h0m0s"));
    let record = fifth.close(Some(429));
    assert_eq!(
        (&record["rule"], &record["code"]),
        (&json!("pocket"), &json!("insufficient_quota"))
    );
    assert_eq!(record["reserved_nanodollars"], 0);
    assert_eq!(standing(&gate, "pocket", NOW), [json!("0.844"), json!("0"), json!("0.156")]);
}

#[test]
fn a_rule_of_each_unit_admits_two_and_rejects_the_third() {
    for (unit, max, window, code) in [
        ("requests", json!(2), Some("1h"), "rate_limit_exceeded"),
        ("images", json!(2), Some("day"), "rate_limit_exceeded"),
        // Two images of 1024x1024 have 2.1 megapixels.
        ("megapixels", json!(3), Some("week"), "rate_limit_exceeded"),
        ("concurrent", json!(2), None, "rate_limit_exceeded"),
        ("usd", json!("0.50"), Some("month"), "insufficient_quota"),
    ] {
        let gate = priced(&json!([rule("only", unit, max, window)]));
        let request = json!({"prompt": "p", "quality": "low", "size": "1024x1024"});
        let open = [(); 2].map(|()| Driver::admitted(&gate, &request));
        let reply = Driver::rejected(&gate, &request);
        assert_eq!((reply.status, &error(&reply).1), (429, &json!(code)), "{unit}");
        drop(open);
    }
}

#[test]
fn money_that_is_reserved_is_not_available_to_others() {
    let gate = priced(&json!([rule("pocket", "usd", json!("1.00"), Some("month"))]));
    let mut open = Driver::admitted(&gate, &json!({"prompt": "p", "n": 4}));
    assert_eq!(Driver::rejected(&gate, &one()).status, 429);
    call(&mut open, 0, Some(ok()), &image("low", "1024x1024"));
    (1..4).for_each(|place| drop(call(&mut open, place, None, b"")));
    assert_eq!(standing(&gate, "pocket", NOW), [json!("0.211"), json!("0"), json!("0.789")]);
    Driver::admitted(&gate, &json!({"prompt": "p", "n": 3}));
}

#[test]
fn a_head_that_leaves_early_has_the_rules_of_the_admission_at_its_own_time() {
    let gate = priced(&json!([rule("rpm", "requests", json!(2), Some("30s"))]));
    let mut driver = Driver::admitted(&gate, &one());
    driver.upstream_head(ok());
    driver.now = after(10);
    let answer = stream(&png(1024, 1024, 6000));
    let (first, rest) = answer.split_at(answer.len() / 2);
    let client = driver.upstream_bytes(first);
    assert_eq!((client.status, client.header("x-ratelimit-remaining-requests")), (200, Some("1")));
    assert_eq!(client.header("x-ratelimit-reset-requests"), Some("20.5s"));
    driver.upstream_bytes(rest);
    driver.upstream_end();
    assert_eq!(driver.close(Some(200))["images_delivered"], 1);
}

#[test]
fn a_reached_rate_says_when_to_retry() {
    let gate = priced(&json!([rule("rpm", "requests", json!(2), Some("30s"))]));
    (0..2).for_each(|_| drop(generate(&gate)));
    let reply = Driver::rejected(&gate, &one());
    assert_eq!(error(&reply), (429, json!("rate_limit_exceeded"), json!("requests")));
    assert!(reply.json()["error"]["message"].to_string().contains("'rpm'"));
    // What was used is free again with its interval, a sixtieth of the window later.
    assert_eq!(reply.header("retry-after"), Some("31"));
    assert_eq!(reply.header("retry-after-ms"), Some("30500"));
    assert_eq!(reply.header("x-should-retry"), None);
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(reply.header("x-ratelimit-reset-requests"), Some("30.5s"));
    assert_eq!(standing(&gate, "rpm", NOW + Duration::from_millis(30_500))[0], 0);
}

#[test]
fn a_rate_filled_by_requests_in_flight_says_the_same() {
    let gate = priced(&json!([rule("rpm", "requests", json!(1), Some("30s"))]));
    let _open = Driver::admitted(&gate, &one());
    assert_eq!(Driver::rejected(&gate, &one()).header("retry-after-ms"), Some("30500"));
}

#[test]
fn a_long_wait_forbids_a_retry() {
    let gate = priced(&json!([rule("daily", "images", json!(1), Some("day"))]));
    generate(&gate);
    let reply = Driver::rejected(&gate, &one());
    assert_eq!(seconds(&reply, "retry-after"), 86_400);
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    // A request that never fits gets no time.
    let reply = Driver::rejected(&gate, &json!({"prompt": "p", "n": 2}));
    assert_eq!(reply.header("retry-after"), None);
    assert_eq!(reply.header("x-should-retry"), Some("false"));
}

#[test]
fn success_has_the_status_of_the_tightest_rule_of_each_unit() {
    let gate = priced(&json!([
        rule("wide", "images", json!(100), Some("month")),
        rule("tight", "images", json!(5), Some("day")),
        rule("pixels", "megapixels", json!("20.5"), Some("day")),
        rule("in-flight", "concurrent", json!(3), None),
        rule("pocket", "usd", json!("1.00"), Some("month")),
        rule("rpm", "requests", json!(60), Some("1m")),
    ]));
    let reply = generate(&gate);
    for (name, value) in [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1m1s"),
        ("x-ratelimit-limit-images", "5"),
        ("x-ratelimit-remaining-images", "4"),
        ("x-ratelimit-reset-images", "24h0m0s"),
        ("x-ratelimit-limit-concurrent", "3"),
        // The place of this request is free when the client has read the answer.
        ("x-ratelimit-remaining-concurrent", "2"),
        ("x-ratelimit-limit-megapixels", "20.5"),
        ("x-ratelimit-limit-usd", "1"),
        ("x-ratelimit-remaining-usd", "0.789"),
        ("x-ratelimit-reset-usd", "744h0m0s"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
}

#[test]
fn a_shadow_rule_counts_and_is_recorded_but_rejects_nothing_and_is_not_shown_to_clients() {
    let mut shadow = rule("trial", "usd", json!("0.30"), Some("month"));
    shadow["shadow"] = json!(true);
    let mut other = rule("trial-2", "images", json!(1), Some("day"));
    other["shadow"] = json!(true);
    let gate = priced(&json!([shadow, other]));
    let reply = generate(&gate);
    assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("x-ratelimit-")));
    let mut second = Driver::admitted(&gate, &one());
    all_calls(&mut second, 1, &image("low", "1024x1024"));
    let record = second.close(Some(200));
    assert_eq!(record["shadow_rules"], "trial,trial-2");
    assert_eq!((&record["rule"], &record["status"]), (&Value::Null, &json!(200)));
    assert_eq!(standing(&gate, "trial", NOW), [json!("0.422"), json!("0"), json!("0")]);
}

#[test]
fn a_request_that_is_not_valid_leaves_every_counter_as_it_was() {
    let gate = priced(&every_unit());
    for request in [
        json!({}),
        json!({"prompt": "p", "n": 0}),
        json!({"prompt": "p", "size": "17x17"}),
        json!({"prompt": "p", "user": "somebody else"}),
        json!({"prompt": "p", "n": 9, "size": "3840x2160"}),
    ] {
        let mut driver = Driver::ask(&gate, &request);
        assert!(driver.client.at_once);
        assert_eq!(driver.close(Some(400))["reserved_nanodollars"], 0, "{request}");
        assert_eq!(totals(&gate, NOW), used(["0", "0", "0", "0"]), "{request}");
    }
}

#[test]
fn a_rule_that_rejects_leaves_the_others_as_they_were() {
    let gate = priced(&json!([
        rule("requests", "requests", json!(9), Some("1h")),
        rule("in-flight", "concurrent", json!(9), None),
        rule("pocket", "usd", json!("0.30"), Some("month")),
    ]));
    assert_eq!(Driver::rejected(&gate, &json!({"prompt": "p", "n": 2})).status, 429);
    assert_eq!(standing(&gate, "requests", NOW), [json!(0), json!(0), json!(9)]);
    assert_eq!(standing(&gate, "in-flight", NOW), [json!(0), json!(0), json!(9)]);
}

#[test]
fn a_place_in_flight_is_free_once_its_request_has_ended() {
    let gate = priced(&json!([rule("in-flight", "concurrent", json!(1), None)]));
    for leaves in [false, true] {
        let mut open = Driver::admitted(&gate, &one());
        let reply = Driver::rejected(&gate, &one());
        assert_eq!(error(&reply).1, "rate_limit_exceeded");
        assert_eq!(reply.header("retry-after"), Some("1"));
        if !leaves {
            all_calls(&mut open, 1, &image("low", "1024x1024"));
        }
        open.close((!leaves).then_some(200));
    }
    generate(&gate);
}

#[test]
fn an_update_goes_on_from_what_was_counted_and_requests_in_flight_are_settled_under_it() {
    let counters = Counters::default();
    let under = |max: &str| {
        counters.gate(&json!({"prices": [{"model": "*", "usd": "0.211"}],
            "limits": [rule("pocket", "usd", json!(max), Some("month"))]}))
    };
    let old = under("1.00");
    generate(&old);
    let mut open = Driver::admitted(&old, &one());
    let new = under("0.50");
    drop(old);
    assert_eq!(standing(&new, "pocket", NOW), [json!("0.211"), json!("0.211"), json!("0.078")]);
    all_calls(&mut open, 1, &image("low", "1024x1024"));
    assert_eq!(standing(&new, "pocket", NOW), [json!("0.422"), json!("0"), json!("0.078")]);
    assert_eq!(Driver::rejected(&new, &one()).status, 429);
}

/// A gate with a rule for one model, a consumer of its own user, and a master.
fn with_master() -> Rc<Shared> {
    let mut mini = rule("mini", "images", json!(3), Some("day"));
    mini["models"] = json!(["gpt-image-1-mini"]);
    let config = json!({
        "prices": [{"model": "*", "usd": "0.211"}],
        "limits": [rule("pocket", "usd", json!("1.00"), Some("month")), mini],
        "consumers": [
            {"name": "acme-web", "user": "acme", "key_sha256": [digest(KEY)]},
            {"name": "ops", "role": "master", "key_sha256": [digest("sk-master")]},
        ],
        "users": [{"id": "globex"}],
    });
    gate(&config).0
}

#[test]
fn the_limits_of_a_key_are_those_of_its_user() {
    let gate = with_master();
    generate(&gate);
    let reply = get(&gate, &[], NOW);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.header("x-request-id"), Some("request-1"));
    let wanted = json!({"object": "list", "data": [{"name": "pocket", "per": "user", "unit": "usd",
        "max": "1", "used": "0.211", "reserved": "0", "remaining": "0.789", "window": "month",
        "resets_at": NOW.as_secs() + 31 * 86_400, "shadow": false}]});
    assert_eq!(reply.json(), wanted);
    let foreign = get(&gate, &[(":path", "/v1/images/limits?user=globex")], NOW);
    assert_eq!(foreign.status, 403);
    let of_mini = get(&gate, &[(":path", "/v1/images/limits?model=gpt-image-1-mini")], NOW);
    assert_eq!(of_mini.json()["data"][1]["name"], "mini");
    let unused = of_mini.json()["data"][1].clone();
    assert_eq!((&unused["remaining"], &unused["resets_at"]), (&json!(3), &Value::Null));
}

#[test]
fn a_master_key_names_the_user_whose_limits_it_asks_for() {
    let gate = with_master();
    generate(&gate);
    let ask =
        |path: &str| get(&gate, &[(":path", path), ("authorization", "Bearer sk-master")], NOW);
    for (user, used) in [("acme", "0.211"), ("globex", "0"), ("%61cme", "0.211")] {
        let reply = ask(&format!("/v1/images/limits?model=x&user={user}"));
        assert_eq!(reply.json()["data"][0]["used"], used, "{user}");
    }
    assert_eq!(ask("/v1/images/limits").status, 400);
    assert_eq!(ask("/v1/images/limits?user=nobody").status, 404);
}

#[test]
fn limits_are_listed_only_with_a_key_and_only_to_a_get() {
    let gate = with_master();
    let reply = get(&gate, &[("authorization", "Bearer sk-no")], NOW);
    assert_eq!(error(&reply).1, "invalid_api_key");
    assert_eq!(reply.status, 401);
    let reply = get(&gate, &[(":method", "POST")], NOW);
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
}

/// A gate of one consumer in `design`, for the users `a` in `web` and `b` in no group.
fn teams(limits: &Value) -> Rc<Shared> {
    let consumer = json!({"name": "studio", "key_sha256": [digest(KEY)], "role": "master",
        "groups": ["design"]});
    gate(&json!({
        "prices": [{"model": "*", "usd": "0.211"}], "limits": limits, "consumers": [consumer],
        "users": [{"id": "a", "groups": ["web", "design"]}, {"id": "b"}],
    }))
    .0
}

#[test]
fn a_team_shares_a_budget_and_the_client_sees_the_group_with_the_least_left() {
    let team = json!({"name": "team", "per": "group", "unit": "usd", "max": "1.00",
        "window": "month"});
    let gate = teams(&json!([team]));
    let asked = |user: &str| json!({"prompt": "p", "user": user});
    let generate = |user| {
        let mut driver = Driver::admitted(&gate, &asked(user));
        let reply = all_calls(&mut driver, 1, &image("low", "1024x1024"));
        (reply, driver.close(Some(200)))
    };
    let (reply, record) = generate("b");
    assert_eq!(reply.header("x-ratelimit-remaining-usd"), Some("0.789"));
    assert_eq!(record["groups"], json!(["design"]));
    let (reply, record) = generate("a");
    assert_eq!(reply.header("x-ratelimit-remaining-usd"), Some("0.578"));
    assert_eq!(record["groups"], json!(["design", "web"]));
    (0..2).for_each(|_| drop(generate("b")));
    // `web` has room, but `design` has none.
    let mut driver = Driver::ask(&gate, &asked("a"));
    assert_eq!(driver.client.status, 429);
    assert_eq!(driver.client.header("x-ratelimit-remaining-usd"), Some("0.156"));
    let record = driver.close(Some(429));
    assert_eq!((&record["rule"], &record["groups"]), (&json!("team"), &json!(["design", "web"])));
    let list = get(&gate, &[(":path", "/v1/images/limits?user=a")], NOW).json();
    let entries = list["data"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{list}");
    assert_eq!((&entries[0]["per"], &entries[0]["used"]), (&json!("group"), &json!("0.844")));
}

#[test]
fn the_limit_is_free_again_at_the_second_that_the_list_says() {
    let gate = priced(&json!([rule("rpm", "requests", json!(2), Some("30s"))]));
    generate(&gate);
    let list = get(&gate, &[], NOW).json();
    let at = Duration::from_secs(list["data"][0]["resets_at"].as_u64().unwrap());
    assert_eq!(standing(&gate, "rpm", at)[0], 0);
}

#[test]
fn a_limit_that_older_requests_in_flight_fill_may_be_free_at_any_moment() {
    let gate = priced(&json!([rule("per-minute", "images", json!(1), Some("10s"))]));
    let mut open = Driver::admitted(&gate, &one());
    // Its window has ended, and the image is still being drawn.
    let late = Driver::ask_at(&gate, &one(), after(11));
    assert_eq!((late.client.status, late.client.header("retry-after")), (429, Some("1")));
    assert_eq!(late.client.header("x-should-retry"), None);
    open.now = after(12);
    all_calls(&mut open, 1, &image("low", "1024x1024"));
    assert!(Driver::ask_at(&gate, &one(), after(12)).forwarded);
}
