//! What an upstream accepts. A request that exceeds it goes to the next upstream instead.

use super::error::ConfigError;
use super::file::{ImageUrlsFile, UpstreamFile};
use super::pointer::Pointer;

/// The limits of an upstream. By default each is that of the filter.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Reference images of one edit, its mask or markup not counted; 1 to 16.
    pub edit_images: usize,
    /// The body that is sent to it, in bytes; `usize::MAX` if there is no limit.
    pub request_bytes: usize,
    /// Whether it fetches images from `https:` URLs, or takes `data:` URLs only.
    pub https_images: bool,
    /// Previews that it sends; 0 to 3.
    pub partial_images: u32,
    /// Whether it takes the mask of an edit, or its markup.
    pub masks: bool,
}

impl Capacity {
    /// Compiles `file`, which is at `here`.
    pub(super) fn compile(file: &UpstreamFile, here: &Pointer) -> Result<Self, ConfigError> {
        let edit_images = match file.max_edit_images {
            None => MAX_EDIT_IMAGES,
            Some(count) => usize::try_from(count)
                .ok()
                .filter(|count| (1..=MAX_EDIT_IMAGES).contains(count))
                .ok_or_else(|| here.key("max_edit_images").out_of_range())?,
        };
        let request_bytes = match &file.max_request_bytes {
            None => usize::MAX,
            Some(size) => usize::try_from(size.0)
                .ok()
                .filter(|size| (1..=MAX_REQUEST_BYTES).contains(size))
                .ok_or_else(|| here.key("max_request_bytes").out_of_range())?,
        };
        let partial_images = match file.max_partial_images {
            None => MAX_PARTIAL_IMAGES,
            Some(count) => u32::try_from(count)
                .ok()
                .filter(|count| *count <= MAX_PARTIAL_IMAGES)
                .ok_or_else(|| here.key("max_partial_images").out_of_range())?,
        };
        let https_images = !matches!(file.image_urls, Some(ImageUrlsFile::Data));
        let masks = file.masks.unwrap_or(true);
        Ok(Self { edit_images, request_bytes, https_images, partial_images, masks })
    }
}

/// The most images that the OpenAI API reference allows for one edit.
const MAX_EDIT_IMAGES: usize = 16;
/// The largest request body of the filter, with base64 applied twice. Nothing that it sends is
/// larger.
const MAX_REQUEST_BYTES: usize = 256 << 20;
/// `partial_images` of the OpenAI API reference.
const MAX_PARTIAL_IMAGES: u32 = 3;
