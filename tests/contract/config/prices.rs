//! `prices` as a table, and the shipped table.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use imagegate::config::Config;
use imagegate::prices::{Delivered, Kinds, Money, Quote, Requested, Tokens, Unpriced};
use serde_json::{Value, json};

use super::{full, minimal, parse, struct_bytes};

const QUALITIES: &[&str] = &["low", "medium", "high"];

fn dollars(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn ask<'a>(model: &'a str, quality: Option<&'a str>, size: Option<(u32, u32)>) -> Requested<'a> {
    Requested { model, quality, size, qualities: QUALITIES }
}

/// This many tokens of output, all of images.
fn image_tokens(tokens: u64) -> Tokens {
    Tokens { output: Kinds { total: tokens, text: 0, image: tokens }, ..Tokens::default() }
}

fn shipped() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/prices.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The smallest configuration with the shipped prices.
fn with_shipped() -> Config {
    let mut document = minimal();
    for (name, value) in shipped().as_object().unwrap() {
        document[name] = value.clone();
    }
    let config = parse(document.to_string().as_bytes()).unwrap();
    let from_struct = parse(&struct_bytes(&document)).unwrap();
    assert_eq!(format!("{:?}", from_struct.prices()), format!("{:?}", config.prices()));
    config
}

#[test]
fn the_table_is_that_of_the_document() {
    let config = parse(full().to_string().as_bytes()).unwrap();
    let quote = |model, quality, size| config.prices().quote(&ask(model, quality, size)).unwrap();
    let priced = |text| Quote { per_image: dollars(text), priced: true };
    assert_eq!(config.prices().unpriced(), Unpriced::Max);
    assert_eq!(quote("gpt-image-2", Some("high"), Some((1024, 1024))), priced("0.211"));
    assert_eq!(quote("gpt-image-2", Some("low"), Some((1024, 1024))), priced("0.25"));
    assert_eq!(quote("gpt-image-2", None, None), priced("0.43"));
    assert_eq!(quote("gpt-image-1.5", None, None), priced("0.25"));
    let highest = Quote { per_image: dollars("0.43"), priced: false };
    assert_eq!(quote("other", None, None), highest);
}

#[test]
fn there_are_a_thousand_prices_at_most() {
    let prices = |count: usize| {
        let prices = (0..count).map(|index| json!({ "model": format!("m{index}"), "usd": "1" }));
        let mut document = minimal();
        document["prices"] = prices.collect();
        parse(document.to_string().as_bytes())
    };
    assert_eq!(prices(1_000).unwrap().counts().prices, 1_000);
    let error = prices(1_001).unwrap_err().to_string();
    assert_eq!(error, "/prices: out of range, accepted: an array of up to 1000 prices");
}

#[test]
fn the_shipped_table_has_the_published_prices() {
    let config = with_shipped();
    let sizes = [(1024, 1024), (1024, 1536), (1536, 1024)];
    for (model, published) in [
        ("gpt-image-2", [["0.006", "0.053", "0.211"], ["0.005", "0.041", "0.165"]]),
        ("gpt-image-2-2026-04-21", [["0.006", "0.053", "0.211"], ["0.005", "0.041", "0.165"]]),
        ("gpt-image-1.5", [["0.009", "0.034", "0.133"], ["0.013", "0.05", "0.2"]]),
        ("gpt-image-1.5-2025-12-16", [["0.009", "0.034", "0.133"], ["0.013", "0.05", "0.2"]]),
        ("chatgpt-image-latest", [["0.009", "0.034", "0.133"], ["0.013", "0.05", "0.2"]]),
        ("gpt-image-1-mini", [["0.005", "0.011", "0.036"], ["0.006", "0.015", "0.052"]]),
    ] {
        for (size, row) in sizes.into_iter().zip([published[0], published[1], published[1]]) {
            for (quality, usd) in QUALITIES.iter().zip(row) {
                let quote = config.prices().quote(&ask(model, Some(quality), Some(size))).unwrap();
                assert_eq!(quote.per_image, dollars(usd), "{model} {quality} {size:?}");
            }
        }
    }
}

/// For models from 2.5 on the output tokens are published, at $30 a million. The quality max has
/// the scale that high has with gpt-image-2.
#[test]
fn the_shipped_prices_of_gpt_image_2_5_are_those_of_its_tokens() {
    let config = with_shipped();
    let qualities = ["low", "medium", "high", "xhigh", "max"];
    let models = ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst-2026-09-08"];
    for (size, tokens) in [
        ((1024, 1024), [196, 439, 1756, 3122, 7024]),
        ((1024, 1536), [158, 343, 1372, 2459, 5488]),
        ((1536, 1024), [158, 343, 1372, 2459, 5488]),
        ((1024, 768), [134, 301, 1204, 2140, 4815]),
        ((1920, 1080), [147, 343, 1320, 2347, 5280]),
        ((2560, 1440), [205, 478, 1843, 3276, 7370]),
    ] {
        for (model, (quality, tokens)) in
            models.iter().flat_map(|it| qualities.iter().zip(tokens).map(move |of| (*it, of)))
        {
            let ask = ask(model, Some(quality), Some(size));
            let quote = config.prices().quote(&ask).unwrap();
            assert_eq!(quote.per_image.nanos(), tokens * 30_000, "{model} {quality} {size:?}");
            let delivered = Delivered { usage: Some(image_tokens(tokens)), ..Delivered::default() };
            assert_eq!(config.prices().settle(&ask, &delivered, &quote).money, quote.per_image);
        }
    }
    // The most expensive size: 13342 tokens.
    let ask = ask("gpt-image-2.5-flare", Some("max"), Some((3840, 2160)));
    assert!(config.prices().quote(&ask).unwrap().per_image > dollars("0.40026"));
}

#[test]
fn the_shipped_prices_of_gpt_image_2_6_are_no_less_than_what_was_measured() {
    let config = with_shipped();
    for model in ["gpt-image-2.6-flare", "gpt-image-2.6-sunburst"] {
        for (quality, size, tokens) in [
            ("low", (1024, 1536), 664),
            ("low", (1024, 1024), 860),
            ("medium", (1024, 1024), 1750),
            ("high", (1536, 1024), 1353),
            ("high", (3840, 2160), 3337),
            ("max", (1024, 1024), 7024),
        ] {
            let ask = ask(model, Some(quality), Some(size));
            let quote = config.prices().quote(&ask).unwrap();
            let delivered = Delivered { usage: Some(image_tokens(tokens)), ..Delivered::default() };
            let charged = config.prices().settle(&ask, &delivered, &quote).money;
            assert_eq!(charged.nanos(), tokens * 30_000);
            assert!(charged <= quote.per_image, "{model} {quality} {size:?}");
        }
    }
}

#[test]
fn the_shipped_table_has_a_price_for_auto_and_confuses_no_models() {
    let config = with_shipped();
    let auto = |model| {
        let qualities = ["low", "medium", "high", "xhigh", "max"];
        let ask = Requested { qualities: &qualities, ..ask(model, None, None) };
        config.prices().quote(&ask).map(|it| it.per_image)
    };
    assert_eq!(auto("gpt-image-2"), Ok(dollars("0.222")));
    assert_eq!(auto("gpt-image-2.5-flare"), Ok(dollars("0.2211")));
    assert_eq!(auto("gpt-image-2.6-sunburst"), Ok(dollars("0.42816")));
    assert_eq!(auto("gpt-image-1.5"), Ok(dollars("0.2")));
    assert_eq!(auto("gpt-image-1-mini"), Ok(dollars("0.052")));
    for model in ["gpt-image-2-codex", "gpt-image-2.5", "gpt-image-2.7-flare", "gpt-image-1", "x"] {
        assert!(auto(model).is_err(), "{model}");
    }
}

/// 335 of 6543 output tokens are text, which gpt-image-1.5 bills at $10 a million.
#[test]
fn the_shipped_prices_cover_text_in_the_output_and_cached_input() {
    let config = with_shipped();
    let kinds = |text, image| Kinds { total: text + image, text, image };
    for (model, cached, expected) in [
        ("gpt-image-1.5", kinds(0, 0), "0.20476"),
        ("chatgpt-image-latest", kinds(34, 323), "0.2026945"),
        // This model has no separate price for text in the output.
        ("gpt-image-2", kinds(0, 0), "0.199044"),
        ("gpt-image-1-mini", kinds(34, 323), "0.05243155"),
    ] {
        let ask = ask(model, Some("high"), Some((1536, 1024)));
        let quote = config.prices().quote(&ask).unwrap();
        let usage = Tokens { input: kinds(34, 323), cached, output: kinds(335, 6208) };
        let delivered = Delivered { usage: Some(usage), ..Delivered::default() };
        let settled = config.prices().settle(&ask, &delivered, &quote);
        assert_eq!(settled.money.to_string(), expected, "{model}");
    }
}

/// OpenAI's calculator gives 7024 output tokens for 1024x1024 in high.
#[test]
fn the_shipped_prices_of_tokens_agree_with_those_of_images() {
    let config = with_shipped();
    let ask = ask("gpt-image-2", Some("high"), Some((1024, 1024)));
    let quote = config.prices().quote(&ask).unwrap();
    let usage = image_tokens(7_024);
    let delivered = Delivered { usage: Some(usage), ..Delivered::default() };
    assert_eq!(config.prices().settle(&ask, &delivered, &quote).money, dollars("0.21072"));
    let usage = image_tokens(14_272);
    let delivered =
        Delivered { size: Some((2048, 2048)), usage: Some(usage), ..Delivered::default() };
    let large = Requested { size: Some((2048, 2048)), ..ask };
    let quote = config.prices().quote(&large).unwrap();
    let settled = config.prices().settle(&large, &delivered, &quote);
    assert_eq!(settled.money, dollars("0.42816"));
    assert!(settled.money <= quote.per_image);
}

#[test]
fn the_shipped_prices_have_a_date_and_sources() {
    let shipped = shipped();
    // 2026-11-28.
    let date = Duration::from_secs(1_795_824_000);
    assert_eq!(with_shipped().prices_as_of(), Some(date));
    let mut sources = BTreeMap::new();
    for entry in shipped["prices"].as_array().unwrap() {
        let model = entry["model"].as_str().unwrap().to_owned();
        sources.entry(model).or_insert_with(|| entry["source"].as_str().unwrap_or("").to_owned());
    }
    assert_eq!(sources.len(), 11);
    for (model, source) in sources {
        assert!(source.contains("developers.openai.com"), "{model}: {source}");
    }
}
