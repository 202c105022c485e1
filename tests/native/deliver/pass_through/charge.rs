//! What is charged for an answer that passes through, also if it breaks off.

use super::{THREE, answered, declared, gate, last, outcome, passed};
use crate::support::money::{Counted, totals, used};
use crate::support::providers::{images, provider};
use crate::support::{NOW, png};
use imagegate::exchange::Shared;
use serde_json::{Value, json};
use std::rc::Rc;

#[test]
fn images_that_pass_through_are_counted_and_priced_by_their_bytes_and_their_model() {
    let price =
        |model: &str, size: &str, usd: &str| json!({"model": model, "size": size, "usd": usd});
    let prices = json!([price("gpt-image-2", "1024x1024", "0.1"),
        price("other-*", "1672x941", "0.5"),
        price("other-*", "512x512", "0.25"), {"model": "gpt-image-2", "usd": "0.2"}]);
    let more = json!({"prices": prices, "limits": crate::support::money::every_unit()});
    for (size, model, charge_by, nanos) in [
        (json!("auto"), json!("other-2"), "served", 750_000_000),
        (Value::Null, json!("other-2"), "asked", 400_000_000),
        (json!("0x0"), json!("gpt-image-2-2026-04-21"), "served", 400_000_000),
        (json!(""), Value::Null, "served", 400_000_000),
    ] {
        let gate = provider(&json!({"charge_by": charge_by}), &more).0;
        let mut answer = images(&[&png(1672, 941, 50_000), &png(512, 512, 50_000)]);
        answer["size"] = size;
        answer["model"] = model.clone();
        let answer = answer.to_string();
        let mut driver = passed(&gate, 2, &answer, "\"data\":[{\"b64_json\":\"iVBORw0");
        let rest = &answer.as_bytes()[driver.client.body.len()..];
        for piece in rest.to_vec().chunks(1000) {
            driver.upstream_bytes(piece);
        }
        driver.upstream_end();
        assert_eq!(
            (driver.client.body.as_slice(), driver.client.reset),
            (answer.as_bytes(), false)
        );
        let record = driver.close(Some(200));
        assert_eq!(record["size"], "1672x941");
        assert_eq!(record.get("model_served").unwrap_or(&Value::Null), &model);
        assert_eq!(record["price_mismatch"], model == "other-2");
        assert_eq!(record["settled_nanodollars"], nanos);
        let mut counted = Counted::default();
        counted.take(&mut driver);
        assert_eq!(counted.of("imagegate_settled_nanodollars_total"), nanos);
        let usd = imagegate::prices::Money::from_nanos(nanos).to_string();
        assert_eq!(totals(&gate, NOW), used(["1", "2", "1.835496", &usd]));
    }
}

#[test]
fn half_an_answer_resets_the_response_however_the_upstream_ends_it() {
    let answer = images(&THREE).to_string();
    for trailers in [false, true] {
        let mut driver = passed(&gate(), 3, &answer, "c2Vj");
        let client = if trailers { driver.upstream_trailers() } else { driver.upstream_end() };
        assert!(client.reset);
        let record = driver.close(Some(200));
        // The first image is complete.
        assert_eq!(outcome(&record), (1, 2, 0, 1, json!("upstream_disconnected")));
        assert_eq!(record["status"], 200);
    }
    // If the connection breaks, Envoy resets the response itself.
    let mut driver = passed(&gate(), 3, &answer, "c2Vj");
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (1, 2, 0, 1, json!("upstream_disconnected")));
}

#[test]
fn a_client_that_leaves_pays_for_each_image_that_had_begun() {
    let answer = images(&THREE).to_string();
    for (until, images) in
        [("Zm", 1), ("Zmlyc3Q=", 1), ("Zmlyc3Q=\"}", 1), ("c2V", 2), ("dGhpcmQh\"}]", 3)]
    {
        let (gate, budget) =
            provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
        let mut driver = passed(&gate, 3, &answer, until);
        let record = driver.close(None);
        let code = json!("client_closed_request");
        assert_eq!(outcome(&record), (images, 3 - images, 0, images, code), "{until}");
        assert_eq!(record["status"], 200, "the status that was sent");
        let usd = [0, 25, 50, 75][usize::try_from(images).unwrap()];
        let usd = format!("0.{usd}").trim_end_matches('0').to_owned();
        let megapixels = (images * 1536 * 1024 * 1_000 / 1_000_000).to_string();
        let now = totals(&gate, NOW);
        assert_eq!(now[1].0, images.to_string(), "{megapixels}");
        assert_eq!(now[4], (usd, "0".to_owned()));
        drop(driver);
        assert_eq!(budget.used(), 0);
    }
    // While the head is held nothing has been delivered.
    let mut driver = answered(&gate(), 1);
    assert_eq!(driver.close(None)["settled_nanodollars"], 0);
}

