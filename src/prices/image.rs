//! What is asked of a price table, and what it answers. Everything is per image.

use super::served::is_same_model;
use super::{Money, Served, Tokens};

/// What a request asks for.
///
/// `None`, and the quality `auto`, leave it to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested<'a> {
    /// The model, by the name that the upstream is asked for.
    pub model: &'a str,
    /// `low`, `high`, …
    pub quality: Option<&'a str>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// The qualities that the model may choose from, without `auto`.
    pub qualities: &'a [&'a str],
}

/// What is known about an image that was delivered.
///
/// `None`, and the quality `auto`, were not told: then it is taken to be as asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered<'a> {
    /// The model that drew.
    pub served: Option<Served<'a>>,
    /// `low`, `high`, …
    pub quality: Option<&'a str>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// The tokens of this image alone.
    pub usage: Option<Tokens>,
}

/// What to reserve for an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quote {
    /// The most that an image may cost at a price per image.
    pub per_image: Money,
    /// Whether the table has a price for it.
    pub priced: bool,
}

/// The table has no price and the operator wants such requests refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no price covers this model, quality and size")]
pub struct NoPrice;

/// What a delivered image costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// The charge.
    pub money: Money,
    /// The image is of another model, quality or size than was asked for.
    pub mismatch: bool,
    /// The table has no price for it.
    pub unpriced: bool,
}

/// The quality that `word` names; `auto` names none.
pub(super) fn told(word: Option<&str>) -> Option<&str> {
    word.filter(|word| *word != "auto")
}

impl Delivered<'_> {
    /// Whether something was told that is not what `ask` names.
    pub(super) fn differs(&self, ask: &Requested<'_>) -> bool {
        fn both<T: PartialEq>(asked: Option<T>, came: Option<T>) -> bool {
            asked.zip(came).is_some_and(|(asked, came)| asked != came)
        }
        let other_model = self.served.is_some_and(|it| !is_same_model(ask.model, it.model));
        other_model || both(told(ask.quality), told(self.quality)) || both(ask.size, self.size)
    }
}
