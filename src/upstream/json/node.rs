//! The values of a text, one after the other, as serde_json reads them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A value, or the name of a member. The value of the member follows its name.
#[derive(Debug)]
pub(super) enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    /// How many of the nodes after it belong to it.
    Array(usize),
    /// How many of the nodes after it belong to it.
    Object(usize),
}

impl Node<'_> {
    pub(super) fn into_owned<'o>(self) -> Node<'o> {
        match self {
            Self::Null => Node::Null,
            Self::Bool(it) => Node::Bool(it),
            Self::Number(it) => Node::Number(it),
            Self::Text(it) => Node::Text(Cow::Owned(it.into_owned())),
            Self::Array(len) => Node::Array(len),
            Self::Object(len) => Node::Object(len),
        }
    }

    /// How many nodes are in it.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Array(len) | Self::Object(len) => *len,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 0,
        }
    }
}

/// Reads one value and appends it to a list.
pub(super) struct Push<'n, 'a>(pub(super) &'n mut Vec<Node<'a>>);

impl<'de> Push<'_, 'de> {
    fn push<E>(self, node: Node<'de>) -> Result<(), E> {
        self.0.push(node);
        Ok(())
    }

    /// Adds the node of an array or of an object, and then reads its content with `read`.
    fn inner<E>(
        self,
        node: fn(usize) -> Node<'de>,
        read: impl FnOnce(&mut Vec<Node<'de>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let at = self.0.len();
        self.0.push(node(0));
        read(self.0)?;
        let len = self.0.len().saturating_sub(at).saturating_sub(1);
        if let Some(place) = self.0.get_mut(at) {
            *place = node(len);
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Push<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Push<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(Node::Null)
    }

    fn visit_bool<E>(self, it: bool) -> Result<(), E> {
        self.push(Node::Bool(it))
    }

    fn visit_u64<E>(self, it: u64) -> Result<(), E> {
        self.push(Node::Number(it.into()))
    }

    fn visit_i64<E>(self, it: i64) -> Result<(), E> {
        self.push(Node::Number(it.into()))
    }

    fn visit_f64<E>(self, it: f64) -> Result<(), E> {
        self.push(Number::from_f64(it).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E>(self, it: &'de str) -> Result<(), E> {
        self.push(Node::Text(Cow::Borrowed(it)))
    }

    /// A string with escapes.
    fn visit_str<E>(self, it: &str) -> Result<(), E> {
        self.push(Node::Text(Cow::Owned(it.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.inner(Node::Array, |nodes| {
            while seq.next_element_seed(Push(nodes))?.is_some() {}
            Ok(())
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.inner(Node::Object, |nodes| {
            while map.next_key_seed(Push(nodes))?.is_some() {
                map.next_value_seed(Push(nodes))?;
            }
            Ok(())
        })
    }
}
