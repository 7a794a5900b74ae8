//! Everything is bounded (I9): what nodes hold stays within what their limits say.

use super::super::node::{Doing, Node};
use super::super::scenario::Scenario;

/// Octets that a shadow may hold of one direction beyond the buffer it mirrors: records come before the trims.
const SLACK_OCTETS: u64 = 4_096;

/// Frames that may wait on the device of a node that takes no input.
const INBOX_FRAMES: usize = 20_000;

/// Looks at every node.
///
/// # Errors
/// What has grown too large.
pub fn bounds_hold(scenario: &Scenario, nodes: &[Node]) -> Result<(), String> {
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.alive) {
        if node.inbox.len() > INBOX_FRAMES {
            return Err(format!("node {at}: {} frames wait", node.inbox.len()));
        }
        match &node.doing {
            Doing::Active(active) => {
                let (held, frames) = active.outstanding();
                let limits = &scenario.limits;
                if held > limits.log_octets + ipc::batch::BATCH_OCTETS_MAX
                    || frames > limits.gate_frames
                {
                    return Err(format!(
                        "node {at}: {held} octets in the log, {frames} frames in the gate"
                    ));
                }
            }
            Doing::Standby(standby) => {
                let tcp = &scenario.pair_tcp;
                for (id, connection) in standby.shadow().connections() {
                    let (received, sent) = connection.octets_held();
                    if received > tcp.receive_capacity as u64 + SLACK_OCTETS
                        || sent > tcp.send_capacity as u64 + SLACK_OCTETS
                    {
                        return Err(format!(
                            "node {at}: connection {id} holds {received} and {sent} octets"
                        ));
                    }
                }
            }
            Doing::Joining | Doing::Fenced => {}
        }
    }
    Ok(())
}
