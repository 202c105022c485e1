use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use self::client::{End, PATIENCE, get, post, send, start};
use super::work::Work;
use crate::{
    directive,
    faults::AnswerFault,
    request::{Gate, Request},
    settings::Settings,
};

mod client;
mod direct;
mod hosts;
mod images;
mod repeat;

#[tokio::test]
async fn a_request_is_answered_by_a_stream_with_its_image() {
    let address = start(&[]).await;
    let received = post(address, "a red fox").await;
    assert_eq!(received.status(), 200);
    for name in [
        "content-type: text/event-stream",
        "set-cookie: __cf_bm=",
        "x-codex-active-limit: premium",
        "x-codex-primary-used-percent",
        "openai-model",
    ] {
        assert!(received.head.contains(name), "{name}");
    }
    assert!(received.whole && received.end == End::Closed);
    assert_eq!(received.names().last().unwrap(), "response.completed");
    let image = image::load_from_memory(&STANDARD.decode(received.base64()).unwrap()).unwrap();
    assert_eq!((image.width(), image.height()), (64, 48));
    assert!(!received.text().contains("[[sim:"), "directives go no further");
}

#[tokio::test]
async fn the_credential_is_checked_first() {
    let address = start(&["--token", "right"]).await;
    for (headers, status) in [
        ("", 401),
        ("authorization: Basic right\r\n", 401),
        ("authorization: Bearer wrong\r\n", 401),
        ("authorization: Bearer right\r\nauthorization: Bearer right\r\n", 401),
        ("authorization: bearer right\r\n", 400),
    ] {
        let received = send(address, "POST", "/responses", headers, "{}").await;
        assert_eq!(received.status(), status, "{headers}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_rejected() {
    let address = start(&[]).await;
    assert_eq!(get(address, "/healthz").await.status(), 200);
    assert_eq!(get(address, "/v1/images/variations").await.status(), 404);
    assert_eq!(get(address, "/v1/images/generations").await.status(), 405);
    assert_eq!(get(address, "/v1/responses").await.status(), 405);
}

#[tokio::test]
async fn an_answer_fault_has_the_status_that_its_description_names() {
    let address = start(&[]).await;
    for fault in AnswerFault::ALL {
        let received = post(address, &format!("[[sim:{}]]", fault.name())).await;
        assert_eq!(
            fault.about().split(' ').next().unwrap(),
            received.status().to_string(),
            "{}",
            fault.name()
        );
        assert_eq!(received.end, End::Closed);
    }
    let limit = post(address, "[[sim:usage_limit]]").await;
    assert!(limit.head.contains("x-codex-primary-used-percent: 100"));
    assert_eq!(limit.json()["error"]["type"], "usage_limit_reached");
    assert!(post(address, "[[sim:empty_body]]").await.body.is_empty());
}

#[tokio::test]
async fn a_stream_can_break_in_the_middle_of_the_image() {
    let address = start(&[]).await;
    let received = post(address, "[[sim:bytes=200kB]] [[sim:cut_mid_image]]").await;
    assert!(!received.whole && received.end == End::Closed);
    assert!(
        received.body.len() > 250_000,
        "the preview and half of the image: {}",
        received.body.len()
    );
    let ended = post(address, "[[sim:bytes=200kB]] [[sim:end_mid_image]]").await;
    assert!(ended.whole && !ended.text().ends_with('\n'));
}

#[tokio::test]
async fn a_stream_can_break_after_its_last_event() {
    let address = start(&[]).await;
    let last = |received: &client::Received| received.names().pop().unwrap();
    let completed = post(address, "[[sim:cut_after_completed]]").await;
    assert_eq!((last(&completed).as_str(), completed.whole), ("response.completed", false));
    assert_eq!(completed.end, End::Closed);
    let cut = post(address, "[[sim:cut_after_image]]").await;
    assert_eq!((last(&cut).as_str(), cut.whole), ("codex.rate_limits", false));
    assert!(!cut.base64().is_empty());
    let failed = post(address, "[[sim:failed_silence]]").await;
    assert_eq!((last(&failed).as_str(), failed.end), ("response.failed", End::Silent));
}

#[tokio::test]
async fn the_codex_path_names_its_own_image_model() {
    let address = start(&[]).await;
    let tools = |received: &client::Received| received.events()[0]["response"]["tools"][0].clone();
    let pinned = tools(&post(address, "fox").await);
    assert_eq!(
        (&pinned["model"], &pinned["quality"]),
        (&json!("gpt-image-2-codex"), &json!("auto"))
    );
    let body = client::body("gpt-6-luna", "fox [[sim:size=64x48]]");
    let open = send(address, "POST", "/v1/responses", client::CODEX, body).await;
    assert_eq!(tools(&open)["model"], "gpt-image-2");
}

/// Without optimisation, these images would take longer than the client waits: none is generated
/// here.
#[test]
fn an_image_can_have_a_shape_and_a_quality_of_its_own() {
    let body = client::body("gpt-6-luna", "fox");
    let asked = Request::parse(body.as_bytes(), Gate::Open).unwrap().tool.unwrap();
    let generated = |directives: &str| {
        let (words, directives) = directive::extract(&format!("fox {directives}")).unwrap();
        let mut settings = Settings::default();
        directives.iter().for_each(|directive| directive.apply(&mut settings, 1));
        let mut tool = asked.clone();
        Work { settings, words, call: 1, seed: 1 }.reshape(&mut tool, "medium");
        (tool.size, tool.quality)
    };
    assert_eq!(generated(""), (asked.size, "auto".to_owned()));
    let (free, quality) = generated("[[sim:free_shape]]");
    assert!(free.pixels().abs_diff(1_572_864) < 3_000, "{free}");
    assert_eq!(quality, "medium");
    assert_eq!(generated("[[sim:free_shape]] [[sim:size=64x48]]").0.to_string(), "64x48");
}

#[tokio::test]
async fn a_stream_can_end_properly_without_its_last_event() {
    let address = start(&[]).await;
    let received = post(address, "[[sim:cut_before_completed]]").await;
    assert!(received.whole);
    assert!(!received.names().contains(&"response.completed".to_owned()));
}

#[tokio::test]
async fn a_connection_can_be_reset_early_or_late() {
    let address = start(&[]).await;
    let late = post(address, "[[sim:reset]]").await;
    assert_eq!((late.status(), late.end), (200, End::Reset));
    let early = post(address, "[[sim:reset_early]]").await;
    assert_eq!((early.head.as_str(), early.end), ("", End::Reset));
    let closed = post(address, "[[sim:hang_up]]").await;
    assert_eq!((closed.head.as_str(), closed.end), ("", End::Closed));
}

#[tokio::test]
async fn silence_lasts_until_the_client_leaves_and_is_counted() {
    let address = start(&[]).await;
    let none = post(address, "[[sim:no_head]]").await;
    assert_eq!((none.head.as_str(), none.end), ("", End::Silent));
    let head = post(address, "[[sim:stall]]").await;
    assert_eq!((head.status(), head.body.len(), head.end), (200, 0, End::Silent));
    let half = post(address, "[[sim:stall_mid_image]]").await;
    assert!(half.end == End::Silent && half.text().contains("partial_image"));
    let open = post(address, "[[sim:keep_open]]").await;
    assert!(open.end == End::Silent && open.names().last().unwrap() == "response.completed");
    tokio::time::sleep(PATIENCE).await;
    let stats = get(address, "/stats").await.json();
    assert_eq!((&stats["aborted_streams"], &stats["left_after_end"]), (&json!(3), &json!(1)));
    assert_eq!((&stats["open_streams"], &stats["requests"]), (&json!(0), &json!(4)));
}

#[tokio::test]
async fn lines_can_end_in_other_ways() {
    let address = start(&[]).await;
    let crlf = post(address, "[[sim:crlf]]").await.text();
    assert!(crlf.contains("\r\n\r\nevent: ") && !crlf.replace("\r\n", "").contains(['\r', '\n']));
    let cr = post(address, "[[sim:cr]]").await.text();
    assert!(cr.contains("\r\revent: ") && !cr.contains('\n'));
    let no_end = post(address, "[[sim:no_blank_end]]").await;
    assert!(no_end.text().ends_with("}}") && no_end.whole);
    let no_blank = post(address, "[[sim:no_blank_line]]").await;
    assert!(no_blank.text().ends_with("}}\n") && no_blank.whole);
    let keepalives = post(address, "[[sim:keepalives]]").await.text();
    let start = ": keep-alive\n\nevent: keepalive\ndata: {\"type\":\"keepalive\"}\n\nevent: ";
    assert!(keepalives.starts_with(&format!("{start}response.created")));
    assert!(post(address, "[[sim:bom]]").await.body.starts_with(b"\xef\xbb\xbfevent: "));
    assert!(post(address, "[[sim:comments]]").await.text().starts_with(": keep-alive\n\nevent: "));
    assert!(post(address, "[[sim:done_marker]]").await.text().ends_with("\n\ndata: [DONE]\n\n"));
}

#[tokio::test]
async fn events_can_be_named_and_written_in_other_ways() {
    let address = start(&[]).await;
    let text = post(address, "[[sim:no_type]]").await.text();
    assert!(
        text.contains("event: response.created") && !text.contains("\"type\":\"response.created\"")
    );
    assert!(!post(address, "[[sim:no_event_line]]").await.text().contains("event: "));
    assert!(
        post(address, "[[sim:type_last]]")
            .await
            .text()
            .contains(",\"type\":\"response.completed\"}\n")
    );
    assert!(post(address, "[[sim:multi_line]]").await.text().contains("data: {\ndata: \"type\""));
    let slashes = post(address, "[[sim:bytes=20kB]] [[sim:escaped_slashes]]").await;
    assert!(slashes.text().contains("\\/"));
    assert!(STANDARD.decode(slashes.base64()).is_ok(), "JSON reads it the same");
    assert!(String::from_utf8(post(address, "[[sim:not_utf8]]").await.body).is_err());
}

#[tokio::test]
async fn pieces_are_as_small_as_wanted() {
    let address = start(&[]).await;
    let drip = post(address, "[[sim:bytes=2kB]] [[sim:slow_drip]]").await;
    assert!(drip.whole && drip.chunks.iter().all(|len| *len == 1));
    let usual = post(address, "[[sim:bytes=200kB]]").await;
    assert_eq!(usual.chunks.iter().max(), Some(&(16 << 10)));
}

#[tokio::test]
async fn headers_can_be_wrong() {
    let address = start(&[]).await;
    assert!(post(address, "[[sim:wrong_type]]").await.head.contains("content-type: text/plain"));
    assert!(!post(address, "[[sim:no_content_type]]").await.head.contains("\r\ncontent-type:"));
    assert!(
        post(address, "[[sim:latin1_header]]")
            .await
            .head
            .contains("x-codex-promo-message: caf\u{fffd}")
    );
}

#[tokio::test]
async fn an_image_is_as_long_as_wanted() {
    let address = start(&[]).await;
    let received = post(address, "[[sim:bytes=300kB]]").await;
    assert!(received.base64().len().abs_diff(300_000) < 64);
}

#[tokio::test]
async fn a_fault_can_be_for_every_prompt_or_for_one_request_of_several() {
    let address = start(&["--fault", "overloaded"]).await;
    assert_eq!(post(address, "fox").await.status(), 503);
    let address = start(&[]).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(post(address, "fox [[sim:500@2]]").await.status());
    }
    assert_eq!(statuses, [200, 500, 200]);
    let typo = post(address, "[[sim:typo]]").await;
    assert_eq!(typo.status(), 400);
    assert!(typo.text().contains("'typo'"));
}
