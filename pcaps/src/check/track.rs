//! Flows being followed, found by their ends.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use crate::bgp::MessageReader;
use crate::check::config::CheckConfig;
use crate::check::judge::BrokenInFlow;
use crate::check::report::Opening;
use crate::check::side::Side;
use crate::flow::{Direction, Ends, Flow, FlowId};
use crate::seq::SeqNum;
use crate::tcp::{Flags, TcpSegment};
use crate::time::Timestamp;

/// A SYN on a flow that is open: the beginning of the next flow if it is answered, else an attempt that came to nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) direction: Direction,
    pub(super) iss: SeqNum,
    pub(super) window_scale: Option<u8>,
}

/// ISNs of the flow that used the same pair of sockets before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Previous {
    pub(super) last: Timestamp,
    pub(super) client_iss: Option<SeqNum>,
    pub(super) server_iss: Option<SeqNum>,
}

/// A flow being followed.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) flow: Flow,
    pub(super) opening: Opening,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) client: Side,
    pub(super) server: Side,
    pub(super) reset: bool,
    pub(super) attempt: Option<Attempt>,
    pub(super) previous: Option<Previous>,
    pub(super) broken: BrokenInFlow,
}

impl Tracked {
    /// The side that sends in `direction`, then the other.
    pub(super) fn sides(&mut self, direction: Direction) -> (&mut Side, &mut Side) {
        match direction {
            Direction::FromClient => (&mut self.client, &mut self.server),
            Direction::FromServer => (&mut self.server, &mut self.client),
        }
    }

    /// The ISN that the sender in `direction` used in the flow before.
    pub(super) fn previous_iss(&self, direction: Direction) -> Option<(Timestamp, SeqNum)> {
        let previous = self.previous?;
        let iss = match direction {
            Direction::FromClient => previous.client_iss,
            Direction::FromServer => previous.server_iss,
        };
        iss.map(|iss| (previous.last, iss))
    }

    fn is_closed(&self) -> bool {
        self.reset || (self.client.fin_acked && self.server.fin_acked)
    }

    /// Whether a SYN that the sender in `direction` sends now with `iss` is one of this flow.
    fn owns_syn(&self, direction: Direction, iss: SeqNum) -> bool {
        let (sender, other) = match direction {
            Direction::FromClient => (&self.client, &self.server),
            Direction::FromServer => (&self.server, &self.client),
        };
        match sender.iss {
            Some(known) => known == iss,
            // A simultaneous open: the other side's SYN is there, and nothing of this side's.
            None => other.iss.is_some() && !sender.is_anchored(),
        }
    }
}

/// All flows of a capture.
#[derive(Debug, Default)]
pub(super) struct Table {
    newest: HashMap<(SocketAddr, SocketAddr), usize>,
    pub(super) flows: Vec<Tracked>,
}

/// A flow found for a segment.
pub(super) struct Found {
    pub(super) index: usize,
    pub(super) direction: Direction,
    /// The segment is an attempt to open that began this flow, or came upon it while it was open.
    pub(super) attempt: bool,
}

impl Table {
    /// The flow of a segment, begun where there was none. `None` when there is no room for another.
    pub(super) fn find(
        &mut self,
        config: &CheckConfig,
        time: Timestamp,
        (source, destination): (SocketAddr, SocketAddr),
        tcp: &TcpSegment<'_>,
    ) -> Option<Found> {
        let key = (source.min(destination), source.max(destination));
        let syn = tcp.flags.has(Flags::SYN);
        let answer = syn && tcp.flags.has(Flags::ACK);
        let Some(&index) = self.newest.get(&key) else {
            let client_first = !answer;
            let ends = ends(source, destination, client_first);
            let index = self.begin(config, time, ends, syn && !answer, None)?;
            let direction = if client_first {
                Direction::FromClient
            } else {
                Direction::FromServer
            };
            return Some(Found {
                index,
                direction,
                attempt: syn && !answer,
            });
        };
        let known = &mut self.flows[index];
        let direction = if known.flow.ends.client == source {
            Direction::FromClient
        } else {
            Direction::FromServer
        };
        if answer && let Some(attempt) = answered_attempt(known, direction, tcp) {
            let ends = ends(source, destination, false);
            let index = self.begin(config, time, ends, true, Some(index))?;
            let client = &mut self.flows[index].client;
            client.begin_with_syn(attempt.iss, attempt.window_scale);
            return Some(Found {
                index,
                direction: Direction::FromServer,
                attempt: false,
            });
        }
        if !syn || answer || known.owns_syn(direction, tcp.seg_seq) {
            return Some(Found {
                index,
                direction,
                attempt: false,
            });
        }
        if known.is_closed() || matches!(known.opening, Opening::Refused | Opening::Unanswered) {
            let ends = ends(source, destination, true);
            let index = self.begin(config, time, ends, true, Some(index))?;
            return Some(Found {
                index,
                direction: Direction::FromClient,
                attempt: true,
            });
        }
        known.attempt = Some(Attempt {
            direction,
            iss: tcp.seg_seq,
            window_scale: tcp.options.window_scale,
        });
        Some(Found {
            index,
            direction,
            attempt: true,
        })
    }

    fn begin(
        &mut self,
        config: &CheckConfig,
        time: Timestamp,
        ends: Ends,
        with_syn: bool,
        before: Option<usize>,
    ) -> Option<usize> {
        if self.flows.len() >= config.flows_max {
            return None;
        }
        let previous = before.map(|before| {
            let before = &mut self.flows[before];
            before.client.clear();
            before.server.clear();
            let same_client = before.flow.ends.client == ends.client;
            let (client, server) = if same_client {
                (&before.client, &before.server)
            } else {
                (&before.server, &before.client)
            };
            Previous {
                last: before.last,
                client_iss: client.iss,
                server_iss: server.iss,
            }
        });
        let bgp = [ends.client.port(), ends.server.port()]
            .iter()
            .any(|port| config.bgp_ports.contains(port));
        let messages = || bgp.then(MessageReader::new);
        let index = self.flows.len();
        let id = FlowId(u32::try_from(index).ok()?);
        self.flows.push(Tracked {
            flow: Flow {
                id,
                ends,
                ours: ours(config, ends),
            },
            opening: if with_syn {
                Opening::Unanswered
            } else {
                Opening::NotCaptured
            },
            first: time,
            last: time,
            client: Side::new(messages()),
            server: Side::new(messages()),
            reset: false,
            attempt: None,
            previous,
            broken: BTreeMap::new(),
        });
        let key = (ends.client.min(ends.server), ends.client.max(ends.server));
        self.newest.insert(key, index);
        Some(index)
    }
}

fn ends(source: SocketAddr, destination: SocketAddr, client_first: bool) -> Ends {
    let (client, server) = if client_first {
        (source, destination)
    } else {
        (destination, source)
    };
    Ends { client, server }
}

fn ours(config: &CheckConfig, ends: Ends) -> Option<Direction> {
    let client = config.us.contains(&ends.client.ip());
    let server = config.us.contains(&ends.server.ip());
    match (client, server) {
        (true, false) => Some(Direction::FromClient),
        (false, true) => Some(Direction::FromServer),
        _ => None,
    }
}

/// The attempt that a SYN-ACK answers, where one is open.
fn answered_attempt(
    known: &Tracked,
    direction: Direction,
    tcp: &TcpSegment<'_>,
) -> Option<Attempt> {
    known.attempt.filter(|attempt| {
        attempt.direction == direction.reverse() && attempt.iss.plus(1) == tcp.seg_ack
    })
}
