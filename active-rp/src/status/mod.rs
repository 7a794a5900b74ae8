//! The status socket: one line asks, one JSON document answers, and the connection is closed.
//!
//! ```text
//! status
//! routes
//! switchover
//! originate announce FILE
//! originate withdraw FILE
//! security FILE
//! unprotect CONNECTION
//! protect CONNECTION
//! dismiss
//! ```
//! What cannot be answered or done is answered with `{"error": "..."}`. Files are read by the node: name them from the root.

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

use tokio::sync::oneshot;

pub mod client;
pub mod human;
pub mod server;

pub use server::Server;

/// A line is not longer than this, in octets.
pub const REQUEST_OCTETS_MAX: usize = 4096;

/// What an operator may want of an active, of its protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Take a connection out of protection, by its id in the status.
    Unprotect(u64),
    /// Protect it again.
    Protect(u64),
    /// Send the standby away; it comes back and begins from nothing.
    Dismiss,
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unprotect(id) => write!(f, "unprotect {id}"),
            Self::Protect(id) => write!(f, "protect {id}"),
            Self::Dismiss => f.write_str("dismiss"),
        }
    }
}

impl Wish {
    /// The wish of a line, if it is one.
    fn parse(line: &str) -> Option<Result<Self, String>> {
        let wish: fn(u64) -> Self = match line.split_once(' ') {
            Some(("unprotect", _)) => Self::Unprotect,
            Some(("protect", _)) => Self::Protect,
            _ if line == "dismiss" => return Some(Ok(Self::Dismiss)),
            _ => return None,
        };
        let (_, id) = line.split_once(' ')?;
        let id = id.parse().map(wish);
        Some(id.map_err(|_| format!("{line:?}: name the connection by its id in the status")))
    }
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What the node says of itself.
    Status,
    /// The speaker's Loc-RIB.
    Routes,
    /// Hand over to the standby.
    Switchover,
    /// Ask of peers what the `[[security]]` sections of a file say, instead of what was asked before.
    Security {
        /// The file, from the root.
        file: PathBuf,
    },
    /// Change what is protected.
    Wish(Wish),
    /// Announce the routes of a file, or withdraw them.
    Originate {
        /// Whether to announce.
        announce: bool,
        /// The file, from the root.
        file: PathBuf,
    },
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Routes => f.write_str("routes"),
            Self::Switchover => f.write_str("switchover"),
            Self::Wish(wish) => wish.fmt(f),
            Self::Security { file } => write!(f, "security {}", file.display()),
            Self::Originate { announce, file } => {
                let verb = if *announce { "announce" } else { "withdraw" };
                write!(f, "originate {verb} {}", file.display())
            }
        }
    }
}

impl FromStr for Request {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let line = line.trim_end_matches(['\r', '\n']);
        let originate = |announce, file: &str| match file {
            file if file.starts_with('/') => Ok(Self::Originate {
                announce,
                file: file.into(),
            }),
            file => Err(format!("{file:?}: name the file from the root")),
        };
        if let Some(wish) = Wish::parse(line) {
            return wish.map(Self::Wish);
        }
        match line {
            "status" => Ok(Self::Status),
            "routes" => Ok(Self::Routes),
            "switchover" => Ok(Self::Switchover),
            _ if line.starts_with("security /") => Ok(Self::Security {
                file: line["security ".len()..].into(),
            }),
            _ => match line
                .strip_prefix("originate ")
                .and_then(|rest| rest.split_once(' '))
            {
                Some(("announce", file)) => originate(true, file),
                Some(("withdraw", file)) => originate(false, file),
                _ => Err(format!(
                    "{line:?} is none of status, routes, switchover, originate announce FILE, \
                     originate withdraw FILE, security FILE, unprotect CONNECTION, \
                     protect CONNECTION, dismiss"
                )),
            },
        }
    }
}

/// A request on its way to the node, and where the answer goes: a JSON document, or why there is none.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<String, String>>,
}

#[cfg(test)]
mod tests;
