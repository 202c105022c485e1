//! The fields of an object that asks for an image, and the errors about them. The object is the
//! image tool of a `/responses` body, or a body of the Images API.

use serde_json::Value;

use crate::rejection::Rejection;

/// An object, and its place in the body.
pub(crate) struct Fields<'a> {
    /// The object.
    pub(crate) object: &'a Value,
    /// Its place in `tools`; `None` for a body of the Images API.
    pub(crate) tool: Option<usize>,
}

impl Fields<'_> {
    /// A field that is a string.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Rejection> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong_type(name, "a string")),
        }
    }

    /// A field with a list of values, the first of which is the default.
    pub(crate) fn one_of(&self, name: &str, accepted: &[&str]) -> Result<String, Rejection> {
        let default = accepted.first().copied().unwrap_or_default();
        let value = self.text(name)?.unwrap_or(default);
        if accepted.contains(&value) {
            return Ok(value.to_owned());
        }
        let accepted: Vec<String> = accepted.iter().map(|it| format!("'{it}'")).collect();
        let message =
            format!("Invalid value: '{value}'. Supported values are: {}.", accepted.join(", "));
        Err(Rejection::invalid(Some("invalid_value"), &self.path(name), &message))
    }

    /// A field that is a whole number.
    pub(crate) fn number(&self, name: &str, min: u64, max: u64) -> Result<Option<u32>, Rejection> {
        let value = match self.object.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value.as_u64().ok_or_else(|| self.wrong_type(name, "an integer"))?,
        };
        let path = self.path(name);
        if value > max {
            let message = format!(
                "Invalid '{path}': integer above maximum value. Expected a value <= {max}, but got {value} instead."
            );
            return Err(Rejection::invalid(Some("integer_above_max_value"), &path, &message));
        }
        if value < min {
            let message = format!(
                "Invalid '{path}': integer below minimum value. Expected a value >= {min}, but got {value} instead."
            );
            return Err(Rejection::invalid(Some("integer_below_min_value"), &path, &message));
        }
        Ok(u32::try_from(value).ok())
    }

    pub(crate) fn wrong_type(&self, name: &str, expected: &str) -> Rejection {
        let path = self.path(name);
        Rejection::invalid(
            Some("invalid_type"),
            &path,
            &format!("Invalid type for '{path}': expected {expected}."),
        )
    }

    /// The name of a field in a rejection.
    pub(crate) fn path(&self, name: &str) -> String {
        self.tool.map_or_else(|| name.to_owned(), |index| format!("tools[{index}].{name}"))
    }

    /// Rejects a value that the model cannot generate. The backend names `tools` for any field of a
    /// tool, and the field itself for a body.
    pub(crate) fn reject(&self, name: &str, message: &str) -> Rejection {
        Rejection::cannot_generate(if self.tool.is_some() { "tools" } else { name }, message)
    }

    /// Rejects a field that is not one of `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Rejection> {
        let keys = self.object.as_object().into_iter().flat_map(|it| it.keys());
        match keys.into_iter().find(|key| !known.contains(&key.as_str())) {
            Some(name) => Err(Rejection::unknown_parameter(&self.path(name))),
            None => Ok(()),
        }
    }
}
