//! What a picture's own first bytes tell, for what the upstream left untold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::codex::event::Attributes;
use crate::memory::Pieces;

/// So much base64 is decoded: the size of a JPEG may stand behind some kilobytes of metadata.
/// A multiple of four, so that it decodes to whole bytes.
pub(super) const HEAD_BYTES: usize = 16 * 1024;

/// Completes `output_format` and `size` from the picture's bytes where they are not told.
pub(super) fn complete(mut told: Attributes, base64: &Pieces) -> Attributes {
    if told.output_format.is_some() && told.size.is_some() {
        return told;
    }
    let mut head = base64.head(HEAD_BYTES);
    while head.last() == Some(&b'=') {
        head.pop();
    }
    let Ok(bytes) = STANDARD_NO_PAD.decode(&head) else { return told };
    if told.output_format.is_none() {
        told.output_format = format(&bytes).map(str::to_owned);
    }
    if told.size.is_none() {
        let size = imagesize::blob_size(&bytes).ok();
        told.size = size.map(|size| format!("{}x{}", size.width, size.height));
    }
    told
}

/// The media type of a data URL for an `output_format`.
pub(super) fn mime(output_format: Option<&str>) -> &'static str {
    match output_format {
        Some("jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("gif") => "image/gif",
        Some("svg") => "image/svg+xml",
        _ => "image/png",
    }
}

/// The format that the magic bytes say.
fn format(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        [b'G', b'I', b'F', b'8', ..] => Some("gif"),
        _ => None,
    }
}
