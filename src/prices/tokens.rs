//! Tokens of an image, and what they cost.
//!
//! What an upstream reports need not add up. The total wins. Tokens whose kind is not reported may
//! be of the more expensive one, so they are charged as that: no budget is exceeded because a
//! number is missing.

use super::Money;

/// The tokens of an image, from its `usage`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of the prompt and of reference images, including cached ones.
    pub input: Kinds,
    /// Of those, what was read from the upstream's cache.
    pub cached: Kinds,
    /// Of the answer.
    pub output: Kinds,
}

/// A sum of tokens and what is known of its kinds. A kind that was not reported is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds {
    /// All of them.
    pub total: u64,
    /// Tokens of text.
    pub text: u64,
    /// Tokens of images.
    pub image: u64,
}

/// Prices of a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenPrices {
    /// Of the prompt.
    pub text_input: Money,
    /// Of reference images.
    pub image_input: Money,
    /// Of the image.
    pub image_output: Money,
    /// Of text in addition to the image.
    pub text_output: Money,
    /// Of the prompt, if it was cached.
    pub cached_text_input: Money,
    /// Of reference images, if they were cached.
    pub cached_image_input: Money,
}

/// Tokens, each of one kind.
#[derive(Clone, Copy)]
struct Split {
    text: u64,
    image: u64,
}

impl TokenPrices {
    /// Prices of tokens that cost nothing.
    pub(super) const FREE: Self = Self::plain(Money::ZERO, Money::ZERO, Money::ZERO);

    /// Prices that know neither cached input nor text in the output.
    #[must_use]
    pub const fn plain(text_input: Money, image_input: Money, image_output: Money) -> Self {
        Self {
            text_input,
            image_input,
            image_output,
            text_output: image_output,
            cached_text_input: text_input,
            cached_image_input: image_input,
        }
    }

    /// What the tokens of an image cost.
    pub(super) fn charge(&self, usage: Tokens) -> Money {
        let input = usage.input.split(self.text_input, self.image_input);
        let cached = self.cached(input, usage.cached);
        let output = usage.output.split(self.text_output, self.image_output);
        Money::of_millionths([
            (self.text_input, input.text.saturating_sub(cached.text)),
            (self.image_input, input.image.saturating_sub(cached.image)),
            (self.cached_text_input, cached.text),
            (self.cached_image_input, cached.image),
            (self.text_output, output.text),
            (self.image_output, output.image),
        ])
    }

    /// The cached part of `input`. Cached tokens whose kind is not reported count as the kind that
    /// saves less, up to the input of that kind.
    fn cached(&self, input: Split, cached: Kinds) -> Split {
        let saving = |plain: Money, cached: Money| {
            i128::from(plain.nanos()).saturating_sub(i128::from(cached.nanos()))
        };
        let text_first = saving(self.text_input, self.cached_text_input)
            <= saving(self.image_input, self.cached_image_input);
        let unnamed = cached.total.saturating_sub(cached.text.saturating_add(cached.image));
        let (text, image) = ((input.text, cached.text), (input.image, cached.image));
        let ((first, first_cached), (second, second_cached)) =
            if text_first { (text, image) } else { (image, text) };
        let named_first = first.min(first_cached).min(cached.total);
        let named_second = second.min(second_cached).min(cached.total.saturating_sub(named_first));
        let more_first = unnamed.min(first.saturating_sub(named_first));
        let more_second =
            unnamed.saturating_sub(more_first).min(second.saturating_sub(named_second));
        let first = named_first.saturating_add(more_first);
        let second = named_second.saturating_add(more_second);
        if text_first {
            Split { text: first, image: second }
        } else {
            Split { text: second, image: first }
        }
    }
}

