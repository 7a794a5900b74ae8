//! Captures by tcpdump, from before the first frame to after the last.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::child::{Child, find, wait_until};
use super::error::{LabError, Result};

/// Kernel buffer of the capture that holds everything, KiB.
const WHOLE_BUFFER_KIB: u32 = 256 * 1024;
/// Kernel buffer of a capture of headers, KiB.
const HEADERS_BUFFER_KIB: u32 = 32 * 1024;
/// Octets kept of each frame when only headers are wanted: Ethernet, IPv6 and the longest TCP header.
const HEADERS_LEN: u32 = 128;
/// How long tcpdump may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a capture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every frame that crosses the device, whole.
    Everything,
    /// The headers of what the process behind a TAP has sent.
    SentHeaders,
}

/// A running capture.
#[derive(Debug)]
pub(crate) struct Capture {
    child: Child,
    file: PathBuf,
}

impl Capture {
    /// Begins to capture on `device` into `file`; returns when frames are being captured.
    ///
    /// # Errors
    /// tcpdump is missing, or said why it cannot.
    pub(crate) fn start(device: &str, file: &Path, scope: Scope) -> Result<Self> {
        let (buffer, length, direction) = match scope {
            Scope::Everything => (WHOLE_BUFFER_KIB, 0, "inout"),
            Scope::SentHeaders => (HEADERS_BUFFER_KIB, HEADERS_LEN, "in"),
        };
        let log = file.with_extension("tcpdump.log");
        let mut command = Command::new(find("tcpdump")?);
        command
            .args(["-i", device, "-n", "-Z", "root"])
            .args(["--time-stamp-precision=nano", "-Q", direction])
            .args(["-B", &buffer.to_string(), "-s", &length.to_string()])
            .arg("-w")
            .arg(file);
        let child = Child::spawn(&format!("tcpdump on {device}"), &mut command, &log)?;
        let mut capture = Self {
            child,
            file: file.to_owned(),
        };
        wait_until(&format!("tcpdump on {device}"), PATIENCE, || {
            capture.child.must_run()?;
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            Ok(said.contains("listening on").then_some(()))
        })?;
        Ok(capture)
    }

    /// Ends the capture and gives the file and the number of frames that the kernel had to drop.
    ///
    /// # Errors
    /// tcpdump does not end, or did not say what it dropped.
    pub(crate) fn stop(mut self) -> Result<(PathBuf, u64)> {
        self.child.signal(Signal::INT);
        if self.child.wait(PATIENCE).is_none() {
            return Err(LabError::new(format!(
                "tcpdump does not end: {}",
                self.file.display()
            )));
        }
        let said = std::fs::read_to_string(self.child.log()).unwrap_or_default();
        match dropped(&said) {
            Some(count) => Ok((self.file.clone(), count)),
            None => Err(LabError::new(format!(
                "tcpdump did not say what it dropped: {}",
                said.lines().last().unwrap_or("no output")
            ))),
        }
    }
}

fn dropped(said: &str) -> Option<u64> {
    said.lines()
        .find(|line| line.contains("dropped by kernel"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_read_from_tcpdumps_last_words() {
        let said = "tcpdump: listening on br0\n10 packets captured\n12 packets received by filter\n2 packets dropped by kernel\n";
        assert_eq!(dropped(said), Some(2));
        assert_eq!(dropped("tcpdump: killed"), None);
    }
}
