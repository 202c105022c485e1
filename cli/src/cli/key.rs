//! The arguments of `key`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

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
FILE is as for `key add`. A consumer whose only key is removed is removed, too.

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
    /// Remove the key whose digest starts with these digits, at least 8
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
