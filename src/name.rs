//! Names: of models, consumers, users and upstreams.
//!
//! They become labels of metrics, fields of log lines and values of headers, so they are short and
//! of characters that end no line and need no escape.

/// Fits a metric's label and keeps a log line short.
pub(crate) const MAX_NAME_BYTES: usize = 128;

/// A name: 1 to [`MAX_NAME_BYTES`] bytes of visible ASCII, without spaces.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && is_visible(text)
}

/// Not empty, and visible ASCII (0x21 to 0x7E) throughout.
pub(crate) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_visible() {
        for text in ["acme-web", "a@b.c", &"n".repeat(128)] {
            assert!(is_name(text), "{text:?} is refused");
        }
        for text in ["", "a b", "a\n", "é", "\u{7f}", &"n".repeat(129)] {
            assert!(!is_name(text), "{text:?} is accepted");
        }
    }
}
