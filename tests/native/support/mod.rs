//! What the native tests share: a configuration, a driver of exchanges, upstream answers.

pub(crate) mod client;
pub(crate) mod codex;
pub(crate) mod driver;
pub(crate) mod money;
pub(crate) mod providers;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

pub(crate) use codex::{event, item, stream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagegate::config::Config;
use imagegate::exchange::{ResponseHead, Shared, Vm};
use imagegate::limits::{Conflict, Store};
use imagegate::memory::Budget;
use serde_json::{Value, json};

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: Duration = Duration::from_secs(1_767_225_600);
/// The key of the consumer `acme-web`.
pub(crate) const KEY: &str = "sk-test-acme";
/// The token that the upstream is called with.
pub(crate) const TOKEN: &str = "codex-access-token-of-the-tests";

/// A configuration with one consumer, with `more` laid over it; a `delivery` there is that of the
/// upstream. The upstream never rests: many tests let one gate see failure after failure.
pub(crate) fn config(more: &Value) -> Config {
    let mut document = json!({
        "upstreams": { "codex": {
            "api": "responses",
            "authority": "chatgpt.example",
            "credential": { "bearer_env": "TOKEN", "account_id_env": "ACCOUNT" },
            "timeout": "60s",
            "max_rest": "0s"
        } },
        "consumers": [ { "name": "acme-web", "user": "acme", "key_sha256": [
            ""
        ] } ]
    });
    document["consumers"][0]["key_sha256"][0] = Value::from(digest(KEY));
    codex::lay_over(&mut document, more);
    // Of the upstream.
    if let Some(delivery) = document.as_object_mut().unwrap().remove("delivery") {
        document["upstreams"]["codex"]["delivery"] = delivery;
    }
    let env = |name: &str| match name {
        "TOKEN" => Some(TOKEN.to_owned()),
        "ACCOUNT" => Some("account-1".to_owned()),
        _ => None,
    };
    Config::parse(document.to_string().as_bytes(), &env).unwrap_or_else(|error| panic!("{error}"))
}

/// The SHA-256 of a key, as a configuration has it.
pub(crate) fn digest(key: &str) -> String {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(key);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A gate under [`config`], and its budget.
pub(crate) fn gate(more: &Value) -> (Rc<Shared>, Budget) {
    let vm = Rc::new(Vm::default());
    let budget = vm.budget.clone();
    (Rc::new(Shared::new(config(more), vm, Box::new(SharedData::default()))), budget)
}

/// Shared data as in Envoy: a swap of a key that does not exist always succeeds, and an empty value
/// reads like no value. A clone is the same data.
#[derive(Default, Clone)]
pub(crate) struct SharedData(Rc<RefCell<Values>>);

/// The value of each key, and the token of its last change.
type Values = HashMap<String, (Vec<u8>, u32)>;

impl Store for SharedData {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        match self.0.borrow().get(key) {
            Some((value, token)) => (Some(value.clone()).filter(|it| !it.is_empty()), Some(*token)),
            None => (None, None),
        }
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        let mut values = self.0.borrow_mut();
        let now = values.get(key).map(|(_, token)| *token);
        if token.is_some() && now.is_some() && token != now {
            return Err(Conflict);
        }
        values.insert(key.to_owned(), (value.to_vec(), now.unwrap_or(0).wrapping_add(1)));
        Ok(())
    }
}

/// The head of a valid request. `more` replaces headers of the same name, or adds to them.
pub(crate) fn head(more: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let mut head = vec![
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "gate.example"),
        (":path", "/v1/images/generations"),
        ("authorization", "Bearer sk-test-acme"),
        ("content-type", "application/json"),
        ("x-request-id", "request-1"),
        ("cookie", "session=1"),
        ("user-agent", "client/1"),
    ];
    for (name, value) in more {
        head.retain(|(it, _)| it != name);
        head.push((name, value));
    }
    head.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
}

/// This many seconds after [`NOW`].
pub(crate) fn after(secs: u64) -> Duration {
    NOW + Duration::from_secs(secs)
}

/// The head of a 200.
pub(crate) fn ok() -> ResponseHead {
    ResponseHead { status: 200, ..ResponseHead::default() }
}

/// The base64 of a PNG of this size: its head, and `more` bytes of noise.
pub(crate) fn png(width: u32, height: u32, more: usize) -> String {
    let head =
        [&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], &width.to_be_bytes(), &height.to_be_bytes()];
    STANDARD.encode([head.concat(), vec![7; more]].concat())
}
