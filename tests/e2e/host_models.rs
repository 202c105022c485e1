//! Host models before codex-sim, which is as strict as the backend: retired models and old versions
//! are refused in several forms.

use serde_json::{Value, json};

use crate::harness::{Envoy, Key, Request, Setup, Sim, Step, Upstream, config};

/// Refused as an event in a 200, as a 404 with a code, and as a 400 with a `detail`.
const REFUSED: [&str; 3] = ["gpt-5.4-mini", "gpt-5.5", "gpt-5.2"];
const SERVED: &str = "gpt-6-luna";

fn with_models(models: &[&str]) -> Value {
    let mut config = config();
    let codex = &mut config["upstreams"]["codex"];
    codex.as_object_mut().unwrap().remove("host_model");
    codex["host_models"] = json!(models);
    config
}

/// The host models of the calls since the first `from`.
fn host_models_since(sim: &Sim, from: usize) -> Vec<String> {
    let received = sim.received();
    let calls = received[from..].iter();
    calls.map(|it| it["body"]["model"].as_str().unwrap_or_default().to_owned()).collect()
}

fn start(sim: &Sim, models: &[&str], workers: u32) -> Envoy {
    Setup::production(sim.port()).configure_struct(&with_models(models)).workers(workers).start()
}

fn generation(n: u32) -> Request {
    Request::generation(&json!({"prompt": "a square", "model": "gpt-image-2", "n": n}))
}

fn edit() -> Request {
    let image = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let body =
        json!({"prompt": "a square", "model": "gpt-image-2", "images": [{"image_url": image}]});
    Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(&body)
}

fn streamed() -> Request {
    Request::generation(&json!({"prompt": "a square", "model": "gpt-image-2", "stream": true}))
}

#[test]
fn three_host_models_refused_in_three_forms_end_in_an_image_of_each_kind() {
    let models = [&REFUSED[..], &[SERVED]].concat();
    for (kind, request, calls) in
        [("one", generation(1), 1), ("three", generation(3), 3), ("edit", edit(), 1)]
    {
        let sim = Sim::start();
        let envoy = start(&sim, &models, 4);
        assert_eq!(request.send(&envoy).images().len(), calls, "{kind}");
        let called = host_models_since(&sim, 0);
        assert_eq!(called.len(), calls * 4, "{kind}: {called:?}");
        for model in &models {
            assert_eq!(called.iter().filter(|it| it == model).count(), calls, "{kind}: {called:?}");
        }
    }
    let sim = Sim::start();
    let envoy = start(&sim, &models, 4);
    let response = streamed().send(&envoy);
    let events = String::from_utf8(response.body).unwrap();
    assert!(events.contains("image_generation.completed"), "{events}");
    assert_eq!(host_models_since(&sim, 0).len(), 4);
}

#[test]
fn after_that_every_worker_tries_the_working_host_model_first() {
    let sim = Sim::start();
    let models = [&REFUSED[..], &[SERVED]].concat();
    let envoy = start(&sim, &models, 4);
    generation(1).send(&envoy).images();
    // Each request is a connection of its own, so that all workers serve some.
    for _ in 0..24 {
        generation(1).send(&envoy).images();
    }
    let later = host_models_since(&sim, 4);
    assert_eq!(later.len(), 24);
    assert!(later.iter().all(|it| it == SERVED), "{later:?}");
    let log = envoy.log();
    assert!(log.contains("upstream `codex`: it refuses the host model `gpt-5.4-mini`"), "{log}");
    let refusals = envoy.admin("/stats/prometheus");
    let line = "imagegate_host_model_refusals_total{host_model=\"gpt-5.4-mini\"} 1";
    assert!(refusals.lines().any(|it| it.ends_with(line)), "{refusals}");
}

#[test]
fn a_version_that_is_too_old_is_named_in_the_log() {
    let sim = Sim::start();
    let mut config = with_models(&["gpt-6-luna", "gpt-5.6-luna"]);
    config["upstreams"]["codex"]["headers"]["version"] = json!("0.99.0");
    config["upstreams"]["codex"]["headers"]["user-agent"] = json!("codex_cli_rs/0.99.0");
    let envoy = Setup::production(sim.port()).configure_struct(&config).start();
    generation(1).send(&envoy).assert_error(502, "upstream_host_model_refused");
    let log = envoy.log();
    for part in ["`gpt-6-luna`, `gpt-5.6-luna`", "0.99.0", "raise `version`"] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
fn the_default_host_models_serve_as_shipped() {
    let sim = Sim::start();
    let envoy = Setup::of("envoy/envoy.yaml", sim.port()).start();
    let body = json!({"prompt": "a square", "n": 2});
    let request = Request::new("POST", "/v1/images/generations").bearer("sk-imagegate-demo");
    assert_eq!(request.json(&body).send(&envoy).images().len(), 2);
    assert_eq!(host_models_since(&sim, 0), ["gpt-6-luna", "gpt-6-luna"]);
}

/// What the image endpoints of Codex answer.
fn direct() -> Vec<Step> {
    let image = json!({"created": 1, "data": [{"b64_json": "aGVsbG8="}], "quality": "low",
        "size": "1254x1254", "output_format": "png", "background": "opaque"});
    Step::json(200, &image)
}

#[test]
fn the_direct_endpoints_serve_within_their_limits_where_codex_refuses() {
    let upstream = Upstream::choosing(|request| match request.path.as_str() {
        "/backend-api/codex/images/generations" | "/backend-api/codex/images/edits" => direct(),
        _ => Step::json(429, &json!({"error": {"type": "usage_limit_reached", "message": "m"}})),
    });
    let envoy = Setup::production(upstream.port()).start();
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let edit = |images: usize, url: &str| {
        let images: Vec<_> = (0..images).map(|_| json!({ "image_url": url })).collect();
        let body = json!({"prompt": "a square", "model": "gpt-image-2", "images": images});
        Request::new("POST", "/v1/images/edits").bearer("sk-imagegate-demo").json(&body)
    };
    let body = json!({"prompt": "a square", "model": "gpt-image-2"});
    let generation =
        Request::new("POST", "/v1/images/generations").bearer("sk-imagegate-demo").json(&body);
    for request in [&generation, &edit(5, png)] {
        assert_eq!(request.send(&envoy).images(), ["aGVsbG8="]);
    }
    let served = upstream.received().len();
    for request in [edit(6, png), edit(1, "https://images.example/a.png")] {
        request.send(&envoy).assert_error(429, "rate_limit_exceeded");
    }
    assert_eq!(upstream.received().len(), served, "Codex rests, and the others cannot take it");
    let direct = upstream.received().into_iter().find(|it| it.path.contains("/codex/images/"));
    let direct = direct.unwrap();
    assert!(direct.header("x-codex-image-turn-id").is_some_and(|id| id.len() == 36));
    assert_eq!(direct.header("version").as_deref(), Some("0.170.0"));
    assert_eq!(direct.header("authorization").as_deref(), Some("Bearer put-the-access-token-here"));
    assert_eq!(direct.header("host").as_deref(), Some("chatgpt.com"));
}
