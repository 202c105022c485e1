//! An upstream that breaks off after a complete answer has its answers held for an hour.

use super::{begun, gate_with, parts, request};
use crate::support::driver::Driver;
use crate::support::{after, ok, png};
use serde_json::json;

/// An answer passes whole, and the stream ends with this status without the upstream's end.
fn unclean(gate: &std::rc::Rc<imagegate::exchange::Shared>, status: Option<u16>) -> Driver {
    let (mut driver, rest, after) = begun(gate, &png(1024, 1024, 30_000));
    driver.upstream_bytes(rest.as_bytes());
    driver.upstream_bytes(after.as_bytes());
    let record = driver.close(status);
    assert_eq!(record["images_delivered"], 1);
    driver
}

/// Whether the head of the next answer leaves with the first bytes of its image.
fn passes(gate: &std::rc::Rc<imagegate::exchange::Shared>, at: u64) -> bool {
    let mut driver = Driver::ask_at(gate, &request(), after(at));
    driver.upstream_head(ok());
    driver.upstream_bytes(&parts(&png(1024, 1024, 30_000)).concat().as_bytes()[..30_000]);
    !driver.client.waits()
}

#[test]
fn its_answers_are_held_for_an_hour() {
    let gate = gate_with("auto", &json!({}));
    assert!(passes(&gate, 0));
    let driver = unclean(&gate, Some(200));
    assert!(
        driver
            .count_names()
            .contains(&"imagegate_upstream_unclean_ends_total.upstream.codex".to_owned())
    );
    assert!(driver.notices.iter().any(|it| it.contains("`delivery`")), "{:?}", driver.notices);
    for (at, expected) in [(0, false), (3599, false), (3600, true)] {
        assert_eq!(passes(&gate, at), expected, "{at}");
    }
    let held = |at| {
        let gauges = gate.upstream_gauges(after(at));
        let name = "imagegate_upstream_hold_seconds.upstream.codex";
        gauges.iter().find(|it| it.name() == name).unwrap().amount
    };
    assert_eq!((held(0), held(600), held(4000)), (3600, 3000, 0));
}

#[test]
fn what_a_client_breaks_changes_nothing() {
    let gate = gate_with("auto", &json!({}));
    let driver = unclean(&gate, None);
    assert!(driver.notices.is_empty());
    assert!(passes(&gate, 0));
}

#[test]
fn a_setting_of_pass_or_hold_is_final() {
    let gate = gate_with("pass", &json!({}));
    unclean(&gate, Some(200));
    assert!(passes(&gate, 0));
    assert!(!passes(&gate_with("hold", &json!({})), 0));
}
