//! What operators see in Envoy's statistics: names, labels, and sums that agree with everything
//! else.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Generation, Key, Received, Request, Response, Setup, Step, Upstream, config,
    eventually,
};

/// What an image costs, in nano-dollars.
const PRICE: u64 = 211_000_000;

/// A request of the user `acme`, with a key that may name any.
fn request(prompt: &str, user: &str, n: u32) -> Request {
    let body = json!({"prompt": prompt, "model": "gpt-image-2", "n": n, "user": user});
    Request::generation(&body).bearer(Key::MASTER)
}

/// The value of a series, with its labels, as Prometheus reads it. 0 if there is none.
fn series(envoy: &Envoy, name: &str) -> u64 {
    let text = envoy.admin("/stats/prometheus");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}

fn counter(envoy: &Envoy, name: &str) -> u64 {
    series(envoy, &format!("imagegate_{name}_total{{}}"))
}

/// The configuration with these rules. Every image costs $0.211, and every user is accepted.
fn limited(limits: &Value) -> Value {
    let mut config = config();
    config["prices"] = json!([{"model": "*", "usd": "0.211"}]);
    config["unknown_users"] = json!("admit");
    config["limits"] = limits.clone();
    config["upstreams"]["codex"]["timeout"] = json!("5s");
    config
}

#[test]
fn labels_come_out_as_labels() {
    let generation = Generation::small(1);
    let upstream = Upstream::scripts([Step::generate(&generation), vec![Step::Close]]);
    let rules = json!([
        {"name": "few", "per": "user", "unit": "images", "max": 1, "window": "day",
        "users": ["few"]},
        {"name": "trial", "per": "global", "unit": "images", "max": 1, "window": "day",
        "shadow": true},
    ]);
    let setup = Setup::production(upstream.port()).configure_struct(&limited(&rules));
    let envoy = setup.start();
    assert_eq!(request("a", "acme", 1).send(&envoy).images().len(), 1);
    request("a", "acme", 1).send(&envoy).assert_error(502, "upstream_disconnected");
    request("a", "few", 2).send(&envoy).assert_error(429, "rate_limit_exceeded");
    request("a", "acme", 1).bearer(Key::UNKNOWN).send(&envoy).assert_error(401, "invalid_api_key");
    let of = |endpoint: &str, status: u16, code: &str| {
        format!(
            "imagegate_requests_total{{endpoint=\"{endpoint}\",status=\"{status}\",code=\"{code}\"}}"
        )
    };
    for (name, value) in [
        (of("generations", 200, "ok"), 1),
        (of("generations", 502, "upstream_disconnected"), 1),
        (of("generations", 429, "rate_limit_exceeded"), 1),
        (of("generations", 401, "invalid_api_key"), 1),
        ("imagegate_rejections_total{rule=\"few\"}".to_owned(), 1),
        ("imagegate_shadow_refusals_total{rule=\"trial\"}".to_owned(), 1),
        (
            "imagegate_upstream_errors_total{kind=\"upstream_disconnected\",upstream=\"codex\"}"
                .to_owned(),
            1,
        ),
        ("imagegate_images_asked_total{}".to_owned(), 4),
        ("imagegate_images_delivered_total{}".to_owned(), 1),
        ("imagegate_time_to_image_ms_count{}".to_owned(), 1),
        ("imagegate_time_to_image_ms_bucket{le=\"600000\"}".to_owned(), 1),
    ] {
        eventually(&format!("{name} is {value}"), || series(&envoy, &name) == value);
    }
    // What has not happened is there all the same, so that it can be seen to grow.
    let text = envoy.admin("/stats/prometheus");
    for name in [
        "imagegate_rejections_total{rule=\"trial\"} 0",
        "imagegate_overdrawn_nanodollars_total{} 0",
    ] {
        assert!(text.lines().any(|line| line == name), "no {name} in\n{text}");
    }
}

