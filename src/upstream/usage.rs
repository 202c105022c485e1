//! `usage` of the image model: in `tool_usage.image_gen` of a response, and of the Images API.
//!
//! Providers leave members out. They are computed from the others if possible, and are zero
//! otherwise. A usage is dropped only if it counts nothing at all.

use super::json::Json;

/// Tokens of the image model. The host model's own `usage` is not among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImageUsage {
    /// All tokens in.
    pub input_tokens: u64,
    /// All tokens out.
    pub output_tokens: u64,
    /// Both together.
    pub total_tokens: u64,
    /// Of those in: text and image.
    pub input_details: Option<TokenDetails>,
    /// Of those out: text and image.
    pub output_details: Option<TokenDetails>,
    /// Of those in: what was read from the upstream's cache.
    pub cached_tokens: u64,
    /// Of the cached ones: text and image.
    pub cached_details: Option<TokenDetails>,
}

/// Which image takes the remainder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// This one.
    Taken,
    /// Another.
    Left,
}

/// Tokens by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenDetails {
    /// Tokens of text.
    pub text_tokens: u64,
    /// Tokens of images.
    pub image_tokens: u64,
}

impl ImageUsage {
    /// `None` if nothing was counted: tool families without recorded usage have zero counts.
    pub(super) fn read(value: Json<'_>) -> Option<Self> {
        let input_details = value.get("input_tokens_details").and_then(TokenDetails::read);
        let output_details = value.get("output_tokens_details").and_then(TokenDetails::read);
        let sum = |key, details: Option<TokenDetails>| {
            let counted = || details.map(TokenDetails::sum).filter(|sum| *sum > 0);
            counts(value, key).or_else(counted)
        };
        let (input, output) =
            (sum("input_tokens", input_details), sum("output_tokens", output_details));
        let total = counts(value, "total_tokens");
        let rest = |other: Option<u64>| total?.checked_sub(other?);
        let input_tokens = input.or_else(|| rest(output)).unwrap_or(0);
        let output_tokens = output.or_else(|| rest(input)).unwrap_or(0);
        let total_tokens = total.unwrap_or_else(|| input_tokens.saturating_add(output_tokens));
        let (cached_tokens, cached_details) = cached(value);
        (total_tokens > 0).then_some(Self {
            input_tokens,
            output_tokens,
            total_tokens,
            input_details,
            output_details,
            cached_tokens,
            cached_details,
        })
    }

    /// The share of one of `parts` images in a sum that was reported for all. One image also takes
    /// the remainder of the division, as `rest` says, so that the shares add up to the sum.
    #[must_use]
    pub fn part(self, parts: u64, rest: Rest) -> Self {
        let share = |sum: u64| {
            let each = sum.checked_div(parts).unwrap_or(sum);
            match rest {
                Rest::Taken => sum.saturating_sub(each.saturating_mul(parts.saturating_sub(1))),
                Rest::Left => each,
            }
        };
        let details = |it: TokenDetails| TokenDetails {
            text_tokens: share(it.text_tokens),
            image_tokens: share(it.image_tokens),
        };
        Self {
            input_tokens: share(self.input_tokens),
            output_tokens: share(self.output_tokens),
            total_tokens: share(self.total_tokens),
            input_details: self.input_details.map(details),
            output_details: self.output_details.map(details),
            cached_tokens: share(self.cached_tokens),
            cached_details: self.cached_details.map(details),
        }
    }

    /// The sum of both, as far as they are reported.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let details = |a: Option<TokenDetails>, b: Option<TokenDetails>| match (a, b) {
            (Some(a), Some(b)) => Some(TokenDetails {
                text_tokens: a.text_tokens.saturating_add(b.text_tokens),
                image_tokens: a.image_tokens.saturating_add(b.image_tokens),
            }),
            (a, b) => a.or(b),
        };
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
            input_details: details(self.input_details, other.input_details),
            output_details: details(self.output_details, other.output_details),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            cached_details: details(self.cached_details, other.cached_details),
        }
    }
}

impl TokenDetails {
    /// `None` if neither kind is there. One that is missing is zero.
    fn read(value: Json<'_>) -> Option<Self> {
        Self::named(value, "text_tokens", "image_tokens")
    }

    fn named(value: Json<'_>, text: &str, image: &str) -> Option<Self> {
        let (text, image) = (value.number(text), value.number(image));
        (text.is_some() || image.is_some())
            .then(|| Self { text_tokens: text.unwrap_or(0), image_tokens: image.unwrap_or(0) })
    }

    /// Both kinds together.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.text_tokens.saturating_add(self.image_tokens)
    }
}

/// The cached tokens and their kinds. The Images API has them in `input_tokens_details`. The usage
/// of the image tool has them next to it, with other names for the kinds.
fn cached(usage: Json<'_>) -> (u64, Option<TokenDetails>) {
    let places = || usage.get("input_tokens_details").into_iter().chain([usage]);
    let details = places().find_map(|it| {
        let it = it.get("cached_tokens_details")?;
        let own = TokenDetails::named(it, "cached_text_tokens", "cached_image_tokens");
        TokenDetails::read(it).or(own)
    });
    let reported = places().find_map(|it| counts(it, "cached_tokens"));
    (reported.or_else(|| details.map(TokenDetails::sum)).unwrap_or(0), details)
}

