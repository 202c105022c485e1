use std::borrow::Cow;

use super::{Malformed, ReferenceFault, ReferenceImage};
use crate::openai::choice::Choice;

fn parse(text: &str) -> Result<ReferenceImage<'_>, Malformed> {
    ReferenceImage::parse(Cow::Borrowed(text), 1000)
}

#[test]
fn urls_are_kept_as_they_are() {
    for text in [
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/jpeg;base64,AAAA",
        "DATA:image/WEBP;base64,AAAA",
        "data:image/jpg;base64,AAA=",
        "data:image/gif;base64,AA==",
        "https://example.com/cat.png?size=large#top",
        "HTTPS://example.com",
    ] {
        assert_eq!(parse(text), Ok(ReferenceImage::Url(Cow::Borrowed(text))), "{text}");
    }
}

#[test]
fn parameters_of_a_data_url_are_left_out() {
    for (head, media_type) in [
        ("data:image/png;charset=utf-8;base64", "image/png"),
        ("data:image/png;name=a.png;base64", "image/png"),
        ("DATA:IMAGE/JPG;Name=größe.jpg;BASE64", "image/jpeg"),
        ("data:image/webp;a=1;b=\"x;y\\\"\";base64;base64", "image/webp"),
        ("data:image/gif;;base64", "image/gif"),
    ] {
        let text = format!("{head},AAAA");
        let image = parse(&text).unwrap();
        assert_eq!(image, ReferenceImage::Url(Cow::Borrowed(&text)), "{text}");
        assert_eq!(image.without_parameters(), Some((media_type, "AAAA")), "{text}");
    }
    for text in ["data:image/png;base64,AAAA", "https://example.com/a;b;base64,c", "AAAA"] {
        assert_eq!(parse(text).unwrap().without_parameters(), None, "{text}");
    }
}

#[test]
fn the_start_of_a_data_url_is_bounded() {
    let of = |len: usize| {
        let fixed = "data:image/png;name=;base64".len();
        format!("data:image/png;name={};base64,AAAA", "x".repeat(len - fixed))
    };
    assert!(parse(&of(512)).is_ok());
    assert_eq!(parse(&of(513)), Err(Malformed::DataUrl));
    // A character of several bytes on the border.
    let cut = format!("data:image/png;name={};base64,AAAA", "ß".repeat(400));
    assert_eq!(parse(&cut), Err(Malformed::DataUrl));
    assert_eq!(parse(&format!("data:{}", ";".repeat(1 << 20))), Err(Malformed::MediaType));
}

#[test]
fn base64_without_a_url_is_kept_apart() {
    for text in ["iVBORw0KGgo=", "iVBORw0KGgo", "AA-_", "AAAAAA"] {
        assert_eq!(parse(text), Ok(ReferenceImage::Base64(Cow::Borrowed(text))));
    }
}

#[test]
fn each_fault_is_told_apart() {
    for (text, fault) in [
        ("", Malformed::Empty),
        ("data:image/png;base64,", Malformed::Empty),
        ("====", Malformed::Character { at: 0 }),
        ("==", Malformed::Empty),
        ("AAAAA", Malformed::Cut),
        ("data:image/png;base64,//h/x", Malformed::Cut),
        ("AAAAA===", Malformed::Character { at: 5 }),
        ("http://example.com/cat.png", Malformed::Scheme),
        ("file:///etc/passwd", Malformed::Scheme),
        (":", Malformed::Scheme),
        ("https://", Malformed::Url),
        ("https:/example.com", Malformed::Url),
        ("https:///cat.png", Malformed::Url),
        ("https://example.com/a cat.png", Malformed::Url),
        ("https://example.com/\u{0}", Malformed::Url),
        ("https://example.com/\u{a0}", Malformed::Url),
        ("data:image/svg+xml;base64,AAAA", Malformed::MediaType),
        ("data:,", Malformed::MediaType),
        ("data:image/png x;base64,AAAA", Malformed::MediaType),
        ("data: image/png;base64,AAAA", Malformed::MediaType),
        ("data:text/plain;charset=image/png;base64,AAAA", Malformed::MediaType),
        ("data:image/png,AAAA", Malformed::DataUrl),
        ("data:image/png;charset=utf-8,AAAA", Malformed::DataUrl),
        ("data:image/png;base64;charset=utf-8,AAAA", Malformed::DataUrl),
        ("data:image/png;base64", Malformed::DataUrl),
        ("data:image/png;base64AAAA", Malformed::DataUrl),
        ("data:image/png;name=\"a,b\";base64,AAAA", Malformed::DataUrl),
        ("data:image/png;name=\"a\";x\";base64,,AAAA", Malformed::Character { at: 0 }),
        ("data:image/png;name=a\u{0};base64,AAAA", Malformed::DataUrl),
        ("data:image/png;name=a\r\nx: y;base64,AAAA", Malformed::DataUrl),
        ("data:image/png;name=a.png;base64,", Malformed::Empty),
        ("AAAAA===", Malformed::Character { at: 5 }),
        ("AA=A", Malformed::Character { at: 2 }),
        ("AAAA\nAAAA", Malformed::Character { at: 4 }),
        ("AA.A", Malformed::Character { at: 2 }),
        ("Ünlike", Malformed::Character { at: 0 }),
    ] {
        assert_eq!(parse(text), Err(fault), "{text:?}");
    }
}

#[test]
fn the_limit_is_on_decoded_bytes() {
    let fits = format!("{}AA==", "A".repeat(1332));
    assert!(parse(&fits).is_ok());
    let fault = parse(&format!("{}AAA=", "A".repeat(1332))).unwrap_err();
    assert_eq!(fault, Malformed::TooLarge { bytes: 1001, limit: 1000 });
    assert_eq!(fault.fault(), ReferenceFault::FileTooLarge);
}

#[test]
fn an_entry_is_not_copied() {
    let text = "A".repeat(64);
    let ReferenceImage::Base64(Cow::Borrowed(kept)) = parse(&text).unwrap() else {
        panic!("copied");
    };
    assert_eq!(kept.as_ptr(), text.as_ptr());
}

#[test]
fn every_fault_has_a_code_of_its_own() {
    let mut words = ReferenceFault::WORDS.to_vec();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), ReferenceFault::ALL.len());
}
