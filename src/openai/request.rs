//! The body of `POST /v1/images/generations` and of `POST /v1/images/edits` as a type.
//!
//! [`ImageRequest::parse`] and [`ImageRequest::parse_edit`] read what does not depend on the model;
//! [`ImageRequest::check_model`] judges the rest once the model is known. A value that cannot be honoured is an error that names
//! the field: nothing is dropped, clamped or guessed (OpenAI API reference, "Create image" and "Create
//! image edit").
//!
//! Strings are borrowed from the body, which may be 20 MB of reference images, and copied only
//! where JSON escapes make it necessary.

mod edit;
mod error;
mod field;
mod form;
mod format;
mod member;
mod model;
mod object;
mod option;
mod streaming;

use std::borrow::Cow;

pub use edit::{EDIT_FIELDS, Edit, Encoding, ImagesName};
pub use error::{RequestCode, RequestError};
pub use form::FORM_FIELDS;
pub use format::Svg;
pub use option::{
    Background, Complexity, Effort, InputFidelity, Moderation, OutputFormat, ResponseFormat,
};
pub use streaming::Streaming;

use self::{
    field::{read_images, read_model, read_prompt, read_size, read_user},
    form::Form,
    member::Member,
    object::{Object, UnknownWord},
};
use super::{endpoint::Endpoint, model::Quality, reference_image::ReferenceImage, size::Size};

#[cfg(test)]
mod tests;

/// What an operator allows a request to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body.
    pub max_body_bytes: usize,
    /// Unicode scalar values of the prompt.
    pub max_prompt_chars: usize,
    /// Images of one request.
    pub max_n: u32,
    /// Entries of `images` of a generation.
    pub max_reference_images: usize,
    /// Images of an edit, without its mask or markup.
    pub max_edit_images: usize,
    /// Decoded bytes of one image, mask or markup.
    pub max_reference_image_bytes: usize,
}

impl Default for Limits {
    /// `max_prompt_chars`, `max_n` and `max_edit_images` are OpenAI's; the others bound memory.
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            max_prompt_chars: 32_000,
            max_n: 10,
            max_reference_images: 10,
            max_edit_images: 16,
            max_reference_image_bytes: 20 << 20,
        }
    }
}

/// A well-formed request for images or for an edit of images. `None` is a field that is absent or `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRequest<'a> {
    /// What to draw, exactly as the client wrote it; not empty.
    pub prompt: Cow<'a, str>,
    /// 1 to 128 visible ASCII characters.
    pub model: Option<Cow<'a, str>>,
    /// How many images, 1 to `max_n`.
    pub n: u32,
    /// How large; whether the model makes it is [`check_model`](Self::check_model)'s to say.
    pub size: Size,
    /// How well.
    pub quality: Option<Quality>,
    /// With a background or without.
    pub background: Option<Background>,
    /// How strictly judged.
    pub moderation: Option<Moderation>,
    /// In which format.
    pub output_format: Option<OutputFormat>,
    /// 0 to 100; of WebP and JPEG.
    pub output_compression: Option<u32>,
    /// How elaborate.
    pub complexity: Option<Complexity>,
    /// 2 to 16 frames; of GIF.
    pub frame_count: Option<u32>,
    /// 10 to 655350 ms for each frame; of GIF. The upstream rounds it to 10 ms.
    pub frame_duration_ms: Option<u32>,
    /// Options of SVG.
    pub svg: Option<Svg<'a>>,
    /// How the client wants the image handed over.
    pub response_format: Option<ResponseFormat>,
    /// Whom the image is for; 1 to 256 characters, none of them a control character.
    pub user: Option<Cow<'a, str>>,
    /// The field that names the user: `user` or `safety_identifier`.
    pub user_field: &'static str,
    /// Images that the prompt refers to, or that are edited, in the client's order.
    pub images: Vec<ReferenceImage<'a>>,
    /// What the client wants of its events; `None`: one answer, no events.
    pub stream: Option<Streaming>,
    /// What only an edit has; `None`: a generation.
    pub edit: Option<Edit<'a>>,
    /// What [`check_model`](Self::check_model) refuses whatever the model.
    unknown: Option<UnknownWord>,
}

impl<'a> ImageRequest<'a> {
    /// Reads the body of a request to `endpoint`. The caller has held it to `limits.max_body_bytes`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse) and [`parse_edit`](Self::parse_edit).
    pub fn parse_for(
        endpoint: Endpoint,
        body: &'a [u8],
        encoding: &'a Encoding,
        limits: &Limits,
    ) -> Result<Self, RequestError> {
        match endpoint {
            Endpoint::Edits => Self::parse_edit(body, encoding, limits),
            Endpoint::Generations | Endpoint::Variations | Endpoint::Limits => {
                Self::parse(body, limits)
            }
        }
    }

