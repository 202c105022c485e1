//! An image that the prompt refers to: an entry of `images`, or a file of an edit.
//!
//! `images` is this gateway's extension of "Create image". An entry is a `data:` URL or an `https:`
//! URL, which are kept as they are, or bare base64, which becomes a PNG `data:` URL. Parameters of
//! a `data:` URL, such as `;name=a.png`, are not sent. The first bytes of a file decide its type,
//! not the type that its part declares. Each of them may be megabytes long, so it is checked once,
//! in linear time, and never copied.

use std::borrow::Cow;

use super::choice::choice;

mod data_url;
mod file;
#[cfg(test)]
mod tests;

use data_url::DataUrl;
pub use file::PictureFile;

/// A reference image as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceImage<'a> {
    /// A `data:` or `https:` URL.
    Url(Cow<'a, str>),
    /// Base64 without a URL around it. It counts as a PNG.
    Base64(Cow<'a, str>),
    /// An uploaded file.
    File {
        /// The type, from its first bytes.
        file_type: FileType,
        /// All its bytes.
        bytes: &'a [u8],
    },
}

choice! {
    /// The image files that the upstream reads.
    pub enum FileType {
        /// PNG.
        Png = "image/png",
        /// JPEG.
        Jpeg = "image/jpeg",
        /// WebP.
        Webp = "image/webp",
        /// GIF.
        Gif = "image/gif",
    }
}

impl FileType {
    /// The type of a file, from its first bytes.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }
}

impl<'a> ReferenceImage<'a> {
    /// Whether it is elsewhere, at an `https:` URL. Then the upstream fetches it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        let is_data =
            |url: &str| url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
        matches!(self, Self::Url(url) if !is_data(url))
    }

    /// Reads one entry. `max_bytes` bounds the decoded image.
    ///
    /// # Errors
    ///
    /// Why the entry is not an image.
    pub fn parse(text: Cow<'a, str>, max_bytes: usize) -> Result<Self, ReferenceImageError> {
        if text.is_empty() {
            return Err(ReferenceImageError::Empty);
        }
        let Some(scheme) = scheme(&text) else {
            admit_base64(text.as_bytes(), max_bytes)?;
            return Ok(Self::Base64(text));
        };
        if scheme.eq_ignore_ascii_case("data") {
            admit_base64(DataUrl::parse(&text)?.base64.as_bytes(), max_bytes)?;
        } else if scheme.eq_ignore_ascii_case("https") {
            admit_https_url(&text)?;
        } else {
            return Err(ReferenceImageError::Scheme);
        }
        Ok(Self::Url(text))
    }

    /// Takes an uploaded file of at most `max_bytes`.
    ///
    /// # Errors
    ///
    /// Why the file is not an image.
    pub fn of_file(bytes: &'a [u8], max_bytes: usize) -> Result<Self, ReferenceImageError> {
        if bytes.is_empty() {
            return Err(ReferenceImageError::EmptyFile);
        }
        if bytes.len() > max_bytes {
            return Err(ReferenceImageError::TooLarge { bytes: bytes.len(), limit: max_bytes });
        }
        let file_type = FileType::of(bytes).ok_or(ReferenceImageError::File)?;
        Ok(Self::File { file_type, bytes })
    }

    /// The media type and the base64 of a `data:` URL that has parameters. They are not sent to any
    /// upstream.
    #[must_use]
    pub fn without_parameters(&self) -> Option<(&'static str, &str)> {
        let Self::Url(url) = self else { return None };
        scheme(url).filter(|it| it.eq_ignore_ascii_case("data"))?;
        let url = DataUrl::parse(url).ok().filter(|it| it.has_parameters)?;
        Some((url.file_type.as_str(), url.base64))
    }

    /// Bytes of the image as text.
    #[must_use]
    pub fn text_len(&self) -> usize {
        match self {
            Self::Url(text) | Self::Base64(text) => text.len(),
            Self::File { bytes, .. } => bytes.len().div_ceil(3).saturating_mul(4),
        }
    }

    /// The bytes that the image holds in addition to the body that it was read from.
    #[must_use]
    pub fn owned_len(&self) -> usize {
        match self {
            Self::Url(Cow::Owned(text)) | Self::Base64(Cow::Owned(text)) => text.len(),
            Self::Url(Cow::Borrowed(_)) | Self::Base64(Cow::Borrowed(_)) | Self::File { .. } => 0,
        }
    }
}

