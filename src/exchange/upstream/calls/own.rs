//! The call on the client's own stream: what it says, and the image that passes through there.

use super::{Calls, Own};
use crate::exchange::upstream::call::Call;
use crate::exchange::upstream::rests::Sign;
use crate::translate::collect::{Beginning, Image, Passed, Preview};

impl Calls {
    /// Whether the client's own stream carries an answer that may bring an image, and its bytes are
    /// being read.
    pub(crate) fn is_collecting(&mut self) -> bool {
        self.own().is_some_and(|call| call.is_collecting())
    }

    /// Whether no byte has come of an answer on the client's own stream that may bring an image.
    pub(crate) fn is_unread(&mut self) -> bool {
        self.own().is_some_and(|call| call.is_unread())
    }

    /// Decides how the answer on the client's own stream is read, which begins with `chunk`.
    pub(crate) fn judge(&mut self, chunk: &[u8]) {
        if let Some(call) = self.own() {
            call.judge(chunk);
        }
    }

    /// Whether the answer on the client's own stream comes as events.
    pub(crate) fn reads_events(&mut self) -> bool {
        self.own().is_some_and(|call| call.reads_events())
    }

    /// The previews on the client's own stream that have come whole since they were last taken.
    pub(crate) fn take_previews(&mut self) -> Vec<Preview> {
        self.own().map(Call::take_previews).unwrap_or_default()
    }

    /// Lets the image on the client's own stream pass through, once. Returns its beginning. Not an
    /// image that has come whole and is longer than `most`, nor one of an unknown format if
    /// `needs_format`.
    pub(crate) fn own_pass(&mut self, most: usize, needs_format: bool) -> Option<Beginning> {
        self.own().and_then(|call| call.pass(most, needs_format))
    }

    /// What of the last chunk passes through. `None` if no image passes through.
    pub(crate) fn own_passed(&mut self) -> Option<Passed> {
        self.own().and_then(Call::take_passed)
    }

    /// Whether the last byte has come of the image on the client's own stream, which passes
    /// through.
    pub(crate) fn own_has_passed(&mut self) -> bool {
        self.own().is_some_and(|call| call.has_passed())
    }

    /// Whether the image on the client's own stream has found no room here.
    pub(crate) fn own_lacks_room(&mut self) -> bool {
        self.own().is_some_and(|call| call.lacks_room())
    }

    /// The image on the client's own stream that passes through, of an answer that breaks off here,
    /// once, and its candidate.
    pub(crate) fn own_passed_image(&mut self) -> Option<(usize, Image)> {
        let call = self.own()?;
        let candidate = call.candidate();
        call.passed_image().map(|image| (candidate, image))
    }

    /// Whether a byte has come on the client's own stream of the image, or of a preview that the
    /// client is shown.
    pub(crate) fn has_begun(&self) -> bool {
        let own = self.calls.first().filter(|_| !matches!(self.own, Own::Replaced | Own::Unused));
        own.is_some_and(Call::has_begun)
    }

    /// Notes what the answer on the client's own stream says about its upstream.
    pub(crate) fn own_sign(&mut self, sign: Sign) {
        self.own().into_iter().for_each(|call| call.sign(sign));
    }
}
