//! Hides the operator's names of models in the messages of upstreams.
//!
//! A request may name its model differently upstream than the client did (`rename`), and it may
//! name a text model that the client does not know. The messages of upstreams quote these names.

use std::cmp::Reverse;
use std::ops::Range;
use std::rc::Rc;

use crate::order;

/// The names of a request's model.
#[derive(Debug, Default)]
pub struct ModelNames {
    /// The client's; `None` if it named none.
    client: Option<String>,
    /// The operator's, the longest first.
    hidden: Vec<(Rc<str>, Meaning)>,
}

/// What a name of the operator means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    /// The client's model, renamed.
    ClientsModel,
    /// A text model, which the client does not know.
    HostModel,
}

impl ModelNames {
    /// From the client's name, those that are sent upstream in its place, and the text models that
    /// call the image tool.
    #[must_use]
    pub fn new(
        client: Option<&str>,
        sent: impl Iterator<Item = Rc<str>>,
        host_models: impl Iterator<Item = Rc<str>>,
    ) -> Self {
        let is_clients = |name: &str| client.is_some_and(|it| it.eq_ignore_ascii_case(name));
        let sent = sent.map(|name| (name, Meaning::ClientsModel));
        let all = sent.chain(host_models.map(|name| (name, Meaning::HostModel)));
        let all = all.filter(|(name, _)| !name.is_empty() && !is_clients(name));
        let hidden = order::distinct(all.map(|it| (Reverse(it.0.len()), it)));
        let hidden = hidden.into_iter().map(|(_, it)| it).collect();
        Self { client: client.map(str::to_owned), hidden }
    }

    /// `message` with the client's own name of the model in place of the operator's.
    #[must_use]
    pub fn shown(&self, message: &str) -> String {
        let mut shown = String::with_capacity(message.len());
        let mut rest = message;
        while let Some((place, meaning)) = self.first(rest) {
            let (before, after) = rest.split_at_checked(place.start).unwrap_or_default();
            shown.push_str(before);
            shown.push_str(match (&self.client, meaning) {
                (Some(client), Meaning::ClientsModel) => client,
                (None, _) | (_, Meaning::HostModel) => PLACEHOLDER,
            });
            rest = after.get(place.len()..).unwrap_or_default();
        }
        shown.push_str(rest);
        shown
    }

    /// The first place of a hidden name, with any suffix that the upstream added.
    fn first(&self, text: &str) -> Option<(Range<usize>, Meaning)> {
        let places =
            self.hidden.iter().filter_map(|(name, meaning)| Some((find(text, name)?, *meaning)));
        // If several names start at one place, the longest one comes first.
        places.min_by_key(|(place, _)| place.start)
    }
}

/// Where `text` first names `model`, with any suffix.
fn find(text: &str, model: &str) -> Option<Range<usize>> {
    // A name that is a plain word, such as `image`, counts only in quotes.
    let is_word = model.bytes().all(|byte| byte.is_ascii_alphabetic());
    occurrences(text, model).find(|place| !is_word || is_quoted(text, place))
}

/// Where `text` names `model`, in upper or lower case, but not as a part of another name. A suffix
/// that the upstream added (`gpt-5.6-luna-free-1p-…`) belongs to the place.
pub fn occurrences<'t>(text: &'t str, model: &str) -> impl Iterator<Item = Range<usize>> + 't {
    let (small, model) = (text.to_ascii_lowercase(), model.to_ascii_lowercase());
    let starts: Vec<usize> = small.match_indices(&model).map(|it| it.0).collect();
    let len = model.len();
    starts.into_iter().filter_map(move |start| {
        // A mark before a name, as in `_name_` or `...name`, does not make it part of another name.
        let before = text.get(..start).unwrap_or_default().trim_end_matches(is_mark);
        let after = text.get(start.saturating_add(len)..).unwrap_or_default();
        let is_start = !before.chars().next_back().is_some_and(is_part);
        let suffix = suffix_len(after).filter(|_| is_start)?;
        Some(start..start.saturating_add(len).saturating_add(suffix))
    })
}

/// The length of the suffix after a name. `None` if the name is the start of another name.
fn suffix_len(after: &str) -> Option<usize> {
    let end = after.find(|it: char| !is_part(it)).unwrap_or(after.len());
    // A dot that ends the sentence is no part of the name, nor is an underscore that ends emphasis.
    let suffix = after.get(..end).unwrap_or_default().trim_end_matches(['.', '_']);
    (suffix.is_empty() || suffix.starts_with(['-', '_'])).then_some(suffix.len())
}

