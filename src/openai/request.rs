//! The body of `POST /v1/images/generations` and of `POST /v1/images/edits` as a type.
//!
//! [`ImageRequest::parse`] and [`ImageRequest::parse_edit`] read everything that does not depend on
//! the model. [`ImageRequest::check_model`] checks the rest when the model is known. A value that
//! cannot be honoured is an error that names the field: nothing is dropped, clamped or guessed
//! (OpenAI API reference, "Create image" and "Create image edit").
//!
//! Strings are borrowed from the body, which may be 20 MB of reference images. They are copied only
//! if JSON escapes make it necessary.

mod checks;
mod edit;
mod error;
mod field;
mod fields;
mod form;
mod format;
mod limits;
mod member;
mod object;
pub(super) mod option;
mod streaming;
mod text;

use std::borrow::Cow;

pub use edit::{Edit, Encoding, ImagesName};
pub use error::{RequestCode, RequestError};
pub use fields::{EDIT_FIELDS, FIELDS, FORM_FIELDS};
pub use format::Svg;
pub use limits::Limits;
pub use option::{
    Background, Complexity, Effort, InputFidelity, Moderation, OutputFormat, ResponseFormat,
};
pub use streaming::Streaming;

use self::{
    field::{read_images, read_model, read_prompt, read_size, read_user},
    form::Form,
    object::{Object, UnknownWord},
};
use super::{endpoint::Endpoint, model::Quality, reference_image::ReferenceImage, size::Size};

#[cfg(test)]
mod tests;

/// A well-formed request for images or for an edit of images. A field is `None` if it is absent or
/// `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRequest<'a> {
    /// The prompt, exactly as the client wrote it. It is not empty.
    pub prompt: Cow<'a, str>,
    /// 1 to 128 visible ASCII characters.
    pub model: Option<Cow<'a, str>>,
    /// The number of images, 1 to `max_n`.
    pub n: u32,
    /// The size. [`check_model`](Self::check_model) checks that the model generates it.
    pub size: Size,
    /// The quality.
    pub quality: Option<Quality>,
    /// Whether there is a background.
    pub background: Option<Background>,
    /// How strict the moderation is.
    pub moderation: Option<Moderation>,
    /// The file format.
    pub output_format: Option<OutputFormat>,
    /// 0 to 100, for WebP and JPEG.
    pub output_compression: Option<u32>,
    /// How elaborate the image is.
    pub complexity: Option<Complexity>,
    /// 2 to 16 frames, for GIF.
    pub frame_count: Option<u32>,
    /// 10 to 655350 ms for each frame, for GIF. The upstream rounds it to 10 ms.
    pub frame_duration_ms: Option<u32>,
    /// Options of SVG.
    pub svg: Option<Svg<'a>>,
    /// How the image is delivered to the client.
    pub response_format: Option<ResponseFormat>,
    /// The user that the image is for: 1 to 256 characters, none of them a control character.
    pub user: Option<Cow<'a, str>>,
    /// The field that names the user: `user` or `safety_identifier`.
    pub user_field: &'static str,
    /// Images that the prompt refers to, or that are edited, in the client's order.
    pub images: Vec<ReferenceImage<'a>>,
    /// The options of the stream of events. `None` for one answer without events.
    pub stream: Option<Streaming>,
    /// The fields of an edit. `None` for a generation.
    pub edit: Option<Edit<'a>>,
    /// A word that [`check_model`](Self::check_model) rejects for any model.
    unknown: Option<UnknownWord>,
}

impl<'a> ImageRequest<'a> {
    /// Reads the body of a request to `endpoint`. The caller has checked `limits.max_body_bytes`.
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
            Endpoint::Generations
            | Endpoint::Variations
            | Endpoint::Limits
            | Endpoint::Models
            | Endpoint::Model => Self::parse(body, limits),
        }
    }

    /// Reads the body of a generation. The caller has checked `limits.max_body_bytes`.
    ///
    /// # Errors
    ///
    /// The first error found. A body that is not JSON is reported before any error of a field.
    pub fn parse(body: &'a [u8], limits: &Limits) -> Result<Self, RequestError> {
        let mut object = Object::parse(body, FIELDS)?;
        let mut request = Self::read(&mut object, limits)?;
        request.images = read_images(&mut object, limits)?;
        request.unknown = object.take_unknown();
        request.check_format()?;
        request.check_streaming()?;
        Ok(request)
    }

    /// Reads the body of an edit. The caller has checked `limits.max_body_bytes`.
    ///
    /// # Errors
    ///
    /// The first error found. A body that is not in its encoding is reported before any error of a
    /// field.
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

    /// Reads the fields that generations and edits have in common.
    fn read(object: &mut Object<'a>, limits: &Limits) -> Result<Self, RequestError> {
        reject_unserved(object)?;
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

/// Rejects fields of the OpenAI API that this gateway does not serve.
fn reject_unserved(object: &mut Object<'_>) -> Result<(), RequestError> {
    for (name, fault) in UNSERVED {
        if object.take(name).is_some() {
            return Err(RequestError::unsupported_parameter(name, fault));
        }
    }
    Ok(())
}

/// Fields of the OpenAI API that are rejected by name, and what to do instead.
const UNSERVED: [(&str, &str); 1] =
    [("style", "Only DALL-E 3 knew it. Describe the style in 'prompt'")];
