//! The catalogue as `GET /backend-api/codex/models?client_version=X` shows it.

use super::{Catalogue, HostModel, Listing, State, Version};
use crate::{hash::hash, json::Json, list, object, rejection::Rejection};

/// The version that sees every entry.
const UNGATED: Version = Version(0, 0, 0);

impl Catalogue {
    /// The catalogue that a client of this version sees: without entries that need a later one.
    pub fn listing(&self, client: Version) -> Json {
        let models = self.models.iter().enumerate().filter(|(_, model)| {
            model.listing != Listing::Absent && (client == UNGATED || model.needs <= client)
        });
        let models = models.map(|(at, model)| model.entry(at as u64));
        object! { "models": Json::List(models.collect()) }
    }

    /// The entity tag of [`listing`](Self::listing).
    pub fn etag(&self, client: Version) -> String {
        format!("W/\"{:016x}\"", hash(&self.listing(client).to_bytes()))
    }

    /// Answers a request for the catalogue with this query. `known` is the entity tag of the
    /// client.
    ///
    /// # Errors
    ///
    /// The rejection of a query without a version.
    pub fn answer(&self, query: &str, known: Option<&str>) -> Result<Rejection, Rejection> {
        let mut members = query.split('&').filter_map(|member| member.split_once('='));
        let Some((_, version)) = members.find(|(name, _)| *name == "client_version") else {
            return Err(Rejection::detail(400, "missing client_version"));
        };
        let Some(version) = Version::parse(version) else {
            return Err(Rejection::detail(400, "invalid client_version"));
        };
        let etag = self.etag(version);
        let answer = match known {
            Some(known) if known == etag => Rejection::text(304, "application/json", ""),
            _ => Rejection::json(200, &self.listing(version)),
        };
        Ok(answer.with("etag", etag))
    }
}

impl HostModel {
    /// The entry. Its place in the table is its priority, where less is better.
    fn entry(&self, at: u64) -> Json {
        let modalities = match (self.state, self.listing) {
            // A hidden entry looks as if it could generate.
            (State::TextOnly, Listing::List) => list!["text"],
            _ => list!["text", "image"],
        };
        let levels = ["low", "medium", "high"].map(|effort| object! { "effort": effort });
        object! {
            "slug": self.slug.as_ref(), "display_name": self.slug.as_ref(),
            "visibility": if self.listing == Listing::Hide { "hide" } else { "list" },
            "supported_in_api": self.state != State::TextOnly && self.listing == Listing::List,
            "priority": at, "minimal_client_version": self.declares.to_string(),
            "input_modalities": modalities, "supported_reasoning_levels": Json::List(levels.into()),
            "available_in_plans": list!["plus", "pro", "business", "enterprise"],
            "use_responses_lite": false, "prefer_websockets": at < 2,
            // The catalogue does not say whether the image tool works: only a call shows it.
            "experimental_supported_tools": list![], "upgrade": Json::NULL,
        }
    }
}
