//! Redacts the upstream's messages for the client.
//!
//! They are about the client's own prompt or image, but they may also name our account. So these
//! are left out: e-mail addresses, and identifiers of organisations, projects, users, requests and
//! keys.

/// `message` for the client: one line of at most [`MAX_CHARS`] characters without identifiers.
/// The tool's fields appear under the names that the client gave them.
pub(super) fn redact(message: &str) -> String {
    let mut shown = String::new();
    // The rest is cut anyway, and a model may write a megabyte.
    let end = message.char_indices().map(|(at, _)| at).nth(MAX_READ_CHARS).unwrap_or(message.len());
    let message = message.get(..end).unwrap_or_default();
    let message = without_queries(&message.replace("tools[0].", ""));
    for piece in message.split_inclusive(is_delimiter) {
        let token = piece.trim_end_matches(|char| is_delimiter(char) || ".:!?".contains(char));
        if is_identifier(token) {
            shown.push_str(PLACEHOLDER);
            shown.push_str(piece.strip_prefix(token).unwrap_or_default());
        } else {
            shown.push_str(piece);
        }
    }
    let mut chars = shown.chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut line: String = chars.by_ref().take(MAX_CHARS).collect();
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

/// `message` without the query of each URL, because it may hold a signature.
fn without_queries(message: &str) -> String {
    let is_end = |char: char| char.is_whitespace() || "\"'`()<>".contains(char);
    let of_piece = |piece: &str| {
        let (url, query) = piece.split_once('?').filter(|(url, _)| url.contains("://"))?;
        let end = query.find(is_end).and_then(|at| query.get(at..)).unwrap_or_default();
        Some(format!("{url}?{PLACEHOLDER}{end}"))
    };
    let pieces = message.split_inclusive(is_end);
    pieces.map(|piece| of_piece(piece).unwrap_or_else(|| piece.to_owned())).collect()
}

fn is_delimiter(char: char) -> bool {
    char.is_whitespace() || "\"'`(),;<>[]{}=".contains(char)
}

fn is_identifier(token: &str) -> bool {
    let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    let is_prefixed = PREFIXES.iter().any(|prefix| {
        let (start, rest) = token.split_at_checked(prefix.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(prefix) && rest.len() >= 4
    });
    let is_long = token.len() >= MIN_ID_BYTES
        && has_digit(token)
        && !is_model(token)
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_email =
        token.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    is_prefixed || is_long || is_email
}

/// Whether `token` is the name of a model, such as `gpt-image-2.5-flare-2026-09-08`. Its parts are
/// words and short numbers.
fn is_model(token: &str) -> bool {
    let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_number = |part: &str| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    ["gpt-", "chatgpt-"].iter().any(|start| token.starts_with(start))
        && token.split(['-', '.']).all(|part| is_word(part) || is_number(part))
}

const PREFIXES: [&str; 13] = [
    "org-", "org_", "proj_", "user-", "req_", "req-", "resp_", "sk-", "sess-", "acct_", "acct-",
    "file-", "file_",
];
/// Request ids of relays have some 30 characters. Every word of a message is shorter.
const MIN_ID_BYTES: usize = 24;
const PLACEHOLDER: &str = "[redacted]";
/// Longer than any message recorded.
const MAX_CHARS: usize = 1000;
/// A placeholder may be much shorter than the text that it replaces.
const MAX_READ_CHARS: usize = 8 * MAX_CHARS;

#[cfg(test)]
mod tests {
    use super::{MAX_CHARS, redact};

    #[test]
    fn a_plain_message_stays() {
        for message in [
            "Invalid size '123x456'. Supported sizes are 1024x1024, 1024x1536, and auto.",
            "Your request was rejected. safety_violations=[sexual].",
            "The organization, the project and the request are fine.",
            "The model 'gpt-image-2.5-sunburst-2026-09-08' is no gpt-image-1.5-2025-12-16.",
        ] {
            assert_eq!(redact(message), message);
        }
    }

    #[test]
    fn identifiers_are_left_out() {
        for (message, shown) in [
            ("in organization org-A1b2C3 on", "in organization [redacted] on"),
            ("request ID req_0123456789abcdef.", "request ID [redacted]."),
            ("key 'sk-wrong****-key'", "key '[redacted]'"),
            ("(project proj_12345)", "(project [redacted])"),
            ("mail ops@example.com!", "mail [redacted]!"),
            ("id 123e4567-e89b-12d3-a456-426614174000", "id [redacted]"),
            ("user-abcd1234: no", "[redacted]: no"),
            ("(request id: 202506161710317451363346jPkQFY4)", "(request id: [redacted])"),
            ("of acct_1A2b3C4d", "of [redacted]"),
            ("gpt-image-2-123e4567e89b12d3a456", "[redacted]"),
            ("file-AbCdEf12345 is gone", "[redacted] is gone"),
            (
                "at https://example.com/a.png?sig=abcdef&x",
                "at https://example.com/a.png?[redacted]",
            ),
        ] {
            assert_eq!(redact(message), shown);
        }
    }

    #[test]
    fn the_tool_is_not_the_clients_concern() {
        assert_eq!(redact("Invalid value: 'tools[0].size'."), "Invalid value: 'size'.");
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        assert_eq!(redact("a\r\nb\u{0}c"), "a  b c");
        let shown = redact(&"ä ".repeat(5000));
        assert_eq!(shown.chars().count(), MAX_CHARS + 1);
    }
}
