//! The limits of a mesh, `deploy/*/limits.yaml`, with the service of `deploy/ratelimit.yaml`.
//!
//! `make test-mesh` gives both to the running mesh after the cases of `mesh.rs`.

use serde_json::json;

use crate::harness::{Connection, Request, eventually};
use crate::mesh::{admin, image_of, send, to_with};

/// The service's API in JSON, as `tools/mesh/run.sh` starts it.
const SERVICE: u16 = 8080;

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn the_service_counts_what_the_mesh_is_told_to_limit() {
    let list = || send(&to_with("GET", "/v1/images/limits?user=acme")).json()["data"].clone();
    eventually("the limits are in force", || list().as_array().is_some_and(|it| it.len() == 3));
    let healthy =
        |line: &str| line.starts_with("ratelimit::") && line.ends_with("::health_flags::healthy");
    eventually("the service is resolved", || admin("/clusters").lines().any(healthy));
    let response = image_of("a counted image");
    assert_eq!(response.images().len(), 1);
    for (header, value) in [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-remaining-images", "499"),
        ("x-ratelimit-remaining-usd", "24.789"),
    ] {
        assert_eq!(response.header(header).as_deref(), Some(value), "{header}");
    }
    // Others use up the rest.
    let entries =
        json!([{"key": "rule", "value": "user-images"}, {"key": "user", "value": "acme"}]);
    let body = json!({"domain": "imagegate",
        "descriptors": [{"entries": entries, "hitsAddend": 499}]});
    let request = Request::new("POST", "/json").json(&body);
    assert_eq!(request.send_on(&mut Connection::open(SERVICE)).status, 200);
    let rejected = image_of("one too many");
    rejected.assert_error(429, "rate_limit_exceeded");
    let message = rejected.json()["error"]["message"].to_string();
    assert!(message.contains("'user-images'"), "{message}");
}
