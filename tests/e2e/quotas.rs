//! Rules and budgets for which workers race: each worker has a VM of its own, and all share the
//! counters.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::crowd::{CLIENTS, at_once, request, served};
use crate::harness::{
    Connection, Envoy, Gate, Generation, Key, Request, Response, Setup, Step, Upstream, config,
    eventually,
};

fn rule(name: &str, unit: &str, max: Value, window: Option<&str>) -> Value {
    let mut rule = json!({"name": name, "per": "user", "unit": unit, "max": max});
    if let Some(window) = window {
        rule["window"] = Value::from(window);
    }
    rule
}

/// The configuration with these rules. Every image costs $0.211, and every user is accepted.
fn limited(limits: &Value) -> Value {
    let mut config = config();
    config["prices"] = json!([{"model": "*", "usd": "0.211"}]);
    config["unknown_users"] = json!("admit");
    config["limits"] = limits.clone();
    config
}

fn workers(upstream: &Upstream, limits: &Value) -> Envoy {
    Setup::new(upstream.port()).configure(&limited(limits)).workers(4).start()
}

/// The state of a rule for a user, as the endpoint reports it.
fn standing(envoy: &Envoy, user: &str, rule: &str) -> Value {
    let target = format!("/v1/images/limits?user={user}");
    let response = Request::new("GET", target).bearer(Key::MASTER).send(envoy);
    assert_eq!(response.status, 200, "{}", response.json());
    let list = response.json();
    let entry = list["data"].as_array().unwrap().iter().find(|it| it["name"] == rule);
    entry.unwrap_or_else(|| panic!("no {rule} in {list}")).clone()
}

fn used_and_held(envoy: &Envoy, user: &str, rule: &str) -> (Value, Value) {
    let entry = standing(envoy, user, rule);
    (entry["used"].clone(), entry["reserved"].clone())
}

#[test]
fn a_limit_admits_exactly_its_maximum() {
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([
        rule("requests", "requests", json!(300), Some("1h")),
        rule("images", "images", json!(1000), Some("day")),
        // With it a request counts in two places, first without the lock and then with it.
        json!({"name": "all", "per": "global", "unit": "requests", "max": 9000, "window": "day"}),
    ]);
    let envoy = workers(&upstream, &rules);
    // Each round has a new user.
    for round in 1..=3 {
        let user = format!("user-{round}");
        let send_request = || {
            let mut connection = Connection::open(envoy.port());
            (0..10).map(|_| request(&user, 1).send_on(&mut connection)).collect::<Vec<_>>()
        };
        let responses: Vec<_> = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(send_request)).collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        assert_eq!(served(&responses, "rate_limit_exceeded"), 300, "{user}");
        assert_eq!(used_and_held(&envoy, &user, "requests"), (json!(300), json!(0)));
        assert_eq!(used_and_held(&envoy, &user, "images"), (json!(300), json!(0)));
        assert_eq!(used_and_held(&envoy, &user, "all"), (json!(round * 300), json!(0)));
        assert_eq!(upstream.received().len(), round * 300);
    }
}

#[test]
fn images_are_counted_one_by_one() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = workers(&upstream, &json!([rule("images", "images", json!(50), Some("day"))]));
    let responses = at_once(&[&envoy], &request("painter", 3));
    assert_eq!(served(&responses, "rate_limit_exceeded"), 16);
    assert_eq!(used_and_held(&envoy, "painter", "images"), (json!(48), json!(0)));
    // Two are left, and no third.
    assert_eq!(request("painter", 2).send(&envoy).images().len(), 2);
    let rejected = request("painter", 1).send(&envoy);
    rejected.assert_error(429, "rate_limit_exceeded");
    assert_eq!(rejected.header("x-ratelimit-remaining-images").as_deref(), Some("0"));
    assert_eq!(upstream.received().len(), 50);
}

