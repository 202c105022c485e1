//! The families of image models and what each of them accepts.
//!
//! Sources: the OpenAI API reference for "Create image" and the image generation guide. The size
//! rule of `gpt-image-2` and later is a rule, not a list; the models before it know three sizes.
//! The rules for a name without a family are mild: a new model should not need a new filter.

use super::{
    choice::choice,
    request::option::{InputFidelity, OutputFormat},
};

choice! {
    /// How much work the model puts into the image.
    pub enum Quality {
        /// The fastest and cheapest.
        Low = "low",
        /// In between.
        Medium = "medium",
        /// The best that every model supports.
        High = "high",
        /// Better still; `gpt-image-2.5` and later.
        Xhigh = "xhigh",
        /// The most; `gpt-image-2.5` and later.
        Max = "max",
        /// The model decides.
        Auto = "auto",
    }
}

/// Models that accept the same sizes and qualities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `gpt-image-1`, `gpt-image-1-mini`, `gpt-image-1.5`, `chatgpt-image-latest`: three sizes.
    Fixed,
    /// `gpt-image-2`: any size within the rule.
    Ruled,
    /// `gpt-image-2.5-*` and `gpt-image-2.6-*`: any size within the rule, and two more qualities.
    RuledFine,
    /// An unknown name.
    Other,
}

impl Family {
    /// The family of the model called `name`. Dated snapshots (`gpt-image-2-2026-04-21`) and other
    /// suffixes after a hyphen belong to the base model.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let is = |base: &str| {
            name.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        if is("gpt-image-2.5") || is("gpt-image-2.6") {
            Self::RuledFine
        } else if is("gpt-image-2") {
            Self::Ruled
        } else if is("gpt-image-1") || is("gpt-image-1.5") || is("chatgpt-image-latest") {
            Self::Fixed
        } else {
            Self::Other
        }
    }

    /// The qualities that the family accepts.
    #[must_use]
    pub const fn qualities(self) -> &'static [Quality] {
        use Quality::{Auto, High, Low, Max, Medium, Xhigh};
        match self {
            Self::Fixed | Self::Ruled => &[Low, Medium, High, Auto],
            Self::RuledFine | Self::Other => &[Low, Medium, High, Xhigh, Max, Auto],
        }
    }

    /// The file formats that the family generates. GIF and SVG appeared when the models before
    /// `gpt-image-2` were about to end. Codex requests GIFs from `gpt-image-2`. Accounts may need
    /// access to them.
    #[must_use]
    pub const fn output_formats(self) -> &'static [OutputFormat] {
        use OutputFormat::{Gif, Jpeg, Png, Svg, Webp};
        match self {
            Self::Fixed => &[Png, Webp, Jpeg],
            Self::Ruled | Self::RuledFine | Self::Other => &[Png, Webp, Jpeg, Gif, Svg],
        }
    }

    /// Whether an edit may have a `markup`.
    #[must_use]
    pub const fn takes_markup(self) -> bool {
        matches!(self, Self::RuledFine | Self::Other)
    }

    /// The values of `input_fidelity` that the model called `name` accepts. The families with a
    /// rule for sizes always keep closely to their images and have no such option.
    #[must_use]
    pub fn input_fidelities(name: &str) -> &'static [InputFidelity] {
        match Self::of(name) {
            Self::Ruled | Self::RuledFine => &[],
            Self::Fixed if name.starts_with("gpt-image-1-mini") => &[InputFidelity::Low],
            Self::Fixed | Self::Other => &[InputFidelity::High, InputFidelity::Low],
        }
    }

    /// Checks that the family generates images of `width` x `height` pixels.
    ///
    /// # Errors
    ///
    /// The first rule that the size breaks.
    pub fn admit_size(self, width: u32, height: u32) -> Result<(), SizeError> {
        let (short, long) = (width.min(height), width.max(height));
        let pixels = u64::from(width).saturating_mul(u64::from(height));
        match self {
            Self::Fixed if FIXED_SIZES.contains(&(width, height)) => Ok(()),
            Self::Fixed => Err(SizeError::NotListed),
            Self::Ruled | Self::RuledFine if long > MAX_EDGE => Err(SizeError::EdgeTooLong),
            Self::Ruled | Self::RuledFine if width % EDGE_UNIT != 0 || height % EDGE_UNIT != 0 => {
                Err(SizeError::EdgeNotMultiple)
            }
            Self::Ruled | Self::RuledFine if long > short.saturating_mul(MAX_RATIO) => {
                Err(SizeError::TooNarrow)
            }
            Self::Ruled | Self::RuledFine if pixels < MIN_PIXELS => Err(SizeError::TooFewPixels),
            Self::Ruled | Self::RuledFine if pixels > MAX_PIXELS => Err(SizeError::TooManyPixels),
            Self::Other if short < MIN_OTHER_EDGE || long > MAX_OTHER_EDGE => {
                Err(SizeError::EdgeOutOfRange)
            }
            Self::Ruled | Self::RuledFine | Self::Other => Ok(()),
        }
    }

    /// Checks that the family generates GIFs of `frames` frames of `width` x `height` pixels.
    ///
    /// All frames share one sheet. So a frame has no minimum of pixels, but more frames must be
    /// smaller. The layout of the sheet is not public. A frame is rejected if it contains a square
    /// that the upstream has been seen to refuse.
    ///
    /// # Errors
    ///
    /// The first rule that the frames break.
    pub fn admit_frames(self, width: u32, height: u32, frames: u32) -> Result<(), SizeError> {
        match self.admit_size(width, height) {
            Ok(()) | Err(SizeError::TooFewPixels) => {}
            Err(fault) => return Err(fault),
        }
        let edge = match (self, frames) {
            (Self::Fixed | Self::Other, _) => return Ok(()),
            (Self::Ruled | Self::RuledFine, ..=9) => 960,
            (Self::Ruled | Self::RuledFine, 10..=12) => 816,
            (Self::Ruled | Self::RuledFine, 13..) => 720,
        };
        match width.min(height) > edge {
            true => Err(SizeError::FramesTooLarge { frames, edge }),
            false => Ok(()),
        }
    }

    /// The sizes that the family accepts of an image, or of the frames of a GIF, for a message.
    #[must_use]
    pub const fn accepted_sizes(self, frames: Option<u32>) -> &'static str {
        match self {
            Self::Fixed => "'1024x1024', '1024x1536', '1536x1024' and 'auto'",
            Self::Ruled | Self::RuledFine if frames.is_some() => {
                "'auto', or WIDTHxHEIGHT with edges up to 3840 that are multiples of 16, at most \
                 3 times as long as wide"
            }
            Self::Ruled | Self::RuledFine => {
                "'auto', or WIDTHxHEIGHT with edges up to 3840 that are multiples of 16, at most \
                 3 times as long as wide, and 655360 to 8294400 pixels in all"
            }
            Self::Other => "'auto', or WIDTHxHEIGHT with edges of 16 to 4096",
        }
    }
}

