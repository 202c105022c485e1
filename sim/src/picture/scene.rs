//! The background: one of four kinds of scene, chosen like its colours by the words of the prompt.

use std::f32::consts::TAU;

use tiny_skia::{Color, Pixmap};

use super::{
    Background, Detail, Stage, Subject,
    palette::{Palette, faded, mix, source},
    shapes::{disc, fill, glow, polygon, wash},
};
use crate::random::Random;

/// Paints the whole canvas.
pub(super) fn paint(canvas: &mut Pixmap, subject: &Subject, palette: &Palette) {
    let mut random = source(subject, "scene");
    let kind = random.next() % 4;
    if subject.background == Background::Opaque {
        let towards = if kind == 0 { (0.0, 0.85) } else { (random.between(0.3, 1.0), 1.0) };
        wash(canvas, &palette.sky, towards);
    }
    match kind {
        0 => hills(canvas, subject, palette, &mut random),
        1 => bubbles(canvas, subject, palette, &mut random),
        2 => ribbons(canvas, subject, palette, &mut random),
        _ => facets(canvas, subject, palette, &mut random),
    }
    if let Stage::Preview(number) = subject.stage {
        let veil = 0.5 / (number as f32 + 1.0);
        wash(canvas, &[faded(palette.light, veil), faded(palette.light, veil)], (1.0, 1.0));
    }
}

const fn by_detail(detail: Detail, low: u32, medium: u32, high: u32) -> u32 {
    match detail {
        Detail::Low => low,
        Detail::Medium => medium,
        Detail::High => high,
    }
}

/// A sun over rows of hills, each nearer one darker.
fn hills(canvas: &mut Pixmap, subject: &Subject, palette: &Palette, random: &mut Random) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let unit = width.min(height);
    let sun = (width * random.between(0.15, 0.85), height * random.between(0.12, 0.3));
    stars(canvas, subject, palette, random);
    glow(canvas, sun, unit * 0.42, faded(palette.light, 0.75));
    disc(canvas, sun, unit * 0.085, palette.light);
    let rows = by_detail(subject.detail, 4, 6, 8);
    for row in 0..rows {
        let depth = (row as f32 + 1.0) / rows as f32;
        let base = height * (0.42 + 0.5 * depth * depth.sqrt());
        let colour = mix(palette.far, palette.near, depth * depth);
        let ridge = ridge(random, width, base, unit * (0.1 - 0.05 * depth));
        close_below(canvas, ridge, (width, height), colour);
    }
}

/// Small lights in the upper part of the sky.
fn stars(canvas: &mut Pixmap, subject: &Subject, palette: &Palette, random: &mut Random) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    for _ in 0..by_detail(subject.detail, 12, 40, 90) {
        let at = (random.unit() * width, random.unit() * height * 0.45);
        let radius = width.min(height) * random.between(0.0006, 0.0022);
        disc(canvas, at, radius, faded(palette.light, random.between(0.2, 0.8)));
    }
}

/// The line of a ridge: three waves of different length.
fn ridge(random: &mut Random, width: f32, base: f32, rise: f32) -> Vec<(f32, f32)> {
    let waves =
        [1.3, 2.9, 6.7].map(|length| (length * random.between(0.5, 1.7), random.unit() * TAU));
    (0..=96)
        .map(|step| {
            let along = step as f32 / 96.0;
            let wave: f32 = waves
                .iter()
                .map(|(length, phase)| (along * length * TAU + phase).sin() / length)
                .sum();
            (along * width, base - wave * rise)
        })
        .collect()
}

fn close_below(
    canvas: &mut Pixmap,
    mut line: Vec<(f32, f32)>,
    (width, height): (f32, f32),
    colour: Color,
) {
    line.push((width, height));
    line.push((0.0, height));
    if let Some(path) = polygon(&line) {
        fill(canvas, &path, colour);
    }
}

/// Soft discs of light, like lamps out of focus.
fn bubbles(canvas: &mut Pixmap, subject: &Subject, palette: &Palette, random: &mut Random) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let unit = width.min(height);
    for _ in 0..by_detail(subject.detail, 14, 26, 44) {
        let at = (random.unit() * width, random.unit() * height);
        let radius = unit * random.between(0.02, 0.17);
        let colour = mix(palette.far, palette.light, random.unit());
        disc(canvas, at, radius, faded(colour, random.between(0.08, 0.3)));
        if random.unit() < 0.4 {
            glow(canvas, at, radius * 1.6, faded(palette.light, random.between(0.1, 0.3)));
        }
    }
}

/// Bands that swing across, one over the other.
fn ribbons(canvas: &mut Pixmap, subject: &Subject, palette: &Palette, random: &mut Random) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let bands = by_detail(subject.detail, 5, 8, 12);
    let tilt = random.between(-0.25, 0.25) * height;
    for band in 0..bands {
        let share = band as f32 / bands as f32;
        let top = height * (0.1 + 0.95 * share);
        let thick = height * random.between(0.05, 0.16);
        let rise = height * random.between(0.05, 0.13);
        let mut line = ridge(random, width, top, rise);
        for (x, y) in &mut line {
            *y += tilt * (*x / width - 0.5);
        }
        let under =
            line.iter().rev().map(|(x, y)| (*x, y + thick + thick * (x / width * 3.0).sin() * 0.4));
        let both: Vec<_> = line.iter().copied().chain(under).collect();
        let colour = mix(mix(palette.light, palette.far, share), palette.near, share * 0.7);
        if let Some(path) = polygon(&both) {
            fill(canvas, &path, faded(colour, random.between(0.35, 0.75)));
        }
    }
}

/// A net of triangles, each in its own shade.
fn facets(canvas: &mut Pixmap, subject: &Subject, palette: &Palette, random: &mut Random) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let cell = width.max(height) / by_detail(subject.detail, 7, 11, 16) as f32;
    let (columns, rows) = ((width / cell).ceil() as u32 + 2, (height / cell).ceil() as u32 + 2);
    let seed = random.next();
    let corner = |column: u32, row: u32| {
        let mut at = Random::new(seed ^ (u64::from(column) << 32) ^ u64::from(row));
        let shift = |at: &mut Random| cell * at.between(-0.36, 0.36);
        ((column as f32 - 0.5) * cell + shift(&mut at), (row as f32 - 0.5) * cell + shift(&mut at))
    };
    for row in 0..rows {
        for column in 0..columns {
            let [a, b] = [corner(column, row), corner(column + 1, row)];
            let [c, d] = [corner(column, row + 1), corner(column + 1, row + 1)];
            for triangle in [[a, b, c], [b, d, c]] {
                let height_share = triangle.iter().map(|(_, y)| y / height).sum::<f32>() / 3.0;
                let ground = mix(palette.light, palette.far, height_share * 1.3);
                let shade =
                    mix(ground, palette.near, random.between(0.0, 0.45) + 0.35 * height_share);
                if let Some(path) = polygon(&triangle) {
                    fill(canvas, &path, faded(shade, random.between(0.3, 0.8)));
                }
            }
        }
    }
}
