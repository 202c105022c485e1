//! How often a small request calls the host, as far as that is decided here. Each bound is the
//! number itself: whoever adds a call sees it.

use std::cell::Cell;
use std::rc::Rc;

use super::{head, opened, rejected};
use crate::support::driver::Driver;
use crate::support::{SharedData, config, png, stream};
use imagegate::exchange::{End, Shared, Vm};
use imagegate::limits::{Conflict, Store};
use serde_json::json;

/// Shared data that counts how often it is read and written.
#[derive(Default)]
struct Counting {
    data: SharedData,
    reads: Rc<Cell<usize>>,
    writes: Rc<Cell<usize>>,
}

impl Store for Counting {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        self.reads.set(self.reads.get() + 1);
        self.data.get(key)
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        self.writes.set(self.writes.get() + 1);
        self.data.swap(key, value, token)
    }
}

/// A gate without rules, and how often requests have read and written its shared data.
fn gate() -> (Rc<Shared>, impl Fn() -> (usize, usize)) {
    let store = Counting::default();
    let (reads, writes) = (Rc::clone(&store.reads), Rc::clone(&store.writes));
    let gate = Rc::new(Shared::new(config(&json!({})), Rc::<Vm>::default(), Box::new(store)));
    let (read, written) = (reads.get(), writes.get());
    (gate, move || (reads.get() - read, writes.get() - written))
}

/// How many counters and histograms the host changes: it is not asked to add nothing.
fn changed(driver: &Driver) -> usize {
    driver.counts.iter().filter(|it| it.amount > 0).count()
}

#[test]
fn a_served_request_reads_what_workers_share_three_times_and_writes_nothing() {
    let (gate, calls) = gate();
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(calls(), (1, 0), "the notes about the upstream");
    driver.answer(&[&stream(&png(1024, 1024, 3000))]);
    assert_eq!(driver.client.status, 200);
    driver.close(Some(200));
    // That it serves, and that its host model does.
    assert_eq!(calls(), (3, 0));
    let names: Vec<_> =
        driver.counts.iter().filter(|it| it.amount > 0).map(|it| it.name()).collect();
    assert!(changed(&driver) <= 5, "{names:?}");
}

#[test]
fn a_rejected_key_reads_nothing_not_even_the_head_of_its_own_reply() {
    let (gate, calls) = gate();
    let mut driver = opened(&gate, &[("authorization", "Bearer no")], End::Open);
    assert_eq!(driver.client.status, 401);
    assert!(!driver.exchange.wants_response_head(End::Open));
    // Envoy has turned it into one of gRPC.
    assert!(driver.exchange.wants_response_head(End::Stream));
    driver.close(Some(401));
    assert_eq!((calls(), changed(&driver)), ((0, 0), 1));
    assert_eq!(rejected(&[("authorization", "Bearer no")]).status, 401);
}

#[test]
fn a_request_that_is_not_ours_calls_nothing() {
    let (gate, calls) = gate();
    let mut driver = opened(&gate, &[(":path", "/other")], End::Open);
    assert!(driver.exchange.wanted_property(&head(&[(":path", "/other")])).is_none());
    assert!(!driver.exchange.wants_response_head(End::Open));
    assert_eq!(driver.log(Some(200)), None);
    assert_eq!((calls(), changed(&driver)), ((0, 0), 0));
}
