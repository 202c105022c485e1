//! The fields that only an edit has, and its JSON form (OpenAI API reference, "Create image edit").

use std::borrow::Cow;

use super::{ImageRequest, InputFidelity, Limits, Member, Object, RequestCode, RequestError};
use crate::multipart::Boundary;
use crate::openai::reference_image::{FileType, ReferenceImage, ReferenceImageError};

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

impl ImageRequest<'_> {
    /// The overlays of the first image: the mask or the markup, with its name.
    pub fn overlays(&self) -> impl Iterator<Item = (&'static str, &ReferenceImage<'_>)> {
        let edit = self.edit.as_ref();
        let overlays = edit.map(|edit| [("mask", &edit.mask), ("markup", &edit.markup)]);
        let overlays = overlays.into_iter().flatten();
        overlays.filter_map(|(name, image)| Some((name, image.as_ref()?)))
    }

    /// Checks that `markup` is a PNG, which may be transparent, and the only overlay.
    pub(super) fn check_markup(&self) -> Result<(), RequestError> {
        let Some(edit) = self.edit.as_ref() else { return Ok(()) };
        let Some(markup) = &edit.markup else { return Ok(()) };
        if edit.mask.is_some() {
            let fault = "it cannot be sent with a 'mask'. Send one of them";
            return Err(RequestError::invalid_value("markup", fault));
        }
        let param = match markup {
            ReferenceImage::File { .. } => "markup",
            ReferenceImage::Url(_) | ReferenceImage::Base64(_) => "markup.image_url",
        };
        // The upstream checks an image that is elsewhere.
        match markup.to_file() {
            Ok(file) if file.file_type == FileType::Png => Ok(()),
            Err(ReferenceImageError::Elsewhere) => Ok(()),
            Ok(_) | Err(_) => {
                Err(RequestError::malformed_image(param.into(), ReferenceImageError::NoPng))
            }
        }
    }

    /// Checks that the images and the overlays can be sent as files, for an upstream that accepts
    /// only files.
    ///
    /// # Errors
    ///
    /// The first that is elsewhere, or is not a file of an image.
    pub fn check_files(&self) -> Result<(), RequestError> {
        // Only an edit in JSON has images in objects. In a form they are files.
        let inner = if self.edit.is_some() { ".image_url" } else { "" };
        for (index, image) in self.images.iter().enumerate() {
            image.to_file().map_err(|fault| {
                RequestError::malformed_image(format!("images[{index}]{inner}").into(), fault)
            })?;
        }
        for (name, image) in self.overlays() {
            image.to_file().map_err(|fault| {
                RequestError::malformed_image(format!("{name}{inner}").into(), fault)
            })?;
        }
        Ok(())
    }

    /// Checks that there are at most `most` images, without the overlays. Unless the upstream
    /// accepts `https` URLs, all images must be `data:` URLs or files.
    ///
    /// # Errors
    ///
    /// There are too many images, or one is elsewhere.
    pub fn check_images(&self, most: usize, https: bool) -> Result<(), RequestError> {
        let count = self.images.len();
        if count > most {
            let (most, count) = (most.to_string(), count.to_string());
            let code = RequestCode::ArrayTooLong;
            return Err(RequestError::out_of_bounds(code, "images".into(), &most, &count));
        }
        if https {
            return Ok(());
        }
        let inner = if self.edit.is_some() { ".image_url" } else { "" };
        let fault =
            "the upstream of this model does not fetch images. Send the image as a data URL";
        if let Some(index) = self.images.iter().position(ReferenceImage::is_remote) {
            let param = format!("images[{index}]{inner}");
            return Err(RequestError::invalid_value(param, fault));
        }
        match self.overlays().find(|(_, image)| image.is_remote()) {
            Some((name, _)) => Err(RequestError::invalid_value(format!("{name}{inner}"), fault)),
            None => Ok(()),
        }
    }

    /// Checks that the upstream accepts the overlays of the request.
    ///
    /// # Errors
    ///
    /// There is one that it does not accept.
    pub fn check_overlays(&self, taken: &[&str]) -> Result<(), RequestError> {
        match self.overlays().find(|(name, _)| !taken.contains(name)) {
            Some((name, _)) => {
                let fault = format!("The upstream of this model takes no {name}. Leave it out");
                Err(RequestError::unsupported_parameter(name, &fault))
            }
            None => Ok(()),
        }
    }
}

/// Every known field of an edit in JSON, served or not.
pub const EDIT_FIELDS: &[&str] = &[
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
    "mask",
    "input_fidelity",
    "markup",
];

#[cfg(test)]
mod tests;
