//! The demonstration: a small run of the laboratory, told as a story.

use std::process::ExitCode;

use clap::Parser;

use super::options::{LabOptions, PeerKind};
use super::{daemons, lab};

/// Peers in the order in which they are preferred; the last one is always there.
const PEERS: [PeerKind; 5] = [
    PeerKind::Bird,
    PeerKind::Frr,
    PeerKind::Gobgp,
    PeerKind::Openbgpd,
    PeerKind::Kernel,
];

/// What the demonstration runs.
const LOAD: &str =
    "demo --sessions 2 --routes-in 2000 --routes-out 2000 --failovers 2 --hold-time 9";

#[derive(Parser)]
struct Load {
    #[command(flatten)]
    options: LabOptions,
}

/// Runs the demonstration with `peer`, or with the first real daemon that is installed.
pub(crate) fn demo(peer: Option<PeerKind>) -> ExitCode {
    let installed = |peer: &PeerKind| daemons::version(*peer).is_ok();
    let peer = peer.or_else(|| PEERS.into_iter().find(installed));
    let Load { options } = Load::parse_from(LOAD.split(' '));
    lab(LabOptions {
        peer: peer.unwrap_or(PeerKind::Kernel),
        story: true,
        ..options
    })
}
