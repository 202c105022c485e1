//! `consumers_from`: where a list of consumers is fetched from while Envoy runs.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::error::{ConfigError, Fault};
use super::file::SourceFile;
use super::pointer::Pointer;
use super::text;

/// Where the list is, and how often it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The Envoy cluster.
    pub cluster: String,
    /// The `:authority` of the request.
    pub authority: String,
    /// The path of the request.
    pub path: String,
    /// How long a change may take until it is in force; 2 s to 1 h.
    pub interval: Duration,
    /// How long an answer may take; at most half of the interval.
    pub timeout: Duration,
}

impl Source {
    /// 128 bits that say which list it is. All that ask for the same list share it.
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        for part in [&self.cluster, &self.authority, &self.path] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (id, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        *id
    }
}

/// Compiles `consumers_from`.
///
/// # Errors
///
/// The first field that breaks a rule.
pub(super) fn compile(file: Option<SourceFile>) -> Result<Option<Source>, ConfigError> {
    let here = Pointer::default().key("consumers_from");
    let Some(file) = file else { return Ok(None) };
    if !text::is_cluster(&file.cluster) {
        return Err(here.key("cluster").invalid());
    }
    if !text::is_authority(&file.authority) {
        return Err(here.key("authority").invalid());
    }
    if !text::is_path(&file.path) {
        return Err(here.key("path").invalid());
    }
    let interval = file.interval.map_or(DEFAULT_INTERVAL, |span| span.0);
    if !(MIN_INTERVAL..=MAX_INTERVAL).contains(&interval) {
        return Err(here.key("interval").out_of_range());
    }
    let half = interval.checked_div(2).unwrap_or(interval);
    let timeout = file.timeout.map_or_else(|| DEFAULT_TIMEOUT.min(half), |span| span.0);
    if !(MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
        return Err(here.key("timeout").out_of_range());
    }
    if timeout > half {
        return Err(here.key("timeout").fault(Fault::TimeoutOfInterval));
    }
    let SourceFile { cluster, authority, path, .. } = file;
    Ok(Some(Source { cluster, authority, path, interval, timeout }))
}

const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
/// The list is asked for twice in it. A web server dates a file to the second.
const MIN_INTERVAL: Duration = Duration::from_secs(2);
/// Until then a revoked key works.
const MAX_INTERVAL: Duration = Duration::from_secs(3_600);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);
