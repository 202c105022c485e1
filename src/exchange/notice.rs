//! What the log says to the operator: what is wrong and what to change.

use std::borrow::Cow;

use crate::config::Upstream;
use crate::openai::error::{Failure, GatewayFailure, HostModelFault, UpstreamFailure};

/// What an operator has to correct if a request is answered with `failure`. The client
/// learns less. `upstream` is the one that was called; `None` if none was.
pub(crate) fn answered(failure: &Failure, upstream: Option<&Upstream>) -> Option<String> {
    match (failure, upstream) {
        (Failure::Upstream(UpstreamFailure::HostModelRefused { .. }), Some(upstream)) => {
            Some(all_refused(upstream))
        }
        _ => passed_over(failure, upstream),
    }
}

/// The same for a failure that another call is made after.
pub(crate) fn passed_over(failure: &Failure, upstream: Option<&Upstream>) -> Option<String> {
    let words = match failure {
        Failure::Upstream(UpstreamFailure::HostModelRefused { host_model, fault }) => {
            Cow::Owned(refused(host_model, *fault))
        }
        _ => Cow::Borrowed(words(failure)?),
    };
    Some(match upstream {
        Some(upstream) if failure.is_of_one_upstream() => {
            format!("upstream `{}`: {words}", upstream.name())
        }
        _ => words.into_owned(),
    })
}

/// That the answers of `upstream` are held from now on.
pub(crate) fn held(upstream: &Upstream) -> String {
    format!(
        "upstream `{}`: it broke its response off, or did not end it, after a complete answer: the \
         client got a broken transfer; for an hour its answers are held until they are complete \
         (`delivery`)",
        upstream.name()
    )
}

fn refused(host_model: &str, fault: HostModelFault) -> String {
    let reason = match fault {
        HostModelFault::NotServed => "this account and client version do not have it",
        HostModelFault::ClientTooOld => "the client version in the header `version` is too old",
        HostModelFault::NoImageTool => "it has no image tool",
    };
    format!("it refuses the host model `{host_model}`: {reason}")
}

fn all_refused(upstream: &Upstream) -> String {
    let names: Vec<_> =
        upstream.host_models().names().iter().map(|name| format!("`{name}`")).collect();
    let version = match upstream.version() {
        Some(version) => format!("the version {version}"),
        None => "no header `version`, which it needs".to_owned(),
    };
    format!(
        "upstream `{}`: it refuses every host model ({}); requests sent {version}: raise `version` \
         and `user-agent` in `headers` to those of a current Codex client, or set `host_models` to \
         models that the account has (`imagegatectl upstream check` lists them)",
        upstream.name(),
        names.join(", "),
    )
}

const fn words(failure: &Failure) -> Option<&'static str> {
    Some(match failure {
        Failure::Gateway(GatewayFailure::Misconfigured) => {
            "no request body has reached the filter: set `allow_on_headers_stop_iteration: true` in \
             its PluginConfig (Envoy 1.35 or later)"
        }
        Failure::Gateway(GatewayFailure::CountersFull) => {
            "the counters of `limits` have no room for another key, user, group or model: 40 of \
             those that share its slot have requests in flight"
        }
        Failure::Gateway(GatewayFailure::RouteMissing) => {
            "Envoy has no route to it: in the virtual host of the request add a route that matches \
             filter state `wasm.imagegate_upstream` with the upstream's name and leads to a cluster \
             that exists, before the routes that match every request"
        }
        Failure::Gateway(GatewayFailure::ClusterMissing) => {
            "Envoy has no cluster of the name in its `cluster`, which calls beside the client's own \
             stream need (`n` over 1, fail-over): add the cluster or correct the name"
        }
        Failure::Upstream(UpstreamFailure::Credential) => {
            "it refuses the credential: renew the access token"
        }
        Failure::Upstream(UpstreamFailure::NotEntitled) => {
            "its account may not make this image: check its plan, its verification and what its \
             project may use; an account without the image tool may still draw with `tool_choice: \
             auto`"
        }
        Failure::Upstream(UpstreamFailure::Blocked) => {
            "what stands before it turns the gateway away: check the address that Envoy leaves by, and \
             `headers`"
        }
        Failure::Upstream(UpstreamFailure::RejectsUs) => {
            "it refuses what the filter sends: check `host_models`, `path` and `headers`"
        }
        Failure::Upstream(UpstreamFailure::ReturnedUrl) => {
            "it answers with the URL of an image instead of its base64: set its `response_format` to \
             \"send\""
        }
        Failure::Upstream(UpstreamFailure::QuotaExhausted) => "its quota is used up",
        Failure::Gateway(GatewayFailure::Internal) => "an internal error: please report it",
        _ => return None,
    })
}
