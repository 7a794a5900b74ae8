//! What a script that failed says.

use crate::script::line::{Line, Script};
use core::fmt;

/// So many lines of what came before are shown.
const SHOWN: usize = 16;

/// A line that did not come true. Printed as `name:line: what`, with the line, what was seen, and what came before.
#[derive(Clone, Debug)]
pub struct Failure {
    name: String,
    number: usize,
    text: String,
    cut: Option<usize>,
    what: String,
    trace: Vec<String>,
}

impl Failure {
    pub(super) fn new(
        script: &Script,
        line: &Line,
        cut: Option<usize>,
        what: String,
        trace: &[String],
    ) -> Failure {
        Failure {
            name: script.name.clone(),
            number: line.number,
            text: line.text.clone(),
            cut: cut.map(|at| script.lines[at].number),
            what,
            trace: trace[trace.len().saturating_sub(SHOWN)..].to_vec(),
        }
    }

    pub(super) fn without_line(name: &str, what: String) -> Failure {
        Failure {
            name: name.into(),
            number: 0,
            text: String::new(),
            cut: None,
            what,
            trace: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.name, self.number, self.text)?;
        if let Some(cut) = self.cut {
            write!(f, "\n  with a takeover before line {cut}")?;
        }
        write!(f, "\n  {}", self.what)?;
        if !self.trace.is_empty() {
            write!(f, "\n  before:")?;
        }
        for line in &self.trace {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
