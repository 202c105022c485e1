//! The memory budget: what takes memory, and what is rejected.

use super::{code, opened, waiting};
use crate::support::codex::{completed, done, preview};
use crate::support::driver::Driver;
use crate::support::{gate, item, ok, stream};
use imagegate::exchange::End;
use serde_json::json;

#[test]
fn past_the_byte_budget_an_image_that_begins_is_refused_and_those_that_have_begun_finish() {
    let (gate, budget) = gate(&json!({"max_buffered_bytes": "64MiB", "max_image_bytes": "24MiB"}));
    let request = json!({"prompt": "a cat", "size": "1024x1024", "stream": true});
    let stream = stream(&"A".repeat(5_592_404));
    let (begin, rest) = stream.split_at(10_000);
    // Nothing is taken before an image begins.
    let mut open: Vec<_> = (0..100).map(|_| Driver::admitted(&gate, &request)).collect();
    assert!(budget.used() < 1 << 20, "{}", budget.used());
    for driver in &mut open {
        driver.upstream_head(ok());
        driver.upstream_bytes(begin);
    }
    let mut finished = 0;
    // Those that began last have found no room.
    for driver in open.iter_mut().rev() {
        driver.upstream_bytes(rest);
        let names = driver.client.names();
        match names.last().map(String::as_str) {
            // The largest image of that size: each byte of it has its memory.
            Some("image_generation.completed") => finished += 1,
            Some("error") => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((5..50).contains(&finished), "{finished} finished");
    assert_eq!(open[99].client.names(), ["error"]);
    drop(open);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_budget_smaller_than_an_image_serves_one_image_at_a_time() {
    let request = json!({"prompt": "p", "stream": true, "size": "1024x1024"});
    for bytes in ["64KiB", "1MiB"] {
        let (gate, used) = gate(&json!({"max_buffered_bytes": bytes}));
        let mut first = Driver::admitted(&gate, &request);
        first.answer(&[&stream(&"A".repeat(40_000))]);
        assert_eq!(first.client.names().last().unwrap(), "image_generation.completed", "{bytes}");
        drop(first);
        assert_eq!(used.used(), 0);
    }
}

#[test]
fn what_a_client_declares_takes_no_memory() {
    let (gate, budget) = gate(&json!({}));
    let declared = [("content-length", "33554432")];
    let open: Vec<_> = (0..100).map(|_| opened(&gate, &declared, End::Open)).collect();
    assert!(open.iter().all(|driver| driver.client.waits()));
    assert_eq!(budget.used(), 0);
    waiting(&gate, 1);
}

#[test]
fn what_goes_upstream_n_times_takes_memory_n_times_until_the_upstream_answers() {
    let (gate, budget) = gate(&json!({}));
    let image = format!("data:image/png;base64,{}", "A".repeat(4_000_000));
    let request = json!({"prompt": "p", "n": 5, "images": [image]});
    let mut driver = Driver::admitted(&gate, &request);
    let while_sent = budget.used();
    driver.upstream_head(ok());
    assert!(while_sent - budget.used() >= 5 * 4_000_000);
}

#[test]
fn images_that_do_not_fit_into_one_answer_are_rejected_by_n() {
    let (gate, _) = gate(&json!({}));
    let request = json!({"prompt": "p", "n": 10, "size": "3840x2160"});
    let reply = Driver::rejected(&gate, &request);
    assert_eq!(code(&reply), (400, json!("integer_above_max_value")));
    assert_eq!(reply.json()["error"]["param"], "n");
    let request = json!({"prompt": "p", "n": 8, "size": "3840x2160"});
    Driver::admitted(&gate, &request);
}

#[test]
fn a_preview_takes_no_memory_from_its_image() {
    let (gate, _) = gate(&json!({
        "accept_last_partial": true, "max_buffered_bytes": "12MiB", "max_image_bytes": "8MiB"
    }));
    let request = json!({"prompt": "p", "size": "1024x1024"});
    let mut driver = Driver::admitted(&gate, &request);
    let _other = Driver::admitted(&gate, &request);
    let preview = preview(0, &"A".repeat(5_000_000));
    let rest = stream(&"A".repeat(5_000_000));
    assert_eq!(driver.answer(&[&[preview.as_bytes(), &rest].concat()]).status, 200);
}

#[test]
fn an_image_beyond_its_limit_is_not_delivered() {
    let (gate, budget) = gate(&json!({"max_image_bytes": "1MiB"}));
    for (len, status) in [(1_398_104, 200), (1_398_108, 502)] {
        assert_eq!(waiting(&gate, 1).answer(&[&stream(&"A".repeat(len))]).status, status);
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn previews_and_repeated_copies_are_never_kept() {
    let (gate, budget) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    driver.upstream_head(ok());
    let admitted = budget.used();
    driver.upstream_bytes(preview(0, &"A".repeat(20_000_000)).as_bytes());
    assert_eq!(budget.used(), admitted);
    driver.upstream_bytes(done(&item("ig_1", "QUJD")).as_bytes());
    let copy = completed(&json!({"output": [item("ig_1", &"A".repeat(20_000_000))]}));
    let before = budget.used();
    let (most, rest) = copy.as_bytes().split_at(copy.len() - 10);
    driver.upstream_bytes(most);
    assert_eq!(budget.used(), before);
    let client = driver.upstream_bytes(rest);
    assert_eq!(client.json()["data"][0]["b64_json"], "QUJD");
}
