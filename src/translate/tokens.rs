//! The tokens of an image, in the form that prices need.

use super::collect::{Image, Share};
use crate::prices::{Kinds, Tokens};
use crate::upstream::usage::TokenDetails;

/// More tokens of a kind than this are a mistake of the upstream. The largest known image has some
/// 13,000 tokens, and 16 reference images have less than a hundred thousand.
const MAX_TOKENS: u64 = 10_000_000;

/// The tokens for which `image` is charged. `None` if no usage was reported, or an impossible one.
/// Then the price is per image, not per token. Without this check, one response could use up a
/// budget for its whole window.
pub fn tokens(image: &Image) -> Option<Tokens> {
    let usage = image.usage?;
    let input = kinds(usage.input_tokens, usage.input_details)?;
    let cached = kinds(usage.cached_tokens, usage.cached_details)?;
    let output = kinds(usage.output_tokens, usage.output_details)?;
    // The upstream also counts images that nobody requested and that the client does not get.
    let output = Kinds {
        total: image.share.of(output.total),
        text: image.share.of(output.text),
        image: image.share.of(output.image),
    };
    Some(Tokens { input, cached, output })
}

impl Share {
    /// The part of `sum` for the delivered images, rounded up.
    fn of(self, sum: u64) -> u64 {
        let [delivered, generated] =
            [self.delivered, self.generated].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        sum.saturating_mul(delivered).div_ceil(generated.max(1))
    }
}

fn kinds(total: u64, details: Option<TokenDetails>) -> Option<Kinds> {
    let TokenDetails { text_tokens: text, image_tokens: image } = details.unwrap_or_default();
    let is_possible = [total, text, image].into_iter().all(|count| count <= MAX_TOKENS);
    is_possible.then_some(Kinds { total, text, image })
}
