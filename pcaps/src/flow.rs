//! Flows: TCP connections told apart by addresses, ports and SYN.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

/// Names a flow within one run of a checker, counted from zero in the order of first segments.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct FlowId(pub u32);

/// The two ends of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Ends {
    /// The end that sent the first SYN, or the first segment where no SYN was captured.
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
}

/// One of the two directions of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Segments that the client sent.
    FromClient,
    /// Segments that the server sent.
    FromServer,
}

impl Direction {
    /// The other direction.
    pub const fn reverse(self) -> Direction {
        match self {
            Direction::FromClient => Direction::FromServer,
            Direction::FromServer => Direction::FromClient,
        }
    }
}

/// A flow, as observers see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Flow {
    /// Its name in this run.
    pub id: FlowId,
    /// Its two ends.
    pub ends: Ends,
    /// The direction in which "our" side sends, where [`crate::check::CheckConfig::us`] names exactly one end.
    pub ours: Option<Direction>,
}

impl Flow {
    /// Who sends in `direction`.
    pub const fn source(&self, direction: Direction) -> SocketAddr {
        match direction {
            Direction::FromClient => self.ends.client,
            Direction::FromServer => self.ends.server,
        }
    }

    /// Who receives in `direction`.
    pub const fn destination(&self, direction: Direction) -> SocketAddr {
        self.source(direction.reverse())
    }

    /// The end that is not ours; `None` where "ours" is not told.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.ours.map(|ours| self.destination(ours))
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.ends.client, self.ends.server)
    }
}
