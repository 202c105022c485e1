//! What holds for any path.

use proptest::prelude::*;

use super::super::Endpoint;
use super::super::decode::{Blank, Escapes, Wide, decode};
use super::super::spelling::all;
use super::{named, normalize};

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
    prop::collection::vec(prop::sample::select(PIECES), 0..24)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

const PIECES: &[&str] = &[
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
];

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
