//! Patterns for model names: text in which each `*` matches any characters, or none.
//!
//! Matching is case-sensitive and takes time linear in the length of the name: the text before the
//! first wildcard and after the last one is compared in place, and the text between two wildcards
//! is searched from left to right. The first match found is as good as any later one.

use std::borrow::Cow;
use std::fmt;

use crate::name::is_name;

/// A pattern for model names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As it is written.
    text: String,
    prefix: String,
    /// `None` if the pattern has no wildcard and is the name itself.
    rest: Option<Rest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rest {
    /// The texts between two wildcards, in order.
    inner: Vec<String>,
    suffix: String,
}

/// As it is written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pattern {
    /// Parses `text`. `None` if it is empty, longer than 128 bytes or not visible ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !is_name(text) {
            return None;
        }
        let mut parts = text.split('*').map(str::to_owned);
        let prefix = parts.next()?;
        let mut inner: Vec<String> = parts.collect();
        let rest = inner.pop().map(|suffix| Rest { inner, suffix });
        Some(Self { text: text.to_owned(), prefix, rest })
    }

    /// The pattern that matches every name.
    pub(crate) fn any() -> Self {
        Self {
            text: "*".to_owned(),
            prefix: String::new(),
            rest: Some(Rest { inner: Vec::new(), suffix: String::new() }),
        }
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The only name that matches. `None` if the pattern has a wildcard.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        self.rest.is_none().then_some(self.text.as_str())
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        let Some(rest) = &self.rest else { return name == self.prefix };
        let Some(middle) = self.middle(name, rest) else { return false };
        let tail = rest
            .inner
            .iter()
            .try_fold(middle, |left, part| Some(left.split_once(part.as_str())?.1));
        tail.is_some()
    }

    /// How closely the pattern describes a name. The closer one is the greater. A name itself is
    /// closest. Of two with wildcards, the one with more characters of its own is closer.
    #[must_use]
    pub(crate) fn closeness(&self) -> (bool, usize) {
        let parts = self.rest.iter().flat_map(|rest| rest.inner.iter().chain([&rest.suffix]));
        let own = parts.fold(self.prefix.len(), |sum, part| sum.saturating_add(part.len()));
        (self.rest.is_none(), own)
    }

    /// Whether the pattern has exactly one wildcard.
    pub(crate) fn has_one_wildcard(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.inner.is_empty())
    }

    /// What the only wildcard matched in `name`. `None` unless there is exactly one wildcard and
    /// the name matches.
    fn capture<'n>(&self, name: &'n str) -> Option<&'n str> {
        let rest = self.rest.as_ref().filter(|rest| rest.inner.is_empty())?;
        self.middle(name, rest)
    }

    /// `name` without the prefix and the suffix.
    fn middle<'n>(&self, name: &'n str, rest: &Rest) -> Option<&'n str> {
        name.strip_prefix(self.prefix.as_str())?.strip_suffix(rest.suffix.as_str())
    }
}

/// How a model name that matched is written for the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rename {
    /// As the client wrote it.
    Keep,
    /// This name.
    To(String),
    /// What the wildcard of the pattern matched, between these two.
    Wildcard { before: String, after: String },
}

impl Rename {
    /// Parses the rule in `text` for names that match `pattern`. `None` if `text` is not a name,
    /// has more than one wildcard, or has one that `pattern` cannot fill.
    pub(crate) fn parse(text: &str, pattern: &Pattern) -> Option<Self> {
        if !is_name(text) {
            return None;
        }
        let Some((before, after)) = text.split_once('*') else {
            return Some(Self::To(text.to_owned()));
        };
        if after.contains('*') || !pattern.has_one_wildcard() {
            return None;
        }
        Some(Self::Wildcard { before: before.to_owned(), after: after.to_owned() })
    }

    /// The name to send for `name`, which matched `pattern`. `None` if nothing is left of it.
    pub(crate) fn apply<'a>(&'a self, name: &'a str, pattern: &Pattern) -> Option<Cow<'a, str>> {
        let sent = match self {
            Self::Keep => Cow::Borrowed(name),
            Self::To(other) => Cow::Borrowed(other.as_str()),
            Self::Wildcard { before, after } => match pattern.capture(name)? {
                "" => return None,
                kept if before.is_empty() && after.is_empty() => Cow::Borrowed(kept),
                kept => Cow::Owned(format!("{before}{kept}{after}")),
            },
        };
        (!sent.is_empty()).then_some(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(name)
    }

    /// The definition, however slow.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|cut| naive(rest, &name[cut..])),
            Some((byte, rest)) => name.first() == Some(byte) && naive(rest, &name[1..]),
        }
    }

    #[test]
    fn a_literal_matches_itself_only() {
        assert!(matches("gpt-image-2", "gpt-image-2"));
        assert!(!matches("gpt-image-2", "gpt-image-2.5"));
        assert!(!matches("gpt-image-2", "GPT-image-2"));
    }

    #[test]
    fn a_pattern_is_written_as_it_was_read() {
        for text in ["gpt-image-2", "*", "gpt-*", "*-mini", "a*b**c*"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_ends_do_not_overlap() {
        assert!(!matches("aba*ba", "aba"));
        assert!(matches("aba*ba", "ababa"));
    }

    #[test]
    fn many_wildcards_take_linear_time() {
        let name = "a".repeat(1_000_000);
        assert!(!matches(&"a*".repeat(60), &format!("b{name}")));
        assert!(!matches(&format!("{}b", "a*".repeat(60)), &name));
    }

    #[test]
    fn other_text_is_not_a_pattern() {
        for text in ["", "a b", "é", "a\n", &"a".repeat(129)] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_closer_than_a_pattern_and_a_longer_pattern_than_a_shorter() {
        let closeness = |text: &str| Pattern::parse(text).unwrap().closeness();
        for pair in ["x", "gpt-*-2*", "gpt-*-2", "gpt-*", "*"].windows(2) {
            assert!(closeness(pair[0]) >= closeness(pair[1]), "{pair:?}");
        }
        assert_eq!(closeness("*a*b*"), closeness("ab*"));
        assert!(closeness("a") > closeness("gpt-image-2-*"));
    }

    #[test]
    fn a_rename_fills_in_what_the_wildcard_matched() {
        let rename = |pattern: &str, rule: &str, name: &str| {
            let pattern = Pattern::parse(pattern).unwrap();
            Rename::parse(rule, &pattern)?.apply(name, &pattern).map(Cow::into_owned)
        };
        assert_eq!(rename("openai:*", "*", "openai:gpt-image-2").as_deref(), Some("gpt-image-2"));
        assert_eq!(rename("a-*-b", "x*y", "a-1-b").as_deref(), Some("x1y"));
        assert_eq!(rename("*", "one", "any").as_deref(), Some("one"));
        assert_eq!(rename("openai:*", "*", "openai:"), None);
        assert_eq!(rename("*a*", "*", "bab"), None);
        assert_eq!(rename("a", "*", "a"), None);
        assert_eq!(rename("*", "**", "a"), None);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{1,8}", name in "[ab]{0,12}") {
            let expected = naive(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches(&pattern, &name), expected);
        }
    }
}
