//! Faults that answer with a status and a body in place of the stream, as they were
//! seen.

use std::time::Duration;

use super::faults;
use crate::{
    hosts::Form,
    json::Json,
    object,
    rejection::Rejection,
    request::{no_transparent, not_offered},
};

faults! {
    /// An answer that is no stream.
    AnswerFault {
        UsageLimit "usage_limit"
            "429 usage_limit_reached of the plan, resets in 13872 s, with its x-codex-* headers",
        ImageLimit "image_limit"
            "429 usage_limit_reached of the image limit, with x-image-gen-* headers",
        RateLimit "rate_limit"
            "429 rate_limit_exceeded, 'try again in 467ms', retry-after: 1, retry-after-ms: 467",
        InsufficientQuota "insufficient_quota" "429 insufficient_quota",
        NoEntitlement "no_entitlement"
            "400 Tool choice 'image_generation' not found in 'tools' parameter (Free plan)",
        UnknownParameterN "unknown_parameter_n" "400 Unknown parameter: 'tools[0].n'",
        Instructions "instructions" "400 {\"detail\":\"Instructions are required\"}",
        Store "store" "400 {\"detail\":\"Store must be set to false\"}",
        Stream "stream" "400 {\"detail\":\"Stream must be set to true\"}",
        UnsupportedModel "unsupported_model"
            "400 {\"detail\":\"The '…' model is not supported when using Codex …\"}",
        NoImageModel "no_image_model"
            "400 The model 'gpt-image-2' does not exist., param tools: the image model, not the host model",
        MaxOutputTokens "max_output_tokens"
            "400 {\"detail\":\"Unsupported parameter: max_output_tokens\"}",
        InvalidSize "invalid_size" "400 image_generation_user_error invalid_value, param tools",
        NoTransparent "no_transparent" "400 Transparent background is not supported for this model",
        BadImage "bad_image" "400 the image data does not represent a valid image",
        DownloadFailed "download_failed" "400 Error while downloading a reference image",
        Moderation "moderation" "400 moderation_blocked with moderation_details, stage input",
        Unauthorized "unauthorized" "401 {\"detail\":\"Unauthorized\"}",
        TokenExpired "token_expired" "401 error code token_expired",
        RefreshTokenExpired "refresh_token_expired"
            "401 {\"error\":{\"code\":…}}, first form of the token endpoint",
        RefreshTokenReused "refresh_token_reused"
            "401 {\"error\":\"refresh_token_reused\"}, second form",
        RefreshTokenInvalidated "refresh_token_invalidated" "401 {\"code\":…}, third form",
        Forbidden "forbidden" "403 {\"detail\":\"Forbidden\"}",
        Cloudflare "cloudflare" "403 HTML page of Cloudflare",
        NotFound "not_found" "404 {\"detail\":\"Not Found\"}",
        TooLarge "too_large" "413 Maximum content size limit exceeded",
        Overloaded "overloaded" "503 server_is_overloaded",
        SlowDown "slow_down" "503 slow_down with retry-after: 2",
        ServerError "server_error" "500 server_error",
        ImageFailed "image_failed" "500 image_generation_server_error",
        BadGateway "bad_gateway" "502 HTML page",
        Unavailable "unavailable" "503 text: upstream connect error …",
        GatewayTimeout "gateway_timeout" "504 without a body",
        HugeError "huge_error" "400 JSON whose message is 3 MB long",
        BinaryError "binary_error" "500 whose body is not UTF-8",
        Redirect "redirect" "302 to a login page, HTML body",
        EmptyBody "empty_body" "200 text/event-stream without a byte of body",
        JsonBody "json_body" "200 application/json: a response object that is not streamed",
    }
}

/// How long the usage limit lasts, in seconds.
const RESETS_IN: u64 = 13_872;

impl AnswerFault {
    /// The answer; `now` is the time since the Unix epoch.
    pub fn answer(self, host_model: &str, now: Duration) -> Rejection {
        match self {
            Self::UsageLimit | Self::ImageLimit | Self::RateLimit | Self::InsufficientQuota => {
                self.limit(now.as_secs())
            }
            Self::NoEntitlement => not_offered("image_generation"),
            Self::UnknownParameterN => Rejection::unknown_parameter("tools[0].n"),
            Self::Instructions => Rejection::detail(400, "Instructions are required"),
            Self::Store => Rejection::detail(400, "Store must be set to false"),
            Self::Stream => Rejection::detail(400, "Stream must be set to true"),
            Self::UnsupportedModel => Form::Detail.reject(host_model),
            Self::MaxOutputTokens => {
                Rejection::detail(400, "Unsupported parameter: max_output_tokens")
            }
            Self::InvalidSize
            | Self::NoImageModel
            | Self::NoTransparent
            | Self::BadImage
            | Self::DownloadFailed
            | Self::Moderation => self.bad_request(),
            Self::Unauthorized
            | Self::TokenExpired
            | Self::RefreshTokenExpired
            | Self::RefreshTokenReused
            | Self::RefreshTokenInvalidated => self.unauthorized(),
            Self::Forbidden => Rejection::detail(403, "Forbidden"),
            Self::NotFound => Rejection::detail(404, "Not Found"),
            Self::Overloaded
            | Self::SlowDown
            | Self::ServerError
            | Self::ImageFailed
            | Self::TooLarge => self.server(),
            Self::Cloudflare
            | Self::BadGateway
            | Self::Unavailable
            | Self::GatewayTimeout
            | Self::Redirect => self.page(),
            Self::HugeError => {
                Rejection::invalid(None, "input", &"too much to say. ".repeat(190_000))
            }
            Self::BinaryError => Rejection {
                body: b"{\"detail\":\"caf\xe9 \xff\xfe\"}".to_vec(),
                ..Rejection::text(500, "application/json", "")
            },
            Self::EmptyBody => Rejection::text(200, "text/event-stream", ""),
            Self::JsonBody => {
                let body = object! { "id": "resp_0", "object": "response", "status": "completed", "output": crate::list![] };
                Rejection::json(200, &body)
            }
        }
    }

