//! What this host knows of an incarnation.

use super::Driver;
use crate::config::StackConfig;
use ipc::liveness::{self, Sign};
use ipc::{Entry, Incarnation};
use std::io;

/// See the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lives, here.
    Lives,
    /// It was here, and is dead.
    Dead,
    /// It was not here: it may live elsewhere.
    Unknown,
}

/// Whether the other node may be on another host, so that a missing sign of life proves nothing.
pub(super) fn spans_hosts(config: &StackConfig) -> bool {
    config.etcd.is_some() || !config.channel.is_of_one_host()
}

impl Driver {
    /// What is known of `whom`. A pair of one host has all its signs of life here; a pair of two has not.
    pub(super) fn fate(&self, whom: Incarnation) -> io::Result<Fate> {
        let sign = liveness::sign(&self.config.register, whom)?;
        Ok(match sign {
            Sign::Held => Fate::Lives,
            Sign::Dead => Fate::Dead,
            Sign::Missing if !spans_hosts(&self.config) => Fate::Dead,
            Sign::Missing => Fate::Unknown,
        })
    }

    /// Removes the signs of the dead, but for those by whose death somebody may have to be proved right.
    pub(super) fn sweep(&self, entry: &Entry) {
        if spans_hosts(&self.config) {
            let kept: Vec<Incarnation> = entry.standby.into_iter().chain([entry.active]).collect();
            // A failure costs disk space only.
            let _ = liveness::sweep_except(&self.config.register, &kept);
        }
    }
}
