use proptest::prelude::*;

use super::{Endpoint, decode, normalize};
use super::{Escapes, READINGS};

#[test]
fn the_normal_spellings_are_ours() {
    for endpoint in Endpoint::ALL {
        assert_eq!(Endpoint::of_path(endpoint.path().as_bytes()), Some(endpoint));
        assert!(endpoint.path().ends_with(endpoint.name()));
    }
}

#[test]
fn every_spelling_that_a_server_might_accept_is_ours() {
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
    ] {
        assert_eq!(Endpoint::of_path(path.as_bytes()), Some(Endpoint::Generations), "{path}");
    }
}

#[test]
fn other_paths_are_not_ours() {
    let paths: [&[u8]; 16] = [
        b"",
        b"/",
        b"*",
        b"/v1/images",
        b"/v1/images/",
        b"/v1/images/generation",
        b"/v1/images/generationsx",
        b"/v1/images/generations/x",
        b"/v1/images/generations/..",
        b"/v1/images/generations%00",
        b"/v1/images/generations%",
        b"/v1/images/generations%2",
        b"/v1/images/generations\x80",
        b"/v2/images/generations",
        b"/other?/v1/images/generations",
        b"/v1/chat/completions",
    ];
    for path in paths {
        assert_eq!(Endpoint::of_path(path), None, "{}", path.escape_ascii());
    }
}

#[test]
fn deep_escapes_are_decoded_in_linear_time() {
    let path = format!("/v1/images/%{}67enerations", "25".repeat(1_000_000));
    assert_eq!(Endpoint::of_path(path.as_bytes()), Some(Endpoint::Generations));
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
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// One character of a known path in another spelling that means the same.
fn respell(char: char, how: u8) -> String {
    match (char, how % 8) {
        ('/', 0) => "//".to_owned(),
        ('/', 1) => "\\".to_owned(),
        ('/', 2) => "/./".to_owned(),
        ('/', 3) => ";a=b/".to_owned(),
        ('/', 4) => "/x/../".to_owned(),
        ('/', 5) => "%2F".to_owned(),
        ('/', 6) => "%255c".to_owned(),
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
        let _ = Endpoint::of_path(&path);
    }

    #[test]
    fn a_normal_path_is_a_fixed_point(path in rich_path()) {
        let normal = normalize(&path);
        prop_assert_eq!(normalize(&normal), normal);
    }

    #[test]
    fn the_shortcut_agrees_with_every_reading(path in rich_path()) {
        // One reading that names an endpoint is enough, as in `;\\%3F/v1/images/generations`.
        let normal = Endpoint::of_normal_path(&normalize(&path));
        let read = || READINGS.iter().find_map(|it| Endpoint::of_normal_path(&it.normalize(&path)));
        prop_assert_eq!(Endpoint::of_path(&path), normal.or_else(read));
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
        prop_assert_eq!(decode(&path, Escapes::All), expected);
    }

    #[test]
    fn an_endpoint_is_known_in_any_spelling(
        choice in 0..4_usize,
        hows in prop::collection::vec(any::<u8>(), 32),
        tail in prop::sample::select(vec!["", "/", "?a=b", "#x", ";v=1", "/.", "/x/..", "%2f"]),
    ) {
        let endpoint = Endpoint::ALL[choice];
        let spelled: String =
            endpoint.path().chars().zip(hows).map(|(char, how)| respell(char, how)).collect();
        let path = format!("{spelled}{tail}");
        prop_assert_eq!(Endpoint::of_path(path.as_bytes()), Some(endpoint), "{}", path);
    }
}

#[test]
fn what_two_dots_take_along_is_read_in_every_way_that_servers_read_it() {
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
        assert_eq!(Endpoint::of_path(path.as_bytes()), Some(Endpoint::Generations), "{path}");
    }
    for path in ["/v1/images/generations/..", "/a/../v1/images", "/v1/images/../generations"] {
        assert_eq!(Endpoint::of_path(path.as_bytes()), None, "{path}");
    }
}
