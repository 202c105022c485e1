//! A consumer of a list as its bytes in the shared data. No key is among them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Consumer;
use crate::pattern::Pattern;

/// What [`Consumer`] holds. Fields that are not set take no bytes.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "n")]
    name: String,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(rename = "a", default, skip_serializing_if = "std::ops::Not::not")]
    any_user: bool,
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    models: Option<Vec<String>>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    sizes: Option<Vec<String>>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Duration>,
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
}

impl Consumer {
    /// The consumer as bytes, for [`restore`](Self::restore).
    pub fn store(&self) -> Vec<u8> {
        let models = self.models.as_ref();
        let stored = Stored {
            name: self.name.clone(),
            user: self.user.clone(),
            any_user: self.any_user,
            groups: self.groups.to_vec(),
            models: models.map(|list| list.iter().map(ToString::to_string).collect()),
            sizes: self.sizes.clone(),
            expires_at: self.expires_at,
            disabled: self.disabled,
        };
        // Strings and numbers into a vector: this cannot fail.
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// The consumer of these bytes. `None` if they are not what [`store`](Self::store) writes.
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        let models = match stored.models {
            Some(list) => Some(list.iter().map(|it| Pattern::parse(it)).collect::<Option<_>>()?),
            None => None,
        };
        Some(Self {
            name: stored.name,
            user: stored.user,
            any_user: stored.any_user,
            groups: stored.groups.into(),
            models,
            sizes: stored.sizes,
            expires_at: stored.expires_at,
            disabled: stored.disabled,
        })
    }
}
