//! The input and the output of a price table. Everything is per image.

use super::served::is_same_model;
use super::{Money, Served, Tokens};

/// The image that a request asks for.
///
/// `None`, and the quality `auto`, leave the choice to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested<'a> {
    /// The model, by the name that is sent to the upstream.
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
/// `None`, and the quality `auto`, mean not reported: then it counts as requested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered<'a> {
    /// The model that generated it.
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

/// The table has no price, and the operator wants such requests rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no price covers this model, quality and size")]
pub struct QuoteError;

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

/// The quality that `word` names. `None` for `auto`.
pub(super) fn known_quality(word: Option<&str>) -> Option<&str> {
    word.filter(|word| *word != "auto")
}

impl Delivered<'_> {
    /// Whether something was reported that is not what was requested.
    pub(super) fn differs(&self, requested: &Requested<'_>) -> bool {
        fn both<T: PartialEq>(requested: Option<T>, delivered: Option<T>) -> bool {
            requested.zip(delivered).is_some_and(|(requested, delivered)| requested != delivered)
        }
        let other_model = self.served.is_some_and(|it| !is_same_model(requested.model, it.model));
        other_model
            || both(known_quality(requested.quality), known_quality(self.quality))
            || both(requested.size, self.size)
    }
}
