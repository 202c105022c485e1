//! What a request reserves and is charged, and that nothing stays reserved, for each way that an
//! exchange can end: whole exchanges, without Envoy.

use std::rc::Rc;

use crate::support::codex::{failed, generated};
use crate::support::driver::{Driver, Host};
use crate::support::money::{
    Counted, PRICE, all_calls, call, every_unit, image, in_flight, priced, standing, totals, used,
};
use crate::support::{NOW, after, gate, head, ok};
use imagegate::exchange::{End, ResponseHead, Shared};
use imagegate::prices::Money;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A gate with a price for each of some sizes and qualities.
fn tabled(unpriced: &str) -> Rc<Shared> {
    let price = |quality: &str, size: &str, usd: &str| {
        json!({"model": "gpt-image-2",
        "quality": quality, "size": size, "usd": usd})
    };
    let prices = json!([
        price("low", "1024x1024", "0.006"),
        price("high", "1024x1024", "0.211"),
        price("high", "1536x1024", "0.165"),
    ]);
    gate(&json!({"prices": prices, "unpriced": unpriced, "limits": every_unit()})).0
}

fn held(gate: &Rc<Shared>) -> Value {
    standing(gate, "usd", NOW)[1].clone()
}

#[test]
fn the_price_of_all_images_is_reserved_at_admission() {
    let gate = tabled("reject");
    let mut open = Vec::new();
    for (request, reserved, in_all) in [
        (json!({"prompt": "p", "n": 3, "quality": "low", "size": "1024x1024"}), 18, "0.018"),
        (json!({"prompt": "p", "quality": "high", "size": "1536x1024"}), 165, "0.183"),
        // The model may choose the most expensive.
        (json!({"prompt": "p", "quality": "high"}), 211, "0.394"),
        (json!({"prompt": "p", "n": 2, "quality": "auto", "size": "auto"}), 422, "0.816"),
    ] {
        open.push((Driver::admitted(&gate, &request), reserved));
        assert_eq!(held(&gate), in_all, "{request}");
    }
    // A request counts as used at once.
    assert_eq!(totals(&gate, NOW)[0], ("4".to_owned(), "0".to_owned()));
    assert_eq!(totals(&gate, NOW)[1], ("0".to_owned(), "7".to_owned()));
    for (mut driver, reserved) in open {
        let record = driver.close(None);
        assert_eq!(record["reserved_nanodollars"], reserved * 1_000_000);
        assert_eq!(record["settled_nanodollars"], 0);
    }
    assert_eq!(totals(&gate, NOW), used(["4", "0", "0", "0"]));
}

#[test]
fn an_image_is_charged_at_the_size_and_quality_delivered() {
    for (asked, delivered, settled, mismatch) in [
        (("high", "1024x1024"), ("high", "1024x1024"), 211, false),
        (("auto", "auto"), ("low", "1024x1024"), 6, false),
        (("high", "1024x1024"), ("low", "1024x1024"), 6, true),
        (("low", "1024x1024"), ("high", "1536x1024"), 165, true),
        (("high", "1536x1024"), ("auto", "1536x1024"), 165, false),
    ] {
        let gate = tabled("reject");
        let request = json!({"prompt": "p", "n": 2, "quality": asked.0, "size": asked.1});
        let mut driver = Driver::admitted(&gate, &request);
        assert_eq!(all_calls(&mut driver, 2, &image(delivered.0, delivered.1)).status, 200);
        let record = driver.close(Some(200));
        assert_eq!(
            record["settled_nanodollars"],
            2 * settled * 1_000_000,
            "{asked:?} {delivered:?}"
        );
        assert_eq!(record["price_mismatch"], mismatch, "{asked:?} {delivered:?}");
        let pixels = if delivered.1 == "1024x1024" { "2.097152" } else { "3.145728" };
        let usd = Money::from_nanos(2 * settled * 1_000_000).to_string();
        assert_eq!(totals(&gate, NOW), used(["1", "2", pixels, &usd]));
    }
}

