//! The price table: quotes and settlements.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::mem;

use super::image::told;
use super::price::Rate;
use super::served::is_same_model;
use super::{ChargeBy, Delivered, Money, NoPrice, Price, Quote, Requested, Served, Settlement};

/// Sizes that `auto` may become with every model of the OpenAI API reference. Others are thought of
/// where an entry names them.
const STANDARD_SIZES: [(u32, u32); 3] = [(1024, 1024), (1024, 1536), (1536, 1024)];

/// What becomes of an image that no entry covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unpriced {
    /// The request is refused; what comes without a price all the same is charged as quoted.
    #[default]
    Reject,
    /// It costs nothing.
    Free,
    /// It costs as much as the dearest image of the model, or of the table where no entry is for
    /// the model.
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
    pub fn new(mut entries: Vec<Price>, unpriced: Unpriced) -> Self {
        // Stable: of two that are as close, the first written stays the first.
        entries.sort_by_key(|price| Reverse(price.closeness()));
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

    /// What an image of a request may cost: the highest price of all that it may become.
    ///
    /// It is priced where one thing that it may become is; with [`Unpriced::Max`] those that are not
    /// count at the highest price.
    ///
    /// # Errors
    ///
    /// Nothing that it may become has a price, with [`Unpriced::Reject`].
    pub fn quote(&self, ask: &Requested<'_>) -> Result<Quote, NoPrice> {
        match (self.dearest(ask), self.unpriced) {
            (Some(rate), _) => Ok(Quote { per_image: rate.image, priced: true }),
            (None, Unpriced::Reject) => Err(NoPrice),
            (None, Unpriced::Free) => Ok(Quote::default()),
            (None, Unpriced::Max) => {
                Ok(Quote { per_image: self.highest(ask.model), priced: false })
            }
        }
    }

    /// What one delivered image costs, of a request that was quoted `quote`; the default quote where
    /// there was none.
    ///
    /// What was not told is as asked; what was left to the model and not told costs the highest
    /// price that it may. An image may cost more than its quote: by tokens, because those of the
    /// input are known only then, or because a dearer model was served.
    #[must_use]
    pub fn settle(&self, ask: &Requested<'_>, came: &Delivered<'_>, quote: &Quote) -> Settlement {
        let known = Requested {
            quality: told(came.quality).or(ask.quality),
            size: came.size.or(ask.size),
            ..*ask
        };
        let served = came.served.filter(|it| self.is_charged_by(it, ask.model));
        let rate = served
            .and_then(|it| {
                self.dearest(&Requested { model: it.model, qualities: it.qualities, ..known })
            })
            .or_else(|| self.dearest(&known));
        let money = match (rate, self.unpriced) {
            (Some(rate), _) => rate.charge(came.usage),
            (None, Unpriced::Reject) => quote.per_image,
            (None, Unpriced::Free) => Money::ZERO,
            (None, Unpriced::Max) => self.highest(ask.model),
        };
        Settlement { money, mismatch: came.differs(ask), unpriced: rate.is_none() }
    }

    /// Whether the price of `served` is looked for. A snapshot or another name of the model that was
    /// `asked` for has its price, unless the entries are closer to the name that was served: else a
    /// price for all models would go before the model's own.
    fn is_charged_by(&self, served: &Served<'_>, asked: &str) -> bool {
        let closeness = |model| self.matching(model).next().map(|price| price.model.closeness());
        served.charge_by == ChargeBy::Served
            && (!is_same_model(asked, served.model) || closeness(served.model) > closeness(asked))
    }

    /// The dearest rate of all that the image may be. `None` where nothing of it has a price.
    fn dearest(&self, ask: &Requested<'_>) -> Option<Rate> {
        let matching: Vec<&Price> = self.matching(ask.model).collect();
        let sizes = sizes(ask, &matching);
        let (mut dearest, mut gap) = (None, false);
        for quality in qualities(ask) {
            // Entries come closest first, so each size is taken by the one that has its price.
            let mut open = sizes.clone();
            for price in matching.iter().filter(|price| price.covers_quality(quality)) {
                let taken = match price.size {
                    Some(size) => open.remove(&size),
                    None => !mem::take(&mut open).is_empty(),
                };
                if taken {
                    dearest = dearest.max(Some(price.rate()));
                }
            }
            gap |= !open.is_empty();
        }
        match self.unpriced {
            Unpriced::Max if gap => {
                dearest.map(|_| Rate { image: self.highest(ask.model), tokens: None })
            }
            Unpriced::Max | Unpriced::Reject | Unpriced::Free => dearest,
        }
    }

    /// The highest price of the entries for `model`, or of all where there are none.
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
fn sizes(ask: &Requested<'_>, matching: &[&Price]) -> BTreeSet<(u32, u32)> {
    let listed = || matching.iter().filter_map(|price| price.size);
    match ask.size {
        Some(size) => BTreeSet::from([size]),
        None => STANDARD_SIZES.into_iter().chain(listed()).collect(),
    }
}

/// The qualities that the image may have; `None` where they are not known.
fn qualities<'a>(ask: &Requested<'a>) -> Vec<Option<&'a str>> {
    match told(ask.quality) {
        None if !ask.qualities.is_empty() => ask.qualities.iter().copied().map(Some).collect(),
        quality => vec![quality],
    }
}

#[cfg(test)]
mod tests;
