//! The price table: quotes and settlements.

use std::cmp::Reverse;
use std::mem;

use super::image::known_quality;
use super::price::Rate;
use super::served::is_same_model;
use super::{ChargeBy, Delivered, Money, Price, Quote, QuoteError, Requested, Served, Settlement};
use crate::order;

/// Sizes that `auto` may become with every model of the OpenAI API reference. Other sizes count if
/// an entry names them.
const STANDARD_SIZES: [(u32, u32); 3] = [(1024, 1024), (1024, 1536), (1536, 1024)];

/// What becomes of an image that no entry covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unpriced {
    /// The request is rejected. An image without a price that is delivered all the same is charged
    /// as quoted.
    #[default]
    Reject,
    /// It costs nothing.
    Free,
    /// It costs as much as the most expensive image of the model, or of the table if no entry is
    /// for the model.
    Max,
}

/// Prices of images.
#[derive(Debug, Default)]
pub struct PriceTable {
    /// The closest first.
    entries: Vec<Price>,
    unpriced: Unpriced,
}

impl PriceTable {
    /// The table of `entries` in the order in which they were written.
    #[must_use]
    pub fn new(entries: Vec<Price>, unpriced: Unpriced) -> Self {
        // Stable: of two that are as close, the first in the list stays the first.
        let entries = order::by_key(entries, |price| Reverse(price.closeness()));
        Self { entries, unpriced }
    }

    /// The entries, the closest first.
    #[must_use]
    pub fn entries(&self) -> &[Price] {
        &self.entries
    }

    /// What becomes of an image that no entry covers.
    #[must_use]
    pub const fn unpriced(&self) -> Unpriced {
        self.unpriced
    }

    /// What an image of a request may cost: the highest price of all that are possible.
    ///
    /// It has a price if one possible image has one. With [`Unpriced::Max`] possible images without
    /// one count at the highest price.
    ///
    /// # Errors
    ///
    /// No possible image has a price, with [`Unpriced::Reject`].
    pub fn quote(&self, requested: &Requested<'_>) -> Result<Quote, QuoteError> {
        match (self.most_expensive(requested), self.unpriced) {
            (Some(rate), _) => Ok(Quote { per_image: rate.reserved(), priced: true }),
            (None, Unpriced::Reject) => Err(QuoteError),
            (None, Unpriced::Free) => Ok(Quote::default()),
            (None, Unpriced::Max) => {
                Ok(Quote { per_image: self.highest(requested.model), priced: false })
            }
        }
    }

    /// What one delivered image costs, of a request that was quoted `quote`. It is the default
    /// quote if there was none.
    ///
    /// What was not reported counts as requested. If it was left to the model, the highest possible
    /// price is charged. An image may cost more than its quote: by tokens, because those of the
    /// input are known only then, or because a more expensive model was served.
    #[must_use]
    pub fn settle(
        &self,
        requested: &Requested<'_>,
        delivered: &Delivered<'_>,
        quote: &Quote,
    ) -> Settlement {
        let known = Requested {
            quality: known_quality(delivered.quality).or(requested.quality),
            size: delivered.size.or(requested.size),
            ..*requested
        };
        let served = delivered.served.filter(|it| self.is_charged_by(it, requested.model));
        let rate = served
            .and_then(|it| {
                self.most_expensive(&Requested {
                    model: it.model,
                    qualities: it.qualities,
                    ..known
                })
            })
            .or_else(|| self.most_expensive(&known));
        let money = match (rate, self.unpriced) {
            (Some(rate), _) => rate.charge(delivered.usage),
            (None, Unpriced::Reject) => quote.per_image,
            (None, Unpriced::Free) => Money::ZERO,
            (None, Unpriced::Max) => self.highest(requested.model),
        };
        Settlement { money, mismatch: delivered.differs(requested), unpriced: rate.is_none() }
    }

    /// Whether the price of `served` is looked up. A snapshot or another name of the `requested`
    /// model has the price of that model, unless the entries are closer to the served name.
    /// Otherwise a price for all models would come before the model's own.
    fn is_charged_by(&self, served: &Served<'_>, requested: &str) -> bool {
        let closeness = |model| self.matching(model).next().map(|price| price.model.closeness());
        served.charge_by == ChargeBy::Served
            && (!is_same_model(requested, served.model)
                || closeness(served.model) > closeness(requested))
    }

    /// The highest rate of all that are possible. `None` if none has a price.
    fn most_expensive(&self, requested: &Requested<'_>) -> Option<Rate> {
        let matching: Vec<&Price> = self.matching(requested.model).collect();
        let sizes = sizes(requested, &matching);
        let (mut most_expensive, mut gap) = (None, false);
        for quality in qualities(requested) {
            // Entries come closest first, so each size is taken by the entry that has its price.
            let mut open = sizes.clone();
            for price in matching.iter().filter(|price| price.covers_quality(quality)) {
                let taken = match price.size {
                    Some(size) => {
                        let listed = open.len();
                        open.retain(|it| *it != size);
                        open.len() < listed
                    }
                    None => !mem::take(&mut open).is_empty(),
                };
                if taken {
                    most_expensive = most_expensive.max(Some(price.rate()));
                }
            }
            gap |= !open.is_empty();
        }
        match self.unpriced {
            Unpriced::Max if gap => {
                most_expensive.map(|_| Rate { image: self.highest(requested.model), tokens: None })
            }
            Unpriced::Max | Unpriced::Reject | Unpriced::Free => most_expensive,
        }
    }

    /// The highest price of the entries for `model`, or of all entries if there are none.
    fn highest(&self, model: &str) -> Money {
        let of_model = self.matching(model).map(|price| price.image).max();
        let highest = of_model.or_else(|| self.entries.iter().map(|price| price.image).max());
        highest.unwrap_or(Money::ZERO)
    }

    fn matching<'s>(&'s self, model: &'s str) -> impl Iterator<Item = &'s Price> {
        self.entries.iter().filter(move |price| price.model.matches(model))
    }
}

/// The sizes that the image may have.
fn sizes(requested: &Requested<'_>, matching: &[&Price]) -> Vec<(u32, u32)> {
    let listed = || matching.iter().filter_map(|price| price.size);
    match requested.size {
        Some(size) => vec![size],
        None => order::distinct(STANDARD_SIZES.into_iter().chain(listed())),
    }
}

/// The qualities that the image may have. A `None` means that they are not known.
fn qualities<'a>(requested: &Requested<'a>) -> Vec<Option<&'a str>> {
    match known_quality(requested.quality) {
        None if !requested.qualities.is_empty() => {
            requested.qualities.iter().copied().map(Some).collect()
        }
        quality => vec![quality],
    }
}

#[cfg(test)]
mod tests;
