//! An Envoy that lacks the one setting without which the filter cannot work.

use serde_json::json;

use crate::harness::{Generation, Request, Setup, Upstream};

#[test]
fn without_its_setting_a_request_is_answered_with_its_name() {
    let upstream = Upstream::generating(&Generation::small(1));
    let setting = "allow_on_headers_stop_iteration";
    let envoy = Setup::new(upstream.port())
        .replace(&format!("{setting}: true"), &format!("{setting}: false"))
        .start();
    let body = json!({"prompt": "a square"});
    let response = Request::generation(&body).send(&envoy);
    response.assert_error(500, "gateway_misconfigured");
    assert!(response.json()["error"]["message"].as_str().unwrap().contains(setting));
    // Only the operator can mend it.
    assert_eq!(response.header("x-should-retry").as_deref(), Some("false"));
    assert!(envoy.log().contains(setting), "the log does not name it:\n{}", envoy.log());
    assert!(upstream.received().is_empty());
}
