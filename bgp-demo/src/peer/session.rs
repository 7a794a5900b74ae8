//! One session: a leaf speaker and its sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::{debug, info};

use super::stream::{self, HAPPENINGS_MAX, Happening, Socket};
use super::{KernelSessionStatus, Request, table_digest};
use crate::config::SpeakerConfig;
use crate::message::MESSAGE_OCTETS_MAX;
use crate::speaker::{ConnId, Input, OriginatedRoute, Output, Speaker};
use crate::time::Instant;

/// How long the last NOTIFICATION may take to be written.
const STOP_TIME: Duration = Duration::from_secs(1);

pub(super) struct Running {
    speaker: Speaker,
    port: u16,
    begun: tokio::time::Instant,
    sockets: BTreeMap<ConnId, Socket>,
    ready: BTreeSet<ConnId>,
    next_conn: u64,
    resets: u64,
    happenings: mpsc::Sender<Happening>,
    happened: mpsc::Receiver<Happening>,
    /// The routes to announce from the start, and where the peer may connect; both until the task runs.
    routes: Vec<OriginatedRoute>,
    listener: Option<TcpListener>,
}

impl Running {
    pub(super) fn new(
        config: SpeakerConfig,
        port: u16,
        routes: Vec<OriginatedRoute>,
        listener: Option<TcpListener>,
    ) -> Self {
        let (happenings, happened) = mpsc::channel(HAPPENINGS_MAX);
        Self {
            speaker: Speaker::new_leaf(config),
            port,
            begun: tokio::time::Instant::now(),
            sockets: BTreeMap::new(),
            ready: BTreeSet::new(),
            next_conn: 0,
            resets: 0,
            happenings,
            happened,
            routes,
            listener,
        }
    }

    pub(super) async fn run(mut self, mut asked: mpsc::Receiver<Request>) {
        let accepting = self
            .listener
            .take()
            .map(|listener| tokio::spawn(stream::accept(listener, self.happenings.clone())));
        let announce = std::mem::take(&mut self.routes);
        self.input(Input::Originate {
            announce,
            withdraw: Vec::new(),
        });
        self.input(Input::Start);
        let mut stop_at = None;
        loop {
            let timer = self
                .speaker
                .next_timeout()
                .map(|at| self.begun + Duration::from_micros(at.as_micros()));
            tokio::select! {
                Some(happening) = self.happened.recv() => self.happening(happening),
                request = asked.recv() => match request {
                    Some(Request::Stop(done)) => {
                        self.input(Input::Stop);
                        stop_at = Some(tokio::time::Instant::now() + STOP_TIME);
                        let _ = done.send(());
                    }
                    Some(request) => self.answer(request),
                    None if stop_at.is_some() && self.sockets.is_empty() => break,
                    None if stop_at.is_some() => self.wait_for_end(stop_at).await,
                    None => break,
                },
                () = sleep_until(timer) => self.input(Input::Timer),
                () = sleep_until(stop_at) => break,
            }
            for conn in std::mem::take(&mut self.ready) {
                self.send(conn);
            }
        }
        if let Some(accepting) = accepting {
            accepting.abort();
        }
    }

    /// Nobody asks any more: only the sockets are waited for.
    async fn wait_for_end(&mut self, stop_at: Option<tokio::time::Instant>) {
        tokio::select! {
            Some(happening) = self.happened.recv() => self.happening(happening),
            () = sleep_until(stop_at) => self.sockets.clear(),
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.begun.elapsed()
    }

    fn happening(&mut self, happening: Happening) {
        match happening {
            Happening::Opened(stream, opener) => {
                let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else {
                    return;
                };
                self.next_conn += 1;
                let conn = ConnId(self.next_conn);
                self.sockets
                    .insert(conn, Socket::take(conn, stream, &self.happenings));
                self.input(Input::Connected {
                    conn,
                    local,
                    remote,
                    opener,
                });
            }
            Happening::ConnectFailed => {
                let peer = self.speaker.config.peers[0].address;
                self.input(Input::ConnectFailed { peer });
            }
            Happening::Received(conn, data) => self.input(Input::Received { conn, data: &data }),
            Happening::Closed(conn, reset) => {
                self.resets += u64::from(reset);
                self.closed(conn);
            }
            Happening::Writable(conn) => {
                if let Some(socket) = self.sockets.get_mut(&conn) {
                    socket.woken();
                    self.ready.insert(conn);
                }
            }
        }
    }

    fn closed(&mut self, conn: ConnId) {
        if self.sockets.remove(&conn).is_some() {
            self.ready.remove(&conn);
            self.input(Input::ConnectionClosed { conn });
        }
    }

    fn input(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.speaker.handle(self.now(), input, &mut out);
        for output in out {
            match output {
                Output::Connect {
                    peer,
                    local,
                    within,
                } => {
                    let remote = SocketAddr::new(peer, self.port);
                    if let Some(local) = local {
                        let connecting =
                            stream::connect(local, remote, within, self.happenings.clone());
                        tokio::spawn(connecting);
                    }
                }
                Output::Close { conn } => {
                    if let Some(socket) = self.sockets.get_mut(&conn) {
                        socket.closing = true;
                        self.ready.insert(conn);
                    }
                }
                Output::Abort { conn } => self.closed(conn),
                Output::SendReady { conn } => {
                    self.ready.insert(conn);
                }
                Output::PeerUp { peer } => info!(%peer, "session up"),
                Output::PeerDown { peer, reason } => info!(%peer, reason, "session down"),
                Output::Fault { peer, what } => info!(%peer, what, "UPDATE with errors"),
                Output::Processed { .. } | Output::Record { .. } => {}
            }
        }
    }

    fn send(&mut self, conn: ConnId) {
        let now = self.now();
        let Some(socket) = self
            .sockets
            .get_mut(&conn)
            .filter(|socket| !socket.is_waiting())
        else {
            return;
        };
        loop {
            let Some(message) = self.speaker.poll_send(now, conn, MESSAGE_OCTETS_MAX) else {
                if socket.closing {
                    debug!(conn = conn.0, "closed");
                    self.closed(conn);
                }
                return;
            };
            if let Err(message) = socket.try_write(message) {
                self.speaker.unsend(conn, message);
                socket.wait_for_room(conn, &self.happenings);
                return;
            }
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Status(answer) => {
                let _ = answer.send(self.status());
            }
            Request::Table(answer) => {
                let _ = answer.send(
                    self.speaker.peers[0]
                        .adj_rib_in
                        .iter()
                        .map(|(prefix, _)| prefix)
                        .collect(),
                );
            }
            Request::Originate {
                announce,
                withdraw,
                done,
            } => {
                self.input(Input::Originate { announce, withdraw });
                let _ = done.send(());
            }
            Request::Stop(_) => {}
        }
    }

    fn status(&self) -> KernelSessionStatus {
        let peer = &self.speaker.status(self.now()).peers[0];
        let adj_rib_in = &self.speaker.peers[0].adj_rib_in;
        KernelSessionStatus {
            local: self.speaker.config.peers[0].local.unwrap_or(peer.address),
            asn: self.speaker.config.asn,
            state: peer.state,
            uptime_us: peer.uptime_us,
            established: peer.counters.established,
            flaps: peer.counters.dropped,
            resets: self.resets,
            notifications: peer.counters.notifications_in,
            counters: peer.counters,
            prefixes: peer.prefixes_in,
            digest: table_digest(adj_rib_in.iter().map(|(prefix, _)| prefix)),
            announced: self.speaker.originated.len(),
            settled: peer.settled,
            end_of_ribs: peer.counters.end_of_ribs_in,
            last_error: peer.last_error.clone(),
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