#[test]
fn a_dollar_buys_four_images_at_21_cents() {
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([rule("budget", "usd", json!("1.00"), Some("month"))]);
    let envoy = workers(&upstream, &rules);
    let responses = at_once(&[&envoy], &request("saver", 1));
    assert_eq!(served(&responses, "insufficient_quota"), 4);
    let rejected = responses.iter().find(|it| it.status == 429).unwrap();
    let message = rejected.json()["error"]["message"].to_string();
    assert!(message.contains("'budget'") && message.contains("0.156"), "{message}");
    assert_eq!(rejected.header("x-should-retry").as_deref(), Some("false"));
    assert_eq!(rejected.header("x-ratelimit-remaining-usd").as_deref(), Some("0.156"));
    assert_eq!(used_and_held(&envoy, "saver", "budget"), (json!("0.844"), json!("0")));
    assert_eq!(upstream.received().len(), 4);
}

#[test]
fn places_of_requests_in_flight_come_back_on_every_way_out() {
    let generation = Generation::small(1);
    let error = json!({"error": {"message": "m", "type": "server_error", "code": null}});
    let turn = AtomicU32::new(0);
    let upstream = Upstream::choosing(move |_| match turn.fetch_add(1, Ordering::Relaxed) % 5 {
        0 => Step::generate(&generation),
        1 => Step::json(500, &error),
        2 => vec![Step::Close],
        3 => vec![Step::StreamHead, Step::Chunk(generation.opening()), Step::Reset],
        _ => vec![Step::Pause(Duration::from_secs(3)), Step::Close],
    });
    let rules = json!([
        rule("in-flight", "concurrent", json!(8), None),
        rule("budget", "usd", json!("1000"), Some("month"))
    ]);
    let mut config = limited(&rules);
    config["upstreams"]["codex"]["timeout"] = json!("1s");
    let envoy = Setup::new(upstream.port()).configure(&config).workers(4).start();
    let mut images = 0;
    for _ in 0..3 {
        let responses = at_once(&[&envoy], &request("busy", 2));
        let rejected = responses.iter().filter(|it| it.status == 429).count();
        assert!(rejected > 0, "64 clients at once were all admitted");
        let served = responses.iter().filter(|it| it.status == 200);
        images += served.map(|it| it.images().len()).sum::<usize>();
        eventually("every place is free", || {
            standing(&envoy, "busy", "in-flight")["reserved"] == 0
        });
    }
    let (used, held) = used_and_held(&envoy, "busy", "budget");
    let nanos = u64::try_from(images).unwrap() * 211_000_000;
    assert_eq!((nanos_of(&used), held), (nanos, json!("0")));
}

#[test]
fn clients_that_leave_free_their_places_and_pay_nothing() {
    let upstream = Upstream::always(vec![Step::StreamHead, Step::KeepOpen]);
    let rules = json!([
        rule("in-flight", "concurrent", json!(8), None),
        rule("requests", "requests", json!(1000), Some("1h")),
        rule("budget", "usd", json!("100"), Some("month"))
    ]);
    let envoy = workers(&upstream, &rules);
    for round in 1..=3 {
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let request = request("hasty", 1);
                let mut connection = Connection::open(envoy.port());
                connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
                connection
            })
            .collect();
        upstream.wait_for(round * 8);
        assert_eq!(used_and_held(&envoy, "hasty", "budget"), (json!("0"), json!("1.688")));
        let rejected = request("hasty", 1).send(&envoy);
        rejected.assert_error(429, "rate_limit_exceeded");
        assert_eq!(rejected.header("retry-after").as_deref(), Some("1"));
        drop(waiting);
        eventually("every place is free", || {
            standing(&envoy, "hasty", "in-flight")["reserved"] == 0
        });
        assert_eq!(used_and_held(&envoy, "hasty", "budget"), (json!("0"), json!("0")));
        assert_eq!(used_and_held(&envoy, "hasty", "requests"), (json!(round * 8), json!(0)));
    }
}