    fn limit(self, now: u64) -> Rejection {
        let reset = now + RESETS_IN;
        match self {
            Self::UsageLimit => {
                let error = object! {
                    "type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus",
                    "resets_at": reset, "eligible_promo": Json::NULL, "resets_in_seconds": RESETS_IN,
                };
                Rejection::json(429, &object! { "error": error })
                    .with("x-codex-primary-used-percent", "100")
                    .with("x-codex-primary-reset-after-seconds", (RESETS_IN + 1).to_string())
                    .with("x-codex-rate-limit-reached-type", "primary")
            }
            Self::ImageLimit => {
                let error = object! {
                    "type": "usage_limit_reached", "message": "image limit reached", "resets_at": reset,
                    "plan_type": "plus",
                };
                Rejection::json(429, &object! { "error": error })
                    .with("x-codex-active-limit", "image_gen")
                    .with("x-image-gen-primary-used-percent", "100")
                    .with("x-image-gen-primary-window-minutes", "1440")
                    .with("x-image-gen-primary-reset-at", reset.to_string())
            }
            Self::InsufficientQuota => Rejection::error(
                429,
                "insufficient_quota",
                Some("insufficient_quota"),
                crate::script::QUOTA,
            ),
            _ => Rejection::error(
                429,
                "input-images",
                Some("rate_limit_exceeded"),
                crate::script::RATE_LIMIT,
            )
            .with("retry-after", "1")
            .with("retry-after-ms", "467"),
        }
    }

    fn bad_request(self) -> Rejection {
        match self {
            Self::InvalidSize => Rejection::cannot_generate(
                "tools",
                "Invalid size '256x256'. Requested resolution is below the current minimum pixel budget.",
            ),
            Self::NoImageModel => {
                Rejection::cannot_generate("tools", "The model 'gpt-image-2' does not exist.")
            }
            Self::NoTransparent => no_transparent(),
            Self::BadImage => Rejection::invalid(
                Some("invalid_image"),
                "input",
                "The image data you provided does not represent a valid image. Please check your input and try again.",
            ),
            Self::DownloadFailed => Rejection::invalid(
                Some("invalid_image_url"),
                "url",
                "Error while downloading file. Upstream status code: 403.",
            ),
            _ => Rejection::json(400, &object! { "error": crate::script::moderation("input") }),
        }
    }

    fn unauthorized(self) -> Rejection {
        match self {
            Self::TokenExpired => {
                let message =
                    "Provided authentication token is expired. Please try signing in again.";
                Rejection::error(401, "invalid_request_error", Some("token_expired"), message)
            }
            Self::RefreshTokenExpired => Rejection::json(
                401,
                &object! { "error": object! { "code": "refresh_token_expired" } },
            ),
            Self::RefreshTokenReused => {
                Rejection::json(401, &object! { "error": "refresh_token_reused" })
            }
            Self::RefreshTokenInvalidated => {
                Rejection::json(401, &object! { "code": "refresh_token_invalidated" })
            }
            _ => Rejection::detail(401, "Unauthorized"),
        }
    }

    fn server(self) -> Rejection {
        let failed = "The server had an error while processing your request. Sorry about that!";
        match self {
            Self::Overloaded => {
                let error = object! {
                    "code": "server_is_overloaded", "message": "Our servers are currently overloaded. Please try again later.",
                };
                Rejection::json(503, &object! { "error": error })
            }
            Self::SlowDown => Rejection::error(503, "server_error", Some("slow_down"), "Slow Down")
                .with("retry-after", "2"),
            Self::TooLarge => {
                let message =
                    "Maximum content size limit (26214400) exceeded (26394240 bytes read)";
                Rejection::error(413, "server_error", None, message)
            }
            Self::ImageFailed => {
                let message = "Image generation failed";
                Rejection::error(
                    500,
                    "image_generation_server_error",
                    Some("image_generation_failed"),
                    message,
                )
            }
            _ => Rejection::error(500, "server_error", None, failed),
        }
    }

    fn page(self) -> Rejection {
        const HTML: &str = "text/html; charset=UTF-8";
        match self {
            Self::Cloudflare => {
                let page = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>\
                    <h1>Sorry, you have been blocked</h1><p>Cloudflare Ray ID: <strong>8f00ba4</strong></p></body></html>";
                Rejection::text(403, HTML, page).with("cf-mitigated", "challenge")
            }
            Self::BadGateway => {
                let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                    <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n";
                Rejection::text(502, HTML, page)
            }
            Self::Redirect => Rejection::text(
                302,
                HTML,
                "<a href=\"https://chatgpt.com/auth/login\">Found</a>.\n",
            )
            .with("location", "https://chatgpt.com/auth/login"),
            Self::GatewayTimeout => Rejection::text(504, "text/plain", ""),
            _ => {
                let text = "upstream connect error or disconnect/reset before headers. reset reason: connection failure";
                Rejection::text(503, "text/plain", text)
            }
        }
    }
}
