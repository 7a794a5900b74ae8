//! Ctrl-C and SIGTERM: the run ends in order, and everything it started with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use super::error::{At, LabError, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Begins to listen for signals.
///
/// # Errors
/// The system refuses a thread or a handler.
pub(crate) fn listen() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .at("signals")?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt()).at("SIGINT")?,
            signal(SignalKind::terminate()).at("SIGTERM")?,
        )
    };
    let listener = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(listener)
        .at("signals")
        .map(drop)
}

/// Fails once a signal has come.
///
/// # Errors
/// The run was interrupted.
pub(crate) fn check() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        return Err(LabError::new("interrupted"));
    }
    Ok(())
}
