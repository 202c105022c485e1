//! What to do about the slips that are made most.

use imagegate::config::Fault;

use super::super::finding::Finding;
use super::super::secret;
use super::super::tree::{Kind, Node, split};
use super::{Context, is_shown};

/// Adds the help that fits this value in this place.
pub(super) fn add(finding: Finding, at: &Context<'_>, fault: &Fault) -> Finding {
    let hint = match fault {
        Fault::Type { .. } => of_type(at),
        Fault::Value { .. } => of_value(at),
        Fault::UnknownField { .. } => of_field(at),
        _ => None,
    };
    match hint {
        Some(hint) => finding.help(hint),
        None => finding,
    }
}

fn of_type(at: &Context<'_>) -> Option<String> {
    let value = at.value?;
    match &value.kind {
        Kind::Null => {
            Some("a field that is left blank is null; leave it out for its default".to_owned())
        }
        Kind::Number(number) => of_number(at, *number),
        Kind::Text(_) if is_digest_place(at.pointer) => Some("write a list: [\"…\"]".to_owned()),
        Kind::Bool(_) => takes_text(at).then(|| {
            "YAML reads yes, no, on and off as booleans: quote what is meant as text".to_owned()
        }),
        _ => None,
    }
}

fn of_number(at: &Context<'_>, number: f64) -> Option<String> {
    if at.pointer.contains("/key_sha256/") {
        return Some("a digest of digits alone is a number in YAML: quote it".to_owned());
    }
    let name = at.name();
    if ["timeout", "window", "keepalive", "host_model_cooldown", "max_rest"]
        .contains(&name.as_str())
    {
        return Some(format!("write \"{number}s\" if seconds are meant"));
    }
    takes_text(at).then(|| format!("quote it: \"{number}\""))
}

fn takes_text(at: &Context<'_>) -> bool {
    super::Fields::get().takes_text(at.pointer)
}

fn of_value(at: &Context<'_>) -> Option<String> {
    let text = at.value.and_then(Node::text)?;
    if at.pointer.contains("/key_sha256/") {
        return Some(of_digest(text));
    }
    let (owner, name) = split(at.pointer)?;
    match name.as_str() {
        "authority" => of_authority(at, text),
        "timeout" | "window" | "keepalive" if text.bytes().all(|it| it.is_ascii_digit()) => {
            Some(format!("write \"{text}s\" if seconds are meant"))
        }
        "bearer_env" | "key_env" | "account_id_env" if owner.ends_with("/credential") => {
            of_variable(text)
        }
        _ => None,
    }
}

/// Describes the text in the place of a variable's name. `None` if it could be a name.
fn of_variable(text: &str) -> Option<String> {
    let is_name = |it: &str| it.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let bare = text.trim_start_matches(['$', '{']).trim_end_matches('}');
    if bare != text && is_name(bare) {
        return Some("write the name of the variable alone, without `$`".to_owned());
    }
    (!is_name(text)).then(|| OF_VARIABLE.to_owned())
}

/// Describes the text in the place of a digest.
fn of_digest(text: &str) -> String {
    let is_hex = !text.is_empty() && text.bytes().all(|it| it.is_ascii_hexdigit());
    if is_hex && text.len() != DIGITS {
        return format!("a SHA-256 has {DIGITS} hexadecimal digits, this has {}", text.len());
    }
    if text.eq_ignore_ascii_case(OF_NOTHING) {
        return "this is the SHA-256 of nothing: the key was not read when it was hashed"
            .to_owned();
    }
    "this looks like the key itself. It has stood in a file, so do not use it any more: make a new \
     one with `imagegatectl key new`, or hash another with `imagegatectl key hash`"
        .to_owned()
}

fn of_authority(at: &Context<'_>, text: &str) -> Option<String> {
    let (has_scheme, rest) = match text.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, text),
    };
    if !has_scheme && !text.contains('/') {
        return None;
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let shown = !host.is_empty() && is_shown(at.pointer, host) && !secret::is_secret(text);
    let hint = if has_scheme { "leave out the scheme and the path" } else { "leave out the path" };
    Some(if shown { format!("{hint}: \"{host}\"") } else { hint.to_owned() })
}

fn of_field(at: &Context<'_>) -> Option<String> {
    let (owner, name) = split(at.pointer)?;
    let holds_text = at.value.and_then(Node::text).is_some();
    if owner.ends_with("/credential") && holds_text {
        return Some(OF_VARIABLE.to_owned());
    }
    let holds_key = ["key", "keys", "api_key", "token"].contains(&name.as_str());
    (owner.starts_with("/consumers/") && holds_key).then(|| {
        "the configuration takes `key_sha256`, the SHA-256 of a key. A key that has stood in a \
         file must not be used any more: make a new one with `imagegatectl key new`"
            .to_owned()
    })
}

fn is_digest_place(pointer: &str) -> bool {
    pointer.ends_with("/key_sha256")
}

const OF_VARIABLE: &str = "`bearer_env`, `account_id_env` and `key_env` take the name of an \
                           environment variable, not its value. A token that has stood in a file \
                           must not be used any more";
const DIGITS: usize = 64;
/// The SHA-256 of the empty text.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
