//! Words: wrapping, measuring and painting.
//!
//! No shaping: letters follow one another from left to right, which is enough to read a prompt. A
//! letter that no font has becomes a box.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, GlyphId, ScaleFont, point};
use image::{Pixel, Rgba, RgbaImage};

/// The fonts in the order in which a letter is looked for.
static FONTS: LazyLock<Vec<FontRef<'static>>> = LazyLock::new(|| {
    let files = [
        epaint_default_fonts::UBUNTU_LIGHT,
        epaint_default_fonts::NOTO_EMOJI_REGULAR,
        epaint_default_fonts::HACK_REGULAR,
    ];
    files.into_iter().filter_map(|file| FontRef::try_from_slice(file).ok()).collect()
});

/// How wide `text` is, as a multiple of the height of a line.
pub(super) fn width(text: &str) -> f32 {
    text.chars().map(advance).sum()
}

/// Breaks `text` at spaces and line ends, and inside words that are wider than a line. `max` is the
/// width of a line as a multiple of its height.
pub(super) fn wrap(text: &str, max: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let (mut line, mut taken) = (String::new(), 0.0);
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && taken + advance(' ') + width(word) > max {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            taken = width(&line);
            for letter in word.chars() {
                if !line.is_empty() && taken + advance(letter) > max {
                    lines.push(std::mem::take(&mut line));
                    taken = 0.0;
                }
                line.push(letter);
                taken += advance(letter);
            }
        }
        lines.push(line);
    }
    lines
}

/// Paints one white line with its top left corner at `(x, y)`, `size` pixels high.
pub(super) fn paint(canvas: &mut RgbaImage, text: &str, (mut x, y): (f32, f32), size: f32) {
    for letter in text.chars() {
        if let Some((font, id)) = glyph(letter) {
            let base = y + font.as_scaled(size).ascent();
            // Twice, a little apart: the font is a thin one.
            for x in [x, x + size * 0.02] {
                paint_glyph(canvas, font, id.with_scale_and_position(size, point(x, base)));
            }
        }
        x += advance(letter) * size;
    }
}

fn paint_glyph(canvas: &mut RgbaImage, font: &FontRef<'_>, glyph: Glyph) {
    let Some(outline) = font.outline_glyph(glyph) else { return };
    let corner = outline.px_bounds().min;
    outline.draw(|x, y, cover| {
        // What is left of or above the canvas wraps to a place far outside.
        let at = |corner: f32, way: u32| (corner as i32 as u32).wrapping_add(way);
        if let Some(pixel) = canvas.get_pixel_mut_checked(at(corner.x, x), at(corner.y, y)) {
            pixel.blend(&Rgba([255, 255, 255, (cover.min(1.0) * 255.0) as u8]));
        }
    });
}

/// How far a letter moves the pen, as a multiple of the height of a line.
fn advance(letter: char) -> f32 {
    glyph(letter).map_or(0.0, |(font, id)| font.h_advance_unscaled(id) / font.height_unscaled())
}

/// The font that has `letter`, else the first font's box. `None` for marks that are not seen.
fn glyph(letter: char) -> Option<(&'static FontRef<'static>, GlyphId)> {
    if matches!(letter, '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        || letter.is_control()
    {
        return None;
    }
    let mut found = FONTS.iter().map(|font| (font, font.glyph_id(letter)));
    found.find(|(_, id)| id.0 != 0).or_else(|| FONTS.first().map(|font| (font, GlyphId(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_keep_every_word() {
        let lines = wrap("a lighthouse on a cliff\nat dusk", 6.5);
        assert!(lines.len() >= 3);
        assert!(lines.iter().all(|line| width(line) <= 6.5));
        assert_eq!(lines.join(" "), "a lighthouse on a cliff at dusk");
    }

    #[test]
    fn a_word_wider_than_a_line_is_broken() {
        let lines = wrap(&"x".repeat(100), 5.0);
        assert!(lines.len() > 5);
        assert_eq!(lines.concat().len(), 100);
    }

    #[test]
    fn every_font_is_there() {
        assert_eq!(FONTS.len(), 3);
        assert!(width("é😀") > 1.0);
        assert!("é😀∑".chars().all(|letter| glyph(letter).is_some_and(|(_, id)| id.0 != 0)));
    }
}
