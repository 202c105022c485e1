//! The host's shared key-value data, as [`local`](super::local) limits need it.

/// Data that all workers share.
///
/// Two facts of Envoy's shared data shape its users: nothing is ever deleted, and a swap of a key
/// that does not exist succeeds with any token. So the number of keys is fixed, and each exists
/// before workers race for it.
pub trait Store {
    /// The value under `key`, and the token for [`swap`](Self::swap).
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>);

    /// Stores `value` unless `key` has changed since `token` was read. Without a token, always.
    ///
    /// # Errors
    ///
    /// [`Conflict`] if it has changed.
    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict>;

    /// Lets other threads run: a worker that this one waits for may need the core.
    fn wait(&self) {
        std::thread::yield_now();
    }
}

/// Another worker was faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value has changed")]
pub struct Conflict;
