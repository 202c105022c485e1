//! From painted pixels to a file.

use std::io::Cursor;

use image::{
    Delay, ExtendedColorType, Frame, ImageEncoder, RgbaImage,
    codecs::{
        gif::{GifEncoder, Repeat},
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
        webp::WebPEncoder,
    },
};
use tiny_skia::Pixmap;

use super::{Background, Detail, Failure, Stage, Subject, palette::source};
use crate::random::Random;

/// The formats that the backend can be asked for and this crate can write.
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

/// Encodes `canvas` in the subject's format.
pub(super) fn encode(canvas: &Pixmap, subject: &Subject) -> Result<Vec<u8>, Failure> {
    let mut grain = Grain::new(subject);
    match (subject.background, subject.format) {
        (_, Format::Gif) => encode_gif(canvas, subject),
        (Background::Transparent, Format::Png | Format::Webp) => {
            write(&straight(canvas), subject, ExtendedColorType::Rgba8)
        }
        _ => write(&grain.opaque(canvas), subject, ExtendedColorType::Rgb8),
    }
}

/// One grey area: a file of a few kilobytes at any size.
pub(super) fn encode_plain(subject: &Subject) -> Result<Vec<u8>, Failure> {
    let (width, height) = (subject.width, subject.height);
    let mut file = Cursor::new(Vec::new());
    match subject.format {
        Format::Png => {
            let pixels = vec![0x99; width as usize * height as usize];
            PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::NoFilter)
                .write_image(&pixels, width, height, ExtendedColorType::L8)?;
            return Ok(file.into_inner());
        }
        Format::Jpeg | Format::Webp => {
            let pixels = vec![0x99; width as usize * height as usize * 3];
            let coarse = Subject { compression: 1, ..subject.clone() };
            return write(&pixels, &coarse, ExtendedColorType::Rgb8);
        }
        Format::Gif => {
            let pixels = RgbaImage::from_pixel(width, height, image::Rgba([0x99, 0x99, 0x99, 255]));
            GifEncoder::new_with_speed(&mut file, 30).encode_frame(Frame::new(pixels))?;
        }
    }
    Ok(file.into_inner())
}

fn write(pixels: &[u8], subject: &Subject, colour: ExtendedColorType) -> Result<Vec<u8>, Failure> {
    let mut file = Cursor::new(Vec::with_capacity(pixels.len() / 2));
    let (width, height) = (subject.width, subject.height);
    match subject.format {
        // The filter that suits painted areas with grain; trying all of them on each row takes five
        // times as long.
        Format::Png => {
            PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Sub)
                .write_image(pixels, width, height, colour)?
        }
        Format::Jpeg => {
            let quality = subject.compression.clamp(1, 100);
            JpegEncoder::new_with_quality(&mut file, quality)
                .write_image(pixels, width, height, colour)?;
        }
        Format::Webp | Format::Gif => {
            WebPEncoder::new_lossless(&mut file).write_image(pixels, width, height, colour)?;
        }
    }
    Ok(file.into_inner())
}

/// The first frame is the picture; each later one changes a mark in the corner, so that it moves at
/// the cost of a few bytes.
fn encode_gif(canvas: &Pixmap, subject: &Subject) -> Result<Vec<u8>, Failure> {
    let mut file = Cursor::new(Vec::new());
    let delay = || Delay::from_numer_denom_ms(subject.frame_ms.max(10), 1);
    let picture = RgbaImage::from_raw(subject.width, subject.height, straight(canvas))
        .ok_or(Failure::Size)?;
    {
        let mut encoder = GifEncoder::new_with_speed(&mut file, 30);
        encoder.set_repeat(Repeat::Infinite)?;
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay()))?;
        let side = (subject.width.min(subject.height) / 40).clamp(1, 64);
        for number in 1..subject.frames.max(1) {
            let shade = (number * 255 / subject.frames) as u8;
            let mark =
                RgbaImage::from_pixel(side, side, image::Rgba([shade, shade, 255 - shade, 255]));
            encoder.encode_frame(Frame::from_parts(mark, side, side, delay()))?;
        }
    }
    Ok(file.into_inner())
}

/// Pixels whose colours are not multiplied by their alpha, as files store them.
fn straight(canvas: &Pixmap) -> Vec<u8> {
    canvas.clone().take_demultiplied()
}

/// Film grain: hides the steps of a gradient and gives the file the size that a real picture has.
struct Grain {
    random: Random,
    /// The noise lies in `-reach..=reach`.
    reach: i16,
}

impl Grain {
    fn new(subject: &Subject) -> Self {
        let reach = match (subject.stage, subject.detail) {
            (Stage::Preview(_), _) => 0,
            (Stage::Final, Detail::Low) => 1,
            (Stage::Final, Detail::Medium) => 3,
            (Stage::Final, Detail::High) => 5,
        };
        Self { random: source(subject, "grain"), reach }
    }

    /// Red, green and blue of every pixel, with grain.
    fn opaque(&mut self, canvas: &Pixmap) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(canvas.data().len() / 4 * 3);
        let span = (2 * self.reach + 1).unsigned_abs();
        let (mut bits, mut left) = (0u64, 0u32);
        for pixel in canvas.data().chunks_exact(4) {
            if left == 0 {
                (bits, left) = (self.random.next(), 4);
            }
            // 16 bits of the generator, scaled to the span without a division.
            let noise = (((bits & 0xffff) as u32 * u32::from(span)) >> 16) as i16 - self.reach;
            (bits, left) = (bits >> 16, left - 1);
            if let [red, green, blue, _] = pixel {
                pixels.extend_from_slice(
                    &[*red, *green, *blue].map(|c| (i16::from(c) + noise).clamp(0, 255) as u8),
                );
            }
        }
        pixels
    }
}
