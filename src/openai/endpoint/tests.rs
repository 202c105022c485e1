use proptest::prelude::*;

use super::spelling::{Blank, Escapes, Wide, all, decode};
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

#[test]
fn every_spelling_that_a_server_might_accept_names_an_endpoint() {
    for path in [
        "/v1/images/generations/",
        "/v1/images/generations?x=/other",
        "/v1/images/generations#frag",
        "//v1///images//generations",
        "/v1/images/./generations",
        "/v1/images/edits/../generations",
        "/other/../v1/images/generations",
        "/../../v1/images/generations",
        "/V1/Images/GENERATIONS",
        "/v1/images%2fgenerations",
        "/v1/images%252Fgenerations",
        "/v1/images%25252525252Fgenerations",
        "/v1/images/%67enerations",
        "/v1/images/%%36%37enerations",
        "/v1/images/x/%2e%2E/generations",
        "\\v1\\images\\generations",
        "/v1/images%5cgenerations",
        "/v1;jsessionid=1/images;a/generations;b=c",
        "/;/v1/images/generations",
        "/v1/images/x/..;/generations",
        "/v1/images/generations%3fx=1",
        "v1/images/generations",
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
        "/v1/.%20./../images/generations",
        "/v1/.%ef%bc%8f./../images/generations",
        "/v1/x%c0%afy/../images/generations",
    ] {
        assert_eq!(named(path.as_bytes()), Some(Endpoint::Generations), "{path}");
    }
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

/// Decodes each escape once, from left to right.
fn decode_once(mut path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    loop {
        path = match path {
            [b'%', hex @ ..] if hex.len() >= 2 && hex[..2].iter().all(u8::is_ascii_hexdigit) => {
                let digits = std::str::from_utf8(&hex[..2]).unwrap();
                decoded.push(u8::from_str_radix(digits, 16).unwrap());
                &hex[2..]
            }
            [byte, rest @ ..] => {
                decoded.push(*byte);
                rest
            }
            [] => return decoded,
        };
    }
}

/// Bytes that meet the cases of [`normalize`] far more often than uniform ones.
fn rich_path() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "/",
        "//",
        "\\",
        "%",
        "%2f",
        "%25",
        "2",
        "5",
        "4",
        "1",
        "f",
        ".",
        "..",
        "/../",
        ";",
        "?",
        "#",
        "%3b",
        "%3F",
        "v1",
        "images",
        "generations",
        "Edits",
        "/v1/images/",
        "\u{0}",
        "é",
        " ",
        "%00",
        "%20",
        "+",
        ".json",
        "%c0",
        "%af",
        "%ae",
        "%ef%bc",
        "%8f",
        "%u",
        "0067",
        "002f",
        "\u{ff0e}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// One character of a known path in another spelling that means the same.
fn respell(char: char, how: u8) -> String {
    let code = u32::from(char);
    match (char, how % 16) {
        ('/', 0) => "//".to_owned(),
        ('/', 1) => "\\".to_owned(),
        ('/', 2) => "/./".to_owned(),
        ('/', 3) => ";a=b/".to_owned(),
        ('/', 4) => "/x/../".to_owned(),
        ('/', 5) => "%2F".to_owned(),
        ('/', 6) => "%255c".to_owned(),
        ('/', 8) => "./".to_owned(),
        ('/', 9) => "%20%00/".to_owned(),
        ('/', 10) => "%09\\+".to_owned(),
        (_, 8) => format!("%u{code:04x}"),
        (_, 9) => format!("%{:02x}%{:02X}", 0xc0 | (code >> 6), 0x80 | (code & 0x3f)),
        (_, 10) => format!("%e0%{:02x}%{:02x}", 0x80 | (code >> 6), 0x80 | (code & 0x3f)),
        (_, 11) => char::from_u32(code.wrapping_add(0xfee0)).unwrap().to_string(),
        (_, 12) => format!("%0a{char}%0D"),
        (_, 0) => char.to_ascii_uppercase().to_string(),
        (_, 1) => format!("%{:02x}", u32::from(char)),
        (_, 2) => format!("%25{:02X}", u32::from(char)),
        (_, 3) => format!("%2525{:02X}", u32::from(char.to_ascii_uppercase())),
        _ => char.to_string(),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_path(path in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = named(&path);
    }

    #[test]
    fn a_normal_path_is_a_fixed_point(path in rich_path()) {
        let normal = normalize(&path);
        prop_assert_eq!(normalize(&normal), normal);
    }

    #[test]
    fn the_shortcut_agrees_with_every_reading(path in rich_path()) {
        // One reading that names an endpoint is enough, as in `;\\%3F/v1/images/generations`.
        let paths = Endpoint::IMAGES.map(Endpoint::path);
        let places = all().filter_map(|it| it.find(&path, &paths));
        let read: Vec<_> = places.map(|place| Endpoint::IMAGES[place]).collect();
        let found = named(&path);
        prop_assert_eq!(found.is_some(), !read.is_empty());
        prop_assert!(found.is_none_or(|found| read.contains(&found)));
    }

    #[test]
    fn decoding_agrees_with_decoding_again_and_again(path in rich_path()) {
        let mut expected = path.clone();
        loop {
            let next = decode_once(&expected);
            if next == expected {
                break;
            }
            expected = next;
        }
        prop_assert_eq!(decode(&path, Escapes::All, Blank::Stay, Wide::Keep), expected);
    }

    #[test]
    fn an_endpoint_is_known_in_any_spelling(
        choice in 0..4_usize,
        hows in prop::collection::vec(any::<u8>(), 32),
        tail in prop::sample::select(vec!["", "/", "?a=b", "#x", ";v=1", "/.", "/x/..", "%2f", ".",
            "%20", "%00", "%0d%0a", ".json", "/.json", "+", "%c2%a0"]),
    ) {
        let endpoint = Endpoint::IMAGES[choice];
        let spelled: String =
            endpoint.path().chars().zip(hows).map(|(char, how)| respell(char, how)).collect();
        let path = format!("{spelled}{tail}");
        prop_assert_eq!(named(path.as_bytes()), Some(endpoint), "{}", path);
    }
}

#[test]
fn two_dots_remove_what_any_server_would_remove() {
    for path in [
        "/v1/images//../generations",
        "/v1//images/x/../generations",
        "/a\\b/../v1/images/generations",
        "/a%2fb/../v1/images/generations",
        "/a%5cb/../v1/images/generations",
        "/x%3F/../v1/images/generations",
        "/x%23y/../v1/images/generations",
        "/x%253fy/..//v1/images/generations/",
    ] {
        assert_eq!(named(path.as_bytes()), Some(Endpoint::Generations), "{path}");
    }
    for path in ["/v1/images/generations/..", "/a/../v1/images", "/v1/images/../generations"] {
        assert_eq!(named(path.as_bytes()), None, "{path}");
    }
}
