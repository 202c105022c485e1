//! Calls through the loopback listener: a listener of the same Envoy that only Envoy itself can
//! reach. The filter there (`src/loopback/`) reads these headers and routes by them.

use std::rc::Rc;
use std::time::Duration;

use super::request::write;
use crate::config::{Candidate, Upstream};
use crate::exchange::effect::SideCall;
use crate::exchange::head::{ClientHead, TIMEOUT_HEADER, UPSTREAM_HEADER};
use crate::openai::request::ImageRequest;

/// All calls of a request, one for each image, to `candidate`, through the listener in `cluster`.
pub(crate) fn calls(
    cluster: &str,
    head: &ClientHead,
    candidate: &Candidate<'_>,
    request: &ImageRequest<'_>,
) -> Vec<SideCall> {
    let upstream = candidate.upstream;
    let (path, body) = write(candidate, request, 1);
    let headers = head.call(upstream, &path, &body);
    let timeout = ClientHead::patience(upstream.timeout());
    let body = Rc::new(body.bytes);
    let linked = |link| SideCall {
        link: Some(link),
        ..call(cluster, upstream, headers.clone(), timeout, Rc::clone(&body))
    };
    (0..request.n).map(linked).collect()
}

/// One call with these headers and this body. Its link is still to be set.
pub(crate) fn call(
    cluster: &str,
    upstream: &Upstream,
    mut headers: Vec<(String, String)>,
    timeout: Duration,
    body: Rc<Vec<u8>>,
) -> SideCall {
    headers.push((UPSTREAM_HEADER.to_owned(), upstream.name().to_owned()));
    headers.push((TIMEOUT_HEADER.to_owned(), timeout.as_millis().to_string()));
    SideCall { cluster: cluster.to_owned(), headers, body, timeout, link: Some(0) }
}
