use serde_json::{Value, json};

use super::*;

const NEW: Option<Version> = Some(Version(0, 170, 0));

fn rejected(catalogue: &Catalogue, name: &str, version: Option<Version>) -> (u16, String) {
    let rejection = catalogue.check(name, version, true).unwrap_err();
    (rejection.status, String::from_utf8(rejection.body).unwrap())
}

#[test]
fn versions_are_three_numbers() {
    assert_eq!(Version::parse("0.170.0"), Some(Version(0, 170, 0)));
    assert_eq!(Version::parse("0.170.0-alpha.2"), Some(Version(0, 170, 0)));
    assert!(Version(0, 99, 9) < Version(0, 100, 0));
    for text in ["", "0.170", "0.170.0.1", "v0.1.2", "0.+1.2", "0..1"] {
        assert_eq!(Version::parse(text), None, "{text}");
    }
    assert_eq!(Version(0, 1, 2).to_string(), "0.1.2");
}

#[test]
fn living_models_are_served_from_their_version_on() {
    let catalogue = Catalogue::default();
    for (name, oldest, older) in [
        ("gpt-5.6-luna", Version(0, 144, 0), Version(0, 143, 9)),
        ("gpt-6-luna", Version(0, 155, 0), Version(0, 154, 0)),
        ("gpt-6-astra", Version(0, 153, 0), Version(0, 152, 1)),
        // It declares 0.153.0.
        ("gpt-6.1-sol", Version(0, 160, 0), Version(0, 159, 0)),
        ("gpt-6.2-sol", Version(0, 169, 1), Version(0, 165, 0)),
    ] {
        assert_eq!(catalogue.check(name, Some(oldest), true), Ok(()), "{name}");
        assert!(catalogue.check(name, Some(older), true).is_err(), "{name}");
        assert!(catalogue.check(name, None, true).is_err(), "{name} without a version");
    }
}

#[test]
fn retired_and_unknown_models_are_rejected_for_every_version() {
    let catalogue = Catalogue::default();
    for name in [
        "gpt-5.2",
        "gpt-5.3-codex",
        "gpt-5.4",
        "gpt-5.4-mini",
        "gpt-5.5",
        "gpt-5.5-pro",
        "gpt-reserve",
        "codex-auto-review",
        "gpt-99",
    ] {
        assert!(rejected(&catalogue, name, NEW).1.contains(name), "{name}");
    }
}

#[test]
fn a_model_that_reads_text_only_is_rejected_with_the_tool_alone() {
    let catalogue = Catalogue::default();
    let (status, body) = rejected(&catalogue, "gpt-5.3-codex-spark", NEW);
    assert_eq!(status, 400);
    assert!(body.contains("Tool 'image_generation' is not supported with gpt-5.3-codex-spark"));
    assert_eq!(catalogue.check("gpt-5.3-codex-spark", NEW, false), Ok(()));
}

#[test]
fn the_usual_catalogue_has_every_form() {
    let catalogue = Catalogue::default();
    let met: Vec<_> = table::models()
        .iter()
        .flat_map(|model| [NEW, None].map(|version| catalogue.check(&model.slug, version, true)))
        .filter_map(Result::err)
        .collect();
    for (name, form) in Form::ALL {
        let is_met = table::models().iter().any(|model| met.contains(&form.reject(&model.slug)));
        assert!(is_met, "form {name}");
    }
}

#[test]
fn the_forms_have_the_recorded_words() {
    let body = |name: &str| -> (u16, Value) {
        let rejection = Form::parse(name).unwrap().reject("gpt-x");
        (rejection.status, serde_json::from_slice(&rejection.body).unwrap())
    };
    let words = "The 'gpt-x' model is not supported when using Codex with a ChatGPT account.";
    assert_eq!(body("a"), (400, json!({"detail": words})));
    let error = json!({"message": words, "type": "invalid_request_error"});
    assert_eq!(body("b"), (400, json!({"error": error})));
    let not_found = |name: &str| {
        json!({"error": {"message": format!("Model not found {name}"),
            "type": "invalid_request_error", "param": "model", "code": null}})
    };
    assert_eq!(body("d"), (404, not_found("gpt-x")));
    assert_eq!(body("d-suffix"), (404, not_found("gpt-x-free-1p-codexswic-ev3")));
    let no_access = json!({"error": {
        "message": "The model `gpt-x` does not exist or you do not have access to it.",
        "type": "invalid_request_error", "param": null, "code": "model_not_found"}});
    assert_eq!(body("e"), (404, no_access));
    let upgrade = "The 'gpt-x' model requires a newer version of Codex. Please upgrade to the \
        latest app or CLI and try again.";
    assert_eq!(body("f"), (400, json!({"detail": upgrade})));
    let (status, no_tool) = body("g");
    assert_eq!(status, 400);
    assert_eq!(no_tool["error"]["message"], "Tool 'image_generation' is not supported with gpt-x");
}

