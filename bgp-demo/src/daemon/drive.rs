//! The daemon's task.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::time::SystemTime;

use bytes::Bytes;
use tcp_ha::{Stack, StackEvents};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::connections::{self, Connection, HAPPENINGS_MAX, Happening, id};
use super::{DaemonConfig, DaemonEnded, DaemonStatus, Promotion, Request};
use crate::message::MESSAGE_OCTETS_MAX;
use crate::speaker::{ConnId, Input, Output, Speaker};
use crate::time::Instant;

/// Octets of messages that one connection may send before others get their turn, as one write.
const TURN_OCTETS: usize = 16 << 10;
/// Happenings that are dealt with before others get their turn.
const TURN_HAPPENINGS: usize = 64;

pub(super) struct Driver {
    pub(super) config: DaemonConfig,
    pub(super) stack: Stack,
    /// The speaker's clock begins with the time of day, so that a session may be older than this process.
    begun: (tokio::time::Instant, Instant),
    pub(super) speaker: Option<Speaker>,
    pub(super) connections: BTreeMap<ConnId, Connection>,
    /// Connections with something to send and, as far as is known, room for it.
    pub(super) ready: BTreeSet<ConnId>,
    /// Connections whose state a standby asked for before they had come here.
    pub(super) sync_owed: BTreeSet<ConnId>,
    pub(super) happenings: mpsc::Sender<Happening>,
    happened: mpsc::Receiver<Happening>,
    /// What a turn sends, before it is written.
    messages: Vec<Bytes>,
    pub(super) promotion: Option<Promotion>,
    pub(super) updates_at_promotion: u64,
}

