//! Rules that envoyproxy/ratelimit counts, in a Redis. Each case has a Redis of its own.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Exact, at_once, counted, envoy, request, rule, served, share, shipped};
use crate::harness::ratelimit::{Ratelimit, Redis, limits_in, shipped_limits, yearly};
use crate::harness::{Generation, Response, Step, Upstream, eventually};

fn limits() -> String {
    yearly(&[("budget", 10_000), ("images", 400), ("requests", 20)])
}

fn budget() -> Value {
    json!([rule("budget", "usd", json!("1.00"))])
}

fn is_served(response: &Response) -> bool {
    response.status == 200
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn two_envoys_before_two_services_share_one_budget() {
    let redis = Redis::start();
    let services = [(); 2].map(|()| Ratelimit::start(&redis, &limits()));
    // It says 0 of a budget that holds less than a request asks for.
    share(services[0].port(), services[1].port(), Exact::AtOnce, "0");
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn clients_that_race_over_two_envoys_and_two_services_get_exactly_the_limit() {
    let redis = Redis::start();
    let services = [(); 2].map(|()| Ratelimit::start(&redis, &limits()));
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("requests", "requests", json!(20))]));
    let envoys = services.each_ref().map(|it| envoy(it.port(), &upstream, &config));
    for round in 1..=5 {
        let request = request(&format!("racer-{round}"), 1);
        let racing = at_once(&[&envoys[0], &envoys[1]], &request);
        assert_eq!(served(&racing, "rate_limit_exceeded"), 20, "round {round}");
        envoys.iter().for_each(|it| request.send(it).assert_error(429, "rate_limit_exceeded"));
        assert_eq!(upstream.received().len(), round * 20);
    }
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn the_shipped_limits_are_those_of_the_shipped_configuration() {
    let redis = Redis::start();
    shipped(Ratelimit::start(&redis, &shipped_limits()).port());
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn a_restart_of_envoys_and_services_keeps_the_counters() {
    let redis = Redis::start();
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &budget());
    for bought in 1..=5 {
        let service = Ratelimit::start(&redis, &limits());
        let response = request("keeper", 1).send(&envoy(service.port(), &upstream, &config));
        if bought <= 4 {
            assert_eq!(response.images().len(), 1, "after {} restarts", bought - 1);
        } else {
            response.assert_error(429, "insufficient_quota");
        }
    }
    assert_eq!(upstream.received().len(), 4);
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn a_service_that_ends_and_comes_back_goes_on_counting() {
    let redis = Redis::start();
    let mut service = Ratelimit::start(&redis, &limits());
    let upstream = Upstream::generating(&Generation::small(1));
    let gate = envoy(service.port(), &upstream, &counted(json!({}), &budget()));
    assert_eq!(request("acme", 1).send(&gate).images().len(), 1);
    service.stop();
    request("acme", 1).send(&gate).assert_error(503, "limits_unavailable");
    service.restart();
    // Envoy may still be about to notice that the connection has gone.
    let mut bought = 1;
    eventually("the budget is spent", || {
        let response = request("acme", 1).send(&gate);
        bought += usize::from(is_served(&response));
        response.status == 429
    });
    assert_eq!(bought, 4);
    assert_eq!(upstream.received().len(), 4);
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn a_service_that_hangs_rejects_or_admits_as_on_error_says() {
    let redis = Redis::start();
    let service = Ratelimit::start(&redis, &limits());
    let upstream = Upstream::generating(&Generation::small(1));
    let [deny, allow] = ["deny", "allow"].map(|on_error| {
        let engine = json!({"on_error": on_error, "timeout": "500ms"});
        envoy(service.port(), &upstream, &counted(engine, &budget()))
    });
    assert_eq!(request("acme", 1).send(&deny).images().len(), 1);
    service.pause();
    request("acme", 1).send(&deny).assert_error(503, "limits_unavailable");
    assert_eq!(request("other", 1).send(&allow).images().len(), 1);
    service.go_on();
    // It may have counted what was asked during the pause, and never counts less than was served.
    let mut bought = 1;
    eventually("the budget is spent", || {
        let response = request("acme", 1).send(&deny);
        bought += usize::from(is_served(&response));
        response.status == 429
    });
    assert!((3..=4).contains(&bought), "{bought}");
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn a_service_without_its_redis_fails_and_recovers_with_it() {
    let mut redis = Redis::start();
    let service = Ratelimit::start(&redis, &limits());
    let upstream = Upstream::generating(&Generation::small(1));
    let [deny, allow] = ["deny", "allow"].map(|on_error| {
        envoy(service.port(), &upstream, &counted(json!({"on_error": on_error}), &budget()))
    });
    assert_eq!(request("acme", 1).send(&deny).images().len(), 1);
    redis.stop();
    request("acme", 1).send(&deny).assert_error(503, "limits_unavailable");
    assert_eq!(request("acme", 1).send(&allow).images().len(), 1);
    redis.restart();
    eventually("it counts again", || is_served(&request("acme", 1).send(&deny)));
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn a_refused_request_stays_counted() {
    let redis = Redis::start();
    let service = Ratelimit::start(&redis, &yearly(&[("images", 4)]));
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("images", "images", json!(4))]));
    let gate = envoy(service.port(), &upstream, &config);
    assert_eq!(request("acme", 2).send(&gate).images().len(), 2);
    request("acme", 3).send(&gate).assert_error(429, "rate_limit_exceeded");
    // Two are left by what was delivered, and none by what was asked.
    request("acme", 1).send(&gate).assert_error(429, "rate_limit_exceeded");
    assert_eq!(service.left("images", "acme"), 0);
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn a_rule_without_a_limit_in_the_service_limits_nothing() {
    let redis = Redis::start();
    let service = Ratelimit::start(&redis, &yearly(&[("images", 4)]));
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("requests", "requests", json!(1))]));
    let gate = envoy(service.port(), &upstream, &config);
    for _ in 0..2 {
        assert_eq!(request("acme", 1).send(&gate).images().len(), 1);
    }
}