#[test]
fn form_c_is_an_event_of_a_stream() {
    let rejection = Form::Event.reject("gpt-x");
    assert_eq!(
        (rejection.status, rejection.content_type),
        (200, "text/event-stream; charset=utf-8")
    );
    let text = String::from_utf8(rejection.body).unwrap();
    let data = text.strip_prefix("event: error\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
    let error = json!({"type": "invalid_request_error",
        "message": "The 'gpt-x' model is not supported when using Codex with a ChatGPT account."});
    assert_eq!(
        serde_json::from_str::<Value>(data).unwrap(),
        json!({"type": "error", "status": 400, "error": error})
    );
}

#[test]
fn another_catalogue_replaces_the_usual_one_or_changes_it() {
    let catalogue = Catalogue::parse("one, two@0.160.0\nthree=d # gone\n").unwrap();
    assert_eq!(catalogue.check("one", None, true), Ok(()));
    assert_eq!(catalogue.check("two", Some(Version(0, 160, 0)), true), Ok(()));
    assert_eq!(rejected(&catalogue, "two", Some(Version(0, 159, 0))).0, 400);
    assert_eq!(rejected(&catalogue, "three", NEW).0, 404);
    assert_eq!(rejected(&catalogue, "gpt-6-luna", NEW).0, 400);
    let changed = Catalogue::parse("+gpt-6-luna=e").unwrap();
    assert_eq!(rejected(&changed, "gpt-6-luna", NEW).0, 404);
    assert_eq!(changed.check("gpt-6-sol", NEW, true), Ok(()));
    assert_eq!(Catalogue::parse("any").unwrap().check("whatever", None, true), Ok(()));
    for text in ["", "+", "x=z", "x@new", "=a", "@0.1.0"] {
        assert_eq!(Catalogue::parse(text).is_err(), text != "+", "{text}");
    }
}

#[test]
fn a_prompt_can_choose_a_rejection_of_all_or_of_one() {
    let one = Order::parse("gpt-6-luna:d-suffix").unwrap();
    assert_eq!(one.form, Form::NotFoundSuffix);
    assert!(one.is_about("gpt-6-luna") && !one.is_about("gpt-6-sol"));
    assert!(Order::parse("f").unwrap().is_about("gpt-6-sol"));
    for text in ["", "h", ":a", "gpt-6-luna", "gpt-6-luna:"] {
        assert_eq!(Order::parse(text), None, "{text}");
    }
}

/// The entries that a client of this version sees.
fn listed(version: &str) -> Vec<Value> {
    let answer = Catalogue::default().answer(&format!("client_version={version}"), None).unwrap();
    assert_eq!(answer.status, 200);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    body["models"].as_array().unwrap().clone()
}

#[test]
fn the_catalogue_is_graded_by_the_clients_version() {
    let counts = ["0.8.0", "0.100.0", "0.144.0", "0.155.0", "0.160.0", "0.165.0", "0.170.0"];
    let counts = counts.map(|version| listed(version).len());
    assert_eq!(counts, [0, 3, 6, 9, 11, 11, 13]);
    assert_eq!(listed("0.0.0").len(), 13);
}

#[test]
fn a_listed_model_is_served_unless_it_is_hidden_or_reads_text_only() {
    let catalogue = Catalogue::default();
    let mut served = 0;
    for version in ["0.144.0", "0.160.0", "0.170.0"] {
        for entry in listed(version) {
            let reads =
                |kind: &str| entry["input_modalities"].as_array().unwrap().contains(&json!(kind));
            let usable = entry["visibility"] == "list" && reads("image");
            let slug = entry["slug"].as_str().unwrap();
            let answer = catalogue.check(slug, Version::parse(version), true);
            assert_eq!(answer.is_ok(), usable, "{slug} {version}");
            served += usize::from(usable);
        }
    }
    assert_eq!(served, 3 + 8 + 10);
}

#[test]
fn an_entry_has_the_members_that_clients_read() {
    let entries = listed("0.170.0");
    let entry = |slug: &str| entries.iter().find(|entry| entry["slug"] == slug).unwrap();
    let sol = entry("gpt-6.1-sol");
    assert_eq!(sol["minimal_client_version"], "0.153.0", "it needs 0.160.0");
    assert_eq!((&sol["visibility"], &sol["supported_in_api"]), (&json!("list"), &json!(true)));
    assert!(sol["priority"].as_u64() < entry("gpt-6-luna")["priority"].as_u64());
    assert_eq!(entry("gpt-reserve")["visibility"], "hide");
    assert_eq!(entry("gpt-5.3-codex-spark")["input_modalities"], json!(["text"]));
    for retired in ["gpt-5.4-mini", "gpt-5.5"] {
        assert!(entries.iter().all(|entry| entry["slug"] != retired));
    }
}

#[test]
fn the_catalogue_wants_a_version_and_has_an_entity_tag() {
    let catalogue = Catalogue::default();
    for query in ["", "client_version", "client_version=new", "version=0.170.0"] {
        assert_eq!(catalogue.answer(query, None).unwrap_err().status, 400, "{query}");
    }
    let query = "a=b&client_version=0.170.0";
    let first = catalogue.answer(query, None).unwrap();
    let (name, etag) = &first.headers[0];
    assert_eq!(*name, "etag");
    assert_eq!(catalogue.answer(query, Some(etag)).unwrap().status, 304);
    assert_eq!(catalogue.answer("client_version=0.144.0", Some(etag)).unwrap().status, 200);
    let other = Catalogue::parse("+gpt-6-luna=d").unwrap();
    assert_eq!(other.answer(query, Some(etag)).unwrap().status, 200);
}
