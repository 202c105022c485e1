//! The cases of async-openai; `tests/e2e/clients.rs` runs them and says what a prompt leads to.
//!
//! The client keeps no code of a 5xx, only its body as the message. It tries 429 and 5xx three
//! times again, by `retry-after`, but no 429 whose type is `insufficient_quota`; it knows no
//! `x-should-retry`. An error within a stream it cannot read, which is the error.

use std::collections::HashSet;
use std::env;
use std::error::Error;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::{ApiErrorResponse, OpenAIError};
use async_openai::types::images::{
    CreateImageEditRequestArgs, CreateImageRequest, CreateImageRequestArgs, Image, ImageEditInput,
    ImageGenStreamEvent, ImageInput, ImageModel, ImageQuality, ImageSize, ImagesResponse,
};
use base64::Engine;
use futures::StreamExt;
use serde_json::json;

type Outcome = Result<(), Box<dyn Error>>;

/// An image of one pixel, whose alpha is 0.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const CASES: [&str; 18] = [
    "one_image",
    "three_images",
    "edit",
    "edit_with_mask",
    "stream",
    "broken_stream_raises",
    "unknown_key_is_401",
    "forbidden_model_is_403",
    "unknown_model_is_404",
    "refusal_is_400",
    "spent_budget_is_429",
    "broken_upstream_is_502",
    "overload_is_503",
    "retry_waits_as_requested",
    "no_retry_as_requested",
    "late_image",
    "late_error_raises",
    "late_cut_raises",
];

/// Runs the requested cases (if none is named, all) in their order, and reports how each ended.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let wanted = var("CASES");
    for case in CASES {
        if wanted.is_empty() || wanted.split(' ').any(|it| it == case) {
            let fault = outcome(case).await.err().map(|fault| fault.to_string());
            println!("{}", json!({"case": case, "fault": fault}));
        }
    }
}

async fn outcome(case: &str) -> Outcome {
    let spent = "fail 429 for good [[sim:insufficient_quota]]";
    match case {
        "one_image" => one_image().await,
        "three_images" => three_images().await,
        "edit" => edit().await,
        "edit_with_mask" => edit_with_mask().await,
        "stream" => stream().await,
        "broken_stream_raises" => broken_stream().await,
        "unknown_key_is_401" => {
            fails(&with_key("sk-of-no-consumer"), request(), 401, "invalid_api_key").await
        }
        "forbidden_model_is_403" => forbidden_model().await,
        "unknown_model_is_404" => unknown_model().await,
        "refusal_is_400" => {
            let refused = prompt("fail 400 [[sim:moderation]]");
            fails(&own(), refused, 400, "moderation_blocked").await
        }
        "spent_budget_is_429" => fails(&of("SPENT"), request(), 429, "insufficient_quota").await,
        "broken_upstream_is_502" => {
            let broken = prompt("fail 502 [[sim:cut_mid_image]]");
            fails(&own(), broken, 502, "upstream_disconnected").await
        }
        "overload_is_503" => {
            let busy = prompt("fail 503 [[sim:overloaded]]");
            fails(&own(), busy, 503, "server_is_overloaded").await
        }
        "retry_waits_as_requested" => {
            images(&generated("fail 429 once [[sim:rate_limit@1]]").await?, 1)
        }
        "no_retry_as_requested" => fails(&own(), prompt(spent), 429, "insufficient_quota").await,
        "late_image" => images(&generated("late").await?, 1),
        "late_error_raises" => late_error().await,
        "late_cut_raises" => match generated("cut late").await {
            Err(OpenAIError::Reqwest(error)) => check(!error.is_status(), &error.to_string()),
            other => Err(format!("a Reqwest was expected, but got this: {other:?}").into()),
        },
        other => Err(format!("there is no case {other}").into()),
    }
}

async fn generated(text: &str) -> Result<ImagesResponse, OpenAIError> {
    own().images().generate(prompt(text)).await
}

/// Where the fields of an image are missing, the answer is no answer; the words of the error are in
/// the client's log alone.
async fn late_error() -> Outcome {
    match generated("fail late").await {
        Err(OpenAIError::JSONDeserialize(error, body)) => {
            check(error.is_data(), &format!("{error} is about the answer's fields"))?;
            check(body.contains("server_is_overloaded"), &body)
        }
        other => Err(format!("a JSONDeserialize was expected, but got this: {other:?}").into()),
    }
}

async fn one_image() -> Outcome {
    let mut request = request();
    request.size = Some(ImageSize::S1024x1024);
    request.quality = Some(ImageQuality::Low);
    let answer = own().images().generate(request).await?;
    images(&answer, 1)?;
    let usage = answer.usage.as_ref().ok_or("there is a usage")?;
    check(usage.total_tokens == usage.input_tokens + usage.output_tokens, "the usage adds up")?;
    check(answer.created > 1_600_000_000, "created is a time in seconds")
}

async fn three_images() -> Outcome {
    let mut request = request();
    request.n = Some(3);
    images(&own().images().generate(request).await?, 3)
}

