//! A model with several upstreams, in a real Envoy: held heads, closed streams, calls out of
//! callbacks.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Generation, Request, Setup, Sim, Step, Upstream, config, eventually,
};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

/// Codex first, then a provider of the Images API.
fn document() -> Value {
    let mut document = config();
    document["upstreams"]["openai"] = json!({
        "api": "images", "authority": "provider.test", "timeout": "60s",
        "credential": {"key_env": "OPENAI_API_KEY"}
    });
    let provider = json!({"name": "openai", "rename": "gpt-image-1"});
    document["models"] = json!([{"match": "*", "upstream": ["codex", provider]}]);
    document["prices"] =
        json!([{"model": "gpt-image-2", "usd": "0.25"}, {"model": "gpt-image-1", "usd": "0.5"}]);
    document["limits"] =
        json!([{"name": "budget", "per": "user", "unit": "usd", "max": "100", "window": "day"}]);
    document
}

fn setup(codex: u16, provider: u16) -> Setup {
    Setup::of("envoy/providers.yaml", codex)
        .replace("port_value: 10002 ", &format!("port_value: {provider} "))
        .variable("OPENAI_API_KEY", Some("provider-key"))
        .configure(&document())
}

/// The same twice: without the loopback listener, and with it.
fn setups(codex: u16, provider: u16) -> [Setup; 2] {
    // An answer that breaks in its image has a status if it is held.
    let mut held = document();
    held["upstreams"]["codex"]["delivery"] = json!("hold");
    let mut looped = held.clone();
    looped["loopback"] = json!({"cluster": "imagegate_loopback"});
    [held, looped].map(|config| setup(codex, provider).configure(&config))
}

fn answer(base64: &str) -> Vec<Step> {
    Step::json(
        200,
        &json!({"created": 1_778_832_973, "data": [{"b64_json": base64}], "output_format": "png",
            "quality": "low", "size": "1024x1024"}),
    )
}

fn error(status: u16, code: &str) -> Vec<Step> {
    Step::json(
        status,
        &json!({"error": {"message": "no", "type": code, "code": code, "param": null}}),
    )
}

fn moved(envoy: &Envoy) -> u64 {
    envoy.metric("wasmcustom.imagegate_failovers_total.upstream.codex").unwrap_or(0)
}

fn settled(envoy: &Envoy) -> u64 {
    envoy.metric("wasmcustom.imagegate_settled_nanodollars_total").unwrap_or(0)
}

/// That everything is given back.
fn assert_no_memory_is_held(envoy: &Envoy) {
    for gauge in ["wasmcustom.imagegate_open_exchanges", "wasmcustom.imagegate_buffered_bytes"] {
        eventually(&format!("{gauge} is 0"), || envoy.metric(gauge) == Some(0));
    }
}

#[test]
fn the_next_upstream_generates_if_the_first_refuses() {
    let tool = json!({"error": {"message": "Tool choice 'image_generation' not found in 'tools' \
                                            parameter.",
        "type": "invalid_request_error", "param": "tool_choice", "code": null}});
    let refusals = vec![
        error(429, "usage_limit_reached"),
        error(500, "server_is_overloaded"),
        error(401, "token_expired"),
        Step::json(400, &tool),
        // No length, no end of its own: the end of the connection is the end of the body.
        vec![Step::Head(503, vec![]), Step::Chunk(b"busy".to_vec()), Step::End],
        // A status alone.
        vec![Step::Whole(503, vec![], Vec::new())],
    ];
    let count = u64::try_from(refusals.len()).unwrap();
    let provider = Upstream::always(answer("aGVsbG8="));
    let codex = Upstream::scripts([refusals.clone(), refusals].concat());
    for setup in setups(codex.port(), provider.port()) {
        let envoy = setup.start();
        for turn in 1..=count {
            let response = Request::generation(&body()).send(&envoy);
            assert_eq!(response.image(), "aGVsbG8=", "turn {turn}");
            eventually("the call is counted", || moved(&envoy) == turn);
            // The provider's price, exactly.
            assert_eq!(settled(&envoy), turn * 500_000_000);
        }
        assert_no_memory_is_held(&envoy);
    }
    let received = provider.received();
    assert_eq!(received.len(), 2 * usize::try_from(count).unwrap());
    let direct = received.iter().filter(|it| it.is_side_call()).count();
    assert_eq!(direct, usize::try_from(count).unwrap());
    for request in received {
        assert_eq!(request.path, "/v1/images/generations");
        assert_eq!(request.header("api-key").as_deref(), Some("provider-key"));
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("chatgpt-account-id"), None);
        assert_eq!(request.header("originator"), None);
        assert_eq!(request.json()["model"], "gpt-image-1");
    }
}

