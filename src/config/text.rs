//! Which characters the texts of the configuration may have.
//!
//! Texts in the head of an upstream request must not be able to end a line of it (RFC 9110 §5.5).

use crate::name::MAX_NAME_BYTES;
pub(super) use crate::name::{is_end_user, is_name, is_visible};

/// The name of an Envoy cluster, which meshes build from the name of a host. It is like a name, but
/// longer.
pub(super) fn is_cluster(text: &str) -> bool {
    text.len() <= MAX_CLUSTER_BYTES && is_visible(text)
}

/// A host with an optional port, without userinfo: the `:authority` of RFC 9113 §8.3.1.
pub(super) fn is_authority(text: &str) -> bool {
    text.len() <= MAX_AUTHORITY_BYTES
        && is_visible(text)
        && !text.contains(['/', '@', '?', '#', '\\'])
}

/// An absolute path with an optional query.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.len() <= MAX_PATH_BYTES && is_visible(text) && !text.contains('#')
}

/// A field name of RFC 9110 §5.1, in lower case as HTTP/2 requires.
pub(super) fn is_header_name(text: &str) -> bool {
    let tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    text.len() <= MAX_NAME_BYTES && !text.is_empty() && text.bytes().all(tchar)
}

/// A field value of RFC 9110 §5.5 without obs-text: visible ASCII, with spaces inside.
pub(super) fn is_header_value(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    text.len() <= MAX_HEADER_VALUE_BYTES
        && !text.is_empty()
        && text.trim() == text
        && text.bytes().all(inside)
}

/// The name of an environment variable (POSIX.1-2017 §8.1). Access tokens have a `.` or a `-`, so
/// they are not such names. One that is here by mistake is not repeated in an error.
pub(super) fn is_variable(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name of a rule, which is in errors, headers and metrics. It has letters, digits, `_` and `-`
/// only, so that no statistics back end changes or splits it.
pub(super) fn is_rule_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    text.len() <= MAX_RULE_NAME_BYTES && !text.is_empty() && text.bytes().all(plain)
}

/// `auto`, or `WIDTHxHEIGHT` in decimal digits without leading zeros.
pub(super) fn is_size(text: &str) -> bool {
    let edge = |digits: &str| {
        digits.len() <= MAX_EDGE_DIGITS
            && !digits.starts_with('0')
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    text == "auto"
        || text.split_once('x').is_some_and(|(width, height)| edge(width) && edge(height))
}

/// It is a part of a metric's name, and of a header with several.
const MAX_RULE_NAME_BYTES: usize = 64;
/// `outbound|443|subset|` and a host name of 253 bytes.
const MAX_CLUSTER_BYTES: usize = 300;
/// A host name of 253 bytes, or an IPv6 address in brackets, and a port.
const MAX_AUTHORITY_BYTES: usize = 260;
/// Well below Envoy's default of 60 KiB for a whole head.
const MAX_PATH_BYTES: usize = 2_048;
/// As above.
const MAX_HEADER_VALUE_BYTES: usize = 4_096;
/// 99999 pixels, beyond any model.
const MAX_EDGE_DIGITS: usize = 5;

/// Whether the filter, Envoy or the connection owns the header `name`, which is in lower case.
pub(super) fn is_reserved_header(name: &str) -> bool {
    name.starts_with(':') || name.starts_with("x-imagegate-") || RESERVED_HEADERS.contains(&name)
}

/// They are set by the filter (the first row) or by Envoy, or belong to one connection (RFC 9113
/// §8.2.2).
const RESERVED_HEADERS: &[&str] = &[
    "authorization",
    "chatgpt-account-id",
    "content-type",
    "content-length",
    "accept",
    "accept-encoding",
    "content-encoding",
    "x-request-id",
    "x-forwarded-proto",
    "x-envoy-upstream-rq-timeout-ms",
    "host",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts which texts `predicate` accepts.
    fn check(predicate: fn(&str) -> bool, accepted: &[&str], rejected: &[&str]) {
        for text in accepted {
            assert!(predicate(text), "{text:?} is rejected");
        }
        for text in rejected {
            assert!(!predicate(text), "{text:?} is accepted");
        }
    }

    #[test]
    fn authorities_have_no_path_and_no_userinfo() {
        check(
            is_authority,
            &["chatgpt.com", "127.0.0.1:8080", "[::1]:443"],
            &["", "a b", "a/b", "u:p@h", "a\r\nb", "a?b", "a\\b"],
        );
    }

    #[test]
    fn paths_are_absolute() {
        check(
            is_path,
            &["/", "/v1/images", "/r?api-version=1"],
            &["", "v1", "/a b", "/a#b", "/é", "/\n"],
        );
    }

    #[test]
    fn header_names_and_values_cannot_end_a_line() {
        check(
            is_header_name,
            &["originator", "X-A_b", "openai-beta"],
            &["", ":path", "a b", "a:", "é", "a\n"],
        );
        check(
            is_header_value,
            &["v", "codex/1.0 (linux; x86)"],
            &["", " v", "v ", "v\r\nx: y", "é", "a\tb"],
        );
    }

    #[test]
    fn tokens_are_not_names_of_variables() {
        check(
            is_variable,
            &["CODEX_ACCESS_TOKEN", "_x1"],
            &["", "1A", "sk-proj-1", "eyJhbGciOi.eyJ", "A B", "A="],
        );
    }

    #[test]
    fn names_of_rules_are_safe_in_metrics_and_headers() {
        let (longest, too_long) = ("r".repeat(64), "r".repeat(65));
        check(
            is_rule_name,
            &["key-rpm", "User_Budget2", "-", &longest],
            &["", "a.b", "a b", "a:b", "a;b", "é", "a\n", &too_long],
        );
    }

    #[test]
    fn sizes_are_auto_or_two_edges() {
        check(
            is_size,
            &["auto", "1024x1024", "1x99999"],
            &[
                "",
                "x",
                "1024",
                "1024X1024",
                "01x1",
                "0x1",
                "1x",
                "1x1x1",
                "-1x1",
                "100000x1",
                "Auto",
                "1024×1024",
            ],
        );
    }
}
