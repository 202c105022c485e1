//! From pixels to a file.

use std::io::Cursor;

use image::{
    Delay, DynamicImage, Frame, ImageResult, Rgba, RgbaImage,
    codecs::{
        gif::{GifEncoder, Repeat},
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
        webp::WebPEncoder,
    },
};

use super::Subject;

/// The formats that the backend has and this crate can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `png`, the default.
    Png,
    /// `jpeg`.
    Jpeg,
    /// `webp`, without loss.
    Webp,
    /// `gif`.
    Gif,
}

impl Format {
    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Png, Self::Jpeg, Self::Webp, Self::Gif]
            .into_iter()
            .find(|format| format.as_str() == name)
    }

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Gif => "gif",
        }
    }
}

/// Encodes `image` in the subject's format.
pub(super) fn encode(image: DynamicImage, subject: &Subject) -> ImageResult<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    match subject.format {
        Format::Png => {
            // The filter that suits a gradient with grain; trying all of them on each row takes
            // five times as long.
            let (compression, filter) = (CompressionType::Fast, FilterType::Sub);
            let encoder = PngEncoder::new_with_quality(&mut file, compression, filter);
            image.write_with_encoder(encoder)?;
        }
        Format::Jpeg => {
            let quality = subject.compression.clamp(1, 100);
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut file, quality))?;
        }
        Format::Webp => image.write_with_encoder(WebPEncoder::new_lossless(&mut file))?,
        Format::Gif => write_gif(&mut file, image.into_rgba8(), subject)?,
    }
    Ok(file.into_inner())
}

/// The first frame is the image; each later one changes a mark in the corner, so that it moves at
/// the cost of a few bytes.
fn write_gif(file: &mut Cursor<Vec<u8>>, image: RgbaImage, subject: &Subject) -> ImageResult<()> {
    let delay = Delay::from_numer_denom_ms(subject.frame_ms.max(10), 1);
    let mut encoder = GifEncoder::new_with_speed(file, 30);
    encoder.set_repeat(Repeat::Infinite)?;
    encoder.encode_frame(Frame::from_parts(image, 0, 0, delay))?;
    let side = (subject.width.min(subject.height) / 40).clamp(1, 64);
    for number in 1..subject.frames {
        let shade = (number * 255 / subject.frames) as u8;
        let mark = RgbaImage::from_pixel(side, side, Rgba([shade, shade, 255 - shade, 255]));
        encoder.encode_frame(Frame::from_parts(mark, side, side, delay))?;
    }
    Ok(())
}