#[test]
fn an_upstream_that_cannot_be_reached_is_passed_over() {
    let provider = Upstream::always(answer("aGVsbG8="));
    for (turn, setup) in (1..).zip(setups(Upstream::closed_port(), provider.port())) {
        let envoy = setup.start();
        let response = Request::generation(&body()).send(&envoy);
        assert_eq!(response.image(), "aGVsbG8=");
        let mut three = body();
        three["n"] = json!(3);
        assert_eq!(Request::generation(&three).send(&envoy).images().len(), 3);
        assert_eq!(provider.received().len(), 4 * turn);
        assert_no_memory_is_held(&envoy);
    }
}

#[test]
fn if_no_upstream_can_be_reached_the_client_gets_an_error() {
    let envoy = setup(Upstream::closed_port(), Upstream::closed_port()).start();
    for _ in 0..2 {
        let response = Request::generation(&body()).send(&envoy);
        assert!((502..=503).contains(&response.status), "{response:?}");
        assert!(!response.error_code().is_empty());
    }
    // A cluster without a host: the call fails before it is made.
    let codex = Upstream::always(error(429, "usage_limit_reached"));
    let envoy = setup(codex.port(), 1)
        .replace(
            "              - endpoint:\n                  address:\n                    \
             socket_address: { address: 127.0.0.1, port_value: 1 }\n",
            "              []\n",
        )
        .start();
    Request::generation(&body()).send(&envoy).assert_error(429, "rate_limit_exceeded");
    Request::generation(&body()).send(&envoy).assert_error(429, "rate_limit_exceeded");
    assert_no_memory_is_held(&envoy);
    assert_eq!(settled(&envoy), 0);
}

#[test]
fn after_an_upstream_that_may_have_generated_no_other_is_called() {
    let generation = Generation::of_bytes(300_000, 1);
    let half = [generation.opening(), generation.image()[..200_000].to_vec()].concat();
    let scripts = vec![
        error(400, "moderation_blocked"),
        error(400, "invalid_prompt"),
        error(504, "timeout"),
        // Breaks off before a head, after a head, and in the image.
        vec![Step::Close],
        vec![Step::StreamHead, Step::Chunk(generation.opening()), Step::Close],
        vec![Step::StreamHead, Step::Chunk(half), Step::Close],
    ];
    let codex = Upstream::scripts([scripts.clone(), scripts].concat());
    let provider = Upstream::always(answer("aGVsbG8="));
    for setup in setups(codex.port(), provider.port()) {
        let envoy = setup.start();
        for (status, code) in [
            (400, "moderation_blocked"),
            (400, "invalid_prompt"),
            (504, "upstream_timeout"),
            (502, "upstream_disconnected"),
            (502, "upstream_disconnected"),
            (502, "upstream_disconnected"),
        ] {
            Request::generation(&body()).send(&envoy).assert_error(status, code);
        }
        assert_eq!(provider.received().len(), 0);
        assert_eq!((moved(&envoy), settled(&envoy)), (0, 0));
        assert_no_memory_is_held(&envoy);
    }
}

