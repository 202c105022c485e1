//! The arguments of `token`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::token::{margin, mode};

#[derive(Args, Debug)]
#[command(after_help = "\
Refreshes the access token of an auth.json before it ends and writes two files into the folder of \
--sds-dir, as envoy/credential-injector.yaml reads them: access-token.yaml and account-id.yaml. \
Envoy reads a new file at once.

Refresh tokens rotate, and one that is used twice ends the whole credential. So this has to be its \
only owner: give it a login of its own that no Codex and no second host uses:
  CODEX_HOME=/var/lib/imagegate codex login
Any number of these processes may share one auth.json on one host: they take turns by a lock.

Without --once it keeps running and refreshes in time; SIGTERM ends it between two steps. No token \
is ever shown.

Examples:
  imagegatectl token --auth-file /var/lib/imagegate/auth.json --sds-dir /run/imagegate
  imagegatectl token --once --sds-dir envoy/credential

Exit codes: 0 done, 2 wrong usage or a file that cannot be used, 3 the credential is dead or \
missing (`codex login`), 4 with --once, the token server did not answer in several attempts.")]
pub(crate) struct TokenArguments {
    /// The credential [default: $CODEX_HOME/auth.json, else ~/.codex/auth.json]
    #[arg(long, value_name = "PATH")]
    pub(crate) auth_file: Option<PathBuf>,
    /// The folder for Envoy's two files
    #[arg(long, value_name = "FOLDER")]
    pub(crate) sds_dir: PathBuf,
    /// The mode of these files: 640 lets a group read them, if Envoy runs as another user
    #[arg(long, value_name = "OCTAL", default_value = "600", value_parser = mode)]
    pub(crate) sds_mode: u32,
    /// Refresh if it is due, write the files, and exit
    #[arg(long)]
    pub(crate) once: bool,
    /// Refresh at the start, due or not
    #[arg(long)]
    pub(crate) force: bool,
    /// How long before its end a token is refreshed; above the longest `timeout` of an upstream
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = margin)]
    pub(crate) margin: Duration,
    /// The token server; plain http to this machine only
    #[arg(long, value_name = "URL", default_value = "https://auth.openai.com")]
    pub(crate) issuer: String,
    /// Accept plain http to another machine too: the refresh token can then be read on the way
    #[arg(long)]
    pub(crate) allow_http: bool,
}
