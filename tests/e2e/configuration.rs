//! The filter's configuration as Envoy hands it over: at the start and while it runs.

use std::thread;

use serde_json::{Value, json};

use crate::harness::config::{ACCOUNT, TOKEN};
use crate::harness::{
    Envoy, Gate, Generation, Key, Request, Setup, Step, Upstream, config, eventually,
};

fn send_request(envoy: &Envoy) -> u16 {
    Request::generation(&json!({"prompt": "a square"})).send(envoy).status
}

fn config_with(pointer: &str, value: Value) -> Value {
    let mut config = config();
    *config.pointer_mut(pointer).unwrap() = value;
    config
}

#[test]
fn a_fault_keeps_envoy_from_starting_and_is_reported_with_its_pointer() {
    let mut unknown = config();
    unknown["consumers"][0]["nmae"] = json!("x");
    let repeated = config()["consumers"][0]["key_sha256"].clone();
    for (config, pointer) in [
        (unknown, "/consumers/0/nmae"),
        (config_with("/upstreams", json!({})), "/upstreams"),
        (config_with("/models/0/upstream", json!("nobody")), "/models/0/upstream"),
        (config_with("/upstreams/codex/timeout", json!("soon")), "/upstreams/codex/timeout"),
        (config_with("/upstreams/codex/timeout", json!(30)), "/upstreams/codex/timeout"),
        (config_with("/consumers/1/key_sha256", repeated), "/consumers/1/key_sha256/0"),
        (config_with("/consumers/4/name", json!("web")), "/consumers/4/name"),
        (
            config_with("/upstreams/codex/credential/bearer_env", json!("NOT_SET")),
            "/upstreams/codex/credential/bearer_env",
        ),
    ] {
        let (status, log) = Setup::new(1).configure(&config).start_rejected();
        assert!(!status.success(), "{pointer}: {status}");
        assert!(log.contains(&format!("{pointer}: ")), "{pointer} is not reported:\n{log}");
        assert!(!log.contains(TOKEN), "{pointer}: a secret is logged");
    }
}

#[test]
fn a_response_that_is_no_document_is_reported() {
    for text in ["", "{", "[]", "nonsense", "{\"upstreams\": "] {
        let (status, log) = Setup::new(1).configure_text(text).start_rejected();
        assert!(!status.success(), "{text}: {status}");
        assert!(log.contains("imagegate: configuration refused: "), "{text}:\n{log}");
    }
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let (status, log) = Setup::new(1).variable("CODEX_ACCESS_TOKEN", None).start_rejected();
    assert!(!status.success());
    assert!(log.contains("CODEX_ACCESS_TOKEN"), "{log}");
}

#[test]
fn a_struct_serves_as_well_as_json() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::of("envoy/envoy.yaml", upstream.port()).configure_struct(&config()).start();
    assert_eq!(send_request(&envoy), 200);
    assert_eq!(upstream.only().header("authorization"), Some(format!("Bearer {TOKEN}")));
    let (status, log) = Setup::of("envoy/envoy.yaml", 1)
        .configure_struct(&config_with("/consumers/0/key_sha256/0", json!("short")))
        .start_rejected();
    assert!(!status.success());
    assert!(log.contains("/consumers/0/key_sha256/0: "), "{log}");
}

#[test]
fn the_start_is_logged_in_numbers() {
    let envoy = Envoy::start(Upstream::closed_port());
    // Everything but the configuration itself: the harness searches each log for keys and tokens.
    let line = "upstreams: 1, models: 2, consumers: 6, users: 5";
    assert!(envoy.log().contains(line), "{}", envoy.log());
}

#[test]
fn the_shipped_smallest_file_boots() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::of("envoy/envoy.yaml", upstream.port()).start();
    Request::generation(&json!({"prompt": "a square"}))
        .bearer("sk-imagegate-demo")
        .send(&envoy)
        .images();
    Request::generation(&json!({"prompt": "a square"}))
        .bearer(Key::WEB)
        .send(&envoy)
        .assert_error(401, "invalid_api_key");
}

