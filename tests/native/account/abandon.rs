//! `on_abandon`: what a client is charged that leaves before its answer.

use std::rc::Rc;

use crate::support::codex::{failed, preview};
use crate::support::driver::Driver;
use crate::support::money::{Counted, PRICE, call, every_unit, image, rule, standing, totals};
use crate::support::providers::{images, json_head, provider};
use crate::support::{NOW, after, gate, ok, png};
use imagegate::exchange::{ResponseHead, Shared};
use imagegate::prices::Money;
use serde_json::{Value, json};

/// A gate at which every image costs $0.211, and clients that leave are charged.
fn charging(limits: &Value) -> Rc<Shared> {
    let prices = json!([{"model": "*", "usd": "0.211"}]);
    gate(&json!({"prices": prices, "limits": limits, "on_abandon": "charge"})).0
}

/// The client leaves. Returns how many images it is charged for without getting them.
#[track_caller]
fn leave(gate: &Rc<Shared>, driver: &mut Driver, price: u64) -> u64 {
    let record = driver.close(None);
    let images = record.get("images_abandoned").map_or(0, |it| it.as_u64().unwrap());
    let charged = record["settled_nanodollars"].as_u64().unwrap();
    assert_eq!(charged, images * price, "{record}");
    assert_eq!((&record["images_delivered"], &record["status"]), (&json!(0), &Value::Null));
    let totals = totals(gate, NOW);
    assert_eq!(totals[1], (images.to_string(), "0".to_owned()));
    let usd = Money::from_nanos(charged).to_string();
    assert_eq!((&totals[3].1, &totals[4]), (&"0".to_owned(), &(usd, "0".to_owned())));
    let mut counted = Counted::default();
    counted.take(driver);
    assert_eq!(counted.of("imagegate_images_abandoned_total"), images);
    assert_eq!(counted.of("imagegate_settled_nanodollars_total"), charged);
    images
}

#[test]
fn a_client_that_leaves_pays_for_each_image_that_was_asked_for_and_not_refused() {
    let error = |status| ResponseHead { status, ..ok() };
    type Before = fn(&mut Driver, ResponseHead);
    let cases: [(&str, Before, u64); 7] = [
        ("nothing has come", |_, _| {}, 3),
        ("a head has come", |it, _| drop(it.upstream_head(ok()).clone()), 3),
        (
            "an image is coming",
            |it, _| {
                it.upstream_head(ok());
                it.upstream_bytes(preview(0, "QUJD").as_bytes());
            },
            3,
        ),
        (
            "one image has come whole",
            |it, _| drop(call(it, 1, Some(ok()), &image("low", "1024x1024"))),
            3,
        ),
        ("one call was refused", |it, error| drop(call(it, 1, Some(error), b"{}")), 2),
        ("one call is being refused", |it, error| drop(it.upstream_head(error).clone()), 2),
        (
            "one call has failed",
            |it, _| drop(call(it, 2, Some(ok()), failed("server_error").as_bytes())),
            2,
        ),
    ];
    for (name, before, images) in cases {
        let gate = charging(&every_unit());
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "n": 3}));
        before(&mut driver, error(429));
        assert_eq!(leave(&gate, &mut driver, PRICE), images, "{name}");
        // It is charged once.
        driver.close(None);
        assert_eq!(standing(&gate, "images", NOW)[0], images, "{name}");
    }
}

#[test]
fn a_client_that_waits_for_a_stream_or_white_space_pays_for_its_image() {
    let request = json!({"prompt": "p", "stream": true, "partial_images": 1});
    let gate = charging(&every_unit());
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream_head(ok());
    driver.upstream_bytes(preview(0, "QUJD").as_bytes());
    assert_eq!(driver.client.status, 200);
    let record = driver.close(None);
    assert_eq!((&record["images_abandoned"], &record["images_delivered"]), (&json!(1), &json!(0)));
    assert_eq!(record["settled_nanodollars"], PRICE);
}

