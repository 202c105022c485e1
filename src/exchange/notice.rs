//! What the log says to the operator: what is wrong and what to change.

use crate::openai::error::Failure;

/// What an operator has to correct if a request fails like this. The client is told less. `upstream`
/// is the name of the one that was called; `None` if none was.
pub(super) fn notice(failure: &Failure, upstream: Option<&str>) -> Option<String> {
    let words = words(failure)?;
    Some(match upstream {
        Some(upstream) if failure.is_upstreams() => format!("upstream `{upstream}`: {words}"),
        _ => words.to_owned(),
    })
}

const fn words(failure: &Failure) -> Option<&'static str> {
    Some(match failure {
        Failure::HeadersHeld => {
            "no request body has reached the filter: set `allow_on_headers_stop_iteration: true` in \
             its PluginConfig (Envoy 1.35 or later)"
        }
        Failure::RouteMissing => {
            "Envoy has no route to it: in the virtual host of the request add a route that matches \
             filter state `wasm.imagegate_upstream` with the upstream's name and leads to a cluster \
             that exists, before the routes that match every request"
        }
        Failure::ClusterMissing => {
            "Envoy has no cluster of the name in its `cluster`, which calls beside the client's own \
             stream need (`n` over 1, fail-over): add the cluster or correct the name"
        }
        Failure::UpstreamCredential => "it refuses the credential: renew the access token",
        Failure::UpstreamNotEntitled => {
            "its account has no image_generation tool: check the account's plan"
        }
        Failure::UpstreamRejects => {
            "it refuses what the filter sends: check `host_models`, `path` and `headers`"
        }
        Failure::UpstreamHosted => {
            "it answers with the URL of an image instead of its base64: set its `response_format` to \
             \"send\""
        }
        Failure::QuotaExhausted => "its quota is used up",
        Failure::Internal => "an internal error: please report it",
        _ => return None,
    })
}
