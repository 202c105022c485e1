//! The last images, kept as base64.
//!
//! Load tests send one prompt many times, and want to measure what lies in between: such an image is
//! generated once, and all answers share its bytes.

use std::{collections::VecDeque, sync::Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use image::ImageResult;

use super::{Subject, generate};

/// How many bytes are kept: base64, and the reference images of the subjects.
const MAX_BYTES: usize = 96 << 20;

/// Images by subject, the oldest first.
#[derive(Debug, Default)]
pub struct Cache {
    images: Mutex<VecDeque<(Subject, Bytes)>>,
}

impl Cache {
    /// The base64 of the image of `subject`, generated unless it is kept. This takes a while: call
    /// it where blocking is fine.
    ///
    /// # Errors
    ///
    /// Those of [`generate`].
    pub fn base64(&self, subject: &Subject) -> ImageResult<Bytes> {
        let kept = |images: &VecDeque<(Subject, Bytes)>| {
            images.iter().find(|(kept, _)| kept == subject).map(|(_, base64)| base64.clone())
        };
        if let Some(base64) = self.images.lock().ok().and_then(|images| kept(&images)) {
            return Ok(base64);
        }
        let base64 = Bytes::from(STANDARD.encode(generate(subject)?));
        if let Ok(mut images) = self.images.lock() {
            images.push_back((subject.clone(), base64.clone()));
            while images.len() > 1 && images.iter().map(weight).sum::<usize>() > MAX_BYTES {
                images.pop_front();
            }
        }
        Ok(base64)
    }
}

fn weight((subject, base64): &(Subject, Bytes)) -> usize {
    base64.len() + subject.references.iter().map(Bytes::len).sum::<usize>()
}
