//! `key new` and `key hash`: the commands. The form of a key is in [`token`]. The keys of a file are
//! in [`manage`].

mod edit;
mod error;
mod file;
mod list;
mod lock;
mod manage;
mod token;

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::cli::{HashKeyArguments, NewKeyArguments};
use crate::exit::CommandError;
use crate::{output, pipe};
pub(crate) use error::KeyError;
pub(crate) use manage::{add, list, revoke};
use token::Checksum;

/// Mints a key and prints it once.
///
/// # Errors
///
/// If the prefix or the name is invalid, or the operating system returns no random bytes.
pub(crate) fn new(arguments: &NewKeyArguments) -> Result<(), CommandError> {
    if !token::is_prefix(&arguments.prefix) {
        return Err(KeyError::Prefix.into());
    }
    if !is_name(&arguments.name) {
        return Err(KeyError::Name.into());
    }
    let Fresh { key, sha256 } = fresh(&arguments.prefix)?;
    let consumer = json!({ "name": arguments.name, "key_sha256": [sha256] });
    if arguments.json {
        let object = json!({ "key": key, "sha256": sha256, "consumer": consumer });
        return output::print_secret(&format!("{object}\n"));
    }
    print_key(&key)?;
    output::report(&format!(
        "The key is on standard output, and nowhere else. Give it to the caller; \
         the configuration takes its digest only.\n\n  sha256    {sha256}\n  consumer  {consumer}\n"
    ))
}

/// A new key, and its digest.
pub(crate) struct Fresh {
    /// The key, which nothing keeps.
    pub(crate) key: String,
    /// Its SHA-256, as `key_sha256` takes it.
    pub(crate) sha256: String,
}

/// Mints a key.
///
/// # Errors
///
/// If the operating system returns no random bytes.
pub(crate) fn fresh(prefix: &str) -> Result<Fresh, KeyError> {
    let key =
        token::mint(prefix, &mut |bytes| getrandom::fill(bytes)).map_err(KeyError::NoRandomness)?;
    Ok(Fresh { sha256: digest(&key), key })
}

/// Prints the digest of an existing key.
///
/// # Errors
///
/// If the key cannot be read, no header can carry it, or it was mistyped.
pub(crate) fn hash(arguments: &HashKeyArguments) -> Result<(), CommandError> {
    if !token::is_prefix(&arguments.prefix) {
        return Err(KeyError::Prefix.into());
    }
    let key = read(arguments.file.as_deref())?;
    let checksum = token::checksum(&key, &arguments.prefix);
    let (sha256, found) = match checksum {
        Checksum::Mistyped => {
            return Err(KeyError::Mistyped { prefix: arguments.prefix.clone() }.into());
        }
        Checksum::Valid => (digest(&key), "valid"),
        Checksum::None => (digest(&key), "none"),
    };
    if arguments.json {
        return print(&json!({ "sha256": sha256, "checksum": found }).to_string());
    }
    print(&sha256)?;
    if checksum == Checksum::None {
        output::say(
            "This is no key of `imagegatectl key new`: without a checksum, a typing error is not \
             noticed.",
        );
    }
    Ok(())
}

/// The key from standard input or the file. One line end after it is removed.
fn read(file: Option<&Path>) -> Result<String, CommandError> {
    let stdin = Path::new("standard input");
    let (path, bytes) = match file {
        Some(path) => {
            let open = pipe::open(path);
            (path, open.and_then(read_some).map_err(|e| CommandError::file(path, e))?)
        }
        None => {
            if io::stdin().is_terminal() {
                output::say("The key, and a line end, and ^D:");
            }
            (stdin, read_some(io::stdin().lock()).map_err(|e| CommandError::file(stdin, e))?)
        }
    };
    let path = path.to_owned();
    let Ok(text) = String::from_utf8(bytes) else { return Err(KeyError::NotVisible(path).into()) };
    let key =
        text.strip_suffix('\n').map_or(text.as_str(), |it| it.strip_suffix('\r').unwrap_or(it));
    if key.is_empty() {
        return Err(KeyError::Empty(path).into());
    }
    if key.len() as u64 >= MAX_KEY_BYTES {
        return Err(KeyError::TooLong(path).into());
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(KeyError::NotVisible(path).into());
    }
    Ok(key.to_owned())
}

fn read_some(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_KEY_BYTES + 2).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The SHA-256 as the configuration writes it.
fn digest(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A key goes into a pipe or a file without a line end. What stores a secret from there
/// (`kubectl`, `docker`, a vault) keeps every byte, and no client can send a line end in a key.
fn print_key(key: &str) -> Result<(), CommandError> {
    let end = if output::is_terminal() { "\n" } else { "" };
    output::print_secret(&format!("{key}{end}"))
}

fn print(line: &str) -> Result<(), CommandError> {
    output::print(&format!("{line}\n"))
}

/// No server accepts a header of this length.
const MAX_KEY_BYTES: u64 = 4_097;
