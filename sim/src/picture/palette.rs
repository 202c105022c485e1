//! Colours that go together.

use tiny_skia::Color;

use super::Subject;
use crate::random::{self, Random};

/// The colours of one picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    /// The sky from the top down.
    pub sky: [Color; 3],
    /// Sun, moon and accents.
    pub light: Color,
    /// Shapes far away.
    pub far: Color,
    /// Shapes nearby.
    pub near: Color,
}

/// sky top, sky middle, sky low, light, far, near
const COLOURS: [[u32; 6]; 10] = [
    [0x1f1147, 0xb5446e, 0xffb88c, 0xffe9c4, 0x8f3d6b, 0x180b33],
    [0x0b486b, 0x3b8d99, 0xf2e9c9, 0xfff4d6, 0x3c8c92, 0x052138],
    [0x8fd0c4, 0xd3eede, 0xfff6df, 0xffd27a, 0x83bd8e, 0x12382c],
    [0xe98a5b, 0xf9b572, 0xffe5c2, 0xfff6e0, 0xd9735a, 0x4a1c33],
    [0x050a2b, 0x1a2c7a, 0x6a6fc2, 0xf6f1dc, 0x2e3a8c, 0x04071c],
    [0xf78ca0, 0xf9c5c9, 0xfff1ec, 0xffffff, 0xd3789f, 0x451740],
    [0x0f3443, 0x34a0a4, 0xd9ed92, 0xfdffe0, 0x2d8a84, 0x08222e],
    [0x20304a, 0x5c6f8c, 0xe9b872, 0xffe2a8, 0x56637f, 0x131a2a],
    [0x4a0e4e, 0xd83f5f, 0xffc15e, 0xffefba, 0xb03060, 0x26062c],
    [0x3a7bd5, 0x8fc5f4, 0xf5fbff, 0xfff3b0, 0x5b8fc9, 0x0f2a4f],
];

/// The palette that follows from the words and the seed.
pub(super) fn choose(subject: &Subject) -> Palette {
    let mut random = source(subject, "palette");
    let [top, middle, low, light, far, near] =
        random.choice(&COLOURS).copied().unwrap_or_default().map(colour);
    Palette { sky: [top, middle, low], light, far, near }
}

/// Random numbers for one part of the picture. Previews get the same ones as the final picture.
pub(super) fn source(subject: &Subject, part: &str) -> Random {
    let words = random::hash(subject.text.as_bytes());
    Random::new(words ^ subject.seed.rotate_left(17) ^ random::hash(part.as_bytes()))
}

fn colour(rgb: u32) -> Color {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Color::from_rgba8(red, green, blue, 255)
}

/// The colour at `t` (0 to 1) on the way from `from` to `to`.
pub(super) fn mix(from: Color, to: Color, t: f32) -> Color {
    let part = |a: f32, b: f32| (a + (b - a) * t).clamp(0.0, 1.0);
    Color::from_rgba(
        part(from.red(), to.red()),
        part(from.green(), to.green()),
        part(from.blue(), to.blue()),
        part(from.alpha(), to.alpha()),
    )
    .unwrap_or(from)
}

/// The colour with another alpha, 0 to 1.
pub(super) fn faded(mut colour: Color, alpha: f32) -> Color {
    colour.set_alpha(alpha.clamp(0.0, 1.0));
    colour
}
