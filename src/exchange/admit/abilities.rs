//! Which upstreams can do what a request asks for.

use crate::config::{Api, Candidate};
use crate::exchange::upstream::request::target;
use crate::openai::error::{ClientFailure, Failure};
use crate::openai::request::ImageRequest;
use crate::translate::request::max_len;

/// Drops the candidates that cannot serve the request, and those whose model cannot.
///
/// # Errors
///
/// None remains: the error of the first one.
pub(crate) fn retain_capable(
    candidates: &mut Vec<Candidate<'_>>,
    request: &ImageRequest<'_>,
) -> Result<(), Failure> {
    if let Some(first) = candidates.first() {
        let checked = check(first, request);
        candidates.retain(|it| check(it, request).is_ok());
        if candidates.is_empty() {
            checked?;
        }
    }
    Ok(())
}

/// Whether `candidate` can do what the request asks for.
fn check(candidate: &Candidate<'_>, request: &ImageRequest<'_>) -> Result<(), Failure> {
    let capacity = candidate.upstream.capacity();
    let target = target(candidate, 1);
    request.check_model(&candidate.sent)?;
    request.check_images(capacity.edit_images, capacity.https_images)?;
    request.check_overlays(overlays(candidate))?;
    if target.is_form(request) {
        request.check_files()?;
    }
    match max_len(request, &target) > capacity.request_bytes {
        true => Err(Failure::Client(ClientFailure::UpstreamTooLarge)),
        false => Ok(()),
    }
}

/// The fields for an overlay of the first image that `candidate` takes in an edit. The image tool
/// of the Responses API knows no `markup`.
fn overlays(candidate: &Candidate<'_>) -> &'static [&'static str] {
    match (candidate.upstream.capacity().masks, candidate.upstream.api()) {
        (false, _) => &[],
        (true, Api::Responses) => &["mask"],
        (true, Api::Images) => &["mask", "markup"],
    }
}
