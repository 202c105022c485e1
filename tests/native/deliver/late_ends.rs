//! An upstream that keeps its response open after its outcome has left for the client. The filter
//! cannot end a response whose head has left, so the record says what the client saw.

use crate::support::codex::{self, created, failed, preview};
use crate::support::driver::Driver;
use crate::support::money::{Counted, PRICE, priced};
use crate::support::{after, gate, item, ok};
use imagegate::exchange::End;
use serde_json::{Value, json};

/// A driver whose client has all events of a stream, or what `more` ends it with.
fn sent(last: &str) -> Driver {
    let request = json!({"prompt": "a cat", "stream": true, "partial_images": 1});
    let mut driver = Driver::admitted(&priced(&json!([])), &request);
    driver.upstream_head(ok());
    driver.upstream_bytes([created(), preview(0, "UFJF")].concat().as_bytes());
    driver.upstream_bytes(last.as_bytes());
    assert!(!driver.client.waits() && !driver.client.at_once);
    driver
}

fn completed() -> String {
    [codex::done(&item("ig_1", "QUJD")), codex::completed(&json!({}))].concat()
}

/// The code of the record, and how many images were delivered and failed; each is charged.
fn record(driver: &mut Driver, status: Option<u16>) -> (Value, u64, u64) {
    let record = driver.close(status);
    let number = |name: &str| record[name].as_u64().unwrap();
    let delivered = number("images_delivered");
    assert_eq!(number("settled_nanodollars"), delivered * PRICE, "{record}");
    (record["code"].clone(), delivered, number("images_failed"))
}

#[test]
fn a_stream_that_the_upstream_does_not_end_is_charged_and_recorded_as_broken() {
    // Envoy waits until the timeout and resets the stream.
    let mut driver = sent(&completed());
    driver.now = after(66);
    assert_eq!(record(&mut driver, Some(200)), (json!("upstream_timeout"), 1, 0));
    let mut counted = Counted::default();
    counted.take(&mut driver);
    let errors = counted.all().into_iter().filter(|(name, _)| name.contains("upstream_errors"));
    assert_eq!(errors.map(|(_, sum)| sum).sum::<u64>(), 1);
    // The upstream's connection breaks.
    let mut driver = sent(&completed());
    driver.now = after(2);
    assert_eq!(record(&mut driver, Some(200)), (json!("upstream_disconnected"), 1, 0));
    // What follows the outcome is not its end.
    let mut driver = sent(&completed());
    driver.upstream_bytes(b": later\n\n");
    assert_eq!(record(&mut driver, Some(200)).0, "upstream_disconnected");
}

#[test]
fn a_stream_that_ends_well_or_whose_client_leaves_is_not() {
    for end in [0, 1, 2, 3] {
        let mut driver = match end {
            3 => sent(""),
            _ => sent(&completed()),
        };
        match end {
            0 => drop(driver.upstream_end().clone()),
            1 => drop(driver.upstream_trailers().clone()),
            2 => {}
            _ => drop(driver.response_body(completed().as_bytes(), End::Stream).clone()),
        }
        let status = if end == 2 { None } else { Some(200) };
        driver.now = after(66);
        assert_eq!(record(&mut driver, status), (Value::Null, 1, 0), "{end}");
    }
}

#[test]
fn a_failure_that_was_sent_stays_the_outcome() {
    let mut driver = sent(&failed("server_error"));
    driver.now = after(66);
    let (code, delivered, failed) = record(&mut driver, Some(200));
    assert_eq!((delivered, failed), (0, 1));
    assert_ne!(code, "upstream_timeout");
}

#[test]
fn a_response_awaits_its_end_until_that_has_come_or_the_gate_has_answered() {
    let answer = |delivery: &str| {
        let (gate, _) = gate(&json!({"delivery": delivery}));
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
        driver.upstream_head(ok());
        assert!(driver.exchange.awaits_end(), "{delivery}");
        driver.upstream_bytes(completed().as_bytes());
        driver
    };
    let mut passed = answer("pass");
    assert!(passed.exchange.awaits_end(), "all of it has left, and more may come");
    passed.upstream_end();
    assert!(!passed.exchange.awaits_end());
    assert!(!answer("hold").exchange.awaits_end(), "a reply has been sent");
    let mut events = sent(&completed());
    assert!(events.exchange.awaits_end(), "all events have left");
    events.upstream_trailers();
    assert!(!events.exchange.awaits_end());
}
