use serde_json::{Value, json};

use super::{Encoding, ImagesName};
use crate::multipart::Boundary;
use crate::openai::reference_image::{FileType, ReferenceImage};
use crate::openai::request::{EDIT_FIELDS, FORM_FIELDS, ImageRequest, Limits, RequestError};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The result of an edit that may go to any model: its images and mask as text, or the code, the
/// field and the message.
type Outcome = Result<(Vec<String>, Option<String>, ImagesName), (String, Option<String>, String)>;

fn outcome(request: Result<ImageRequest<'_>, RequestError>) -> Outcome {
    let show = |image: &ReferenceImage<'_>| match image {
        ReferenceImage::Url(text) | ReferenceImage::Base64(text) => text.to_string(),
        ReferenceImage::File { file_type, .. } => file_type.as_str().to_owned(),
    };
    request
        .and_then(|request| request.check_model("any").map(|()| request))
        .map(|request| {
            let edit = request.edit.unwrap();
            let mask = edit.mask.as_ref().map(show);
            (request.images.iter().map(show).collect(), mask, edit.images_name)
        })
        .map_err(|error| {
            let param = error.param.map(|param| param.into_owned());
            (error.code.as_str().to_owned(), param, error.message)
        })
}

fn json_edit(body: &Value) -> Outcome {
    let body = body.to_string();
    outcome(ImageRequest::parse_edit(body.as_bytes(), &Encoding::Json, &Limits::default()))
}

/// A part: its name, whether it is a file, its data.
type Field<'a> = (&'a str, bool, &'a [u8]);

