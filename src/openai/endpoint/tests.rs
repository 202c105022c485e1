mod properties;

use super::spelling::all;
use super::{Endpoint, Served};

/// The endpoint of the Images API that `path` names. It is the same if the list of models is
/// served, unless that is what it names.
fn named(path: &[u8]) -> Option<Endpoint> {
    let images = Endpoint::of_path(path, Served::Images);
    let all = Endpoint::of_path(path, Served::WithModels);
    if !matches!(all, Some(Endpoint::Models | Endpoint::Model)) {
        assert_eq!(all, images, "{}", String::from_utf8_lossy(path));
    }
    images
}

fn normalize(path: &[u8]) -> Vec<u8> {
    all().next().unwrap().normalize(path)
}

#[test]
fn a_full_width_form_is_folded_after_an_invalid_escape() {
    assert_eq!(
        normalize("/v1/%ug/\u{ff0e}./images/generations".as_bytes()),
        b"/v1/images/generations"
    );
    assert_eq!(normalize(";%u\\\u{ff0e}".as_bytes()), b"");
}

#[test]
fn the_normal_spellings_name_the_endpoints() {
    for endpoint in Endpoint::IMAGES {
        assert_eq!(named(endpoint.path().as_bytes()), Some(endpoint));
        assert!(endpoint.path().ends_with(endpoint.name()));
    }
}

#[test]
fn the_list_of_models_is_named_only_if_it_is_served() {
    for (path, endpoint) in [
        ("/v1/models", Endpoint::Models),
        ("/v1/models?limit=1", Endpoint::Models),
        ("/v1/models/", Endpoint::Models),
        ("/V1//Models", Endpoint::Models),
        ("/v1/models.json", Endpoint::Models),
        ("/v1/images/../models", Endpoint::Models),
        ("/v1/%6dodels%00", Endpoint::Models),
        ("/v1/models/x", Endpoint::Model),
        ("/v1/models/gpt-image-2.5-flare", Endpoint::Model),
        ("/v1/models/openai/gpt-image-2", Endpoint::Model),
        ("/v1/models/openai%2Fgpt-image-2", Endpoint::Model),
        ("/v1/models%2fx", Endpoint::Model),
        ("/v1\\models\\x", Endpoint::Model),
        ("/v1;a/models;b/x;c", Endpoint::Model),
        ("/v1/models%c0%afx", Endpoint::Model),
        ("/v1/models\u{2215}x", Endpoint::Model),
        ("/v1/mod\u{200b}els/x", Endpoint::Model),
        ("/v1/\u{ff4d}odels/x/y/z", Endpoint::Model),
    ] {
        let served = Endpoint::of_path(path.as_bytes(), Served::WithModels);
        assert_eq!(served, Some(endpoint), "{path}");
        assert_eq!(Endpoint::of_path(path.as_bytes(), Served::Images), None, "{path}");
    }
    for path in
        ["/v1/model", "/v1/modelsx", "/v1/models/..", "/v2/models", "/models", "/x/v1/models"]
    {
        assert_eq!(Endpoint::of_path(path.as_bytes(), Served::WithModels), None, "{path}");
    }
    let images = b"/v1/models/../images/generations";
    assert_eq!(Endpoint::of_path(images, Served::WithModels), Some(Endpoint::Generations));
}

#[test]
fn a_model_is_read_from_a_path_in_its_normal_spelling() {
    for (path, model) in [
        ("/v1/models/gpt-image-2", Some("gpt-image-2")),
        ("/v1/models/a%2Fb%25?x", Some("a/b%")),
        ("/v1/models/a%2fb%zz%4", Some("a/b%zz%4")),
        ("/v1/models/%ff", None),
        ("/v1/models", None),
        ("/v1//models/x", None),
    ] {
        assert_eq!(Endpoint::model_of_path(path.as_bytes()).as_deref(), model, "{path}");
    }
}

/// Asserts that some server might read each of `paths` as that of generations.
fn assert_generations(paths: &[&str]) {
    for path in paths {
        assert_eq!(named(path.as_bytes()), Some(Endpoint::Generations), "{path}");
    }
}

#[test]
fn slashes_segments_and_letter_case_may_differ() {
    assert_generations(&[
        "/v1/images/generations/",
        "/v1/images/generations?x=/other",
        "/v1/images/generations#frag",
        "//v1///images//generations",
        "/v1/images/./generations",
        "/v1/images/edits/../generations",
        "/other/../v1/images/generations",
        "/../../v1/images/generations",
        "/V1/Images/GENERATIONS",
        "\\v1\\images\\generations",
        "/v1;jsessionid=1/images;a/generations;b=c",
        "/;/v1/images/generations",
        "/v1/images/x/..;/generations",
        "v1/images/generations",
    ]);
}

