//! Checks that get no answer, or none that can be read.

use std::time::Duration;

use serde_json::json;

use super::service::{OK, Setup, answer, engine, error, four_rules};
use crate::support::driver::{Driver, Host};
use crate::support::money::{all_calls, image, rule};
use crate::support::{NOW, head};

#[test]
fn a_service_that_does_not_answer_is_handled_by_on_error_of_each_rule() {
    let mut limits = four_rules();
    limits[1]["on_error"] = json!("allow");
    let setup = Setup::new(&engine(&json!({})), &limits);
    for failed in [100, 101, 102] {
        let mut driver = setup.checking();
        for token in [100, 101, 102] {
            driver.answer_check(token, (token != failed).then_some(OK));
        }
        if failed == 101 {
            assert!(driver.forwarded && driver.calls.is_empty());
            driver.close(None);
            continue;
        }
        let reply = driver.client.clone();
        assert_eq!(reply.status, 503);
        assert_eq!(error(&reply).1, "limits_unavailable");
    }
    let setup = Setup::new(&engine(&json!({"on_error": "allow"})), &four_rules());
    let mut driver = setup.checking();
    answer(&mut driver, &[None; 3]);
    assert!(driver.forwarded && driver.calls.is_empty());
    let reply = all_calls(&mut driver, 1, &image("low", "1024x1024"));
    assert_eq!(reply.status, 200);
    assert_eq!(driver.close(Some(200))["unavailable_rules"], "rpm,images,budget");
}

#[test]
fn a_check_that_does_not_start_or_gets_an_invalid_answer_counts_as_unanswered() {
    let setup =
        Setup::new(&engine(&json!({})), &json!([rule("rpm", "requests", json!(1), Some("1m"))]));
    let mut driver = Driver::with_host(&setup.gate, &[Host::Refuses]);
    assert_eq!(driver.request(&head(&[]), br#"{"prompt":"p"}"#).status, 503);
    assert_eq!(driver.checks.len(), 1);
    let mut driver = setup.checking();
    driver.answer_check(100, Some(b"<html>"));
    assert_eq!(driver.client.status, 503);
}

#[test]
fn a_check_that_the_host_forgets_times_out() {
    let setup = Setup::new(&engine(&json!({"on_error": "allow"})), &four_rules());
    let mut driver = setup.checking();
    assert!(driver.tick(NOW + Duration::from_millis(1_149)).waits());
    let reply = driver.tick(NOW + Duration::from_millis(1_150));
    assert_eq!(reply.status, 503);
    driver.answer_check(100, Some(OK));
    assert!(!driver.forwarded);
    driver.close(Some(503));
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}
