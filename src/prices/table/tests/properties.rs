//! What holds for any table, held against the definition of the closest entry.

use proptest::prelude::*;

use super::*;

/// A name or pattern, a quality and a size, each combination once: no two entries are as close for
/// any model.
fn entries() -> impl Strategy<Value = Vec<Price>> {
    let models = prop::sample::select(vec!["gpt-image-2", "gpt-image-*", "gpt-*", "*", "other"]);
    let quality = prop::sample::select(vec!["*", "low", "high", "max"]);
    let size = prop::sample::select(vec![None, Some(SQUARE), Some((1024, 1536)), Some(LARGE)]);
    let tokens = prop::option::of(1..5_u64);
    let key = (models, quality, size);
    prop::collection::btree_map(key, (0..1_000_u64, tokens), 0..12).prop_map(|entries| {
        let entries = entries.into_iter().map(|((model, quality, size), (nanos, tokens))| {
            let each = tokens.map(Money::from_nanos);
            Price {
                image: Money::from_nanos(nanos),
                tokens: each.map(|each| TokenPrices::plain(each, each, each)),
                ..price(model, quality, size, "0")
            }
        });
        entries.collect()
    })
}

fn policy() -> impl Strategy<Value = Unpriced> {
    prop::sample::select(vec![Unpriced::Reject, Unpriced::Free, Unpriced::Max])
}

fn quality() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![None, Some("auto"), Some("low"), Some("medium"), Some("high")])
}

fn size() -> impl Strategy<Value = Option<(u32, u32)>> {
    prop::sample::select(vec![None, Some(SQUARE), Some((1024, 1536)), Some((1536, 1024))])
}

/// The definition of the closest entry, however slow.
fn naive(entries: &[Price], quality: &str, size: (u32, u32)) -> Option<Money> {
    let covering = entries.iter().filter(|it| {
        it.model.matches("gpt-image-2")
            && it.quality.as_deref().is_none_or(|own| own == quality)
            && it.size.is_none_or(|own| own == size)
    });
    let closest = covering.max_by_key(|it| {
        let combination = match (it.size, &it.quality) {
            (Some(_), Some(_)) => 3,
            (Some(_), None) => 2,
            (None, Some(_)) => 1,
            (None, None) => 0,
        };
        (it.model.closeness(), combination)
    });
    closest.map(|it| if is_by_tokens(&it.rate()) { NANO } else { it.image })
}

/// Whether only tokens have a price: the image reserves the least, and costs nothing without usage.
fn is_by_tokens(rate: &Rate) -> bool {
    rate.image == Money::ZERO && rate.tokens.is_some()
}

proptest! {
    #[test]
    fn a_concrete_quote_is_the_price_of_the_closest_entry(
        entries in entries(),
        quality in prop::sample::select(QUALITIES),
        size in prop::sample::select(vec![SQUARE, (1536, 1024), LARGE]),
    ) {
        let expected = naive(&entries, quality, size);
        let table = PriceTable::new(entries, Unpriced::Reject);
        let found = table.quote(&requested(Some(quality), Some(size)));
        prop_assert_eq!(found.ok().map(|quote| quote.per_image), expected);
    }

    #[test]
    fn auto_is_quoted_no_less_than_anything_that_it_may_become(
        entries in entries(), unpriced in policy(), quality in quality(), size in size(),
    ) {
        let is_large = |it: &Price| it.model.matches("gpt-image-2") && it.size == Some(LARGE);
        let large = entries.iter().any(is_large);
        let table = PriceTable::new(entries, unpriced);
        let auto = table.quote(&requested(quality, size));
        let known = known_quality(quality);
        for became in QUALITIES.iter().filter(|it| known.is_none_or(|known| known == **it)) {
            let sizes = STANDARD_SIZES.into_iter().chain(large.then_some(LARGE));
            for became_size in sizes.filter(|it| size.is_none_or(|own| own == *it)) {
                let concrete = requested(Some(became), Some(became_size));
                if let Ok(quote) = table.quote(&concrete) {
                    prop_assert!(auto.unwrap().per_image >= quote.per_image);
                    prop_assert!(auto.unwrap().priced >= quote.priced);
                }
                let quote = auto.unwrap_or_default();
                let delivered = delivered(Some(became), Some(became_size));
                let settled = table.settle(&requested(quality, size), &delivered, &quote);
                prop_assert!(settled.money <= quote.per_image);
                prop_assert!(!settled.mismatch);
            }
        }
    }

    #[test]
    fn an_image_as_requested_or_not_reported_costs_its_quote(
        entries in entries(), unpriced in policy(), quality in quality(), size in size(),
        reports in any::<(bool, bool)>(),
    ) {
        let table = PriceTable::new(entries, unpriced);
        let requested = requested(quality, size);
        let quote = table.quote(&requested).unwrap_or_default();
        let delivered = delivered(quality.filter(|_| reports.0), size.filter(|_| reports.1));
        let settled = table.settle(&requested, &delivered, &quote);
        let is_by_tokens = table.most_expensive(&requested).is_some_and(|rate| is_by_tokens(&rate));
        let money = if is_by_tokens { Money::ZERO } else { quote.per_image };
        let expected = Settlement { money, mismatch: false, unpriced: !quote.priced };
        prop_assert_eq!(settled, expected);
    }

    #[test]
    fn the_order_of_the_entries_is_irrelevant_if_no_two_are_as_close(
        (entries, shuffled) in entries()
            .prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        unpriced in policy(), quality in quality(), size in size(), output in 0..3_000_000_u64,
    ) {
        let tables = [entries, shuffled].map(|entries| PriceTable::new(entries, unpriced));
        let requested = requested(quality, size);
        let usage = Some(tokens(7, 11, output));
        let [one, other] = tables.map(|table| {
            let quote = table.quote(&requested);
            let delivered = Delivered { usage, ..delivered(None, None) };
            (quote, table.settle(&requested, &delivered, &quote.unwrap_or_default()))
        });
        prop_assert_eq!(one, other);
    }
}
