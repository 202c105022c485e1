use super::*;
use crate::pattern::Pattern;
use crate::prices::{Kinds, TokenPrices, Tokens};

mod properties;
mod served;

const QUALITIES: &[&str] = &["low", "medium", "high"];
const SQUARE: (u32, u32) = (1024, 1024);
const LARGE: (u32, u32) = (2048, 2048);
const NANO: Money = Money::from_nanos(1);

fn dollars(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn price(model: &str, quality: &str, size: Option<(u32, u32)>, usd: &str) -> Price {
    Price {
        model: Pattern::parse(model).unwrap(),
        quality: (quality != "*").then(|| quality.to_owned()),
        size,
        image: dollars(usd),
        tokens: None,
    }
}

fn requested(quality: Option<&'static str>, size: Option<(u32, u32)>) -> Requested<'static> {
    Requested { model: "gpt-image-2", quality, size, qualities: QUALITIES }
}

fn delivered(quality: Option<&'static str>, size: Option<(u32, u32)>) -> Delivered<'static> {
    Delivered { quality, size, ..Delivered::default() }
}

fn tokens(text: u64, image: u64, output: u64) -> Tokens {
    Tokens {
        input: Kinds { total: text.saturating_add(image), text, image },
        output: Kinds { total: output, ..Kinds::default() },
        ..Tokens::default()
    }
}

/// What an image of this quality and size is quoted, in dollars.
fn quoted(table: &PriceTable, quality: Option<&'static str>, size: Option<(u32, u32)>) -> String {
    let quote = table.quote(&requested(quality, size));
    quote.map_or_else(|error| error.to_string(), |quote| quote.per_image.to_string())
}

#[test]
fn the_closest_entry_has_the_price() {
    let table = PriceTable::new(
        vec![
            price("*", "high", Some(SQUARE), "1"),
            price("gpt-*", "high", Some(SQUARE), "2"),
            price("gpt-image-*", "*", None, "3"),
            price("gpt-image-2", "*", None, "4"),
            price("gpt-image-2", "high", None, "5"),
            price("gpt-image-2", "*", Some(SQUARE), "6"),
            price("gpt-image-2", "high", Some(SQUARE), "7"),
            price("gpt-image-2", "high", Some(SQUARE), "8"),
        ],
        Unpriced::Reject,
    );
    assert_eq!(quoted(&table, Some("high"), Some(SQUARE)), "7");
    assert_eq!(quoted(&table, Some("low"), Some(SQUARE)), "6");
    assert_eq!(quoted(&table, Some("high"), Some(LARGE)), "5");
    assert_eq!(quoted(&table, Some("low"), Some(LARGE)), "4");
    let of = |model| {
        let requested = Requested { model, ..requested(Some("high"), Some(SQUARE)) };
        table.quote(&requested).unwrap().per_image.to_string()
    };
    assert_eq!([of("gpt-image-1"), of("gpt-5"), of("x")], ["3", "2", "1"]);
}

#[test]
fn auto_is_quoted_at_the_highest_price_that_it_may_become() {
    let table = PriceTable::new(
        vec![
            price("gpt-image-2", "low", Some(SQUARE), "0.006"),
            price("gpt-image-2", "high", Some(SQUARE), "0.211"),
            price("gpt-image-2", "high", Some((1024, 1536)), "0.165"),
            price("gpt-image-2", "high", Some((1536, 1024)), "0.165"),
            price("gpt-image-2", "max", Some(SQUARE), "9"),
            price("gpt-image-2", "high", None, "0.5"),
            price("gpt-image-1", "high", Some(LARGE), "8"),
        ],
        Unpriced::Reject,
    );
    assert_eq!(quoted(&table, None, None), "0.211");
    assert_eq!(quoted(&table, Some("auto"), Some(SQUARE)), "0.211");
    assert_eq!(quoted(&table, Some("low"), None), "0.006");
    assert_eq!(quoted(&table, Some("high"), Some((1024, 1536))), "0.165");
    assert_eq!(quoted(&table, Some("high"), Some(LARGE)), "0.5");
}

#[test]
fn auto_may_become_a_size_that_an_entry_names() {
    let entries =
        vec![price("gpt-image-2", "*", None, "0.2"), price("gpt-image-2", "*", Some(LARGE), "0.4")];
    assert_eq!(quoted(&PriceTable::new(entries, Unpriced::Reject), None, None), "0.4");
}

#[test]
fn an_image_without_a_price_is_rejected_or_free_or_the_most_expensive() {
    let table = |unpriced| {
        let entries = vec![
            price("gpt-image-2", "low", Some(SQUARE), "0.1"),
            price("gpt-image-2", "high", Some(SQUARE), "0.2"),
            price("other", "*", None, "0.9"),
        ];
        PriceTable::new(entries, unpriced)
    };
    let rejected = "no price covers this model, quality and size";
    assert_eq!(quoted(&table(Unpriced::Reject), Some("low"), Some(LARGE)), rejected);
    assert_eq!(quoted(&table(Unpriced::Free), Some("low"), Some(LARGE)), "0");
    assert_eq!(quoted(&table(Unpriced::Max), Some("low"), Some(LARGE)), "0.2");
    let unknown = Requested { model: "unknown", ..requested(None, None) };
    let quote = table(Unpriced::Max).quote(&unknown).unwrap();
    assert_eq!(quote, Quote { per_image: dollars("0.9"), priced: false });
    assert_eq!(table(Unpriced::Reject).quote(&unknown), Err(QuoteError));
    assert_eq!(PriceTable::default().quote(&unknown), Err(QuoteError));
}

#[test]
fn the_delivered_image_is_charged() {
    let table = PriceTable::new(
        vec![
            price("gpt-image-2", "low", None, "0.006"),
            price("gpt-image-2", "high", None, "0.211"),
        ],
        Unpriced::Reject,
    );
    let requested = requested(Some("high"), Some(SQUARE));
    let quote = table.quote(&requested).unwrap();
    let settled = table.settle(&requested, &delivered(Some("low"), Some(SQUARE)), &quote);
    let expected = Settlement { money: dollars("0.006"), mismatch: true, unpriced: false };
    assert_eq!(settled, expected);
    let settled = table.settle(&requested, &delivered(Some("high"), Some((1254, 1254))), &quote);
    let expected = Settlement { money: dollars("0.211"), mismatch: true, unpriced: false };
    assert_eq!(settled, expected);
    let settled = table.settle(&requested, &delivered(Some("auto"), None), &quote);
    let expected = Settlement { money: dollars("0.211"), mismatch: false, unpriced: false };
    assert_eq!(settled, expected);
}

#[test]
fn a_choice_of_the_model_that_is_not_reported_costs_the_highest_price() {
    let table = PriceTable::new(
        vec![
            price("gpt-image-2", "low", Some(SQUARE), "0.006"),
            price("gpt-image-2", "high", Some(SQUARE), "0.2"),
            price("gpt-image-2", "*", None, "0.3"),
        ],
        Unpriced::Reject,
    );
    let requested = requested(None, None);
    let quote = table.quote(&requested).unwrap();
    let charge = |delivered| table.settle(&requested, &delivered, &quote).money.to_string();
    assert_eq!(charge(delivered(None, None)), "0.3");
    assert_eq!(charge(delivered(None, Some(SQUARE))), "0.3", "medium is");
    assert_eq!(charge(delivered(Some("low"), Some(SQUARE))), "0.006");
    assert!(!table.settle(&requested, &delivered(Some("low"), Some(SQUARE)), &quote).mismatch);
}

#[test]
fn a_delivered_image_without_a_price_is_charged_as_the_policy_says() {
    for (unpriced, money) in
        [(Unpriced::Reject, "0.2"), (Unpriced::Free, "0"), (Unpriced::Max, "0.25")]
    {
        let entries = vec![
            price("gpt-image-2", "high", Some(SQUARE), "0.2"),
            price("gpt-image-2", "high", Some((1024, 1536)), "0.25"),
        ];
        let table = PriceTable::new(entries, unpriced);
        let requested = requested(Some("high"), Some(SQUARE));
        let quote = table.quote(&requested).unwrap();
        let settled = table.settle(&requested, &delivered(Some("high"), Some(LARGE)), &quote);
        let expected = Settlement { money: dollars(money), mismatch: true, unpriced: true };
        assert_eq!(settled, expected);
    }
}

#[test]
fn tokens_are_charged_if_they_are_reported() {
    let mut entry = price("gpt-image-2", "*", None, "0.211");
    entry.tokens = Some(TokenPrices::plain(dollars("5.00"), dollars("8.00"), dollars("30.00")));
    let table = PriceTable::new(vec![entry], Unpriced::Reject);
    let requested = requested(None, None);
    let quote = table.quote(&requested).unwrap();
    let charge = |usage| {
        let delivered = Delivered { usage: Some(usage), ..delivered(None, None) };
        table.settle(&requested, &delivered, &quote).money.to_string()
    };
    assert_eq!(charge(tokens(31, 0, 439)), "0.013325");
    assert_eq!(charge(tokens(1, 1_000, 7_024)), "0.218725");
    // An upstream that recorded nothing sends zeros. The image was generated all the same.
    assert_eq!(charge(tokens(31, 5, 0)), "0.211");
}

#[test]
fn an_image_that_only_tokens_have_a_price_for_reserves_the_least_that_there_is() {
    let each = dollars("5");
    let tokens = Some(TokenPrices::plain(each, each, each));
    let entry = Price { tokens, ..price("*", "*", None, "0") };
    let table = PriceTable::new(vec![entry], Unpriced::Reject);
    let requested = requested(None, None);
    let quote = table.quote(&requested).unwrap();
    assert_eq!(quote, Quote { per_image: NANO, priced: true });
    let settled = table.settle(&requested, &delivered(None, None), &quote);
    assert_eq!((settled.money, settled.unpriced), (Money::ZERO, false));
}
