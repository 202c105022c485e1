//! `data:` URLs: `data:image/<subtype>[;<parameter>]…;base64,…` (RFC 2397).
//!
//! The first comma ends the start, also within quotes, as it does for browsers (WHATWG Fetch,
//! "data: URL processor"). So every reader finds the same image in a text. Parameters say nothing
//! about the image and are ignored.

use super::{FileType, MAX_DATA_URL_HEAD_BYTES, ReferenceImageError};

/// The parts of a `data:` URL of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DataUrl<'a> {
    /// The declared media type.
    pub(super) file_type: FileType,
    /// Whether there is anything between the type and `;base64`.
    pub(super) has_parameters: bool,
    /// The whole image, not yet checked.
    pub(super) base64: &'a str,
}

impl<'a> DataUrl<'a> {
    /// Splits `text`, which begins with the scheme `data`, in upper or lower case.
    pub(super) fn parse(text: &'a str) -> Result<Self, ReferenceImageError> {
        let start = text.as_bytes().get(..=MAX_DATA_URL_HEAD_BYTES).unwrap_or(text.as_bytes());
        let comma = memchr::memchr(b',', start);
        let (head, base64) = comma.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""));
        let file_type = head.get(SCHEME_BYTES..).and_then(|rest| rest.split(';').next());
        let file_type = file_type.and_then(file_type_of).ok_or(ReferenceImageError::MediaType)?;
        let base64 = base64.strip_prefix(',').ok_or(ReferenceImageError::DataUrl)?;
        let at = head.len().saturating_sub(BASE64.len());
        let (before, last) = head.split_at_checked(at).ok_or(ReferenceImageError::DataUrl)?;
        if !last.eq_ignore_ascii_case(BASE64) || head.contains(char::is_control) {
            return Err(ReferenceImageError::DataUrl);
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
