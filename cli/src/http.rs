//! The HTTP client of all commands, and the URLs that an argument may name.

use std::net::IpAddr;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};

/// Why the URL of an argument cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{argument}: {problem}")]
pub(crate) struct UrlError {
    argument: &'static str,
    problem: UrlProblem,
}

/// What is wrong with a URL. `example` is one that is accepted.
#[derive(Debug, thiserror::Error)]
enum UrlProblem {
    #[error("not a URL, {}", accepted(example))]
    NotAUrl { example: &'static str },
    #[error("no scheme or no host, {}", accepted(example))]
    NotWhole { example: &'static str },
    #[error("it has a user, a query or a fragment, {}", accepted(example))]
    MoreThanAddress { example: &'static str },
    #[error("{}", accepted(example))]
    Scheme { example: &'static str },
    /// Plain http to another machine. The words say what that would give away.
    #[error("{0}")]
    PlainHttp(&'static str),
}

fn accepted(example: &str) -> String {
    format!("accepted: an https:// URL without user, query or fragment, such as {example}")
}

/// A client whose calls take at most `timeout`. It uses no proxy if the other side is this
/// machine.
pub(crate) fn agent(loopback: bool, timeout: Duration) -> Agent {
    // The system's certificates, so that a company's own CA is trusted.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        // A redirect must not send a token to another place.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(timeout))
        .user_agent(concat!("imagegatectl/", env!("CARGO_PKG_VERSION")));
    let config = if loopback { config.proxy(None) } else { config };
    config.build().new_agent()
}

/// Checks the URL of `argument`, to which a secret is sent. Returns whether it is this machine.
///
/// # Errors
///
/// If the URL cannot be used. `insecure` is the message for plain http to another machine, or
/// `None` if that is allowed.
pub(crate) fn place(
    url: &str,
    argument: &'static str,
    example: &'static str,
    insecure: Option<&'static str>,
) -> Result<bool, UrlError> {
    let reject = |problem| Err(UrlError { argument, problem });
    let Ok(uri) = url.parse::<Uri>() else { return reject(UrlProblem::NotAUrl { example }) };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return reject(UrlProblem::NotWhole { example });
    };
    if url.contains(['@', '?', '#']) {
        return reject(UrlProblem::MoreThanAddress { example });
    }
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match (scheme, insecure) {
        ("https", _) => Ok(loopback),
        ("http", None) => Ok(loopback),
        ("http", Some(_)) if loopback => Ok(loopback),
        ("http", Some(words)) => reject(UrlProblem::PlainHttp(words)),
        _ => reject(UrlProblem::Scheme { example }),
    }
}
