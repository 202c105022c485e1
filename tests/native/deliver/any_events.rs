//! Whatever events a provider sends for several images, and however they end: the client gets the
//! images that it is charged for, and no memory is kept.

use crate::support::driver::Driver;
use crate::support::money::Counted;
use crate::support::providers::{images, json_head, provider};
use crate::support::{after, codex, event};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What an image costs, in nano-dollars.
const PRICE: u64 = 250_000_000;

fn of_kind(kind: &str, more: &Value) -> String {
    let mut data = json!({ "type": kind });
    codex::lay_over(&mut data, more);
    event(&data)
}

fn data(document: &Value) -> String {
    format!("data: {document}\n\n")
}

fn any_event() -> impl Strategy<Value = String> {
    let completed = |more: Value| of_kind("image_generation.completed", &more);
    let error = |code: &str| of_kind("error", &json!({"error": {"code": code}}));
    let events = vec![
        completed(json!({"b64_json": "QUJD", "usage": {"total_tokens": 9}})),
        completed(json!({"b64_json": "REVG"})),
        completed(json!({"b64_json": ""})),
        completed(json!({"b64_json": "!"})),
        completed(json!({"url": "https://example.com/a.png"})),
        completed(json!({"b64_json": "data:image/png;base64,QUJD"})),
        of_kind("image_generation.partial_image", &json!({"b64_json": "UFJF"})),
        data(&images(&["R0hJ"])),
        data(&images(&["R0hJ", "SktM", "TU5P"])),
        data(&images(&["!", "SktM"])),
        data(&json!({"data": []})),
        "data: [DONE]\n\n".to_owned(),
        error("rate_limit_exceeded"),
        error("moderation_blocked"),
        format!("data: [{}0]\n\n", "0,".repeat(140_000)),
        format!("data: {}{}\n\n", "[".repeat(200), "]".repeat(200)),
        " ".repeat(300_000),
    ];
    prop::sample::select(events)
}

/// How the exchange ends.
#[derive(Debug, Clone, Copy)]
enum How {
    Ends,
    EndsWithTrailers,
    RunsOutOfTime,
    IsLeft,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_delivered_is_charged(
        events in prop::collection::vec(any_event(), 0..6),
        (n, size) in (1_u32..5, prop::sample::select(vec![50, 4096, 1 << 20])),
        how in prop::sample::select(
            vec![How::Ends, How::EndsWithTrailers, How::RunsOutOfTime, How::IsLeft]),
        (charges, previews) in any::<(bool, bool)>(),
    ) {
        let on_abandon = if charges { "charge" } else { "release" };
        let more = json!({"limits": [], "on_abandon": on_abandon, "accept_last_partial": previews});
        let (gate, budget) = provider(&json!({}), &more);
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": n});
        let mut driver = Driver::admitted(&gate, &request);
        driver.upstream_head(json_head(200));
        for piece in events.concat().as_bytes().chunks(size) {
            driver.upstream_bytes(piece);
        }
        match how {
            How::Ends => _ = driver.upstream_end(),
            How::EndsWithTrailers => _ = driver.upstream_trailers(),
            How::RunsOutOfTime => _ = driver.tick(after(61)),
            How::IsLeft => {}
        }
        let client = driver.client.clone();
        let record = driver.close(Some(client.status).filter(|_| !client.waits()));
        let count = |name: &str| record[name].as_u64().unwrap_or(0);
        let got = match client.status {
            200 => client.json()["data"].as_array().unwrap().len(),
            _ => 0,
        };
        prop_assert_eq!(count("images_delivered"), u64::try_from(got).unwrap(), "{}", &record);
        let due = count("images_delivered") + count("images_abandoned");
        prop_assert!(due <= u64::from(n), "{record}");
        prop_assert_eq!(count("settled_nanodollars"), due * PRICE, "{}", &record);
        let mut counted = Counted::default();
        counted.take(&mut driver);
        prop_assert_eq!(counted.of("imagegate_settled_nanodollars_total"), due * PRICE);
        drop(driver);
        prop_assert_eq!(budget.used(), 0);
    }
}
