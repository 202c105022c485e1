//! Whether a client requests events.

use super::error::RequestError;
use super::object::Object;

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
