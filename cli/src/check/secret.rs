//! Finds text that looks like a key, a token or a digest of any origin.
//!
//! It guesses, and hides too much rather than too little. A short password in a place for names
//! looks like a name.

use std::ops::Range;

/// The parts of `text` that look like secrets, as byte ranges.
pub(crate) fn find(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut is_announced) = (Vec::new(), false);
    for word in words(text) {
        let written = text.get(word.clone()).unwrap_or_default();
        if (is_announced && !is_secret_word(written)) || is_secret(written) {
            found.push(word.clone());
        }
        let is_assigned = assigns(text.get(word.end..).unwrap_or_default());
        is_announced = is_scheme(written) || (is_secret_word(written) && is_assigned);
    }
    found
}

/// Whether one word looks like a secret.
pub(crate) fn is_secret(word: &str) -> bool {
    let prefixed = PREFIXES.iter().any(|prefix| {
        word.strip_prefix(prefix).is_some_and(|rest| {
            rest.len() >= MIN_AFTER_PREFIX && rest.bytes().any(|it| it.is_ascii_alphanumeric())
        })
    });
    prefixed
        || is_own_key(word)
        || has_password(word)
        || is_uuid(word)
        || word.split(['/', '.', ':', '|', ',']).any(is_random)
        || (word.contains(['/', '+']) && is_base64(word))
}

/// Whether a name says that its value is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let has = |part: &&str| name.contains(*part);
    let safe = [
        "_env",
        "secret_name",
        "sds_secret_config",
        "_secret_configs",
        "token_name",
        // A price.
        "_per_million_tokens",
    ];
    SECRET_NAMES.iter().any(has) && !safe.iter().any(has)
}

/// A key of `imagegatectl key new`, or most of one. Metrics begin with the same letters.
fn is_own_key(word: &str) -> bool {
    word.strip_prefix("imagegate_").is_some_and(|rest| {
        rest.len() >= MIN_OWN_KEY && rest.bytes().all(|it| it.is_ascii_alphanumeric())
    })
}

/// A user and a password in front of a host.
fn has_password(word: &str) -> bool {
    let Some((before, _)) = word.split_once('@') else { return false };
    before.split_once("://").is_some_and(|(_, user)| user.contains(':'))
}

