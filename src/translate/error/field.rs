//! Maps a field of the upstream's request back to the client's field.

use std::borrow::Cow;

use crate::config::Api;

/// Who set a field of the upstream's request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The client, in this field of its own request.
    Client(Cow<'static, str>),
    /// This gateway.
    Ours,
    /// The error names no field, or the tool as a whole.
    Unnamed,
}

/// Who set `param` in a request to an upstream that speaks `api`.
pub(super) fn origin(api: Api, param: Option<&str>) -> Origin {
    match (api, param) {
        (Api::Responses, param) => of_responses(param),
        (Api::Images, None) => Origin::Unnamed,
        (Api::Images, Some(param)) => of_images(param),
    }
}

/// Whether the client's `field` holds an image.
pub(super) fn is_image(field: &str) -> bool {
    field.starts_with("images") || matches!(field, "mask" | "markup")
}

/// `param` is a field of the Images API, such as `size`, `image[2]` or `images[2].image_url`. Only
/// what the client set is sent, except `response_format` and `stream`, which the operator
/// configures.
fn of_images(param: &str) -> Origin {
    let name = param.split(['[', '.']).next().unwrap_or_default();
    match name {
        "image" | "images" | "image_url" | "url" => {
            let index = param.get(name.len()..).and_then(|rest| rest.strip_prefix('['));
            let index = index.and_then(|rest| rest.split_once(']'));
            match index.and_then(|(index, _)| index.parse::<u16>().ok()) {
                Some(index) => Origin::Client(format!("images[{index}]").into()),
                None => Origin::Client(Cow::Borrowed("images")),
            }
        }
        "mask" => Origin::Client(Cow::Borrowed("mask")),
        "markup" => Origin::Client(Cow::Borrowed("markup")),
        "prompt" => Origin::Client(Cow::Borrowed("prompt")),
        "partial_images" => Origin::Client(Cow::Borrowed("partial_images")),
        "n" => Origin::Client(Cow::Borrowed("n")),
        "user" => Origin::Client(Cow::Borrowed("user")),
        "safety_identifier" => Origin::Client(Cow::Borrowed("safety_identifier")),
        option => known(&TOOL_FIELDS, option).map_or(Origin::Ours, Origin::Client),
    }
}

/// `param` is a field of the Responses API, such as `tools[0].size` or
/// `input[0].content[2].image_url`.
fn of_responses(param: Option<&str>) -> Origin {
    let param = match param {
        None | Some("tools" | "tools[0]") => return Origin::Unnamed,
        Some(param) => param,
    };
    if let Some(option) = param.strip_prefix("tools[0].") {
        let option = option.split(['.', '[']).next().unwrap_or_default();
        if option == "input_image_mask" {
            return Origin::Client(Cow::Borrowed("mask"));
        }
        return known(&TOOL_FIELDS, option).map_or(Origin::Ours, Origin::Client);
    }
    if let Some(part) = param.strip_prefix("input[0].content[") {
        return of_content(part);
    }
    match param {
        // At the top level this is the text model.
        "model" => Origin::Ours,
        "mask" | "input_image_mask" => Origin::Client(Cow::Borrowed("mask")),
        "prompt" => Origin::Client(Cow::Borrowed("prompt")),
        "image" | "images" | "image_url" | "url" => Origin::Client(Cow::Borrowed("images")),
        option => known(&TOOL_FIELDS, option).map_or(Origin::Ours, Origin::Client),
    }
}

/// `part` is `<index>].image_url` or `<index>].text`. The images come first, so an image's index is
/// the client's.
fn of_content(part: &str) -> Origin {
    match part.split_once(']') {
        Some((index, rest)) if rest.starts_with(".image_url") => match index.parse::<u16>() {
            Ok(index) => Origin::Client(format!("images[{index}]").into()),
            Err(_) => Origin::Client(Cow::Borrowed("images")),
        },
        Some((_, rest)) if rest.starts_with(".text") => Origin::Client(Cow::Borrowed("prompt")),
        _ => Origin::Ours,
    }
}

/// The field that a message names: `Unknown parameter: 'x'.`, `Unsupported parameter: x`.
pub(super) fn named(message: &str) -> Option<&str> {
    let (words, rest) = message.split_once("parameter: ")?;
    let announces = ["Unknown ", "Unsupported ", "Invalid ", "Missing required "];
    if !announces.iter().any(|it| words.ends_with(it)) {
        return None;
    }
    let rest = rest.trim_start_matches(['\'', '"', '`']);
    let end = rest.find(|it: char| it.is_whitespace() || "'\"`,;".contains(it));
    let name = rest.get(..end.unwrap_or(rest.len()))?.trim_end_matches('.');
    Some(name).filter(|it| !it.is_empty())
}

