//! The HTTP client of all commands, and the URLs that an argument may name.

use std::net::IpAddr;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};

use crate::exit::Failure;

/// A client whose calls take at most `timeout`. If the other side is this machine, no proxy is asked.
pub(crate) fn agent(loopback: bool, timeout: Duration) -> Agent {
    // The system's certificates, so that a company's own ones count.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        // A token goes where it was meant to go and nowhere else.
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
/// What cannot be used, in words that name the argument. `insecure` is what to say of plain http to
/// another machine; `None` if that was allowed.
pub(crate) fn place(
    url: &str,
    argument: &str,
    example: &str,
    insecure: Option<&str>,
) -> Result<bool, Failure> {
    let refuse = |words: &str| Err(Failure::Usage(format!("{argument}: {words}")));
    let accepted =
        format!("accepted: an https:// URL without user, query or fragment, such as {example}");
    let Ok(uri) = url.parse::<Uri>() else { return refuse(&format!("not a URL, {accepted}")) };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return refuse(&format!("not a whole URL, {accepted}"));
    };
    if url.contains(['@', '?', '#']) {
        return refuse(&format!("more than a place, {accepted}"));
    }
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match (scheme, insecure) {
        ("https", _) => Ok(loopback),
        ("http", None) => Ok(loopback),
        ("http", Some(_)) if loopback => Ok(loopback),
        ("http", Some(words)) => refuse(words),
        _ => refuse(&accepted),
    }
}
