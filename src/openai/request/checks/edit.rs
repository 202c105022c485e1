//! What the images and overlays of a request need, here and at an upstream.

use super::super::ImageRequest;
use super::super::error::{RequestCode, RequestError};
use crate::openai::reference_image::{FileType, ReferenceImage, ReferenceImageError};

impl ImageRequest<'_> {
    /// The overlays of the first image: the mask or the markup, with its name.
    pub fn overlays(&self) -> impl Iterator<Item = (&'static str, &ReferenceImage<'_>)> {
        let edit = self.edit.as_ref();
        let overlays = edit.map(|edit| [("mask", &edit.mask), ("markup", &edit.markup)]);
        let overlays = overlays.into_iter().flatten();
        overlays.filter_map(|(name, image)| Some((name, image.as_ref()?)))
    }

    /// Checks that `markup` is a PNG, which may be transparent, and the only overlay.
    pub(in crate::openai::request) fn check_markup(&self) -> Result<(), RequestError> {
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
