//! `upstream check`: which host models a Codex upstream lists for this account.
//!
//! ```text
//! CONFIG ─ check::configurations ─▶ target ─ credential ─▶ catalogue (GET …/models) ─ verdict ─▶ report
//! ```
//!
//! The list excludes models that are gone. It does not say whether the account has the image tool.

mod catalogue;
mod credential;
mod report;
mod target;
mod verdict;
mod version;

use crate::cli::UpstreamCheckArguments;
use crate::exit::CommandError;
use crate::http::{self, UrlError};
pub(crate) use catalogue::CatalogueError;
use catalogue::Client;
use credential::Source;
use report::Report;
use target::Target;
pub(crate) use target::TargetError;
use version::NEWEST;

/// Calls each Codex upstream of the configuration and prints what it offers.
///
/// # Errors
///
/// If an upstream has no usable host model or does not answer, or if a file cannot be read.
pub(crate) fn check(arguments: &UpstreamCheckArguments) -> Result<(), CommandError> {
    let loopback = arguments.url.as_deref().map(place).transpose()?;
    let (targets, others) = target::of(&arguments.config, arguments.upstream.as_deref())?;
    let source = Source::of(arguments)?;
    let client = Client::new(loopback.unwrap_or(false));
    let reports: Vec<_> = targets
        .iter()
        .map(|target| Report { target, answer: call(target, arguments, &source, &client) })
        .collect();
    report::print(arguments.format, &reports, &others)?;
    report::outcome(reports)
}

/// Whether the URL is this machine.
fn place(url: &str) -> Result<bool, UrlError> {
    let insecure =
        "plain http shows the credential to the network, accepted: https, or http to this machine";
    http::place(url, "--url", "https://chatgpt.com", Some(insecure))
}

/// The state of each host model at the upstream.
fn call(
    target: &Target,
    arguments: &UpstreamCheckArguments,
    source: &Source,
    client: &Client,
) -> Result<verdict::Verdict, CatalogueError> {
    let headers = target.headers(source)?;
    let base = target.base(arguments.url.as_deref());
    let version = target.version().unwrap_or(NEWEST);
    let models = client.models(&base, version, &headers)?;
    let verdict = verdict::of(target, &models, None);
    // A model that is not listed for this version may be listed for a newer one.
    if verdict.lacks_none() || version == NEWEST {
        return Ok(verdict);
    }
    match client.models(&base, NEWEST, &headers) {
        Ok(newer) => Ok(verdict::of(target, &models, Some(&newer))),
        // The first answer is enough without the second.
        Err(_) => Ok(verdict),
    }
}
