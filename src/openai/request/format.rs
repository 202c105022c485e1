//! The options of SVG output.

use std::borrow::Cow;

use super::error::RequestError;
use super::member::Member;
use super::object::Object;
use super::option::Effort;

/// Options of SVG output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg<'a> {
    /// The text model that writes the SVG.
    pub model: Cow<'a, str>,
    /// `reasoning.effort`.
    pub effort: Option<Effort>,
}

impl<'a> Svg<'a> {
    /// Reads `{"model", "reasoning": {"effort"}}`, where `model` is required.
    pub(super) fn read(member: &Member<'a>) -> Result<Self, RequestError> {
        let mut object = Object::read(member, &["model", "reasoning"], "svg.".into())?;
        let model = object
            .take("model")
            .ok_or_else(|| RequestError::missing_parameter("svg.model".into()))?;
        let model = super::field::read_model(&model)?;
        let effort = match object.take("reasoning") {
            Some(reasoning) => {
                Object::read(&reasoning, &["effort"], "svg.reasoning.".into())?.choice("effort")?
            }
            None => None,
        };
        Ok(Self { model, effort })
    }

    /// Reads `svg[model]` and `svg[reasoning][effort]`, the spelling in forms.
    pub(super) fn read_fields(object: &mut Object<'a>) -> Result<Option<Self>, RequestError> {
        let effort = object.choice("svg[reasoning][effort]")?;
        match object.take("svg[model]") {
            Some(model) => Ok(Some(Self { model: super::field::read_model(&model)?, effort })),
            None if effort.is_some() => Err(RequestError::missing_parameter("svg[model]".into())),
            None => Ok(None),
        }
    }
}
