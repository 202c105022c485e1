//! The command line and its help.

mod init;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::token::{margin, mode};
pub(crate) use init::{InitArguments, Target, UpstreamKind};

/// The tool beside imagegate, the Envoy filter that serves the OpenAI Images API
#[derive(Debug, Parser)]
#[command(name = "imagegatectl", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Exit codes:
  0  done
  1  the checked input has errors, a key was mistyped, or an upstream has no usable host model
  2  wrong usage, or a file that cannot be read or written
  3  token: the credential is dead or missing; upstream check: the login of --auth-file is missing; \
the message has the `codex login` to run
  4  token --once: the token server did not answer in several attempts; upstream check: an \
upstream did not answer

Colours appear on a terminal only; NO_COLOR=1 turns them off there too.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a configuration to start from, with a fresh key
    Init(InitArguments),
    /// Mint keys, hash them for the configuration, and keep those of a file
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Check configurations as the filter would, and an Envoy's settings around it
    Check(CheckArguments),
    /// Print the JSON Schema of the plugin configuration (draft 2020-12)
    #[command(after_help = "\
The schema has names, types and required fields. `check` also finds fields that do not fit together.

Examples:
  imagegatectl schema > imagegate.schema.json
  # In an editor with the YAML language server, at the top of a configuration of its own file:
  # yaml-language-server: $schema=imagegate.schema.json")]
    Schema,
    /// Check what upstreams offer this account
    Upstream {
        #[command(subcommand)]
        command: UpstreamCommand,
    },
    /// Own a Codex credential: refresh its access token and hand it to Envoy
    Token(TokenArguments),
    /// Print the completions of a shell
    #[command(after_help = "\
Example:
  imagegatectl completions bash > ~/.local/share/bash-completion/completions/imagegatectl")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Mint a key: the key on standard output, once; its digest and a consumer on standard error
    #[command(after_help = "\
The key is PREFIX_ and 40 letters and digits: 34 random ones (202 bits from the operating system) \
and a checksum. So a mistyped key is recognised, and secret scanners find keys with certainty:
  \\bimagegate_[0-9A-Za-z]{40}\\b

On a terminal the key is a line of its own. In a pipe or a file it has no line end, so that a \
secret made from it is exactly the key. Keep standard error: the consumer for the configuration is \
there.

Examples:
  imagegatectl key new --name acme-web
  imagegatectl key new --name acme-web |
    kubectl create secret generic acme-web --from-file=key=/dev/stdin
  imagegatectl key new --name acme-web 2> acme-web.txt |
    kubectl create secret generic acme-web --from-file=key=/dev/stdin
  (umask 077 && imagegatectl key new --name acme-web --json > acme-web.json)")]
    New(NewKeyArguments),
    /// Print the SHA-256 of a key, as `key_sha256` of a consumer takes it
    #[command(after_help = "\
The key comes from standard input or a file, never from an argument: arguments appear in the list \
of processes and in the history of the shell. One line end after the key is not part of it.

Examples:
  imagegatectl key hash < key.txt
  imagegatectl key hash --file key.txt --json

A key of `key new` that was mistyped is rejected (exit code 1). Any other key is hashed as it is.")]
    Hash(HashKeyArguments),
    /// Add a key to a list of consumers: the key on standard output, once; its digest in the file
    #[command(after_help = "\
FILE is a list that the filter fetches (`consumers_from`), such as {\"consumers\": []}, or a file \
with one configuration in any form that `check` reads. It is replaced as a whole, with its owner \
and mode; its comments, order and spaces stay. If there is a consumer NAME, it gets one more key.

Examples:
  imagegatectl key add consumers.json --name acme-web > acme-web.key
  imagegatectl key add consumers.json --name ann --user ann --group design --group web > ann.key")]
    Add(AddKeyArguments),
    /// Remove a consumer, or one key, from a list of consumers
    #[command(after_help = "\
FILE is as for `key add`. The only key of a consumer goes with the consumer.

Examples:
  imagegatectl key revoke consumers.json --name acme-web
  imagegatectl key revoke consumers.json --sha256 9f86d081884c")]
    Revoke(RevokeKeyArguments),
    /// Print the consumers of a list: names, users, groups and the first digits of their digests
    List(ListKeysArguments),
}

