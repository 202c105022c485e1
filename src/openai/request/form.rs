//! An edit as `multipart/form-data`: files, and plain fields that are spelled as in JSON.
//!
//! Files and texts remain slices of the body. A client may send any number of parts, but only as
//! many are kept as there are fields and allowed images.

use super::edit::{Edit, ImagesName};
use super::error::{RequestCode, RequestError};
use super::fields::FORM_FIELDS;
use super::limits::Limits;
use super::member::Member;
use super::object::Object;
use crate::multipart::{Boundary, Kind, Part, Parts};
use crate::openai::{
    echo::echo,
    reference_image::{ReferenceImage, ReferenceImageError},
};

/// The parts of an edit.
#[derive(Debug, Default)]
pub(super) struct Form<'a> {
    fields: Vec<(&'static str, Member<'a>)>,
    image: Option<Part<'a>>,
    /// The parts called `image[]`, as many as are allowed.
    images: Vec<Part<'a>>,
    /// The number of parts called `image[]`, kept or not.
    count: usize,
    mask: Option<Part<'a>>,
    markup: Option<Part<'a>>,
}

impl<'a> Form<'a> {
    /// Reads the body to its end: a broken form is reported before any error of a field.
    pub(super) fn parse(
        body: &'a [u8],
        boundary: &'a Boundary,
        limits: &Limits,
    ) -> Result<Self, RequestError> {
        let mut form = Ok(Self::default());
        for part in Parts::new(body, boundary) {
            let part = part.map_err(|fault| RequestError::invalid_form(&fault.to_string()))?;
            form = form.and_then(|form: Self| form.with(part, limits));
        }
        form
    }

    fn with(mut self, part: Part<'a>, limits: &Limits) -> Result<Self, RequestError> {
        match &*part.name {
            b"image" | b"image[]" if self.image.is_some() => return Err(several_images()),
            b"image" if self.count > 0 => return Err(several_images()),
            b"image" => self.image = Some(part),
            b"image[]" => {
                self.count = self.count.saturating_add(1);
                if self.count <= limits.max_edit_images {
                    self.images.push(part);
                }
            }
            b"mask" if self.mask.is_some() => return Err(twice("mask")),
            b"mask" => self.mask = Some(part),
            b"markup" if self.markup.is_some() => return Err(twice("markup")),
            b"markup" => self.markup = Some(part),
            _ => self.push_text(&part)?,
        }
        Ok(self)
    }

    fn push_text(&mut self, part: &Part<'a>) -> Result<(), RequestError> {
        let Some(name) = FORM_FIELDS.iter().find(|name| name.as_bytes() == &*part.name) else {
            let name = String::from_utf8_lossy(&part.name);
            return Err(RequestError::unknown_parameter(echo(&name)));
        };
        if part.kind == Kind::File {
            return Err(RequestError::invalid_type((*name).into(), "text", "a file"));
        }
        let text = std::str::from_utf8(part.data)
            .map_err(|_| RequestError::invalid_value(*name, "it is not UTF-8"))?;
        let member = Member::of_text(name, text);
        if *name != "prompt" && text.len() > MAX_TEXT_BYTES {
            let (max, got) = (MAX_TEXT_BYTES.to_string(), text.len().to_string());
            return Err(member.out_of_bounds(RequestCode::StringTooLong, &max, &got));
        }
        match self.fields.iter().find(|(known, _)| known == name) {
            // async-openai 0.41 sends `output_compression` twice.
            Some((_, first)) if first.is_like(&member) => {}
            Some(_) => return Err(twice(name)),
            None => self.fields.push((name, member)),
        }
        Ok(())
    }

    /// The plain fields.
    pub(super) fn fields(&mut self) -> Object<'a> {
        Object::of_fields(std::mem::take(&mut self.fields))
    }

    /// The images and the other fields that only an edit has. `object` holds the plain fields.
    pub(super) fn read(
        self,
        object: &mut Object<'a>,
        limits: &Limits,
    ) -> Result<(Vec<ReferenceImage<'a>>, Edit<'a>), RequestError> {
        let max = limits.max_edit_images;
        if self.count > max {
            let (max, count) = (max.to_string(), self.count.to_string());
            let code = RequestCode::ArrayTooLong;
            return Err(RequestError::out_of_bounds(code, "image".into(), &max, &count));
        }
        let max_bytes = limits.max_reference_image_bytes;
        let (images, images_name) = match self.image {
            Some(image) => {
                (vec![read_file(&image, "image".to_owned(), max_bytes)?], ImagesName::Image)
            }
            None => {
                let files = self.images.iter().enumerate();
                let read = |(index, file)| read_file(file, format!("image[{index}]"), max_bytes);
                (files.map(read).collect::<Result<_, _>>()?, ImagesName::ImageList)
            }
        };
        if images.is_empty() {
            return Err(RequestError::missing_parameter("image".into()));
        }
        let overlay = |file: Option<Part<'a>>, name: &str| {
            file.map(|file| read_file(&file, name.to_owned(), max_bytes)).transpose()
        };
        let (mask, markup) = (overlay(self.mask, "mask")?, overlay(self.markup, "markup")?);
        let input_fidelity = object.word("input_fidelity")?;
        Ok((images, Edit { mask, markup, input_fidelity, images_name }))
    }
}

fn read_file<'a>(
    part: &Part<'a>,
    param: String,
    max_bytes: usize,
) -> Result<ReferenceImage<'a>, RequestError> {
    match part.kind {
        Kind::File => {
            ReferenceImage::of_file(part.data, max_bytes).map_err(|fault: ReferenceImageError| {
                RequestError::malformed_image(param.into(), fault)
            })
        }
        Kind::Text => Err(RequestError::invalid_type(param.into(), "a file", "text")),
    }
}

fn several_images() -> RequestError {
    let fault = "'image' holds one file. Send several files each as 'image[]'";
    RequestError::invalid_field("image", fault)
}

fn twice(name: &'static str) -> RequestError {
    RequestError::invalid_field(name, &format!("it has '{name}' more than once"))
}

/// Room for 256 characters, the limit of every plain field except the prompt.
const MAX_TEXT_BYTES: usize = 1024;
