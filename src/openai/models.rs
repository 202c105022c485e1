//! The list of models, in the shape of OpenAI's (API reference, "Models").

use serde::Serialize;

/// `GET /v1/models`: what a key may ask for.
#[must_use]
pub fn list(names: &[&str]) -> Vec<u8> {
    let data = names.iter().map(|name| Model::of(name)).collect();
    // Strings and numbers into a vector: this cannot fail.
    serde_json::to_vec(&List { object: "list", data }).unwrap_or_default()
}

/// `GET /v1/models/{model}`.
#[must_use]
pub fn one(name: &str) -> Vec<u8> {
    serde_json::to_vec(&Model::of(name)).unwrap_or_default()
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl<'a> Model<'a> {
    fn of(id: &'a str) -> Self {
        Self { id, object: "model", created: UNKNOWN_TIME, owned_by: OWNER }
    }
}

/// Clients need a number, and the gateway does not know when a model was made.
const UNKNOWN_TIME: u64 = 0;
/// Whose the name is: an operator may give a model any name.
const OWNER: &str = "imagegate";

#[cfg(test)]
mod tests {
    use super::{list, one};

    #[test]
    fn models_are_written_as_openai_writes_them() {
        assert_eq!(list(&[]), br#"{"object":"list","data":[]}"#);
        let model = r#"{"id":"a\"b","object":"model","created":0,"owned_by":"imagegate"}"#;
        assert_eq!(one("a\"b"), model.as_bytes());
        let expected = format!(r#"{{"object":"list","data":[{model}]}}"#);
        assert_eq!(list(&["a\"b"]), expected.as_bytes());
    }
}