#[derive(Args, Debug)]
pub(crate) struct NewKeyArguments {
    /// What the key starts with: a to z, digits and _, 2 to 32 characters, a letter first
    #[arg(long, default_value = "imagegate")]
    pub(crate) prefix: String,
    /// The name of the consumer to print, 1 to 128 visible ASCII characters
    #[arg(long, default_value = "NAME")]
    pub(crate) name: String,
    /// Print one object with `key`, `sha256` and `consumer`, on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AddKeyArguments {
    /// The file with the list
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The name of the consumer, 1 to 128 visible ASCII characters
    #[arg(long)]
    pub(crate) name: String,
    /// The user that a new consumer acts for, if not one of its own name
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// A group of a new consumer; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// What the key starts with: a to z, digits and _, 2 to 32 characters, a letter first
    #[arg(long, default_value = "imagegate")]
    pub(crate) prefix: String,
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["name", "sha256"])))]
pub(crate) struct RevokeKeyArguments {
    /// The file with the list
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Remove the consumer of this name, with all its keys
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Remove the key whose digest starts so, at least 8 digits
    #[arg(long, value_name = "DIGITS")]
    pub(crate) sha256: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ListKeysArguments {
    /// The file with the list
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print one JSON object for each consumer, each on a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct HashKeyArguments {
    /// Read the key from this file; without it, from standard input
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// What your keys start with, if not imagegate: such keys must have a checksum that fits
    #[arg(long, default_value = "imagegate")]
    pub(crate) prefix: String,
    /// Print one object with `sha256` and `checksum` (valid or none)
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
A FILE is the plugin configuration itself, or a file that holds one: an Envoy bootstrap, a \
listener, an ECDS file, an Istio EnvoyFilter, an EnvoyPatchPolicy of Envoy Gateway, or a ConfigMap \
with any of these as text. It is YAML or JSON, and may have several documents. The filter's own \
parser reads each configuration. The settings of Envoy that the filter depends on are checked too. \
Patches of an EnvoyPatchPolicy or an EnvoyFilter that change the filter are applied first, also \
those of another file.

Errors are settings that the filter or Envoy rejects, that make every request fail, or that let \
clients in without a key. Warnings are settings that fail sometimes. All errors of a file are \
listed in its order. A file that has nothing to do with imagegate is skipped. If all are skipped, \
that is an error. With --format json or github the findings are on standard output.

Istio's WasmPlugin and TrafficExtension are errors: they cannot set \
allow_on_headers_stop_iteration. So is the EnvoyExtensionPolicy of Envoy Gateway, unless a patch in \
the same call sets it.

Keys, tokens, digests and values of headers are never shown: ** replaces them.

Examples:
  imagegatectl check envoy.yaml
  imagegatectl check --strict envoy/*.yaml
  imagegatectl check bootstrap.yaml ecds.yaml
  imagegatectl check imagegate.yaml limits.yaml
  imagegatectl check --format github deploy/*.yaml
  helm template . | imagegatectl check -

Exit codes: 0 no errors, 1 errors (with --strict also warnings) or nothing to check, 2 wrong usage \
or a file that cannot be read.")]
pub(crate) struct CheckArguments {
    /// Files to check; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Read the variables that credentials name from this environment: one that is missing or
    /// unusable is an error
    #[arg(long)]
    pub(crate) env: bool,
    /// The files are lists of consumers that the filter fetches (`consumers_from`)
    #[arg(long)]
    pub(crate) list: bool,
    /// Treat warnings as errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// Print errors and warnings only: no notes, no sums
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people, with excerpts, on standard error
    Text,
    /// One JSON object
    Json,
    /// Workflow commands of GitHub Actions
    Github,
}

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
  imagegatectl upstream check envoy/production.yaml
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
