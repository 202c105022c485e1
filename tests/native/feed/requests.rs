//! What clients see of the list: whole exchanges, without Envoy.

use std::rc::Rc;

use imagegate::exchange::{Shared, Vm};
use imagegate::feed::{Answer, Feed, Watch};
use serde_json::{Value, json};

use super::world::reading;
use crate::support::driver::Driver;
use crate::support::money::{all_calls, image};
use crate::support::{NOW, SharedData, digest, head};

/// A gate over a list that has not been read.
struct Gate {
    gate: Rc<Shared>,
    feed: Feed,
    store: SharedData,
    serial: u64,
}

impl Gate {
    fn new(more: &Value) -> Self {
        let config = reading(more);
        let store = SharedData::default();
        let feed = Feed::claim(&store, config.consumers_from().unwrap(), NOW).unwrap();
        let shared = Shared::new(config, Rc::<Vm>::default(), Box::new(store.clone()));
        Self { gate: Rc::new(shared.with_feed(feed.clone())), feed, store, serial: 0 }
    }

    /// Reads this list.
    fn read(&mut self, list: &Value) {
        let text = list.to_string();
        self.serial += 1;
        let mut watch = Watch::new(self.feed.clone(), 1, self.serial);
        let now = NOW + std::time::Duration::from_secs(20 * self.serial);
        let config = &self.gate.config;
        assert_eq!(watch.tick(&self.store, config, true, &|| now).len(), 1);
        watch.started(&self.store, Ok(1), now);
        let answer = Answer { status: 200, etag: None, encoding: None, len: text.len() };
        let mut read = |from: usize, len: usize| text.as_bytes()[from..from + len].to_vec();
        watch.answered(&self.store, 1, Some(&answer), &mut read, now);
        assert!(watch.is_working());
        while watch.is_working() {
            watch.tick(&self.store, config, true, &|| now);
        }
    }

    fn ask(&self, key: &str, request: &Value) -> Driver {
        let bearer = format!("Bearer {key}");
        let mut driver = Driver::new(&self.gate);
        driver.request(&head(&[("authorization", &bearer)]), request.to_string().as_bytes());
        driver
    }

    fn code(&self, key: &str, request: &Value) -> (u16, String) {
        let driver = self.ask(key, request);
        let code = driver.client.json()["error"]["code"].as_str().unwrap().to_owned();
        (driver.client.status, code)
    }
}

fn request() -> Value {
    json!({"prompt": "p"})
}

#[test]
fn a_key_of_the_list_works_once_it_is_read_and_not_after_it_is_revoked() {
    let mut gate = Gate::new(&json!({}));
    assert_eq!(gate.code("sk-ann", &request()), (503, "keys_unavailable".to_owned()));
    // A key that no list can hold is wrong in any case.
    assert_eq!(gate.code("sk ann", &request()), (401, "invalid_api_key".to_owned()));
    assert!(gate.ask(crate::support::KEY, &request()).client.waits());
    let ann = json!({"name": "ann", "key_sha256": [digest("sk-ann")], "groups": ["design"],
        "models": ["gpt-image-*"], "sizes": ["1024x1024"]});
    gate.read(&json!({"consumers": [ann], "users": [{"id": "u", "groups": ["web"]}]}));
    let request = json!({"prompt": "p", "size": "1024x1024"});
    let mut driver = gate.ask("sk-ann", &request);
    let reply = all_calls(&mut driver, 1, &image("low", "1024x1024"));
    assert_eq!(reply.status, 200);
    let record = driver.close(Some(200));
    assert_eq!((&record["consumer"], &record["user"]), (&json!("ann"), &json!("ann")));
    assert_eq!(record["groups"], json!(["design"]));
    assert_eq!(gate.code("sk-ann", &json!({"prompt": "p"})).0, 403);
    assert_eq!(gate.code("sk-bob", &request), (401, "invalid_api_key".to_owned()));
    gate.read(&json!({"consumers": []}));
    assert_eq!(gate.code("sk-ann", &request), (401, "invalid_api_key".to_owned()));
    assert!(gate.ask(crate::support::KEY, &request).client.waits());
}

#[test]
fn an_entry_of_the_list_can_be_disabled_and_expire() {
    let mut gate = Gate::new(&json!({}));
    gate.read(&json!({"consumers": [
        {"name": "off", "key_sha256": [digest("sk-off")], "disabled": true},
        {"name": "old", "key_sha256": [digest("sk-old")], "expires_at": "2025-12-31T23:59:59Z"},
        {"name": "new", "key_sha256": [digest("sk-new")], "expires_at": "2026-01-01T00:00:01Z"},
    ]}));
    assert_eq!(gate.code("sk-off", &request()).0, 401);
    assert_eq!(gate.code("sk-old", &request()).0, 401);
    assert!(gate.ask("sk-new", &request()).client.waits());
}

#[test]
fn a_user_that_only_the_list_may_know_waits_for_it() {
    let consumers = json!([{"name": "app", "key_sha256": [digest("sk-app")], "any_user": true},
        {"name": "ops", "key_sha256": [digest("sk-ops")], "role": "master"}]);
    let more = json!({"consumers": consumers, "users": [{"id": "cfg"}], "unknown_users": "admit"});
    let mut gate = Gate::new(&more);
    let asked = |user: &str| json!({"prompt": "p", "user": user});
    // The list may block them.
    for key in ["sk-app", "sk-ops"] {
        let unread = (503, "keys_unavailable".to_owned());
        assert_eq!(gate.code(key, &asked("someone")), unread, "{key}");
    }
    // Whether another key acts for the user is not known yet.
    assert_eq!(gate.code("sk-app", &asked("cfg")).0, 503);
    assert!(gate.ask("sk-ops", &asked("cfg")).client.waits());
    assert!(gate.ask("sk-app", &request()).client.waits());
    gate.read(&json!({
        "consumers": [{"name": "x", "key_sha256": [digest("sk-x")], "user": "cfg"}],
        "users": [{"id": "someone", "blocked": true}],
    }));
    assert_eq!(gate.code("sk-app", &asked("someone")).0, 403);
    assert_eq!(gate.code("sk-ops", &asked("someone")).0, 403);
    assert_eq!(gate.code("sk-app", &asked("cfg")).0, 403);
    assert!(gate.ask("sk-app", &asked("other")).client.waits());
}
