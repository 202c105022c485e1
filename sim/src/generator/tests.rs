use super::*;

fn subject(format: Format) -> Subject {
    Subject {
        text: "a red fox in the snow, reading a newspaper".to_owned(),
        caption: "gpt-image-2 · 160x96 · low".to_owned(),
        width: 160,
        height: 96,
        format,
        compression: 90,
        background: Background::Opaque,
        grain: 1,
        preview: None,
        seed: 0,
        references: Vec::new(),
        frames: 1,
        frame_ms: 200,
        base64_len: None,
    }
}

const FORMATS: [Format; 4] = [Format::Png, Format::Jpeg, Format::Webp, Format::Gif];

fn decode(file: &[u8], format: Format) -> image::RgbaImage {
    let kind = image::guess_format(file).unwrap();
    assert!(kind.extensions_str().contains(&format.as_str()), "{format:?} is {kind:?}");
    image::load_from_memory(file).unwrap().into_rgba8()
}

#[test]
fn every_format_decodes_at_the_asked_size() {
    for format in FORMATS {
        let image = decode(&generate(&subject(format)).unwrap(), format);
        assert_eq!(image.dimensions(), (160, 96), "{format:?}");
    }
}

#[test]
fn the_same_subject_gives_the_same_bytes_and_another_prompt_others() {
    let fox = generate(&subject(Format::Png)).unwrap();
    assert_eq!(fox, generate(&subject(Format::Png)).unwrap());
    let owl = Subject { text: "an owl".to_owned(), ..subject(Format::Png) };
    assert_ne!(fox, generate(&owl).unwrap());
    let preview = Subject { preview: Some(0), ..subject(Format::Png) };
    assert_ne!(fox, generate(&preview).unwrap());
}

#[test]
fn a_transparent_background_lets_something_through() {
    for format in [Format::Png, Format::Webp] {
        let clear = Subject {
            background: Background::Transparent,
            text: "owl".to_owned(),
            ..subject(format)
        };
        let image = decode(&generate(&clear).unwrap(), format);
        assert!(image.pixels().any(|pixel| pixel.0[3] < 128), "{format:?}");
        assert!(image.pixels().any(|pixel| pixel.0[3] > 128), "{format:?}");
    }
    let opaque = decode(&generate(&subject(Format::Png)).unwrap(), Format::Png);
    assert!(opaque.pixels().all(|pixel| pixel.0[3] == 255));
}

#[test]
fn a_file_can_be_as_long_as_wanted_and_still_decodes() {
    for format in FORMATS {
        for wanted in [4_096, 300_000] {
            let sized = Subject { base64_len: Some(wanted), ..subject(format) };
            let file = generate(&sized).unwrap();
            let base64_len = file.len().div_ceil(3) * 4;
            assert!(base64_len.abs_diff(wanted) <= 64, "{format:?}: {base64_len} for {wanted}");
            assert_eq!(decode(&file, format).dimensions(), (160, 96));
        }
    }
}

#[test]
fn a_gif_has_the_asked_number_of_frames() {
    use image::{AnimationDecoder, codecs::gif::GifDecoder};
    let file = generate(&Subject { frames: 5, ..subject(Format::Gif) }).unwrap();
    let decoder = GifDecoder::new(std::io::Cursor::new(file)).unwrap();
    assert_eq!(decoder.into_frames().count(), 5);
}

#[test]
fn reference_images_show_whether_or_not_they_decode() {
    let photo = Bytes::from(generate(&subject(Format::Png)).unwrap());
    let without = generate(&subject(Format::Png)).unwrap();
    let with = |files: Vec<Bytes>| {
        generate(&Subject { references: files, ..subject(Format::Png) }).unwrap()
    };
    assert_ne!(with(vec![photo.clone()]), without);
    assert_ne!(with(vec![photo]), with(vec![Bytes::from_static(b"not an image")]));
}

#[test]
fn a_size_of_zero_is_an_error() {
    assert!(generate(&Subject { width: 0, ..subject(Format::Png) }).is_err());
}

#[test]
fn the_cache_gives_the_same_bytes_again() {
    let cache = Cache::default();
    let first = cache.base64(&subject(Format::Png)).unwrap();
    let again = cache.base64(&subject(Format::Png)).unwrap();
    assert_eq!(first.as_ptr(), again.as_ptr());
}
