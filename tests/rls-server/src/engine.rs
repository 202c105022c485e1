//! Limitador's library as the engine: the limits of a file, and one exact step for each request.
//!
//! Limitador's own server checks and counts in two steps, so that concurrent requests may all pass.
//! Its library has an exact way too: a reservation is checked and held in one step (with Redis a
//! script of it), and counted when it is committed. For a moment, both are in the counter. That may
//! reject a request that fits, and never admits one that does not.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use limitador::RateLimiter;
use limitador::limit::{Context, Limit, Namespace};

use crate::wire::{Header, OK, OVER_LIMIT, RateLimitRequest, RateLimitResponse};

type Error = Box<dyn std::error::Error>;

/// Counters and their limits.
pub struct Engine {
    limiter: RateLimiter,
    /// One request at a time in this process: its reservation is committed before the next one is
    /// checked.
    turn: Mutex<()>,
}

impl Engine {
    /// The engine with the limits of a YAML file in Limitador's own format, counting in this
    /// process or in the Redis at `redis`.
    pub fn open(limits: &Path, redis: Option<&str>) -> Result<Self, Error> {
        let limits: Vec<Limit> = serde_yaml_ng::from_str(&std::fs::read_to_string(limits)?)?;
        let limiter = match redis {
            None => RateLimiter::new(CACHED_COUNTERS),
            Some(url) => in_redis(url)?,
        };
        limiter.configure_with(limits)?;
        Ok(Self { limiter, turn: Mutex::new(()) })
    }

    /// Checks and counts a request.
    pub fn check(&self, request: &RateLimitRequest) -> Result<RateLimitResponse, Error> {
        let namespace = Namespace::from(request.domain.as_str());
        let values: Vec<HashMap<String, String>> = request
            .descriptors
            .iter()
            .map(|it| it.entries.iter().map(|it| (it.key.clone(), it.value.clone())).collect())
            .collect();
        let context = || {
            let mut context = Context::default();
            context.list_binding("descriptors".to_owned(), values.clone());
            context
        };
        let hits = u64::from(request.hits_addend.max(1));
        let turn = self.turn.lock().map_err(|_| "a question before this one failed")?;
        let mut reserved = self.limiter.reserve(&namespace, &context(), hits, None)?;
        if !reserved.limited {
            let id = reserved.reservation_id.as_ref();
            self.limiter.commit_reservation(&namespace, &context(), id, hits)?;
        }
        drop(turn);
        let headers = reserved.response_header().into_iter();
        Ok(RateLimitResponse {
            overall_code: if reserved.limited { OVER_LIMIT } else { OK },
            response_headers_to_add: headers.map(|(key, value)| Header { key, value }).collect(),
        })
    }
}

#[cfg(feature = "redis")]
fn in_redis(url: &str) -> Result<RateLimiter, Error> {
    let storage = limitador::storage::redis::RedisStorage::new(url)?;
    Ok(RateLimiter::new_with_storage(Box::new(storage)))
}

#[cfg(not(feature = "redis"))]
fn in_redis(_: &str) -> Result<RateLimiter, Error> {
    Err("built without the feature `redis`".into())
}

/// More scopes than any test has.
const CACHED_COUNTERS: u64 = 100_000;
