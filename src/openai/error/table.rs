//! The one table of errors: what each failure looks like to a client.
//!
//! `docs/api.md` shows the same table, and a test compares them row by row. The comment on a row is
//! the "when" of the documentation. `{…}` in a message is filled in. `{message}` is what the
//! upstream said about the client's input, shortened and without identifiers.

use super::Kind;
use crate::openai::{choice::choice, reference_image::ReferenceFault};

/// What a class of failures looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The cause, for the documentation.
    pub when: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `error.type`.
    pub kind: Kind,
    /// `error.code`: one of these.
    pub codes: &'static [&'static str],
    /// `error.param`.
    pub param: Param,
    /// What the retry headers say.
    pub retry: RetryRule,
    /// `error.message`, with places to fill in.
    pub message: &'static str,
}

/// Where `error.param` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Param {
    /// No field is at fault: `null`.
    Null,
    /// Always this field.
    Fixed(&'static str),
    /// The field at fault; `null` if it is not known.
    Named,
}

/// What the retry headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryRule {
    /// Nothing: the client judges by the status.
    ByStatus,
    /// `retry-after` and `retry-after-ms`; with `x-should-retry: false` if the wait is over 60 s.
    After,
    /// `x-should-retry: false`: the same request would fail again.
    Never,
}

choice! {
    /// What the upstream finds wrong with a value.
    pub enum ValueFault {
        /// The field does not take it.
        Invalid = "invalid_value",
        /// The field takes it, but not for this model or account.
        Unsupported = "unsupported_value",
        /// Prompt and images together are more than the model can read.
        TooLong = "context_length_exceeded",
    }
}

macro_rules! table {
    ($($(#[doc = $when:literal])+ $class:ident: $status:literal $kind:ident $codes:expr, $param:expr, $retry:ident, $message:literal;)+) => {
        /// The classes of failures; each is one row of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Class { $($(#[doc = $when])+ $class,)+ }

        impl Class {
            /// Every class, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$class,)+];

            /// What the class looks like.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$class => Row {
                        when: concat!($($when,)+),
                        status: $status,
                        kind: Kind::$kind,
                        codes: &$codes,
                        param: $param,
                        retry: RetryRule::$retry,
                        message: $message,
                    },)+
                }
            }
        }
    };
}

