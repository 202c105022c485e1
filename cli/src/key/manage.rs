//! `key add`, `key revoke` and `key list`: the keys in a file.

use serde_json::{Value, json};

use super::edit::{self, Item};
use super::file::{self, Edit, ListFile, Replacement};
use super::list::{Entry, List};
use super::{KeyError, digest, is_name, print, print_key, token};
use crate::check::printable;
use crate::check::tree::{Kind, Node};
use crate::cli::{AddKeyArguments, ListKeysArguments, RevokeKeyArguments};
use crate::exit::CommandError;
use crate::output;

/// Adds a key to the file and prints it once.
///
/// # Errors
///
/// If an argument is invalid, the key cannot be printed, or the file cannot be edited. Then it is
/// as it was.
pub(crate) fn add(arguments: &AddKeyArguments) -> Result<(), CommandError> {
    check(arguments)?;
    let key = token::mint(&arguments.prefix, &mut |bytes| getrandom::fill(bytes))
        .map_err(KeyError::NoRandomness)?;
    let digest = digest(&key);
    let file = ListFile::open(&arguments.file)?;
    let list = file.list()?;
    let known = named(&arguments.name, &list.entries)?;
    let replacement = match known {
        None => add_consumer(arguments, &digest, file, &list)?,
        Some(_) if arguments.user.is_some() || !arguments.groups.is_empty() => {
            return Err(KeyError::Exists(arguments.name.clone()).into());
        }
        Some(place) => add_to_consumer(place, &digest, file, &list)?,
    };
    // First the key: with a digest in the file and no key, nobody could call, and a list would look
    // as if somebody could.
    print_key(&key)?;
    replacement.commit().map_err(|error| CommandError::KeyNotAdded(Box::new(error)))?;
    let what = if known.is_some() { "one more key of" } else { "the key of" };
    output::say(&format!(
        "The key is on standard output, and nowhere else: {what} `{}`. {} has its digest, {}…",
        arguments.name,
        arguments.file.display(),
        shortened(&digest)
    ));
    if known.and_then(|place| list.entries.get(place)).is_some_and(|it| it.disabled) {
        let name = &arguments.name;
        output::say(&format!("`{name}` is `disabled`: the filter rejects all its keys."));
    }
    Ok(())
}

fn check(arguments: &AddKeyArguments) -> Result<(), KeyError> {
    if !token::is_prefix(&arguments.prefix) {
        return Err(KeyError::Prefix);
    }
    if !is_name(&arguments.name) {
        return Err(KeyError::Name);
    }
    if arguments.user.as_ref().is_some_and(|user| !is_name(user)) {
        return Err(KeyError::User);
    }
    let is_repeated = |name: &String| arguments.groups.iter().filter(|it| *it == name).count() > 1;
    let is_wrong = |name: &String| !is_name(name) || is_repeated(name);
    if arguments.groups.len() > MAX_GROUPS || arguments.groups.iter().any(is_wrong) {
        return Err(KeyError::Groups);
    }
    Ok(())
}

/// Adds a consumer with its first key at the end of the list.
fn add_consumer(
    arguments: &AddKeyArguments,
    digest: &str,
    file: ListFile,
    list: &List,
) -> Result<Replacement, CommandError> {
    let text = edit::append(&file.source, &list.node, &consumer(arguments, digest));
    let mut expected = list.entries.clone();
    expected.push(Entry {
        name: arguments.name.clone(),
        user: arguments.user.clone(),
        groups: arguments.groups.clone(),
        digests: vec![digest.to_owned()],
        disabled: false,
        expires_at: None,
        has_identities: false,
    });
    file.prepare(list, Edit { text, node: &list.node, place: list.entries.len(), expected })
}

/// Adds one more key to the consumer at `place`.
fn add_to_consumer(
    place: usize,
    digest: &str,
    file: ListFile,
    list: &List,
) -> Result<Replacement, CommandError> {
    let mut expected = list.entries.clone();
    let keys = keys(&file, list, place)?;
    let digest = json!(digest);
    let item = Item { json: digest.to_string(), lines: vec![format!("- {digest}")] };
    let text = edit::append(&file.source, keys, &item);
    if let Some(entry) = expected.get_mut(place) {
        entry.digests.extend(digest.as_str().map(str::to_owned));
    }
    file.prepare(list, Edit { text, node: keys, place, expected })
}

/// The array of the keys of the consumer at `place`.
fn keys<'l>(file: &ListFile, list: &'l List, place: usize) -> Result<&'l Node, KeyError> {
    let consumer = list.node.items().get(place).unwrap_or(&list.node);
    let keys = consumer.get("key_sha256").filter(|it| matches!(it.kind, Kind::List(_)));
    let name = list.entries.get(place).map(|it| it.name.clone()).unwrap_or_default();
    keys.ok_or_else(|| file.no_keys(consumer, name))
}

/// A consumer with this key.
fn consumer(arguments: &AddKeyArguments, digest: &str) -> Item {
    let mut fields = vec![("name", json!(arguments.name)), ("key_sha256", json!([digest]))];
    fields.extend(arguments.user.as_ref().map(|user| ("user", json!(user))));
    if !arguments.groups.is_empty() {
        fields.push(("groups", json!(arguments.groups)));
    }
    let written = fields.iter().map(|(name, value)| (*name, spaced(value)));
    let json: Vec<_> = written.clone().map(|(name, it)| format!("\"{name}\": {it}")).collect();
    let starts = std::iter::once("- ").chain(std::iter::repeat("  "));
    let lines = starts.zip(written).map(|(start, (name, it))| format!("{start}{name}: {it}"));
    Item { json: format!("{{ {} }}", json.join(", ")), lines: lines.collect() }
}

