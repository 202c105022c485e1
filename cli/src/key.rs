//! `key new` and `key hash`: the commands. The form of a key is in [`token`].

mod token;

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::cli::{HashKeyArguments, NewKeyArguments};
use crate::exit::Failure;
use token::Checksum;

/// Mints a key and prints it once.
///
/// # Errors
///
/// A prefix or a name that cannot be used, and an operating system without randomness.
pub(crate) fn new(arguments: &NewKeyArguments) -> Result<(), Failure> {
    if !token::is_prefix(&arguments.prefix) {
        return Err(bad_prefix());
    }
    if !is_name(&arguments.name) {
        let words = "--name: invalid value, accepted: 1 to 128 visible ASCII characters";
        return Err(Failure::Usage(words.to_owned()));
    }
    let key = token::mint(&arguments.prefix, &mut |bytes| getrandom::fill(bytes))
        .map_err(|error| Failure::Refused(format!("the system gives no randomness: {error}")))?;
    let sha256 = digest(&key);
    let consumer = json!({ "name": arguments.name, "key_sha256": [sha256] });
    if arguments.json {
        return print(&json!({ "key": key, "sha256": sha256, "consumer": consumer }).to_string());
    }
    print_key(&key)?;
    anstream::eprintln!(
        "The key is on standard output, and nowhere else. Give it to the caller; the configuration takes its digest only.\n\n  \
         sha256    {sha256}\n  consumer  {consumer}"
    );
    Ok(())
}

/// Prints the digest of a key that somebody has.
///
/// # Errors
///
/// A key that cannot be read, that no header can carry, or that was mistyped.
pub(crate) fn hash(arguments: &HashKeyArguments) -> Result<(), Failure> {
    if !token::is_prefix(&arguments.prefix) {
        return Err(bad_prefix());
    }
    let key = read(arguments.file.as_deref())?;
    let checksum = token::checksum(&key, &arguments.prefix);
    let (sha256, found) = match checksum {
        Checksum::Mistyped => {
            return Err(Failure::Refused(format!(
                "the key was mistyped or cut: it starts like a key of `imagegatectl key new` and its checksum does not \
                 fit, accepted: {}_ and {} letters and digits as they were minted",
                arguments.prefix,
                token::BODY_CHARS
            )));
        }
        Checksum::Valid => (digest(&key), "valid"),
        Checksum::None => (digest(&key), "none"),
    };
    if arguments.json {
        return print(&json!({ "sha256": sha256, "checksum": found }).to_string());
    }
    print(&sha256)?;
    if checksum == Checksum::None {
        anstream::eprintln!(
            "The key has no checksum of ours: nothing tells whether it was mistyped."
        );
    }
    Ok(())
}

/// The key on standard input or in the file, without one line end.
fn read(file: Option<&Path>) -> Result<String, Failure> {
    let stdin = Path::new("standard input");
    let (path, bytes) = match file {
        Some(path) => {
            let open = std::fs::File::open(path);
            (path, open.and_then(read_some).map_err(|e| Failure::file(path, e))?)
        }
        None => {
            if io::stdin().is_terminal() {
                anstream::eprintln!("The key, and a line end, and ^D:");
            }
            (stdin, read_some(io::stdin().lock()).map_err(|e| Failure::file(stdin, e))?)
        }
    };
    let refuse = |words: &str| Failure::Refused(format!("{}: {words}", path.display()));
    let text = String::from_utf8(bytes).map_err(|_| refuse(NOT_VISIBLE))?;
    let key =
        text.strip_suffix('\n').map_or(text.as_str(), |it| it.strip_suffix('\r').unwrap_or(it));
    if key.is_empty() {
        return Err(refuse("empty, accepted: a key"));
    }
    if key.len() as u64 >= MAX_KEY_BYTES {
        return Err(refuse("too long, accepted: a key of up to 4096 characters"));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse(NOT_VISIBLE));
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

fn bad_prefix() -> Failure {
    let words = "--prefix: invalid value, accepted: 2 to 32 of a to z, digits and _, a letter first, no _ last";
    Failure::Usage(words.to_owned())
}

/// A key goes into a pipe or a file without a line end: what stores a secret from there (`kubectl`, `docker`, a vault)
/// keeps every byte, and no client can send a key that ends with one.
fn print_key(key: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let end = if out.is_terminal() { "\n" } else { "" };
    let written = write!(out, "{key}{end}").and_then(|()| out.flush());
    written.map_err(|error| Failure::file(Path::new("standard output"), error))
}

fn print(line: &str) -> Result<(), Failure> {
    let written = writeln!(io::stdout().lock(), "{line}");
    written.map_err(|error| Failure::file(Path::new("standard output"), error))
}

const NOT_VISIBLE: &str = "a character that no client can send in a header, accepted: visible ASCII without spaces, on one line";
/// A header of this length passes no server.
const MAX_KEY_BYTES: u64 = 4_097;
