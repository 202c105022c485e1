//! The endpoint that a request path names.
//!
//! A proxy, a router and a server seldom agree on what `/v1//images/%67enerations/` means. So every
//! spelling that any of them might read as one of the filter's endpoints is served by the filter,
//! and needs a key. All other requests are passed on unchanged. Only `spelling` decides.
//!
//! Paths are bytes, because HTTP lets a client send any.

mod query;
mod spelling;

#[cfg(test)]
mod tests;

pub use self::query::without_query;
use self::spelling::Readings;

/// The endpoints of the Images API that the filter serves.
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
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 4] = [Self::Generations, Self::Edits, Self::Variations, Self::Limits];

    /// The endpoint that `path` names in any spelling. `path` is the `:path` of a request, with or
    /// without its query. `None` if the request is not for the filter.
    ///
    /// An ordinary other path costs one comparison and one pass over its bytes.
    #[must_use]
    pub fn of_path(path: &[u8]) -> Option<Self> {
        if !starts_with_prefix(path) && is_plain(path) {
            return None;
        }
        let usual = |it: &Self| it.path().as_bytes() == without_query(path);
        if let Some(endpoint) = Self::ALL.into_iter().find(usual) {
            return Some(endpoint);
        }
        match spelling::readings(path) {
            Readings::Some(readings) => {
                let paths = Self::ALL.map(Self::path);
                let place = readings.iter().find_map(|it| it.find(path, &paths))?;
                Self::ALL.get(place).copied()
            }
            // No honest client sends it. Without a key, it goes nowhere.
            Readings::TooDear => Some(Self::Generations),
        }
    }

    /// The path in its normal spelling.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Generations => "/v1/images/generations",
            Self::Edits => "/v1/images/edits",
            Self::Variations => "/v1/images/variations",
            Self::Limits => "/v1/images/limits",
        }
    }

    /// The last segment of the path: the name of the endpoint in usage records and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generations => "generations",
            Self::Edits => "edits",
            Self::Variations => "variations",
            Self::Limits => "limits",
        }
    }

    /// The only method that the endpoint accepts, for the `allow` header of a 405.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Generations | Self::Edits | Self::Variations => "POST",
            Self::Limits => "GET",
        }
    }
}

fn starts_with_prefix(path: &[u8]) -> bool {
    path.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Whether no reading of `path` changes more than its case, its query, its last slash or the end of
/// its last segment. Then it names an endpoint only if it starts with [`PREFIX`].
fn is_plain(path: &[u8]) -> bool {
    let path = without_query(path);
    path.starts_with(b"/")
        && path.iter().all(|byte| byte.is_ascii_graphic() && !b"%\\;+".contains(byte))
        && !path.windows(2).any(|pair| matches!(pair, b"//" | b"/." | b"./"))
}

const PREFIX: &[u8] = b"/v1/images/";
