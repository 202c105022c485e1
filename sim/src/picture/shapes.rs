//! Thin wrappers that paint one shape each; a shape that cannot be painted (empty, not finite) is
//! left out.

use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point,
    RadialGradient, Rect, Shader, SpreadMode, Transform,
};

use super::palette::faded;

/// Fills a path with one colour.
pub(super) fn fill(canvas: &mut Pixmap, path: &Path, colour: Color) {
    fill_with(canvas, path, Shader::SolidColor(colour));
}

/// Fills a path with a shader.
pub(super) fn fill_with(canvas: &mut Pixmap, path: &Path, shader: Shader<'_>) {
    let paint = Paint { shader, anti_alias: true, ..Paint::default() };
    canvas.fill_path(path, &paint, FillRule::Winding, Transform::identity(), None);
}

/// Fills the whole canvas from the top left to the point given as shares of width and height.
pub(super) fn wash(canvas: &mut Pixmap, colours: &[Color], towards: (f32, f32)) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let last = colours.len().saturating_sub(1).max(1) as f32;
    let stops = colours
        .iter()
        .enumerate()
        .map(|(i, colour)| GradientStop::new(i as f32 / last, *colour))
        .collect();
    let end = Point::from_xy(width * towards.0, height * towards.1);
    let shader =
        LinearGradient::new(Point::zero(), end, stops, SpreadMode::Pad, Transform::identity());
    let (Some(shader), Some(rect)) = (shader, Rect::from_xywh(0.0, 0.0, width, height)) else {
        return;
    };
    canvas.fill_rect(rect, &Paint { shader, ..Paint::default() }, Transform::identity(), None);
}

/// A disc of one colour.
pub(super) fn disc(canvas: &mut Pixmap, (x, y): (f32, f32), radius: f32, colour: Color) {
    if let Some(path) = PathBuilder::from_circle(x, y, radius) {
        fill(canvas, &path, colour);
    }
}

/// A disc that fades out towards its edge.
pub(super) fn glow(canvas: &mut Pixmap, (x, y): (f32, f32), radius: f32, colour: Color) {
    let stops = vec![
        GradientStop::new(0.0, colour),
        GradientStop::new(0.45, faded(colour, colour.alpha() * 0.35)),
        GradientStop::new(1.0, faded(colour, 0.0)),
    ];
    let centre = Point::from_xy(x, y);
    let shader = RadialGradient::new(
        centre,
        0.0,
        centre,
        radius,
        stops,
        SpreadMode::Pad,
        Transform::identity(),
    );
    if let (Some(shader), Some(path)) = (shader, PathBuilder::from_circle(x, y, radius)) {
        fill_with(canvas, &path, shader);
    }
}

/// A rectangle with round corners.
pub(super) fn rounded(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Option<Path> {
    /// How far the handles of a quarter circle stand from its ends, as a share of its radius.
    const HANDLE: f32 = 0.552_284_8;
    let radius = radius.min(width / 2.0).min(height / 2.0);
    let (right, bottom, rest) = (x + width, y + height, radius * (1.0 - HANDLE));
    let mut path = PathBuilder::new();
    path.move_to(x + radius, y);
    path.line_to(right - radius, y);
    path.cubic_to(right - rest, y, right, y + rest, right, y + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - rest, right - rest, bottom, right - radius, bottom);
    path.line_to(x + radius, bottom);
    path.cubic_to(x + rest, bottom, x, bottom - rest, x, bottom - radius);
    path.line_to(x, y + radius);
    path.cubic_to(x, y + rest, x + rest, y, x + radius, y);
    path.close();
    path.finish()
}

/// A polygon.
pub(super) fn polygon(points: &[(f32, f32)]) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (index, (x, y)) in points.iter().enumerate() {
        if index == 0 {
            path.move_to(*x, *y);
        } else {
            path.line_to(*x, *y);
        }
    }
    path.close();
    path.finish()
}
