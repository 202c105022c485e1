//! Takes a list apart, one entry after the other, so that reading it can be spread over time.
//!
//! `{"consumers": [ENTRY, …], "users": [ENTRY, …]}`: this module reads what is around the entries.
//! serde_json finds where an entry ends.

use serde::de::IgnoredAny;

use super::refusal::Refusal;

/// The arrays of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Consumers,
    Users,
}

impl Field {
    /// Its name in the document.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Consumers => "consumers",
            Self::Users => "users",
        }
    }
}

/// What comes next in a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'d> {
    /// An entry of an array, with its place there.
    Entry(Field, usize, &'d [u8]),
    /// Nothing of interest.
    Between,
    /// The document is over.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    /// Before a field or the closing brace.
    Member {
        first: bool,
    },
    /// Before an entry or the closing bracket.
    Element {
        field: Field,
        place: usize,
    },
    /// After the closing brace.
    End,
}

/// Reads a list.
#[derive(Debug)]
pub(super) struct Reader {
    document: Vec<u8>,
    at: At,
    position: usize,
    seen: Vec<Field>,
}

impl Reader {
    pub(super) const fn new(document: Vec<u8>) -> Self {
        Self { document, at: At::Start, position: 0, seen: Vec::new() }
    }

    /// Reads on.
    ///
    /// # Errors
    ///
    /// The document is not a list.
    pub(super) fn next(&mut self) -> Result<Part<'_>, Refusal> {
        match self.at {
            At::Start => {
                self.take(b'{', "the `{` of a list in JSON")?;
                self.at = At::Member { first: true };
                Ok(Part::Between)
            }
            At::Member { first } => self.member(first),
            At::Element { field, place } => self.element(field, place),
            At::End => match self.peek() {
                None => Ok(Part::End),
                Some(_) => Err(self.expected("the end of the document")),
            },
        }
    }

    fn member(&mut self, first: bool) -> Result<Part<'_>, Refusal> {
        if first && self.peek() == Some(b'}') {
            return self.end();
        }
        let name = self.value::<String>("the name of a field, in quotes")?;
        let field = match name.as_str() {
            "consumers" => Field::Consumers,
            "users" => Field::Users,
            _ => return Err(Refusal::Field { at: self.position, fault: "unknown" }),
        };
        if self.seen.contains(&field) {
            return Err(Refusal::Field { at: self.position, fault: "there twice" });
        }
        self.seen.push(field);
        self.take(b':', "the `:` after the name of a field")?;
        self.take(b'[', "the `[` of an array of entries")?;
        self.at = At::Element { field, place: 0 };
        Ok(Part::Between)
    }

    fn element(&mut self, field: Field, place: usize) -> Result<Part<'_>, Refusal> {
        if place == 0 && self.peek() == Some(b']') {
            return self.close();
        }
        self.peek();
        let start = self.position;
        self.value::<IgnoredAny>("an entry in JSON")?;
        let end = self.position;
        self.at = At::Element { field, place: place.saturating_add(1) };
        match self.peek() {
            Some(b',') => self.position = self.position.saturating_add(1),
            Some(b']') => {
                self.close()?;
            }
            _ => return Err(self.expected("the `,` or `]` after an entry")),
        }
        let entry = self.document.get(start..end).unwrap_or_default();
        Ok(Part::Entry(field, place, entry))
    }

    /// Passes the end of an array.
    fn close(&mut self) -> Result<Part<'_>, Refusal> {
        self.take(b']', "the `]` of an array")?;
        self.at = At::Member { first: false };
        match self.peek() {
            Some(b',') => {
                self.position = self.position.saturating_add(1);
                Ok(Part::Between)
            }
            Some(b'}') => self.end(),
            _ => Err(self.expected("the `,` or `}` after an array")),
        }
    }

    /// Passes the end of the object. Without `consumers` it is no list: an object that says nothing
    /// must not revoke every key.
    fn end(&mut self) -> Result<Part<'_>, Refusal> {
        if !self.seen.contains(&Field::Consumers) {
            return Err(self.expected("the field `consumers`, which a list has"));
        }
        self.take(b'}', "the `}` of a list")?;
        self.at = At::End;
        Ok(Part::Between)
    }

    /// The next byte that is no white space, to which it goes on.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.document.get(self.position..).unwrap_or_default();
        let space = rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.position = self.position.saturating_add(space);
        self.document.get(self.position).copied()
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), Refusal> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.position = self.position.saturating_add(1);
        Ok(())
    }

    /// Passes one JSON value.
    fn value<T: serde::de::DeserializeOwned>(
        &mut self,
        expected: &'static str,
    ) -> Result<T, Refusal> {
        self.peek();
        let rest = self.document.get(self.position..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
        let Some(Ok(value)) = values.next() else { return Err(self.expected(expected)) };
        self.position = self.position.saturating_add(values.byte_offset());
        Ok(value)
    }

    const fn expected(&self, expected: &'static str) -> Refusal {
        Refusal::Syntax { at: self.position, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Result<Vec<String>, String> {
        let mut reader = Reader::new(text.as_bytes().to_vec());
        let mut found = Vec::new();
        loop {
            match reader.next().map_err(|refusal| refusal.to_string())? {
                Part::Entry(field, place, json) => {
                    found.push(format!("{field:?} {place} {}", std::str::from_utf8(json).unwrap()));
                }
                Part::Between => {}
                Part::End => return Ok(found),
            }
        }
    }

    #[test]
    fn the_entries_of_a_list_are_found_however_it_is_written() {
        let expected = ["Users 0 {\"id\":\"]}\"}", "Consumers 0 {}", "Consumers 1 [ {} , 2]"];
        for text in [
            r#"{"users":[{"id":"]}"}],"consumers":[{},[ {} , 2]]}"#,
            " {\n \"users\" : [ {\"id\":\"]}\"} ] ,\r\n\t\"consumers\" :[ {} , [ {} , 2] ] } \n",
            r#"{"\u0075sers":[{"id":"]}"}],"consumers":[{},[ {} , 2]]}"#,
        ] {
            assert_eq!(entries(text).unwrap(), expected, "{text}");
        }
        assert_eq!(entries(r#"{"consumers":[]}"#).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_list_is_refused_and_says_where() {
        for (text, words) in [
            ("", "byte 0 is not the `{`"),
            ("<html></html>", "byte 0 is not the `{`"),
            ("[]", "byte 0 is not the `{`"),
            ("{}", "byte 1 is not the field `consumers`"),
            (r#"{"users":[]}"#, "byte 11 is not the field `consumers`"),
            (r#"{"consumers":null}"#, "byte 13 is not the `[`"),
            (r#"{"consumers":{}}"#, "byte 13 is not the `[`"),
            (r#"{"consumers":[{}"#, "byte 16 is not the `,` or `]`"),
            (r#"{"consumers":[{]}"#, "byte 14 is not an entry in JSON"),
            (r#"{"consumers":[{},]}"#, "byte 17 is not an entry in JSON"),
            (r#"{"consumers":[]"#, "byte 15 is not the `,` or `}`"),
            (r#"{"consumers":[],}"#, "byte 16 is not the name"),
            (r#"{"consumers":[]} x"#, "byte 17 is not the end"),
            (r#"{"consumers":[],"consumers":[]}"#, "there twice"),
            (r#"{"consumers":[],"limits":[]}"#, "the field before byte 24 is unknown"),
            (r#"{consumers:[]}"#, "byte 1 is not the name"),
            ("{\"consumers\":[\"\u{0}\"]}", "byte 14 is not an entry"),
        ] {
            let error = entries(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_list_that_is_cut_off_anywhere_is_refused() {
        let text = r#"{"consumers":[{"name":"a"},{"name":"b"}],"users":[{"id":"u"}]}"#;
        assert_eq!(entries(text).unwrap().len(), 3);
        for len in 0..text.len() {
            assert!(entries(text.get(..len).unwrap()).is_err(), "{len}");
        }
    }
}
