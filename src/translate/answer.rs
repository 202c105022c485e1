//! Writes images as a response of the Images API, in one vector of exactly its length.
//!
//! serde writes the response with empty images. Each image is then spliced into its place. So the
//! megabytes are copied once, and each piece of an image is freed as soon as it is copied. At most
//! one response of a VM is in memory twice, and only while it is written.

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

/// `ImagesResponse` of the OpenAI API.
#[derive(Serialize)]
struct Answer<'a> {
    created: u64,
    data: Vec<ImageData<'a>>,
    #[serde(flatten)]
    common: Common<'a>,
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

#[derive(Serialize)]
struct ImageData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    b64_json: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revised_prompt: Option<&'a str>,
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
    let frame = frame(&images, format, now_secs);
    let base64 = images.iter().fold(0_usize, |sum, it| sum.saturating_add(it.base64.len()));
    let bytes = frame.len().saturating_add(base64);
    let mut answer = Vec::new();
    answer.try_reserve_exact(bytes).map_err(|_| OutOfMemory { bytes })?;
    let mut rest = frame.as_slice();
    for image in images {
        // A quote within a JSON string is escaped, so this never matches inside one.
        let place = match format {
            ResponseFormat::B64Json => {
                memchr::memmem::find(rest, b"\"b64_json\":\"").map(|at| at.saturating_add(12))
            }
            ResponseFormat::Url => {
                memchr::memmem::find(rest, b";base64,\"").map(|at| at.saturating_add(8))
            }
        };
        let (before, after) =
            rest.split_at_checked(place.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        answer.extend_from_slice(before);
        image.base64.drain_shared_into(&mut answer);
        rest = after;
    }
    answer.extend_from_slice(rest);
    Ok(answer)
}

/// The response without the bytes of its images.
fn frame(images: &[Image], format: ResponseFormat, now_secs: u64) -> Vec<u8> {
    let answer = Answer {
        created: images.first().and_then(|it| it.created_at).unwrap_or(now_secs),
        data: images.iter().map(|it| image(it, format)).collect(),
        common: Common::of(images),
    };
    // Serialisation of strings and numbers into a vector cannot fail.
    serde_json::to_vec(&answer).unwrap_or_default()
}

fn image(image: &Image, format: ResponseFormat) -> ImageData<'_> {
    let revised_prompt = image.revised_prompt.as_deref();
    match format {
        ResponseFormat::B64Json => ImageData { b64_json: Some(""), url: None, revised_prompt },
        ResponseFormat::Url => {
            let mime = sniff::mime(image.attributes.output_format.as_deref());
            ImageData { b64_json: None, url: Some(format!("data:{mime};base64,")), revised_prompt }
        }
    }
}

/// What comes before the base64 of an image that passes on. Its bytes are in the first format that
/// is known: `output_format`, else PNG. `created` is in Unix seconds.
#[must_use]
pub fn opening(format: ResponseFormat, output_format: Option<&str>, created: u64) -> Vec<u8> {
    let opening = match format {
        ResponseFormat::B64Json => format!(r#"{{"created":{created},"data":[{{"b64_json":""#),
        ResponseFormat::Url => {
            let mime = sniff::mime(output_format);
            format!(r#"{{"created":{created},"data":[{{"url":"data:{mime};base64,"#)
        }
    };
    opening.into_bytes()
}

/// What comes after the base64 of an image that has passed on.
#[must_use]
pub fn closing(image: &Image) -> Vec<u8> {
    /// The rest of a member of `data`, and of the answer.
    #[derive(Serialize)]
    struct Prompt<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        revised_prompt: Option<&'a str>,
    }
    // Serialisation of strings and numbers into a vector cannot fail.
    let prompt = Prompt { revised_prompt: image.revised_prompt.as_deref() };
    let prompt = serde_json::to_vec(&prompt).unwrap_or_default();
    let common = serde_json::to_vec(&Common::of(std::slice::from_ref(image))).unwrap_or_default();
    [b"\"", &*members(&prompt), b"}]", &members(&common), b"}"].concat()
}

/// The members of a written object after others: with a comma before them, if there are any, and
/// without its brackets.
fn members(object: &[u8]) -> Vec<u8> {
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
