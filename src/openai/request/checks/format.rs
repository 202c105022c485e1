//! Rules between fields: what each output format supports.

use super::super::ImageRequest;
use super::super::error::RequestError;
use super::super::option::{Background, OutputFormat};

#[cfg(test)]
mod tests;

impl ImageRequest<'_> {
    /// Rejects fields that the output format does not support.
    pub(in crate::openai::request) fn check_format(&self) -> Result<(), RequestError> {
        if self.unknown.as_ref().is_some_and(|it| it.field == "output_format") {
            // The format is at fault, and not the fields that need another one.
            return Ok(());
        }
        let format = self.output_format;
        if self.background == Some(Background::Transparent)
            && !matches!(format, None | Some(OutputFormat::Png | OutputFormat::Webp))
        {
            return Err(needs("background", "'transparent' needs 'output_format' 'png' or 'webp'"));
        }
        if format == Some(OutputFormat::Gif) {
            self.check_gif()?;
        }
        if self.output_compression.is_some_and(|quality| !may_compress(format, quality)) {
            return Err(needs(
                "output_compression",
                "it needs 'output_format' 'jpeg' or 'webp'; with 'png' only 100 is accepted",
            ));
        }
        if format != Some(OutputFormat::Gif) {
            for (param, value) in
                [("frame_count", self.frame_count), ("frame_duration_ms", self.frame_duration_ms)]
            {
                if value.is_some() {
                    return Err(needs(param, "it needs 'output_format' 'gif'"));
                }
            }
        }
        if self.svg.is_some() && format != Some(OutputFormat::Svg) {
            return Err(needs("svg", "it needs 'output_format' 'svg'"));
        }
        if format == Some(OutputFormat::Svg) && self.n > 1 {
            return Err(needs("n", "'output_format' 'svg' gives one image. Send 1"));
        }
        Ok(())
    }

    /// Rejects what a GIF cannot have (OpenAI API reference, `output_format`).
    fn check_gif(&self) -> Result<(), RequestError> {
        if self.stream.is_some() {
            return Err(needs(
                "stream",
                "'output_format' 'gif' does not stream. Send false or leave it out",
            ));
        }
        if self.output_compression.is_some() {
            return Err(needs(
                "output_compression",
                "'output_format' 'gif' knows no compression. Leave it out",
            ));
        }
        if self.edit.as_ref().is_some_and(|it| it.mask.is_some()) {
            return Err(needs("mask", "'output_format' 'gif' knows no masks. Leave it out"));
        }
        Ok(())
    }

    /// The number of frames of the GIF. `None` if the image is not a GIF.
    #[must_use]
    pub fn frames(&self) -> Option<u32> {
        let is_gif = self.output_format == Some(OutputFormat::Gif);
        is_gif.then(|| self.frame_count.unwrap_or(DEFAULT_FRAMES))
    }
}

/// Frames of a GIF that names no number (OpenAI API reference, `frame_count`).
const DEFAULT_FRAMES: u32 = 9;

/// Whether `format` supports the compression level `quality`. Some clients always send 100, which
/// is the level of a PNG anyway.
fn may_compress(format: Option<OutputFormat>, quality: u32) -> bool {
    match format {
        Some(OutputFormat::Jpeg | OutputFormat::Webp) => true,
        None | Some(OutputFormat::Png) => quality == 100,
        Some(OutputFormat::Gif | OutputFormat::Svg) => false,
    }
}

fn needs(param: &'static str, fault: &str) -> RequestError {
    RequestError::invalid_value(param, fault)
}
