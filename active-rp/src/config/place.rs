//! Where a setting was made, for errors.

use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::ConfigError;

/// Where a setting was made, or is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    Line {
        /// The file.
        file: Arc<PathBuf>,
        /// The line, from 1.
        line: usize,
    },
    /// On the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl Place {
    /// The error that `what` is wrong here.
    pub(super) fn error(&self, what: impl Into<String>) -> ConfigError {
        ConfigError {
            place: self.clone(),
            what: what.into(),
        }
    }
}

/// A setting and where it was made.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<T> Given<T> {
    pub(super) fn error(&self, what: impl Into<String>) -> ConfigError {
        self.place.error(what)
    }

    pub(super) fn map<U>(self, into: impl FnOnce(T) -> U) -> Given<U> {
        Given {
            value: into(self.value),
            place: self.place,
        }
    }
}
