//! Counters in a Redis, which outlive everything else and which several services share.
//!
//! All cases have one Redis, so each has users of its own.

use serde_json::json;

use super::{Exact, at_once, counted, envoy, limits, request, rule, served, share};
use crate::harness::{Generation, RateLimitService, Upstream};

fn two_services() -> [RateLimitService; 2] {
    [(); 2].map(|()| RateLimitService::in_redis(&limits()))
}

#[test]
#[ignore = "needs a Redis: make test-redis"]
fn two_envoys_before_two_services_share_one_budget() {
    let services = two_services();
    share(services[0].port(), services[1].port(), Exact::InTheEnd, "0.156");
}

#[test]
#[ignore = "needs a Redis: make test-redis"]
fn clients_that_race_over_two_services_are_never_admitted_beyond_the_limit() {
    let services = two_services();
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("requests", "requests", json!(20))]));
    let envoys = services.each_ref().map(|it| envoy(it.port(), &upstream, &config));
    let envoys = [&envoys[0], &envoys[1]];
    for round in 1..=5 {
        let request = request(&format!("racer-{round}"), 1);
        let racing = served(&at_once(&envoys, &request), "rate_limit_exceeded");
        // A client that was rejected because a reservation counted twice may try again. No other
        // client may.
        let later = (0..20).filter(|it| request.send(envoys[it % 2]).status == 200).count();
        assert_eq!(racing + later, 20, "round {round}: {racing} in the race");
        assert_eq!(upstream.received().len(), round * 20);
    }
}

#[test]
#[ignore = "needs a Redis: make test-redis"]
fn a_restart_of_envoys_and_services_keeps_the_counters() {
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("budget", "usd", json!("1.00"))]));
    for bought in 1..=5 {
        let services = two_services();
        let response = request("keeper", 1).send(&envoy(services[0].port(), &upstream, &config));
        if bought <= 4 {
            assert_eq!(response.images().len(), 1, "after {} restarts", bought - 1);
        } else {
            response.assert_error(429, "insufficient_quota");
        }
    }
    assert_eq!(upstream.received().len(), 4);
}
