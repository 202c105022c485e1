//! The query of a request path.

/// The part of `path` before its query and fragment.
#[must_use]
pub fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}
