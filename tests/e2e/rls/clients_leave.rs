//! Clients that leave while the service is asked.

use serde_json::{Value, json};

use super::{counted, envoy, request, rule};
use crate::harness::rls::hourly;
use crate::harness::{
    Connection, Envoy, Generation, Key, RateLimitService, Request, Step, Upstream, eventually,
};

/// How many requests of a user are in flight.
fn held(gate: &Envoy, user: &str) -> Value {
    let target = format!("/v1/images/limits?user={user}");
    let list = Request::new("GET", target).bearer(Key::MASTER).send(gate).json();
    let entry = list["data"].as_array().unwrap().iter().find(|it| it["name"] == "in-flight");
    entry.unwrap()["reserved"].clone()
}

#[test]
fn a_client_that_leaves_during_the_services_call_leaves_nothing_held() {
    let silent = Upstream::always(vec![Step::KeepOpen]);
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([
        rule("requests", "requests", json!(20)),
        {"name": "in-flight", "per": "user", "unit": "concurrent", "max": 4}
    ]);
    let engine = json!({"timeout": "2s", "releases": "negative_hits"});
    let gate = envoy(silent.port(), &upstream, &counted(engine, &rules));
    let held = || held(&gate, "hasty");
    for _ in 0..3 {
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let request = request("hasty", 1);
                let mut connection = Connection::open(gate.port());
                connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
                connection
            })
            .collect();
        eventually("four wait", || held() == 4);
        drop(waiting);
        eventually("nothing is held", || held() == 0);
    }
    assert_eq!(upstream.received().len(), 0);
}

/// Sends a request, and leaves once it waits for the service.
fn leave(gate: &Envoy, user: &str) {
    let request = request(user, 1);
    let mut connection = Connection::open(gate.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    eventually("the request waits", || held(gate, user) == 1);
    drop(connection);
    eventually("it has left", || held(gate, user) == 0);
}

#[test]
fn what_the_service_counts_for_a_client_that_has_left_is_given_back_when_it_answers() {
    let service = RateLimitService::slow(&hourly("requests", "user", 20), 1_500);
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([
        rule("requests", "requests", json!(20)),
        {"name": "in-flight", "per": "user", "unit": "concurrent", "max": 4}
    ]);
    let engine = json!({"timeout": "10s", "releases": "negative_hits"});
    let gate = envoy(service.port(), &upstream, &counted(engine, &rules));
    let refunds = || gate.log().matches("did not take a settlement (gRPC status 12)").count();
    // The service of the tests takes no refund, and so the log counts those that were sent.
    leave(&gate, "hasty");
    eventually("its request is refunded", || refunds() == 1);
    // One that stays is served by the same way, and its side calls are.
    let served = request("patient", 3).send(&gate);
    assert_eq!(served.images().len(), 3);
    assert_eq!(served.header("x-ratelimit-remaining-requests").as_deref(), Some("19"));
    assert_eq!((upstream.received().len(), refunds()), (3, 1));
}
