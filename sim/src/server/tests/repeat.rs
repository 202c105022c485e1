//! What is the same for the same prompt or seed, and what is not.

use super::client::{CODEX, SMALL, body, post, send, start};
use crate::{
    request::{Gate, Request},
    server::work::Work,
    settings::{Look, Settings},
};

#[tokio::test]
async fn the_same_prompt_gives_the_same_image_unless_it_is_to_vary() {
    let address = start(&[]).await;
    assert_eq!(post(address, "fox").await.base64(), post(address, "fox").await.base64());
    assert_ne!(
        post(address, "fox [[sim:vary]]").await.base64(),
        post(address, "fox [[sim:vary]]").await.base64()
    );
}

#[tokio::test]
async fn the_same_seed_gives_the_same_identifiers_and_images() {
    let mut runs = Vec::new();
    for seed in ["--seed=7", "--seed=7", "--seed=8"] {
        let received = post(start(&[seed]).await, "a red fox").await;
        let id = received.events()[0]["response"]["id"].as_str().unwrap().to_owned();
        runs.push((id, received.base64()));
    }
    let [first, again, other] = runs.try_into().unwrap();
    assert_eq!(first, again);
    assert!(first.0 != other.0 && first.1 != other.1);
}

#[tokio::test]
async fn without_a_seed_identifiers_differ_and_images_do_not() {
    let address = start(&[]).await;
    let (first, again) = (post(address, "a red fox").await, post(address, "a red fox").await);
    assert_eq!(first.base64(), again.base64());
    assert_ne!(first.events()[0]["response"]["id"], again.events()[0]["response"]["id"]);
}

#[test]
fn the_small_print_has_the_number_of_a_further_image_and_of_a_call_that_varies() {
    let body = body("gpt-6-luna", "fox");
    let tool = Request::parse(body.as_bytes(), Gate::Open).unwrap().tool.unwrap();
    let caption = |look, number| {
        let settings = Settings { look, ..Settings::default() };
        Work { settings, words: "fox".to_owned(), call: 3, seed: 1 }.caption(&tool, &[], number)
    };
    assert_eq!(caption(Look::Same, 0), "gpt-image-2 · 1024x1024 · auto");
    assert_eq!(caption(Look::Same, 1), "gpt-image-2 · 1024x1024 · auto · image 2");
    assert_eq!(caption(Look::Varied, 0), "gpt-image-2 · 1024x1024 · auto · call 3");
}

#[tokio::test]
async fn a_header_has_directives_too_for_either_api() {
    let address = start(&[]).await;
    let request = format!(r#"{{"prompt":"{SMALL} a red fox"}}"#);
    let codex = ("/backend-api/codex/responses", body("gpt-6-luna", &format!("{SMALL} a red fox")));
    for (path, request) in [codex, ("/v1/images/generations", request)] {
        let ask = async |faults: &str| {
            let headers = format!("{CODEX}content-type: application/json\r\n{faults}");
            send(address, "POST", path, &headers, request.as_str()).await
        };
        let both = "x-codex-sim-fault: size=96x64 500@2,3\r\nx-codex-sim-fault: 429\r\n";
        assert_eq!(ask(both).await.status(), 400, "429 is no directive");
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(ask("x-codex-sim-fault: delay=1ms 500@2,3\r\n").await.status());
        }
        assert_eq!(statuses, [500, 500, 200], "one was counted before");
        assert_eq!(send(address, "DELETE", "/stats", "", "").await.status(), 204);
        assert_eq!(ask("x-codex-sim-fault: 500@1\r\n").await.status(), 500, "counted from 1 again");
        assert_eq!(ask("").await.status(), 200);
        send(address, "DELETE", "/stats", "", "").await;
    }
}
