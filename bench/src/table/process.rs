//! A daemon in a namespace, and what it has used.

use crate::tap::actor::{cpu_seconds_of, resident_of};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything but a table may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// See the module's text. Dropping it ends the daemon.
pub(super) struct Process {
    child: Child,
    what: String,
}

impl Process {
    /// Starts a program in a namespace; what it says goes to a file.
    pub(super) fn start<S: AsRef<OsStr>>(
        namespace: &str,
        program: &Path,
        arguments: &[S],
        log: &Path,
    ) -> io::Result<Process> {
        let said = std::fs::File::create(log)?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command.args(arguments).stdin(Stdio::null());
        let child = command.stdout(said.try_clone()?).stderr(said).spawn()?;
        Ok(Process {
            child,
            what: format!("{} (its words are in {})", program.display(), log.display()),
        })
    }

    /// Processor seconds so far, user and system.
    pub(super) fn cpu_seconds(&self) -> io::Result<f64> {
        cpu_seconds_of(self.child.id())
    }

    /// Resident memory in octets.
    pub(super) fn resident(&self) -> io::Result<f64> {
        resident_of(self.child.id())
    }

    /// Waits until `look` finds something.
    pub(super) fn wait<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut() -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let began = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("{} ended: {status}", self.what)));
            }
            if began.elapsed() > PATIENCE {
                let what = format!("waited in vain for {what} of {}", self.what);
                return Err(io::Error::other(what));
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