#[test]
fn escapes_may_be_nested() {
    assert_generations(&[
        "/v1/images%2fgenerations",
        "/v1/images%252Fgenerations",
        "/v1/images%25252525252Fgenerations",
        "/v1/images/%67enerations",
        "/v1/images/%%36%37enerations",
        "/v1/images/x/%2e%2E/generations",
        "/v1/images%5cgenerations",
        "/v1/images/generations%3fx=1",
    ]);
}

#[test]
fn blanks_dots_and_formats_may_be_dropped() {
    assert_generations(&[
        "/v1/images/generations.",
        "/v1/images/generations...",
        "/v1/images/generations%2e",
        "/v1/images/generations%20",
        "/v1/images/generations%20.%20",
        "/v1/images/generations+",
        "/v1/images/generations%09",
        "/v1/images/generations%00",
        "/v1/images/generations%00.png",
        "/v1/images/generations%00/../../x",
        "/v1/images/generations%0d%0a",
        "/v1/images/generations%0d%0aHost:%20x",
        "/v1/images/generations%20HTTP/1.1",
        "/v1/images/generations.json",
        "/v1/images/generations.JSON/",
        "/v1/images/generations.tar.gz",
        "/v1/images/generations/.json",
        "/v1/images/generations%2fx.json/..",
        "/v1./images./generations.",
        "/v1%20/images%00/%20generations",
        "/v1/im%0aages/generations",
    ]);
}

#[test]
fn characters_may_only_look_like_ascii() {
    assert_generations(&[
        "/v1/images%c0%afgenerations",
        "/v1/images%e0%80%afgenerations",
        "/v1/images%f0%80%80%afgenerations",
        "/v1/images%c1%9cgenerations",
        "/v1/images/x/%c0%ae%c0%ae/generations",
        "/v1/images%ef%bc%8fgenerations",
        "/v1/images/x/%ef%bc%8e%ef%bc%8e/generations",
        "/%ef%bd%961/images/generations",
        "/\u{ff56}\u{ff11}/\u{ff49}\u{ff4d}\u{ff41}\u{ff47}\u{ff45}\u{ff53}/generations",
        "/v1/images/%u0067enerations",
        "/v1/images%u002fgenerations",
        "/v1/images%u2215generations",
        "/v1/images/%uff47enerations",
        "/v1/images/%25u0067enerations",
        "/v1/images/gene\u{200b}rations",
        "/v1/images/generations\u{a0}",
        "/v1/image\u{17f}/generations",
        "/v1\u{2215}images\u{2044}generations",
        "/v1/images/\u{e7}enerations",
    ]);
}

#[test]
fn other_paths_name_no_endpoint() {
    let paths: &[&[u8]] = &[
        b"",
        b"/",
        b"*",
        b"/v1/images",
        b"/v1/images/",
        b"/v1/images/generation",
        b"/v1/images/generationsx",
        b"/v1/images/generations/x",
        b"/v1/images/generations/..",
        b"/v1/images/generations%",
        b"/v1/images/generations%2",
        b"/v1/images/generations%u006",
        b"/v1/images/generations%2fx.json",
        b"/v1/images/generations.x/y",
        b"/v1/images/.json",
        b"/v1/images/g.json",
        b"/v1.5/images/generations",
        b"/v1/images/gen\xc3\xa9rat",
        "/ру/статьи/обзор".as_bytes(),
        "/стр/картинки/генерации".as_bytes(),
        "/画像/生成/画像".as_bytes(),
        b"/%d1%80%d1%83/%d1%81%d1%82%d0%b0%d1%82%d1%8c%d0%b8/%d0%be%d0%b1%d0%b7%d0%be%d1%80",
        b"/files/report%202026.pdf",
        b"/search/a+b",
        b"/a/../b",
        b"/v2/images/generations",
        b"/other?/v1/images/generations",
        b"/v1/chat/completions",
    ];
    for path in paths {
        assert_eq!(named(path), None, "{}", path.escape_ascii());
    }
}

#[test]
fn deep_escapes_are_decoded_in_linear_time() {
    let path = format!("/v1/images/%{}67enerations", "25".repeat(1_000_000));
    assert_eq!(named(path.as_bytes()), Some(Endpoint::Generations));
}

#[test]
fn two_dots_remove_what_any_server_would_remove() {
    assert_generations(&[
        "/v1/images//../generations",
        "/v1//images/x/../generations",
        "/a\\b/../v1/images/generations",
        "/a%2fb/../v1/images/generations",
        "/a%5cb/../v1/images/generations",
        "/x%3F/../v1/images/generations",
        "/x%23y/../v1/images/generations",
        "/x%253fy/..//v1/images/generations/",
        "/v1/.%20./../images/generations",
        "/v1/.%ef%bc%8f./../images/generations",
        "/v1/x%c0%afy/../images/generations",
    ]);
    for path in ["/v1/images/generations/..", "/a/../v1/images", "/v1/images/../generations"] {
        assert_eq!(named(path.as_bytes()), None, "{path}");
    }
}
