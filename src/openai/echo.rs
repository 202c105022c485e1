//! How much of a client's value a message may repeat.
//!
//! People read errors in terminals and logs. So a repeated value is cut short, and its control
//! characters are escaped. Prompts, images and keys are never repeated at all.

/// The most characters of a client's value that a message repeats.
pub const MAX_ECHO_CHARS: usize = 64;

/// `value` as a message may show it: at most [`MAX_ECHO_CHARS`] characters and an ellipsis,
/// control characters as `\u{…}`.
#[must_use]
pub fn echo(value: &str) -> String {
    let mut chars = value.chars();
    let mut shown = String::new();
    for char in chars.by_ref().take(MAX_ECHO_CHARS) {
        if is_unsafe(char) {
            shown.extend(char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Whether `char` could change the look of the rest of a line: a control character, a line
/// separator, or one that overrides the direction of the text (Unicode UAX #9).
fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::{MAX_ECHO_CHARS, echo};

    #[test]
    fn a_short_value_is_repeated_as_it_is() {
        assert_eq!(echo("größe"), "größe");
    }

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        let shown = echo(&"é".repeat(1000));
        assert_eq!(shown.chars().count(), MAX_ECHO_CHARS + 1);
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn characters_that_change_the_line_are_escaped() {
        assert_eq!(echo("a\r\n\u{0}\u{202e}b"), r"a\u{d}\u{a}\u{0}\u{202e}b");
    }
}
