//! What does not fit the schema, and where.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::super::error::{ConfigError, Fault};
use super::super::pointer::{Path, Pointer};

/// A value that does not fit the schema. In a box, since each function that reads a value returns
/// one.
#[derive(Debug)]
pub(super) struct Mismatch(Box<Misfit>);

/// What does not fit, and where it is in the value that was read.
#[derive(Debug)]
struct Misfit {
    path: Path,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Type { found: &'static str },
    Value,
    Range,
    UnknownField { accepted: &'static [&'static str] },
    MissingField { name: &'static str },
}

impl Mismatch {
    #[inline(never)]
    fn new(kind: Kind) -> Self {
        Self(Box::new(Misfit { path: Path::default(), kind }))
    }

    /// A value of another type than the schema has.
    #[inline(never)]
    pub(super) fn of_type(found: &Unexpected<'_>) -> Self {
        Self::new(Kind::Type { found: words(found) })
    }

    /// The same one in a field of the object that is read.
    #[inline(never)]
    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.0.path.in_field(name);
        self
    }

    /// The same one in an element of the array that is read.
    #[inline(never)]
    pub(super) fn in_element(mut self, index: usize) -> Self {
        self.0.path.in_element(index);
        self
    }

    /// The error of the configuration, whose value that was read is at `base`.
    pub(super) fn at(self, base: &Pointer) -> ConfigError {
        let here = base.along(&self.0.path);
        match self.0.kind {
            Kind::Type { found } => here.fault(Fault::Type { found, accepted: here.accepted() }),
            Kind::Value => here.invalid(),
            Kind::Range => here.out_of_range(),
            Kind::UnknownField { accepted } => here.fault(Fault::UnknownField { accepted }),
            Kind::MissingField { name } => here.key(name).missing(),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not fit the schema")
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(Kind::Value)
    }

    fn invalid_type(found: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::of_type(&found)
    }

    fn invalid_value(found: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::new(match found {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => Kind::Range,
            _ => Kind::Value,
        })
    }

    fn unknown_field(_: &str, accepted: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownField { accepted })
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Kind::MissingField { name })
    }
}

/// The JSON type of the value that was found.
fn words(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) => "a number",
        Unexpected::Signed(_) => "a negative number",
        Unexpected::Float(_) => "a fractional number",
        Unexpected::Str(_) => "a string",
        Unexpected::Unit => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        _ => "another type",
    }
}