/// Why a family does not generate images of a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// The family supports only its listed sizes.
    #[error("the model does not make this size")]
    NotListed,
    /// An edge is longer than 3840 pixels.
    #[error("the longer edge is over 3840 pixels")]
    EdgeTooLong,
    /// An edge is not a multiple of 16 pixels.
    #[error("width and height must both be divisible by 16")]
    EdgeNotMultiple,
    /// The longer edge is more than three times the shorter one.
    #[error("the longer edge is more than 3 times the shorter one")]
    TooNarrow,
    /// Fewer than 655,360 pixels.
    #[error("the image has fewer than 655360 pixels")]
    TooFewPixels,
    /// More than 8,294,400 pixels.
    #[error("the image has more than 8294400 pixels")]
    TooManyPixels,
    /// The frames of a GIF do not fit onto their sheet.
    #[error(
        "the frames of a GIF share a sheet of at most {MAX_PIXELS} pixels, too few for {frames} frames \
         larger than {edge}x{edge}"
    )]
    FramesTooLarge {
        /// The number of frames.
        frames: u32,
        /// The edge of the largest square that fits, in pixels.
        edge: u32,
    },
    /// An edge of an unknown model is outside 16 to 4096 pixels.
    #[error("an edge is shorter than 16 or longer than 4096 pixels")]
    EdgeOutOfRange,
}