fn form_edit(parts: &[Field<'_>]) -> Outcome {
    let mut body = Vec::new();
    for (name, file, data) in parts {
        let file = if *file { "; filename=f" } else { "" };
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    let encoding = Encoding::Form(Boundary::new(b"b").unwrap());
    outcome(ImageRequest::parse_edit(&body, &encoding, &Limits::default()))
}

/// A whole form with these parts in addition to its prompt and its image.
fn form_with(more: &[Field<'_>]) -> Outcome {
    form_edit(&[&[("prompt", false, b"p".as_slice()), ("image", true, PNG)], more].concat())
}

#[track_caller]
fn assert_rejected(outcome: Outcome, code: &str, param: &str, message: &str) {
    let (found, at, words) = outcome.unwrap_err();
    assert_eq!((found.as_str(), at.as_deref()), (code, Some(param)), "{words}");
    assert!(words.contains(message), "{words}");
}

#[test]
fn images_of_json_are_urls_in_objects() {
    let data = "data:image/png;base64,AAAA";
    let images = json!([{"image_url": data}, {"image_url": "https://a/b"}]);
    let edit = json!({"prompt": "p", "images": images, "mask": {"image_url": data}});
    let images = vec![data.to_owned(), "https://a/b".to_owned()];
    assert_eq!(json_edit(&edit), Ok((images, Some(data.to_owned()), ImagesName::Images)));
    for (images, code, param) in [
        (json!(null), "missing_required_parameter", "images"),
        (json!([]), "empty_array", "images"),
        (json!(vec![json!({"image_url": data}); 17]), "array_above_max_length", "images"),
        (json!([data]), "invalid_type", "images[0]"),
        (json!([{}]), "missing_required_parameter", "images[0].image_url"),
        (json!([{"url": data}]), "unknown_parameter", "images[0].url"),
        (
            json!([{"image_url": data}, {"file_id": "f"}]),
            "unsupported_parameter",
            "images[1].file_id",
        ),
        (json!([{"image_url": "AAAA"}]), "invalid_image_url", "images[0].image_url"),
        (json!([{"image_url": "http://a/b"}]), "invalid_image_url", "images[0].image_url"),
    ] {
        assert_rejected(json_edit(&json!({"prompt": "p", "images": images})), code, param, "");
    }
    let mask = json!({"prompt": "p", "images": [{"image_url": data}], "mask": {"file_id": "f"}});
    assert_rejected(json_edit(&mask), "unsupported_parameter", "mask.file_id", "image_url");
}

#[test]
fn a_generation_has_no_mask() {
    for name in ["mask", "input_fidelity", "markup", "image"] {
        let body = json!({"prompt": "p", name: "low"}).to_string();
        let error = ImageRequest::parse(body.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.code.as_str(), "unknown_parameter", "{name}");
    }
}

#[test]
fn the_first_bytes_decide_the_type_of_a_file() {
    let webp: &[u8] = b"RIFF\0\0\0\0WEBP";
    for (bytes, file_type) in [
        (PNG, FileType::Png),
        (b"\xff\xd8\xff\xe0", FileType::Jpeg),
        (webp, FileType::Webp),
        (b"GIF89a", FileType::Gif),
    ] {
        let images = vec![file_type.as_str().to_owned()];
        let found = form_edit(&[("image[]", true, bytes), ("prompt", false, b"p")]);
        assert_eq!(found, Ok((images, None, ImagesName::ImageList)));
    }
    for bytes in [&b"<svg>"[..], b"\x89PNG", b"RIFF\0\0\0\0WAVE", b"BM", b"\0\0\0 ftypavif"] {
        let files =
            [("prompt", false, &b"p"[..]), ("image[]", true, PNG), ("image[]", true, bytes)];
        assert_rejected(form_edit(&files), "invalid_image", "image[1]", "PNG, JPEG, WebP or GIF");
    }
    assert_rejected(form_with(&[("mask", true, b"x")]), "invalid_image", "mask", "first bytes");
    assert_rejected(form_with(&[("mask", true, b"")]), "empty_image_file", "mask", "empty");
}

#[test]
fn files_and_texts_must_be_in_the_right_fields() {
    let text = [("prompt", false, &b"p"[..]), ("image", false, b"https://a/b")];
    assert_rejected(form_edit(&text), "invalid_type", "image", "expected a file, but got text");
    assert_rejected(form_with(&[("mask", false, PNG)]), "invalid_type", "mask", "a file");
    assert_rejected(form_with(&[("n", true, b"1")]), "invalid_type", "n", "expected text");
    assert_rejected(form_with(&[("markup", false, PNG)]), "invalid_type", "markup", "a file");
    assert_rejected(form_with(&[("user", false, b"\xff")]), "invalid_value", "user", "UTF-8");
}

#[test]
fn no_field_may_be_sent_twice() {
    let list = ("image[]", true, PNG);
    for more in [&[("image", true, PNG)][..], &[list]] {
        assert_rejected(form_with(more), "invalid_form", "image", "'image[]'");
    }
    let late = [list, ("image", true, PNG)];
    assert_rejected(form_edit(&late), "invalid_form", "image", "'image[]'");
    let masks = [("mask", true, PNG), ("mask", true, PNG)];
    assert_rejected(form_with(&masks), "invalid_form", "mask", "more than once");
    let markups = [("markup", true, PNG), ("markup", true, PNG)];
    assert_rejected(form_with(&markups), "invalid_form", "markup", "more than once");
    let fields = [("n", false, &b"1"[..]), ("n", false, b"2")];
    assert_rejected(form_with(&fields), "invalid_form", "n", "more than once");
    assert!(form_with(&[("n", false, b"1"), ("n", false, b"1")]).is_ok());
}

#[test]
fn numbers_and_booleans_are_spelled_as_in_json() {
    for (name, text, code) in [
        ("n", "two", "invalid_type"),
        ("n", "", "invalid_type"),
        ("n", "1.0", "invalid_type"),
        ("n", "+1", "invalid_type"),
        ("n", "0", "integer_below_min_value"),
        ("n", "-1", "integer_below_min_value"),
        ("n", "99999999999999999999", "integer_above_max_value"),
        ("stream", "True", "invalid_type"),
        ("stream", "1", "invalid_type"),
        ("size", "", "invalid_value"),
        ("quality", "best", "invalid_value"),
        ("input_fidelity", "medium", "invalid_value"),
        ("svg[model]", "", "invalid_value"),
    ] {
        assert_rejected(form_with(&[(name, false, text.as_bytes())]), code, name, "");
    }
    let long = vec![b'x'; 1025];
    assert_rejected(
        form_with(&[("user", false, &long)]),
        "string_above_max_length",
        "user",
        "1025",
    );
    let effort = ("svg[reasoning][effort]", false, &b"low"[..]);
    assert_rejected(form_with(&[effort]), "missing_required_parameter", "svg[model]", "");
}

#[test]
fn every_known_field_is_read() {
    for name in FORM_FIELDS.iter().filter(|name| !["prompt", "user"].contains(name)) {
        let (_, param, words) = form_with(&[(name, false, b"\n")]).unwrap_err();
        assert_eq!(param.as_deref(), Some(*name), "{words}");
    }
    for name in EDIT_FIELDS {
        let edit = json!({"prompt": "p", "images": [{"image_url": "https://a/b"}]});
        let mut edit = edit.as_object().unwrap().clone();
        edit.insert((*name).to_owned(), json!([[]]));
        let (_, param, words) = json_edit(&edit.into()).unwrap_err();
        assert!(param.unwrap().starts_with(name), "{name}: {words}");
    }
    assert_rejected(form_with(&[("svg", false, b"{}")]), "unknown_parameter", "svg", "");
    assert_rejected(form_with(&[("colour", false, b"")]), "unknown_parameter", "colour", "");
}

#[test]
fn sixteen_images_are_accepted_and_all_others_counted() {
    let with = |count| {
        let mut parts = vec![("prompt", false, &b"p"[..])];
        parts.extend(vec![("image[]", true, PNG); count]);
        form_edit(&parts)
    };
    assert_eq!(with(16).unwrap().0.len(), 16);
    assert_rejected(with(10_000), "array_above_max_length", "image", "length 10000");
    assert_rejected(
        form_edit(&[("prompt", false, b"p")]),
        "missing_required_parameter",
        "image",
        "",
    );
}

#[test]
fn a_broken_form_is_reported_before_an_error_of_a_field() {
    let body = b"--b\r\ncontent-disposition: form-data; name=x\r\n\r\n1\r\n--b\r\n";
    let encoding = Encoding::Form(Boundary::new(b"b").unwrap());
    let error = ImageRequest::parse_edit(body, &encoding, &Limits::default()).unwrap_err();
    assert_eq!((error.code.as_str(), error.param), ("invalid_form", None));
}

#[test]
fn the_model_decides_on_fidelity() {
    for (model, fidelity, fine) in [
        ("gpt-image-1.5", "high", true),
        ("gpt-image-1-mini", "low", true),
        ("gpt-image-1-mini", "high", false),
        ("gpt-image-2", "low", false),
        ("gpt-image-2.5-flare", "high", false),
        ("gpt-image-2.6-sunburst", "low", false),
        ("gpt-image-2", "best", false),
        ("gpt-image-1.5", "best", false),
        ("flux", "high", true),
        ("flux", "best", false),
    ] {
        let body = json!({"prompt": "p", "images": [{"image_url": "https://a/b"}],
            "input_fidelity": fidelity});
        let body = body.to_string();
        let limits = Limits::default();
        let request = ImageRequest::parse_edit(body.as_bytes(), &Encoding::Json, &limits).unwrap();
        let judged = request.check_model(model);
        assert_eq!(judged.is_ok(), fine, "{model}");
        if let Err(error) = judged {
            assert_eq!(error.param.as_deref(), Some("input_fidelity"));
        }
    }
}

#[test]
fn a_markup_is_a_png_and_the_only_overlay() {
    assert!(form_with(&[("markup", true, PNG)]).is_ok());
    let jpeg = ("markup", true, &b"\xff\xd8\xff\xe0"[..]);
    assert_rejected(form_with(&[jpeg]), "invalid_image", "markup", "PNG");
    assert_rejected(form_with(&[("markup", true, b"")]), "empty_image_file", "markup", "empty");
    let both = [("markup", true, PNG), ("mask", true, PNG)];
    assert_rejected(form_with(&both), "invalid_value", "markup", "'mask'");
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let edit = |more: Value| {
        let mut edit = json!({"prompt": "p", "images": [{"image_url": png}]});
        more.as_object().unwrap().iter().for_each(|(name, it)| edit[name] = it.clone());
        json_edit(&edit)
    };
    for url in [png, "data:image/jpeg;name=a;base64,iVBORw0KGgo=", "https://a/b"] {
        assert!(edit(json!({"markup": {"image_url": url}})).is_ok(), "{url}");
    }
    let gif = json!({"markup": {"image_url": "data:image/png;base64,R0lGODlh"}});
    assert_rejected(edit(gif), "invalid_image", "markup.image_url", "PNG");
    let both = json!({"markup": {"image_url": png}, "mask": {"image_url": png}});
    assert_rejected(edit(both), "invalid_value", "markup", "'mask'");
    assert_rejected(
        edit(json!({"markup": {"file_id": "f"}})),
        "unsupported_parameter",
        "markup.file_id",
        "",
    );
}

#[test]
fn the_model_decides_on_markup() {
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let body = json!({"prompt": "p", "model": "acme-draw", "images": [{"image_url": png}],
        "markup": {"image_url": png}})
    .to_string();
    let limits = Limits::default();
    let request = ImageRequest::parse_edit(body.as_bytes(), &Encoding::Json, &limits).unwrap();
    for model in ["gpt-image-1", "chatgpt-image-latest", "gpt-image-2", "gpt-image-2-2026-04-21"] {
        let error = request.check_model(model).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.param.as_deref()),
            ("invalid_value", Some("markup"))
        );
        assert_eq!(
            error.message,
            "Invalid value for 'markup': the model 'acme-draw' takes none; 'gpt-image-2.5' and later \
             models do."
        );
    }
    for model in ["gpt-image-2.5-flare-2026-09-08", "gpt-image-2.6-sunburst", "flux"] {
        assert_eq!(request.check_model(model), Ok(()), "{model}");
    }
}

#[test]
fn a_mask_needs_a_format_that_has_one() {
    let gif = [("mask", true, PNG), ("output_format", false, b"gif")];
    assert_rejected(form_with(&gif), "invalid_value", "mask", "gif");
}

#[test]
fn errors_call_the_images_as_the_client_does() {
    for (name, param, wanted) in [
        (ImagesName::Images, "images[2]", "images[2]"),
        (ImagesName::Image, "images[0]", "image"),
        (ImagesName::Image, "images", "image"),
        (ImagesName::ImageList, "images[2]", "image[2]"),
        (ImagesName::ImageList, "images", "image"),
        (ImagesName::ImageList, "mask", "mask"),
    ] {
        assert_eq!(name.of(param), wanted);
    }
}
