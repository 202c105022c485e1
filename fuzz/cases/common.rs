//! The gate of all targets.

use std::rc::Rc;
use std::time::Duration;

use imagegate::config::Config;
use imagegate::exchange::{End, Exchange, OnRequestBody, Shared, Vm};
use imagegate::limits::{Conflict, Store};
use imagegate::memory::Budget;

/// 2026-01-01T00:00:00Z.
pub const NOW: Duration = Duration::from_secs(1_767_225_600);

/// A head that the gate admits: the key is `fuzz`.
pub fn head() -> Vec<(String, Vec<u8>)> {
    [
        (":method", "POST"),
        (":path", "/v1/images/generations"),
        ("authorization", "Bearer fuzz"),
        ("content-type", "application/json"),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
    .to_vec()
}

/// A gate with one consumer, and the budget that must be empty when its exchanges are gone.
pub fn gate(accept_last_partial: bool, delivery: &str) -> (Rc<Shared>, Budget) {
    let document = format!(
        r#"{{"upstreams": {{"codex": {{"authority": "a", "host_model": "m",
            "delivery": "{delivery}", "credential": {{"bearer_env": "T"}}}}}},
            "accept_last_partial": {accept_last_partial}, "max_image_bytes": "1MiB",
            "consumers": [{{"name": "c", "key_sha256":
                ["93850b707585e404e4951a3ddc1f05a34b3d4f5fc081d616f46d8a2e8f1c8e68"]}}]}}"#
    );
    let config = Config::parse(document.as_bytes(), &|_| Some("token".to_owned())).unwrap();
    let vm = Rc::new(Vm::default());
    let budget = vm.budget.clone();
    (Rc::new(Shared::new(config, vm, Box::new(SharedData))), budget)
}

/// Sends `body` as a whole request. It is rejected with JSON, or goes upstream as JSON. Afterwards
/// no memory is held.
pub fn send(head: &[(String, Vec<u8>)], body: &[u8]) {
    let (gate, budget) = gate(false, "auto");
    let mut exchange = Exchange::new(gate);
    exchange.request_headers(head, End::Open, NOW);
    let body = match exchange.request_body(body, End::Stream, NOW) {
        OnRequestBody::Forward(forward) => forward.body.to_vec(),
        OnRequestBody::Reply(reply) => reply.body,
        OnRequestBody::Hold | OnRequestBody::Pass | OnRequestBody::Check(_) => {
            panic!("no answer")
        }
    };
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert!(body.is_object());
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

/// An empty store: no rule is configured.
struct SharedData;

impl Store for SharedData {
    fn get(&self, _: &str) -> (Option<Vec<u8>>, Option<u32>) {
        (None, None)
    }

    fn swap(&self, _: &str, _: &[u8], _: Option<u32>) -> Result<(), Conflict> {
        Ok(())
    }
}
