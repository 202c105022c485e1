//! Content codings: how the bytes of a body are compressed (RFC 9110 §8.4).

/// Whether a `content-encoding` with this value leaves a body as it is: its list has no coding but
/// `identity`. Codings have no case, and a list may have empty elements (§5.6.1).
pub(crate) fn is_identity(value: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::is_identity;

    #[test]
    fn a_list_of_identities_encodes_nothing() {
        for value in ["", " ", "identity", "Identity", "identity, IDENTITY", ", identity ,"] {
            assert!(is_identity(value.as_bytes()), "{value}");
        }
        for value in ["gzip", "identity, br", "identity;q=1", "identityx", "identity gzip"] {
            assert!(!is_identity(value.as_bytes()), "{value}");
        }
    }
}
