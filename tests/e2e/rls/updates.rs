//! Updates of the configuration while requests are open.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{counted, limits, request, rule};
use crate::harness::{
    Connection, Gate, Generation, Key, RateLimitService, Request, Setup, Step, Upstream, eventually,
};

#[test]
fn a_request_that_outlives_its_configuration_is_checked_under_it() {
    let service = RateLimitService::start(&limits());
    let upstream = Upstream::generating(&Generation::small(1));
    let before = counted(json!({}), &json!([rule("images", "images", json!(400))]));
    let setup = Setup::counted_by(service.port(), upstream.port()).configure(&before).workers(1);
    let envoy = setup.discovered().start();
    let request = request("acme", 3);
    let body = request.framed_body();
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), body[..10].to_vec()].concat()).unwrap();
    let list = || {
        let list = Request::new("GET", "/v1/images/limits?user=acme").bearer(Key::MASTER);
        list.send(&envoy).json()["data"].clone()
    };
    eventually("the configuration is in force", || list()[0]["name"] == "images");
    let mut after = before;
    after["limits"] = json!([]);
    after["engine"] = json!({"kind": "local"});
    envoy.rediscover(&after);
    eventually("the update is in force", || list() == json!([]));
    connection.write(&body[10..]).unwrap();
    let response = connection.read();
    assert_eq!(response.images().len(), 3);
    assert_eq!(response.header("x-ratelimit-remaining-images").as_deref(), Some("397"));
}

#[test]
fn an_update_during_the_services_call_changes_nothing_for_waiting_requests() {
    let service = RateLimitService::start(&limits());
    let (generation, gate) = (Generation::small(1), Gate::default());
    let mut script = Step::generate(&generation);
    script.insert(1, Step::Wait(gate.clone()));
    let upstream = Upstream::scripts([script, Step::generate(&generation)]);
    let rules = json!([rule("images", "images", json!(400))]);
    let before = counted(json!({}), &rules);
    let setup = Setup::counted_by(service.port(), upstream.port()).configure(&before).workers(2);
    let envoy = setup.discovered().start();
    let mut after = before;
    after["limits"] = json!([]);
    after["engine"] = json!({"kind": "local"});
    thread::scope(|scope| {
        let client = scope.spawn(|| request("acme", 1).send(&envoy));
        upstream.wait_for(1);
        envoy.rediscover(&after);
        thread::sleep(Duration::from_millis(300));
        gate.open();
        let response = client.join().unwrap();
        assert_eq!(response.images().len(), 1);
        assert_eq!(response.header("x-ratelimit-remaining-images").as_deref(), Some("399"));
    });
    eventually("the update is in force", || {
        let list = Request::new("GET", "/v1/images/limits?user=acme").bearer(Key::MASTER);
        list.send(&envoy).json()["data"] == json!([])
    });
    assert_eq!(request("acme", 1).send(&envoy).images().len(), 1);
}