/// What becomes of the calls of a request, by its prompt; `all` is every outcome in turn.
fn outcome(sent: &Received, generation: &Generation, turn: &AtomicU32) -> Vec<Step> {
    if String::from_utf8_lossy(&sent.body).contains("wait for it") {
        return vec![Step::StreamHead, Step::KeepOpen];
    }
    let refusal = json!({"error": {"code": "moderation_blocked", "message": "m",
        "type": "image_generation_user_error"}});
    match turn.fetch_add(1, Ordering::Relaxed) % 7 {
        0 => Step::json(500, &json!({"error": {"message": "m", "type": "server_error"}})),
        1 => vec![Step::Close],
        2 => vec![Step::StreamHead, Step::Chunk(generation.opening()), Step::Reset],
        3 => Step::json(400, &refusal),
        _ => Step::generate(generation),
    }
}

/// Clients that leave while the upstream generates.
fn leave(envoy: &Envoy, upstream: &Upstream, clients: usize) {
    let request = request("wait for it", "acme", 2);
    let waiting: Vec<_> = (0..clients)
        .map(|_| {
            let mut connection = Connection::open(envoy.port());
            connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
            connection
        })
        .collect();
    let sent = || {
        let received = upstream.received();
        let text = |it: &Received| String::from_utf8_lossy(&it.body).contains("wait for it");
        received.iter().filter(|it| !it.is_side_call() && text(it)).count()
    };
    eventually("every request waits for the upstream", || sent() == clients);
    drop(waiting);
}

#[test]
fn money_is_the_same_in_answers_records_counters_and_rules() {
    let (generation, turn) = (Generation::small(1), AtomicU32::new(0));
    let upstream = Upstream::choosing(move |sent| outcome(sent, &generation, &turn));
    let rules = json!([
        {"name": "budget", "per": "user", "unit": "usd", "max": "1000", "window": "month"},
        {"name": "in-flight", "per": "user", "unit": "concurrent", "max": 1000},
        {"name": "few", "per": "user", "unit": "usd", "max": "0.5", "window": "month",
        "users": ["few"]},
    ]);
    let setup = Setup::production(upstream.port()).configure_struct(&limited(&rules));
    let envoy = setup.workers(4).start();
    let send_request = |client: u32| {
        let users = ["acme", "acme", "few"];
        let one = |turn: u32| {
            request("all", users[(turn % 3) as usize], 1 + (client + turn) % 3).send(&envoy)
        };
        (0..12).map(one).collect::<Vec<_>>()
    };
    let responses: Vec<Response> = thread::scope(|scope| {
        let leaving = scope.spawn(|| leave(&envoy, &upstream, 6));
        let clients: Vec<_> =
            (0..16).map(|client| scope.spawn(move || send_request(client))).collect();
        let responses = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        leaving.join().unwrap();
        responses
    });
    let delivered: usize =
        responses.iter().filter(|it| it.status == 200).map(|it| it.images().len()).sum();
    let delivered = u64::try_from(delivered).unwrap();
    assert!(delivered > 0);
    let exchanges = responses.len() + 6;
    eventually("every exchange is logged", || envoy.records().len() == exchanges);
    let sum = |field| envoy.records().iter().map(|it| it[field].as_u64().unwrap()).sum::<u64>();
    let settled = delivered * PRICE;
    assert_eq!((sum("images_delivered"), sum("settled_nanodollars")), (delivered, settled));
    eventually("the counters follow", || counter(&envoy, "settled_nanodollars") == settled);
    assert_eq!(counter(&envoy, "images_delivered"), delivered);
    assert_eq!(counter(&envoy, "reserved_nanodollars"), sum("reserved_nanodollars"));
    assert_eq!(
        counter(&envoy, "reserved_nanodollars"),
        settled + counter(&envoy, "released_nanodollars")
    );
    assert_eq!(counter(&envoy, "overdrawn_nanodollars"), 0);
    let rejected = responses.iter().filter(|it| it.status == 429).count();
    assert_eq!(
        series(&envoy, "imagegate_rejections_total{rule=\"few\"}"),
        u64::try_from(rejected).unwrap()
    );
    let standing = |user: &str| {
        let target = format!("/v1/images/limits?user={user}");
        let list = Request::new("GET", target).bearer(Key::MASTER).send(&envoy).json();
        let data = list["data"].as_array().unwrap().clone();
        assert!(data.iter().all(|it| it["reserved"] == 0 || it["reserved"] == "0"), "{list}");
        let budget = data.iter().find(|it| it["name"] == "budget").unwrap()["used"].clone();
        nanos_of(budget.as_str().unwrap())
    };
    assert_eq!(standing("acme") + standing("few"), settled);
    for gauge in ["open_exchanges", "buffered_bytes"] {
        let name = format!("wasmcustom.imagegate_{gauge}");
        eventually(&format!("{gauge} is 0"), || envoy.metric(&name) == Some(0));
    }
}

