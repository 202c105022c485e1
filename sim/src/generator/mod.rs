//! Generates a real image: the prompt's words on a colour gradient, and in small
//! print what it was generated with.
//!
//! The same subject gives the same bytes on every run of one build, so a test can compare what
//! arrives with what was generated. An image of 1024x1024 takes some tens of milliseconds of one
//! core.

mod cache;
mod encode;
mod paint;
mod text;

use bytes::Bytes;
use fastrand::Rng;
use image::{
    GrayImage, ImageResult, Luma,
    error::{ImageError, LimitError, LimitErrorKind},
};

pub use self::{cache::Cache, encode::Format};

/// A larger image is an error: it might not fit into memory.
const MAX_PIXELS: u64 = 64 << 20;

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The words in the middle.
    pub text: String,
    /// The small print at the bottom.
    pub caption: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The file format.
    pub format: Format,
    /// Quality of a JPEG, 0 to 100.
    pub compression: u8,
    /// The background of the words.
    pub background: Background,
    /// How far colours are scattered; it decides the size of the file.
    pub grain: i8,
    /// The number of a preview, from 0: it is paler and has no grain. `None` for the final image.
    pub preview: Option<u32>,
    /// Chooses the colours, together with the words.
    pub seed: u64,
    /// The files of the reference images; an empty one if only its URL is known.
    pub references: Vec<Bytes>,
    /// Frames of a GIF.
    pub frames: u32,
    /// How long a frame of a GIF stays, in milliseconds.
    pub frame_ms: u32,
    /// How long the base64 of the file should be, in bytes: the file is padded with noise, or
    /// the image is plain.
    pub base64_len: Option<usize>,
}

/// The background of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Background {
    /// A gradient.
    Opaque,
    /// Nothing.
    Transparent,
}

/// Generates and encodes the image.
///
/// # Errors
///
/// [`ImageError`], for a size of zero or one too large for memory.
pub fn generate(subject: &Subject) -> ImageResult<Vec<u8>> {
    let pixels = u64::from(subject.width) * u64::from(subject.height);
    if !(1..=MAX_PIXELS).contains(&pixels) {
        return Err(ImageError::Limits(LimitError::from_kind(LimitErrorKind::DimensionError)));
    }
    let mut file = encode::encode(paint::paint(subject), subject)?;
    let Some(base64_len) = subject.base64_len else { return Ok(file) };
    let len = base64_len / 4 * 3;
    if file.len() > len {
        // Some kilobytes at any size.
        let grey = GrayImage::from_pixel(subject.width, subject.height, Luma([0x99]));
        file = encode::encode(grey.into(), subject)?;
    }
    // Decoders stop at the end of the image: they do not read what follows.
    let mut noise = vec![0; len.saturating_sub(file.len())];
    Rng::with_seed(subject.seed).fill(&mut noise);
    file.append(&mut noise);
    Ok(file)
}

#[cfg(test)]
mod tests;
