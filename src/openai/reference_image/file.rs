//! An image as a file, for upstreams that take their images in a form.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{DataUrl, FileType, ReferenceImage, ReferenceImageError, scheme};

/// An image that came with the request.
#[derive(Debug, Clone, Copy)]
pub struct PictureFile<'a> {
    /// The type, from its first bytes.
    pub file_type: FileType,
    content: Content<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Bytes(&'a [u8]),
    /// Digits of either alphabet, without padding.
    Base64(&'a [u8]),
}

impl ReferenceImage<'_> {
    /// The image as a file.
    ///
    /// # Errors
    ///
    /// It is elsewhere, or is not a file of an image.
    pub fn to_file(&self) -> Result<PictureFile<'_>, ReferenceImageError> {
        let text = match self {
            Self::File { file_type, bytes } => {
                return Ok(PictureFile { file_type: *file_type, content: Content::Bytes(bytes) });
            }
            Self::Base64(text) => text,
            Self::Url(url) if scheme(url).is_some_and(|it| it.eq_ignore_ascii_case("data")) => {
                DataUrl::parse(url)?.base64
            }
            Self::Url(_) => return Err(ReferenceImageError::Elsewhere),
        };
        let digits = text.trim_end_matches('=').as_bytes();
        if digits.len() % 4 == 1 {
            return Err(ReferenceImageError::Cut);
        }
        let mut head = Vec::new();
        decode(digits.get(..HEAD_DIGITS).unwrap_or(digits), &mut head);
        let file_type = FileType::of(&head).ok_or(ReferenceImageError::File)?;
        Ok(PictureFile { file_type, content: Content::Base64(digits) })
    }
}

impl PictureFile<'_> {
    /// The size of the file in bytes, or a few more.
    #[must_use]
    pub fn max_len(&self) -> usize {
        match self.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Base64(digits) => digits.len().div_ceil(4).saturating_mul(3),
        }
    }

    /// Appends the file.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.content {
            Content::Bytes(bytes) => out.extend_from_slice(bytes),
            Content::Base64(digits) => digits.chunks(CHUNK).for_each(|chunk| decode(chunk, out)),
        }
    }
}

/// Appends the bytes of at most [`CHUNK`] digits: those of a whole image, or a multiple of four.
fn decode(digits: &[u8], out: &mut Vec<u8>) {
    let mut standard = [0; CHUNK];
    for (standard, digit) in standard.iter_mut().zip(digits) {
        *standard = match digit {
            b'-' => b'+',
            b'_' => b'/',
            digit => *digit,
        };
    }
    // Digits and length were checked before, so there is no error here.
    let _infallible = ENGINE.decode_vec(standard.get(..digits.len()).unwrap_or_default(), out);
}

/// As lenient as the check of the request.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);
/// A multiple of four.
const CHUNK: usize = 4096;
/// Enough for the first bytes of every type.
const HEAD_DIGITS: usize = 16;

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::super::{FileType, ReferenceImage, ReferenceImageError};

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    fn parsed(text: &str) -> ReferenceImage<'_> {
        ReferenceImage::parse(Cow::Borrowed(text), 1 << 20).unwrap()
    }

    fn written(image: &ReferenceImage<'_>) -> Vec<u8> {
        let file = image.to_file().unwrap();
        let mut out = Vec::new();
        file.write(&mut out);
        assert!(out.len() <= file.max_len() && file.max_len() <= out.len().saturating_add(3));
        out
    }

    #[test]
    fn the_first_bytes_decide_the_type_not_the_data_url() {
        let url = format!("data:image/jpeg;base64,{}", STANDARD.encode(PNG));
        assert_eq!(parsed(&url).to_file().unwrap().file_type, FileType::Png);
        let webp = STANDARD.encode(b"RIFF\0\0\0\0WEBPVP8 ");
        assert_eq!(parsed(&webp).to_file().unwrap().file_type, FileType::Webp);
    }

    #[test]
    fn a_file_that_is_not_an_image_is_reported() {
        for (text, fault) in [
            ("https://example.com/a.png", ReferenceImageError::Elsewhere),
            ("AAAA", ReferenceImageError::File),
        ] {
            assert_eq!(parsed(text).to_file().unwrap_err(), fault, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_spelling_of_base64_is_the_same_file(
            rest in proptest::collection::vec(any::<u8>(), 0..9000),
        ) {
            let bytes = [PNG, &rest].concat();
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                let text = engine.encode(&bytes);
                prop_assert_eq!(&written(&parsed(&text)), &bytes);
                let url = format!("data:image/png;base64,{text}");
                prop_assert_eq!(&written(&parsed(&url)), &bytes);
            }
            let file = ReferenceImage::of_file(&bytes, 1 << 20).unwrap();
            prop_assert_eq!(&written(&file), &bytes);
        }
    }
}
