//! Makes a file as long as wanted, in a place that every decoder skips.

use super::Format;
use crate::random::Random;

/// The longest content of one JPEG comment segment.
const MAX_COMMENT: usize = 65_533;

/// Adds noise to `file` until it is about `target` bytes long. A file that is long enough stays as
/// it is.
pub(super) fn pad(file: Vec<u8>, format: Format, target: usize, seed: u64) -> Vec<u8> {
    let missing = target.saturating_sub(file.len());
    if missing < 16 {
        return file;
    }
    let mut random = Random::new(seed ^ 0x6e6f_6973_6521);
    match format {
        Format::Png => insert(file, 33, &png_chunk(&random.bytes(missing - 12))),
        Format::Jpeg => insert(file, 2, &jpeg_comments(&mut random, missing)),
        Format::Webp => webp_chunk(file, &random.bytes(missing - 8)),
        Format::Gif => {
            let end = file.len().saturating_sub(1);
            insert(file, end, &gif_comment(&mut random, missing))
        }
    }
}

fn insert(mut file: Vec<u8>, at: usize, noise: &[u8]) -> Vec<u8> {
    let at = at.min(file.len());
    let tail = file.split_off(at);
    file.reserve_exact(noise.len() + tail.len());
    file.extend_from_slice(noise);
    file.extend_from_slice(&tail);
    file
}

/// A private ancillary chunk (PNG specification §5.4), which goes behind the 33 bytes of signature
/// and header.
fn png_chunk(noise: &[u8]) -> Vec<u8> {
    let mut checked = b"noIs".to_vec();
    checked.extend_from_slice(noise);
    let mut chunk = u32::try_from(noise.len()).unwrap_or_default().to_be_bytes().to_vec();
    chunk.extend_from_slice(&checked);
    chunk.extend_from_slice(&crc32fast::hash(&checked).to_be_bytes());
    chunk
}

/// COM segments (ITU T.81 §B.2.4.5) behind the start marker.
fn jpeg_comments(random: &mut Random, mut missing: usize) -> Vec<u8> {
    let mut segments = Vec::with_capacity(missing);
    while missing > 4 {
        let len = (missing - 4).min(MAX_COMMENT);
        segments.extend_from_slice(&[0xff, 0xfe]);
        segments.extend_from_slice(&u16::try_from(len + 2).unwrap_or_default().to_be_bytes());
        segments.extend_from_slice(&random.bytes(len));
        missing -= len + 4;
    }
    segments
}

/// An unknown chunk at the end (WebP container specification), counted in the length of the file.
fn webp_chunk(mut file: Vec<u8>, noise: &[u8]) -> Vec<u8> {
    let even = noise.get(..noise.len() & !1).unwrap_or_default();
    file.extend_from_slice(b"NOIS");
    file.extend_from_slice(&u32::try_from(even.len()).unwrap_or_default().to_le_bytes());
    file.extend_from_slice(even);
    let riff = u32::try_from(file.len().saturating_sub(8)).unwrap_or_default().to_le_bytes();
    if let Some(length) = file.get_mut(4..8) {
        length.copy_from_slice(&riff);
    }
    file
}

/// A comment extension (GIF89a §24) before the trailer.
fn gif_comment(random: &mut Random, missing: usize) -> Vec<u8> {
    let mut extension = vec![0x21, 0xfe];
    let mut left = missing.saturating_sub(3);
    while left > 1 {
        let len = (left - 1).min(255);
        extension.push(len as u8);
        extension.extend_from_slice(&random.bytes(len));
        left -= len + 1;
    }
    extension.push(0);
    extension
}
