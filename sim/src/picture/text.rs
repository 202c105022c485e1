//! Words as outlines: wrapping, measuring and painting.
//!
//! No shaping: letters stand one after another from left to right, which is enough to read a
//! prompt. A letter that none of the fonts has becomes a box.

use std::sync::LazyLock;

use tiny_skia::{Color, Paint, Path, PathBuilder, Pixmap, Shader, Stroke, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::shapes::fill;

/// The fonts in the order in which a letter is looked for.
static FACES: LazyLock<Vec<Face<'static>>> = LazyLock::new(|| {
    let files = [
        epaint_default_fonts::UBUNTU_LIGHT,
        epaint_default_fonts::NOTO_EMOJI_REGULAR,
        epaint_default_fonts::HACK_REGULAR,
        epaint_default_fonts::EMOJI_ICON,
    ];
    files.into_iter().filter_map(|file| Face::parse(file, 0).ok()).collect()
});

/// The height of a line as a share of the letter size.
pub(super) const LINE: f32 = 1.28;

/// How wide `text` is at a letter size of `size` pixels.
pub(super) fn width(text: &str, size: f32) -> f32 {
    text.chars().filter_map(glyph).map(|(face, id)| advance(face, id, size)).sum()
}

/// Breaks `text` at spaces and line ends, and inside words that are wider than a line.
pub(super) fn wrap(text: &str, size: f32, max_width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let gap = if line.is_empty() { "" } else { " " };
            if width(&line, size) + width(gap, size) + width(word, size) <= max_width {
                line.push_str(gap);
                line.push_str(word);
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line = wrap_word(word, size, max_width, &mut lines);
        }
        lines.push(line);
    }
    lines
}

/// Breaks one word; all lines but the last go to `lines`.
fn wrap_word(word: &str, size: f32, max_width: f32, lines: &mut Vec<String>) -> String {
    let mut line = String::new();
    let mut taken = 0.0;
    for letter in word.chars() {
        let step = glyph(letter).map_or(0.0, |(face, id)| advance(face, id, size));
        if taken + step > max_width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            taken = 0.0;
        }
        line.push(letter);
        taken += step;
    }
    line
}

/// Paints one line with its left end at `x` and its base line at `y`; `weight` thickens it, as a
/// share of the size.
pub(super) fn paint(
    canvas: &mut Pixmap,
    text: &str,
    (x, y): (f32, f32),
    size: f32,
    weight: f32,
    colour: Color,
) {
    let mut pen = Pen { path: PathBuilder::new(), x, y, scale: 1.0 };
    for (face, id) in text.chars().filter_map(glyph) {
        pen.scale = size / f32::from(face.units_per_em());
        // A letter without an outline is a space.
        let _ = face.outline_glyph(id, &mut pen);
        pen.x += advance(face, id, size);
    }
    let Some(path) = pen.path.finish() else { return };
    fill(canvas, &path, colour);
    if weight > 0.0 {
        thicken(canvas, &path, size * weight, colour);
    }
}

fn thicken(canvas: &mut Pixmap, path: &Path, width: f32, colour: Color) {
    let paint = Paint { shader: Shader::SolidColor(colour), anti_alias: true, ..Paint::default() };
    canvas.stroke_path(
        path,
        &paint,
        &Stroke { width, ..Stroke::default() },
        Transform::identity(),
        None,
    );
}

/// The face that has `letter`, else the first face's box. `None` for marks that are not seen.
fn glyph(letter: char) -> Option<(&'static Face<'static>, GlyphId)> {
    if matches!(letter, '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        || letter.is_control()
    {
        return None;
    }
    let found = FACES.iter().find_map(|face| Some((face, face.glyph_index(letter)?)));
    found.or_else(|| FACES.first().map(|face| (face, GlyphId(0))))
}

fn advance(face: &Face<'_>, id: GlyphId, size: f32) -> f32 {
    f32::from(face.glyph_hor_advance(id).unwrap_or_default()) * size
        / f32::from(face.units_per_em())
}

/// Collects the outlines of letters; the fonts' y axis points up.
struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_keep_every_word() {
        let lines = wrap("a lighthouse on a cliff\nat dusk", 40.0, 260.0);
        assert!(lines.len() >= 3);
        assert!(lines.iter().all(|line| width(line, 40.0) <= 260.0));
        assert_eq!(lines.join(" "), "a lighthouse on a cliff at dusk");
    }

    #[test]
    fn a_word_wider_than_a_line_is_broken() {
        let lines = wrap(&"x".repeat(100), 40.0, 200.0);
        assert!(lines.len() > 5);
        assert_eq!(lines.concat().len(), 100);
    }

    #[test]
    fn every_font_is_there() {
        assert_eq!(FACES.len(), 4);
        assert!(width("é😀", 20.0) > 20.0);
    }
}