table! {
    // Who calls.

    /// No `authorization`, `x-api-key` or `api-key` header.
    KeyMissing: 401 InvalidRequest ["invalid_api_key"], Param::Null, ByStatus,
        "No API key was provided. Send 'authorization: Bearer <key>', 'x-api-key: <key>' or 'api-key: <key>'.";
    /// The header holds no key: it is empty, over 512 bytes, or has a scheme other than Bearer.
    KeyMalformed: 401 InvalidRequest ["invalid_api_key"], Param::Null, ByStatus,
        "The API key cannot be read. Send 'authorization: Bearer <key>' with a key of 1 to 512 bytes.";
    /// The same key header twice.
    KeyAmbiguous: 401 InvalidRequest ["invalid_api_key"], Param::Null, ByStatus,
        "The header with the API key was sent more than once. Send it once.";
    /// No consumer has this key.
    KeyUnknown: 401 InvalidRequest ["invalid_api_key"], Param::Null, ByStatus,
        "Incorrect API key provided.";
    /// No key was sent, and the mesh names a caller (`identity`) that is no consumer.
    CallerUnknown: 401 InvalidRequest ["invalid_api_key"], Param::Null, ByStatus,
        "The caller that this mesh names is not known to this gateway. Please contact its operator, or send an API key.";
    /// The key is past its `expires_at`.
    KeyExpired: 401 InvalidRequest ["invalid_api_key"], Param::Null, ByStatus,
        "The API key has expired.";
    /// The key's consumer is disabled.
    KeyDisabled: 401 InvalidRequest ["invalid_api_key"], Param::Null, ByStatus,
        "The API key is disabled.";
    /// A master key without `user`.
    UserRequired: 400 InvalidRequest ["missing_required_parameter"], Param::Fixed("user"), ByStatus,
        "Missing required parameter: 'user'. This API key acts for others, so each request must name a user in 'user' or 'safety_identifier'.";
    /// A user other than the key's own.
    UserForeign: 403 InvalidRequest ["user_not_allowed"], Param::Named, ByStatus,
        "This API key acts for its own user alone. Leave '{param}' out; or ask the operator of this gateway to let the key name any user ('any_user').";
    /// With `any_user`, the own user of another key.
    UserOfAnother: 403 InvalidRequest ["user_not_allowed"], Param::Named, ByStatus,
        "This API key may not act for the user in '{param}', who belongs to another key. Name another user, or leave '{param}' out.";
    /// A user that is not listed.
    UserUnknown: 404 InvalidRequest ["user_not_found"], Param::Named, ByStatus,
        "The user '{user}' does not exist. The operator of this gateway can list it ('users') or admit any ('unknown_users').";
    /// No user can have this id.
    UserInvalid: 400 InvalidRequest ["invalid_value"], Param::Named, ByStatus,
        "Invalid value for '{param}'. The id of a user has 1 to 256 characters, none of them a control character.";
    /// The user is blocked.
    UserBlocked: 403 InvalidRequest ["user_blocked"], Param::Fixed("user"), ByStatus,
        "The user that this request is for is blocked.";
    /// No entry of `models` matches the name.
    ModelUnknown: 404 InvalidRequest ["model_not_found"], Param::Fixed("model"), ByStatus,
        "The model '{model}' does not exist.";
    /// The key's `models` do not list the model.
    ModelForbidden: 403 InvalidRequest ["model_not_allowed"], Param::Fixed("model"), ByStatus,
        "This API key may not use the model '{model}'. Accepted: {allowed}.";
    /// The key's `sizes` do not list the size.
    SizeForbidden: 403 InvalidRequest ["size_not_allowed"], Param::Fixed("size"), ByStatus,
        "This API key may not ask for the size '{size}'. Accepted: {allowed}. A request without a size asks for 'auto'.";

    // The request as HTTP.

    /// `/v1/images/variations`.
    EndpointRetired: 404 InvalidRequest ["unknown_url"], Param::Null, ByStatus,
        "Image variations are retired: OpenAI no longer serves them, and neither does this gateway. Send the image to /v1/images/edits.";
    /// The URL is served for another method. The `allow` header names it.
    MethodNotAllowed: 405 InvalidRequest ["method_not_allowed"], Param::Null, ByStatus,
        "This URL accepts {allow} requests only.";
    /// The `content-type` is not one that the URL takes, or the body is compressed.
    MediaType: 415 InvalidRequest ["unsupported_media_type"], Param::Null, ByStatus,
        "Unsupported content type. Send {accepted}, uncompressed.";
    /// The body is over `request.max_body_bytes`.
    BodyTooLarge: 413 InvalidRequest ["request_too_large"], Param::Null, ByStatus,
        "The request body is too large. The limit is {limit} bytes.";
    /// There is no body.
    BodyEmpty: 400 InvalidRequest ["invalid_json"], Param::Null, ByStatus,
        "The request body is empty. Send at least a 'prompt'.";
    /// The body did not arrive in time.
    BodyTimeout: 408 InvalidRequest ["request_timeout"], Param::Null, ByStatus,
        "The request body did not arrive in time.";
    /// The headers are not valid HTTP.
    HeadersInvalid: 400 InvalidRequest ["invalid_headers"], Param::Null, ByStatus,
        "The request headers cannot be read.";
    /// Another filter of the proxy rejected the request.
    GatewayDenied: 403 InvalidRequest ["request_denied"], Param::Null, ByStatus,
        "A policy of this gateway refused the request.";

    // The request as JSON.

    /// The body is not JSON, not UTF-8, not an object, or names a field twice.
    InvalidJson: 400 InvalidRequest ["invalid_json"], Param::Named, ByStatus,
        "The request body cannot be read: {fault}.";
    /// The body is not `multipart/form-data` with the declared boundary, or has a field twice.
    InvalidForm: 400 InvalidRequest ["invalid_form"], Param::Named, ByStatus,
        "The request body cannot be read as a form: {fault}.";
    /// A field that does not exist.
    UnknownParameter: 400 InvalidRequest ["unknown_parameter"], Param::Named, ByStatus,
        "Unknown parameter: '{param}'.";
    /// A field of the OpenAI API that is not served here.
    UnsupportedParameter: 400 InvalidRequest ["unsupported_parameter"], Param::Named, ByStatus,
        "Unsupported parameter: '{param}'. {fault}.";
    /// A required field is absent or `null`.
    MissingParameter: 400 InvalidRequest ["missing_required_parameter"], Param::Named, ByStatus,
        "Missing required parameter: '{param}'.";
    /// A field of another JSON type, text where a file belongs, or a file where text belongs.
    InvalidType: 400 InvalidRequest ["invalid_type"], Param::Named, ByStatus,
        "Invalid type for '{param}': expected {expected}, but got {got} instead.";
    /// A value that the field, or the model, does not accept.
    InvalidValue: 400 InvalidRequest ["invalid_value"], Param::Named, ByStatus,
        "Invalid value for '{param}': {fault}.";
    /// A string that is too long.
    StringTooLong: 400 InvalidRequest ["string_above_max_length"], Param::Named, ByStatus,
        "Invalid '{param}': string too long. Expected a string with maximum length {max}, but got a string with length {got} instead.";
    /// A number that is too large.
    IntegerTooLarge: 400 InvalidRequest ["integer_above_max_value"], Param::Named, ByStatus,
        "Invalid '{param}': integer above maximum value. Expected a value <= {max}, but got {got} instead.";
    /// A number that is too small.
    IntegerTooSmall: 400 InvalidRequest ["integer_below_min_value"], Param::Named, ByStatus,
        "Invalid '{param}': integer below minimum value. Expected a value >= {min}, but got {got} instead.";
    /// `images` is an empty array.
    EmptyArray: 400 InvalidRequest ["empty_array"], Param::Named, ByStatus,
        "Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead.";
    /// More images than `request.max_reference_images` or `request.max_edit_images` allows.
    ArrayTooLong: 400 InvalidRequest ["array_above_max_length"], Param::Named, ByStatus,
        "Invalid '{param}': array too long. Expected an array with maximum length {max}, but got an array with length {got} instead.";
    /// An image or a mask is not valid.
    ReferenceMalformed: 400 InvalidRequest OWN_REFERENCE_CODES, Param::Named, ByStatus,
        "Invalid image in '{param}': {fault}.";

    /// The images together may be larger than one answer of this gateway can be.
    TooManyImages: 400 InvalidRequest ["integer_above_max_value"], Param::Fixed("n"), ByStatus,
        "Invalid 'n': images of this size and format do not all fit into one answer. Expected a value <= {fit}.";

    // What the upstream finds wrong with the request.

    /// The safety system or the model refused. `moderation_details` are passed on.
    Refused: 400 ImageGenerationUser ["moderation_blocked"], Param::Null, ByStatus,
        "{message}";
    /// The upstream does not take the prompt.
    PromptInvalid: 400 InvalidRequest ["invalid_prompt"], Param::Fixed("prompt"), ByStatus,
        "{message}";
    /// The upstream does not take a reference image.
    ReferenceRefused: 400 InvalidRequest *ReferenceFault::WORDS, Param::Named, ByStatus,
        "{message}";
    /// The upstream does not take the value of a field that the client set.
    ValueRefused: 400 InvalidRequest *ValueFault::WORDS, Param::Named, ByStatus,
        "{message}";
    /// An upstream of the Images API does not serve the model.
    ModelRefused: 404 InvalidRequest ["model_not_found"], Param::Fixed("model"), ByStatus,
        "The image service does not serve this model.";
    /// The upstream finds the request too large.
    UpstreamTooLarge: 413 InvalidRequest ["request_too_large"], Param::Null, ByStatus,
        "The request is larger than the image service accepts. Send fewer or smaller reference images.";
    /// The upstream's rate or usage limit is reached.
    RateLimited: 429 Requests ["rate_limit_exceeded"], Param::Null, After,
        "The image service's rate limit is reached. Please try again in {seconds} s.";
    /// The quota at the upstream is used up.
    QuotaExhausted: 429 InsufficientQuota ["insufficient_quota"], Param::Null, Never,
        "The image service's quota is used up. Please contact the operator of this gateway.";

    // This gateway's own limits.

    /// A rule of `limits` does not admit the request.
    LimitReached: 429 Requests ["rate_limit_exceeded"], Param::Null, After,
        "Rate limit '{rule}' reached: {max} {unit}, {remaining} left, {asked} asked. {advice}.";
    /// A rule in US dollars does not cover what the request may cost.
    BudgetSpent: 429 InsufficientQuota ["insufficient_quota"], Param::Null, Never,
        "Budget '{rule}' does not cover this request: of {max} US dollars {remaining} are left, and it may cost {asked}.";
    /// A rule in US dollars applies, and no entry of `prices` covers the request.
    PriceUnavailable: 403 InvalidRequest ["price_unavailable"], Param::Null, ByStatus,
        "No price is configured for the model '{model}' at this quality and size, and a budget applies. Please contact the operator of this gateway.";

    // Not the client's fault.

    /// The counters of `limits` cannot be read or hold no more scopes.
    LimitsUnavailable: 503 Server ["limits_unavailable"], Param::Null, After,
        "This gateway cannot count this request against its limits now. Please try again.";

    /// The list of consumers (`consumers_from`) has not been read yet, and the configuration does not
    /// have the key, or the user.
    KeysUnread: 503 Server ["keys_unavailable"], Param::Null, After,
        "This gateway has not read its list of API keys yet. Please try again.";
    /// The memory budget, `max_buffered_bytes`, is used up, or `max_open_exchanges` are open.
    Overloaded: 503 Server ["server_is_overloaded"], Param::Null, After,
        "This gateway holds as many images as it can. Please try again.";
    /// Envoy delivers no body while the head is held.
    GatewayMisconfigured: 500 Server ["gateway_misconfigured"], Param::Null, Never,
        "This gateway is misconfigured: the imagegate filter needs 'allow_on_headers_stop_iteration: true' in its PluginConfig.";
    /// Envoy has no route or no cluster for the upstream that serves the request.
    RouteMissing: 500 Server ["gateway_misconfigured"], Param::Null, Never,
        "This gateway is misconfigured: its proxy has no way to the image service. Please contact the operator of this gateway.";
    /// A bug, or a host call that failed.
    Internal: 500 Server ["internal_error"], Param::Null, ByStatus,
        "This gateway failed to handle the request.";
    /// No connection to the upstream.
    UpstreamUnreachable: 502 Server ["upstream_unreachable"], Param::Null, ByStatus,
        "The image service could not be reached.";
    /// The upstream took too long.
    UpstreamTimeout: 504 Server ["upstream_timeout"], Param::Null, ByStatus,
        "The image service did not answer in time.";
    /// The connection broke, or the upstream's answer ended before its image was complete.
    UpstreamDisconnected: 502 Server ["upstream_disconnected"], Param::Null, ByStatus,
        "The image service ended its answer before the image was complete.";
    /// The upstream's answer is complete and holds no image.
    UpstreamNoImage: 502 Server ["image_generation_failed"], Param::Null, ByStatus,
        "The image service answered without an image.";
    /// The upstream's answer does not follow its API.
    UpstreamInvalidResponse: 502 Server ["upstream_invalid_response"], Param::Null, ByStatus,
        "The image service's answer cannot be read.";
    /// The upstream answers with the URL of an image: its `response_format` is set wrongly.
    UpstreamReturnedUrl: 502 Server ["upstream_invalid_response"], Param::Null, Never,
        "The image service's answer cannot be used: this gateway is misconfigured. Please contact its operator.";
    /// The image is over `max_image_bytes`.
    ImageTooLarge: 502 Server ["generated_image_too_large"], Param::Null, Never,
        "The image is larger than this gateway passes on. The limit is {limit} bytes. Ask for a smaller size.";
    /// The upstream does not accept the gateway's credential.
    UpstreamCredential: 502 Server ["upstream_authentication_failed"], Param::Null, Never,
        "The image service does not accept this gateway's credential. Your API key is not at fault; please contact the operator of this gateway.";
    /// The gateway's account may not generate images.
    UpstreamNotEntitled: 502 Server ["upstream_not_entitled"], Param::Null, Never,
        "This gateway's account at the image service may not make images. Please contact the operator of this gateway.";
    /// The upstream refuses every text model (`host_models`) that could call the image tool.
    HostModelRefused: 502 Server ["upstream_host_model_refused"], Param::Null, Never,
        "The image service does not serve the text model that this gateway uses. Please contact the operator of this gateway.";
    /// A proxy in front of the upstream turns the gateway away: by a challenge, a block page, or
    /// for its region.
    UpstreamBlocked: 502 Server ["upstream_blocked"], Param::Null, Never,
        "The image service does not let this gateway in. Please contact the operator of this gateway.";
    /// The upstream's model says that it has no image tool, or that the tool failed.
    UpstreamNoTool: 502 Server ["image_tool_unavailable"], Param::Null, ByStatus,
        "The image service's image tool is not available. Please try again.";
    /// The upstream rejects what the gateway, not the client, put into the request.
    UpstreamRejects: 502 Server ["upstream_rejected_request"], Param::Null, Never,
        "The image service did not accept what this gateway sent. Please contact the operator of this gateway.";
    /// The upstream failed.
    UpstreamFailed: 502 Server ["upstream_error"], Param::Null, ByStatus,
        "The image service failed to handle the request.";
    /// The upstream is overloaded.
    UpstreamOverloaded: 503 Server ["server_is_overloaded"], Param::Null, After,
        "The image service is overloaded. Please try again.";
    /// Every upstream of the model rests, and the one that is called again first is not at a limit:
    /// its credential or its host models were refused, no connection could be made, or it was
    /// overloaded.
    UpstreamsRest: 503 Server ["upstream_unavailable"], Param::Null, After,
        "The image service cannot be used at the moment. Please try again in {seconds} s.";
}

/// The codes of faults that are found without decoding pixels.
const OWN_REFERENCE_CODES: [&str; 6] = [
    ReferenceFault::Image.as_str(),
    ReferenceFault::Base64.as_str(),
    ReferenceFault::Url.as_str(),
    ReferenceFault::MediaType.as_str(),
    ReferenceFault::FileTooLarge.as_str(),
    ReferenceFault::Empty.as_str(),
];