/// Dollars as the endpoint writes them, in nano-dollars.
fn nanos_of(usd: &str) -> u64 {
    let (dollars, rest) = usd.split_once('.').unwrap_or((usd, ""));
    format!("{dollars}{rest:0<9}").parse().unwrap()
}

#[test]
fn counters_continue_through_an_update() {
    let upstream = Upstream::generating(&Generation::small(1));
    let setup = Setup::new(upstream.port()).configure(&limited(&json!([]))).workers(2);
    let envoy = setup.discovered().start();
    let rules =
        json!([{"name": "new", "per": "user", "unit": "images", "max": 9, "window": "day"}]);
    assert_eq!(request("a", "acme", 2).send(&envoy).images().len(), 2);
    envoy.rediscover(&limited(&rules));
    let target = "/v1/images/limits?user=acme";
    eventually("the update is in force", || {
        let list = Request::new("GET", target).bearer(Key::MASTER).send(&envoy).json();
        list["data"][0]["name"] == "new"
    });
    assert_eq!(request("a", "acme", 1).send(&envoy).images().len(), 1);
    eventually("three images are counted", || counter(&envoy, "images_delivered") == 3);
    assert_eq!(series(&envoy, "imagegate_rejections_total{rule=\"new\"}"), 0);
}

#[test]
fn the_model_that_was_served_is_recorded_and_paid_for() {
    let upstream = Upstream::always(Step::generate(&Generation::small(1)));
    let mut config = limited(&json!([
        {"name": "budget", "per": "user", "unit": "usd", "max": "1", "window": "month"},
    ]));
    config["prices"] = json!([{"model": "gpt-image-2.5-flare", "usd": "0.05"},
        {"model": "gpt-image-2-codex", "usd": "0.2"}]);
    let envoy = Setup::production(upstream.port()).configure_struct(&config).start();
    let sent = json!({"prompt": "p", "model": "gpt-image-2.5-flare", "n": 2, "user": "acme"});
    let response = Request::generation(&sent).bearer(Key::MASTER).send(&envoy);
    assert_eq!(response.images().len(), 2);
    assert_eq!(response.header("x-ratelimit-remaining-usd").as_deref(), Some("0.6"));
    for (name, value) in [
        ("reserved_nanodollars", 100_000_000),
        ("settled_nanodollars", 400_000_000),
        ("overdrawn_nanodollars", 300_000_000),
        ("released_nanodollars", 0),
        ("images_delivered", 2),
    ] {
        eventually(&format!("{name} is {value}"), || counter(&envoy, name) == value);
    }
    eventually("the record is written", || envoy.records().len() == 1);
    let record = &envoy.records()[0];
    assert_eq!(record["model"], "gpt-image-2.5-flare");
    assert_eq!(record["model_served"], "gpt-image-2-codex");
    assert_eq!(record["settled_nanodollars"], 400_000_000);
    assert_eq!((&record["size"], &record["price_mismatch"]), (&json!("1024x1024"), &json!(true)));
}
