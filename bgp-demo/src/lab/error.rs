//! What can go wrong in the laboratory, each in one line: what, where, what to do.

use std::fmt;

/// A failure of the laboratory itself (never a verdict on the route processors).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabError(String);

/// The result of everything in the laboratory.
pub(crate) type Result<T> = std::result::Result<T, LabError>;

impl LabError {
    /// A failure told by `what`.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LabError {}

/// Says where an error of another kind happened.
pub(crate) trait At<T> {
    /// Turns the error into a [`LabError`] that begins with `place`.
    fn at(self, place: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> At<T> for std::result::Result<T, E> {
    fn at(self, place: impl fmt::Display) -> Result<T> {
        self.map_err(|error| LabError(format!("{place}: {error}")))
    }
}
