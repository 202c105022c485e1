//! The endpoint that a request path names.
//!
//! A proxy, a router and a server seldom agree on what `/v1//images/%67enerations/` means. So every
//! spelling that any of them might read as one of the filter's endpoints is served by the filter,
//! and needs a key. All other requests are passed on unchanged. Only `spelling` decides.
//!
//! Paths are bytes, because HTTP lets a client send any.

mod decode;
mod query;
mod spelling;

#[cfg(test)]
mod tests;

pub use self::query::without_query;
use self::spelling::{Below, Readings};

/// The endpoints that the filter serves: those of the Images API, and the list of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/images/generations`.
    Generations,
    /// `POST /v1/images/edits`.
    Edits,
    /// `POST /v1/images/variations`, which OpenAI has retired.
    Variations,
    /// `GET /v1/images/limits`: what a key may still use.
    Limits,
    /// `GET /v1/models`: what a key may ask for.
    Models,
    /// `GET /v1/models/{model}`: whether a key may ask for this.
    Model,
}

/// Which of them are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// Those of the Images API.
    Images,
    /// All.
    WithModels,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 6] =
        [Self::Generations, Self::Edits, Self::Variations, Self::Limits, Self::Models, Self::Model];

    /// Those of the Images API.
    const IMAGES: [Self; 4] = [Self::Generations, Self::Edits, Self::Variations, Self::Limits];

    /// The endpoint of those `served` that `path` names in any spelling. `path` is the `:path` of a
    /// request, with or without its query. `None` if the request is not for the filter.
    ///
    /// An ordinary other path costs a comparison or two and one pass over its bytes.
    #[must_use]
    pub fn of_path(path: &[u8], served: Served) -> Option<Self> {
        let with_models = served == Served::WithModels;
        let is_near =
            starts_with(path, PREFIX) || with_models && starts_with(path, MODELS.as_bytes());
        if !is_near && is_plain(path) {
            return None;
        }
        let usual = |it: &Self| it.path().as_bytes() == without_query(path);
        if let Some(endpoint) = Self::IMAGES.into_iter().find(usual) {
            return Some(endpoint);
        }
        match spelling::readings(path) {
            Readings::Some(readings) => readings.iter().find_map(|reading| {
                let paths = Self::IMAGES.map(Self::path);
                let place = reading.find(path, &paths);
                let images = place.and_then(|place| Self::IMAGES.get(place).copied());
                images.or_else(|| match reading.find_below(path, MODELS) {
                    Some(_) if !with_models => None,
                    Some(Below::Itself) => Some(Self::Models),
                    Some(Below::Under) => Some(Self::Model),
                    None => None,
                })
            }),
            // No normal client sends such a path. It needs a key.
            Readings::TooMany => Some(Self::Generations),
        }
    }

    /// The model that the path of [`Model`](Self::Model) names. `None` if the path is not in its
    /// normal spelling, some escapes in the name apart: it names no model then.
    #[must_use]
    pub fn model_of_path(path: &[u8]) -> Option<String> {
        let name = without_query(path).strip_prefix(MODELS.as_bytes())?.strip_prefix(b"/")?;
        String::from_utf8(decode::decode_once(name)).ok()
    }

    /// The path in its normal spelling.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Generations => "/v1/images/generations",
            Self::Edits => "/v1/images/edits",
            Self::Variations => "/v1/images/variations",
            Self::Limits => "/v1/images/limits",
            Self::Models => MODELS,
            Self::Model => "/v1/models/{model}",
        }
    }

    /// The name of the endpoint in usage records and metrics: the last segment of the path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generations => "generations",
            Self::Edits => "edits",
            Self::Variations => "variations",
            Self::Limits => "limits",
            Self::Models => "models",
            Self::Model => "model",
        }
    }

    /// The only method that the endpoint accepts, for the `allow` header of a 405.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Generations | Self::Edits | Self::Variations => "POST",
            Self::Limits | Self::Models | Self::Model => "GET",
        }
    }
}

fn starts_with(path: &[u8], prefix: &[u8]) -> bool {
    path.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether no reading of `path` changes more than its case, its query, its last slash or the end of
/// its last segment. Then it names an endpoint only if it starts with [`PREFIX`] or [`MODELS`].
fn is_plain(path: &[u8]) -> bool {
    let path = without_query(path);
    path.starts_with(b"/")
        && path.iter().all(|byte| byte.is_ascii_graphic() && !b"%\\;+".contains(byte))
        && !path.windows(2).any(|pair| matches!(pair, b"//" | b"/." | b"./"))
}

const PREFIX: &[u8] = b"/v1/images/";
const MODELS: &str = "/v1/models";