#[test]
fn a_settled_answer_is_charged_once_if_the_client_leaves_after_it() {
    let answer = images(&THREE).to_string();
    let (gate, _) = provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
    let mut driver = passed(&gate, 3, &answer, "}}");
    driver.close(None);
    assert_eq!(totals(&gate, NOW)[4], ("0.75".to_owned(), "0".to_owned()));
    driver.close(None);
    assert_eq!(totals(&gate, NOW), used(["1", "3", "4.718592", "0.75"]));
}

#[test]
fn more_images_than_were_requested_cost_no_more() {
    let answer = images(&THREE).to_string();
    let mut driver = passed(&gate(), 2, &answer, "1382}}");
    driver.upstream_end();
    assert_eq!(driver.client.body, answer.as_bytes());
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (2, 0, 1, 2, Value::Null));
    // The tokens are those of the whole answer.
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(10), &json!(1372)));
}

#[test]
fn tokens_of_the_whole_answer_are_charged_once() {
    let price = json!({"model": "gpt-image-2", "usd": "0.25",
        "usd_per_million_tokens": {"text_input": "5", "image_input": "8", "image_output": "30"}});
    let (gate, _) = provider(&json!({}), &json!({"prices": [price], "limits": []}));
    let answer = images(&THREE).to_string();
    let mut driver = passed(&gate, 3, &answer, "1382}}");
    driver.upstream_end();
    // 10 tokens of text at $5 a million, 1372 of output at $30.
    let record = driver.close(Some(200));
    assert_eq!(record["settled_nanodollars"], 10 * 5_000 + 1372 * 30_000);
    // Of extra images, each has an equal share of the output.
    for (asked, output) in [(1, 458), (2, 2 * 458)] {
        let mut driver = passed(&gate, asked, &answer, "1382}}");
        driver.upstream_end();
        let record = driver.close(Some(200));
        assert_eq!(record["settled_nanodollars"], 10 * 5_000 + output * 30_000, "{asked}");
    }
}