/// A value of JSON with a space after each comma of a list.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(ToString::to_string).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// Removes a consumer, or one of its keys, from the file.
///
/// # Errors
///
/// If nothing or more than one key is meant, or the file cannot be edited. Then it is as it was.
pub(crate) fn revoke(arguments: &RevokeKeyArguments) -> Result<(), CommandError> {
    let file = ListFile::open(&arguments.file)?;
    let list = file.list()?;
    let mut expected = list.entries.clone();
    let (place, key) = wanted(arguments, &expected)?;
    let entry = expected.get_mut(place).ok_or_else(|| file.form(&list.node))?;
    // A consumer has a key or a name of the mesh.
    let alone = entry.digests.len() == 1 && !entry.has_identities;
    let (text, node, what) = match key {
        Some(_) if entry.digests.len() == 1 && !alone => {
            return Err(KeyError::LastKey(entry.name.clone()).into());
        }
        Some(key) if !alone => {
            let keys = keys(&file, &list, place)?;
            let text = edit::remove(&file.source, keys, key);
            let digest = entry.digests.remove(key);
            (text, keys, format!("key {}… of `{}`", shortened(&digest), entry.name))
        }
        _ => {
            let what = format!("consumer `{}` with its keys", entry.name);
            expected.remove(place);
            (edit::remove(&file.source, &list.node, place), &list.node, what)
        }
    };
    file.prepare(&list, Edit { text, node, place, expected })?.commit()?;
    output::say(&format!("Removed: {what}."));
    Ok(())
}

/// The consumer that is meant, and which of its keys; `None` for all.
fn wanted(
    arguments: &RevokeKeyArguments,
    entries: &[Entry],
) -> Result<(usize, Option<usize>), KeyError> {
    if let Some(start) = &arguments.sha256 {
        let start = start.to_ascii_lowercase();
        if start.len() < MIN_PREFIX || !start.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KeyError::Digest);
        }
        return by_digest(&start, entries);
    }
    let name = arguments.name.as_deref().unwrap_or_default();
    match named(name, entries)? {
        Some(place) => Ok((place, None)),
        None => Err(KeyError::NoSuchConsumer(name.to_owned())),
    }
}

/// The one key whose digest starts with these digits.
fn by_digest(start: &str, entries: &[Entry]) -> Result<(usize, Option<usize>), KeyError> {
    let found = entries.iter().enumerate().flat_map(|(place, entry)| {
        let digests = entry.digests.iter().enumerate();
        digests.map(move |(key, digest)| (place, key, digest.to_ascii_lowercase()))
    });
    let mut found = found.filter(|(_, _, digest)| digest.starts_with(start));
    let (place, key, digest) = found.next().ok_or(KeyError::NoSuchKey)?;
    let rest: Vec<_> = found.collect();
    let Some((other, ..)) = rest.first() else { return Ok((place, Some(key))) };
    if rest.iter().any(|(_, _, other)| *other != digest) {
        return Err(KeyError::SeveralKeys);
    }
    let name = |place: usize| entries.get(place).map(|it| it.name.clone()).unwrap_or_default();
    Err(KeyError::SameKey(name(place), name(*other)))
}

/// The one consumer of this name, if there is any.
fn named(name: &str, entries: &[Entry]) -> Result<Option<usize>, KeyError> {
    let mut places = (0..).zip(entries).filter(|(_, it)| it.name == name);
    match (places.next(), places.next()) {
        (Some(_), Some(_)) => Err(KeyError::SameName(name.to_owned())),
        (place, _) => Ok(place.map(|(place, _)| place)),
    }
}

/// Prints the consumers of the file: never a key, and of a digest only its beginning.
///
/// # Errors
///
/// If the file cannot be read.
pub(crate) fn list(arguments: &ListKeysArguments) -> Result<(), CommandError> {
    for entry in file::read(&arguments.file)?.entries {
        let keys: Vec<_> = entry.digests.iter().map(|it| shortened(it)).collect();
        if arguments.json {
            print(
                &json!({
                    "name": entry.name, "user": entry.user, "groups": entry.groups, "keys": keys,
                    "disabled": entry.disabled, "expires_at": entry.expires_at,
                })
                .to_string(),
            )?;
            continue;
        }
        let mut line = format!("{}  keys {}", entry.name, keys.join(","));
        let mut add = |name: &str, value: &str| line.push_str(&format!("  {name} {value}"));
        if let Some(user) = &entry.user {
            add("user", user);
        }
        if !entry.groups.is_empty() {
            add("groups", &entry.groups.join(","));
        }
        if let Some(time) = &entry.expires_at {
            add("expires", time);
        }
        if entry.disabled {
            line.push_str("  disabled");
        }
        print(&printable(&line))?;
    }
    Ok(())
}

/// Enough of a digest to tell keys apart.
fn shortened(digest: &str) -> &str {
    digest.get(..SHOWN).unwrap_or(digest)
}

const SHOWN: usize = 12;
const MIN_PREFIX: usize = 8;
const MAX_GROUPS: usize = 16;
