//! What may be shown of a value, and how.

use super::super::fields::Fields;
use super::super::secret;

/// Whether a text may be shown: the schema has text in its place, or its form is harmless.
pub(crate) fn is_shown(pointer: &str, text: &str) -> bool {
    let is_credential =
        pointer.starts_with("/upstreams/") && pointer.ends_with("/credential") && text != "envoy";
    let known = Fields::get().takes_text(pointer) && !is_secret_place(pointer) && !is_credential;
    let is_truth = ["true", "false", "yes", "no", "on", "off"];
    let is_truth = is_truth.iter().any(|it| it.eq_ignore_ascii_case(text));
    (known || is_truth || is_measure(text)) && secret::find(text).is_empty()
}

/// Whether every value at the pointer is secret.
pub(crate) fn is_secret_place(pointer: &str) -> bool {
    let names: Vec<_> = pointer.split('/').skip(1).collect();
    let in_headers = names.first() == Some(&"upstreams") && names.get(2) == Some(&"headers");
    in_headers || names.contains(&"key_sha256")
}

/// A number, a duration, a size.
pub(crate) fn is_measure(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.len() - number.len();
    let digits = |it: char| it.is_ascii_digit() || ".- ".contains(it);
    !number.is_empty() && number.len() <= MAX_MEASURE && unit <= 3 && number.chars().all(digits)
}

/// The name of a field, unless it looks like a key.
pub(crate) fn named(name: &str) -> String {
    if secret::is_secret(name) { "…".to_owned() } else { cut(name) }
}

/// The words, with … for each that looks like a secret, such as a token in the place of a
/// variable's name.
pub(super) fn without_secrets(words: &str) -> String {
    let mut shown = words.to_owned();
    for secret in secret::find(words).into_iter().rev() {
        shown.replace_range(secret, "…");
    }
    shown
}

/// Text without control characters: on one line.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, c| {
        match c.is_control() {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
        shown
    })
}

/// The same, not for ever.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", printable(text.get(..end).unwrap_or_default())),
        None => printable(text),
    }
}

/// Characters of a value in a title.
const MAX_SHOWN: usize = 60;
/// `1.5 GiB`, and a price with nine digits after the point.
const MAX_MEASURE: usize = 24;
