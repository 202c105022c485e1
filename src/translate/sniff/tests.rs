use std::rc::Rc;

use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::memory::Budget;

fn pieces(base64: &str) -> Pieces {
    let mut pieces = Pieces::new(Budget::new().lease(usize::MAX));
    let chunk = Rc::new(base64.as_bytes().to_vec());
    pieces.push(&chunk, 0..chunk.len()).unwrap();
    pieces
}

/// The format and size of an image of which nothing is reported. Its last bytes are no group of
/// three.
fn seen(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let nothing = Attributes::default();
    let it = complete(
        Attributes::default(),
        &nothing,
        &pieces(&STANDARD.encode([bytes, &[0; 2]].concat())),
    );
    (it.output_format, it.size)
}

fn png(width: u32, height: u32) -> Vec<u8> {
    [&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], &width.to_be_bytes(), &height.to_be_bytes(), &[8, 6]]
        .concat()
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    [&b"GIF89a"[..], &width.to_le_bytes(), &height.to_le_bytes(), &[0xf7, 0]].concat()
}

fn webp(chunk: &[u8], rest: &[u8]) -> Vec<u8> {
    [&b"RIFF\x40\0\0\0WEBP"[..], chunk, &[20, 0, 0, 0], rest].concat()
}

/// Lossy: a frame tag, a start code, and the edges in 14 bits each.
fn vp8(width: u16, height: u16) -> Vec<u8> {
    let frame = [&b"\x10\0\0\x9d\x01\x2a"[..], &width.to_le_bytes(), &height.to_le_bytes()];
    webp(b"VP8 ", &frame.concat())
}

/// Lossless: a signature, and the edges less one in 14 bits each.
fn vp8l(width: u32, height: u32) -> Vec<u8> {
    let edges = (width - 1) | ((height - 1) << 14);
    webp(b"VP8L", &[&[0x2f][..], &edges.to_le_bytes()].concat())
}

/// Extended: flags, and the edges less one in 24 bits each.
fn vp8x(width: u32, height: u32) -> Vec<u8> {
    let edges = [width - 1, height - 1].map(|edge| edge.to_le_bytes()[..3].to_vec()).concat();
    webp(b"VP8X", &[&[0x10, 0, 0, 0][..], &edges].concat())
}

/// A segment of a JPEG, with its length.
fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker][..], &len, content].concat()
}

/// A JPEG with these segments before its frame.
fn jpeg(before: &[u8], frame: u8, width: u16, height: u16) -> Vec<u8> {
    let edges = [height.to_be_bytes(), width.to_be_bytes()].concat();
    let frame = segment(frame, &[&[8][..], &edges, &[3, 1, 0x22, 0]].concat());
    [&[0xff, 0xd8][..], before, &frame].concat()
}

fn is(format: &str, size: &str) -> (Option<String>, Option<String>) {
    (Some(format.to_owned()), (!size.is_empty()).then(|| size.to_owned()))
}

#[test]
fn the_size_of_each_format_is_read_from_its_first_bytes() {
    assert_eq!(seen(&png(1254, 1253)), is("png", "1254x1253"));
    assert_eq!(seen(&gif(816, 720)), is("gif", "816x720"));
    assert_eq!(seen(&vp8(1024, 1536)), is("webp", "1024x1536"));
    assert_eq!(seen(&vp8l(1024, 1536)), is("webp", "1024x1536"));
    assert_eq!(seen(&vp8x(3840, 2160)), is("webp", "3840x2160"));
    for frame in [0xc0, 0xc1, 0xc2] {
        let exif = segment(0xe1, b"Exif\0\0MM\0*\xff\xd8\xff\xc0");
        assert_eq!(seen(&jpeg(&exif, frame, 1672, 941)), is("jpeg", "1672x941"));
    }
}

#[test]
fn the_size_of_a_jpeg_is_found_after_a_manifest() {
    let manifest = segment(0xeb, &[0; 20_000]);
    assert_eq!(seen(&jpeg(&manifest, 0xc0, 5, 7)), is("jpeg", "5x7"));
    assert_eq!(seen(&jpeg(&manifest.repeat(2), 0xc0, 5, 7)), is("jpeg", "5x7"));
    assert_eq!(seen(&jpeg(&manifest.repeat(3), 0xc0, 5, 7)), is("jpeg", ""), "beyond 48 KiB");
}

