//! Reads an image's format and size from its first bytes, because upstreams omit them or report
//! them wrongly.
//!
//! The bytes decide the format: some upstreams send PNG for every requested format. The size is the
//! one that the upstream reports for the image itself, else the one in the bytes. A response also
//! echoes the options of the image tool. They say only what was requested, so they come last.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::memory::Pieces;
use crate::openai::size::Size;
use crate::upstream::event::Attributes;

/// How much base64 of an image is read. PNG, WebP and GIF have their size in the first
/// [`FIRST_BYTES`]. A JPEG has it after its metadata, which a C2PA manifest can make tens of
/// kilobytes long. A multiple of four, so that it decodes to whole bytes.
const HEAD_BYTES: usize = 64 * 1024;
/// How much base64 is kept of an image that is passed through.
pub(super) const PASSING_BYTES: usize = 16 * 1024;
/// A size with more pixels than this is a mistake: the largest known images have some 17 million.
/// Without a limit, one response could use up a megapixel rule for its whole window.
const MAX_PIXELS: u64 = 1 << 28;
/// How much base64 is enough for the format. A multiple of four.
const FIRST_BYTES: usize = 128;

/// The attributes of an image: what the upstream `reported`, completed from its bytes and from the
/// tool's `echo`.
pub(super) fn complete(reported: Attributes, echo: &Attributes, base64: &Pieces) -> Attributes {
    let first = decode(base64, FIRST_BYTES);
    let format = format(&first);
    let size = exact(reported.size.as_deref())
        .or_else(|| size(&first, format, base64))
        .or_else(|| exact(echo.size.as_deref()));
    let known = reported.or(echo);
    Attributes { size, output_format: format.map(str::to_owned).or(known.output_format), ..known }
}

/// How much base64 of an image that passes through is enough for its size. `base64` is its
/// beginning. `None` if neither its first bytes nor, by `is_image`, its upstream say that it is an
/// image.
pub(super) fn most(base64: &Pieces, is_image: bool) -> Option<usize> {
    match format(&decode(base64, FIRST_BYTES)) {
        Some("jpeg") => Some(PASSING_BYTES),
        None if !is_image => None,
        _ => Some(FIRST_BYTES),
    }
}

/// The format of an image by the beginning of its base64.
pub(super) fn format_of(base64: &[u8]) -> Option<&'static str> {
    format(&decode_head(base64.get(..FIRST_BYTES).unwrap_or(base64)))
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

/// A size as the API writes it. `None` for `auto`, for no pixels, and for more than [`MAX_PIXELS`].
fn exact(text: Option<&str>) -> Option<String> {
    let size = text.and_then(Size::parse)?;
    let Size::Exact { width, height } = size else { return None };
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    (pixels <= MAX_PIXELS).then(|| size.to_string())
}

/// The size in the bytes. `None` if they end before it, or if it is impossible.
fn size(first: &[u8], format: Option<&str>, base64: &Pieces) -> Option<String> {
    let size = match format? {
        "jpeg" => imagesize::blob_size(&decode(base64, HEAD_BYTES)),
        _ => imagesize::blob_size(first),
    };
    let size = size.ok()?;
    exact(Some(&format!("{}x{}", size.width, size.height)))
}

/// The bytes of the first `most` characters of base64, without an incomplete group at the end.
/// Empty if it is not base64.
fn decode(base64: &Pieces, most: usize) -> Vec<u8> {
    decode_head(&base64.head(most))
}

/// The bytes of this base64, without an incomplete group at the end. Empty if it is not base64.
fn decode_head(head: &[u8]) -> Vec<u8> {
    let digits = head.iter().position(|byte| *byte == b'=').unwrap_or(head.len());
    let whole = head.get(..digits.saturating_sub(digits % 4)).unwrap_or_default();
    STANDARD_NO_PAD.decode(whole).unwrap_or_default()
}

/// The format by the magic bytes.
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
