//! The last pictures, kept as base64.
//!
//! Load tests send one prompt many times and want to measure what lies between, not the drawing: a
//! picture that was drawn is not drawn again, and all answers share its bytes.

use std::{collections::VecDeque, sync::Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{Failure, Subject, draw};

/// How many bytes are kept: base64, and the reference images by which a picture is known.
const MAX_BYTES: usize = 96 << 20;

/// Pictures by subject, the oldest first.
#[derive(Debug, Default)]
pub struct Gallery {
    pictures: Mutex<VecDeque<(Subject, Bytes)>>,
}

impl Gallery {
    /// The base64 of the picture of `subject`, drawn unless it is there already. This takes a
    /// while: call it where blocking is fine.
    ///
    /// # Errors
    ///
    /// [`Failure`], where it cannot be drawn.
    pub fn picture(&self, subject: &Subject) -> Result<Bytes, Failure> {
        if let Some(found) = self.find(subject) {
            return Ok(found);
        }
        let base64 = Bytes::from(STANDARD.encode(draw(subject)?));
        self.keep(subject.clone(), base64.clone());
        Ok(base64)
    }

    fn find(&self, subject: &Subject) -> Option<Bytes> {
        let pictures = self.pictures.lock().ok()?;
        pictures.iter().find(|(known, _)| known == subject).map(|(_, base64)| base64.clone())
    }

    fn keep(&self, subject: Subject, base64: Bytes) {
        let Ok(mut pictures) = self.pictures.lock() else { return };
        pictures.push_back((subject, base64));
        while pictures.len() > 1 && pictures.iter().map(weight).sum::<usize>() > MAX_BYTES {
            pictures.pop_front();
        }
    }
}

fn weight((subject, base64): &(Subject, Bytes)) -> usize {
    base64.len() + subject.references.iter().map(Bytes::len).sum::<usize>()
}
