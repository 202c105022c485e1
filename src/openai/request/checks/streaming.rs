//! What cannot be sent as events.

use super::super::ImageRequest;
use super::super::error::RequestError;
use super::super::option::{OutputFormat, ResponseFormat};

impl ImageRequest<'_> {
    /// Rejects what cannot be sent as events.
    pub(in crate::openai::request) fn check_streaming(&self) -> Result<(), RequestError> {
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
