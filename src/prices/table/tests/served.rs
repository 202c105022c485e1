//! Images of another model than was requested.

use super::*;
use crate::prices::{ChargeBy, Served};

/// What an image costs in dollars that `served` generated for `model`, and whether that is a
/// mismatch.
fn charged(
    table: &PriceTable,
    model: &'static str,
    served: &str,
    charge_by: ChargeBy,
) -> (String, bool) {
    let requested = Requested { model, ..requested(Some("high"), Some(SQUARE)) };
    let served = Some(Served { model: served, qualities: QUALITIES, charge_by });
    let quote = table.quote(&requested).unwrap();
    let settled = table.settle(&requested, &Delivered { served, ..delivered(None, None) }, &quote);
    (settled.money.to_string(), settled.mismatch)
}

#[test]
fn the_model_that_was_served_has_its_own_price() {
    let table = PriceTable::new(
        vec![
            price("flare", "*", None, "0.05"),
            price("gpt-image-2", "high", None, "0.2"),
            price("gpt-image-1*", "low", None, "0.1"),
        ],
        Unpriced::Reject,
    );
    let served = |model| charged(&table, "flare", model, ChargeBy::Served);
    assert_eq!(served("gpt-image-2"), ("0.2".to_owned(), true));
    assert_eq!(served("flare"), ("0.05".to_owned(), false));
    // No entry is for it, or none for the quality.
    for model in ["gpt-image-2-codex", "", "gpt-image-1", "gpt-image-1-mini"] {
        assert_eq!(served(model), ("0.05".to_owned(), true), "{model}");
    }
    let requested = charged(&table, "flare", "gpt-image-2", ChargeBy::Asked);
    assert_eq!(requested, ("0.05".to_owned(), true));
}

#[test]
fn a_pattern_is_a_price_of_each_model_that_it_matches() {
    let table = |pattern| {
        let entries = vec![price("flare", "*", None, "0.05"), price(pattern, "*", None, "0.3")];
        PriceTable::new(entries, Unpriced::Reject)
    };
    for (pattern, expected) in
        [("gpt-image-*", "0.3"), ("*", "0.3"), ("gpt-image-2-co*", "0.3"), ("gpt-image-1*", "0.05")]
    {
        let charged = charged(&table(pattern), "flare", "gpt-image-2-codex", ChargeBy::Served);
        assert_eq!(charged, (expected.to_owned(), true), "{pattern}");
    }
}

#[test]
fn a_snapshot_has_the_price_of_its_model_unless_an_entry_is_closer() {
    let entries = || vec![price("gpt-image-2", "*", None, "0.2"), price("*", "*", None, "0.9")];
    let table = PriceTable::new(entries(), Unpriced::Reject);
    let (codex, snapshot) = ("gpt-image-2-codex", "gpt-image-2-2026-04-21");
    for served in [codex, snapshot] {
        let charged = charged(&table, "gpt-image-2", served, ChargeBy::Served);
        assert_eq!(charged, ("0.2".to_owned(), false), "{served}");
    }
    assert_eq!(
        charged(&table, snapshot, "gpt-image-2", ChargeBy::Served),
        ("0.2".to_owned(), false)
    );
    let own = [entries(), vec![price(codex, "*", None, "0.01")]].concat();
    let table = PriceTable::new(own, Unpriced::Reject);
    let charged = charged(&table, "gpt-image-2", codex, ChargeBy::Served);
    assert_eq!(charged, ("0.01".to_owned(), false));
}

#[test]
fn a_quality_that_was_left_open_is_one_of_the_model_that_was_served() {
    let table = PriceTable::new(
        vec![
            price("flare", "*", None, "0.05"),
            price("other", "low", None, "0.1"),
            price("other", "max", None, "0.4"),
        ],
        Unpriced::Reject,
    );
    let requested = Requested { model: "flare", ..requested(None, None) };
    let quote = table.quote(&requested).unwrap();
    let charge = |qualities| {
        let served = Some(Served { model: "other", qualities, charge_by: ChargeBy::Served });
        table
            .settle(&requested, &Delivered { served, ..delivered(None, None) }, &quote)
            .money
            .to_string()
    };
    assert_eq!((charge(&["low", "max"]), charge(&["low"])), ("0.4".to_owned(), "0.1".to_owned()));
}
