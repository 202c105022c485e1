//! `prices` as a table, and the one that is shipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use imagegate::config::Config;
use imagegate::prices::{Ask, Came, Kinds, Money, Quote, Tokens, Unpriced};
use serde_json::{Value, json};

use super::{full, minimal, parse, struct_bytes};

const QUALITIES: &[&str] = &["low", "medium", "high"];

fn dollars(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn ask<'a>(model: &'a str, quality: Option<&'a str>, size: Option<(u32, u32)>) -> Ask<'a> {
    Ask { model, quality, size, qualities: QUALITIES }
}

/// This much output, of images alone.
fn drawn(tokens: u64) -> Tokens {
    Tokens { output: Kinds { total: tokens, text: 0, image: tokens }, ..Tokens::default() }
}

fn shipped() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/prices.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The smallest configuration with the shipped prices.
fn with_shipped() -> Config {
    let mut document = minimal();
    document["prices"] = shipped();
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

#[test]
fn the_shipped_table_has_a_price_for_auto_and_takes_no_model_for_another() {
    let config = with_shipped();
    let auto = |model| config.prices().quote(&ask(model, None, None)).map(|it| it.per_image);
    assert_eq!(auto("gpt-image-2"), Ok(dollars("0.211")));
    assert_eq!(auto("gpt-image-1.5"), Ok(dollars("0.2")));
    assert_eq!(auto("gpt-image-1-mini"), Ok(dollars("0.052")));
    for model in ["gpt-image-2.5-flare", "gpt-image-2.5-flare-2026-09-08", "gpt-image-1", "x"] {
        assert!(auto(model).is_err(), "{model}");
    }
}

/// 7024 output tokens are what OpenAI's calculator reads for 1024x1024 in high.
#[test]
fn the_shipped_prices_of_tokens_agree_with_those_of_images() {
    let config = with_shipped();
    let ask = ask("gpt-image-2", Some("high"), Some((1024, 1024)));
    let quote = config.prices().quote(&ask).unwrap();
    let usage = drawn(7_024);
    let came = Came { usage: Some(usage), ..Came::default() };
    assert_eq!(config.prices().settle(&ask, &came, &quote).money, dollars("0.21072"));
    let usage = drawn(14_272);
    let came = Came { size: Some((2048, 2048)), usage: Some(usage), ..Came::default() };
    let large = Ask { size: Some((2048, 2048)), ..ask };
    let quote = config.prices().quote(&large).unwrap();
    let settled = config.prices().settle(&large, &came, &quote);
    assert_eq!(settled.money, dollars("0.42816"));
    assert!(settled.money <= quote.per_image);
}

#[test]
fn the_shipped_prices_tell_their_date_and_source() {
    let mut sources = BTreeMap::new();
    for entry in shipped().as_array().unwrap() {
        let model = entry["model"].as_str().unwrap().to_owned();
        sources.entry(model).or_insert_with(|| entry["source"].as_str().unwrap_or("").to_owned());
    }
    assert_eq!(sources.len(), 7);
    for (model, source) in sources {
        assert!(source.contains("developers.openai.com"), "{model}: {source}");
        assert!(source.contains("2026-11-22"), "{model}: {source}");
    }
}