    /// Reads the body of a generation. The caller has held it to `limits.max_body_bytes`.
    ///
    /// # Errors
    ///
    /// The first fault found; a body that is not JSON comes before any fault of a field.
    pub fn parse(body: &'a [u8], limits: &Limits) -> Result<Self, RequestError> {
        let mut object = Object::parse(body, FIELDS)?;
        let mut request = Self::read(&mut object, limits)?;
        request.images = read_images(&mut object, limits)?;
        request.unknown = object.take_unknown();
        request.check_format()?;
        request.check_streaming()?;
        Ok(request)
    }

    /// Reads the body of an edit. The caller has held it to `limits.max_body_bytes`.
    ///
    /// # Errors
    ///
    /// The first fault found; a body that is not in its encoding comes before any fault of a field.
    pub fn parse_edit(
        body: &'a [u8],
        encoding: &'a Encoding,
        limits: &Limits,
    ) -> Result<Self, RequestError> {
        let mut object;
        let (mut request, (images, edit)) = match encoding {
            Encoding::Json => {
                object = Object::parse(body, EDIT_FIELDS)?;
                (Self::read(&mut object, limits)?, edit::read(&mut object, limits)?)
            }
            Encoding::Form(boundary) => {
                let mut form = Form::parse(body, boundary, limits)?;
                object = form.fields();
                (Self::read(&mut object, limits)?, form.read(&mut object, limits)?)
            }
        };
        request.images = images;
        request.edit = Some(edit);
        request.unknown = object.take_unknown();
        request.check_markup()?;
        request.check_format()?;
        request.check_streaming()?;
        Ok(request)
    }

    /// The user, if the field that names it is `safety_identifier`.
    pub fn safety_identifier(&self) -> Option<&str> {
        self.user.as_deref().filter(|_| self.user_field == "safety_identifier")
    }

    /// Reads what generations and edits have in common.
    fn read(object: &mut Object<'a>, limits: &Limits) -> Result<Self, RequestError> {
        refuse_unserved(object)?;
        let (user, user_field) = read_user(object)?;
        Ok(Self {
            prompt: read_prompt(object, limits.max_prompt_chars)?,
            model: object.take("model").map(|member| read_model(&member)).transpose()?,
            n: object.integer("n", 1..=limits.max_n)?.unwrap_or(1),
            size: object.take("size").map_or(Ok(Size::Auto), |member| read_size(&member))?,
            quality: object.word("quality")?,
            background: object.choice("background")?,
            moderation: object.choice("moderation")?,
            output_format: object.word("output_format")?,
            output_compression: object.integer("output_compression", 0..=100)?,
            complexity: object.choice("complexity")?,
            frame_count: object.integer("frame_count", 2..=16)?,
            frame_duration_ms: object.integer("frame_duration_ms", 10..=MAX_FRAME_MS)?,
            svg: match object.take("svg") {
                Some(member) => Some(Svg::read(&member)?),
                None => Svg::read_fields(object)?,
            },
            response_format: object.choice("response_format")?,
            user,
            user_field,
            images: Vec::new(),
            stream: Streaming::read(object)?,
            edit: None,
            unknown: None,
        })
    }
}

/// The longest that a GIF can show a frame: 16 bits of hundredths of a second.
const MAX_FRAME_MS: u32 = 655_350;

/// Refuses what the OpenAI API has and this gateway has not.
fn refuse_unserved(object: &mut Object<'_>) -> Result<(), RequestError> {
    for (name, fault) in UNSERVED {
        if object.take(name).is_some() {
            return Err(RequestError::unsupported_parameter(name, fault));
        }
    }
    Ok(())
}

/// Every field of a generation that is known, served or not.
pub const FIELDS: &[&str] = &[
    "prompt",
    "model",
    "n",
    "size",
    "quality",
    "background",
    "moderation",
    "output_format",
    "output_compression",
    "partial_images",
    "stream",
    "response_format",
    "style",
    "user",
    "safety_identifier",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "svg",
    "images",
];

/// Fields of the OpenAI API that are refused by name, and what to do instead.
const UNSERVED: [(&str, &str); 1] =
    [("style", "Only DALL-E 3 knew it. Describe the style in 'prompt'")];
