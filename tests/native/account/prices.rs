//! What an image costs: by the model that was served, by its size, and by its tokens. Whole
//! exchanges, without Envoy.

use std::rc::Rc;

use crate::support::codex::generated;
use crate::support::driver::Driver;
use crate::support::money::{
    Counted, all_calls, call, every_unit, image, rule, standing, totals, used,
};
use crate::support::{NOW, event, gate, ok, png};
use imagegate::exchange::Shared;
use imagegate::prices::Money;
use serde_json::{Value, json};

/// Prices of two models, and of the one that Codex says it uses. The only upstream has this
/// `charge_by`.
fn two_models(charge_by: &str) -> Rc<Shared> {
    let price = |model: &str, usd: &str| json!({"model": model, "usd": usd});
    let prices = json!([
        price("flare", "0.05"),
        price("gpt-image-2", "0.2"),
        price("gpt-image-2-c*", "0.3")
    ]);
    let upstreams = json!({"codex": {"authority": "chatgpt.example", "charge_by": charge_by,
        "credential": {"bearer_env": "TOKEN"}, "timeout": "60s"}});
    gate(&json!({"upstreams": upstreams, "prices": prices, "limits": every_unit()})).0
}

/// A stream whose response says that this model generated the image.
fn served(model: &Value) -> Vec<u8> {
    let size = json!({"size": "1024x1024"});
    generated(&size, &json!({"model": model}), &Value::Null)
}

#[test]
fn an_image_is_charged_as_the_model_that_was_served() {
    for (charge_by, asked, model, recorded, millis, mismatch) in [
        ("served", "flare", json!("gpt-image-2"), json!("gpt-image-2"), 200, true),
        ("served", "flare", json!("gpt-image-2-codex"), json!("gpt-image-2-codex"), 300, true),
        (
            "served",
            "gpt-image-2",
            json!("gpt-image-2-codex"),
            json!("gpt-image-2-codex"),
            200,
            false,
        ),
        (
            "served",
            "gpt-image-2",
            json!("gpt-image-2-2026-04-21"),
            json!("gpt-image-2-2026-04-21"),
            200,
            false,
        ),
        ("served", "gpt-image-2", json!("flare"), json!("flare"), 50, true),
        ("served", "flare", json!("unknown"), json!("unknown"), 50, true),
        ("asked", "flare", json!("gpt-image-2"), json!("gpt-image-2"), 50, true),
        // What cannot be the name of a model is ignored.
        ("served", "flare", json!("auto"), Value::Null, 50, false),
        ("served", "flare", json!(""), Value::Null, 50, false),
        ("served", "flare", json!(7), Value::Null, 50, false),
        ("served", "flare", json!("gpt image"), Value::Null, 50, false),
        ("served", "flare", json!("gpt-image-2\n"), Value::Null, 50, false),
        ("served", "flare", json!("m".repeat(129)), Value::Null, 50, false),
    ] {
        let gate = two_models(charge_by);
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "model": asked}));
        all_calls(&mut driver, 1, &served(&model));
        let record = driver.close(Some(200));
        assert_eq!(
            record.get("model_served").unwrap_or(&Value::Null),
            &recorded,
            "{asked} {model}"
        );
        assert_eq!(record["price_mismatch"], mismatch, "{asked} {model}");
        assert_eq!(record["settled_nanodollars"], millis * 1_000_000, "{asked} {model}");
        let usd = Money::from_nanos(millis * 1_000_000).to_string();
        assert_eq!(totals(&gate, NOW), used(["1", "1", "1.048576", &usd]));
    }
}

#[test]
fn each_image_of_a_request_is_charged_as_its_own_model() {
    let gate = two_models("served");
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "model": "flare", "n": 4}));
    assert_eq!(standing(&gate, "usd", NOW)[1], "0.2");
    for (place, model) in [(1, "flare"), (2, "gpt-image-2"), (3, "gpt-image-2"), (0, "unknown")] {
        call(&mut driver, place, Some(ok()), &served(&json!(model)));
    }
    let record = driver.close(Some(200));
    let mut counted = Counted::default();
    counted.take(&mut driver);
    let money = ["reserved", "settled", "released", "overdrawn"];
    let sums = money.map(|name| counted.of(&format!("imagegate_{name}_nanodollars_total")));
    assert_eq!(sums, [200_000_000, 500_000_000, 0, 300_000_000]);
    assert_eq!(record["settled_nanodollars"], 500_000_000);
    assert_eq!(record["model_served"], "unknown,flare,gpt-image-2");
    assert_eq!(totals(&gate, NOW), used(["1", "4", "4.194304", "0.5"]));
}

#[test]
fn the_items_model_counts_before_the_tools_and_the_last_echo_before_the_first() {
    let gate = two_models("served");
    let of = |first: &Value, item: &Value, last: &Value| {
        let created = event(&json!({"type": "response.created",
            "response": {"tools": [{"type": "image_generation", "model": first}]}}));
        let bytes = generated(&json!({"model": item}), &json!({"model": last}), &Value::Null);
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "model": "flare"}));
        all_calls(&mut driver, 1, &[created.as_bytes(), &bytes].concat());
        driver.close(Some(200))["model_served"].clone()
    };
    let (a, b, c) = (json!("a"), json!("b"), json!("c"));
    assert_eq!(of(&a, &b, &c), "b");
    assert_eq!(of(&a, &Value::Null, &c), "c");
    assert_eq!(of(&a, &Value::Null, &Value::Null), "a");
}

