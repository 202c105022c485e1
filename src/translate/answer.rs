//! Writes images as a response of the Images API, in one vector of exactly its length.
//!
//! What is around the images is written first. So the length is known, the megabytes are copied
//! once, and each piece of an image is freed as soon as it is copied. At most one response of a VM
//! is in memory twice, and only while it is written. An image that passes through has the same
//! around it.

use serde::Serialize;

use crate::openai::request::ResponseFormat;
use crate::upstream::usage::{ImageUsage, TokenDetails};

use super::collect::Image;
use super::sniff;

/// The response does not fit into the remaining memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no memory for an answer of {bytes} bytes")]
pub struct OutOfMemory {
    /// The length of the response.
    pub bytes: usize,
}

/// What the images have in common.
#[derive(Serialize)]
struct Common<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// `ImagesUsage`. Clients reject one without its details, so they are always there, with zeros for
/// what the upstream does not report.
#[derive(Default, Serialize)]
pub(super) struct Usage {
    input_tokens: u64,
    input_tokens_details: Details,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<Details>,
    total_tokens: u64,
}

#[derive(Default, Serialize)]
struct Details {
    image_tokens: u64,
    text_tokens: u64,
}

/// Writes the response with `images` in their order. `now_secs` is the Unix time, used if the
/// upstream did not report when it began.
///
/// What the images have in common is written once, taken from the first.
///
/// # Errors
///
/// [`OutOfMemory`]. The images are lost then.
pub fn write(
    images: Vec<Image>,
    format: ResponseFormat,
    now_secs: u64,
) -> Result<Vec<u8>, OutOfMemory> {
    let created = images.first().and_then(|it| it.created_at).unwrap_or(now_secs);
    let (head, tail) = (head(created), tail(&images));
    let frames: Vec<_> = images
        .iter()
        .map(|it| (start(it.attributes.output_format.as_deref(), format), end(it)))
        .collect();
    // A comma between two images.
    let mut bytes = head.len().saturating_add(tail.len()).saturating_add(images.len());
    for (image, (start, end)) in images.iter().zip(&frames) {
        bytes = [start.len(), image.base64.len(), end.len()]
            .into_iter()
            .fold(bytes, |sum, len| sum.saturating_add(len));
    }
    let mut answer = Vec::new();
    answer.try_reserve_exact(bytes).map_err(|_| OutOfMemory { bytes })?;
    answer.extend_from_slice(&head);
    for (place, (image, (start, end))) in images.into_iter().zip(frames).enumerate() {
        answer.extend_from_slice(if place == 0 { b"" } else { b"," });
        answer.extend_from_slice(&start);
        image.base64.drain_shared_into(&mut answer);
        answer.extend_from_slice(&end);
    }
    answer.extend_from_slice(&tail);
    Ok(answer)
}

/// What comes before the base64 of the only image of a response. `output_format` is that of its
/// bytes; PNG if it is not known. `created` is in Unix seconds.
#[must_use]
pub fn opening(format: ResponseFormat, output_format: Option<&str>, created: u64) -> Vec<u8> {
    [head(created), start(output_format, format)].concat()
}

/// What comes after the base64 of the only image of a response.
#[must_use]
pub fn closing(image: &Image) -> Vec<u8> {
    [end(image), tail(std::slice::from_ref(image))].concat()
}

/// The response up to its first image.
fn head(created: u64) -> Vec<u8> {
    format!(r#"{{"created":{created},"data":["#).into_bytes()
}

/// A member of `data` up to its base64.
fn start(output_format: Option<&str>, format: ResponseFormat) -> Vec<u8> {
    match format {
        ResponseFormat::B64Json => br#"{"b64_json":""#.to_vec(),
        ResponseFormat::Url => {
            format!(r#"{{"url":"data:{};base64,"#, sniff::mime(output_format)).into_bytes()
        }
    }
}

/// A member of `data` after its base64.
fn end(image: &Image) -> Vec<u8> {
    #[derive(Serialize)]
    struct Prompt<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        revised_prompt: Option<&'a str>,
    }
    let prompt = Prompt { revised_prompt: image.revised_prompt.as_deref() };
    [b"\"", &*members(&prompt), b"}"].concat()
}

/// The response after its last image.
fn tail(images: &[Image]) -> Vec<u8> {
    [b"]", &*members(&Common::of(images)), b"}"].concat()
}

/// The members of an object after others: with a comma before them, if there are any, and without
/// its brackets.
fn members(object: &impl Serialize) -> Vec<u8> {
    // Serialisation of strings and numbers into a vector cannot fail.
    let object = serde_json::to_vec(object).unwrap_or_default();
    match object.get(1..object.len().saturating_sub(1)) {
        Some(members) if !members.is_empty() => [b",", members].concat(),
        Some(_) | None => Vec::new(),
    }
}

/// The tokens of all images that report theirs.
pub fn usage<'p>(images: impl IntoIterator<Item = &'p Image>) -> Option<ImageUsage> {
    images.into_iter().filter_map(|it| it.usage).reduce(ImageUsage::plus)
}

impl<'a> Common<'a> {
    /// Taken from the first image.
    fn of(images: &'a [Image]) -> Self {
        let first = images.first();
        let shared = |pick: fn(&Image) -> Option<&str>| first.and_then(pick);
        Self {
            background: shared(|it| it.attributes.background.as_deref())
                .filter(|it| matches!(*it, "transparent" | "opaque")),
            output_format: shared(|it| it.attributes.output_format.as_deref()),
            quality: shared(|it| it.attributes.quality.as_deref()),
            size: shared(|it| it.attributes.size.as_deref()),
            usage: usage(images).map(Usage::of),
        }
    }
}

impl Usage {
    /// The tokens of one image. Unknown ones are zero, because events must have them.
    pub(super) fn of_event(usage: Option<ImageUsage>) -> Self {
        usage.map(Self::of).unwrap_or_default()
    }

    fn of(usage: ImageUsage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            input_tokens_details: usage.input_details.map(Details::of).unwrap_or_default(),
            output_tokens: usage.output_tokens,
            output_tokens_details: usage.output_details.map(Details::of),
            total_tokens: usage.total_tokens,
        }
    }
}

impl Details {
    fn of(details: TokenDetails) -> Self {
        Self { image_tokens: details.image_tokens, text_tokens: details.text_tokens }
    }
}
