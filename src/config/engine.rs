//! `engine`: where the rules are counted.

use std::time::Duration;

use super::error::{ConfigError, Fault};
use super::file::{EngineFile, EngineKindFile};
use super::pointer::Pointer;
use super::text;
use crate::limits::rls::Service;
use crate::limits::{Engine, OnError, Unit};

/// The engine of the document, and the settings that its rules inherit.
#[derive(Default)]
pub(super) struct Engines {
    /// The service, if rules are counted by one.
    pub(super) service: Option<Service>,
    on_error: Option<OnError>,
}

impl Engines {
    /// Compiles `engine`.
    ///
    /// # Errors
    ///
    /// The first field that breaks a rule.
    pub(super) fn compile(file: EngineFile) -> Result<Self, ConfigError> {
        let here = Pointer::default().key("engine");
        match file.kind {
            EngineKindFile::Local => check_local(&file, &here).map(|()| Self::default()),
            EngineKindFile::Rls => {
                let on_error = file.on_error;
                Ok(Self { service: Some(compile_service(file, &here)?), on_error })
            }
        }
    }

    /// Where a rule of `unit`, which is at `here`, is counted, with its own `on_error`.
    ///
    /// Requests in flight are always counted here. If an Envoy ends with some of them, a service
    /// does not forget them in time, and it has no unit for them.
    pub(super) fn of_rule(
        &self,
        unit: Unit,
        on_error: Option<OnError>,
        here: &Pointer,
    ) -> Result<Engine, ConfigError> {
        if self.service.is_none() || unit == Unit::Concurrent {
            return match on_error {
                None => Ok(Engine::Local),
                Some(_) => Err(here.key("on_error").fault(Fault::NotOfService)),
            };
        }
        Ok(Engine::Rls(on_error.or(self.on_error).unwrap_or_default()))
    }
}

/// The local engine has no settings. One that is written is meant for another engine.
fn check_local(file: &EngineFile, here: &Pointer) -> Result<(), ConfigError> {
    for (name, written) in [
        ("cluster", file.cluster.is_some()),
        ("domain", file.domain.is_some()),
        ("timeout", file.timeout.is_some()),
        ("on_error", file.on_error.is_some()),
        ("releases", file.releases.is_some()),
    ] {
        if written {
            return Err(here.key(name).fault(Fault::NotOfService));
        }
    }
    Ok(())
}

fn compile_service(file: EngineFile, here: &Pointer) -> Result<Service, ConfigError> {
    let cluster = file.cluster.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned());
    // Its name is sent as a protobuf string inside a Rust string. The result is UTF-8 only if its
    // length, and that of the message around it, is one byte below 128.
    if !text::is_name(&cluster) || cluster.len() > MAX_CLUSTER_BYTES {
        return Err(here.key("cluster").invalid());
    }
    let domain = file.domain.unwrap_or_else(|| DEFAULT_DOMAIN.to_owned());
    if !text::is_name(&domain) {
        return Err(here.key("domain").invalid());
    }
    let timeout = file.timeout.map_or(DEFAULT_TIMEOUT, |span| span.0);
    if !(MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
        return Err(here.key("timeout").out_of_range());
    }
    Ok(Service { cluster, domain, timeout, releases: file.releases.unwrap_or_default() })
}

const DEFAULT_CLUSTER: &str = "ratelimit";
const DEFAULT_DOMAIN: &str = "imagegate";
/// Some ten times as long as a service in the same network needs.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
/// A client waits for it. Longer is an outage, for which `on_error` decides.
const MAX_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_CLUSTER_BYTES: usize = 125;
