//! SIGTERM and SIGINT: the process stops between two steps. A refresh that has begun is finished
//! first, since its answer is the only copy of the next refresh token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::error::SettingsError;

/// Whether the process has to stop.
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens to the signals.
    ///
    /// # Errors
    ///
    /// If the system rejects a handler.
    pub(crate) fn on_signals() -> Result<Self, SettingsError> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .map_err(SettingsError::Signals)?;
        }
        Ok(Self(flag))
    }

    /// Whether a signal has come.
    pub(crate) fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits. Returns `true` as soon as a signal has come.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let mut left = time;
        while !self.is_requested() && !left.is_zero() {
            let slice = left.min(SLICE);
            thread::sleep(slice);
            left -= slice;
        }
        self.is_requested()
    }
}

/// How soon a signal is noticed.
const SLICE: Duration = Duration::from_millis(50);
