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

/// Whether a server may get this back as `if-none-match`.
pub(super) fn is_etag(text: &str) -> bool {
    let tag = text.strip_prefix("W/").unwrap_or(text);
    text.len() <= MAX_ETAG
        && tag.len() >= 2
        && tag.starts_with('"')
        && tag.ends_with('"')
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}
