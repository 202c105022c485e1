//! The configuration as it is written: one struct for each object of the document. Only types and
//! field names are checked.
//!
//! Every field is documented for operators in `docs/configuration.md` and, in one line each, in
//! [`super::accepted`]. A field that is not required is an `Option` or has an empty default; its
//! default value is next to the compiled type. If the rest of the filter has a type for a word, the
//! word is read into that type. Native builds derive a JSON Schema from the same types.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};

use super::model::ModelFile;
use super::units::{Amount, Bytes, Date, Dollars, Instant, Period, Span};
use super::{Api, Edits, OnAbandon, Pass, Role, RouteMatch, UnknownUsers};
use crate::limits::rls::Refunds;
use crate::limits::{OnError, Per, Unit};
use crate::openai::request::ResponseFormat;
use crate::prices::{ChargeBy, Unpriced};
use crate::upstream::request::ToolChoice;

/// The whole document.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) upstreams: BTreeMap<String, UpstreamFile>,
    pub(super) models: Option<Vec<ModelFile>>,
    pub(super) default_model: Option<String>,
    pub(super) default_response_format: Option<ResponseFormat>,
    pub(super) identity: Option<IdentityFile>,
    pub(super) consumers: Option<Vec<ConsumerFile>>,
    pub(super) consumers_from: Option<SourceFile>,
    #[serde(default)]
    pub(super) users: Vec<UserFile>,
    pub(super) unknown_users: Option<UnknownUsers>,
    pub(super) route_match: Option<RouteMatch>,
    #[serde(default)]
    pub(super) request: RequestFile,
    pub(super) max_image_bytes: Option<Bytes>,
    pub(super) max_buffered_bytes: Option<Bytes>,
    pub(super) max_open_exchanges: Option<u64>,
    pub(super) keepalive: Option<Span>,
    pub(super) loopback: Option<LoopbackFile>,
    pub(super) models_endpoint: Option<ModelsEndpointFile>,
    #[serde(default)]
    pub(super) response_headers_to_keep: Vec<String>,
    #[serde(default)]
    pub(super) prices: Vec<PriceFile>,
    pub(super) prices_as_of: Option<Date>,
    #[serde(default)]
    pub(super) unpriced: Unpriced,
    #[serde(default)]
    pub(super) limits: Vec<LimitFile>,
    #[serde(default)]
    pub(super) engine: EngineFile,
    #[serde(default)]
    pub(super) on_abandon: OnAbandon,
    #[serde(default)]
    pub(super) accept_last_partial: bool,
}

/// An entry of `upstreams`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamFile {
    #[serde(default)]
    pub(super) api: Api,
    pub(super) cluster: Option<String>,
    pub(super) authority: String,
    pub(super) path: Option<String>,
    pub(super) host_model: Option<String>,
    pub(super) host_models: Option<Vec<String>>,
    pub(super) host_model_cooldown: Option<Span>,
    pub(super) max_rest: Option<Span>,
    pub(super) tool_choice: Option<ToolChoice>,
    pub(super) response_format: Option<SentFile>,
    pub(super) edits: Option<Edits>,
    pub(super) stream: Option<SentFile>,
    pub(super) safety_identifier: Option<SentFile>,
    pub(super) max_edit_images: Option<u64>,
    pub(super) max_request_bytes: Option<Bytes>,
    pub(super) image_urls: Option<ImageUrlsFile>,
    pub(super) max_partial_images: Option<u64>,
    pub(super) masks: Option<bool>,
    pub(super) charge_by: Option<ChargeBy>,
    pub(super) delivery: Option<Pass>,
    pub(super) credential: CredentialFile,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) timeout: Option<Span>,
}

/// Which URLs of images an upstream accepts.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ImageUrlsFile {
    Any,
    Data,
}

/// Whether a field is sent to an upstream of the Images API.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum SentFile {
    Omit,
    Send,
}

/// Where the upstream's credential comes from.
pub(super) enum CredentialFile {
    /// `"envoy"`: a later filter of Envoy sets the header.
    Envoy,
    /// Environment variables of the VM.
    Environment(EnvironmentFile),
}

