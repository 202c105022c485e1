//! What all exchanges of one plugin configuration share.

use std::cell::Cell;
use std::time::Duration;

use crate::config::Config;
use crate::memory::{Budget, Exhausted, Lease};
use crate::openai::request::{ImageRequest, OutputFormat};
use crate::openai::size::Size;
use crate::translate::collect::Bounds;

/// How long the first bytes of a body may take. A client that uploads slowly sends some in that time.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The same before this VM has seen any body at all: Envoy then likely holds them back, because
/// `allow_on_headers_stop_iteration` is not set.
pub const FIRST_BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The pixels of the largest picture that `auto` became in recordings (1536x1024).
const AUTO_PIXELS: u64 = 1536 * 1024;
/// A PNG of noise is as long as its RGBA bytes; nothing is longer, some metadata apart.
const MAX_BYTES_PER_PIXEL: u64 = 4;

/// One configuration in force and what the exchanges under it share.
#[derive(Debug)]
pub struct Gate {
    /// The configuration.
    pub config: Config,
    budget: Budget,
    bodies_come: Cell<bool>,
}

impl Gate {
    /// A gate under `config`, over the byte budget of its VM.
    pub fn new(config: Config, budget: Budget) -> Self {
        Self { config, budget, bodies_come: Cell::new(false) }
    }

    /// An empty lease of the byte budget.
    pub(super) fn lease(&self) -> Lease {
        self.budget.lease(self.config.max_buffered_bytes())
    }

    /// What bounds the collector of a call.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            max_base64_bytes: base64_len(self.config.max_image_bytes()),
            budget: self.budget.clone(),
            max_buffered_bytes: self.config.max_buffered_bytes(),
            last_partial: self.config.accept_last_partial(),
        }
    }

    /// Takes room for each picture of a request: as much as the largest that it may become, so that
    /// a picture that was admitted, and is paid for upstream, has its place when it comes.
    pub(super) fn rooms(&self, request: &ImageRequest<'_>) -> Result<Vec<Lease>, Exhausted> {
        let pixels = match request.size {
            Size::Auto => AUTO_PIXELS,
            Size::Exact { width, height } => u64::from(width).saturating_mul(u64::from(height)),
        };
        let bytes = match request.output_format {
            // A drawing of text; bounded by `max_image_bytes` alone.
            Some(OutputFormat::Svg) => AUTO_PIXELS,
            _ => pixels.saturating_mul(MAX_BYTES_PER_PIXEL),
        };
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let room = base64_len(bytes.min(self.config.max_image_bytes()));
        let room_for_one = |_| {
            let mut lease = self.lease();
            lease.cover_first(room).map(|()| lease)
        };
        (0..request.n).map(room_for_one).collect()
    }

    /// A body reached the filter: Envoy does not hold them back.
    pub(super) fn note_body(&self) {
        self.bodies_come.set(true);
    }

    /// Whether any body has reached the filter yet.
    pub(super) fn bodies_come(&self) -> bool {
        self.bodies_come.get()
    }
}

/// The length of `bytes` bytes in base64, padding included.
fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}
