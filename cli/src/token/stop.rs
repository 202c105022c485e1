//! SIGTERM and SIGINT: noted, and obeyed between two steps. A refresh that has begun is brought to its end, since its
//! answer is the only copy of the next refresh token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::exit::Failure;

/// Whether the process was told to stop.
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens to the signals.
    ///
    /// # Errors
    ///
    /// A system that does not let it.
    pub(crate) fn on_signals() -> Result<Self, Failure> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .map_err(|error| Failure::Usage(format!("signals cannot be handled: {error}")))?;
        }
        Ok(Self(flag))
    }

    /// Whether a signal came.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits; `true` as soon as a signal came.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let mut left = time;
        while !self.is_asked() && !left.is_zero() {
            let slice = left.min(SLICE);
            thread::sleep(slice);
            left -= slice;
        }
        self.is_asked()
    }
}

/// How soon a signal is obeyed.
const SLICE: Duration = Duration::from_millis(50);
