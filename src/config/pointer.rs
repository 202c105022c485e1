//! JSON pointers (RFC 6901) to the fields of the configuration.

use std::fmt;

use super::accepted;
use super::error::{ConfigError, Fault};

/// The way to a value that is wrong, from the inside out: the reader of each object and array
/// around it adds its own part to the error. So only an error costs anything.
#[derive(Debug, Default)]
pub(super) struct Path(Vec<Segment>);

#[derive(Debug)]
enum Segment {
    Element(usize),
    Field(String),
}

impl Path {
    /// The same way, which begins with the field `name` of an object.
    pub(super) fn in_field(&mut self, name: &str) {
        self.0.push(Segment::Field(name.to_owned()));
    }

    /// The same way, which begins with the element `index` of an array.
    pub(super) fn in_element(&mut self, index: usize) {
        self.0.push(Segment::Element(index));
    }
}

/// The place of a value in the document. The empty pointer is the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pointer(String);

impl Pointer {
    /// The pointer to the field `name` of the object here.
    pub(super) fn key(&self, name: &str) -> Self {
        // RFC 6901 §3: `~` and `/` are written `~0` and `~1`, the tilde first.
        Self(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1")))
    }

    /// The pointer to the element `index` of the array here.
    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    /// The pointer to the value at `path` from here.
    pub(super) fn along(&self, path: &Path) -> Self {
        path.0.iter().rev().fold(self.clone(), |here, segment| match segment {
            Segment::Element(index) => here.index(*index),
            Segment::Field(name) => here.key(name),
        })
    }

    /// What is accepted here.
    pub(super) fn accepted(&self) -> &'static str {
        accepted::at(&self.0)
    }

    /// An error at this place.
    pub(super) fn fault(&self, fault: Fault) -> ConfigError {
        ConfigError { pointer: self.0.clone(), fault }
    }

    /// The same error as one of the value here, which was read by itself.
    pub(super) fn around(&self, error: ConfigError) -> ConfigError {
        ConfigError { pointer: format!("{}{}", self.0, error.pointer), ..error }
    }

    /// The value has the right type, but is not one of those accepted.
    pub(super) fn invalid(&self) -> ConfigError {
        self.fault(Fault::Value { accepted: self.accepted() })
    }

    /// The number, the size or the duration is outside its range.
    pub(super) fn out_of_range(&self) -> ConfigError {
        self.fault(Fault::Range { accepted: self.accepted() })
    }

    /// The list or the object has no elements.
    pub(super) fn empty(&self) -> ConfigError {
        self.fault(Fault::Empty { accepted: self.accepted() })
    }

    /// The field is required and not there.
    pub(super) fn missing(&self) -> ConfigError {
        self.fault(Fault::Missing { accepted: self.accepted() })
    }

    /// The value must be unique, but is already at `first`.
    pub(super) fn repeats(&self, first: &Self) -> ConfigError {
        self.fault(Fault::Repeated { first: first.0.clone() })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_rfc_6901_says() {
        let pointer = Pointer::default().key("a/b").key("m~n").key("~1").index(3);
        assert_eq!(pointer.0, "/a~1b/m~0n/~01/3");
    }
}
