//! Draws a real picture of what was asked: a painted background that follows from the prompt, the
//! prompt's words on a card, and in small print what it was drawn with.
//!
//! The same subject gives the same bytes on every run of one build, so a test can compare what
//! arrives with what was drawn. Speed matters more than art: a picture of 1024x1024 takes some tens
//! of milliseconds of one core.

mod card;
mod encode;
mod gallery;
mod noise;
mod palette;
mod scene;
mod shapes;
mod text;
mod thumbnails;

use bytes::Bytes;
use tiny_skia::Pixmap;

pub use self::{encode::Format, gallery::Gallery};

/// What to draw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The words on the card.
    pub text: String,
    /// The small print in the corner.
    pub caption: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The file format.
    pub format: Format,
    /// Quality of a JPEG, 0 to 100.
    pub compression: u8,
    /// A sky, or nothing.
    pub background: Background,
    /// How much there is to see.
    pub detail: Detail,
    /// The final picture or an early look at it.
    pub stage: Stage,
    /// Chooses colours and shapes, together with the words.
    pub seed: u64,
    /// The files of the reference images; an empty one stands for an image behind a URL.
    pub references: Vec<Bytes>,
    /// Frames of a GIF.
    pub frames: u32,
    /// How long a frame of a GIF stays, in milliseconds.
    pub frame_ms: u32,
    /// How long the base64 of the file should be, in bytes: it is padded with noise, or drawn
    /// plainer.
    pub base64_len: Option<usize>,
}

/// What is behind the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Background {
    /// A sky.
    Opaque,
    /// Nothing.
    Transparent,
}

/// How much there is to see; it decides the size of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Few shapes, little grain.
    Low,
    /// In between.
    Medium,
    /// Many shapes, much grain.
    High,
}

/// How far the drawing has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It is done.
    Final,
    /// A preview, counted from 0: paler, without grain.
    Preview(u32),
}

/// Why a picture could not be drawn.
#[derive(Debug)]
pub enum Failure {
    /// No picture can have this size.
    Size,
    /// The encoder refused.
    Encoding(image::ImageError),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Size => f.write_str("no picture has this size"),
            Self::Encoding(error) => write!(f, "the picture could not be encoded: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<image::ImageError> for Failure {
    fn from(error: image::ImageError) -> Self {
        Self::Encoding(error)
    }
}

/// Draws and encodes the picture.
///
/// # Errors
///
/// [`Failure`], for a size of zero or one too large for memory.
pub fn draw(subject: &Subject) -> Result<Vec<u8>, Failure> {
    let file = encode::encode(&paint(subject)?, subject)?;
    let Some(base64_len) = subject.base64_len else { return Ok(file) };
    let target = base64_len / 4 * 3;
    let file = if file.len() > target { encode::encode_plain(subject)? } else { file };
    Ok(noise::pad(file, subject.format, target, subject.seed))
}

fn paint(subject: &Subject) -> Result<Pixmap, Failure> {
    let mut canvas = Pixmap::new(subject.width, subject.height).ok_or(Failure::Size)?;
    let palette = palette::choose(subject);
    scene::paint(&mut canvas, subject, &palette);
    card::paint(&mut canvas, subject, &palette);
    Ok(canvas)
}

#[cfg(test)]
mod tests;
