//! Small copies of the reference images, so that a person sees that they arrived.

use std::io::Cursor;

use bytes::Bytes;
use image::{ImageReader, Limits, RgbaImage, imageops::FilterType};
use tiny_skia::{Color, FilterQuality, IntSize, Pixmap, PixmapPaint, Transform};

use super::{
    palette::{Palette, faded},
    shapes::{fill, rounded},
    text,
};

/// Larger files are shown as a plate with their size: decoding them would take longer than drawing
/// the rest.
const MAX_FILE_BYTES: usize = 4 << 20;

/// The largest edge that is decoded, in pixels.
const MAX_EDGE: u32 = 4096;

/// Paints a row of squares; one that cannot be decoded becomes a plate.
pub(super) fn paint(
    canvas: &mut Pixmap,
    references: &[Bytes],
    (x, y): (f32, f32),
    (width, height): (f32, f32),
    palette: &Palette,
) {
    let count = references.len().max(1) as f32;
    let gap = height * 0.12;
    let side = height.min((width - gap * (count - 1.0)) / count);
    for (index, file) in references.iter().enumerate() {
        let left = x + index as f32 * (side + gap);
        match decode(file, side) {
            Some(picture) => {
                let paint =
                    PixmapPaint { quality: FilterQuality::Bilinear, ..PixmapPaint::default() };
                canvas.draw_pixmap(
                    left as i32,
                    y as i32,
                    picture.as_ref(),
                    &paint,
                    Transform::identity(),
                    None,
                );
            }
            None => plate(canvas, (left, y), side, file.len(), palette),
        }
    }
}

fn plate(canvas: &mut Pixmap, (x, y): (f32, f32), side: f32, bytes: usize, palette: &Palette) {
    if let Some(path) = rounded(x, y, side, side, side * 0.1) {
        fill(canvas, &path, faded(palette.light, 0.35));
    }
    let size = side * 0.17;
    let label =
        if bytes == 0 { "https".to_owned() } else { format!("{} kB", bytes.div_ceil(1000)) };
    let left = x + (side - text::width(&label, size)) / 2.0;
    text::paint(canvas, &label, (left, y + side * 0.56), size, 0.02, Color::WHITE);
}

/// The middle square of the picture, `side` pixels wide.
fn decode(file: &Bytes, side: f32) -> Option<Pixmap> {
    if file.is_empty() || file.len() > MAX_FILE_BYTES || side < 1.0 {
        return None;
    }
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_EDGE);
    limits.max_image_height = Some(MAX_EDGE);
    reader.limits(limits);
    let side = side as u32;
    let picture =
        reader.decode().ok()?.resize_to_fill(side, side, FilterType::Triangle).into_rgba8();
    premultiplied(picture)
}

fn premultiplied(picture: RgbaImage) -> Option<Pixmap> {
    let size = IntSize::from_wh(picture.width(), picture.height())?;
    let mut data = picture.into_raw();
    for pixel in data.chunks_exact_mut(4) {
        if let [red, green, blue, alpha] = pixel {
            for colour in [red, green, blue] {
                *colour = (u16::from(*colour) * u16::from(*alpha) / 255) as u8;
            }
        }
    }
    Pixmap::from_vec(data, size)
}