#[test]
fn of_several_images_those_that_were_delivered_are_charged() {
    let gate = priced(&every_unit());
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 4}));
    assert_eq!(held(&gate), "0.844");
    assert!(call(&mut driver, 2, None, b"").is_none());
    assert!(call(&mut driver, 1, Some(ResponseHead { status: 500, ..ok() }), b"no").is_none());
    assert!(call(&mut driver, 3, Some(ok()), &image("low", "1024x1024")).is_none());
    let reply = call(&mut driver, 0, Some(ok()), &image("low", "1024x1024")).unwrap();
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(totals(&gate, NOW), in_flight(["1", "2", "2.097152", "0.422"]));
    let record = driver.close(Some(200));
    assert_eq!(record["reserved_nanodollars"], 4 * PRICE);
    assert_eq!(record["settled_nanodollars"], 2 * PRICE);
}

/// Gives both calls of an exchange the same failure.
fn fail(driver: &mut Driver, status: u16, bytes: &[u8]) -> Option<u16> {
    let head = ResponseHead { status, ..ok() };
    call(driver, 1, Some(head.clone()), bytes);
    call(driver, 0, Some(head), bytes).map(|reply| reply.status)
}

#[test]
fn an_exchange_without_an_image_costs_a_request_and_nothing_else() {
    type End = fn(&mut Driver, &[u8]) -> Option<u16>;
    let timed_out: End = |driver, _| Some(driver.tick(after(60)).status);
    let cases: [(&str, String, End, Option<u16>); 9] = [
        ("a refusal", failed("moderation_blocked"), |it, bytes| fail(it, 200, bytes), Some(400)),
        ("a failure", failed("server_error"), |it, bytes| fail(it, 200, bytes), Some(502)),
        ("an error", "{}".to_owned(), |it, bytes| fail(it, 500, bytes), Some(502)),
        ("a limit of the upstream", "{}".to_owned(), |it, bytes| fail(it, 429, bytes), Some(429)),
        (
            "a cut",
            "event: response.created\n".to_owned(),
            |it, bytes| fail(it, 200, bytes),
            Some(502),
        ),
        ("a timeout", String::new(), timed_out, Some(504)),
        ("a client that leaves", String::new(), |_, _| None, None),
        ("an answer by Envoy", String::new(), |_, _| None, Some(502)),
        (
            "one call of two",
            String::new(),
            |it, _| {
                call(it, 1, None, b"");
                None
            },
            None,
        ),
    ];
    let gate = priced(&every_unit());
    for (turn, (name, bytes, end, status)) in cases.into_iter().enumerate() {
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 2}));
        assert_eq!(held(&gate), "0.422", "{name}");
        let reported = end(&mut driver, bytes.as_bytes());
        assert!(reported.is_none() || reported == status, "{name}: {reported:?}");
        let requests = (turn + 1).to_string();
        if reported.is_some() {
            let answered = in_flight([&requests, "0", "0", "0"]);
            assert_eq!(totals(&gate, NOW), answered, "{name}, answered");
        }
        let record = driver.close(status);
        assert_eq!(record["reserved_nanodollars"], 2 * PRICE, "{name}");
        assert_eq!(record["settled_nanodollars"], 0, "{name}");
        assert_eq!(totals(&gate, NOW), used([&requests, "0", "0", "0"]), "{name}");
        // What arrives later changes nothing.
        fail(&mut driver, 200, &image("low", "1024x1024"));
        driver.tick(after(99));
        driver.close(None);
        assert_eq!(totals(&gate, NOW), used([&requests, "0", "0", "0"]), "{name}, late");
    }
}