#[test]
fn what_failed_or_was_answered_before_the_client_left_is_charged_as_ever() {
    // The time of the calls was over.
    let gate = charging(&every_unit());
    let mut late = Driver::admitted(&gate, &json!({"prompt": "p", "n": 2}));
    assert_eq!(late.tick(after(60)).status, 504);
    assert_eq!(leave_after(&mut late), (None, 0));
    // The answer was sent.
    let gate = charging(&every_unit());
    let mut answered = Driver::admitted(&gate, &json!({"prompt": "p"}));
    call(&mut answered, 0, Some(ok()), &image("low", "1024x1024"));
    assert_eq!(leave_after(&mut answered), (None, PRICE));
    // Envoy answered, and the client is there.
    let gate = charging(&every_unit());
    let mut broken = Driver::admitted(&gate, &json!({"prompt": "p"}));
    assert_eq!(broken.close(Some(502))["settled_nanodollars"], 0);
    // By default nothing is charged.
    let gate = crate::support::money::priced(&every_unit());
    let mut released = Driver::admitted(&gate, &json!({"prompt": "p", "n": 3}));
    assert_eq!(leave_after(&mut released), (None, 0));
}

/// What the record has of a client that leaves: `images_abandoned`, and the charge.
fn leave_after(driver: &mut Driver) -> (Option<u64>, u64) {
    let record = driver.close(None);
    let abandoned = record.get("images_abandoned").and_then(Value::as_u64);
    (abandoned, record["settled_nanodollars"].as_u64().unwrap())
}

#[test]
fn an_answer_that_passes_through_costs_what_has_passed_and_the_rest_by_its_quote() {
    let more = json!({"on_abandon": "charge", "limits": every_unit(),
        "prices": [{"model": "gpt-image-2", "size": "512x512", "usd": "0.5"},
            {"model": "gpt-image-2", "usd": "0.25"}]});
    let request = json!({"prompt": "p", "n": 3, "size": "1024x1024"});
    let base64 = png(512, 512, 3000);
    let mut answer = images(&[&base64, &base64, &base64]);
    answer["size"] = Value::Null;
    let answer = answer.to_string();
    for (until, passed, settled) in [(0, 0, 750), (6_000, 2, 1_250), (answer.len(), 3, 1_500)] {
        let (gate, _) = provider(&json!({}), &more);
        let mut driver = Driver::admitted(&gate, &request);
        driver.upstream_head(json_head(200));
        if until > 0 {
            let (first, rest) = answer.as_bytes()[..until].split_at(100);
            driver.upstream_bytes(first);
            driver.upstream_bytes(rest);
        }
        let record = driver.close(None);
        assert_eq!(record["images_delivered"], passed, "{until}");
        let abandoned = record.get("images_abandoned").map_or(0, |it| it.as_u64().unwrap());
        assert_eq!(abandoned, 3 - passed, "{until}");
        assert_eq!(record["settled_nanodollars"], settled * 1_000_000, "{until}");
        assert_eq!(standing(&gate, "images", NOW)[..2], [json!(3), json!(0)]);
    }
}

/// One key leaves each request at once: the upstream draws, and nobody gets anything.
#[test]
fn leave_and_draw_ends_at_the_budget() {
    let budget = rule("pocket", "usd", json!("25.00"), Some("day"));
    for (on_abandon, drawn) in [("release", 1_000), ("charge", 110)] {
        let gate = gate(&json!({"prices": [{"model": "*", "usd": "0.211"}],
            "limits": [budget], "on_abandon": on_abandon}))
        .0;
        let mut asked = 0;
        for _ in 0..100 {
            let mut driver = Driver::ask(&gate, &json!({"prompt": "p", "n": 10}));
            if driver.forwarded {
                asked += 1 + driver.take_calls().len();
            } else {
                assert_eq!(driver.client.code(), "insufficient_quota");
            }
            driver.close(None);
        }
        assert_eq!(asked, drawn, "{on_abandon}");
    }
}
