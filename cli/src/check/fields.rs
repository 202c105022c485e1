//! Looks things up in the configuration's schema: the fields of an object, the values of an
//! enumeration, the places of text.

use std::cell::OnceCell;
use std::rc::Rc;

use serde_json::Value;

/// The schema of the plugin configuration.
#[derive(Debug)]
pub(crate) struct Fields(Value);

thread_local! {
    static FIELDS: OnceCell<Rc<Fields>> = const { OnceCell::new() };
}

impl Fields {
    /// The schema, which is generated once.
    pub(crate) fn get() -> Rc<Self> {
        FIELDS.with(|it| Rc::clone(it.get_or_init(|| Rc::new(Self(imagegate::config::schema())))))
    }

    /// The names that an object at `pointer` may have.
    pub(crate) fn names(&self, pointer: &str) -> Vec<&str> {
        let objects = self.at(pointer).into_iter().filter_map(|it| it.get("properties"));
        objects.filter_map(Value::as_object).flat_map(|it| it.keys().map(String::as_str)).collect()
    }

    /// The words that are accepted at `pointer`. Empty if it is not an enumeration.
    pub(crate) fn words(&self, pointer: &str) -> Vec<&str> {
        let mut words = Vec::new();
        for schema in self.at(pointer) {
            let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            words.extend(listed.chain(schema.get("const")).filter_map(Value::as_str));
        }
        words
    }

    /// Whether text is accepted at `pointer`.
    pub(crate) fn takes_text(&self, pointer: &str) -> bool {
        let is_text = |it: &Value| it == "string";
        let of_schema = |schema: &&Value| {
            let types = schema.get("type");
            types.is_some_and(|it| {
                is_text(it) || it.as_array().is_some_and(|it| it.iter().any(is_text))
            }) || schema.get("enum").is_some()
                || schema.get("const").is_some()
        };
        self.at(pointer).iter().any(of_schema)
    }

    /// The objects with a field of this name, as `upstreams.*`, without the document itself.
    pub(crate) fn owners(&self, name: &str) -> Vec<String> {
        let mut owners = Vec::new();
        owners_in(&self.0, name, "", &mut owners);
        owners.retain(|it| !it.is_empty());
        owners.dedup();
        owners
    }

    /// Every form that the value at `pointer` may have.
    fn at(&self, pointer: &str) -> Vec<&Value> {
        let mut forms = forms(&self.0);
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            forms = forms
                .into_iter()
                .filter_map(|form| child(form, &segment))
                .flat_map(self::forms)
                .collect();
        }
        forms
    }
}

fn child<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    let named = schema.get("properties").and_then(|it| it.get(name));
    let other = || schema.get("additionalProperties").filter(|it| it.is_object());
    let item = || schema.get("items").filter(|_| name.bytes().all(|it| it.is_ascii_digit()));
    named.or_else(other).or_else(item)
}

/// The schema itself and its alternatives.
fn forms(schema: &Value) -> Vec<&Value> {
    let mut found = vec![schema];
    for key in ["anyOf", "oneOf"] {
        let listed = schema.get(key).and_then(Value::as_array).into_iter().flatten();
        found.extend(listed.flat_map(forms));
    }
    found
}

fn owners_in(schema: &Value, name: &str, here: &str, owners: &mut Vec<String>) {
    let join = |segment: &str| match here {
        "" => segment.to_owned(),
        _ => format!("{here}.{segment}"),
    };
    for form in forms(schema) {
        if let Some(properties) = form.get("properties").and_then(Value::as_object) {
            if properties.contains_key(name) {
                owners.push(here.to_owned());
            }
            properties.iter().for_each(|(key, it)| owners_in(it, name, &join(key), owners));
        }
        for elements in ["additionalProperties", "items"] {
            if let Some(element) = form.get(elements).filter(|it| it.is_object()) {
                owners_in(element, name, &join("*"), owners);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_names_words_and_text() {
        let fields = Fields::get();
        assert!(fields.names("").contains(&"consumers"));
        assert!(fields.names("/upstreams/any/credential").contains(&"bearer_env"));
        assert!(fields.words("/limits/0/unit").contains(&"requests"));
        assert!(fields.words("/upstreams/codex/authority").is_empty());
        assert!(fields.takes_text("/upstreams/codex/authority"));
        assert!(fields.takes_text("/limits/3/window"));
        assert!(!fields.takes_text("/upstreams"));
        assert!(!fields.takes_text("/no_such_field"));
    }

    #[test]
    fn it_knows_where_else_a_field_belongs() {
        let owners = Fields::get().owners("timeout");
        assert!(owners.contains(&"upstreams.*".to_owned()), "{owners:?}");
        assert!(owners.contains(&"engine".to_owned()), "{owners:?}");
    }
}
