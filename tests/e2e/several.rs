//! `n` above 1: the client's own stream and side calls beside it.

use std::thread;

use serde_json::{Value, json};

use crate::harness::config::{ACCOUNT, TOKEN};
use crate::harness::sse::Output;
use crate::harness::{
    Envoy, Gate, Generation, Received, Request, Response, SECRET_PROMPT, Step, Upstream,
};

fn body() -> Value {
    json!({"prompt": SECRET_PROMPT, "model": "gpt-image-2", "size": "1024x1024"})
}

/// Answers the client's own stream with `main`, and side calls with `sides` in the order of their
/// arrival.
fn fan_out(main: Vec<Step>, sides: Vec<Vec<Step>>) -> Upstream {
    let sides = std::sync::Mutex::new(sides.into_iter());
    Upstream::choosing(move |request: &Received| {
        if request.is_side_call() {
            sides.lock().unwrap().next().expect("a script for each side call")
        } else {
            main.clone()
        }
    })
}

fn ask_for_three(envoy: &Envoy) -> Response {
    let mut body = body();
    body["n"] = json!(3);
    Request::generation(&body).send(envoy)
}

fn failing(status: u16) -> Vec<Step> {
    Step::json(
        status,
        &json!({"error": {"message": "m", "type": "server_error", "code": null, "param": null}}),
    )
}

#[test]
fn three_images_arrive_in_order_with_the_sum_of_their_usage() {
    let generations = [1, 2, 3].map(|seed| Generation::of_bytes(300_000, seed));
    let gate = Gate::default();
    // The client's own stream is the last to end and its image still the first.
    let mut main = Step::generate(&generations[0]);
    main.insert(0, Step::Wait(gate.clone()));
    let upstream = fan_out(main, generations[1..].iter().map(Step::generate).collect());
    let envoy = Envoy::start(upstream.port());
    let client = thread::scope(|scope| {
        let client = scope.spawn(|| ask_for_three(&envoy));
        upstream.wait_for(3);
        gate.open();
        client.join().unwrap()
    });
    let images = client.images();
    assert_eq!(images.len(), 3);
    assert!(
        images[0] == generations[0].base64,
        "the first image is not that of the client's own stream"
    );
    let sides = [&generations[1].base64, &generations[2].base64];
    assert!(sides.iter().all(|it| images[1..].contains(it)), "a side call's image is missing");
    let usage = &client.json()["usage"];
    assert_eq!(
        (&usage["input_tokens"], &usage["output_tokens"], &usage["total_tokens"]),
        (&json!(60), &json!(588), &json!(648))
    );
    assert_eq!(client.header("x-imagegate-images-failed"), None);

    let received = upstream.received();
    assert_eq!(received.iter().filter(|it| it.is_side_call()).count(), 2);
    for request in &received {
        assert_eq!(request.body, received[0].body, "all calls ask for the same");
        assert_eq!(request.path, "/backend-api/codex/responses");
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}")));
        assert_eq!(request.header("chatgpt-account-id").as_deref(), Some(ACCOUNT));
        assert_eq!(request.header("host").as_deref(), Some("chatgpt.com"));
        assert_eq!(request.header("cookie"), None);
    }
}

#[test]
fn images_of_side_calls_may_be_large() {
    let generation = Generation::of_bytes(16_000_000, 1);
    let bytes =
        [generation.opening(), generation.image(), generation.completed(Output::Repeated)].concat();
    let upstream = Upstream::always(Step::stream(bytes));
    let envoy = Envoy::start(upstream.port());
    let mut body = body();
    body["n"] = json!(2);
    let images = Request::generation(&body).send(&envoy).images();
    assert!(images == [generation.base64.clone(), generation.base64], "an image differs");
}

#[test]
fn images_are_delivered_though_side_calls_fail() {
    let generation = Generation::small(1);
    let upstream = fan_out(
        Step::generate(&generation),
        vec![failing(500), vec![Step::StreamHead, Step::Reset]],
    );
    let envoy = Envoy::start(upstream.port());
    let response = ask_for_three(&envoy);
    assert_eq!(response.image(), generation.base64);
    assert_eq!(response.header("x-imagegate-images-failed").as_deref(), Some("2"));
}

#[test]
fn images_are_delivered_though_the_clients_own_stream_fails() {
    let generation = Generation::small(1);
    let failed = Step::stream(crate::harness::sse::event(
        &json!({"type": "response.failed", "sequence_number": 1,
        "response": {"id": "resp_1", "status": "failed", "error": {"code": "server_error",
        "message": "m"}}}),
    ));
    for main in [failing(500), failed] {
        let upstream =
            fan_out(main, vec![Step::generate(&generation), Step::generate(&generation)]);
        let envoy = Envoy::start(upstream.port());
        let response = ask_for_three(&envoy);
        assert_eq!(response.images(), [generation.base64.clone(), generation.base64.clone()]);
        assert_eq!(response.header("x-imagegate-images-failed").as_deref(), Some("1"));
    }
}

#[test]
fn if_all_calls_fail_the_first_failure_is_reported() {
    let upstream = fan_out(failing(503), vec![failing(500), failing(500)]);
    let envoy = Envoy::start(upstream.port());
    ask_for_three(&envoy).assert_error(503, "server_is_overloaded");
}

#[test]
fn images_beyond_the_requested_number_are_dropped() {
    let (first, second) = (Generation::small(1), Generation::small(2));
    let another = String::from_utf8(second.image()).unwrap().replace("ig_1", "ig_2");
    let another = another.replace("\"output_index\":0", "\"output_index\":1");
    let bytes =
        [first.opening(), first.image(), another.into_bytes(), first.completed(Output::Empty)]
            .concat();
    let upstream = Upstream::always(Step::stream(bytes));
    let envoy = Envoy::start(upstream.port());
    assert_eq!(Request::generation(&body()).send(&envoy).image(), first.base64);
}