fn known(fields: &[&'static str], name: &str) -> Option<Cow<'static, str>> {
    fields.iter().find(|field| **field == name).map(|field| Cow::Borrowed(*field))
}

/// The client's field that `message` is about, for errors that name only the tool. The words are
/// those of real messages. The most specific come first, because many messages also mention the
/// model.
pub(super) fn guess(message: &str) -> Option<&'static str> {
    let message = message.to_ascii_lowercase();
    GUESSES
        .iter()
        .find(|(words, _)| words.iter().any(|word| message.contains(word)))
        .map(|(_, field)| *field)
}

/// Options of the tool that come from the client's field of the same name.
const TOOL_FIELDS: [&str; 12] = [
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "input_fidelity",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "svg",
    "model",
];

const GUESSES: [(&[&str], &str); 11] = [
    (&["input_fidelity", "input fidelity"], "input_fidelity"),
    (&["markup"], "markup"),
    (&["mask"], "mask"),
    (&["compression"], "output_compression"),
    (&["background", "transparen"], "background"),
    (&["quality"], "quality"),
    (&["size", "resolution", "pixel", "width and height"], "size"),
    (&["output_format", "output format"], "output_format"),
    (&["moderation"], "moderation"),
    (&["complexity"], "complexity"),
    (&["model"], "model"),
];

#[cfg(test)]
mod tests {
    use super::{Origin, guess, named};
    use crate::config::Api;

    fn origin(param: Option<&str>) -> Origin {
        super::origin(Api::Responses, param)
    }

    #[test]
    fn fields_of_the_tool_are_the_clients_if_it_set_them() {
        for (param, field) in [
            ("tools[0].size", "size"),
            ("tools[0].svg.model", "svg"),
            ("tools[0].model", "model"),
            ("size", "size"),
            ("input[0].content[2].image_url", "images[2]"),
            ("input[0].content[x].image_url", "images"),
            ("input[0].content[1].text", "prompt"),
            ("image", "images"),
            ("tools[0].input_image_mask.image_url", "mask"),
            ("tools[0].input_fidelity", "input_fidelity"),
        ] {
            assert_eq!(origin(Some(param)), Origin::Client(field.into()), "{param}");
        }
        for param in
            ["tools[0].n", "tools[0].action", "tool_choice", "model", "input", "input[0].content[0"]
        {
            assert_eq!(origin(Some(param)), Origin::Ours, "{param}");
        }
        for param in [None, Some("tools"), Some("tools[0]")] {
            assert_eq!(origin(param), Origin::Unnamed);
        }
    }

    #[test]
    fn fields_of_the_images_api_are_the_clients_if_it_set_them() {
        for (param, field) in [
            ("size", "size"),
            ("model", "model"),
            ("prompt", "prompt"),
            ("image", "images"),
            ("image[]", "images"),
            ("image[2]", "images[2]"),
            ("images[2].image_url", "images[2]"),
            ("images[70000]", "images"),
            ("mask", "mask"),
            ("mask.image_url", "mask"),
            ("markup", "markup"),
            ("markup.image_url", "markup"),
            ("svg.model", "svg"),
            ("svg[model]", "svg"),
            ("partial_images", "partial_images"),
            ("n", "n"),
            ("url", "images"),
        ] {
            let origin = super::origin(Api::Images, Some(param));
            assert_eq!(origin, Origin::Client(field.into()), "{param}");
        }
        for param in ["response_format", "stream", "service_tier", "tools[0].size", "input", "[0]"]
        {
            assert_eq!(super::origin(Api::Images, Some(param)), Origin::Ours, "{param}");
        }
        assert_eq!(super::origin(Api::Images, None), Origin::Unnamed);
    }

    #[test]
    fn a_message_may_name_its_field() {
        for (message, field) in [
            ("Unknown parameter: 'tools[0].n'.", Some("tools[0].n")),
            ("Unsupported parameter: max_output_tokens", Some("max_output_tokens")),
            ("Missing required parameter: 'prompt'.", Some("prompt")),
            ("Your parameter: x", None),
            ("Unknown parameter: ''.", None),
        ] {
            assert_eq!(named(message), field, "{message}");
        }
    }

    #[test]
    fn real_messages_name_the_field() {
        for (message, field) in [
            (
                "Invalid size '256x256'. Requested resolution is below the current minimum pixel \
                 budget.",
                Some("size"),
            ),
            ("Width and height must both be divisible by 16.", Some("size")),
            ("Transparent background is not supported for this model.", Some("background")),
            ("The model 'x' does not exist.", Some("model")),
            ("Something else.", None),
        ] {
            assert_eq!(guess(message), field, "{message}");
        }
    }
}