/// A gate with a price for each of two sizes and for the others.
fn sized() -> Rc<Shared> {
    let price = |size: &str, usd: &str| json!({"model": "*", "size": size, "usd": usd});
    let prices =
        json!([price("1024x1024", "0.1"), price("1672x941", "0.2"), {"model": "*", "usd": "0.3"}]);
    gate(&json!({"prices": prices, "limits": every_unit()})).0
}

#[test]
fn an_image_has_the_size_and_format_of_its_bytes_if_no_field_names_them() {
    for (asked, item, tool, delivered) in [
        ("auto", json!({"size": "auto"}), json!({}), "1672x941"),
        ("auto", json!({"size": Value::Null}), json!({"size": "auto"}), "1672x941"),
        ("1024x1024", json!({"size": "0x0"}), json!({}), "1672x941"),
        ("1024x1024", json!({"size": "large"}), json!({"size": "1024x1024"}), "1672x941"),
        ("1024x1024", json!({"size": ""}), json!({"size": "1024x1024"}), "1672x941"),
        // No image is that large.
        ("auto", json!({"size": "99999x99999"}), json!({}), "1672x941"),
        // The size of the image itself counts.
        ("auto", json!({"size": "1024x1024"}), json!({}), "1024x1024"),
    ] {
        let gate = sized();
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "size": asked}));
        let mut item = item;
        item["result"] = json!(png(1672, 941, 300));
        item["output_format"] = json!("webp");
        let reply = all_calls(&mut driver, 1, &generated(&item, &tool, &Value::Null));
        let answer = reply.json();
        assert_eq!((&answer["size"], &answer["output_format"]), (&json!(delivered), &json!("png")));
        let record = driver.close(Some(200));
        assert_eq!(record["size"], delivered, "{item}");
        assert_eq!(record["price_mismatch"], asked != "auto" && asked != delivered, "{item}");
        let (pixels, usd) = match delivered {
            "1672x941" => ("1.573352", "0.2"),
            _ => ("1.048576", "0.1"),
        };
        assert_eq!(totals(&gate, NOW), used(["1", "1", pixels, usd]), "{item}");
    }
}

#[test]
fn an_impossible_size_is_ignored() {
    for (item, tool) in [
        (json!({"result": png(99_999, 99_999, 300), "size": "auto"}), json!({})),
        (json!({"size": "99999x99999"}), json!({"size": "99999x99999"})),
    ] {
        let gate = sized();
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "size": "1024x1024"}));
        let reply = all_calls(&mut driver, 1, &generated(&item, &tool, &Value::Null));
        assert_eq!(reply.json().get("size"), None);
        assert_eq!(driver.close(Some(200))["price_mismatch"], false);
        assert_eq!(totals(&gate, NOW), used(["1", "1", "1.048576", "0.1"]), "{item}");
    }
}

#[test]
fn a_word_that_is_too_long_is_ignored() {
    let long = "x".repeat(129);
    let gate = sized();
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    let item = json!({"size": "1024x1024", "quality": long, "background": long, "model": long});
    let reply =
        all_calls(&mut driver, 1, &generated(&item, &json!({"quality": "low"}), &Value::Null));
    assert_eq!(reply.json()["quality"], "low");
    assert!(!driver.close(Some(200)).to_string().contains(&long));
}

#[test]
fn events_and_urls_have_the_format_and_size_of_the_bytes() {
    let gate = sized();
    let item = json!({"result": png(1672, 941, 300), "size": "auto", "output_format": "jpeg"});
    let stream = generated(&item, &json!({}), &Value::Null);
    let request =
        json!({"prompt": "p", "size": "1024x1024", "output_format": "jpeg", "stream": true});
    let mut driver = Driver::admitted(&gate, &request);
    let reply = call(&mut driver, 0, Some(ok()), &stream).unwrap();
    let events = String::from_utf8(reply.body).unwrap();
    let (_, data) = events.rsplit_once("data: ").unwrap();
    let data: Value = serde_json::from_str(data.trim()).unwrap();
    assert_eq!(data["type"], "image_generation.completed");
    assert_eq!((&data["size"], &data["output_format"]), (&json!("1672x941"), &json!("png")));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p", "response_format": "url"}));
    let answer = all_calls(&mut driver, 1, &stream).json();
    let url = answer["data"][0]["url"].as_str().unwrap();
    assert!(url.starts_with("data:image/png;base64,"));
}

