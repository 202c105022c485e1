//! `request` and the sizes beside it: what one request, one image and one VM may take.

use super::error::ConfigError;
use super::file::{File, RequestFile};
use super::pointer::Pointer;
use super::units::Bytes;
use crate::openai::request::Limits;

/// The sections `request`, `max_image_bytes`, `max_buffered_bytes` and `max_open_exchanges`.
pub(super) struct Bounds {
    pub(super) request: Limits,
    pub(super) max_image_bytes: usize,
    pub(super) max_buffered_bytes: usize,
    pub(super) max_open_exchanges: usize,
}

impl Bounds {
    /// Reads its sections of `file`.
    ///
    /// # Errors
    ///
    /// The first number that is out of range.
    pub(super) fn compile(file: &File) -> Result<Self, ConfigError> {
        let root = Pointer::default();
        Ok(Self {
            request: compile_request(&file.request, &root.key("request"))?,
            max_image_bytes: bound(
                file.max_image_bytes.map(|size| size.0),
                DEFAULT_MAX_IMAGE_BYTES,
                MAX_IMAGE_BYTES,
                &root.key("max_image_bytes"),
            )?,
            max_buffered_bytes: bound(
                file.max_buffered_bytes.map(|size| size.0),
                DEFAULT_MAX_BUFFERED_BYTES,
                MAX_BUFFERED_BYTES,
                &root.key("max_buffered_bytes"),
            )?,
            max_open_exchanges: bound(
                file.max_open_exchanges,
                DEFAULT_MAX_OPEN_EXCHANGES,
                MAX_OPEN_EXCHANGES,
                &root.key("max_open_exchanges"),
            )?,
        })
    }
}

fn compile_request(file: &RequestFile, here: &Pointer) -> Result<Limits, ConfigError> {
    let default = Limits::default();
    let size = |name, value: Option<Bytes>, default, max| {
        bound(value.map(|size| size.0), default, max, &here.key(name))
    };
    let count = |name, value, default, max| bound(value, default, max, &here.key(name));
    Ok(Limits {
        max_body_bytes: size(
            "max_body_bytes",
            file.max_body_bytes,
            default.max_body_bytes,
            MAX_BODY_BYTES,
        )?,
        max_prompt_chars: count(
            "max_prompt_chars",
            file.max_prompt_chars,
            default.max_prompt_chars,
            MAX_PROMPT_CHARS,
        )?,
        max_n: bound(file.max_n, default.max_n, MAX_N, &here.key("max_n"))?,
        max_reference_images: count(
            "max_reference_images",
            file.max_reference_images,
            default.max_reference_images,
            MAX_REFERENCE_IMAGES,
        )?,
        max_edit_images: count(
            "max_edit_images",
            file.max_edit_images,
            default.max_edit_images,
            MAX_REFERENCE_IMAGES,
        )?,
        max_reference_image_bytes: size(
            "max_reference_image_bytes",
            file.max_reference_image_bytes,
            default.max_reference_image_bytes,
            MAX_REFERENCE_IMAGE_BYTES,
        )?,
    })
}

/// A number from 1 to `max`.
fn bound<T: TryFrom<u64> + From<u8> + PartialOrd>(
    value: Option<u64>,
    default: T,
    max: T,
    here: &Pointer,
) -> Result<T, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    let fits = |value: &T| (T::from(1)..=max).contains(value);
    T::try_from(value).ok().filter(fits).ok_or_else(|| here.out_of_range())
}

/// A 4K PNG that does not compress is 24 MB.
const DEFAULT_MAX_IMAGE_BYTES: usize = 24 << 20;
/// Its base64 is 85 MiB. The budget has room for a few of them.
const MAX_IMAGE_BYTES: usize = 64 << 20;
/// The largest budget.
const DEFAULT_MAX_BUFFERED_BYTES: usize = 512 << 20;
/// Linear memory ends at 1 GiB. An answer that is being written may take a quarter of that. A
/// quarter is left for fragmentation and small objects.
const MAX_BUFFERED_BYTES: usize = 512 << 20;
/// Each takes some kilobytes of linear memory while it waits for its image.
const DEFAULT_MAX_OPEN_EXCHANGES: usize = 10_000;
/// The bound is there so that a wrong number is noticed.
const MAX_OPEN_EXCHANGES: usize = 100_000;
/// Twice the default, which has room for one reference image of the largest default size in base64.
const MAX_BODY_BYTES: usize = 64 << 20;
/// Some thirty times the limit of the Images API. The bound is there so that a wrong unit is
/// noticed.
const MAX_PROMPT_CHARS: usize = 1_000_000;
/// The range of `n` in the OpenAI API reference.
const MAX_N: u32 = 10;
/// The most images that the OpenAI API reference allows for one edit.
const MAX_REFERENCE_IMAGES: usize = 16;
/// The largest image that the OpenAI API reference allows.
const MAX_REFERENCE_IMAGE_BYTES: usize = 50 << 20;
