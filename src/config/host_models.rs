//! The text models that call the image tool of an upstream with `api: responses`.

use std::rc::Rc;
use std::time::Duration;

use super::error::{ConfigError, Fault};
use super::file::UpstreamFile;
use super::pointer::Pointer;
use super::text;

/// The host models of an upstream, in the order in which they are tried.
#[derive(Debug)]
pub struct HostModels {
    /// At least one, each once. Empty for an upstream of the Images API.
    names: Vec<Rc<str>>,
    cooldown: Duration,
}

impl HostModels {
    /// Their names.
    pub fn names(&self) -> &[Rc<str>] {
        &self.names
    }

    /// How long a refused model is not called, 1 s to 24 h.
    pub fn cooldown(&self) -> Duration {
        self.cooldown
    }

    /// Compiles those of `file`, which is at `here`.
    pub(super) fn compile(file: &mut UpstreamFile, here: &Pointer) -> Result<Self, ConfigError> {
        let cooldown = file.host_model_cooldown.take().map_or(DEFAULT_COOLDOWN, |span| span.0);
        if !(MIN_COOLDOWN..=MAX_COOLDOWN).contains(&cooldown) {
            return Err(here.key("host_model_cooldown").out_of_range());
        }
        let names = match (file.host_model.take(), file.host_models.take()) {
            (Some(_), Some(_)) => return Err(here.key("host_model").fault(Fault::BothHostModels)),
            (Some(one), None) if text::is_name(&one) => vec![one.into()],
            (Some(_), None) => return Err(here.key("host_model").invalid()),
            (None, Some(list)) => Self::list(list, &here.key("host_models"))?,
            (None, None) => DEFAULT.iter().map(|name| (*name).into()).collect(),
        };
        Ok(Self { names, cooldown })
    }

    fn list(list: Vec<String>, here: &Pointer) -> Result<Vec<Rc<str>>, ConfigError> {
        match list.len() {
            0 => return Err(here.empty()),
            1..=MAX_HOST_MODELS => {}
            _ => return Err(here.out_of_range()),
        }
        let mut names: Vec<Rc<str>> = Vec::with_capacity(list.len());
        for (index, name) in list.into_iter().enumerate() {
            let place = here.index(index);
            if !text::is_name(&name) {
                return Err(place.invalid());
            }
            if let Some(first) = names.iter().position(|it| **it == *name) {
                return Err(place.repeats(&here.index(first)));
            }
            names.push(name.into());
        }
        Ok(names)
    }
}

/// What ChatGPT accounts had in November 2026, the cheapest first. A small model is enough to call
/// one tool. The others are called only if those before them are refused.
const DEFAULT: &[&str] = &[
    "gpt-6-luna",
    "gpt-5.6-luna",
    "gpt-5.6-terra",
    "gpt-6.1-terra",
    "gpt-5.6-sol",
    "gpt-6-sol",
    "gpt-6.1-sol",
    "gpt-6-astra",
];
/// If all models are refused, a request makes this many calls of the upstream.
const MAX_HOST_MODELS: usize = 16;
/// Long enough that refusals cost nearly nothing, short enough that a model that comes back, or an
/// account that was upgraded, is found soon.
const DEFAULT_COOLDOWN: Duration = Duration::from_secs(600);
const MIN_COOLDOWN: Duration = Duration::from_secs(1);
const MAX_COOLDOWN: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::DEFAULT;
    use crate::openai::retirement::{Retirement, Service};

    #[test]
    fn no_default_is_known_to_end() {
        for name in DEFAULT {
            assert_eq!(Retirement::of(Service::ChatGpt, name), None, "{name}");
        }
    }
}