#[test]
fn a_cut_or_impossible_header_has_no_size() {
    for bytes in [png(9, 9), gif(9, 9), vp8(9, 9), vp8l(9, 9), vp8x(9, 9)] {
        let (format, size) = seen(&bytes);
        assert_eq!(size.as_deref(), Some("9x9"), "{format:?}");
        for len in 0..bytes.len().saturating_sub(2) {
            let (_, size) = seen(&bytes[..len]);
            assert_eq!(size, None, "{format:?} cut at {len}");
        }
    }
    for (width, height) in [(0, 0), (0, 9), (9, 0), (100_000, 9), (u32::MAX, u32::MAX)] {
        assert_eq!(seen(&png(width, height)), is("png", ""), "{width}x{height}");
    }
    assert_eq!(seen(&jpeg(&segment(0xe0, b""), 0xc0, 0, 9)), is("jpeg", ""));
    // A length that points back, a marker that is none, a scan before any frame.
    for broken in [&b"\xff\xe0\0\0"[..], b"\xff\xe0\0\x01", b"\0\0", b"\xff\xd9\0\x02\xff\xd9"] {
        assert_eq!(seen(&[b"\xff\xd8\xff\xe0\0\x02", broken].concat()).1, None);
    }
    for nothing in [&b""[..], b"\x89PN", b"BM\0\0", b"<svg width=\"9\" height=\"9\"/>"] {
        assert_eq!(seen(nothing), (None, None), "{nothing:?}");
    }
}

fn reported(size: &str, output_format: &str) -> Attributes {
    Attributes {
        size: Some(size.to_owned()),
        output_format: Some(output_format.to_owned()),
        ..Attributes::default()
    }
}

#[test]
fn the_bytes_complete_and_correct_reported_attributes() {
    let image = pieces(&STANDARD.encode(png(1254, 1254)));
    let nothing = Attributes::default();
    for word in ["", "auto", "0x0", "1024x0", "2K", "1024×1024", "-1x5", "1024x1024x3"] {
        let it = complete(reported(word, "webp"), &nothing, &image);
        assert_eq!(it, reported("1254x1254", "png"), "{word:?}");
    }
    assert_eq!(
        complete(reported("1024x1024", "png"), &nothing, &image),
        reported("1024x1024", "png")
    );
    // The tool echoes what was requested, which may differ from the image.
    let echo = reported("1024x1024", "jpeg");
    assert_eq!(complete(nothing.clone(), &echo, &image), reported("1254x1254", "png"));
    // If the bytes say nothing, a possible reported value stays.
    let unknown = pieces("QUJD");
    assert_eq!(complete(reported("0x0", "svg"), &echo, &unknown), reported("1024x1024", "svg"));
    assert_eq!(complete(reported("2K", "png"), &nothing, &unknown).size, None);
    assert_eq!(complete(nothing, &echo, &pieces("!not base64!")), echo);
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(
        head in prop::sample::select(vec![
            png(9, 9), gif(9, 9), vp8(9, 9), vp8l(9, 9), vp8x(9, 9),
            b"\xff\xd8\xff\xe0".to_vec(), b"RIFF\0\0\0\0WEBP".to_vec(), Vec::new(),
        ]),
        keep in any::<prop::sample::Index>(),
        rest in prop::collection::vec(any::<u8>(), 0..400),
        base64 in "[A-Za-z0-9+/=]{0,80}",
    ) {
        let kept = &head[..keep.index(head.len() + 1)];
        let (_, size) = seen(&[kept, &rest].concat());
        let is_exact = |it: String| Size::parse(&it).is_some_and(|size| size != Size::Auto);
        prop_assert!(size.is_none_or(is_exact));
        complete(Attributes::default(), &Attributes::default(), &pieces(&base64));
    }

    #[test]
    fn the_search_in_a_jpeg_ends_for_any_segments(
        segments in prop::collection::vec((any::<u8>(), any::<[u8; 2]>(), 0..40_usize), 0..60),
    ) {
        let segments = segments.iter().flat_map(|(marker, len, content)| {
            [&[0xff, *marker][..], len, &vec![0xff; *content]].concat()
        });
        let bytes: Vec<u8> = [0xff, 0xd8, 0xff, 0xe0, 0, 2].into_iter().chain(segments).collect();
        let (format, _) = seen(&bytes);
        prop_assert_eq!(format.as_deref(), Some("jpeg"));
    }
}