/// The object form of `credential`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentFile {
    pub(super) bearer_env: Option<String>,
    pub(super) account_id_env: Option<String>,
    pub(super) key_env: Option<String>,
    pub(super) header: Option<String>,
}

/// `identity`: one of its fields.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityFile {
    pub(super) header: Option<String>,
    pub(super) property: Option<Vec<String>>,
}

/// An entry of `consumers`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ConsumerFile {
    pub(super) name: String,
    pub(super) key_sha256: Option<Vec<String>>,
    pub(super) identities: Option<Vec<String>>,
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) any_user: bool,
    pub(super) groups: Option<Vec<String>>,
    #[serde(default)]
    pub(super) role: Role,
    pub(super) models: Option<Vec<String>>,
    pub(super) sizes: Option<Vec<String>>,
    pub(super) expires_at: Option<Instant>,
    #[serde(default)]
    pub(super) disabled: bool,
}

/// `consumers_from`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SourceFile {
    pub(super) cluster: String,
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) interval: Option<Span>,
    pub(super) timeout: Option<Span>,
}

/// An entry of `users`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct UserFile {
    pub(super) id: String,
    #[serde(default)]
    pub(super) blocked: bool,
    pub(super) groups: Option<Vec<String>>,
}

/// `request`.
#[derive(Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RequestFile {
    pub(super) max_body_bytes: Option<Bytes>,
    pub(super) max_prompt_chars: Option<u64>,
    pub(super) max_n: Option<u64>,
    pub(super) max_reference_images: Option<u64>,
    pub(super) max_edit_images: Option<u64>,
    pub(super) max_reference_image_bytes: Option<Bytes>,
}

/// An entry of `prices`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PriceFile {
    pub(super) model: String,
    pub(super) quality: Option<String>,
    pub(super) size: Option<String>,
    pub(super) usd: Dollars,
    pub(super) usd_per_million_tokens: Option<TokenPricesFile>,
    /// For readers. Nothing depends on it.
    #[serde(default, rename = "source")]
    pub(super) _source: String,
}

/// `usd_per_million_tokens`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct TokenPricesFile {
    pub(super) text_input: Dollars,
    pub(super) image_input: Dollars,
    pub(super) image_output: Dollars,
    pub(super) text_output: Option<Dollars>,
    pub(super) cached_text_input: Option<Dollars>,
    pub(super) cached_image_input: Option<Dollars>,
}

/// An entry of `limits`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct LimitFile {
    pub(super) name: String,
    pub(super) per: Per,
    pub(super) unit: Unit,
    pub(super) max: Amount,
    pub(super) window: Option<Period>,
    pub(super) models: Option<Vec<String>>,
    pub(super) consumers: Option<Vec<String>>,
    pub(super) users: Option<Vec<String>>,
    pub(super) groups: Option<Vec<String>>,
    #[serde(default)]
    pub(super) shadow: bool,
    pub(super) on_error: Option<OnError>,
}

/// `loopback`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct LoopbackFile {
    pub(super) cluster: String,
}

/// `models_endpoint`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ModelsEndpointFile {
    #[serde(default)]
    pub(super) names: Vec<String>,
}

/// `engine`.
#[derive(Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EngineFile {
    pub(super) kind: EngineKindFile,
    pub(super) cluster: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) timeout: Option<Span>,
    pub(super) on_error: Option<OnError>,
    pub(super) releases: Option<Refunds>,
}

/// Where limits are counted.
#[derive(Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum EngineKindFile {
    #[default]
    Local,
    Rls,
}

impl<'de> Deserialize<'de> for CredentialFile {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Credential;
        impl<'de> Visitor<'de> for Credential {
            type Value = CredentialFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a credential")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<CredentialFile, E> {
                match text {
                    "envoy" => Ok(CredentialFile::Envoy),
                    _ => Err(E::invalid_value(Unexpected::Str(""), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<CredentialFile, A::Error> {
                let fields = MapAccessDeserializer::new(fields);
                EnvironmentFile::deserialize(fields).map(CredentialFile::Environment)
            }
        }
        value.deserialize_any(Credential)
    }
}
