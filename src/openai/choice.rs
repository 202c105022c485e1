//! Words of the API for one of a few choices, such as `"quality": "high"`.
//!
//! The macro keeps the variant and its word on one line, so that reading, writing and the list
//! of accepted words in an error message cannot drift apart.

/// A value that the API spells as one of a fixed set of words.
pub trait Choice: Copy + 'static {
    /// Every choice, in the order in which messages and the documentation list them.
    const ALL: &'static [Self];

    /// The word on the wire.
    fn as_str(self) -> &'static str;

    /// The choice that `word` names. Case matters.
    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|choice| choice.as_str() == word)
    }
}

macro_rules! choice {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$about:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$about])* $variant,)+ }

        impl $name {
            /// Every word, in the order of [`Choice::ALL`]($crate::openai::choice::Choice::ALL).
            pub const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::openai::choice::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }
    };
}

pub(crate) use choice;

/// The words of `choices` as a sentence lists them: `'low', 'medium', 'high'`.
#[must_use]
pub fn list<C: Choice>(choices: &[C]) -> String {
    let mut text = String::new();
    for choice in choices {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push('\'');
        text.push_str(choice.as_str());
        text.push('\'');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Choice, list};
    use crate::openai::request::Moderation;

    #[test]
    fn a_choice_is_read_from_the_word_it_writes() {
        for (moderation, word) in Moderation::ALL.iter().zip(Moderation::WORDS) {
            assert_eq!(moderation.as_str(), *word);
            assert_eq!(Moderation::parse(word), Some(*moderation));
        }
        assert_eq!(Moderation::parse("Low"), None);
    }

    #[test]
    fn a_list_quotes_each_word() {
        assert_eq!(list(Moderation::ALL), "'low', 'auto'");
    }
}
