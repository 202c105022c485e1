//! The arguments of `upstream`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum UpstreamCommand {
    /// Check which of the configured host models each Codex upstream lists for this account
    Check(UpstreamCheckArguments),
}

#[derive(Args, Debug)]
#[command(after_help = "\
CONFIG is a file that `imagegatectl check` can read; - is standard input. For each upstream with \
`api: responses` whose path ends in /codex/responses, one or two requests go to \
.../models?client_version=VERSION, with the credential and the headers that the filter would send. \
VERSION is the configured header `version`. If a host model is not listed, a second request asks \
for a newer client version, to see whether the model is gone or `version` is too old.

The credential comes from the environment variables that the configuration names. With \
`credential: envoy` it comes from --auth-file or --sds-dir. No credential is ever shown, and no \
image is generated.

The list does not say whether the account has the image tool: only an image request shows that.

Examples:
  imagegatectl upstream check --sds-dir /run/imagegate envoy/production.yaml
  imagegatectl upstream check --auth-file /var/lib/imagegate/auth.json envoy/production.yaml
  imagegatectl upstream check --format json envoy.yaml

Exit codes: 0 each upstream has a usable host model, 1 one has none or refuses the credential, 2 \
wrong usage or a file that cannot be read, 3 the login of --auth-file is missing, 4 an upstream \
did not answer.")]
pub(crate) struct UpstreamCheckArguments {
    /// The file with the configuration; - is standard input
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,
    /// Check this upstream only
    #[arg(long, value_name = "NAME")]
    pub(crate) upstream: Option<String>,
    /// Take the credential from this auth.json of Codex, with `credential: envoy`
    #[arg(long, value_name = "PATH")]
    pub(crate) auth_file: Option<PathBuf>,
    /// Take the credential from the files that `imagegatectl token` writes, with `credential:
    /// envoy`
    #[arg(long, value_name = "FOLDER", conflicts_with = "auth_file")]
    pub(crate) sds_dir: Option<PathBuf>,
    /// Call this URL instead of https:// and the upstream's `authority`; plain http to this machine
    /// only
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
}