impl Driver {
    pub(super) fn new(config: DaemonConfig, stack: Stack) -> Self {
        let (happenings, happened) = mpsc::channel(HAPPENINGS_MAX);
        Self {
            config,
            stack,
            begun: (tokio::time::Instant::now(), time_of_day()),
            speaker: None,
            connections: BTreeMap::new(),
            ready: BTreeSet::new(),
            sync_owed: BTreeSet::new(),
            happenings,
            happened,
            messages: Vec::new(),
            promotion: None,
            updates_at_promotion: 0,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.begun.1 + self.begun.0.elapsed()
    }

    pub(super) async fn run(
        mut self,
        mut events: StackEvents,
        mut asked: mpsc::Receiver<Request>,
    ) -> DaemonEnded {
        loop {
            let timer = self.speaker.as_ref().and_then(Speaker::next_timeout);
            let at = timer.map(|at| self.begun.0 + at.since(self.begun.1));
            tokio::select! {
                event = events.next() => {
                    let Some(event) = event else {
                        return DaemonEnded::Failed("the stack has ended".to_owned());
                    };
                    if let Err(ended) = self.event(event) {
                        return ended;
                    }
                }
                Some(happening) = self.happened.recv() => {
                    self.happening(happening);
                    self.more_happenings(TURN_HAPPENINGS);
                }
                Some(request) = asked.recv() => self.answer(request),
                () = sleep_until(at) => self.timers(),
                () = std::future::ready(()), if !self.ready.is_empty() => self.send_all(),
            }
        }
    }

    /// Time passed; but a peer whose octets lie here unread is not silent.
    fn timers(&mut self) {
        self.more_happenings(HAPPENINGS_MAX);
        self.input(Input::Timer);
    }

    /// Deals with what is here already.
    fn more_happenings(&mut self, count: usize) {
        for _ in 0..count {
            let Ok(happening) = self.happened.try_recv() else {
                return;
            };
            self.happening(happening);
        }
    }

    fn happening(&mut self, happening: Happening) {
        match happening {
            Happening::Opened(stream, opener) => {
                let (local, remote) = (stream.local_addr(), stream.peer_addr());
                let conn = ConnId(stream.id().0);
                self.connections
                    .insert(conn, Connection::take(*stream, self.happenings.clone()));
                self.input(Input::Connected {
                    conn,
                    local,
                    remote,
                    opener,
                });
                if self.sync_owed.remove(&conn) {
                    self.sync(conn);
                }
            }
            Happening::ConnectFailed(peer) => self.input(Input::ConnectFailed { peer }),
            Happening::Received(conn, data) => self.input(Input::Received { conn, data: &data }),
            Happening::Closed(conn) => self.closed(conn),
            Happening::Writable(conn) => {
                if let Some(connection) = self.connections.get_mut(&conn) {
                    connection.waiting = false;
                    self.ready.insert(conn);
                }
            }
        }
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        let now = self.now();
        let Some(speaker) = &mut self.speaker else {
            return;
        };
        let mut out = Vec::new();
        speaker.handle(now, input, &mut out);
        self.outputs(out);
    }

    pub(super) fn outputs(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Connect {
                    peer,
                    local,
                    within,
                } => self.connect(peer, local, within),
                Output::Close { conn } => {
                    if let Some(connection) = self.connections.get_mut(&conn) {
                        connection.closing = true;
                        self.ready.insert(conn);
                    }
                }
                Output::Abort { conn } => {
                    if let Some(connection) = self.connections.get(&conn) {
                        connection.handle.abort();
                        self.closed(conn);
                    }
                }
                Output::Processed { conn, total_octets } => {
                    if let Some(connection) = self.connections.get(&conn) {
                        connection.handle.processed(total_octets);
                    }
                }
                Output::SendReady { conn } => {
                    self.ready.insert(conn);
                }
                Output::Record { conn: None, data } => self.stack.record(data),
                Output::Record {
                    conn: Some(conn),
                    data,
                } => {
                    if let Some(connection) = self.connections.get(&conn) {
                        connection.handle.record(data, None);
                    }
                }
                Output::PeerUp { peer } => info!(%peer, "session up"),
                Output::PeerDown { peer, reason } => info!(%peer, reason, "session down"),
                Output::Fault { peer, what } => warn!(%peer, what, "UPDATE with errors"),
            }
        }
    }

    fn connect(&mut self, peer: IpAddr, local: Option<IpAddr>, within: Duration) {
        let own = self
            .config
            .addresses
            .iter()
            .find(|address| address.is_ipv4() == peer.is_ipv4());
        let Some(local) = local.or(own.copied()) else {
            warn!(%peer, "no own address of the peer's family to connect from");
            self.input(Input::ConnectFailed { peer });
            return;
        };
        let (local, remote) = (
            SocketAddr::new(local, 0),
            SocketAddr::new(peer, self.config.port),
        );
        tokio::spawn(connections::connect(
            self.stack.clone(),
            local,
            remote,
            within,
            self.happenings.clone(),
        ));
    }

    /// The connection is gone, or is left to the stack.
    fn closed(&mut self, conn: ConnId) {
        if self.connections.remove(&conn).is_some() {
            self.ready.remove(&conn);
            self.input(Input::ConnectionClosed { conn });
        }
    }

    /// One turn for every connection that can send.
    fn send_all(&mut self) {
        for conn in std::mem::take(&mut self.ready) {
            self.send(conn);
        }
    }

    fn send(&mut self, conn: ConnId) {
        let now = self.now();
        let (Some(speaker), Some(connection)) =
            (&mut self.speaker, self.connections.get_mut(&conn))
        else {
            return;
        };
        if connection.waiting {
            return;
        }
        let room = connection.handle.room();
        let mut octets = 0;
        let mut more = true;
        // The first message may find no room; the others are looked for only where there is some for any.
        while octets == 0 || octets + MESSAGE_OCTETS_MAX <= room.min(TURN_OCTETS) {
            let Some(message) = speaker.poll_send(now, conn, MESSAGE_OCTETS_MAX) else {
                more = false;
                break;
            };
            octets += message.len();
            self.messages.push(message);
        }
        let written = match &self.messages[..] {
            [] => Ok(()),
            [message] => connection.handle.try_write_message(message.clone()),
            messages => connection
                .handle
                .try_write_message(messages.concat().into()),
        };
        if written.is_err() {
            for message in self.messages.drain(..).rev() {
                speaker.unsend(conn, message);
            }
            connection.wait_for_room(&self.happenings, octets);
            return;
        }
        self.messages.clear();
        if more {
            self.ready.insert(conn);
        } else if connection.closing {
            connection.handle.close();
            self.closed(conn);
        }
    }

    /// A standby needs the state of a connection.
    pub(super) fn sync(&mut self, conn: ConnId) {
        let now = self.now();
        let (Some(speaker), Some(connection)) = (&mut self.speaker, self.connections.get(&conn))
        else {
            // It is still on its way here; what is closed already is not asked for again.
            self.sync_owed.insert(conn);
            return;
        };
        debug_assert_eq!(connection.handle.id(), id(conn));
        connection.handle.sync(speaker.dump(now, conn));
    }

    fn answer(&mut self, request: Request) {
        let now = self.now();
        match request {
            Request::Status(answer) => {
                let speaker = self.speaker.as_ref().map(|speaker| speaker.status(now));
                let sent = self
                    .updates_sent()
                    .saturating_sub(self.updates_at_promotion);
                let promotion = self.promotion.map(|promotion| Promotion {
                    updates_sent: sent,
                    ..promotion
                });
                let _ = answer.send(DaemonStatus { speaker, promotion });
            }
            Request::Routes(answer) => {
                let routes = self
                    .speaker
                    .as_ref()
                    .map(|speaker| speaker.routes().collect())
                    .unwrap_or_default();
                let _ = answer.send(routes);
            }
            Request::Originate {
                routes,
                announce,
                answer,
            } => {
                if !self.speaker.as_ref().is_some_and(Speaker::is_live) {
                    let _ = answer.send(Err(
                        "this node is not the active: ask the other one".to_owned()
                    ));
                    return;
                }
                let count = routes.len();
                if announce {
                    self.input(Input::Originate {
                        announce: routes,
                        withdraw: Vec::new(),
                    });
                } else {
                    let withdraw = routes.into_iter().map(|route| route.prefix).collect();
                    self.input(Input::Originate {
                        announce: Vec::new(),
                        withdraw,
                    });
                }
                let stack = self.stack.clone();
                // Whoever is told holds us to it, so the standby has to know first.
                tokio::spawn(async move {
                    let backed = stack.backed().await;
                    let _ = answer.send(backed.map(|()| count).map_err(|lost| lost.to_string()));
                });
            }
        }
    }

    pub(super) fn updates_sent(&self) -> u64 {
        let status = self
            .speaker
            .as_ref()
            .map(|speaker| speaker.status(Instant::ZERO));
        status.map_or(0, |status| {
            status
                .peers
                .iter()
                .map(|peer| peer.counters.updates_out)
                .sum()
        })
    }
}

fn time_of_day() -> Instant {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Instant::ZERO + since_1970.unwrap_or_default()
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