#[test]
fn side_calls_that_the_host_does_not_start_are_not_charged() {
    let gate = priced(&every_unit());
    let mut driver = Driver::with_host(&gate, &[Host::Refuses, Host::Refuses]);
    driver.request(&head(&[]), br#"{"prompt":"p","n":3}"#);
    assert_eq!(driver.calls.len(), 2);
    let reply = call(&mut driver, 0, Some(ok()), &image("low", "1024x1024")).unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(totals(&gate, NOW), in_flight(["1", "1", "1.048576", "0.211"]));
}

#[test]
fn a_client_that_leaves_after_its_answer_has_paid_once() {
    let gate = priced(&every_unit());
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    all_calls(&mut driver, 1, &image("low", "1024x1024"));
    driver.response_body(&image("low", "1024x1024"), End::Stream);
    let first = driver.close(Some(200));
    let second = driver.close(None);
    assert_eq!(first["settled_nanodollars"], PRICE);
    assert_eq!(second["settled_nanodollars"], PRICE);
    assert_eq!(totals(&gate, NOW), used(["1", "1", "1.048576", "0.211"]));
}

#[test]
fn what_has_no_price_is_rejected_free_or_at_the_highest_price() {
    let medium = json!({"prompt": "p", "quality": "medium", "size": "1024x1024"});
    let reply = Driver::rejected(&tabled("reject"), &medium);
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (403, &json!("price_unavailable")));
    for (unpriced, asked, reserved, settled) in [
        ("free", "medium", 0, 0),
        ("max", "medium", 211, 211),
        // An image without a price costs what was reserved for it, nothing, or the highest price.
        ("reject", "low", 6, 6),
        ("free", "low", 6, 0),
        ("max", "low", 6, 211),
    ] {
        let gate = tabled(unpriced);
        let request = json!({"prompt": "p", "quality": asked, "size": "1024x1024"});
        let mut driver = Driver::admitted(&gate, &request);
        all_calls(&mut driver, 1, &image("medium", "1024x1024"));
        let record = driver.close(Some(200));
        assert_eq!(record["reserved_nanodollars"], reserved * 1_000_000, "{unpriced} {asked}");
        assert_eq!(record["settled_nanodollars"], settled * 1_000_000, "{unpriced} {asked}");
        let [used, held, _] = standing(&gate, "usd", NOW);
        let usd = Money::from_nanos(settled * 1_000_000).to_string();
        assert_eq!((used, held), (json!(usd), json!("0")), "{unpriced} {asked}");
    }
}

#[test]
fn without_a_budget_what_has_no_price_is_served_free_of_charge() {
    let limits = json!([crate::support::money::rule("images", "images", json!(9), Some("day"))]);
    let (gate, _) = gate(&json!({"limits": limits}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    assert_eq!(all_calls(&mut driver, 1, &image("low", "1024x1024")).status, 200);
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 0);
    assert_eq!(standing(&gate, "images", NOW), [json!(1), json!(0), json!(8)]);
}

#[test]
fn with_prices_of_tokens_the_usage_is_charged() {
    let tokens = json!({"text_input": "5.00", "image_input": "10.00", "image_output": "40.00"});
    let prices = json!([{"model": "*", "usd": "0.05", "usd_per_million_tokens": tokens}]);
    let (gate, _) = gate(&json!({"prices": prices, "limits": every_unit()}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 2}));
    assert_eq!(held(&gate), "0.1");
    all_calls(&mut driver, 2, &image("low", "1024x1024"));
    // For each image 10 tokens at $5, 20 at $10 and 196 at $40 a million.
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 2 * 8_090_000);
    assert_eq!(standing(&gate, "usd", NOW)[0], "0.01618");
}

#[test]
fn an_impossible_usage_is_charged_at_the_price_of_the_image() {
    let tokens = json!({"text_input": "5.00", "image_input": "10.00", "image_output": "40.00"});
    let prices = json!([{"model": "*", "usd": "0.05", "usd_per_million_tokens": tokens}]);
    let (gate, _) = gate(&json!({"prices": prices, "limits": every_unit()}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 1}));
    let plain = String::from_utf8(image("low", "1024x1024")).unwrap();
    let absurd = plain.replace("\"output_tokens\":196", "\"output_tokens\":1000000000000000000");
    assert_ne!(absurd, plain);
    all_calls(&mut driver, 1, absurd.as_bytes());
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 50_000_000);
    assert_eq!(standing(&gate, "usd", NOW)[0], "0.05");
}

#[test]
fn tokens_of_extra_images_are_not_charged() {
    let tokens = json!({"text_input": "5.00", "image_input": "10.00", "image_output": "40.00"});
    let prices = json!([{"model": "*", "usd": "0.05", "usd_per_million_tokens": tokens}]);
    let (gate, _) = gate(&json!({"prices": prices, "limits": every_unit()}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 1}));
    let plain = String::from_utf8(image("low", "1024x1024")).unwrap();
    // Three images, whose 588 tokens are reported together.
    let (item, rest) = plain.split_once("\n\n").unwrap();
    let others = [2, 3].map(|id| item.replace("ig_1", &format!("ig_{id}")) + "\n\n").concat();
    let three = format!("{item}\n\n{others}{rest}")
        .replace("\"output_tokens\":196", "\"output_tokens\":588");
    all_calls(&mut driver, 1, three.as_bytes());
    let record = driver.close(Some(200));
    assert_eq!(
        (&record["images_dropped"], &record["settled_nanodollars"]),
        (&json!(2), &json!(8_090_000))
    );
}

