//! Clients that leave in the middle of an answer.

use super::{MIB, answer, body, head, held, logging, send_request};
use crate::harness::http2::Http2;
use crate::harness::{Step, Upstream, eventually};

#[test]
fn a_client_that_leaves_pays_for_the_images_that_had_begun() {
    let bytes = answer(2 * MIB, 3);
    let half = bytes[..3 * MIB].to_vec();
    let upstream = Upstream::always(vec![head(), Step::Chunk(half.clone()), Step::KeepOpen]);
    let envoy = logging(&upstream);
    // All that the filter has seen has reached the client.
    let (mut client, _) = send_request(&envoy, 3);
    let mut got = 0;
    while got < half.len() {
        got += client.read_chunk().unwrap().unwrap().len();
    }
    drop(client);
    eventually("the first is logged", || envoy.records().len() == 1);
    let mut client = Http2::generation(envoy.port(), &body(3));
    client.read_some(half.len());
    client.cancel();
    eventually("both are logged", || envoy.records().len() == 2);
    // Envoy names no reason for this end.
    let mut client = Http2::generation(envoy.port(), &body(3));
    client.read_some(half.len());
    client.close_stream();
    eventually("all are logged", || envoy.records().len() == 3);
    for record in envoy.records() {
        assert_eq!(record["code"], "client_closed_request", "{record}");
        assert_eq!(record["images_delivered"], 2, "{record}");
        assert_eq!(record["images_failed"], 1, "{record}");
        assert_eq!(record["settled_nanodollars"], 500_000_000, "{record}");
    }
    eventually("the upstream sees all leave", || upstream.aborted() == 3);
    eventually("nothing is held", || held(&envoy) == 0);
}

#[test]
fn a_client_that_breaks_the_protocol_has_left_and_pays_for_what_was_coming() {
    let bytes = answer(200_000, 1);
    let half = bytes[..bytes.len() - 600].to_vec();
    let script = vec![head(), Step::Chunk(half.clone()), Step::KeepOpen];
    let upstream = Upstream::always(script);
    let envoy = logging(&upstream);
    for how in 0..5 {
        let mut client = Http2::generation(envoy.port(), &body(1));
        assert!(client.read_some(half.len()).len() >= half.len());
        client.garble(how);
        eventually("the exchange is logged", || envoy.records().len() == how + 1);
        let record = envoy.records().pop().unwrap();
        assert_eq!(record["code"], "client_closed_request", "{how} {record}");
        assert_eq!(record["settled_nanodollars"], 250_000_000, "{how} {record}");
    }
}