impl Kinds {
    /// Assigns every token to one kind. The cheaper kind gets no more than was reported, and no
    /// more than the other kind leaves of the total.
    fn split(self, text_price: Money, image_price: Money) -> Split {
        if text_price > image_price {
            let image = self.image.min(self.total.saturating_sub(self.text));
            Split { text: self.total.saturating_sub(image), image }
        } else {
            let text = self.text.min(self.total.saturating_sub(self.image));
            Split { text, image: self.total.saturating_sub(text) }
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    /// The list prices of gpt-image-1.5.
    fn listed() -> TokenPrices {
        TokenPrices {
            text_input: usd("5.00"),
            image_input: usd("8.00"),
            image_output: usd("32.00"),
            text_output: usd("10.00"),
            cached_text_input: usd("1.25"),
            cached_image_input: usd("2.00"),
        }
    }

    fn kinds(total: u64, text: u64, image: u64) -> Kinds {
        Kinds { total, text, image }
    }

    fn charge(input: Kinds, cached: Kinds, output: Kinds) -> String {
        listed().charge(Tokens { input, cached, output }).to_string()
    }

    const NONE: Kinds = Kinds { total: 0, text: 0, image: 0 };

    #[test]
    fn text_of_the_output_has_its_own_price() {
        let (input, output) = (kinds(357, 34, 323), kinds(6543, 335, 6208));
        assert_eq!(charge(input, NONE, output), "0.20476");
        assert_eq!(charge(NONE, NONE, kinds(439, 167, 272)), "0.010374");
        let plain = TokenPrices::plain(usd("5.00"), usd("8.00"), usd("32.00"));
        let usage = Tokens { input, cached: kinds(300, 0, 300), output };
        assert_eq!(plain.charge(usage).to_string(), "0.21213");
    }

    #[test]
    fn the_total_wins_and_tokens_of_no_kind_are_of_the_more_expensive_one() {
        for (output, expected) in [
            (kinds(1000, 0, 0), "0.032"),
            (kinds(1000, 100, 0), "0.0298"),
            (kinds(1000, 0, 100), "0.032"),
            (kinds(1000, 100, 100), "0.0298"),
            // More than the total.
            (kinds(1000, 600, 600), "0.0232"),
            (kinds(1000, 2000, 0), "0.01"),
            (kinds(1000, 2000, 2000), "0.032"),
        ] {
            assert_eq!(charge(NONE, NONE, output), expected, "{output:?}");
        }
        let dear_text = TokenPrices { text_input: usd("50.00"), ..listed() };
        let input = |input| dear_text.charge(Tokens { input, ..Tokens::default() }).to_string();
        assert_eq!(input(kinds(1000, 0, 0)), "0.05");
        assert_eq!(input(kinds(1000, 0, 500)), "0.029");
    }

    #[test]
    fn cached_input_has_its_own_price() {
        let input = kinds(1000, 400, 600);
        for (cached, expected) in [
            (NONE, "0.0068"),
            (kinds(1000, 400, 600), "0.0017"),
            (kinds(300, 300, 0), "0.005675"),
            (kinds(300, 0, 300), "0.005"),
            // Of text first, which saves less.
            (kinds(300, 0, 0), "0.005675"),
            (kinds(500, 0, 0), "0.0047"),
            (kinds(500, 400, 0), "0.0047"),
            // More than the input.
            (kinds(9000, 9000, 0), "0.0053"),
            (kinds(9000, 0, 0), "0.0017"),
            (kinds(100, 400, 600), "0.006425"),
        ] {
            assert_eq!(charge(input, cached, NONE), expected, "{cached:?}");
        }
    }

    fn any_kinds() -> impl Strategy<Value = Kinds> {
        let count = || prop_oneof![0..2_000_u64, any::<u64>()];
        (count(), count(), count()).prop_map(|(total, text, image)| kinds(total, text, image))
    }

    proptest! {
        #[test]
        fn every_token_is_charged_once(usage in (any_kinds(), any_kinds(), any_kinds())) {
            let (input, cached, output) = usage;
            let each = Money::from_nanos(1_000_000);
            let one = TokenPrices::plain(each, each, each);
            let sum = u128::from(input.total) + u128::from(output.total);
            let expected = u64::try_from(sum).unwrap_or(u64::MAX);
            prop_assert_eq!(one.charge(Tokens { input, cached, output }).nanos(), expected);
            let split = input.split(usd("5.00"), usd("8.00"));
            prop_assert_eq!(split.text + split.image, input.total);
            let part = listed().cached(split, cached);
            prop_assert!(part.text <= split.text && part.image <= split.image);
            let sum = u128::from(part.text) + u128::from(part.image);
            prop_assert!(sum <= u128::from(cached.total));
        }

        #[test]
        fn tokens_of_no_kind_never_cost_less_than_they_may(
            (text, image) in (0..500_u64, 0..500_u64),
            (cached_text, cached_image) in (0..500_u64, 0..500_u64),
        ) {
            let (cached_text, cached_image) = (cached_text.min(text), cached_image.min(image));
            let input = kinds(text + image, text, image);
            let cached = kinds(cached_text + cached_image, cached_text, cached_image);
            let charge = |input, cached| listed().charge(Tokens { input, cached, output: NONE });
            let exact = charge(input, cached);
            let unnamed = |it: Kinds| kinds(it.total, 0, 0);
            prop_assert!(charge(input, unnamed(cached)) >= exact);
            prop_assert!(charge(unnamed(input), cached) >= exact);
            prop_assert!(charge(unnamed(input), unnamed(cached)) >= exact);
        }
    }
}
