//! The sizes that each model can generate (image generation guide).

use std::fmt;

use fastrand::Rng;

use super::is_gpt;

/// The three sizes that every model generates.
const FIXED: [&str; 3] = ["1024x1024", "1024x1536", "1536x1024"];

/// How many pixels an image of a model without fixed sizes may have.
const PIXELS: std::ops::RangeInclusive<u64> = 655_360..=8_294_400;

/// The longest edge in pixels.
const MAX_EDGE: u32 = 3840;

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Size {
    /// The size for `auto`.
    pub const AUTO: Self = Self { width: 1024, height: 1024 };

    /// Reads `WIDTHxHEIGHT`.
    pub fn parse(text: &str) -> Option<Self> {
        let (width, height) = text.split_once('x')?;
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|number| plain && *number > 0)
        };
        Some(Self { width: number(width)?, height: number(height)? })
    }

    /// The sizes of the Codex backend if it chooses the shape itself: about 1.57 million pixels.
    const FREE: [Self; 5] = [
        Self { width: 1254, height: 1254 },
        Self { width: 1370, height: 1148 },
        Self { width: 1346, height: 1168 },
        Self { width: 1672, height: 941 },
        Self { width: 941, height: 1672 },
    ];

    /// The size that the backend chooses itself; it follows from `seed`.
    pub fn free(seed: u64) -> Self {
        Rng::with_seed(seed).choice(Self::FREE).unwrap_or(Self::AUTO)
    }

    /// The number of pixels.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// The size that `model` generates for `text`, or the message of the rejection. The `frames` of a
/// GIF share a sheet.
pub(super) fn read(text: &str, model: &str, frames: Option<u32>) -> Result<Size, String> {
    if text == "auto" {
        return Ok(Size::AUTO);
    }
    let reject = |why: &str| Err(format!("Invalid size '{text}'. {why}"));
    if !is_gpt(model) {
        return match Size::parse(text).filter(|size| size.pixels() <= *PIXELS.end()) {
            Some(size) => Ok(size),
            None => reject("Expected a size in the format WIDTHxHEIGHT, or auto."),
        };
    }
    if !model.starts_with("gpt-image-2") {
        return match Size::parse(text).filter(|_| FIXED.contains(&text)) {
            Some(size) => Ok(size),
            None => reject("Supported sizes are 1024x1024, 1024x1536, 1536x1024, and auto."),
        };
    }
    let Some(size) = Size::parse(text) else {
        return reject("Expected a size in the format WIDTHxHEIGHT, or auto.");
    };
    fault(size, frames).map_or(Ok(size), reject)
}

/// Why the models that take any size do not generate this one.
fn fault(size: Size, frames: Option<u32>) -> Option<&'static str> {
    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
    if size.width % 16 != 0 || size.height % 16 != 0 {
        return Some("Width and height must both be divisible by 16.");
    }
    if long > MAX_EDGE {
        return Some("The longest edge must be less than or equal to 3840 pixels.");
    }
    if u64::from(long) > 3 * u64::from(short) {
        return Some("The aspect ratio must not exceed 3:1.");
    }
    if let Some(frames) = frames {
        let fits = short <= longest_frame(frames);
        return (!fits).then_some("The frames do not fit onto the sheet.");
    }
    if size.pixels() < *PIXELS.start() {
        return Some("Requested resolution is below the current minimum pixel budget.");
    }
    if size.pixels() > *PIXELS.end() {
        return Some("Requested resolution exceeds the current pixel budget.");
    }
    None
}

/// The longest edge of this many frames of a GIF, measured for square frames (November 2026). The
/// layout of others is not known.
fn longest_frame(frames: u32) -> u32 {
    match frames {
        ..=9 => 960,
        10..=12 => 816,
        13.. => 720,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(text: &str, model: &str, why: &str) {
        let message = read(text, model, None).unwrap_err();
        assert!(message.contains(why), "{text}: {message}");
    }

    #[test]
    fn the_new_models_generate_any_size_within_the_rules() {
        for text in ["1024x1024", "3840x2160", "2160x3840", "640x1024", "2048x2048"] {
            assert_eq!(read(text, "gpt-image-2", None).unwrap().to_string(), text);
        }
        assert_eq!(read("auto", "gpt-image-2", None).unwrap(), Size::AUTO);
        rejected("1000x1024", "gpt-image-2", "divisible by 16");
        rejected("256x256", "gpt-image-2", "below the current minimum pixel budget");
        rejected("3840x3840", "gpt-image-2.5-flare", "exceeds the current pixel budget");
        rejected("4096x1024", "gpt-image-2", "3840");
        rejected("3072x512", "gpt-image-2", "3:1");
        rejected("+16x16", "gpt-image-2", "WIDTHxHEIGHT");
        rejected("huge", "gpt-image-2", "WIDTHxHEIGHT");
    }

    #[test]
    fn frames_of_a_gif_share_a_sheet() {
        assert!(read("960x960", "gpt-image-2.6-flare", Some(9)).is_ok());
        assert!(read("240x240", "gpt-image-2.6-flare", Some(2)).is_ok());
        for (text, frames) in [("1024x1024", 2), ("832x832", 10), ("736x736", 13)] {
            let message = read(text, "gpt-image-2.6-flare", Some(frames)).unwrap_err();
            assert!(message.contains("sheet"), "{message}");
        }
    }

    #[test]
    fn a_free_shape_has_about_1_57_million_pixels() {
        let sizes: Vec<_> = (0..64).map(Size::free).collect();
        assert!(Size::FREE.iter().all(|size| sizes.contains(size)));
        assert!(sizes.iter().all(|size| size.pixels().abs_diff(1_572_864) < 3_000));
    }

    #[test]
    fn the_older_models_generate_three_sizes() {
        assert!(read("1536x1024", "gpt-image-1.5", None).is_ok());
        rejected("2048x2048", "gpt-image-1-mini", "Supported sizes are");
    }
}
