//! Writes an edit as a form: most providers accept edits only in this way.
//!
//! The plain fields are those of the JSON body, under the same names. Nested ones are written as
//! `svg[model]`. One image is called `image` and several are called `image[]`, as in OpenAI's
//! clients.

use serde_json::Value;

use crate::multipart::writer::{Form, MAX_FRAME_BYTES, Writer};
use crate::openai::reference_image::ReferenceImage;
use crate::upstream::provider::ImagesRequest;

/// `fields` and these images as a form of about `capacity` bytes. An image that is not a file is
/// left out. The caller makes sure that there is none.
pub(super) fn write<'a>(
    fields: &ImagesRequest<'_>,
    images: &[ReferenceImage<'_>],
    overlays: impl Iterator<Item = (&'static str, &'a ReferenceImage<'a>)>,
    capacity: usize,
) -> Form {
    let mut form = Writer::new(capacity);
    // Strings, numbers and their objects always serialise.
    if let Ok(Value::Object(members)) = serde_json::to_value(fields) {
        members.iter().for_each(|(name, value)| push(&mut form, name, value));
    }
    let name = match images {
        [_] => "image",
        _ => "image[]",
    };
    for (place, image) in (1_usize..).zip(images) {
        push_file(&mut form, name, &format!("image-{place}"), image);
    }
    overlays.for_each(|(name, image)| push_file(&mut form, name, name, image));
    form.finish()
}

fn push(form: &mut Writer, name: &str, value: &Value) {
    match value {
        Value::String(text) => form.text(name, text),
        Value::Number(number) => form.text(name, &number.to_string()),
        Value::Bool(flag) => form.text(name, if *flag { "true" } else { "false" }),
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| push(form, &format!("{name}[{key}]"), value));
        }
        Value::Null | Value::Array(_) => {}
    }
}

fn push_file(form: &mut Writer, name: &str, stem: &str, image: &ReferenceImage<'_>) {
    if let Ok(file) = image.to_file() {
        let media_type = file.file_type.as_str();
        let suffix = media_type.rsplit('/').next().unwrap_or_default();
        form.file(name, &format!("{stem}.{suffix}"), media_type, |out| file.write(out));
    }
}

/// An upper bound for the bytes of an image as a part of a form.
pub(super) fn max_file_len(image: &ReferenceImage<'_>) -> usize {
    let file = image.to_file().map_or(0, |file| file.max_len());
    file.saturating_add(MAX_FRAME_BYTES).saturating_add(NAMES_BYTES)
}

/// The names and values of all plain fields but the prompt and the model, with their frames.
pub(super) const MAX_FIELDS_BYTES: usize = 4096;
/// `image[]`, `image-16.jpeg`, `image/jpeg`.
const NAMES_BYTES: usize = 32;
