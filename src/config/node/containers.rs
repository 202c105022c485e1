//! The fields of an object and the elements of an array, each with its place in an error.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};
use serde_json::{Map, Value};

use super::{Mismatch, Node};

/// The fields of an object. An error in one gets its name.
pub(super) struct Fields {
    rest: serde_json::map::IntoIter,
    name: String,
    value: Value,
}

impl Fields {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self { rest: fields.into_iter(), name: String::new(), value: Value::Null }
    }

    /// Goes to the next field. Returns whether there is one.
    #[inline(never)]
    fn advance(&mut self) -> bool {
        let Some((name, value)) = self.rest.next() else { return false };
        self.name = name;
        self.value = value;
        true
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        if !self.advance() {
            return Ok(None);
        }
        let name: StrDeserializer<'_, Mismatch> = self.name.as_str().into_deserializer();
        // An unknown field is reported at its own place.
        seed.deserialize(name).map(Some).map_err(|error| error.in_field(&self.name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let value = Node(std::mem::take(&mut self.value));
        seed.deserialize(value).map_err(|error| error.in_field(&self.name))
    }
}

/// The elements of an array. An error in one gets its index.
pub(super) struct Elements {
    rest: std::vec::IntoIter<Value>,
    index: usize,
}

impl Elements {
    pub(super) fn new(items: Vec<Value>) -> Self {
        Self { rest: items.into_iter(), index: 0 }
    }
}

impl<'de> SeqAccess<'de> for Elements {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mismatch> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let element =
            seed.deserialize(Node(value)).map_err(|error| error.in_element(self.index))?;
        self.index = self.index.saturating_add(1);
        Ok(Some(element))
    }
}
