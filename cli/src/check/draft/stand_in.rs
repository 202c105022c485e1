//! The replacements for values that the parser rejects.
//!
//! Only fields that are required, or whose removal would make others wrong, have an entry. Any
//! other field is removed.

use super::super::tree::{Field, Kind, Node, Text, split};
use super::Draft;

/// A variable that is always set.
pub(crate) const VARIABLE: &str = "IMAGEGATECTL";

impl Draft {
    /// Puts a harmless value at `pointer`, also if the field is missing. `false` if none is known
    /// for this place.
    pub(super) fn replace(&mut self, pointer: &str) -> bool {
        let Some(json) = self.stand_in(pointer) else { return false };
        let span = self.tree.pointed(pointer).map(|node| node.span.clone());
        let span = span.unwrap_or_else(|| self.tree.locate(pointer));
        let mut value = node(&json);
        value.relocate(&|_| span.clone());
        if let Some(place) = self.tree.pointed_mut(pointer) {
            *place = value;
        } else {
            let Some((owner, name)) = split(pointer) else { return false };
            let Some(Node { kind: Kind::Object(fields), .. }) = self.tree.pointed_mut(owner) else {
                return false;
            };
            fields.push(Field { name, span, value });
        }
        self.replaced.insert(pointer.to_owned());
        true
    }

    fn stand_in(&mut self, pointer: &str) -> Option<serde_json::Value> {
        use serde_json::json;
        self.stand_ins += 1;
        let name = format!("imagegatectl-{}", self.stand_ins);
        // Differs from any digest of a key, and from each other.
        let digest = format!("{:064x}", self.stand_ins);
        let segments: Vec<_> = pointer.split('/').skip(1).collect();
        Some(match generic(&segments).as_str() {
            "upstreams" => json!({ name: upstream() }),
            "upstreams/*" => upstream(),
            "upstreams/*/authority" => json!("imagegatectl.invalid"),
            "upstreams/*/credential" => json!("envoy"),
            "upstreams/*/credential/bearer_env"
            | "upstreams/*/credential/account_id_env"
            | "upstreams/*/credential/key_env" => json!(VARIABLE),
            "upstreams/*/headers" => json!({}),
            "models" => json!([{ "match": "*", "upstream": self.first("upstreams") }]),
            "models/*" => json!({ "match": name, "upstream": self.first("upstreams") }),
            "models/*/match" => json!("*"),
            "models/*/upstream" | "models/*/upstream/*" | "models/*/upstream/*/name" => {
                json!(self.first("upstreams"))
            }
            "identity" => json!({ "header": "x-imagegatectl" }),
            "identity/header" => json!("x-imagegatectl"),
            "identity/property" => json!(["imagegatectl"]),
            "identity/property/*" => json!("imagegatectl"),
            "consumers" => json!([{ "name": name, "key_sha256": [digest] }]),
            "consumers/*" => json!({ "name": name, "key_sha256": [digest] }),
            "consumers/*/name" | "users/*/id" | "limits/*/name" => json!(name),
            "consumers/*/identities/*" => json!(name),
            "consumers/*/key_sha256" => json!([digest]),
            "consumers/*/key_sha256/*" => json!(digest),
            "consumers/*/models/*" | "limits/*/models/*" => json!("*"),
            "consumers/*/sizes/*" => json!("auto"),
            "users/*" => json!({ "id": name }),
            _ => return self.of_money(&segments, &name),
        })
    }

    /// The same for prices, rules and the engine.
    fn of_money(&mut self, segments: &[&str], name: &str) -> Option<serde_json::Value> {
        use serde_json::json;
        Some(match generic(segments).as_str() {
            "prices/*" => json!({ "model": name, "usd": "1" }),
            "prices/*/model" => json!(name),
            "prices/*/usd" => json!("1"),
            "prices/*/usd_per_million_tokens/text_input"
            | "prices/*/usd_per_million_tokens/image_input"
            | "prices/*/usd_per_million_tokens/image_output" => json!("1"),
            "limits/*" => {
                json!({ "name": name, "per": "key", "unit": "requests", "max": 1, "window": "1m" })
            }
            "limits/*/per" => json!("key"),
            // It accepts `max` in the forms of most units.
            "limits/*/unit" => json!("megapixels"),
            "limits/*/max" => self.maximum(segments),
            "limits/*/window" => json!("1m"),
            "limits/*/consumers/*" => json!(self.consumer()?),
            "limits/*/users/*" => json!(self.user()),
            "engine" => json!({ "kind": "rls" }),
            "engine/kind" => json!("rls"),
            _ => return None,
        })
    }

    /// The unit determines whether it is a number or text.
    fn maximum(&self, segments: &[&str]) -> serde_json::Value {
        let index = segments.get(1).copied().unwrap_or_default();
        let unit = self.tree.pointed(&format!("/limits/{index}/unit")).and_then(Node::text);
        if unit == Some("usd") { "1".into() } else { 1.into() }
    }

    /// The first name of an object.
    fn first(&self, object: &str) -> String {
        let fields = self.tree.get(object).map(Node::fields).unwrap_or_default();
        fields.first().map(|field| field.name.clone()).unwrap_or_default()
    }

    fn consumer(&self) -> Option<String> {
        let name = self.tree.pointed("/consumers/0/name").and_then(Node::text);
        name.map(ToOwned::to_owned)
    }

    /// A user who is listed from here on.
    fn user(&mut self) -> String {
        let id = format!("imagegatectl-{}", self.stand_ins);
        let entry = node(&serde_json::json!({ "id": id }));
        match self.tree.pointed_mut("/users") {
            Some(Node { kind: Kind::List(users), .. }) => users.push(entry),
            _ => {
                if let Kind::Object(fields) = &mut self.tree.kind {
                    let value = Node { span: 0..0, kind: Kind::List(vec![entry]) };
                    fields.push(Field { name: "users".to_owned(), span: 0..0, value });
                }
            }
        }
        id
    }
}

/// The place with `*` for names and indexes.
fn generic(segments: &[&str]) -> String {
    let is_index = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    let is_own = |depth| depth == 1 && segments.first() == Some(&"upstreams");
    let path = segments.iter().enumerate();
    let path = path.map(|(depth, it)| if is_index(it) || is_own(depth) { "*" } else { it });
    path.collect::<Vec<_>>().join("/")
}

fn upstream() -> serde_json::Value {
    serde_json::json!({ "authority": "imagegatectl.invalid", "credential": "envoy" })
}

fn node(json: &serde_json::Value) -> Node {
    use serde_json::Value;
    let kind = match json {
        Value::Null => Kind::Null,
        Value::Bool(truth) => Kind::Bool(*truth),
        Value::Number(number) => Kind::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::Text(Text::opaque(text.clone())),
        Value::Array(items) => Kind::List(items.iter().map(node).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Field {
                name: name.clone(),
                span: 0..0,
                value: node(value),
            });
            Kind::Object(fields.collect())
        }
    };
    Node { span: 0..0, kind }
}