#[test]
fn each_of_three_images_moves_on_by_itself() {
    let generation = Generation::of_bytes(300_000, 1);
    for own_draws in [true, false] {
        let generated = generation.clone();
        let codex = Upstream::choosing(move |request| match request.is_side_call() == own_draws {
            true => error(429, "usage_limit_reached"),
            false => Step::generate(&generated),
        });
        let provider = Upstream::always(answer("aGVsbG8="));
        let envoy = setup(codex.port(), provider.port()).start();
        let mut three = body();
        three["n"] = json!(3);
        let response = Request::generation(&three).send(&envoy);
        let images = response.images();
        let fallbacks = if own_draws { 2 } else { 1 };
        assert_eq!(images.iter().filter(|it| *it == "aGVsbG8=").count(), fallbacks);
        assert_eq!(images.iter().filter(|it| **it == generation.base64).count(), 3 - fallbacks);
        assert_eq!(provider.received().len(), fallbacks);
        let fallbacks = u64::try_from(fallbacks).unwrap();
        assert_eq!(settled(&envoy), fallbacks * 500_000_000 + (3 - fallbacks) * 250_000_000);
        assert_no_memory_is_held(&envoy);
    }
}

#[test]
fn a_large_image_of_the_next_upstream_comes_through_and_so_does_a_stream() {
    let base64 = "A".repeat(16 << 20);
    let codex = Upstream::always(error(429, "usage_limit_reached"));
    let provider = Upstream::always(answer(&base64));
    let envoy = setup(codex.port(), provider.port()).start();
    assert!(Request::generation(&body()).send(&envoy).image() == base64);
    let mut streamed = body();
    streamed["stream"] = json!(true);
    streamed["partial_images"] = json!(2);
    let response = Request::generation(&streamed).send(&envoy);
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type").as_deref(),
        Some("text/event-stream; charset=utf-8")
    );
    let events = String::from_utf8(response.body).unwrap();
    assert_eq!(events.matches("event: ").count(), 1);
    assert!(events.starts_with("event: image_generation.completed\n"));
    assert!(events.contains(&base64));
    assert_eq!(provider.received().last().unwrap().json().get("partial_images"), None);
    assert_no_memory_is_held(&envoy);
}

