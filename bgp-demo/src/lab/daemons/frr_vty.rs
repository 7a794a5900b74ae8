//! The terminal of an FRR daemon on its Unix socket: a command ends with a zero octet, an answer with three zero octets
//! and a result.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::lab::error::{At, LabError, Result};

/// How long FRR may take for one answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// FRR's CMD_SUCCESS, and CMD_WARNING, which a command that changed nothing gives.
const ACCEPTED: [u8; 2] = [0, 1];

/// A connection to an FRR daemon.
#[derive(Debug)]
pub(super) struct FrrVty {
    stream: UnixStream,
}

impl FrrVty {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(super) fn connect(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path).at(path.display())?;
        stream.set_read_timeout(Some(PATIENCE)).at(path.display())?;
        let mut vty = Self { stream };
        vty.ask("enable")?;
        Ok(vty)
    }

    /// Gives a command and returns the answer.
    ///
    /// # Errors
    /// FRR refuses the command (its words are in the error), or the connection fails.
    pub(super) fn ask(&mut self, command: &str) -> Result<String> {
        let place = || format!("FRR: {command}");
        self.stream
            .write_all(format!("{command}\0").as_bytes())
            .at(place())?;
        let mut answer = Vec::new();
        let mut chunk = [0; 65_536];
        loop {
            let count = match self.stream.read(&mut chunk) {
                // A read with a time limit is not taken up again after a signal.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.at(place())?,
            };
            if count == 0 {
                return Err(LabError::new(format!("{}: the daemon hung up", place())));
            }
            answer.extend_from_slice(&chunk[..count]);
            if let [text @ .., 0, 0, 0, result] = &answer[..] {
                let text = String::from_utf8_lossy(text).into_owned();
                if ACCEPTED.contains(result) {
                    return Ok(text);
                }
                return Err(LabError::new(format!(
                    "{}: refused ({result}): {}",
                    place(),
                    text.trim()
                )));
            }
        }
    }
}
