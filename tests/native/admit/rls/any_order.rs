//! Checks and refunds, for callbacks in any order.

use std::time::Duration;

use super::service::{OK, OVER_LIMIT, Setup, engine, four_rules, released};
use crate::support::driver::{Driver, Host};
use crate::support::money::image;
use crate::support::{NOW, head, ok};
use imagegate::exchange::End;
use proptest::prelude::*;
use serde_json::json;

#[derive(Debug, Clone)]
enum Step {
    Host(Host),
    Answer(u32, u8),
    Tick(u64),
    Head,
    Body(bool),
}

fn host() -> impl Strategy<Value = Host> {
    prop::sample::select(vec![Host::Starts, Host::Refuses])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        host().prop_map(Step::Host),
        (100..104_u32, 0..4_u8).prop_map(|(token, answer)| Step::Answer(token, answer)),
        (100..104_u32, 0..4_u8).prop_map(|(token, answer)| Step::Answer(token, answer)),
        (0..2_000_u64).prop_map(Step::Tick),
        Just(Step::Head),
        any::<bool>().prop_map(Step::Body),
    ];
    prop::collection::vec(step, 0..24)
}

proptest! {
    /// For callbacks in any order: there is one answer at most, and at the end nothing is reserved,
    /// counted twice or refunded twice.
    #[test]
    fn every_order_of_callbacks_ends_with_nothing_held(
        host in prop::collection::vec(host(), 0..4),
        steps in steps(),
        releases in prop_oneof![Just("never"), Just("negative_hits")],
    ) {
        let setup = Setup::new(&engine(&json!({"releases": releases})), &four_rules());
        let mut driver = Driver::with_host(&setup.gate, &host);
        driver.request(&head(&[]), br#"{"prompt":"p"}"#);
        prop_assert!(!driver.checks.is_empty());
        // The driver asserts that there is one reply at most, and that the request goes upstream once.
        for step in steps {
            match step {
                Step::Host(next) => driver.host.push_back(next),
                Step::Answer(token, 0) => _ = driver.answer_check(token, None),
                Step::Answer(token, 1) => _ = driver.answer_check(token, Some(OVER_LIMIT)),
                Step::Answer(token, _) => _ = driver.answer_check(token, Some(OK)),
                Step::Tick(millis) => _ = driver.tick(NOW + Duration::from_millis(millis)),
                Step::Head => _ = driver.upstream_head(ok()),
                Step::Body(true) => {
                    driver.response_body(&image("low", "1024x1024"), End::Stream);
                }
                Step::Body(false) => _ = driver.upstream_bytes(b""),
            }
        }
        driver.now = NOW;
        driver.close(None);
        prop_assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
        let mut names: Vec<_> = released(&setup).into_iter().map(|(name, _)| name).collect();
        let all = names.len();
        names.dedup();
        prop_assert_eq!(names.len(), all, "refunded twice");
        prop_assert!(driver.log(None).is_some());
        prop_assert!(setup.releases().is_empty());
    }
}
