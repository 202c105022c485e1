//! One member of the request, and how it is read as a type.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::error::{RequestCode, RequestError};
use super::text::Text;
use crate::openai::{
    choice::{Choice, list},
    echo::echo,
    reference_image::ReferenceImageError,
};

#[cfg(test)]
mod tests;

/// A value as the client wrote it, and its name in messages.
#[derive(Debug)]
pub(super) struct Member<'a> {
    param: Cow<'static, str>,
    value: Value<'a>,
}

#[derive(Debug)]
enum Value<'a> {
    /// Well-formed JSON without white space around it.
    Json(&'a str),
    /// A field of a form: numbers and booleans are spelled as in JSON, strings have no quotes.
    Text(&'a str),
}

impl<'a> Member<'a> {
    pub(super) fn new(param: Cow<'static, str>, value: &'a RawValue) -> Self {
        Self { param, value: Value::Json(value.get()) }
    }

    /// A field of a form.
    pub(super) fn of_text(param: &'static str, text: &'a str) -> Self {
        Self { param: param.into(), value: Value::Text(text) }
    }

    /// Whether the two are spelled alike.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.written() == other.written()
    }

    fn written(&self) -> &'a str {
        match self.value {
            Value::Json(json) => json,
            Value::Text(text) => text,
        }
    }

    /// The value as JSON that begins with `opening`.
    ///
    /// # Errors
    ///
    /// It is another JSON value than `expected`, or a field of a form, which has no structure.
    pub(super) fn json(&self, opening: char, expected: &str) -> Result<&'a str, RequestError> {
        match self.value {
            Value::Json(json) if json.starts_with(opening) => Ok(json),
            Value::Json(_) | Value::Text(_) => Err(self.invalid_type(expected)),
        }
    }

    pub(super) fn string(&self) -> Result<Cow<'a, str>, RequestError> {
        if let Value::Text(text) = self.value {
            return Ok(Cow::Borrowed(text));
        }
        let json = self.json('"', "a string")?;
        // Well-formed JSON can still escape half a surrogate pair (RFC 8259 §8.2).
        let text =
            serde_json::from_slice::<Text<'a>>(json.as_bytes()).map_err(|_lone_surrogate| {
                self.invalid_value("it is not Unicode: it escapes half a surrogate pair")
            })?;
        Ok(text.0)
    }

    pub(super) fn boolean(&self) -> Result<bool, RequestError> {
        match self.written() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.invalid_type("a boolean")),
        }
    }

    pub(super) fn choice<C: Choice>(&self) -> Result<C, RequestError> {
        let word = self.string()?;
        C::parse(&word).ok_or_else(|| {
            let supported = list(C::ALL);
            self.invalid_value(&format!("'{}'. Supported values are {supported}", echo(&word)))
        })
    }

    pub(super) fn integer(&self, range: RangeInclusive<u32>) -> Result<u32, RequestError> {
        let digits = self.written();
        if self.kind() != "an integer" {
            return Err(self.invalid_type("an integer"));
        }
        // A number that does not fit an i64 is out of any range.
        let beyond = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
        let integer = digits.parse().unwrap_or(beyond);
        let (min, max) = (i64::from(*range.start()), i64::from(*range.end()));
        if integer < min {
            return Err(self.out_of_bounds(RequestCode::IntegerTooSmall, &min.to_string(), digits));
        }
        u32::try_from(integer).ok().filter(|_| integer <= max).ok_or_else(|| {
            self.out_of_bounds(RequestCode::IntegerTooLarge, &max.to_string(), digits)
        })
    }

    /// The elements of an array of 1 to `max` elements, named `param[0]` and so on. Of a longer
    /// array only `max` elements are kept.
    pub(super) fn elements(&self, max: usize) -> Result<Vec<Self>, RequestError> {
        let mut deserializer =
            serde_json::Deserializer::from_slice(self.json('[', "an array")?.as_bytes());
        let (values, count) = Elements { max }
            .deserialize(&mut deserializer)
            .map_err(|_not_an_array| self.invalid_type("an array"))?;
        if count == 0 {
            return Err(self.out_of_bounds(RequestCode::EmptyArray, "1", "0"));
        }
        if count > max {
            let (max, count) = (max.to_string(), count.to_string());
            return Err(self.out_of_bounds(RequestCode::ArrayTooLong, &max, &count));
        }
        let name = |index| Cow::Owned(format!("{}[{index}]", self.param));
        Ok(values
            .into_iter()
            .enumerate()
            .map(|(index, value)| Self::new(name(index), value))
            .collect())
    }

    /// Checks that a string has at most `max` Unicode scalar values.
    pub(super) fn admit_length(&self, text: &str, max: usize) -> Result<(), RequestError> {
        let length = text.chars().count();
        if length <= max {
            return Ok(());
        }
        let (max, length) = (max.to_string(), length.to_string());
        Err(self.out_of_bounds(RequestCode::StringTooLong, &max, &length))
    }

    pub(super) fn invalid_type(&self, expected: &str) -> RequestError {
        RequestError::invalid_type(self.param.clone(), expected, self.kind())
    }

    pub(super) fn invalid_value(&self, fault: &str) -> RequestError {
        RequestError::invalid_value(self.param.clone(), fault)
    }

    pub(super) fn malformed_image(&self, error: ReferenceImageError) -> RequestError {
        RequestError::malformed_image(self.param.clone(), error)
    }

    pub(super) fn name(&self) -> &Cow<'static, str> {
        &self.param
    }

    pub(super) fn out_of_bounds(&self, code: RequestCode, bound: &str, got: &str) -> RequestError {
        RequestError::out_of_bounds(code, self.param.clone(), bound, &echo(got))
    }

    /// The type, as a sentence names it.
    fn kind(&self) -> &'static str {
        let json = match self.value {
            Value::Json(json) => json,
            Value::Text(text) if is_integer(text) => return "an integer",
            Value::Text(_) => return "text",
        };
        match json.bytes().next() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ if json.contains(['.', 'e', 'E']) => "a decimal number",
            _ => "an integer",
        }
    }
}

/// `[ "-" ] 1*DIGIT`
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads an array's first `max` elements and counts them all.
struct Elements {
    max: usize,
}

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = (Vec<&'de RawValue>, usize);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = (Vec<&'de RawValue>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while values.len() < self.max {
            match seq.next_element()? {
                Some(value) => values.push(value),
                None => {
                    let count = values.len();
                    return Ok((values, count));
                }
            }
        }
        let mut count = values.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count = count.saturating_add(1);
        }
        Ok((values, count))
    }
}
