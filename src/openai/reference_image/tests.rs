use std::borrow::Cow;

use super::{ReferenceFault, ReferenceImage, ReferenceImageError};
use crate::openai::choice::Choice;

fn parse(text: &str) -> Result<ReferenceImage<'_>, ReferenceImageError> {
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
    assert_eq!(parse(&of(513)), Err(ReferenceImageError::DataUrl));
    // A character of several bytes at the limit.
    let cut = format!("data:image/png;name={};base64,AAAA", "ß".repeat(400));
    assert_eq!(parse(&cut), Err(ReferenceImageError::DataUrl));
    assert_eq!(
        parse(&format!("data:{}", ";".repeat(1 << 20))),
        Err(ReferenceImageError::MediaType)
    );
}

#[test]
fn base64_without_a_url_is_kept_apart() {
    for text in ["iVBORw0KGgo=", "iVBORw0KGgo", "AA-_", "AAAAAA"] {
        assert_eq!(parse(text), Ok(ReferenceImage::Base64(Cow::Borrowed(text))));
    }
}

#[test]
fn each_fault_has_its_own_error() {
    for (text, fault) in [
        ("", ReferenceImageError::Empty),
        ("data:image/png;base64,", ReferenceImageError::Empty),
        ("====", ReferenceImageError::Character { at: 0 }),
        ("==", ReferenceImageError::Empty),
        ("AAAAA", ReferenceImageError::Cut),
        ("data:image/png;base64,//h/x", ReferenceImageError::Cut),
        ("AAAAA===", ReferenceImageError::Character { at: 5 }),
        ("http://example.com/cat.png", ReferenceImageError::Scheme),
        ("file:///etc/passwd", ReferenceImageError::Scheme),
        (":", ReferenceImageError::Scheme),
        ("https://", ReferenceImageError::Url),
        ("https:/example.com", ReferenceImageError::Url),
        ("https:///cat.png", ReferenceImageError::Url),
        ("https://example.com/a cat.png", ReferenceImageError::Url),
        ("https://example.com/\u{0}", ReferenceImageError::Url),
        ("https://example.com/\u{a0}", ReferenceImageError::Url),
        ("data:image/svg+xml;base64,AAAA", ReferenceImageError::MediaType),
        ("data:,", ReferenceImageError::MediaType),
        ("data:image/png x;base64,AAAA", ReferenceImageError::MediaType),
        ("data: image/png;base64,AAAA", ReferenceImageError::MediaType),
        ("data:text/plain;charset=image/png;base64,AAAA", ReferenceImageError::MediaType),
        ("data:image/png,AAAA", ReferenceImageError::DataUrl),
        ("data:image/png;charset=utf-8,AAAA", ReferenceImageError::DataUrl),
        ("data:image/png;base64;charset=utf-8,AAAA", ReferenceImageError::DataUrl),
        ("data:image/png;base64", ReferenceImageError::DataUrl),
        ("data:image/png;base64AAAA", ReferenceImageError::DataUrl),
        ("data:image/png;name=\"a,b\";base64,AAAA", ReferenceImageError::DataUrl),
        ("data:image/png;name=\"a\";x\";base64,,AAAA", ReferenceImageError::Character { at: 0 }),
        ("data:image/png;name=a\u{0};base64,AAAA", ReferenceImageError::DataUrl),
        ("data:image/png;name=a\r\nx: y;base64,AAAA", ReferenceImageError::DataUrl),
        ("data:image/png;name=a.png;base64,", ReferenceImageError::Empty),
        ("AAAAA===", ReferenceImageError::Character { at: 5 }),
        ("AA=A", ReferenceImageError::Character { at: 2 }),
        ("AAAA\nAAAA", ReferenceImageError::Character { at: 4 }),
        ("AA.A", ReferenceImageError::Character { at: 2 }),
        ("Ünlike", ReferenceImageError::Character { at: 0 }),
    ] {
        assert_eq!(parse(text), Err(fault), "{text:?}");
    }
}

#[test]
fn the_limit_is_on_decoded_bytes() {
    let fits = format!("{}AA==", "A".repeat(1332));
    assert!(parse(&fits).is_ok());
    let fault = parse(&format!("{}AAA=", "A".repeat(1332))).unwrap_err();
    assert_eq!(fault, ReferenceImageError::TooLarge { bytes: 1001, limit: 1000 });
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
fn every_fault_has_its_own_code() {
    let mut words = ReferenceFault::WORDS.to_vec();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), ReferenceFault::ALL.len());
}
