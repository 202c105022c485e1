//! `data:` URLs: `data:image/<subtype>[;<parameter>]…;base64,…` (RFC 2397).
//!
//! The first comma ends the start, as it does for browsers (WHATWG Fetch, "data: URL processor"), also within
//! quotes: so nobody reads another image out of the same text. Parameters say nothing about the image and
//! are not looked at.

use super::{FileType, MAX_DATA_URL_HEAD_BYTES, Malformed};

/// The parts of a `data:` URL of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DataUrl<'a> {
    /// What it says to be.
    pub(super) file_type: FileType,
    /// Whether anything stands between the type and `;base64`.
    pub(super) has_parameters: bool,
    /// All of the image; not yet looked at.
    pub(super) base64: &'a str,
}

impl<'a> DataUrl<'a> {
    /// Takes `text` apart, which begins with the scheme `data`, in any case.
    pub(super) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let start = text.as_bytes().get(..=MAX_DATA_URL_HEAD_BYTES).unwrap_or(text.as_bytes());
        let comma = memchr::memchr(b',', start);
        let (head, base64) = comma.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""));
        let file_type = head.get(SCHEME_BYTES..).and_then(|rest| rest.split(';').next());
        let file_type = file_type.and_then(file_type_of).ok_or(Malformed::MediaType)?;
        let base64 = base64.strip_prefix(',').ok_or(Malformed::DataUrl)?;
        let at = head.len().saturating_sub(BASE64.len());
        let (before, last) = head.split_at_checked(at).ok_or(Malformed::DataUrl)?;
        if !last.eq_ignore_ascii_case(BASE64) || head.contains(char::is_control) {
            return Err(Malformed::DataUrl);
        }
        Ok(Self { file_type, has_parameters: before.contains(';'), base64 })
    }
}

fn file_type_of(media_type: &str) -> Option<FileType> {
    let known = TYPES.iter().find(|(name, _)| media_type.eq_ignore_ascii_case(name));
    known.map(|(_, file_type)| *file_type)
}

/// `data:`
const SCHEME_BYTES: usize = 5;
const BASE64: &str = ";base64";
/// `image/jpg` is not registered, but often written.
const TYPES: [(&str, FileType); 5] = [
    ("image/png", FileType::Png),
    ("image/jpeg", FileType::Jpeg),
    ("image/jpg", FileType::Jpeg),
    ("image/webp", FileType::Webp),
    ("image/gif", FileType::Gif),
];