const FIXED_SIZES: [(u32, u32); 3] = [(1024, 1024), (1024, 1536), (1536, 1024)];
/// Pixels, `gpt-image-2` and later.
const MAX_EDGE: u32 = 3840;
/// Pixels, `gpt-image-2` and later.
const EDGE_UNIT: u32 = 16;
/// Longer to shorter edge, `gpt-image-2` and later.
const MAX_RATIO: u32 = 3;
const MIN_PIXELS: u64 = 655_360;
/// 3840 x 2160.
const MAX_PIXELS: u64 = 8_294_400;
/// Rejects nonsense for an unknown model without guessing its rule.
const MIN_OTHER_EDGE: u32 = 16;
const MAX_OTHER_EDGE: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::{Family, Quality, SizeError};

    #[test]
    fn names_with_a_suffix_belong_to_their_base_model() {
        for (name, family) in [
            ("gpt-image-1", Family::Fixed),
            ("gpt-image-1-mini", Family::Fixed),
            ("gpt-image-1.5", Family::Fixed),
            ("gpt-image-1.5-2025-12-16", Family::Fixed),
            ("chatgpt-image-latest", Family::Fixed),
            ("gpt-image-2", Family::Ruled),
            ("gpt-image-2-2026-04-21", Family::Ruled),
            ("gpt-image-2.5-sunburst", Family::RuledFine),
            ("gpt-image-2.5-flare-2026-09-08", Family::RuledFine),
            ("gpt-image-2.6-flare", Family::RuledFine),
            ("gpt-image-20", Family::Other),
            ("gpt-image-3", Family::Other),
            ("imagen-4", Family::Other),
            ("", Family::Other),
        ] {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }

    #[test]
    fn the_popular_sizes_pass_the_rule() {
        for (width, height) in
            [(1024, 1024), (2048, 2048), (2048, 1152), (3840, 2160), (2160, 3840), (1536, 1024)]
        {
            assert_eq!(Family::Ruled.admit_size(width, height), Ok(()), "{width}x{height}");
        }
    }

    #[test]
    fn each_part_of_the_rule_has_its_edge() {
        for (width, height, fault) in [
            (3856, 2160, SizeError::EdgeTooLong),
            (1000, 1024, SizeError::EdgeNotMultiple),
            (1024, 1000, SizeError::EdgeNotMultiple),
            (3088, 1024, SizeError::TooNarrow),
            (800, 800, SizeError::TooFewPixels),
            (3840, 2176, SizeError::TooManyPixels),
        ] {
            assert_eq!(Family::RuledFine.admit_size(width, height), Err(fault), "{width}x{height}");
        }
        assert_eq!(Family::Ruled.admit_size(3072, 1024), Ok(()));
        assert_eq!(Family::Ruled.admit_size(640, 1024), Ok(()));
        assert_eq!(Family::Ruled.admit_size(624, 1024), Err(SizeError::TooFewPixels));
    }

    #[test]
    fn the_more_frames_a_gif_has_the_smaller_they_are() {
        for (frames, edge) in [(2, 960), (9, 960), (10, 816), (12, 816), (13, 720), (16, 720)] {
            let fault = Err(SizeError::FramesTooLarge { frames, edge });
            for family in [Family::Ruled, Family::RuledFine] {
                assert_eq!(family.admit_frames(edge, edge, frames), Ok(()));
                assert_eq!(family.admit_frames(edge + 16, edge + 16, frames), fault);
                assert_eq!(family.admit_frames(1536, edge + 16, frames), fault);
                // No upstream has been seen to refuse these.
                assert_eq!(family.admit_frames(edge * 3, edge, frames).err(), None);
                assert_eq!(family.admit_frames(240, 240, frames), Ok(()));
            }
            assert_eq!(Family::Other.admit_frames(4096, 4096, frames), Ok(()));
        }
        assert_eq!(Family::Ruled.admit_frames(250, 240, 9), Err(SizeError::EdgeNotMultiple));
        assert_eq!(Family::Fixed.admit_frames(240, 240, 9), Err(SizeError::NotListed));
    }

    #[test]
    fn the_older_models_make_three_sizes() {
        assert_eq!(Family::Fixed.admit_size(1024, 1536), Ok(()));
        assert_eq!(Family::Fixed.admit_size(2048, 2048), Err(SizeError::NotListed));
    }

    #[test]
    fn an_unknown_model_may_make_any_reasonable_size() {
        assert_eq!(Family::Other.admit_size(16, 4096), Ok(()));
        assert_eq!(Family::Other.admit_size(15, 64), Err(SizeError::EdgeOutOfRange));
        assert_eq!(Family::Other.admit_size(4097, 64), Err(SizeError::EdgeOutOfRange));
    }

    #[test]
    fn the_finest_qualities_are_for_the_newest_models() {
        assert!(!Family::Ruled.qualities().contains(&Quality::Max));
        assert!(Family::RuledFine.qualities().contains(&Quality::Max));
        assert!(Family::Other.qualities().contains(&Quality::Xhigh));
    }
}
