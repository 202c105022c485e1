//! The fields of a request that are more than a word or a number.

use std::borrow::Cow;

use super::error::RequestError;
use super::limits::Limits;
use super::member::Member;
use super::object::Object;
use crate::openai::size::Size;
use crate::openai::{echo::echo, reference_image::ReferenceImage};

pub(super) fn read_prompt<'a>(
    object: &mut Object<'a>,
    max_chars: usize,
) -> Result<Cow<'a, str>, RequestError> {
    let member =
        object.take("prompt").ok_or_else(|| RequestError::missing_parameter("prompt".into()))?;
    let prompt = member.string()?;
    if prompt.is_empty() {
        return Err(RequestError::invalid_value("prompt", "it is empty. Say what to draw"));
    }
    member.admit_length(&prompt, max_chars)?;
    Ok(prompt)
}

pub(super) fn read_model<'a>(member: &Member<'a>) -> Result<Cow<'a, str>, RequestError> {
    let model = member.string()?;
    member.admit_length(&model, MAX_MODEL_CHARS)?;
    if model.is_empty() || !model.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            member.invalid_value("expected the name of a model, in visible ASCII without spaces")
        );
    }
    Ok(model)
}

/// The user that the image is for, and the field that names it. `safety_identifier` is the newer
/// name of `user` and wins, unless it is empty. An empty name is no name.
pub(super) fn read_user<'a>(
    object: &mut Object<'a>,
) -> Result<(Option<Cow<'a, str>>, &'static str), RequestError> {
    let mut named = (None, "user");
    for field in ["user", "safety_identifier"] {
        let Some(member) = object.take(field) else { continue };
        let user = member.string()?;
        member.admit_length(&user, MAX_USER_CHARS)?;
        if user.contains(char::is_control) {
            return Err(
                member.invalid_value("expected the name of a user, without control characters")
            );
        }
        if !user.is_empty() {
            named = (Some(user), field);
        }
    }
    Ok(named)
}

pub(super) fn read_size(member: &Member<'_>) -> Result<Size, RequestError> {
    let text = member.string()?;
    Size::parse(&text).ok_or_else(|| {
        member.invalid_value(&format!(
            "'{}'. Expected 'auto', or width and height in pixels such as '1024x1024'",
            echo(&text)
        ))
    })
}

/// `images` of a generation.
pub(super) fn read_images<'a>(
    object: &mut Object<'a>,
    limits: &Limits,
) -> Result<Vec<ReferenceImage<'a>>, RequestError> {
    let Some(member) = object.take("images") else { return Ok(Vec::new()) };
    let elements = member.elements(limits.max_reference_images)?;
    elements
        .iter()
        .map(|element| {
            ReferenceImage::parse(element.string()?, limits.max_reference_image_bytes)
                .map_err(|fault| element.malformed_image(fault))
        })
        .collect()
}

/// Longer than any known name of a model.
const MAX_MODEL_CHARS: usize = 128;
/// Room for an e-mail address or any other identifier. OpenAI's own limit for `safety_identifier`
/// is 64.
const MAX_USER_CHARS: usize = 256;
