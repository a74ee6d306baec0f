//! SIGTERM and SIGINT drain and save, a second one stops at once, SIGHUP reloads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Error;

/// Flags that signal handlers set.
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn install() -> Result<Self, Error> {
        let signals = Self {
            stop: Arc::default(),
            reload: Arc::default(),
        };
        let install = || {
            for signal in [SIGTERM, SIGINT] {
                // The order matters: the first signal finds the flag unset and sets it, the second finds it set and exits.
                flag::register_conditional_shutdown(signal, 1, Arc::clone(&signals.stop))?;
                flag::register(signal, Arc::clone(&signals.stop))?;
            }
            flag::register(SIGHUP, Arc::clone(&signals.reload))
        };
        install().map_err(|error| Error::io("cannot watch for signals", "SIGTERM", &error))?;
        Ok(signals)
    }

    pub(super) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    pub(super) fn shared_stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether a reload was asked for since the last call.
    pub(super) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::Relaxed)
    }

    /// Waits for a stop.
    pub(super) fn wait(&self) {
        while !self.is_stopping() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
