//! The node's ends of its daemon's streams.

use crate::command::Commands;
use crate::handle::Shared;
use crate::listener::{Accepting, Waiting};
use crate::stream::{Inbound, TcpStream};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tcp_ha_core::{Active, NodeEvent, StreamStart};
use tcp_ha_engine::{CloseCause, ConnectionId, ListenerId};
use tokio::sync::{mpsc, oneshot};

type Opening = oneshot::Sender<io::Result<TcpStream>>;

/// One stream's node end.
struct Side {
    shared: Arc<Shared>,
    inbound: mpsc::UnboundedSender<Inbound>,
    /// SND.UNA as a stream offset, as far as the daemon was given room for it.
    acknowledged: u64,
}

struct Listening {
    local: SocketAddr,
    accepted: mpsc::UnboundedSender<Waiting>,
}

/// See the module's text.
pub(super) struct Streams {
    capacity: usize,
    by_event: bool,
    commands: Commands,
    sides: HashMap<ConnectionId, Side>,
    listening: HashMap<ListenerId, Listening>,
    connecting: HashMap<ConnectionId, Opening>,
    /// Streams of a dead active that nobody has listened for yet.
    orphans: Vec<TcpStream>,
}

impl Streams {
    pub(super) fn new(capacity: usize, by_event: bool, commands: Commands) -> Streams {
        Streams {
            capacity,
            by_event,
            commands,
            sides: HashMap::new(),
            listening: HashMap::new(),
            connecting: HashMap::new(),
            orphans: Vec::new(),
        }
    }

    fn open(&mut self, start: StreamStart) -> TcpStream {
        let StreamStart {
            id,
            local,
            remote,
            read,
            snd_una,
            room,
            ..
        } = start;
        let shared = Arc::new(Shared::new(id, local, remote, room, self.capacity));
        let (inbound, receiver) = mpsc::unbounded_channel();
        self.sides.insert(
            id,
            Side {
                shared: Arc::clone(&shared),
                inbound,
                acknowledged: snd_una,
            },
        );
        TcpStream::new(shared, self.commands.clone(), receiver, read)
    }

    /// Takes up the streams of a dead active; returns those that the daemon gets at once.
    pub(super) fn take_up(
        &mut self,
        active: &mut Active,
        taken: &[ConnectionId],
    ) -> Vec<TcpStream> {
        let starts: Vec<StreamStart> = taken
            .iter()
            .filter_map(|&id| active.hand_over(id))
            .collect();
        let streams: Vec<TcpStream> = starts.into_iter().map(|start| self.open(start)).collect();
        if self.by_event {
            return streams;
        }
        self.orphans = streams;
        Vec::new()
    }

    pub(super) fn listen(&mut self, id: ListenerId, local: SocketAddr) -> Accepting {
        let (accepted, streams) = mpsc::unbounded_channel();
        let listens = |stream: &mut TcpStream| {
            let socket = stream.local_addr();
            socket.port() == local.port()
                && (local.ip().is_unspecified() || local.ip() == socket.ip())
        };
        for stream in self.orphans.extract_if(.., listens) {
            let counts = false;
            let _ = accepted.send(Waiting { stream, counts });
        }
        self.listening.insert(id, Listening { local, accepted });
        Accepting { id, local, streams }
    }

    pub(super) fn unlisten(&mut self, id: ListenerId) {
        if let Some(listening) = self.listening.remove(&id) {
            tracing::debug!(local = %listening.local, "listens no more");
        }
    }

    pub(super) fn connecting(&mut self, id: ConnectionId, reply: Opening) {
        self.connecting.insert(id, reply);
    }

    /// Passes an event on to the stream that it is about.
    pub(super) fn deliver(&mut self, active: &Active, event: NodeEvent) {
        match event {
            NodeEvent::Accepted { listener, id, .. } => {
                let stream = active.stream_start(id).map(|start| self.open_fresh(start));
                if let (Some(stream), Some(listening)) = (stream, self.listening.get(&listener)) {
                    // A listener that is gone drops the stream, which closes it.
                    let counts = true;
                    let _ = listening.accepted.send(Waiting { stream, counts });
                }
            }
            NodeEvent::Connected { id, .. } => {
                let stream = active.stream_start(id).map(|start| self.open_fresh(start));
                if let (Some(stream), Some(reply)) = (stream, self.connecting.remove(&id)) {
                    let _ = reply.send(Ok(stream));
                }
            }
            NodeEvent::Received { id, data, .. } => {
                if let Some(side) = self.sides.get(&id) {
                    let _ = side.inbound.send(Inbound::Octets(data));
                }
            }
            NodeEvent::Acknowledged { id, upto } => {
                if let Some(side) = self.sides.get_mut(&id) {
                    let freed = upto.saturating_sub(side.acknowledged);
                    side.acknowledged += freed;
                    side.shared.add_room(freed as usize);
                }
            }
            NodeEvent::PeerClosed { id } => {
                if let Some(side) = self.sides.get(&id) {
                    let _ = side.inbound.send(Inbound::Fin);
                }
            }
            NodeEvent::Closed { id, cause } => self.close(id, cause),
            _ => {}
        }
    }

    /// A stream that was established just now: what came in the same batch follows as events.
    fn open_fresh(&mut self, start: StreamStart) -> TcpStream {
        let fresh = StreamStart {
            read: 0,
            snd_una: 0,
            ..start
        };
        self.open(fresh)
    }

    fn close(&mut self, id: ConnectionId, cause: CloseCause) {
        if let Some(reply) = self.connecting.remove(&id) {
            let _ = reply.send(Err(crate::ending::connect_error(cause)));
        }
        if let Some(side) = self.sides.remove(&id) {
            side.shared.end(cause);
        }
    }
}
