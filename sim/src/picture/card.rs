//! The card with the prompt's words, the row of reference images and the small print.

use tiny_skia::{Color, Pixmap};

use super::{
    Stage, Subject,
    palette::{Palette, faded},
    shapes::{fill, glow, rounded},
    text, thumbnails,
};

/// More words than this do not fit at the smallest size that can be read.
const MAX_LETTERS: usize = 2500;

/// Paints the card in the middle and the small print at the bottom.
pub(super) fn paint(canvas: &mut Pixmap, subject: &Subject, palette: &Palette) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let unit = width.min(height);
    let (room, pad) = (width * 0.78, unit * 0.055);
    let words = Words::fit(&subject.text, unit, room - 2.0 * pad, height * 0.52);
    let row = if subject.references.is_empty() { 0.0 } else { unit * 0.15 };
    let card_height = words.height() + row + 2.0 * pad;
    let top = (height - card_height) * 0.47;
    let left = (width - room) / 2.0;
    glow(canvas, (width / 2.0, top + card_height / 2.0), room * 0.62, faded(palette.near, 0.4));
    if let Some(card) = rounded(left, top, room, card_height, unit * 0.035) {
        fill(canvas, &card, faded(palette.near, 0.66));
    }
    if let Some(bar) = rounded(left + pad, top + pad * 0.55, unit * 0.09, unit * 0.008, unit) {
        fill(canvas, &bar, faded(palette.light, 0.9));
    }
    words.paint(canvas, (left + pad, top + pad), Color::WHITE);
    if row > 0.0 {
        let at = (left + pad, top + pad + words.height() + unit * 0.035);
        thumbnails::paint(
            canvas,
            &subject.references,
            at,
            (room - 2.0 * pad, row - unit * 0.035),
            palette,
        );
    }
    small_print(canvas, subject, unit, palette);
}

/// Words broken into lines at the largest size that fits.
struct Words {
    lines: Vec<String>,
    size: f32,
}

impl Words {
    fn fit(prompt: &str, unit: f32, max_width: f32, max_height: f32) -> Self {
        let prompt: String = prompt.trim().chars().take(MAX_LETTERS).collect();
        let mut size = unit * 0.085;
        loop {
            let lines = text::wrap(&prompt, size, max_width);
            let fits = lines.len() as f32 * size * text::LINE <= max_height;
            let smallest = size <= unit * 0.024;
            let words = Self { lines, size };
            if fits {
                return words;
            }
            if smallest {
                return words.cut(max_height);
            }
            size *= 0.86;
        }
    }

    /// Keeps the lines that fit, the last one with an ellipsis.
    fn cut(mut self, max_height: f32) -> Self {
        let room = (max_height / (self.size * text::LINE)).max(1.0) as usize;
        if self.lines.len() > room {
            self.lines.truncate(room);
            if let Some(last) = self.lines.last_mut() {
                last.pop();
                last.push('…');
            }
        }
        self
    }

    fn height(&self) -> f32 {
        self.lines.len() as f32 * self.size * text::LINE
    }

    fn paint(&self, canvas: &mut Pixmap, (x, y): (f32, f32), colour: Color) {
        for (index, line) in self.lines.iter().enumerate() {
            let base = y + self.size * (1.0 + index as f32 * text::LINE);
            text::paint(canvas, line, (x, base), self.size, 0.022, colour);
        }
    }
}

fn small_print(canvas: &mut Pixmap, subject: &Subject, unit: f32, palette: &Palette) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let size = (unit * 0.021).max(9.0);
    let margin = unit * 0.035;
    let caption = match subject.stage {
        Stage::Final => subject.caption.clone(),
        Stage::Preview(number) => format!("{} · preview {}", subject.caption, number + 1),
    };
    let wide = text::width(&caption, size) + 1.6 * size;
    let (left, top) = (width - margin - wide, height - margin - size * 1.9);
    if let Some(plate) = rounded(left, top, wide, size * 1.9, size) {
        fill(canvas, &plate, faded(palette.near, 0.62));
    }
    text::paint(
        canvas,
        &caption,
        (left + 0.8 * size, top + 1.28 * size),
        size,
        0.02,
        faded(Color::WHITE, 0.95),
    );
}
