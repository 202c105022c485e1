//! Whether a client requests events, and what cannot be sent as events.

use super::{ImageRequest, Object, OutputFormat, RequestError, ResponseFormat};

/// The options of a stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streaming {
    /// The most previews to send, 0 to 3.
    pub previews: u32,
}

impl Streaming {
    /// Reads `stream` and `partial_images`. `None` for one answer without events.
    pub(super) fn read(object: &mut Object<'_>) -> Result<Option<Self>, RequestError> {
        let streams = object.boolean("stream")?.unwrap_or(false);
        let previews = object.integer("partial_images", 0..=3)?.unwrap_or(0);
        if !streams && previews > 0 {
            let fault = "previews need 'stream': true. Send 0 or leave it out";
            return Err(RequestError::invalid_value("partial_images", fault));
        }
        Ok(streams.then_some(Self { previews }))
    }
}

impl ImageRequest<'_> {
    /// Rejects what cannot be sent as events.
    pub(super) fn check_streaming(&self) -> Result<(), RequestError> {
        if self.stream.is_none() {
            return Ok(());
        }
        if self.n > 1 {
            let fault = "'stream': true gives one image. Send 1";
            return Err(RequestError::invalid_value("n", fault));
        }
        if self.output_format == Some(OutputFormat::Svg) {
            let fault = "'output_format' 'svg' does not stream. Send false or leave it out";
            return Err(RequestError::invalid_value("stream", fault));
        }
        if self.response_format == Some(ResponseFormat::Url) {
            let fault = "events hold base64. With 'stream': true send 'b64_json' or leave it out";
            return Err(RequestError::invalid_value("response_format", fault));
        }
        Ok(())
    }
}
