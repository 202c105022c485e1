//! What a delivery and the driver say to each other.

use std::time::Duration;

use crate::exchange::upstream::result::Generated;

/// Whether the response's head has left for the client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Head {
    /// Envoy holds it: a failure can still have its status.
    Held,
    /// The client has the status, and got its last bytes at this time.
    Left { last_sent: Duration },
}

/// What the bytes that came mean for the client.
#[derive(Debug)]
pub(super) enum Step {
    /// None leave for it.
    Wait,
    /// These leave for it.
    Bytes(Vec<u8>),
    /// These leave in the place of the chunk, which stayed in Envoy's buffer.
    Replace(Vec<u8>),
    /// Every call has its image or its failure. These bytes leave before the outcome.
    Settled(Vec<u8>),
    /// The upstream's answer is whole: these images have passed, and these bytes are what is left
    /// of it. If the head has left, they leave in the place of the chunk, which passes as it is if
    /// there are none.
    Passed { body: Vec<u8>, images: Vec<Generated> },
}

/// How many bytes may leave beside a head that was held until now, with a chunk of `len` bytes.
///
/// Envoy has just held the chunk, so as many are safe.
pub(super) fn beside_head(len: usize) -> usize {
    len.clamp(MIN_BESIDE_HEAD, MAX_BESIDE_HEAD)
}

/// This many bytes may leave beside the head, however short the chunk: no buffer limit in use is
/// lower.
const MIN_BESIDE_HEAD: usize = 16 * 1024;
/// No more than this, however long the chunk: by default Envoy's buffer takes 1 MiB.
const MAX_BESIDE_HEAD: usize = 960 * 1024;
