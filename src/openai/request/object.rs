//! The members of a JSON object, each as the client wrote it.
//!
//! Values are found, not decoded: a body may have 20 MB of base64, and an error in one field must
//! not cost the memory of another. A client may send any number of members, but only those of known
//! fields are kept.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};

use super::error::RequestError;
use super::member::Member;
use super::text::Text;
use crate::openai::{choice::Choice, echo::echo};

/// The members of a JSON object, by name, without those that are `null`.
#[derive(Debug)]
pub(super) struct Object<'a> {
    members: Vec<(&'static str, Member<'a>)>,
    unknown: Option<UnknownWord>,
}

/// A word that no model supports, in a field whose choices depend on the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnknownWord {
    pub(super) field: &'static str,
    /// The word, shortened for a message.
    pub(super) word: String,
}

impl<'a> Object<'a> {
    /// Reads the object that is the whole of `body`. `known` has the names that may occur.
    pub(super) fn parse(
        body: &'a [u8],
        known: &'static [&'static str],
    ) -> Result<Self, RequestError> {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let found = Members { known, prefix: Cow::Borrowed("") }
            .deserialize(&mut deserializer)
            .and_then(|found| deserializer.end().map(|()| found))
            .map_err(|error| RequestError::invalid_json(&words(&error)))?;
        found.map(Self::of_fields)
    }

    /// Reads the object that is the value of `member`. `prefix` comes before its members' names.
    pub(super) fn read(
        member: &Member<'a>,
        known: &'static [&'static str],
        prefix: Cow<'static, str>,
    ) -> Result<Self, RequestError> {
        let json = member.json('{', "an object")?;
        let mut deserializer = serde_json::Deserializer::from_slice(json.as_bytes());
        let found = Members { known, prefix }
            .deserialize(&mut deserializer)
            .map_err(|_not_an_object| member.invalid_type("an object"))?;
        found.map(Self::of_fields)
    }

    /// These fields, such as those of a form, each of them once.
    pub(super) fn of_fields(members: Vec<(&'static str, Member<'a>)>) -> Self {
        Self { members, unknown: None }
    }

    /// Takes the member `name` out, unless it is absent or `null`.
    pub(super) fn take(&mut self, name: &str) -> Option<Member<'a>> {
        let at = self.members.iter().position(|(known, _)| *known == name)?;
        Some(self.members.swap_remove(at).1)
    }

    /// Takes the member `name` as one of a set of words.
    pub(super) fn choice<C: Choice>(&mut self, name: &str) -> Result<Option<C>, RequestError> {
        self.take(name).map(|member| member.choice()).transpose()
    }

    /// Takes the member `name` as one of a set of words that depends on the model. A word that no
    /// model supports is kept. It is rejected when it is known which words this model accepts.
    pub(super) fn word<C: Choice>(
        &mut self,
        field: &'static str,
    ) -> Result<Option<C>, RequestError> {
        let Some(member) = self.take(field) else { return Ok(None) };
        let word = member.string()?;
        let choice = C::parse(&word);
        if choice.is_none() {
            self.unknown.get_or_insert_with(|| UnknownWord { field, word: echo(&word) });
        }
        Ok(choice)
    }

    /// The first word that no model supports.
    pub(super) fn take_unknown(&mut self) -> Option<UnknownWord> {
        self.unknown.take()
    }

    /// Takes the member `name` as an integer within `range`.
    pub(super) fn integer(
        &mut self,
        name: &str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, RequestError> {
        self.take(name).map(|member| member.integer(range)).transpose()
    }

    /// Takes the member `name` as a boolean.
    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, RequestError> {
        self.take(name).map(|member| member.boolean()).transpose()
    }
}

/// Reports where the JSON is broken, without repeating any of it.
fn words(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Data => "expected a JSON object".to_owned(),
        Category::Eof => "the JSON ends too early".to_owned(),
        Category::Syntax | Category::Io => {
            format!("invalid JSON at line {line}, column {column}")
        }
    }
}

/// Reads an object to its end. An error of a member is kept separate from one of the JSON, so that
/// a broken body is always reported first.
struct Members {
    known: &'static [&'static str],
    prefix: Cow<'static, str>,
}

type Found<'a> = Result<Vec<(&'static str, Member<'a>)>, RequestError>;

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut names: Vec<&'static str> = Vec::new();
        let mut found: Found<'de> = Ok(Vec::new());
        while let Some(Text(key)) = map.next_key()? {
            let Ok(members) = &mut found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            match self.admit(&key, &mut names) {
                Ok(name) => {
                    let value: &'de RawValue = map.next_value()?;
                    members.extend(self.member(name, value).map(|member| (name, member)));
                }
                Err(fault) => {
                    map.next_value::<IgnoredAny>()?;
                    found = Err(fault);
                }
            }
        }
        Ok(found)
    }
}

impl Members {
    fn admit(
        &self,
        key: &str,
        names: &mut Vec<&'static str>,
    ) -> Result<&'static str, RequestError> {
        let Some(name) = self.known.iter().find(|name| **name == key) else {
            let param = format!("{}{}", self.prefix, echo(key));
            return Err(RequestError::unknown_parameter(param));
        };
        if names.contains(name) {
            return Err(RequestError::duplicate_parameter(self.param(name)));
        }
        names.push(name);
        Ok(name)
    }

    /// `None` if the value is `null`, which is the same as absent.
    fn member<'a>(&self, name: &'static str, value: &'a RawValue) -> Option<Member<'a>> {
        (value.get() != "null").then(|| Member::new(self.param(name), value))
    }

    fn param(&self, name: &'static str) -> Cow<'static, str> {
        if self.prefix.is_empty() { name.into() } else { format!("{}{name}", self.prefix).into() }
    }
}