#[test]
fn the_shipped_file_for_production_boots() {
    let generation = Generation::of_bytes(16_000_000, 1);
    let upstream = Upstream::generating(&generation);
    let envoy = Setup::production(upstream.port()).start();
    let body = json!({"prompt": "a square", "model": "gpt-image-2"});
    let response = Request::generation(&body)
        .bearer("sk-imagegate-demo")
        .header("x-forwarded-for", "192.0.2.1")
        .send(&envoy);
    assert!(response.image() == generation.base64, "the image differs");
    let request = upstream.only();
    assert_eq!(request.header("x-forwarded-for"), None);
    assert_eq!(request.header("x-envoy-expected-rq-timeout-ms"), None);
    // Two lines of access log: the exchange, and the usage record.
    eventually("the exchange is logged", || envoy.access_log().len() == 2);
    let line = &envoy.access_log()[0];
    let usage = &envoy.records()[0];
    assert_eq!(
        (&usage["consumer"], &usage["user"], &usage["status"]),
        (&json!("acme-web"), &json!("acme"), &json!(200))
    );
    assert_eq!((&usage["images_asked"], &usage["images_delivered"]), (&json!(1), &json!(1)));
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(20), &json!(196)));
    assert_eq!(usage["request_id"], line["request_id"]);
}

#[test]
fn the_credential_may_be_envoys() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::of("envoy/credential-injector.yaml", upstream.port())
        .variable("CODEX_ACCESS_TOKEN", None)
        .variable("CODEX_ACCOUNT_ID", None)
        .start();
    let body = json!({"prompt": "a square", "n": 3});
    let response = Request::generation(&body).bearer("sk-imagegate-demo").send(&envoy);
    assert_eq!(response.images().len(), 3);
    for request in upstream.received() {
        assert_eq!(
            request.header("authorization").as_deref(),
            Some("Bearer put-the-access-token-here")
        );
        assert_eq!(
            request.header("chatgpt-account-id").as_deref(),
            Some("put-the-account-id-here")
        );
        assert!(!request.headers.iter().any(|(_, value)| value == ACCOUNT.as_bytes()));
    }
}

#[test]
fn an_update_is_in_force_without_a_restart() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::new(upstream.port()).discovered().start();
    assert_eq!(send_request(&envoy), 200);
    let mut next = config();
    next["consumers"].as_array_mut().unwrap().remove(0);
    envoy.rediscover(&next);
    eventually("the key is gone", || send_request(&envoy) == 401);
    envoy.rediscover(&config());
    eventually("the key is back", || send_request(&envoy) == 200);
}

#[test]
fn updates_do_not_multiply_what_the_gauges_say() {
    // Small: how much memory a large one takes depends on the chunks in which it comes.
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::new(upstream.port()).discovered().start();
    let gauge = |name: &str| envoy.metric(&format!("wasmcustom.imagegate_{name}")).unwrap();
    assert_eq!(send_request(&envoy), 200);
    let before = gauge("vm_memory_bytes");
    let mut without = config();
    without["consumers"].as_array_mut().unwrap().remove(0);
    for (config, status) in [(&without, 401), (&config(), 200)].into_iter().cycle().take(6) {
        envoy.rediscover(config);
        eventually("the update is in force", || send_request(&envoy) == status);
    }
    let after = gauge("vm_memory_bytes");
    assert!(before > 0 && after < before * 2, "{before} bytes before the updates, {after} after");
    for name in ["open_exchanges", "buffered_bytes"] {
        eventually(&format!("{name} is 0"), || gauge(name) == 0);
    }
}

#[test]
fn a_bad_update_leaves_the_old_configuration_in_force() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::new(upstream.port()).discovered().start();
    let mut bad = config();
    bad["consumers"] = json!([]);
    envoy.rediscover(&bad);
    eventually("the fault is reported", || envoy.log().contains("/consumers: "));
    assert_eq!(send_request(&envoy), 200);
}

#[test]
fn a_request_outlives_an_update() {
    let (generation, gate) = (Generation::of_bytes(1_000_000, 1), Gate::default());
    let mut script = Step::generate(&generation);
    script.insert(1, Step::Wait(gate.clone()));
    let upstream = Upstream::scripts([script]);
    let envoy = Setup::new(upstream.port()).discovered().start();
    thread::scope(|scope| {
        let client =
            scope.spawn(|| Request::generation(&json!({"prompt": "a square"})).send(&envoy));
        upstream.wait_for(1);
        let mut next = config();
        next["consumers"].as_array_mut().unwrap().remove(0);
        envoy.rediscover(&next);
        eventually("the update is in force", || send_request(&envoy) == 401);
        gate.open();
        assert!(client.join().unwrap().image() == generation.base64, "the image differs");
    });
}
