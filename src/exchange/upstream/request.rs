//! What an upstream is sent: paths, heads and bodies, the same for the client's own stream and for
//! side calls.

use std::rc::Rc;

use crate::config::{Api, Candidate, RouteMatch};
use crate::exchange::effect::SideCall;
use crate::exchange::head::ClientHead;
use crate::exchange::outcome::Forward;
use crate::openai::request::ImageRequest;
use crate::translate::request::{Body, Target, translate};

/// What the request is written for, of `n` images a call where the upstream knows of it.
pub(crate) fn target<'a>(candidate: &'a Candidate<'_>, n: u32) -> Target<'a> {
    let Candidate { sent, upstream, host_model, .. } = candidate;
    match upstream.api() {
        Api::Responses => Target::Responses {
            host_model: host_model.as_deref().unwrap_or_default(),
            image_model: sent,
            tool_choice: upstream.tool_choice(),
        },
        Api::Images => Target::Images {
            image_model: sent,
            names_format: upstream.names_format(),
            edits: upstream.edits(),
            streams: upstream.streams(),
            sends_safety_identifier: upstream.sends_safety_identifier(),
            n,
        },
    }
}

/// What `candidate` is sent, for `n` images: the path and the body.
pub(crate) fn write(
    candidate: &Candidate<'_>,
    request: &ImageRequest<'_>,
    n: u32,
) -> (String, Body) {
    let upstream = candidate.upstream;
    let target = target(candidate, n);
    let path = match target {
        Target::Responses { .. } => upstream.path().to_owned(),
        Target::Images { .. } if request.images.is_empty() => upstream.path_of("generations"),
        Target::Images { .. } => upstream.path_of("edits"),
    };
    (path, translate(request, &target))
}

/// What goes upstream on the client's own stream, for `n` images, and the calls beside it.
pub(crate) fn forward(
    head: &ClientHead,
    candidate: &Candidate<'_>,
    request: &ImageRequest<'_>,
    n: u32,
    route_match: RouteMatch,
) -> (Forward, Vec<SideCall>) {
    let upstream = candidate.upstream;
    let (path, body) = write(candidate, request, n);
    let has_side_calls = n < request.n;
    let side_headers = if has_side_calls { head.call(upstream, &path, &body) } else { Vec::new() };
    let headers = head.forward(upstream, &path, &body, route_match);
    let body = Rc::new(body.bytes);
    let side_calls = (n..request.n).map(|_| SideCall {
        cluster: upstream.cluster().to_owned(),
        headers: side_headers.clone(),
        timeout: ClientHead::patience(upstream.timeout()),
        body: Rc::clone(&body),
        link: None,
    });
    let side_calls = side_calls.collect();
    (Forward { upstream: upstream.name().to_owned(), headers, body }, side_calls)
}
