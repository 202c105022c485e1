//! Errors of a request's body, in the words of the OpenAI API.

use std::borrow::Cow;

use crate::openai::{
    error::{table::Class, template::fill},
    reference_image::{ReferenceFault, ReferenceImageError},
};

/// An error of a request's body. The client gets a 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// The field at fault, such as `size` or `images[2]`. `None` for the body as a whole.
    pub param: Option<Cow<'static, str>>,
    /// The kind of error.
    pub code: RequestCode,
    /// The field, the fault and what is accepted, for readers.
    pub message: String,
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestCode {
    /// Not JSON, not an object, or a field twice.
    InvalidJson,
    /// Not a form, or a field twice.
    InvalidForm,
    /// A field that does not exist.
    UnknownParameter,
    /// A field that is not served.
    UnsupportedParameter,
    /// A required field is absent.
    MissingParameter,
    /// A field of another JSON type.
    InvalidType,
    /// A value that is not accepted.
    InvalidValue,
    /// A string that is too long.
    StringTooLong,
    /// A number that is too large.
    IntegerTooLarge,
    /// A number that is too small.
    IntegerTooSmall,
    /// An array without elements.
    EmptyArray,
    /// An array with too many elements.
    ArrayTooLong,
    /// An entry of `images` that cannot be an image.
    Reference(ReferenceFault),
}

impl RequestCode {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reference(fault) => fault.as_str(),
            _ => self.class().row().codes.first().copied().unwrap_or_default(),
        }
    }

    /// The row of the error table.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::InvalidJson => Class::InvalidJson,
            Self::InvalidForm => Class::InvalidForm,
            Self::UnknownParameter => Class::UnknownParameter,
            Self::UnsupportedParameter => Class::UnsupportedParameter,
            Self::MissingParameter => Class::MissingParameter,
            Self::InvalidType => Class::InvalidType,
            Self::InvalidValue => Class::InvalidValue,
            Self::StringTooLong => Class::StringTooLong,
            Self::IntegerTooLarge => Class::IntegerTooLarge,
            Self::IntegerTooSmall => Class::IntegerTooSmall,
            Self::EmptyArray => Class::EmptyArray,
            Self::ArrayTooLong => Class::ArrayTooLong,
            Self::Reference(_) => Class::ReferenceMalformed,
        }
    }
}

impl RequestError {
    pub(super) fn invalid_json(fault: &str) -> Self {
        Self::new(RequestCode::InvalidJson, None, &[("fault", fault)])
    }

    pub(super) fn duplicate_parameter(param: Cow<'static, str>) -> Self {
        let fault = format!("it names '{param}' more than once");
        Self::new(RequestCode::InvalidJson, Some(param), &[("fault", &fault)])
    }

    /// The body is not a form.
    #[must_use]
    pub fn invalid_form(fault: &str) -> Self {
        Self::new(RequestCode::InvalidForm, None, &[("fault", fault)])
    }

    pub(super) fn invalid_field(param: &'static str, fault: &str) -> Self {
        Self::new(RequestCode::InvalidForm, Some(param.into()), &[("fault", fault)])
    }

    pub(super) fn unknown_parameter(param: String) -> Self {
        Self::new(RequestCode::UnknownParameter, Some(param.into()), &[])
    }

    pub(super) fn unsupported_parameter(param: impl Into<Cow<'static, str>>, fault: &str) -> Self {
        Self::new(RequestCode::UnsupportedParameter, Some(param.into()), &[("fault", fault)])
    }

    pub(super) fn missing_parameter(param: Cow<'static, str>) -> Self {
        Self::new(RequestCode::MissingParameter, Some(param), &[])
    }

    pub(super) fn invalid_type(param: Cow<'static, str>, expected: &str, got: &str) -> Self {
        let values = [("expected", expected), ("got", got)];
        Self::new(RequestCode::InvalidType, Some(param), &values)
    }

    pub(super) fn invalid_value(param: impl Into<Cow<'static, str>>, fault: &str) -> Self {
        Self::new(RequestCode::InvalidValue, Some(param.into()), &[("fault", fault)])
    }

    /// `code` is one of the four that compare a length or a number with a bound.
    pub(super) fn out_of_bounds(
        code: RequestCode,
        param: Cow<'static, str>,
        bound: &str,
        got: &str,
    ) -> Self {
        Self::new(code, Some(param), &[("max", bound), ("min", bound), ("got", got)])
    }

    pub(super) fn malformed_image(param: Cow<'static, str>, error: ReferenceImageError) -> Self {
        let code = RequestCode::Reference(error.fault());
        Self::new(code, Some(param), &[("fault", &error.to_string())])
    }

    fn new(code: RequestCode, param: Option<Cow<'static, str>>, values: &[(&str, &str)]) -> Self {
        let mut values = values.to_vec();
        values.push(("param", param.as_deref().unwrap_or_default()));
        let message = fill(code.class().row().message, &values);
        Self { param, code, message }
    }
}
