//! The tokens of an image, as prices know them.

use super::collect::{Image, Share};
use crate::prices::{Kinds, Tokens};
use crate::upstream::usage::TokenDetails;

/// More tokens than this of a kind are no usage of one image but a mistake of the upstream: the largest
/// known image has some 13,000, and 16 reference images not a hundred thousand.
const MAX_TOKENS: u64 = 10_000_000;

/// What `image` is charged by tokens. `None` if no usage was reported, or one that cannot be. The price is
/// then that of the image and not of its tokens: else one answer could close a budget for its window.
pub fn tokens(image: &Image) -> Option<Tokens> {
    let usage = image.usage?;
    let input = kinds(usage.input_tokens, usage.input_details)?;
    let cached = kinds(usage.cached_tokens, usage.cached_details)?;
    let output = kinds(usage.output_tokens, usage.output_details)?;
    // The upstream counts images that the client does not get, and nobody asked for, as well.
    let output = Kinds {
        total: image.share.of(output.total),
        text: image.share.of(output.text),
        image: image.share.of(output.image),
    };
    Some(Tokens { input, cached, output })
}

impl Share {
    /// The part of `sum` that is of what is delivered, rounded up.
    fn of(self, sum: u64) -> u64 {
        let [delivered, made] =
            [self.delivered, self.made].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        sum.saturating_mul(delivered).div_ceil(made.max(1))
    }
}

fn kinds(total: u64, details: Option<TokenDetails>) -> Option<Kinds> {
    let TokenDetails { text_tokens: text, image_tokens: image } = details.unwrap_or_default();
    let is_possible = [total, text, image].into_iter().all(|count| count <= MAX_TOKENS);
    is_possible.then_some(Kinds { total, text, image })
}
