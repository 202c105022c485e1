//! Requests without an image: Envoy's CPU time per request, over that of another request.

use std::time::{Duration, Instant};

use super::cases::{Ask, Request, SMALL_BYTES, Through};
use super::client::Target;
use super::cpu::{Side, compare, quantile};
use super::envoy::Envoy;
use super::report::{RequestRow, round};
use super::stream::{Stream, Variant};
use super::upstream::Upstream;

/// What the upstream answers if it is not asked for an image.
const SHORT: &str = r#"{"object":"list","data":[]}"#;

/// Measures one request for this time.
pub(crate) fn measure(
    request: &Request,
    at_once: usize,
    envoy: &Envoy,
    upstream: &Upstream,
    time: Duration,
) -> RequestRow {
    let end = Instant::now() + time;
    match request.measured {
        Ask::Image(_) => upstream.answer_with(&Stream::new(Variant::Preview, SMALL_BYTES)),
        _ => upstream.answer_shortly(SHORT),
    }
    let connect = |ask| Side::connect(envoy, &target(ask, envoy), at_once);
    let (mut measured, mut over) = (connect(request.measured), connect(request.over));
    if request.over == Ask::DirectlyRefused {
        assert_eq!(measured.response(), over.response(), "the two refusals");
    }
    let pairs = compare(&mut measured, &mut over, end);
    let [low, middle, high] = pairs.added_us().map(round);
    RequestRow {
        case: request.case.to_owned(),
        at_once,
        aim_us: request.aim_us,
        added_us: middle,
        added_us_quartiles: [low, high],
        measured_us: round(quantile(&mut measured.cpu_us, 0.5)),
        over_us: round(quantile(&mut over.cpu_us, 0.5)),
        pairs: pairs.len(),
    }
}

fn target(ask: Ask, envoy: &Envoy) -> Target {
    let port = |through| match through {
        Through::Filter => envoy.gate(),
        Through::Empty => envoy.empty(),
        Through::Nothing => envoy.plain(),
    };
    match ask {
        Ask::OtherPath(through) => Target::other_path(port(through)),
        Ask::WrongKey(through) => Target::wrong_key(port(through), refused(through)),
        Ask::WrongKeyAlone(through) => Target::wrong_key_alone(port(through), refused(through)),
        Ask::DirectlyRefused => Target::wrong_key_alone(envoy.refusing(), 401),
        Ask::Image(through) => Target::image(port(through)),
    }
}

/// The status of the answer to a wrong key. Only imagegate knows keys.
fn refused(through: Through) -> u16 {
    if through == Through::Filter { 401 } else { 200 }
}