async fn edit() -> Outcome {
    let request = CreateImageEditRequestArgs::default()
        .model(ImageModel::Other(var("MODEL")))
        .image(ImageEditInput::Image(file("image.png")?))
        .prompt("edit of 1 [[sim:vary]]")
        .n(2)
        .build()?;
    images(&own().images().edit(request).await?, 2)
}

async fn edit_with_mask() -> Outcome {
    let request = CreateImageEditRequestArgs::default()
        .model(ImageModel::Other(var("MODEL")))
        .image(ImageEditInput::Images(vec![file("first.png")?, file("second.png")?]))
        .mask(file("mask.png")?)
        .prompt("edit of 2 masked [[sim:vary]]")
        .build()?;
    images(&own().images().edit(request).await?, 1)
}

async fn stream() -> Outcome {
    let mut request = prompt("stream [[sim:vary]]");
    request.partial_images = Some(2);
    let events: Vec<_> = own().images().generate_stream(request).await?.collect().await;
    let mut names = Vec::new();
    for event in events {
        names.push(match event? {
            ImageGenStreamEvent::PartialImage(it) => format!("preview {}", it.partial_image_index),
            ImageGenStreamEvent::Completed(it) => {
                check(it.usage.total_tokens > 0, "the event has its usage")?;
                check(it.b64_json.starts_with("iVBORw0KGgo"), "the image is a PNG")?;
                "image".to_owned()
            }
        });
    }
    check(
        names == ["preview 0", "preview 1", "image"],
        &format!("the events are as requested: {names:?}"),
    )
}

async fn broken_stream() -> Outcome {
    let mut request = prompt("break [[sim:end_mid_image]]");
    request.partial_images = Some(1);
    let mut events = own().images().generate_stream(request).await?;
    let first = events.next().await.ok_or("a preview comes")??;
    check(matches!(first, ImageGenStreamEvent::PartialImage(_)), "the preview comes first")?;
    match events.next().await {
        Some(Err(error)) => {
            check(error.to_string().contains("upstream_disconnected"), &error.to_string())
        }
        other => Err(format!("an error was expected, but got this: {other:?}").into()),
    }
}

async fn forbidden_model() -> Outcome {
    let mut request = request();
    request.model = ImageModel::Other("gpt-image-1.5".to_owned());
    fails(&of("NARROW"), request, 403, "model_not_allowed").await
}

async fn unknown_model() -> Outcome {
    let mut request = request();
    request.model = ImageModel::Other("dall-e-9".to_owned());
    fails(&own(), request, 404, "model_not_found").await
}

/// Checks that the request ends in the client's error for what the API says.
async fn fails(
    client: &Client<OpenAIConfig>,
    request: CreateImageRequest,
    status: u16,
    code: &str,
) -> Outcome {
    match client.images().generate(request).await {
        Err(OpenAIError::ApiError(ApiErrorResponse { status_code, api_error })) => {
            check(status_code.as_u16() == status, &format!("{status_code} is {status}"))?;
            let reported = match api_error.code {
                Some(reported) => reported,
                None => {
                    serde_json::from_str::<serde_json::Value>(&api_error.message)?["error"]["code"]
                        .to_string()
                }
            };
            check(reported.trim_matches('"') == code, &format!("{reported} is {code}"))
        }
        Err(other) => Err(format!("an ApiError was expected, but got this: {other:?}").into()),
        Ok(_) => Err("an error was expected, but an image came".into()),
    }
}

fn own() -> Client<OpenAIConfig> {
    with_key(&env::var("OPENAI_API_KEY").unwrap_or_default())
}

/// A key that the test hands over.
fn of(name: &str) -> Client<OpenAIConfig> {
    with_key(&var(&format!("{name}_KEY")))
}

fn var(name: &str) -> String {
    env::var(format!("IMAGEGATE_{name}")).unwrap_or_default()
}

fn with_key(key: &str) -> Client<OpenAIConfig> {
    let address = env::var("OPENAI_BASE_URL").unwrap_or_default();
    Client::with_config(OpenAIConfig::new().with_api_base(address).with_api_key(key))
}

fn request() -> CreateImageRequest {
    prompt("A lighthouse [[sim:vary]]")
}

fn prompt(text: &str) -> CreateImageRequest {
    let model = ImageModel::Other(var("MODEL"));
    CreateImageRequestArgs::default().prompt(text).model(model).build().unwrap_or_default()
}

fn file(name: &str) -> Result<ImageInput, Box<dyn Error>> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(PIXEL)?;
    Ok(ImageInput::from_vec_u8(name.to_owned(), bytes))
}

/// This many images, all different.
fn images(answer: &ImagesResponse, count: usize) -> Outcome {
    let mut seen = HashSet::new();
    for image in &answer.data {
        let Image::B64Json { b64_json, .. } = image.as_ref() else {
            return Err("an image, not a URL".into());
        };
        let bytes = base64::engine::general_purpose::STANDARD.decode(b64_json.as_bytes())?;
        check(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "the images are PNGs")?;
        seen.insert(bytes);
    }
    check(answer.data.len() == count && seen.len() == count, "this many images, all different")
}

fn check(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(format!("this does not hold: {what}").into()) }
}
