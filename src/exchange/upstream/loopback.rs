//! Calls through the loopback listener: a listener of the same Envoy that only Envoy itself can
//! reach. The filter there (`src/loopback/`) reads their heads and routes by them.

use std::rc::Rc;
use std::time::Duration;

use super::request::write;
use crate::config::{Candidate, Upstream};
use crate::exchange::effect::SideCall;
use crate::exchange::head::ClientHead;
use crate::openai::request::ImageRequest;
use crate::translate::request::Body;

/// All calls of a request, one for each image, to `candidate`, through the listener in `cluster`.
pub(crate) fn calls(
    cluster: &str,
    head: &ClientHead,
    candidate: &Candidate<'_>,
    request: &ImageRequest<'_>,
) -> Vec<SideCall> {
    let upstream = candidate.upstream;
    let (path, body) = write(candidate, request, 1);
    let timeout = ClientHead::patience(upstream.timeout());
    let first = call(cluster, head, upstream, &path, body, timeout);
    (0..request.n).map(|link| SideCall { link: Some(link), ..first.clone() }).collect()
}

/// One call of `path` with this body. Its link is still to be set.
pub(crate) fn call(
    cluster: &str,
    head: &ClientHead,
    upstream: &Upstream,
    path: &str,
    body: Body,
    timeout: Duration,
) -> SideCall {
    let headers = head.loop_back(upstream, head.call(upstream, path, &body), timeout);
    let body = Rc::new(body.bytes);
    SideCall { cluster: cluster.to_owned(), headers, body, timeout, link: Some(0) }
}
