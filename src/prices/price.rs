//! One entry of a price table.

use super::{Money, TokenPrices, Tokens};
use crate::pattern::Pattern;

/// The price of a model's images, perhaps of one quality or size only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The models that it is for.
    pub model: Pattern,
    /// The quality it is for; `None` for each.
    pub quality: Option<String>,
    /// The width and height in pixels it is for; `None` for each.
    pub size: Option<(u32, u32)>,
    /// The price of an image.
    pub image: Money,
    /// Prices of tokens. An image is charged by them if its usage was reported.
    pub tokens: Option<TokenPrices>,
}

/// What an entry charges. The more expensive rate is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rate {
    pub(super) image: Money,
    pub(super) tokens: Option<TokenPrices>,
}

impl Price {
    /// The rank of the entry among those that cover the same image: the closest is the greatest.
    pub(super) fn closeness(&self) -> impl Ord + use<> {
        (self.model.closeness(), self.size.is_some(), self.quality.is_some())
    }

    /// Whether it is for `quality`. If that is unknown, only entries for each quality cover it.
    pub(super) fn covers_quality(&self, quality: Option<&str>) -> bool {
        self.quality.is_none() || self.quality.as_deref() == quality
    }

    pub(super) const fn rate(&self) -> Rate {
        Rate { image: self.image, tokens: self.tokens }
    }
}

impl Rate {
    /// What is reserved for an image. One that only tokens have a price for reserves the least that
    /// there is: nothing at all would fit into a budget that is spent.
    pub(super) fn reserved(&self) -> Money {
        let has_tokens = self.tokens.is_some_and(|prices| prices != TokenPrices::FREE);
        if has_tokens { self.image.max(Money::from_nanos(1)) } else { self.image }
    }

    /// The charge for an image.
    ///
    /// A usage without output is ignored: an upstream that recorded nothing sends zeros.
    pub(super) fn charge(&self, usage: Option<Tokens>) -> Money {
        match (self.tokens, usage.filter(|usage| usage.output.total > 0)) {
            (Some(prices), Some(usage)) => prices.charge(usage),
            _ => self.image,
        }
    }
}
