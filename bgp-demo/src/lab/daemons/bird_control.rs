//! BIRD's control socket: a line in, numbered lines out.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::lab::error::{At, LabError, Result};

/// How long BIRD may take for one answer, a table of a million routes included.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection to a running BIRD.
#[derive(Debug)]
pub(super) struct BirdControl {
    stream: BufReader<UnixStream>,
}

impl BirdControl {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(super) fn connect(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path).at(path.display())?;
        stream.set_read_timeout(Some(PATIENCE)).at(path.display())?;
        let mut control = Self {
            stream: BufReader::new(stream),
        };
        control.answer(&mut |_| ())?;
        Ok(control)
    }

    /// Gives a command and hands each line of the answer, without its number, to `line`.
    ///
    /// # Errors
    /// BIRD refuses the command (its words are in the error), or the connection fails.
    pub(super) fn ask(&mut self, command: &str, line: &mut dyn FnMut(&str)) -> Result<()> {
        self.stream
            .get_mut()
            .write_all(format!("{command}\n").as_bytes())
            .at("BIRD's control socket")?;
        self.answer(line)
            .map_err(|error| LabError::new(format!("BIRD: {command}: {error}")))
    }

    /// Gives a command and collects the lines of the answer.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) fn ask_lines(&mut self, command: &str) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        self.ask(command, &mut |line| lines.push(line.to_owned()))?;
        Ok(lines)
    }

    /// A line is `dddd-text` or ` text` when more follow, and `dddd text` when it is the last; 8xxx and 9xxx are errors.
    fn answer(&mut self, line: &mut dyn FnMut(&str)) -> Result<()> {
        let mut text = String::new();
        loop {
            text.clear();
            if self.stream.read_line(&mut text).at("answer")? == 0 {
                return Err(LabError::new("BIRD closed its control socket"));
            }
            let whole = text.trim_end_matches('\n');
            if let Some(rest) = whole.strip_prefix([' ', '+']) {
                line(rest);
                continue;
            }
            let (Some(code), Some(rest)) = (whole.get(..4), whole.get(5..)) else {
                // The shortest last line is a bare code: "0000 " without a text.
                if whole.len() == 4 {
                    return Ok(());
                }
                continue;
            };
            if code.starts_with(['8', '9']) {
                return Err(LabError::new(rest.to_owned()));
            }
            if !rest.is_empty() {
                line(rest);
            }
            if whole.as_bytes()[4] == b' ' {
                return Ok(());
            }
        }
    }
}
