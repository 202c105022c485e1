//! The command line and its help.

mod check;
mod init;
mod key;
mod token;
mod upstream;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use check::{CheckArguments, CheckFormat};
pub(crate) use init::{InitArguments, Target, UpstreamKind};
pub(crate) use key::{
    AddKeyArguments, HashKeyArguments, KeyCommand, ListKeysArguments, NewKeyArguments,
    RevokeKeyArguments,
};
pub(crate) use token::TokenArguments;
pub(crate) use upstream::{OutputFormat, UpstreamCheckArguments, UpstreamCommand};

/// The tool beside imagegate, the Envoy filter that serves the OpenAI Images API
#[derive(Debug, Parser)]
#[command(name = "imagegatectl", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Exit codes:
  0  done
  1  the checked input has errors, or nothing could be checked; a key was mistyped; a list of keys \
cannot be edited, or has no such key; an upstream has no usable host model, or refuses the credential
  2  wrong usage, a file that cannot be read or written, or output that cannot be written
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