#[test]
fn of_members_with_one_name_the_last_is_charged_as_it_is_the_one_that_clients_read() {
    for (answer, outcome_of) in [
        (r#"{"data":[{"b64_json":"QUJD","b64_json":"REVG"}]}"#, (1, 1, 0, 1)),
        (r#"{"data":[{"b64_json":"QUJD"}],"data":[{"b64_json":"REVG"}]}"#, (1, 1, 0, 1)),
    ] {
        let mut driver = passed(&gate(), 2, answer, "QUJD");
        let rest = answer.as_bytes()[driver.client.body.len()..].to_vec();
        last(&mut driver, &rest);
        assert_eq!(driver.client.json()["data"][0]["b64_json"], "REVG");
        let (delivered, failed, dropped, paid, code) = outcome(&driver.close(Some(200)));
        assert_eq!((delivered, failed, dropped, paid), outcome_of, "{answer}");
        assert_eq!(code, Value::Null);
    }
}

#[test]
fn a_complete_answer_whose_end_does_not_arrive_is_charged_and_recorded() {
    let answer = images(&["QUJD"]).to_string();
    let mut driver = passed(&gate(), 1, &answer, "QUJD");
    let rest = answer.as_bytes()[driver.client.body.len()..].to_vec();
    driver.upstream_bytes(&rest);
    let code = json!("upstream_disconnected");
    assert_eq!(outcome(&driver.close(Some(200))), (1, 0, 0, 1, code));
    // A client that leaves after it has its image.
    let mut driver = passed(&gate(), 1, &answer, "QUJD");
    driver.upstream_bytes(&rest);
    assert_eq!(outcome(&driver.close(None)), (1, 0, 0, 1, Value::Null));
}

/// Without rules, so that ten images are admitted.
fn unlimited() -> Rc<Shared> {
    provider(&json!({}), &json!({"limits": []})).0
}

/// The chunks of an answer with ten images of this many bytes of base64, up to the middle of the
/// last.
fn ten(preamble: &str, bytes: usize, is_apart: bool) -> Vec<Vec<u8>> {
    let start = format!("{{{preamble}\"data\":[").into_bytes();
    let image = format!("{{\"b64_json\":\"{}\"}},", "A".repeat(bytes));
    let mut images = image.repeat(10).into_bytes();
    images.truncate(image.len() * 9 + image.len() / 2);
    match is_apart {
        true => vec![start, images],
        false => vec![[start, images].concat()],
    }
}

/// What waited beside the head counted as not sent, and all that had left with it as well.
#[test]
fn images_that_leave_whole_with_the_head_are_charged_however_the_answer_breaks_off() {
    let long = format!("\"x\":\"{}\",", "x".repeat(100_000));
    for (preamble, bytes, is_apart, whole) in [
        ("", 6_700, false, 9),
        ("", 6_700, true, 9),
        // A chunk of which no more than 960 KiB may leave with the head.
        ("", 200_000, false, 4),
        ("", 200_000, true, 4),
        // Only 16 KiB of the first bytes may leave with the short chunk after them.
        (&long, 100, true, 0),
    ] {
        for status in [Some(200), None] {
            let case = format!("{bytes} {is_apart} {status:?}");
            let mut driver = answered(&unlimited(), 10);
            for chunk in ten(preamble, bytes, is_apart) {
                driver.upstream_bytes(&chunk);
            }
            let left = driver.client.text().matches("A\"}").count();
            assert_eq!((driver.client.status, left), (200, whole), "{case}");
            let paid = if status.is_some() { left } else { left + 1 };
            let paid = u64::try_from(paid).unwrap();
            let record = driver.close(status);
            let (delivered, failed, _, settled, _) = outcome(&record);
            assert_eq!((delivered, failed, settled), (paid, 10 - paid, paid), "{case}");
        }
    }
}

#[test]
fn what_waited_beside_the_head_is_charged_once_it_has_left() {
    let mut driver = answered(&unlimited(), 10);
    for chunk in ten("", 200_000, true) {
        driver.upstream_bytes(&chunk);
    }
    driver.upstream_bytes(b"AAAA");
    assert_eq!(driver.client.text().matches("A\"}").count(), 9);
    assert_eq!(outcome(&driver.close(Some(200))).0, 9);
}

/// A client takes an answer of the announced length for whole.
#[test]
fn an_answer_that_is_not_whole_at_its_declared_length_breaks_off_before_it() {
    let answer = images(&THREE).to_string();
    let mark = b"\xef\xbb\xbf".as_slice();
    for start in [b"".as_slice(), mark] {
        let bytes = [start, answer.as_bytes()].concat();
        let begun = bytes.iter().position(|it| *it == b'Z').unwrap() + 2;
        for len in [begun + 1, begun + 20, bytes.len() - 1] {
            // Its end comes as a callback of its own, or never.
            for is_ended in [false, true] {
                let mut driver = declared(&gate(), 3, Some(len));
                driver.upstream_bytes(&bytes[..begun]);
                let announced: usize =
                    driver.client.header("content-length").unwrap().parse().unwrap();
                assert_eq!(announced, len - start.len());
                for byte in &bytes[begun..len] {
                    driver.upstream_bytes(&[*byte]);
                }
                if is_ended {
                    driver.upstream_end();
                }
                assert!(driver.client.reset && driver.client.body.len() < announced, "{len}");
                let record = driver.close(Some(200));
                assert_eq!(record["code"], "upstream_disconnected", "{len} {record}");
                assert_eq!(driver.client.body.len(), announced - 1);
            }
            // All in one chunk: the head is still held.
            let mut driver = declared(&gate(), 3, Some(len));
            driver.upstream_bytes(&bytes[..len]);
            driver.upstream_end();
            let text = String::from_utf8_lossy(&bytes[..len]);
            let whole = THREE.iter().filter(|it| text.contains(&format!("{it}\""))).count();
            let status = if whole > 0 { 200 } else { 502 };
            assert_eq!((driver.client.status, driver.client.at_once), (status, true), "{len}");
            let data = driver.client.json()["data"].as_array().map_or(0, Vec::len);
            assert_eq!(data, whole, "{len}");
            let whole = u64::try_from(whole).unwrap();
            assert_eq!(outcome(&driver.close(Some(status))).3, whole);
        }
        let mut driver = declared(&gate(), 3, Some(bytes.len()));
        driver.upstream_bytes(&bytes[..begun]);
        driver.upstream_bytes(&bytes[begun..]);
        assert_eq!(
            (driver.client.body.as_slice(), driver.client.reset),
            (answer.as_bytes(), false)
        );
        driver.upstream_end();
        assert_eq!(outcome(&driver.close(Some(200))), (3, 0, 0, 3, Value::Null));
    }
}

#[test]
fn images_in_the_chunk_that_resets_the_response_are_not_charged() {
    let answer = r#"{"data":[{"b64_json":"QUJD"},{"b64_json":"REVG"},{"b64_json":"R0hJ"}]] "#;
    let mut driver = passed(&gate(), 3, answer, "\"QU");
    let rest = answer.as_bytes()[driver.client.body.len()..].to_vec();
    last(&mut driver, &rest);
    assert!(driver.client.reset && !String::from_utf8_lossy(&driver.client.body).contains("QUJD"));
    assert_eq!(outcome(&driver.close(Some(200))).3, 0);
}
