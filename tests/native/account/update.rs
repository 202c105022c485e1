//! An update of the filter in a running Envoy: what the code before it has written is read on.
//!
//! `fixtures/state/before_folders.json` holds the shared data that commit 3bb910d wrote for two
//! images delivered, one request rejected, one in flight and one that met the upstream's usage
//! limit, with what that code then reported of it. It is never rewritten.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagegate::exchange::{ResponseHead, Shared, Vm};
use imagegate::limits::Store as _;
use serde_json::{Value, json};

use crate::support::driver::Driver;
use crate::support::money::{Counters, get, image};
use crate::support::{NOW, config};

fn state() -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/state/before_folders.json");
    let mut state: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    // That code counted a model under the name in the request, and this one does if the
    // configuration has the name.
    state["configuration"]["models"] = json!([{"match": "gpt-image-2", "upstream": "codex"}]);
    // That code rounded the 91.5 s of `burst` down.
    assert_eq!(state["limits"]["data"][5]["resets_at"], 1_767_225_691);
    state["limits"]["data"][5]["resets_at"] = json!(1_767_225_692);
    // It wrote the window of `burst` in two units.
    assert_eq!(state["limits"]["data"][5]["window"], "1m 30s");
    state["limits"]["data"][5]["window"] = json!("90s");
    state
}

/// The filter of now, over the shared data that the code before it wrote.
fn updated(state: &Value) -> Rc<Shared> {
    let counters = Counters::default();
    for (key, value) in state["shared_data"].as_object().unwrap() {
        let value = STANDARD.decode(value.as_str().unwrap()).unwrap();
        counters.swap(key, &value, None).unwrap();
    }
    let config = config(&state["configuration"]);
    Rc::new(Shared::new(config, Rc::<Vm>::default(), Box::new(counters)))
}

#[test]
fn counters_and_rests_keep_their_values_across_an_update() {
    let state = state();
    let shared = updated(&state);
    assert_eq!(get(&shared, &[], NOW).json(), state["limits"]);
    let gauges = shared.upstream_gauges(NOW);
    let gauges: BTreeMap<_, _> = gauges.iter().map(|it| (it.name(), it.amount)).collect();
    // Later code has more of them.
    for (name, amount) in state["gauges"].as_object().unwrap() {
        assert_eq!(Some(amount.as_u64().unwrap()), gauges.get(name.as_str()).copied(), "{name}");
    }
}

#[test]
fn a_rule_goes_on_counting_where_the_code_before_stopped() {
    let mut state = state();
    // It must not rest, so that only rules reject.
    state["configuration"]["upstreams"]["codex"]["max_rest"] = json!("0s");
    let shared = updated(&state);
    // The rule admits 8 images. 2 are used and 1 is reserved, so 6 are too many and 5 are not.
    let rejected = Driver::rejected(&shared, &json!({"prompt": "a cat", "n": 6}));
    assert!(rejected.error("message").to_string().contains("'images'"), "{rejected:?}");
    let admitted = Driver::ask(&shared, &json!({"prompt": "a cat", "n": 5}));
    assert!(admitted.forwarded, "{:?}", admitted.client);
}

#[test]
fn the_usage_record_has_the_fields_and_values_of_the_code_before() {
    let state = state();
    let shared = Rc::new(Shared::new(
        config(&state["configuration"]),
        Rc::<Vm>::default(),
        Box::new(Counters::default()),
    ));
    let request = json!({"prompt": "a cat", "n": 2, "quality": "high", "size": "1024x1024"});
    let mut driver = Driver::admitted(&shared, &request);
    let image = image("high", "1024x1024");
    driver.answer(&[&image]);
    driver.side(0, Some(crate::support::ok()), &image);
    let delivered = driver.close(Some(200));

    let mut driver = Driver::ask(&shared, &json!({"prompt": "a cat", "n": 9}));
    let rejected = driver.close(Some(429));

    let mut driver = Driver::admitted(&shared, &json!({"prompt": "a cat"}));
    let limited = ResponseHead {
        status: 429,
        retry_after: Some(b"3000".to_vec()),
        content_type: Some(b"application/json".to_vec()),
        ..ResponseHead::default()
    };
    driver.upstream(
        limited,
        &[br#"{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached","resets_in_seconds":3000}}"#],
    );
    let failed = driver.close(Some(429));
    assert_eq!(json!([delivered, rejected, failed]), state["records"]);
}