#[test]
fn an_edit_of_5_mib_is_written_again_for_the_next_upstream() {
    let codex = Upstream::always(error(503, "server_is_overloaded"));
    let provider = Upstream::always(answer("aGVsbG8="));
    let [direct, looped] = setups(codex.port(), provider.port());
    let envoy = direct.start();
    let base64 = format!("iVBORw0KGgo{}", "A".repeat((5 << 20) + 1));
    let image = format!("data:image/png;base64,{base64}");
    let edit = json!({"prompt": "p", "model": "gpt-image-2", "images": [{"image_url": image}]});
    let response = Request::new("POST", "/v1/images/edits")
        .bearer(crate::harness::Key::WEB)
        .json(&edit)
        .send(&envoy);
    assert_eq!(response.image(), "aGVsbG8=");
    let request = provider.only();
    assert_eq!(request.path, "/v1/images/edits");
    assert!(request.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
    let file = STANDARD.decode(base64).unwrap();
    assert!(memchr::memmem::find(&request.body, &file).is_some(), "the file differs");
    assert_no_memory_is_held(&envoy);
    drop(envoy);
    let envoy = looped.start();
    let edit =
        Request::new("POST", "/v1/images/edits").bearer(crate::harness::Key::WEB).json(&edit);
    assert_eq!(edit.send(&envoy).image(), "aGVsbG8=");
    assert!(provider.received()[1].body == request.body, "the body differs");
    assert_no_memory_is_held(&envoy);
}

/// A refusal, whose end is still to come.
fn refusal_head() -> Step {
    Step::Head(429, vec![("content-type", "application/json".to_owned())])
}

fn refusal_body() -> Step {
    let refusal = br#"{"error":{"message":"no","type":"x","code":"usage_limit_reached"}}"#;
    Step::Chunk(refusal.to_vec())
}

#[test]
fn after_an_upstream_that_breaks_after_its_refusal_no_other_is_called() {
    let codex = Upstream::scripts([
        vec![refusal_head(), refusal_body(), Step::Pause(Duration::from_millis(500)), Step::Close],
        // Its end does not come at all: the clock ends it.
        vec![refusal_head(), refusal_body(), Step::KeepOpen],
        // It comes late.
        vec![refusal_head(), refusal_body(), Step::Pause(Duration::from_millis(500)), Step::End],
    ]);
    let provider = Upstream::always(answer("aGVsbG8="));
    let envoy = setup(codex.port(), provider.port()).start();
    let response = Request::generation(&body()).send(&envoy);
    response.assert_error(502, "upstream_disconnected");
    Request::generation(&body()).send(&envoy).assert_error(429, "rate_limit_exceeded");
    assert_eq!(provider.received().len(), 0);
    assert_eq!(Request::generation(&body()).send(&envoy).image(), "aGVsbG8=");
    assert_no_memory_is_held(&envoy);
}

#[test]
fn through_the_loopback_listener_a_refusal_counts_however_it_ends() {
    let codex = Upstream::scripts([
        vec![refusal_head(), refusal_body(), Step::Pause(Duration::from_millis(500)), Step::Close],
        vec![refusal_head(), refusal_body(), Step::KeepOpen],
    ]);
    let provider = Upstream::always(answer("aGVsbG8="));
    let [_, looped] = setups(codex.port(), provider.port());
    let envoy = looped.start();
    for _ in 0..2 {
        assert_eq!(Request::generation(&body()).send(&envoy).image(), "aGVsbG8=");
    }
    assert_no_memory_is_held(&envoy);
}

/// The first upstream's timeout passes, with Envoy's grace, while the next one generates.
#[test]
fn the_time_of_the_first_upstream_does_not_end_the_next() {
    let codex = Upstream::always(error(429, "usage_limit_reached"));
    let slow = [vec![Step::Pause(Duration::from_secs(8))], answer("aGVsbG8=")].concat();
    let provider = Upstream::always(slow);
    let mut document = document();
    document["upstreams"]["codex"]["timeout"] = json!("1s");
    let envoy = setup(codex.port(), provider.port()).configure(&document).start();
    assert_eq!(Request::generation(&body()).send(&envoy).image(), "aGVsbG8=");
}

#[test]
fn a_client_may_leave_while_the_next_upstream_generates() {
    let codex = Upstream::always(error(429, "usage_limit_reached"));
    let provider = Upstream::scripts([vec![Step::KeepOpen], answer("aGVsbG8=")]);
    let envoy = setup(codex.port(), provider.port()).start();
    let request = Request::generation(&body());
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    provider.wait_for(1);
    assert!(connection.is_silent_for(Duration::from_millis(200)));
    drop(connection);
    assert_no_memory_is_held(&envoy);
    assert_eq!(settled(&envoy), 0);
    assert_eq!(Request::generation(&body()).send(&envoy).image(), "aGVsbG8=");
    assert_no_memory_is_held(&envoy);
}

#[test]
fn the_shipped_example_moves_on() {
    let codex = Upstream::always(error(429, "usage_limit_reached"));
    let provider = Sim::start();
    let envoy = Setup::of("envoy/providers.yaml", codex.port())
        .replace("port_value: 10002 ", &format!("port_value: {} ", provider.port()))
        .variable("OPENAI_API_KEY", Some("provider-key"))
        .start();
    let mut two = body();
    two["n"] = json!(2);
    let response = Request::generation(&two).bearer("sk-imagegate-demo").send(&envoy);
    assert!(response.images().iter().all(|it| it.starts_with("iVBORw0KGgo")));
    assert_eq!(provider.received().len(), 2);
    assert_eq!(codex.received().len(), 2);
}