#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn its_month_has_thirty_days_from_the_epoch_and_its_other_units_are_known() {
    let redis = Redis::start();
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("requests", "requests", json!(1))]));
    for (unit, days) in [("day", 1), ("week", 7), ("month", 30), ("year", 365)] {
        let service = Ratelimit::start(&redis, &limits_in(unit, &[("requests", 1)]));
        let gate = envoy(service.port(), &upstream, &config);
        // A service that is new may have counted this user in another unit, which is another key.
        let user = format!("of-a-{unit}");
        assert_eq!(request(&user, 1).send(&gate).images().len(), 1, "{unit}");
        let (before, rejected, after) = (now(), request(&user, 1).send(&gate), now());
        rejected.assert_error(429, "rate_limit_exceeded");
        let wait: u64 = rejected.header("retry-after").unwrap().parse().unwrap();
        let left = |now: u64| days * 86_400 - now % (days * 86_400);
        assert!((left(after) - 1..=left(before) + 1).contains(&wait), "{unit}: {wait}");
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// With `releases: negative_hits`, hits that were not used come back from a version that knows
/// them. A version that does not, adds them once more: that is why the setting is not the default.
#[test]
#[ignore = "needs envoyproxy/ratelimit: make test-ratelimit"]
fn negative_hits_come_back_or_count_twice_as_the_version_has_them() {
    let redis = Redis::start();
    let service = Ratelimit::start(&redis, &yearly(&[("images", 4)]));
    let knows = service.has_negative_hits("images");
    if !knows {
        let note = "SKIPPED: refunds, since this version of envoyproxy/ratelimit has none\n";
        std::io::stderr().write_all(note.as_bytes()).unwrap();
    }
    let upstream = Upstream::always(Step::json(500, &json!({"error": {"message": "m"}})));
    let rules = json!([rule("images", "images", json!(4))]);
    for (releases, left) in [("never", 3), ("negative_hits", if knows { 4 } else { 2 })] {
        let gate =
            envoy(service.port(), &upstream, &counted(json!({"releases": releases}), &rules));
        request(releases, 1).send(&gate).assert_error(502, "upstream_error");
        eventually("the settlement is counted", || service.left("images", releases) == left);
        // Nothing more arrives: a settlement is sent within 100 ms.
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(service.left("images", releases), left, "{releases}");
    }
}