fn is_part(char: char) -> bool {
    char.is_ascii_alphanumeric() || is_mark(char)
}

fn is_mark(char: char) -> bool {
    matches!(char, '-' | '_' | '.')
}

fn is_quoted(text: &str, place: &Range<usize>) -> bool {
    let before = text.get(..place.start).and_then(|it| it.chars().next_back());
    let after = text.get(place.end..).and_then(|it| it.chars().next());
    before.is_some_and(|it| QUOTES.contains(it)) && after.is_some_and(|it| QUOTES.contains(it))
}

const QUOTES: &str = "'\"`‘’“”";
/// As for identifiers.
const PLACEHOLDER: &str = "[redacted]";

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::ModelNames;

    fn shown(client: Option<&str>, sent: &[&str], message: &str) -> String {
        let sent = sent.iter().map(|it| Rc::from(*it));
        let host_models = [Rc::from("gpt-5.6-luna")].into_iter();
        ModelNames::new(client, sent, host_models).shown(message)
    }

    #[test]
    fn the_clients_name_replaces_the_operators() {
        for (message, expected) in [
            ("The model 'gpt-image-2' does not exist.", "The model 'draw' does not exist."),
            ("gpt-image-2 is gone, and GPT-Image-2.", "draw is gone, and draw."),
            ("for gpt-image-2-codex (limit", "for draw (limit"),
            ("at /deployments/gpt-image-2/images", "at /deployments/draw/images"),
            ("is gpt-image-2-2026-04-21.", "is draw."),
            ("_gpt-image-2_ or ...gpt-image-2...", "_draw_ or ...draw..."),
            ("--gpt-image-2, gpt-image-2_eu, openai/gpt-image-2:x", "--draw, draw, openai/draw:x"),
            (
                "gpt-image-2.5-flare, gpt-image-20 or my-gpt-image-2",
                "gpt-image-2.5-flare, gpt-image-20 or my-gpt-image-2",
            ),
            ("", ""),
        ] {
            assert_eq!(shown(Some("draw"), &["gpt-image-2"], message), expected);
        }
    }

    #[test]
    fn a_name_that_the_client_uses_stays() {
        let message = "The model 'gpt-image-1' and gpt-image-1-mini.";
        assert_eq!(shown(Some("gpt-image-1"), &["gpt-image-1"], message), message);
        assert_eq!(
            shown(Some("gpt-image-1-mini"), &["gpt-image-1"], message),
            "The model 'gpt-image-1-mini' and gpt-image-1-mini."
        );
    }

    #[test]
    fn a_client_that_names_no_model_reads_no_name() {
        let message = "The model `secret-1` of gpt-5.6-luna-free-1p-x is not supported";
        assert_eq!(
            shown(None, &["secret-1"], message),
            "The model `[redacted]` of [redacted] is not supported"
        );
        assert_eq!(
            shown(Some("draw"), &["secret-1"], message),
            "The model `draw` of [redacted] is not supported"
        );
    }

    #[test]
    fn a_name_that_is_a_word_is_hidden_in_quotes() {
        let message = "Invalid image: 'image' or \"image-2\", not image.";
        assert_eq!(
            shown(Some("draw"), &["image"], message),
            "Invalid image: 'draw' or \"draw\", not image."
        );
    }

    #[test]
    fn the_longest_of_several_names_counts() {
        let sent = ["acme", "acme-2-large", "acme-2"];
        assert_eq!(shown(Some("x"), &sent, "acme-2-large acme-2 'acme'"), "x x 'x'");
    }

    proptest! {
        #[test]
        fn no_name_with_a_digit_is_left(
            message in "([ .'ß-]|acme-2|acme|draw|-|2){0,24}",
            client in proptest::option::of("draw|acme|x"),
        ) {
            let sent = [Rc::from("acme-2")].into_iter();
            let names = ModelNames::new(client.as_deref(), sent, std::iter::empty());
            let text_shown = names.shown(&message);
            prop_assert_eq!(super::occurrences(&text_shown, "acme-2").count(), 0, "{}", text_shown);
        }
    }
}
