//! Answers that break off, and their ends.

use serde_json::json;

use super::{MIB, answer, body, head, held, logging, provider, read, send_request, whole};
use crate::harness::http2::{Ended, Http2};
use crate::harness::{Connection, Request, Setup, Step, Upstream, eventually};

/// Half an answer in each way in which it may come to its end.
fn halves() -> Vec<(&'static str, Vec<Step>)> {
    let half = answer(3 * MIB, 2)[..4 * MIB].to_vec();
    let declared = |len: usize| {
        let head = "HTTP/1.1 200 Scripted\r\ncontent-type: application/json\r\ncontent-length: ";
        Step::Bytes(format!("{head}{len}\r\n\r\n").into_bytes())
    };
    let end = |step: Step| vec![head(), Step::Chunk(half.clone()), step];
    vec![
        ("ended well", end(Step::End)),
        ("closed", end(Step::Close)),
        ("reset", end(Step::Reset)),
        (
            "shorter than declared",
            vec![declared(8_000_000), Step::Bytes(half.clone()), Step::Close],
        ),
        // HTTP calls this whole.
        (
            "as long as declared",
            vec![declared(half.len()), Step::Bytes(half.clone()), Step::KeepOpen],
        ),
        ("no JSON", [end(Step::Chunk(b"\"}] x}".to_vec())), vec![Step::End]].concat()),
    ]
}

#[test]
fn half_an_answer_is_a_broken_transfer_over_http1() {
    for (how, script) in halves() {
        let upstream = Upstream::always(script);
        let envoy = logging(&upstream);
        let (mut client, head) = send_request(&envoy, 2);
        let broken = match head.header("content-length") {
            Some(declared) => client.read_to_close().len() < declared.parse().unwrap(),
            None => read(&mut client).1.is_err(),
        };
        assert!(broken, "{how}: the client takes it for whole");
        eventually("it is logged", || envoy.records().len() == 1);
        let record = envoy.records().remove(0);
        assert_eq!((&record["status"], &record["committed"]), (&json!(200), &json!(true)), "{how}");
        let code =
            if how == "no JSON" { "upstream_invalid_response" } else { "upstream_disconnected" };
        assert_eq!(record["code"], code, "{how}");
        let images = record["images_delivered"].as_u64().unwrap();
        match how {
            // What was on its way to Envoy goes with the connection, and what is in the chunk that
            // would have completed the declared length does not leave.
            "reset" | "as long as declared" => assert!(images <= 1, "{record}"),
            // The end of the second is in the chunk that breaks the answer off, which no client
            // gets.
            _ => assert_eq!(images, 1, "{how}"),
        }
        assert_eq!(record["settled_nanodollars"], images * 250_000_000, "{how}");
    }
}

#[test]
fn half_an_answer_is_a_stream_that_is_reset_over_http2() {
    for (how, script) in halves() {
        let upstream = Upstream::always(script);
        let envoy = Setup::new(upstream.port()).configure(&provider()).start();
        let (body, ended) = Http2::generation(envoy.port(), &body(2)).read_rest();
        assert_eq!(ended, Ended::Reset, "{how}");
        assert!(body.len() < 5 * MIB, "{how}");
    }
    let bytes = answer(24 * MIB, 1);
    let upstream = Upstream::always(whole(bytes.clone()));
    let envoy = Setup::new(upstream.port()).configure(&provider()).start();
    let (body, ended) = Http2::generation(envoy.port(), &body(1)).read_rest();
    assert_eq!(ended, Ended::Well);
    assert!(body == bytes, "the answer differs");
}

#[test]
fn an_answer_that_lacks_only_brackets_is_completed_and_what_follows_it_is_left_out() {
    let bytes = answer(3 * MIB, 2);
    let cut = String::from_utf8(bytes.clone()).unwrap();
    let cut = cut.rfind("B\"").unwrap() + 2;
    let rest = |step: &[u8]| Step::Chunk(step.to_vec());
    for script in [
        vec![head(), rest(&bytes[..cut]), Step::End],
        vec![head(), rest(&bytes), rest(b" x"), rest(&[b'y'; 100_000]), Step::End],
    ] {
        let upstream = Upstream::always(script);
        let envoy = logging(&upstream);
        assert_eq!(Request::generation(&body(2)).send(&envoy).images().len(), 2);
        let (got, ended) = Http2::generation(envoy.port(), &body(2)).read_rest();
        assert_eq!((ended, got.get(..cut)), (Ended::Well, bytes.get(..cut)));
        eventually("it is logged", || envoy.records().len() == 2);
        for record in envoy.records() {
            assert_eq!((&record["images_delivered"], &record["code"]), (&json!(2), &json!(null)));
        }
    }
}

#[test]
fn failures_before_an_image_keep_their_status() {
    let error = json!({"error": {"code": "moderation_blocked", "message": "No.", "type": "t"}});
    let json = vec![("content-type", "application/json".to_owned())];
    let broken =
        |end: Step| vec![head(), Step::Chunk(b"{\"data\": [{\"b64_json\": \"".to_vec()), end];
    let blank = Step::Pieces(vec![b' '; 300_000], 10_000);
    let upstream = Upstream::scripts([
        vec![Step::Whole(400, json.clone(), error.to_string().into_bytes())],
        vec![Step::Whole(200, json, error.to_string().into_bytes())],
        broken(Step::End),
        broken(Step::Close),
        vec![head(), blank.clone(), Step::End],
        vec![head(), blank, Step::Chunk(answer(1_000, 2)), Step::End],
    ]);
    let envoy = Setup::new(upstream.port()).configure(&provider()).start();
    for (status, code) in [
        (400, "moderation_blocked"),
        (400, "moderation_blocked"),
        (502, "upstream_disconnected"),
        (502, "upstream_disconnected"),
        (502, "upstream_disconnected"),
    ] {
        Request::generation(&body(2)).send(&envoy).assert_error(status, code);
    }
    // White space alone is no failure.
    assert_eq!(Request::generation(&body(2)).send(&envoy).images().len(), 2);
    eventually("nothing is held", || held(&envoy) == 0);
}

#[test]
fn no_trailer_of_the_provider_passes_the_filter() {
    let bytes = answer(3 * MIB, 1);
    let end = Step::Bytes(b"0\r\nx-account: org-secret\r\n\r\n".to_vec());
    let upstream = Upstream::always(vec![head(), Step::Chunk(bytes.clone()), end.clone()]);
    let envoy = Setup::new(upstream.port())
        .configure(&provider())
        .request_trailers()
        .upstream_protocol("http_protocol_options: { enable_trailers: true }")
        .start();
    let mut connection = Connection::open(envoy.port());
    for _ in 0..2 {
        // Bytes after the first response would be taken for the head of the second.
        let response = Request::generation(&body(1)).send_on(&mut connection);
        assert!(response.status == 200 && response.body == bytes, "the answer differs");
    }
    // Trailers after half a response are no good end.
    let half = vec![head(), Step::Chunk(bytes[..2 * MIB].to_vec()), end];
    upstream.push(half);
    let (mut client, _) = send_request(&envoy, 1);
    assert!(read(&mut client).1.is_err(), "the client takes half an answer for whole");
}