/// What an image with this usage costs at the list prices of gpt-image-1.5, in nano-dollars, and
/// the usage in the answer and in the record.
fn charged_by_tokens(usage: &Value) -> (Value, Value, [Value; 2]) {
    let tokens = json!({"text_input": "5.00", "cached_text_input": "1.25", "image_input": "8.00",
        "cached_image_input": "2.00", "text_output": "10.00", "image_output": "32.00"});
    let prices = json!([{"model": "*", "usd": "0.133", "usd_per_million_tokens": tokens}]);
    let (gate, _) = gate(&json!({"prices": prices, "limits": every_unit()}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
    let reply = all_calls(&mut driver, 1, &generated(&json!({}), &json!({}), usage));
    let record = driver.close(Some(200));
    let counted = Money::from_nanos(record["settled_nanodollars"].as_u64().unwrap()).to_string();
    assert_eq!(standing(&gate, "usd", NOW)[0], counted);
    let recorded = ["input_tokens", "output_tokens"].map(|name| record[name].clone());
    (record["settled_nanodollars"].clone(), reply.json()["usage"].clone(), recorded)
}

#[test]
fn text_in_the_output_and_cached_input_have_prices_of_their_own() {
    let usage = json!({"input_tokens": 357,
        "input_tokens_details": {"text_tokens": 34, "image_tokens": 323},
        "output_tokens": 6543, "output_tokens_details": {"text_tokens": 335, "image_tokens": 6208},
        "total_tokens": 6900});
    let (charged, reported, _) = charged_by_tokens(&usage);
    assert_eq!((&charged, &reported), (&json!(204_760_000), &usage));
    let mut cached = usage;
    cached["input_tokens_details"]["cached_tokens"] = json!(300);
    // 34 are tokens of text, each $3.75 cheaper a million. The others are of images, $6 cheaper.
    assert_eq!(charged_by_tokens(&cached).0, 204_760_000 - 34 * 3_750 - 266 * 6_000);
    cached["input_tokens_details"]["cached_tokens_details"] =
        json!({"image_tokens": 300, "text_tokens": 0});
    assert_eq!(charged_by_tokens(&cached).0, 204_760_000 - 300 * 6_000);
    let small = json!({"output_tokens": 439,
        "output_tokens_details": {"text_tokens": 167, "image_tokens": 272}});
    assert_eq!(charged_by_tokens(&small).0, 10_374_000);
}

#[test]
fn an_incomplete_usage_is_charged_and_reported_as_far_as_it_goes() {
    for (usage, charged, expected) in [
        // Input of unknown kinds is charged as images, output as images.
        (json!({"input_tokens": 10, "output_tokens": 100}), 3_280_000, [10, 0, 0, 100, 110]),
        (json!({"output_tokens": 100, "total_tokens": 110}), 3_280_000, [10, 0, 0, 100, 110]),
        (
            json!({"input_tokens": 10, "output_tokens": 100,
                "input_tokens_details": {"text_tokens": 4}}),
            3_268_000,
            [10, 4, 0, 100, 110],
        ),
        (
            json!({"output_tokens": 100,
                "input_tokens_details": {"text_tokens": 4, "image_tokens": 6}}),
            3_268_000,
            [10, 4, 6, 100, 110],
        ),
        (json!({"output_tokens": 100}), 3_200_000, [0, 0, 0, 100, 100]),
        // Without output the price of the image counts.
        (json!({"input_tokens": 10}), 133_000_000, [10, 0, 0, 0, 10]),
        (json!({"total_tokens": 10}), 133_000_000, [0, 0, 0, 0, 10]),
        (json!({"output_tokens": 10_000_001}), 133_000_000, [0, 0, 0, 10_000_001, 10_000_001]),
        (
            json!({"output_tokens": 100, "cached_tokens": 10_000_001}),
            133_000_000,
            [0, 0, 0, 100, 100],
        ),
    ] {
        let [input, text, image, output, total] = expected;
        let complete = json!({"input_tokens": input, "output_tokens": output, "total_tokens": total,
            "input_tokens_details": {"text_tokens": text, "image_tokens": image}});
        let expected = (json!(charged), complete, [json!(input), json!(output)]);
        assert_eq!(charged_by_tokens(&usage), expected, "{usage}");
    }
    let nothing = (json!(133_000_000), Value::Null, [Value::Null, Value::Null]);
    assert_eq!(charged_by_tokens(&json!({"input_tokens": 0, "output_tokens": 0})), nothing);
}

#[test]
fn a_spent_budget_rejects_images_that_only_their_tokens_have_a_price_for() {
    let tokens = json!({"text_input": "5.00", "image_input": "10.00", "image_output": "40.00"});
    let prices = json!([{"model": "*", "usd": "0", "usd_per_million_tokens": tokens}]);
    let pocket = rule("pocket", "usd", json!("0.01"), Some("month"));
    let (gate, _) = gate(&json!({"prices": prices, "limits": [pocket]}));
    for _ in 0..2 {
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "p"}));
        all_calls(&mut driver, 1, &image("low", "1024x1024"));
        driver.close(Some(200));
    }
    assert_eq!(standing(&gate, "pocket", NOW), [json!("0.01618"), json!("0"), json!("0")]);
    let reply = Driver::rejected(&gate, &json!({"prompt": "p"}));
    assert_eq!(reply.json()["error"]["code"], "insufficient_quota");
}
