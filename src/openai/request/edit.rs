//! The fields that only an edit has, and its JSON form (OpenAI API reference, "Create image edit").

use std::borrow::Cow;

use super::error::RequestError;
use super::limits::Limits;
use super::member::Member;
use super::object::Object;
use super::option::InputFidelity;
use crate::multipart::Boundary;
use crate::openai::reference_image::{ReferenceImage, ReferenceImageError};

/// The fields that only an edit has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit<'a> {
    /// An image with transparent areas where the first image is edited.
    pub mask: Option<ReferenceImage<'a>>,
    /// A drawing over the first image that shows what to change. Never together with a mask.
    pub markup: Option<ReferenceImage<'a>>,
    /// How closely the edit keeps to the images.
    pub input_fidelity: Option<InputFidelity>,
    /// The name that the client has for its images.
    pub images_name: ImagesName,
}

/// How the body of an edit is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// A JSON object.
    Json,
    /// `multipart/form-data`.
    Form(Boundary),
}

/// The field of the images of a request, for errors that name one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImagesName {
    /// `images`, an array.
    #[default]
    Images,
    /// `image`, one file.
    Image,
    /// `image[]`, once for each file; `image[2]` in errors.
    ImageList,
}

impl ImagesName {
    /// `param`, a field of a generation such as `images[2]`, by the name that this client has for
    /// it.
    #[must_use]
    pub fn of(self, param: &str) -> Cow<'_, str> {
        match (self, param.strip_prefix("images")) {
            (Self::Images, _) | (_, None) => param.into(),
            (Self::Image, Some(_)) => "image".into(),
            (Self::ImageList, Some(index)) => format!("image{index}").into(),
        }
    }
}

/// Reads `images`, `mask` and `markup`, each an object with an `image_url`. OpenAI describes
/// `markup` for forms only. In JSON it is written like the mask.
pub(super) fn read<'a>(
    object: &mut Object<'a>,
    limits: &Limits,
) -> Result<(Vec<ReferenceImage<'a>>, Edit<'a>), RequestError> {
    let images = object
        .take("images")
        .ok_or_else(|| RequestError::missing_parameter("images".into()))?
        .elements(limits.max_edit_images)?
        .iter()
        .map(|element| read_reference(element, limits))
        .collect::<Result<_, _>>()?;
    let mut overlay =
        |name| object.take(name).map(|member| read_reference(&member, limits)).transpose();
    let (mask, markup) = (overlay("mask")?, overlay("markup")?);
    let input_fidelity = object.word("input_fidelity")?;
    Ok((images, Edit { mask, markup, input_fidelity, images_name: ImagesName::Images }))
}

/// `{"image_url": "…"}`. A `file_id` could only name a file at OpenAI.
fn read_reference<'a>(
    member: &Member<'a>,
    limits: &Limits,
) -> Result<ReferenceImage<'a>, RequestError> {
    let prefix = format!("{}.", member.name());
    let mut object = Object::read(member, &["image_url", "file_id"], prefix.clone().into())?;
    if object.take("file_id").is_some() {
        let fault = "No files are hosted here. Send the image in 'image_url', as a data URL or an https \
                     URL";
        return Err(RequestError::unsupported_parameter(format!("{prefix}file_id"), fault));
    }
    let url = object
        .take("image_url")
        .ok_or_else(|| RequestError::missing_parameter(format!("{prefix}image_url").into()))?;
    let image = ReferenceImage::parse(url.string()?, limits.max_reference_image_bytes)
        .map_err(|fault| url.malformed_image(fault))?;
    match image {
        ReferenceImage::Base64(_) => Err(url.malformed_image(ReferenceImageError::NoUrl)),
        ReferenceImage::Url(_) | ReferenceImage::File { .. } => Ok(image),
    }
}

#[cfg(test)]
mod tests;