#[test]
fn counters_outlive_an_update_and_so_do_requests_in_flight() {
    let (generation, gate) = (Generation::small(1), Gate::default());
    let mut script = Step::generate(&generation);
    script.insert(1, Step::Wait(gate.clone()));
    let upstream =
        Upstream::scripts([Step::generate(&generation), script, Step::generate(&generation)]);
    let budget = |max: &str| limited(&json!([rule("budget", "usd", json!(max), Some("month"))]));
    let setup = Setup::new(upstream.port()).configure(&budget("0.50")).workers(4);
    let envoy = setup.discovered().start();
    request("acme", 1).send(&envoy).images();
    thread::scope(|scope| {
        let client = scope.spawn(|| request("acme", 1).send(&envoy));
        upstream.wait_for(2);
        request("acme", 1).send(&envoy).assert_error(429, "insufficient_quota");
        envoy.rediscover(&budget("0.70"));
        eventually("the update is in force", || standing(&envoy, "acme", "budget")["max"] == "0.7");
        let counted = used_and_held(&envoy, "acme", "budget");
        assert_eq!(counted, (json!("0.211"), json!("0.211")));
        gate.open();
        assert_eq!(client.join().unwrap().images().len(), 1);
    });
    assert_eq!(used_and_held(&envoy, "acme", "budget"), (json!("0.422"), json!("0")));
    eventually("all workers have the update", || request("acme", 1).send(&envoy).status == 200);
    assert_eq!(used_and_held(&envoy, "acme", "budget"), (json!("0.633"), json!("0")));
    request("acme", 1).send(&envoy).assert_error(429, "insufficient_quota");
}

#[test]
fn a_restart_forgets() {
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([rule("images", "images", json!(1), Some("month"))]);
    for _ in 0..2 {
        let envoy = workers(&upstream, &rules);
        assert_eq!(used_and_held(&envoy, "acme", "images"), (json!(0), json!(0)));
        request("acme", 1).send(&envoy).images();
        request("acme", 1).send(&envoy).assert_error(429, "rate_limit_exceeded");
    }
}

/// Dollars as the endpoint writes them, in nano-dollars.
fn nanos_of(usd: &Value) -> u64 {
    let usd = usd.as_str().unwrap();
    let (dollars, rest) = usd.split_once('.').unwrap_or((usd, ""));
    format!("{dollars}{rest:0<9}").parse().unwrap()
}

#[test]
fn the_access_log_sums_to_what_the_counters_say() {
    let generation = Generation::small(1);
    let turn = AtomicU32::new(0);
    let upstream = Upstream::choosing(move |_| match turn.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => vec![Step::Close],
        _ => Step::generate(&generation),
    });
    let rules = json!([
        rule("images", "images", json!(60), Some("day")),
        rule("budget", "usd", json!("100"), Some("month"))
    ]);
    let setup = Setup::production(upstream.port()).configure_struct(&limited(&rules));
    let envoy = setup.workers(4).start();
    let responses = at_once(&[&envoy], &request("acme", 3));
    let images = |it: &Response| it.json()["data"].as_array().map_or(0, Vec::len);
    let delivered: usize = responses.iter().map(images).sum();
    let records = || -> Vec<Value> {
        let records = envoy.records().into_iter();
        records.filter(|it| it["endpoint"] == "generations").collect()
    };
    eventually("every exchange is logged", || records().len() == CLIENTS);
    let sum = |field| records().iter().map(|it| it[field].as_u64().unwrap()).sum::<u64>();
    let delivered = u64::try_from(delivered).unwrap();
    assert_eq!(sum("images_delivered"), delivered);
    assert_eq!(sum("settled_nanodollars"), delivered * 211_000_000);
    let (used, held) = used_and_held(&envoy, "acme", "budget");
    assert_eq!((nanos_of(&used), held), (delivered * 211_000_000, json!("0")));
    assert_eq!(used_and_held(&envoy, "acme", "images"), (json!(delivered), json!(0)));
    let rejected = records().iter().filter(|it| it["rule"] == "images").count();
    assert_eq!(rejected, responses.iter().filter(|it| it.status == 429).count());
}
