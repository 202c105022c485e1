//! Names of models, consumers, users and upstreams.
//!
//! They become labels of metrics, fields of log lines and values of headers, so they are short and
//! made of characters that end no line and need no escape.

/// Fits a metric's label and keeps a log line short.
pub(crate) const MAX_NAME_BYTES: usize = 128;

/// A name: 1 to [`MAX_NAME_BYTES`] bytes of visible ASCII, without spaces.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && is_visible(text)
}

/// The id of an end user as a client's own systems write it: 1 to [`MAX_USER_CHARS`] characters,
/// none of them a control character.
pub(crate) fn is_end_user(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAX_USER_CHARS && !text.contains(char::is_control)
}

/// Room for an e-mail address or any other identifier.
pub(crate) const MAX_USER_CHARS: usize = 256;

/// Not empty, and visible ASCII (0x21 to 0x7E) throughout.
pub(crate) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_end_users_are_of_any_script() {
        for text in ["acme", "José Pérez", "u|1", &"é".repeat(256)] {
            assert!(is_end_user(text), "{text:?} is rejected");
        }
        for text in ["", "a\n", "\u{85}", &"u".repeat(257)] {
            assert!(!is_end_user(text), "{text:?} is accepted");
        }
    }

    #[test]
    fn names_are_short_and_visible() {
        for text in ["acme-web", "a@b.c", &"n".repeat(128)] {
            assert!(is_name(text), "{text:?} is rejected");
        }
        for text in ["", "a b", "a\n", "é", "\u{7f}", &"n".repeat(129)] {
            assert!(!is_name(text), "{text:?} is accepted");
        }
    }
}
