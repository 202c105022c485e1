//! The pixels: a gradient, a dark card with the words and the reference images, and the small
//! print.

use std::f32::consts::TAU;

use bytes::Bytes;
use fastrand::Rng;
use image::{
    DynamicImage, Pixel, Rgb, Rgba, RgbaImage,
    imageops::{FilterType, overlay},
};

use super::{Background, Subject, text};
use crate::hash::hash;

/// Longer prompts are cut here: the rest would be too small to read.
const MAX_LETTERS: usize = 2500;

/// Larger reference images are not decoded: it would take longer than all the rest.
const MAX_FILE_BYTES: usize = 4 << 20;

/// Paints the image.
pub(super) fn paint(subject: &Subject) -> DynamicImage {
    let mut canvas = background(subject);
    let (width, height) = (subject.width as f32, subject.height as f32);
    let unit = width.min(height);
    let (room, pad) = (width * 0.84, unit * 0.06);
    let (lines, size) = fit(&subject.text, unit, room - 2.0 * pad, height * 0.55);
    let words = lines.len() as f32 * size;
    let row = if subject.references.is_empty() { 0.0 } else { unit * 0.18 };
    let card = words + row + 2.0 * pad;
    let (left, top) = ((width - room) / 2.0, (height - card) / 2.0);
    darken(&mut canvas, (left, top), (room, card));
    for (index, line) in lines.iter().enumerate() {
        let y = top + pad + index as f32 * size;
        text::paint(&mut canvas, line, (left + pad, y), size);
    }
    let below = (left + pad, top + pad + words + row * 0.2);
    references(&mut canvas, &subject.references, below, (room - 2.0 * pad, row * 0.8));
    small_print(&mut canvas, subject, unit);
    match subject.background {
        Background::Opaque => DynamicImage::from(canvas).into_rgb8().into(),
        Background::Transparent => canvas.into(),
    }
}

/// A gradient between two colours that follow from the words and the seed.
fn background(subject: &Subject) -> RgbaImage {
    if subject.background == Background::Transparent {
        return RgbaImage::new(subject.width, subject.height);
    }
    let mut rng = Rng::with_seed(hash(subject.text.as_bytes()) ^ subject.seed);
    let hue = rng.f32();
    let (veil, grain) = match subject.preview {
        Some(number) => (0.5 / (number as f32 + 1.0), 0),
        None => (0.0, subject.grain),
    };
    let colour = |hue: f32, light: f32| {
        Rgb([0.0, 1.0 / 3.0, 2.0 / 3.0].map(|part| {
            let colour = light * (0.65 + 0.35 * (TAU * (hue + part)).cos());
            255.0 * (colour + (1.0 - colour) * veil)
        }))
    };
    let (top, low) = (colour(hue, 0.5), colour(hue + 0.15, 1.0));
    RgbaImage::from_fn(subject.width, subject.height, |_, y| {
        let share = y as f32 / subject.height as f32;
        let noise = if grain == 0 { 0.0 } else { f32::from(rng.i8(-grain..=grain)) };
        let mixed = top.map2(&low, |top, low| top + (low - top) * share + noise);
        let [red, green, blue] = mixed.0.map(|part| part as u8);
        Rgba([red, green, blue, 255])
    })
}

/// Breaks the words into lines at the largest size that fits.
fn fit(prompt: &str, unit: f32, width: f32, height: f32) -> (Vec<String>, f32) {
    let prompt: String = prompt.trim().chars().take(MAX_LETTERS).collect();
    let mut size = unit * 0.1;
    loop {
        let mut lines = text::wrap(&prompt, width / size);
        let room = (height / size) as usize;
        if lines.len() <= room {
            return (lines, size);
        }
        if size < unit * 0.028 {
            lines.truncate(room);
            if let Some(last) = lines.last_mut() {
                last.pop();
                last.push('…');
            }
            return (lines, size);
        }
        size *= 0.86;
    }
}

/// A row of squares, so that a person sees which images arrived; a dark one for any other file.
fn references(
    canvas: &mut RgbaImage,
    files: &[Bytes],
    (x, y): (f32, f32),
    (width, height): (f32, f32),
) {
    let side = height.min(width / files.len().max(1) as f32 * 0.9);
    for (index, file) in files.iter().enumerate() {
        let x = x + index as f32 * side / 0.9;
        let readable = file.len() <= MAX_FILE_BYTES && side >= 1.0;
        match readable.then(|| image::load_from_memory(file)) {
            Some(Ok(image)) => {
                let image = image.resize_to_fill(side as u32, side as u32, FilterType::Triangle);
                overlay(canvas, &image.into_rgba8(), x as i64, y as i64);
            }
            _ => darken(canvas, (x, y), (side, side)),
        }
    }
}

fn small_print(canvas: &mut RgbaImage, subject: &Subject, unit: f32) {
    let size = (unit * 0.03).max(9.0);
    let preview = subject.preview.map(|number| format!(" · preview {}", number + 1));
    let caption = subject.caption.clone() + &preview.unwrap_or_default();
    let wide = text::width(&caption) * size + size;
    let (left, top) = (subject.width as f32 - wide - size, subject.height as f32 - 2.2 * size);
    darken(canvas, (left, top), (wide, 1.4 * size));
    text::paint(canvas, &caption, (left + 0.5 * size, top + 0.2 * size), size);
}

/// Darkens a rectangle.
fn darken(canvas: &mut RgbaImage, (x, y): (f32, f32), (width, height): (f32, f32)) {
    let plate = RgbaImage::from_pixel(width as u32, height as u32, Rgba([0, 0, 0, 150]));
    overlay(canvas, &plate, x as i64, y as i64);
}
