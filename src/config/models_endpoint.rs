//! `models_endpoint`: which models `GET /v1/models` lists.

use super::error::{ConfigError, Fault};
use super::file::ModelsEndpointFile;
use super::pointer::Pointer;
use super::{Config, Consumer, text};

/// More names to list, in addition to those elsewhere in the configuration.
#[derive(Debug)]
pub(super) struct ModelsEndpoint {
    names: Vec<String>,
}

impl ModelsEndpoint {
    pub(super) fn compile(file: Option<ModelsEndpointFile>) -> Result<Option<Self>, ConfigError> {
        let Some(file) = file else { return Ok(None) };
        let here = Self::names_pointer();
        if file.names.len() > MAX_NAMES {
            return Err(here.out_of_range());
        }
        for (index, name) in file.names.iter().enumerate() {
            let place = here.index(index);
            if !text::is_name(name) || name.contains('*') {
                return Err(place.invalid());
            }
            if let Some(first) = file.names.iter().take(index).position(|it| it == name) {
                return Err(place.repeats(&here.index(first)));
            }
        }
        Ok(Some(Self { names: file.names }))
    }

    /// Rejects a name under which no request would be served.
    pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
        let Some(Self { names }) = &config.models_endpoint else { return Ok(()) };
        let here = Self::names_pointer();
        let lost = names.iter().position(|name| config.resolve_model(Some(name)).is_none());
        lost.map_or(Ok(()), |index| {
            let place = here.index(index);
            Err(place.fault(Fault::Unmatched { accepted: place.accepted() }))
        })
    }

    fn names_pointer() -> Pointer {
        Pointer::default().key("models_endpoint").key("names")
    }
}

impl Config {
    /// Whether `GET /v1/models` is served.
    pub fn serves_models(&self) -> bool {
        self.models_endpoint.is_some()
    }

    /// The models that `consumer` may ask for, by the names in the configuration, each once: those
    /// of `models`, the default one, those of `models_endpoint`, and the consumer's own. A pattern
    /// may match any number of other names.
    pub fn models_of<'a>(&'a self, consumer: &'a Consumer) -> Vec<&'a str> {
        let entries = self.routes.iter().filter_map(|route| route.literal());
        let names = self.models_endpoint.iter().flat_map(|it| it.names.iter().map(String::as_str));
        let named = entries.chain([self.default_model.as_str()]).chain(names);
        let mut found = Vec::new();
        for name in named.chain(consumer.named_models()) {
            if !found.contains(&name) && self.may_ask(consumer, name) {
                found.push(name);
            }
        }
        found
    }

    /// Whether a request of `consumer` for this model is not rejected for its model.
    pub fn may_ask(&self, consumer: &Consumer, model: &str) -> bool {
        consumer.allows_model(model) && self.resolve_model(Some(model)).is_some()
    }
}

/// More than any client shows. Each listing reads all of them.
const MAX_NAMES: usize = 1_000;