/// Why an image is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceImageError {
    /// It is empty.
    #[error("it is empty. Expected a data URL, an https URL or base64")]
    Empty,
    /// An empty file.
    #[error("the file is empty")]
    EmptyFile,
    /// A file of another type.
    #[error("its first bytes are not those of a PNG, JPEG, WebP or GIF")]
    File,
    /// A file that is not a PNG, although one is required.
    #[error("its first bytes are not those of a PNG, and nothing else is accepted here")]
    NoPng,
    /// Base64, although a URL is required.
    #[error("it is no URL. Expected 'https://…' or 'data:image/png;base64,…'")]
    NoUrl,
    /// A URL with another scheme.
    #[error("the URL's scheme is not accepted. Expected 'https://…' or 'data:image/png;base64,…'")]
    Scheme,
    /// An invalid `https:` URL.
    #[error("the https URL has no host, or contains white space or control characters")]
    Url,
    /// An `https:` URL, although the image itself is required.
    #[error(
        "it is an https URL, and the provider of this model takes no images by URL. Expected the \
         image itself, as 'data:image/png;base64,…'"
    )]
    Elsewhere,
    /// Base64 of an impossible length.
    #[error("the base64 text is cut: its length leaves one character over")]
    Cut,
    /// An `https:` URL that is too long for the Responses API.
    #[error("the https URL is longer than {MAX_URL_BYTES} bytes")]
    UrlTooLong,
    /// A `data:` URL of another kind.
    #[error(
        "the data URL's media type is not accepted. Expected 'data:<type>;base64,…' with image/png, \
         image/jpeg, image/webp or image/gif"
    )]
    MediaType,
    /// A `data:` URL without base64, or with a start that is too long or cannot be read.
    #[error(
        "the data URL does not begin with 'data:<type>;base64,'. Parameters may stand before \
         ';base64': at most {MAX_DATA_URL_HEAD_BYTES} bytes, without commas and control characters"
    )]
    DataUrl,
    /// A character that is not base64.
    #[error(
        "the character at byte {at} of the base64 text is not one of A-Z, a-z, 0-9, +, /, - and _"
    )]
    Character {
        /// Bytes before it.
        at: usize,
    },
    /// More bytes than are allowed.
    #[error("the image has {bytes} bytes, and the limit is {limit}")]
    TooLarge {
        /// Bytes of the decoded image.
        bytes: usize,
        /// `request.max_reference_image_bytes`.
        limit: usize,
    },
}

impl ReferenceImageError {
    /// The error in the words of the Responses API.
    #[must_use]
    pub const fn fault(self) -> ReferenceFault {
        match self {
            Self::Empty | Self::EmptyFile => ReferenceFault::Empty,
            Self::File | Self::NoPng => ReferenceFault::Image,
            Self::NoUrl
            | Self::Scheme
            | Self::Url
            | Self::UrlTooLong
            | Self::Elsewhere
            | Self::DataUrl => ReferenceFault::Url,
            Self::MediaType => ReferenceFault::MediaType,
            Self::Character { .. } | Self::Cut => ReferenceFault::Base64,
            Self::TooLarge { .. } => ReferenceFault::FileTooLarge,
        }
    }
}

choice! {
    /// What is wrong with an input image: the codes of the Responses API.
    pub enum ReferenceFault {
        /// It is not an image.
        Image = "invalid_image",
        /// It is of another format.
        Format = "invalid_image_format",
        /// It is not base64.
        Base64 = "invalid_base64_image",
        /// Its URL cannot be used.
        Url = "invalid_image_url",
        /// Its colour mode cannot be used.
        Mode = "invalid_image_mode",
        /// It has too many pixels.
        TooLarge = "image_too_large",
        /// It has too few pixels.
        TooSmall = "image_too_small",
        /// It cannot be decoded.
        Parse = "image_parse_error",
        /// It has too many bytes.
        FileTooLarge = "image_file_too_large",
        /// It declares another media type.
        MediaType = "unsupported_image_media_type",
        /// It has no bytes.
        Empty = "empty_image_file",
        /// Its URL cannot be downloaded.
        Download = "failed_to_download_image",
        /// Its file does not exist.
        NotFound = "image_file_not_found",
    }
}

/// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` before a colon (RFC 3986 §3.1). Base64 has
/// no colon, so a text without a scheme can only be base64, and only its start is read.
fn scheme(text: &str) -> Option<&str> {
    let colon = text.bytes().take(MAX_SCHEME_BYTES).position(|byte| byte == b':')?;
    text.get(..colon)
}

fn admit_https_url(text: &str) -> Result<(), ReferenceImageError> {
    if text.len() > MAX_URL_BYTES {
        return Err(ReferenceImageError::UrlTooLong);
    }
    let host = text
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?', '#']).next())
        .unwrap_or_default();
    let unreadable = |char: char| char.is_whitespace() || char.is_control();
    if host.is_empty() || text.contains(unreadable) {
        Err(ReferenceImageError::Url)
    } else {
        Ok(())
    }
}

/// Admits base64 of at most `max_bytes` decoded bytes: either alphabet of RFC 4648 (§4, §5), with
/// or without padding. The upstream checks what it decodes to.
fn admit_base64(text: &[u8], max_bytes: usize) -> Result<(), ReferenceImageError> {
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len().saturating_sub(padding)).unwrap_or_default();
    if digits.is_empty() {
        return Err(ReferenceImageError::Empty);
    }
    // Without an early exit the compiler checks many bytes at once.
    if !digits.iter().fold(true, |all, byte| all & is_base64_digit(*byte)) {
        let at = digits.iter().position(|byte| !is_base64_digit(*byte)).unwrap_or_default();
        return Err(ReferenceImageError::Character { at });
    }
    if digits.len() % 4 == 1 {
        return Err(ReferenceImageError::Cut);
    }
    let bytes = digits.len().saturating_mul(3) / 4;
    if bytes > max_bytes {
        return Err(ReferenceImageError::TooLarge { bytes, limit: max_bytes });
    }
    Ok(())
}

const fn is_base64_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'+') | (byte == b'/') | (byte == b'-') | (byte == b'_')
}

/// The longest `image_url` of the Responses API's `input_image`.
pub const MAX_URL_BYTES: usize = 20_971_520;
/// Longer than any registered scheme.
const MAX_SCHEME_BYTES: usize = 64;
/// The most bytes before the comma of a `data:` URL: the type and a file's name fit.
const MAX_DATA_URL_HEAD_BYTES: usize = 512;
