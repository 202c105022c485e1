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
use crate::exit::Failure;
use crate::http;
use catalogue::Client;
use credential::Source;
use report::Report;
use target::Target;

/// Asks each Codex upstream of the configuration and prints what it offers.
///
/// # Errors
///
/// An upstream without a usable host model, one that does not answer, and what cannot be read.
pub(crate) fn check(arguments: &UpstreamCheckArguments) -> Result<(), Failure> {
    let loopback = arguments.url.as_deref().map(place).transpose()?;
    let (targets, others) = target::of(&arguments.config, arguments.upstream.as_deref())?;
    let source = Source::of(arguments)?;
    let client = Client::new(loopback.unwrap_or(false));
    let reports: Vec<_> = targets
        .iter()
        .map(|target| Report { target, answer: ask(target, arguments, &source, &client) })
        .collect();
    report::print(arguments.format, &reports, &others)?;
    report::outcome(&reports)
}

/// Whether the URL is this machine.
fn place(url: &str) -> Result<bool, Failure> {
    let insecure =
        "plain http shows the credential to the network, accepted: https, or http to this machine";
    http::place(url, "--url", "https://chatgpt.com", Some(insecure))
}

/// What the upstream says of each host model.
fn ask(
    target: &Target,
    arguments: &UpstreamCheckArguments,
    source: &Source,
    client: &Client,
) -> Result<verdict::Verdict, catalogue::Trouble> {
    let headers = target.headers(source).map_err(catalogue::Trouble::Refused)?;
    let base = target.base(arguments.url.as_deref());
    let asked = target.version().unwrap_or(version::NEWEST);
    let models = client.models(&base, asked, &headers)?;
    let verdict = verdict::of(target, &models, None);
    // What is not listed for this version may be listed for a newer one.
    if verdict.lacks_none() || asked == version::NEWEST {
        return Ok(verdict);
    }
    match client.models(&base, version::NEWEST, &headers) {
        Ok(newer) => Ok(verdict::of(target, &models, Some(&newer))),
        // The first answer stands without the second.
        Err(_) => Ok(verdict),
    }
}
