//! Everything is bounded (I9): what nodes hold, and what is under way between them, stays within what their limits say.

use super::super::channel::Channel;
use super::super::node::{Doing, Node};
use super::super::scenario::Scenario;
use tcp_ha::core::{Active, Standby};

/// Octets that a shadow may hold of one direction beyond the buffer it mirrors: records come before the trims.
const SLACK_OCTETS: u64 = 4_096;

/// Frames that may wait on the device of a node that takes no input.
const INBOX_FRAMES: usize = 20_000;

/// The largest IP packet.
const PACKET_OCTETS_MAX: usize = 65_535;

/// Octets around an IP packet.
const LINK_OCTETS: usize = 14;

/// Octets of the channel that the log does not count: headers of frames, and heartbeats until the hold limit.
const CHANNEL_SLACK_OCTETS: usize = 8_192;

/// Looks at every node, and at the channel.
///
/// # Errors
/// What has grown too large.
pub fn bounds_hold(
    scenario: &Scenario,
    nodes: &[Node],
    channel: Option<&Channel>,
) -> Result<(), String> {
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.alive) {
        inbox_holds(scenario, node)
            .and_then(|()| match &node.doing {
                Doing::Active(active) => active_holds(scenario, active),
                Doing::Standby(standby) => shadow_holds(scenario, standby),
                Doing::Joining | Doing::Fenced => Ok(()),
            })
            .map_err(|wrong| format!("node {at}: {wrong}"))?;
    }
    let under_way = channel.map_or(0, |channel| channel.to_standby.pending());
    if under_way > log_octets(scenario) + CHANNEL_SLACK_OCTETS {
        return Err(format!("{under_way} octets under way to the standby"));
    }
    Ok(())
}

/// A batch may be larger than the log when nothing else is in it.
fn log_octets(scenario: &Scenario) -> usize {
    scenario.limits.log_octets + ipc::batch::BATCH_OCTETS_MAX
}

/// The largest frame of either side.
fn frame_octets(scenario: &Scenario) -> usize {
    let mtu = scenario.pair_tcp.mtu.max(scenario.peer_tcp.mtu);
    usize::from(mtu) + LINK_OCTETS
}

/// The largest frame that waits for an acknowledgement: a device may cut it later.
fn waiting_octets(scenario: &Scenario) -> usize {
    match scenario.pair_tcp.super_segments {
        true => PACKET_OCTETS_MAX + LINK_OCTETS,
        false => frame_octets(scenario),
    }
}

fn inbox_holds(scenario: &Scenario, node: &Node) -> Result<(), String> {
    let frames = node.inbox.len();
    let octets: usize = node.inbox.iter().map(Vec::len).sum();
    if frames > INBOX_FRAMES || octets > frames * frame_octets(scenario) {
        return Err(format!("{frames} frames of {octets} octets wait"));
    }
    Ok(())
}

fn active_holds(scenario: &Scenario, active: &Active) -> Result<(), String> {
    let (held, frames) = active.outstanding();
    let octets = active.gate_octets();
    if held > log_octets(scenario)
        || frames > scenario.limits.gate_frames
        || octets > frames * waiting_octets(scenario)
    {
        return Err(format!(
            "{held} octets in the log, {frames} frames of {octets} octets in the gate"
        ));
    }
    Ok(())
}

fn shadow_holds(scenario: &Scenario, standby: &Standby) -> Result<(), String> {
    let tcp = &scenario.pair_tcp;
    let connections = standby.shadow().connections();
    for (at, (id, connection)) in connections.enumerate() {
        let (received, sent) = connection.octets_held();
        if received > tcp.receive_capacity as u64 + SLACK_OCTETS
            || sent > tcp.send_capacity as u64 + SLACK_OCTETS
        {
            return Err(format!(
                "connection {id} holds {received} and {sent} octets"
            ));
        }
        if at >= tcp.max_connections {
            return Err(format!("more than {at} connections"));
        }
    }
    Ok(())
}

/// Looks at the buffers of every connection of the active.
///
/// # Errors
/// What has grown too large.
pub(in super::super) fn buffers_hold(scenario: &Scenario, active: &Active) -> Result<(), String> {
    let tcp = &scenario.pair_tcp;
    let engine = active.engine();
    for info in engine.connections().filter_map(|id| engine.connection(id)) {
        let (unread, unacknowledged) = (info.rcv_nxt - info.read, info.snd_end - info.snd_una);
        let early = info.reassembly;
        if unread + early > tcp.receive_capacity as u64 || unacknowledged > tcp.send_capacity as u64
        {
            let id = info.id;
            return Err(format!(
                "connection {id} holds {unread} octets unread, {early} early, {unacknowledged} unacknowledged"
            ));
        }
    }
    Ok(())
}
