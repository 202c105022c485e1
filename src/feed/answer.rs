//! The answer of the server that has the list.

use super::load::MAX_BYTES;
use super::refusal::Refusal;
use crate::coding;

/// A document is copied from Envoy in windows of this many bytes.
const WINDOW: usize = 256 << 10;
/// Versions are hashes or numbers.
const MAX_ETAG: usize = 256;

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The version of its body.
    pub etag: Option<String>,
    /// Its `content-encoding`.
    pub encoding: Option<String>,
    /// The length of its body.
    pub len: usize,
}

impl Answer {
    /// Whether the body is compressed, although the request accepts only `identity`.
    pub(super) fn is_encoded(&self) -> bool {
        self.encoding.as_ref().is_some_and(|it| !coding::is_identity(it.as_bytes()))
    }
}

/// Copies a body of `len` bytes.
pub(super) fn document(
    len: usize,
    read: &mut dyn FnMut(usize, usize) -> Vec<u8>,
) -> Result<Vec<u8>, Refusal> {
    if len > MAX_BYTES {
        return Err(Refusal::TooLarge(MAX_BYTES));
    }
    let mut document = Vec::new();
    document.try_reserve_exact(len).map_err(|_| Refusal::NoMemory)?;
    while document.len() < len {
        let window = len.saturating_sub(document.len()).min(WINDOW);
        let bytes = read(document.len(), window);
        if bytes.is_empty() || bytes.len() > window {
            return Err(Refusal::Cut);
        }
        document.extend_from_slice(&bytes);
    }
    Ok(document)
}

/// Whether a server may get this back as `if-none-match`: it is one entity tag (RFC 9110 §8.8.3).
/// With two, such as `"a","b"`, a server would answer 304 for either, whichever was read.
pub(super) fn is_etag(text: &str) -> bool {
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let is_plain = |inner: &str| inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    text.len() <= MAX_ETAG && inner.is_some_and(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_entity_tag_is_sent_back() {
        for tag in [r#""""#, r#""a""#, r#"W/"a""#, r#""a,b""#] {
            assert!(is_etag(tag), "{tag}");
        }
        for text in ["", "*", "a", r#"""#, r#"W/""#, r#"w/"a""#, r#""a b""#, r#""é""#, r#""a","b""#]
        {
            assert!(!is_etag(text), "{text}");
        }
        assert!(!is_etag(&format!("\"{}\"", "a".repeat(MAX_ETAG))));
    }
}