/// Models that may be served, and their prices in nano-dollars. Requests ask for the first. The
/// last has no price.
const MODELS: [(&str, u64); 4] =
    [("gpt-image-2", PRICE), ("cheap", 50_000_000), ("dear", 900_000_000), ("unknown", PRICE)];

/// A gate with these prices.
fn of_models() -> Rc<Shared> {
    let prices = MODELS[..3].iter().map(
        |(model, nanos)| json!({"model": model, "usd": Money::from_nanos(*nanos).to_string()}),
    );
    gate(&json!({"prices": prices.collect::<Vec<_>>(), "limits": every_unit()})).0
}

#[derive(Debug, Clone)]
struct Story {
    n: u32,
    /// The model that serves each call, by its place in [`MODELS`].
    served_by: Vec<Option<usize>>,
    /// The client leaves before the last call has answered.
    leaves: bool,
}

fn stories() -> impl Strategy<Value = Vec<Story>> {
    let story = (
        1..5_u32,
        prop::collection::vec(prop::option::of(0..MODELS.len()), 4),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(n, served_by, leaves)| Story { n, served_by, leaves });
    // More would not fit into memory.
    prop::collection::vec(story, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn records_answers_and_counters_agree_on_the_sum(stories in stories()) {
        let gate = of_models();
        let (mut delivered, mut settled, mut charged) = (0, 0, 0);
        let mut counted = Counted::default();
        // All are in flight at once. The first call of each is answered before the second of any.
        let mut open: Vec<_> = stories
            .iter()
            .map(|it| Driver::admitted(&gate, &json!({"prompt": "p", "n": it.n})))
            .collect();
        for place in (0..4).rev() {
            for (story, driver) in stories.iter().zip(&mut open) {
                if place >= story.n || (story.leaves && place == 0) {
                    continue;
                }
                let stream = story.served_by[place as usize].map(|model| {
                    let model = json!({"model": MODELS[model].0});
                    generated(&json!({"size": "1024x1024"}), &model, &Value::Null)
                });
                let bytes = stream.unwrap_or_default();
                if let Some(reply) = call(driver, place, Some(ok()), &bytes) {
                    let images = reply.json()["data"].as_array().map_or(0, Vec::len);
                    delivered += u64::try_from(images).unwrap();
                    let served_by = story.served_by.iter().take(story.n as usize).flatten();
                    charged += served_by.map(|model| MODELS[*model].1).sum::<u64>();
                }
            }
        }
        for (story, driver) in stories.iter().zip(&mut open) {
            let record = driver.close((!story.leaves).then_some(200));
            counted.take(driver);
            settled += record["settled_nanodollars"].as_u64().unwrap();
            let reserved = Some(u64::from(story.n) * PRICE);
            prop_assert_eq!(record["reserved_nanodollars"].as_u64(), reserved);
        }
        prop_assert_eq!(settled, charged);
        let reserved = stories.iter().map(|it| u64::from(it.n) * PRICE).sum::<u64>();
        prop_assert_eq!(counted.of("imagegate_images_delivered_total"), delivered);
        prop_assert_eq!(counted.of("imagegate_settled_nanodollars_total"), settled);
        prop_assert_eq!(counted.of("imagegate_reserved_nanodollars_total"), reserved);
        let released = counted.of("imagegate_released_nanodollars_total");
        let overdrawn = counted.of("imagegate_overdrawn_nanodollars_total");
        prop_assert_eq!(reserved + overdrawn, settled + released);
        let usd = Money::from_nanos(settled).to_string();
        let totals = totals(&gate, NOW);
        prop_assert_eq!(&totals[0].0, &stories.len().to_string());
        prop_assert_eq!(&totals[4].0, &usd);
        prop_assert_eq!(&totals[1].0, &delivered.to_string());
        prop_assert!(totals.iter().all(|(_, held)| held == "0"), "{totals:?}");
    }
}
