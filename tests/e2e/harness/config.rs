//! The filter's configuration of most cases, and the keys it knows.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// API keys. None of them may ever be in a log.
pub(crate) struct Key;

impl Key {
    /// Of a consumer that may do anything, for its user `acme`.
    pub(crate) const WEB: &str = imagegate_testkit::client::KEY;
    /// The second key of the same consumer.
    pub(crate) const WEB_SECOND: &str = "sk-e2e-web-0002";
    /// Of a master, who must name a user.
    pub(crate) const MASTER: &str = "sk-e2e-master-0001";
    /// May use `gpt-image-2` at two sizes.
    pub(crate) const NARROW: &str = "sk-e2e-narrow-0001";
    /// Past its time.
    pub(crate) const EXPIRED: &str = "sk-e2e-expired-0001";
    /// Disabled.
    pub(crate) const DISABLED: &str = "sk-e2e-disabled-0001";
    /// Of a consumer whose user is blocked.
    pub(crate) const BLOCKED: &str = "sk-e2e-blocked-0001";
    /// May send one request an hour, in the cases of clients.
    pub(crate) const LIMITED: &str = "sk-e2e-limited-0001";
    /// Has no budget left, in the cases of clients.
    pub(crate) const SPENT: &str = "sk-e2e-spent-0001";
    /// A key of no consumer.
    pub(crate) const UNKNOWN: &str = "sk-e2e-unknown-0001";

    pub(crate) const ALL: [&str; 10] = [
        Self::WEB,
        Self::WEB_SECOND,
        Self::MASTER,
        Self::NARROW,
        Self::EXPIRED,
        Self::DISABLED,
        Self::BLOCKED,
        Self::LIMITED,
        Self::SPENT,
        Self::UNKNOWN,
    ];
}

/// The upstream's access token and account, which are Envoy's environment.
pub(crate) const TOKEN: &str = "e2e-access-token-4711";
pub(crate) const ACCOUNT: &str = "e2e-account-0815";

pub(crate) fn sha256(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text model that calls the image tool. codex-sim refuses retired ones, like the backend.
pub(crate) const HOST_MODEL: &str = "gpt-6-luna";

/// The version of Codex that requests name. codex-sim refuses every host model without it.
pub(crate) const CODEX_VERSION: &str = "0.170.0";

/// What a Codex client says of itself.
pub(crate) fn identity() -> Value {
    json!({
        "originator": "codex_cli_rs",
        "user-agent": format!("codex_cli_rs/{CODEX_VERSION}"),
        "version": CODEX_VERSION
    })
}

/// The configuration. A case changes the part that it tests.
pub(crate) fn config() -> Value {
    json!({
        "upstreams": {
            "codex": {
                "authority": "chatgpt.com",
                "credential": { "bearer_env": "CODEX_ACCESS_TOKEN",
                "account_id_env": "CODEX_ACCOUNT_ID" },
                "host_model": HOST_MODEL,
                "headers": identity(),
                "timeout": "60s"
            }
        },
        "models": [
            { "match": "gpt-image-*", "upstream": "codex" },
            { "match": "openai:*", "upstream": "codex", "rename": "*" }
        ],
        "consumers": [
            { "name": "web", "key_sha256": [sha256(Key::WEB), sha256(Key::WEB_SECOND)],
            "user": "acme" },
            { "name": "ops", "key_sha256": [sha256(Key::MASTER)], "role": "master" },
            { "name": "narrow", "key_sha256": [sha256(Key::NARROW)], "models": ["gpt-image-2"],
              "sizes": ["auto", "1024x1024"] },
            { "name": "late", "key_sha256": [sha256(Key::EXPIRED)],
            "expires_at": "2020-01-01T00:00:00Z" },
            { "name": "off", "key_sha256": [sha256(Key::DISABLED)], "disabled": true },
            { "name": "barred", "key_sha256": [sha256(Key::BLOCKED)], "user": "globex" }
        ],
        "users": [{ "id": "acme" }, { "id": "globex", "blocked": true }]
    })
}