/// A number that counts something. An upstream that did not count writes zero.
fn counts(value: Json<'_>, key: &str) -> Option<u64> {
    value.number(key).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::super::json::Tape;
    use super::*;
    use serde_json::{Value, json};

    fn read(usage: Value) -> Option<ImageUsage> {
        ImageUsage::read(Tape::parse(usage.to_string().as_bytes()).unwrap().root())
    }

    fn sums(usage: Value) -> [u64; 3] {
        let it = read(usage).unwrap();
        [it.input_tokens, it.output_tokens, it.total_tokens]
    }

    #[test]
    fn members_that_are_missing_follow_from_the_others() {
        for (usage, expected) in [
            (json!({"input_tokens": 30, "output_tokens": 196}), [30, 196, 226]),
            (json!({"input_tokens": 30, "output_tokens": 196, "total_tokens": 0}), [30, 196, 226]),
            (json!({"input_tokens": 30, "total_tokens": 226}), [30, 196, 226]),
            (json!({"output_tokens": 196, "total_tokens": 226}), [30, 196, 226]),
            (json!({"output_tokens": 196, "total_tokens": 196}), [0, 196, 196]),
            (json!({"output_tokens": 196}), [0, 196, 196]),
            (json!({"input_tokens": 30}), [30, 0, 30]),
            (json!({"total_tokens": 226}), [0, 0, 226]),
            (json!({"output_tokens": 196, "total_tokens": 100}), [0, 196, 100]),
            (json!({"input_tokens": null, "output_tokens": "196", "total_tokens": 7}), [0, 0, 7]),
            (json!({"input_tokens": 30, "output_tokens": 196.0}), [30, 196, 226]),
            (
                json!({"input_tokens_details": {"text_tokens": 10, "image_tokens": 20},
                    "output_tokens_details": {"image_tokens": 196}}),
                [30, 196, 226],
            ),
            (
                json!({"input_tokens": 0, "input_tokens_details": {"text_tokens": 10},
                    "output_tokens": 5}),
                [10, 5, 15],
            ),
        ] {
            assert_eq!(sums(usage.clone()), expected, "{usage}");
        }
    }

    #[test]
    fn a_usage_that_counts_nothing_is_none() {
        let details = json!({"text_tokens": 0, "image_tokens": 0});
        for usage in [
            json!(null),
            json!({}),
            json!([]),
            json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}),
            json!({"input_tokens": 0, "input_tokens_details": details,
                "output_tokens_details": details}),
            json!({"input_tokens": -3, "output_tokens": 1.5}),
        ] {
            assert_eq!(read(usage.clone()), None, "{usage}");
        }
    }

    #[test]
    fn a_kind_that_is_missing_is_zero() {
        let usage = json!({"output_tokens": 9, "input_tokens_details": {"image_tokens": 20},
            "output_tokens_details": {"x": 1}});
        let usage = read(usage).unwrap();
        let details = TokenDetails { text_tokens: 0, image_tokens: 20 };
        assert_eq!((usage.input_details, usage.output_details), (Some(details), None));
    }

    #[test]
    fn cached_tokens_stand_in_either_place() {
        let kinds = json!({"text_tokens": 3, "image_tokens": 4});
        let own = json!({"cached_text_tokens": 3, "cached_image_tokens": 4});
        let details = Some(TokenDetails { text_tokens: 3, image_tokens: 4 });
        for (usage, expected) in [
            (json!({"cached_tokens": 7}), (7, None)),
            (json!({"input_tokens_details": {"cached_tokens": 7}}), (7, None)),
            (json!({"cached_tokens": 7, "cached_tokens_details": own}), (7, details)),
            (json!({"cached_tokens_details": own}), (7, details)),
            (json!({"input_tokens_details": {"cached_tokens_details": kinds}}), (7, details)),
            (json!({"cached_tokens": 0}), (0, None)),
        ] {
            let usage = usage.to_string();
            let tape = Tape::parse(usage.as_bytes()).unwrap();
            let json = tape.root();
            assert_eq!(cached(json), expected, "{usage}");
        }
    }

    #[test]
    fn parts_make_up_the_sum() {
        let details = Some(TokenDetails { text_tokens: 5, image_tokens: 11 });
        let whole = ImageUsage {
            input_tokens: 16,
            output_tokens: 16,
            total_tokens: 32,
            input_details: details,
            output_details: details,
            cached_tokens: 16,
            cached_details: details,
        };
        let parts = [Rest::Taken, Rest::Left, Rest::Left].map(|rest| whole.part(3, rest));
        assert_eq!(parts.into_iter().reduce(ImageUsage::plus), Some(whole));
    }
}