/// Accounts are named by UUIDs.
fn is_uuid(word: &str) -> bool {
    let parts: Vec<_> = word.split('-').collect();
    let hexadecimal = |it: &&str| it.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.iter().map(|it| it.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(hexadecimal)
}

/// Letters and digits in an order that no word has.
fn is_random(chunk: &str) -> bool {
    let chunk = chunk.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let bytes = chunk.as_bytes();
    if bytes.len() < MIN_RANDOM {
        return false;
    }
    if bytes.len() >= MIN_HEX && bytes.iter().all(u8::is_ascii_hexdigit) {
        return true;
    }
    let switches = bytes.iter().zip(bytes.iter().skip(1)).filter(|(a, b)| is_switch(**a, **b));
    switches.count() * SWITCH_EVERY >= bytes.len()
}

/// Standard base64 uses `/` and `+`, which paths have too.
fn is_base64(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    word.bytes().all(plain)
        && !word.starts_with('/')
        && is_random(&word.replace(['/', '+', '='], ""))
}

fn is_switch(a: u8, b: u8) -> bool {
    (a.is_ascii_alphabetic() && b.is_ascii_digit())
        || (a.is_ascii_digit() && b.is_ascii_alphabetic())
        || (a.is_ascii_lowercase() && b.is_ascii_uppercase())
}

/// A word that is followed by a credential.
fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

fn is_secret_word(word: &str) -> bool {
    let names = ["password", "passwd", "secret", "token", "api_key", "api-key", "apikey"];
    names.iter().any(|it| word.eq_ignore_ascii_case(it))
}

/// Whether a `:` or a `=` follows.
fn assigns(rest: &str) -> bool {
    rest.trim_start_matches(['"', '\'', ' ']).starts_with([':', '='])
}

/// The words of a text: the parts between spaces, quotes and brackets, without punctuation around
/// them.
fn words(text: &str) -> Vec<Range<usize>> {
    let inside = |c: char| c.is_alphanumeric() || "-_.+/~|:@%".contains(c);
    let (mut words, mut start) = (Vec::new(), 0);
    let outside = text.char_indices().filter(|(_, c)| !inside(*c));
    let ends: Vec<_> = outside.map(|(at, c)| (at, at + c.len_utf8())).collect();
    for (end, next) in ends.into_iter().chain([(text.len(), text.len())]) {
        let word = text.get(start..end).unwrap_or_default();
        let marks = |c: char| !c.is_alphanumeric();
        let (first, last) = (word.find(char::is_alphanumeric), word.trim_end_matches(marks).len());
        words.extend(first.map(|first| start + first..start + last));
        start = next;
    }
    words
}

/// How the keys of well-known services begin, and ours.
const PREFIXES: &[&str] = &[
    "sk-",
    "sk_",
    "pk_",
    "rk_",
    "rt_",
    "sess-",
    "igk",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "hf_",
    "npm_",
    "dop_v1_",
];
/// A name may begin like a key: `sk-1`, `imagegate_time_to_image`.
const MIN_AFTER_PREFIX: usize = 6;
/// Half of a key.
const MIN_OWN_KEY: usize = 20;
/// Shorter random text looks like a name.
const MIN_RANDOM: usize = 16;
/// Half of a SHA-256, or an API key of Azure.
const MIN_HEX: usize = 32;
/// In random text of letters and digits every second or third character is of another class.
const SWITCH_EVERY: usize = 5;
/// Parts of names.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "authorization",
    "inline_bytes",
    "cookie",
    "bearer",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_of_tokens_is_no_secret() {
        assert!(!is_secret_name("usd_per_million_tokens"));
        assert!(is_secret_name("access_tokens"));
    }

    #[test]
    fn keys_tokens_and_digests_are_secrets() {
        for word in [
            "sk-proj-9fQ2aa81",
            "igk_4f9s8d7f",
            "imagegate_0123456789abcdefghijKLMN",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "0a1b2c3d-0000-4111-8222-0123456789ab",
            "x7Qp2LmN4vRt8Ws1",
            "u7/Qp2+LmN4vR/t8Ws1Zk==",
            "https://user:pass@host/",
        ] {
            assert!(is_secret(word), "{word}");
        }
    }

    #[test]
    fn names_are_not() {
        for word in [
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "allow_on_headers_stop_iteration",
            "HttpConnectionManager",
            "gpt-image-2.5-codex",
            "gpt-5.4-mini",
            "outbound|443||chatgpt.com",
            "x-envoy-upstream-rq-timeout-ms",
            "2027-01-01T00:00:00Z",
            "http.async_response_buffer_limit",
            "134217728",
            "1024x1024",
            "CODEX_ACCESS_TOKEN",
            "/backend-api/codex/responses",
            "imagegate_upstream",
            "build/imagegate.wasm",
            "imagegate_time_to_image",
        ] {
            assert!(!is_secret(word), "{word}");
        }
    }

    #[test]
    fn a_word_after_bearer_or_password_is_one() {
        let shown = |text: &str| {
            find(text).into_iter().map(|it| text.get(it).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(shown("# send Bearer hunter2 along"), ["hunter2"]);
        assert_eq!(shown("# password: hunter2"), ["hunter2"]);
        assert_eq!(shown("# the token is kept fresh"), Vec::<String>::new());
    }

    #[test]
    fn names_say_what_is_secret() {
        assert!(is_secret_name("api_key") && is_secret_name("clientSecret".trim()));
        assert!(!is_secret_name("bearer_env") && !is_secret_name("key_sha256"));
    }
}
