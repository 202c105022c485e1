//! The rules of `deploy/prometheus` and the dashboard of `deploy/grafana` on what a running Envoy
//! reports: each metric and each label that they name is in its scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Generation, Key, Request, Setup, Sim, Step, Upstream, config, eventually,
    root,
};
use crate::queries::{queries, recorded};

/// Refused by codex-sim, and served by it.
const HOST_MODELS: [&str; 2] = ["gpt-5.5", "gpt-6-luna"];

/// A scrape: the names of the labels of each metric, with the values of each label.
type Scrape = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Reads the text format of Prometheus, as Envoy writes it.
fn read_scrape(text: &str, into: &mut Scrape) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else { continue };
        let (labels, _) = rest.rsplit_once("} ").unwrap();
        let metric = into.entry(name.to_owned()).or_default();
        for label in labels.split("\",").filter(|it| !it.is_empty()) {
            let (label, value) = label.split_once("=\"").unwrap();
            let value = value.trim_end_matches('"').to_owned();
            metric.entry(label.to_owned()).or_default().insert(value);
        }
    }
}

/// Two upstreams and two rules.
fn document() -> Value {
    let mut config = config();
    config["prices"] = json!([{"model": "*", "usd": "0.211"}]);
    config["unknown_users"] = json!("admit");
    config["loopback"] = json!({"cluster": "imagegate_loopback"});
    let codex = config["upstreams"]["codex"].as_object_mut().unwrap();
    codex.remove("host_model");
    codex.insert("host_models".to_owned(), json!(HOST_MODELS));
    codex.insert("max_rest".to_owned(), json!("60s"));
    config["upstreams"]["second"] = config["upstreams"]["codex"].clone();
    config["upstreams"]["second"]["authority"] = json!("second.test");
    config["models"] = json!([{"match": "*", "upstream": ["codex", "second"]}]);
    config["limits"] = json!([
        {"name": "few", "per": "user", "unit": "images", "max": 1, "window": "day",
        "users": ["few"]},
        {"name": "trial", "per": "global", "unit": "images", "max": 1, "window": "day",
        "shadow": true},
    ]);
    config
}

fn request(user: &str, n: u32) -> Request {
    let body = json!({"prompt": "a square", "model": "gpt-image-2", "n": n, "user": user});
    Request::generation(&body).bearer(Key::MASTER)
}

/// What a production gateway reports after an image, a fail-over to an upstream that refuses a host
/// model, a rejection, and a wrong key.
fn of_production(into: &mut Scrape) {
    let generation = Generation::small(1);
    let limit = json!({"error": {"type": "usage_limit_reached", "message": "m",
        "resets_in_seconds": 40}});
    let codex = Upstream::scripts([Step::generate(&generation), Step::json(429, &limit)]);
    let second = Sim::start();
    let setup = Setup::production(codex.port()).configure_struct(&document());
    let envoy = setup.beside("second", second.port()).start();
    assert_eq!(request("acme", 1).send(&envoy).images().len(), 1);
    assert_eq!(request("acme", 1).send(&envoy).images().len(), 1);
    request("few", 2).send(&envoy).assert_error(429, "rate_limit_exceeded");
    request("acme", 1).bearer(Key::UNKNOWN).send(&envoy).assert_error(401, "invalid_api_key");
    let last = "imagegate_upstream_rest_seconds{upstream=\"codex\"}";
    eventually("the rest is reported", || envoy.admin("/stats/prometheus").contains(last));
    eventually("all requests are counted", || counted(&envoy) == 4);
    read_scrape(&envoy.admin("/stats/prometheus"), into);
}

fn counted(envoy: &Envoy) -> usize {
    let text = envoy.admin("/stats/prometheus");
    let requests = text.lines().filter_map(|it| it.strip_prefix("imagegate_requests_total{"));
    requests.map(|it| it.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap()).sum()
}

/// `setup` with listeners that come by discovery, as in a mesh. There is none beside the one that it
/// has.
fn with_discovered_listeners(setup: Setup) -> Setup {
    let folder = root().join("build/e2e");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("no-listeners.yaml");
    fs::write(&path, "resources: []\n").unwrap();
    let source = format!(
        "dynamic_resources: {{ lds_config: {{ resource_api_version: V3, path_config_source: {{ \
         path: {path:?} }} }} }}\n\nstatic_resources:\n"
    );
    setup.replace("static_resources:\n", &source)
}

/// What a gateway reports whose filter and listeners come by discovery, after an upstream that broke
/// off when its answer was complete.
fn of_discovery(into: &mut Scrape) {
    let generation = Generation::of_bytes(2_000_000, 1);
    let unclean = vec![Step::StreamHead, Step::Chunk(generation.stream()), Step::Close];
    let upstream = Upstream::always(unclean);
    let setup = Setup::new(upstream.port()).configure(&config()).discovered();
    let envoy = with_discovered_listeners(setup).start();
    let mut client = Connection::open(envoy.port());
    let request = request("acme", 1).bearer(Key::WEB);
    client.write(&[request.head(), request.framed_body()].concat()).unwrap();
    assert_eq!(client.read_head().status, 200);
    // To the end, which is broken.
    while let Ok(Some(_)) = client.read_chunk() {}
    let scrape = || envoy.admin("/stats/prometheus");
    eventually("the end is noticed", || {
        scrape().contains("imagegate_upstream_unclean_ends_total{")
    });
    read_scrape(&scrape(), into);
}

#[test]
fn each_metric_and_label_of_the_rules_and_the_dashboard_is_in_a_scrape() {
    let mut scrape = Scrape::new();
    of_production(&mut scrape);
    of_discovery(&mut scrape);
    let recorded = recorded();
    let mut missing = Vec::new();
    let mut checked = 0;
    for query in queries() {
        for selector in query.selectors() {
            let name = &selector.metric;
            if recorded.contains(name) {
                continue;
            }
            checked += 1;
            let Some(labels) = scrape.get(name) else {
                missing.push(format!("{}: {name}", query.place));
                continue;
            };
            for label in selector.labels.iter().filter(|label| !labels.contains_key(*label)) {
                missing.push(format!("{}: {label} of {name}", query.place));
            }
        }
    }
    assert!(checked > 80, "only {checked} selectors");
    assert!(missing.is_empty(), "not in the scrape:\n{}", missing.join("\n"));
    // The bucket of the second objective, as Envoy writes it.
    assert!(scrape["imagegate_time_to_image_ms_bucket"]["le"].contains("60000"));
}
