//! The stack's events: the replica's feed, and the change of roles.

use std::net::SocketAddr;

use tcp_ha::{ConnectionId, How, StackEvent, TcpStream};
use tracing::{debug, error, info};

use super::connections::{self, Connection};
use super::drive::Driver;
use super::{DaemonEnded, Promotion};
use crate::replica::HandedOver;
use crate::speaker::{ConnId, Input, Opener, Speaker};

impl Driver {
    pub(super) fn event(&mut self, event: StackEvent) -> Result<(), DaemonEnded> {
        let now = self.now();
        match event {
            StackEvent::Active {
                epoch,
                how,
                streams,
            } => self.active(epoch, how, streams),
            StackEvent::SyncRequested { id } => self.sync(ConnId(id.0)),
            StackEvent::NodeSyncRequested => {
                let records = self
                    .speaker
                    .as_ref()
                    .map(Speaker::dump_originated)
                    .unwrap_or_default();
                self.stack.sync(records);
            }
            StackEvent::AuditRequested { id } => {
                if let (Some(id), Some(speaker)) = (id, &mut self.speaker)
                    && let Some(said) = speaker.audit(ConnId(id.0))
                {
                    self.stack.audit(Some(id), said);
                }
            }
            StackEvent::Audit { id, data } => self.audit(id, &data),
            StackEvent::Protection { id, readiness } => debug!(%id, %readiness, "protection"),
            StackEvent::Standby => {
                info!("standby: following the active");
                let mut replica = Speaker::new_replica(self.config.speaker.clone());
                let announce = self.config.originate.clone();
                replica.handle(
                    now,
                    Input::Originate {
                        announce,
                        withdraw: Vec::new(),
                    },
                    &mut Vec::new(),
                );
                self.speaker = Some(replica);
            }
            StackEvent::Opened { id, remote, .. } => debug!(%id, %remote, "replicated"),
            StackEvent::Received { id, offset, data } => {
                if let Some(replica) = self.replica() {
                    replica.replica_received(now, ConnId(id.0), offset, &data);
                }
            }
            StackEvent::Sent { id, offset, data } => {
                if let Some(replica) = self.replica() {
                    replica.replica_sent(now, ConnId(id.0), offset, &data);
                }
            }
            StackEvent::Record { id, data } => {
                let conn = id.map(|id| ConnId(id.0));
                let done = self
                    .replica()
                    .map(|replica| replica.replica_record(now, conn, &data));
                if let Some(Err(error)) = done {
                    // The node gives up its role as the standby and begins anew, and so does the replica.
                    error!(%error, "the replica cannot follow");
                    self.speaker = None;
                    self.stack.replica_failed(&error.to_string());
                }
            }
            StackEvent::Closed { id } => {
                if let Some(replica) = self.replica() {
                    replica.replica_closed(now, ConnId(id.0));
                }
            }
            StackEvent::Fenced { reason } => return Err(DaemonEnded::Fenced(reason)),
            StackEvent::Ended { reason } => return Err(DaemonEnded::Failed(reason)),
        }
        Ok(())
    }

    /// The live speaker's word on a session.
    fn audit(&mut self, id: Option<ConnectionId>, said: &[u8]) {
        let (Some(id), Some(replica)) = (id, self.replica()) else {
            return;
        };
        match replica.replica_agrees(ConnId(id.0), said) {
            Ok(true) => {}
            Ok(false) => {
                error!(%id, "the replica's tables differ");
                self.stack.replica_differs(Some(id));
            }
            Err(error) => {
                error!(%id, %error, "an audit is not understood");
                self.stack.replica_differs(Some(id));
            }
        }
    }

    fn replica(&mut self) -> Option<&mut Speaker> {
        self.speaker.as_mut().filter(|speaker| !speaker.is_live())
    }

    /// This node speaks now.
    fn active(&mut self, epoch: u64, how: How, streams: Vec<TcpStream>) {
        let begun = tokio::time::Instant::now();
        info!(epoch, ?how, streams = streams.len(), "active");
        for address in &self.config.addresses {
            let local = SocketAddr::new(*address, self.config.port);
            tokio::spawn(connections::listen(
                self.stack.clone(),
                local,
                self.happenings.clone(),
            ));
        }
        let handed_over = self.take_streams(streams);
        let now = self.now();
        let mut out = Vec::new();
        if let Some(replica) = self.speaker.as_mut().filter(|_| how != How::ColdStart) {
            let status = replica.status(now);
            replica.promote(now, &handed_over, &mut out);
            self.promotion = Some(Promotion {
                epoch,
                streams: handed_over.len(),
                sessions: status
                    .peers
                    .iter()
                    .filter(|peer| peer.uptime_us.is_some())
                    .count(),
                differences: status.peers.iter().map(|peer| peer.backlog).sum(),
                updates_sent: 0,
                took: begun.elapsed(),
            });
            self.updates_at_promotion = self.updates_sent();
            self.outputs(out);
        } else {
            let mut speaker = Speaker::new(self.config.speaker.clone());
            let announce = self.config.originate.clone();
            speaker.handle(
                now,
                Input::Originate {
                    announce,
                    withdraw: Vec::new(),
                },
                &mut out,
            );
            speaker.handle(now, Input::Start, &mut out);
            self.speaker = Some(speaker);
            self.outputs(out);
            // A stream without a replica's state can only be closed.
            for connection in handed_over {
                if let Some(connection) = self.connections.remove(&connection.conn) {
                    connection.handle.abort();
                }
            }
        }
    }

    /// Takes the streams that were handed over, except those that begin elsewhere than the replica ended.
    fn take_streams(&mut self, streams: Vec<TcpStream>) -> Vec<HandedOver> {
        let mut handed_over = Vec::with_capacity(streams.len());
        for stream in streams {
            let conn = ConnId(stream.id().0);
            let (local, remote) = (stream.local_addr(), stream.peer_addr());
            let expected = self
                .replica()
                .and_then(|replica| replica.inbound_offset(conn));
            if let Some(expected) = expected.filter(|expected| *expected != stream.offset()) {
                error!(%remote, offset = stream.offset(), expected, "the stream and the replica differ: the session is closed");
                stream.handle().abort();
                continue;
            }
            let opener = if local.port() == self.config.port {
                Opener::Passive
            } else {
                Opener::Active
            };
            self.connections
                .insert(conn, Connection::take(stream, self.happenings.clone()));
            handed_over.push(HandedOver {
                conn,
                local,
                remote,
                opener,
            });
        }
        handed_over
    }
}
