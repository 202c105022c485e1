//! What is charged for an image that passes through, also if the transfer breaks off.

use super::{begun, done, gate_with, item};
use crate::support::codex::failed;
use crate::support::driver::Driver;
use crate::support::money::{every_unit, in_flight, totals, used};
use crate::support::{NOW, after, ok, png};
use serde_json::{Value, json};

fn priced() -> Value {
    json!({"prices": [{"model": "*", "usd": "0.25"}], "limits": every_unit()})
}

/// From a record: images delivered and failed, the price in nano-dollars, and the code.
fn outcome(record: &Value) -> (Value, Value, Value, Value) {
    let of = |name: &str| record[name].clone();
    (of("images_delivered"), of("images_failed"), of("settled_nanodollars"), of("code"))
}

#[test]
fn a_whole_answer_is_charged_once() {
    let gate = gate_with("auto", &priced());
    let (mut driver, rest, after) = begun(&gate, &png(1024, 1024, 30_000));
    driver.upstream_bytes(rest.as_bytes());
    driver.upstream_bytes(after.as_bytes());
    assert_eq!(totals(&gate, NOW), in_flight(["1", "1", "1.048576", "0.25"]));
    driver.upstream_end();
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (json!(1), json!(0), json!(250_000_000), Value::Null));
    assert_eq!(totals(&gate, NOW), used(["1", "1", "1.048576", "0.25"]));
}

#[test]
fn a_client_that_leaves_pays_for_the_image_that_had_begun() {
    let gate = gate_with("auto", &priced());
    let (mut driver, _, _) = begun(&gate, &png(1024, 1024, 30_000));
    let record = driver.close(None);
    let code = json!("client_closed_request");
    assert_eq!(outcome(&record), (json!(1), json!(0), json!(250_000_000), code));
}

#[test]
fn what_the_upstream_breaks_in_the_middle_costs_nothing() {
    let image = png(1024, 1024, 30_000);
    let gate = gate_with("auto", &priced());
    // Envoy resets the stream, past the filter.
    let (mut driver, _, _) = begun(&gate, &image);
    let record = driver.close(Some(200));
    let code = json!("upstream_disconnected");
    assert_eq!(outcome(&record), (json!(0), json!(1), json!(0), code.clone()));
    // It ends in good order.
    let (mut driver, _, _) = begun(&gate, &image);
    assert!(driver.upstream_end().reset);
    assert_eq!(outcome(&driver.close(Some(200))), (json!(0), json!(1), json!(0), code));
    // It takes too long.
    let (mut driver, _, _) = begun(&gate, &image);
    driver.tick(after(61));
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (json!(0), json!(1), json!(0), json!("upstream_timeout")));
    // What comes is no base64.
    let (mut driver, _, _) = begun(&gate, &image);
    assert!(driver.upstream_bytes(b"AAAA-AAA").reset);
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 0);
}

#[test]
fn an_image_that_left_after_white_space_is_charged() {
    let mut config = priced();
    config["keepalive"] = json!("5s");
    let gate = gate_with("auto", &config);
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
    driver.upstream_head(ok());
    driver.now = after(6);
    driver.upstream_bytes(b": ping\n\n");
    driver.upstream_bytes(done(&item(&png(1024, 1024, 3_000))).as_bytes());
    // The upstream breaks off.
    let record = driver.close(Some(200));
    assert_eq!(record["settled_nanodollars"], 250_000_000);
}

#[test]
fn a_whole_image_is_charged_whatever_follows() {
    let image = png(1024, 1024, 30_000);
    let gate = gate_with("auto", &priced());
    let tail = done(&item(&image));
    let (_, tail) = tail.split_once(&image).unwrap();
    let (mut driver, rest, _) = begun(&gate, &image);
    driver.upstream_bytes(rest.as_bytes());
    driver.upstream_bytes(tail.as_bytes());
    driver.upstream_bytes(failed("server_error").as_bytes());
    driver.upstream_end();
    assert_eq!(driver.client.json()["data"][0]["b64_json"], image);
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (json!(1), json!(0), json!(250_000_000), Value::Null));
    // Trailers come before the last event has ended: no more can be sent.
    let (mut driver, rest, after) = begun(&gate, &image);
    driver.upstream_bytes(rest.as_bytes());
    driver.upstream_bytes(&after.as_bytes()[..after.len() - 1]);
    assert!(driver.upstream_trailers().reset);
    let record = driver.close(Some(200));
    assert_eq!(
        (&record["settled_nanodollars"], &record["code"]),
        (&json!(250_000_000), &json!("upstream_disconnected"))
    );
    // Its last bytes come with the failure.
    let (mut driver, rest, _) = begun(&gate, &image);
    driver.upstream_bytes([&rest, tail, &failed("server_error")].concat().as_bytes());
    driver.upstream_end();
    assert_eq!(driver.client.json()["data"][0]["b64_json"], image);
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 250_000_000);
    // They do not come: the event ends in the middle of the image.
    let (mut driver, rest, _) = begun(&gate, &image);
    driver.upstream_bytes([&rest[..9], "\n\n", &failed("server_error")].concat().as_bytes());
    assert!(driver.client.reset);
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 0);
}
