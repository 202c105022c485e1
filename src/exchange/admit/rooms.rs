//! The memory that a request takes at admission, for what it holds until its image comes.

use crate::exchange::shared::{Shared, base64_len};
use crate::memory::Lease;
use crate::openai::error::{ClientFailure, Failure};
use crate::openai::request::{ImageRequest, OutputFormat};
use crate::openai::size::Size;
use crate::translate::collect::MAX_ANSWER_BYTES;

/// The pixels of the largest image that `auto` became in recordings (1536x1024).
const AUTO_PIXELS: u64 = 1536 * 1024;
/// A PNG of noise is as long as its RGBA bytes. Nothing is longer, some metadata apart.
const MAX_BYTES_PER_PIXEL: u64 = 4;

/// What a request holds from its admission on. An image takes its room when it begins.
#[derive(Debug)]
pub(crate) struct Rooms {
    /// The most bytes of base64 that one image may have.
    pub(crate) image: usize,
    /// Covers what goes upstream.
    pub(crate) sent: Lease,
    /// Covers the client's body, which is kept for another upstream.
    pub(crate) kept: Lease,
}

impl Shared {
    /// Takes room for what goes upstream, `sent` bytes for each call. `lease` is what the request
    /// already holds; `kept` bytes of it stay.
    ///
    /// If no other request holds anything, one request is admitted at any size: a small budget
    /// slows a worker down, it does not stop it.
    pub(crate) fn rooms(
        &self,
        mut lease: Lease,
        request: &ImageRequest<'_>,
        sent: usize,
        kept: usize,
    ) -> Result<Rooms, Failure> {
        let n = usize::try_from(request.n).unwrap_or(usize::MAX);
        let room = self.room(request);
        if n > 1 && room.saturating_mul(n) > MAX_ANSWER_BYTES {
            let fit = MAX_ANSWER_BYTES.checked_div(room).unwrap_or(1).max(1);
            return Err(Failure::Client(ClientFailure::TooManyImages { fit }));
        }
        let all = sent.saturating_mul(n).saturating_add(kept);
        lease.cover_first(all).map_err(|_| Failure::overloaded())?;
        let kept = lease.split(kept);
        Ok(Rooms { image: room, sent: lease, kept })
    }

    /// The same for a request whose answer passes through: what goes upstream once.
    pub(crate) fn relay_rooms(&self, mut lease: Lease, sent: usize) -> Result<Rooms, Failure> {
        lease.cover_first(sent).map_err(|_| Failure::overloaded())?;
        let kept = lease.split(0);
        Ok(Rooms { image: 0, sent: lease, kept })
    }

    /// The most bytes of base64 that one image of the request may have.
    fn room(&self, request: &ImageRequest<'_>) -> usize {
        let pixels = match request.size {
            Size::Auto => AUTO_PIXELS,
            Size::Exact { width, height } => u64::from(width).saturating_mul(u64::from(height)),
        };
        let frames = request.frames().unwrap_or(1);
        let bytes = match request.output_format {
            // A drawing of text; bounded by `max_image_bytes` alone.
            Some(OutputFormat::Svg) => AUTO_PIXELS,
            _ => pixels.saturating_mul(MAX_BYTES_PER_PIXEL).saturating_mul(u64::from(frames)),
        };
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        base64_len(bytes.min(self.config.max_image_bytes()))
    }
}
