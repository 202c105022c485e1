//! What an image's own first bytes say, for what the upstream left unsaid or says wrongly.
//!
//! The format is the bytes' to say: some upstreams send PNG for whatever they were asked for. The size is the
//! upstream's if it reports one of the image itself, else that of the bytes; what the image tool was asked for,
//! which a response echoes, is only a wish.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::memory::Pieces;
use crate::openai::size::Size;
use crate::upstream::event::Attributes;

/// This much base64 of an image is looked at. PNG, WebP and GIF have their size in the first [`FIRST_BYTES`];
/// that of a JPEG stands after its metadata, of which a manifest of C2PA makes tens of kilobytes. A multiple
/// of four, so that it decodes to whole bytes.
const HEAD_BYTES: usize = 64 * 1024;
/// This much is kept of an image that passes on, which is all that there is to look at then.
pub(super) const PASSING_BYTES: usize = 16 * 1024;
/// More pixels than this are no image but a mistake: the largest known ones have some 17 million. Else one
/// answer could close a rule in megapixels for its window.
const MAX_PIXELS: u64 = 1 << 28;
/// This much says the format. A multiple of four.
const FIRST_BYTES: usize = 128;

/// What is known of an image: what the upstream has `told` of it, completed
/// from its bytes and from the tool's `echo`.
pub(super) fn complete(told: Attributes, echo: &Attributes, base64: &Pieces) -> Attributes {
    let first = decode(base64, FIRST_BYTES);
    let format = format(&first);
    let size = exact(told.size.as_deref())
        .or_else(|| size(&first, format, base64))
        .or_else(|| exact(echo.size.as_deref()));
    let known = told.or(echo);
    Attributes { size, output_format: format.map(str::to_owned).or(known.output_format), ..known }
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

/// A size as the API writes it; none of an image is `auto`, has no pixels, or more than [`MAX_PIXELS`].
fn exact(text: Option<&str>) -> Option<String> {
    let size = text.and_then(Size::parse)?;
    let Size::Exact { width, height } = size else { return None };
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    (pixels <= MAX_PIXELS).then(|| size.to_string())
}

/// The size that the bytes say. `None` if they are cut before it, or say one that cannot be.
fn size(first: &[u8], format: Option<&str>, base64: &Pieces) -> Option<String> {
    let size = match format? {
        "jpeg" => imagesize::blob_size(&decode(base64, HEAD_BYTES)),
        _ => imagesize::blob_size(first),
    };
    let size = size.ok()?;
    exact(Some(&format!("{}x{}", size.width, size.height)))
}

/// The bytes of the first `most` of base64, but for the one or two that its end does not make whole; none if
/// it is not base64.
fn decode(base64: &Pieces, most: usize) -> Vec<u8> {
    let head = base64.head(most);
    let digits = head.iter().position(|byte| *byte == b'=').unwrap_or(head.len());
    let whole = head.get(..digits.saturating_sub(digits % 4)).unwrap_or_default();
    STANDARD_NO_PAD.decode(whole).unwrap_or_default()
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

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests;
