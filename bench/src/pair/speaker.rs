//! The node that speaks, turned as production turns it, with a daemon on top that reads and writes.

use super::peer::{PAIR, PORT, PREFIX};
use super::wire::Wire;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tcp_ha::core::{Active, ActiveParts, Clock, Listening, NodeEvent, NodeLimits, Protection};
use tcp_ha::engine::{Config, ConnectionId, ConnectionOptions, Engine, ReceiveMode, Secrets};
use tcp_ha::ipc::register::{MemoryRegister, Register};
use tcp_ha::ipc::schema::Versions;
use tcp_ha::ipc::session::{LocalIdentity, Session};
use tcp_ha::ipc::{Incarnation, Lsn};
use tcp_ha::link::LinkAddress;
use tcp_ha::link::host::{Host, HostConfig};

/// Octets of the daemon's own record by which it marks what it has dealt with.
pub const MARK_OCTETS: usize = 16;

/// Octets of one write of the daemon.
const MESSAGE_OCTETS: usize = 4096;

/// Connections that may wait for the daemon.
const BACKLOG: usize = 16_384;

/// See the module's text.
pub struct Speaker {
    /// The node.
    pub active: Active,
    /// Streams that were accepted, in that order.
    pub lines: Vec<ConnectionId>,
    /// Octets that the daemon has read.
    pub read: u64,
    /// Records of its own that it has written.
    pub marks: u64,
    events: Vec<NodeEvent>,
    protection: Option<Protection>,
    message: Vec<u8>,
    me: Incarnation,
}

impl Speaker {
    /// Alone, listening; connections get this protection from their first octet on.
    ///
    /// # Errors
    /// A part of it refuses its settings.
    pub fn new(
        register: &MemoryRegister,
        config: Config,
        limits: NodeLimits,
        protection: Option<Protection>,
        now_us: u64,
    ) -> io::Result<Speaker> {
        let me = Incarnation::from_bytes([1; 16]);
        let other = |error: String| io::Error::other(error);
        let tenure = register
            .compare_and_swap(None, me, None)
            .map_err(|error| other(format!("{error:?}")))?;
        let secrets = Secrets::from_bytes(&[3; Secrets::LEN]);
        let mut host = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 1]));
        host.addresses = vec![(IpAddr::V4(PAIR), PREFIX)];
        let mut active = Active::new(ActiveParts {
            me,
            limits,
            register: Arc::new(register.clone()),
            tenure,
            engine: Engine::new(config, secrets.clone()),
            host: Host::new(host).map_err(|error| other(error.to_string()))?,
            clock: Clock::new(),
            secrets,
            last_lsn: Lsn::ZERO,
            node_sync: false,
            mono_us: now_us,
        });
        let listening = Listening {
            local: SocketAddr::new(PAIR.into(), PORT),
            options: ConnectionOptions {
                nodelay: true,
                ..ConnectionOptions::default()
            },
            backlog: BACKLOG,
            protection,
        };
        active
            .listen(&listening)
            .map_err(|error| other(error.to_string()))?;
        Ok(Speaker {
            active,
            lines: Vec::new(),
            read: 0,
            marks: 0,
            events: Vec::new(),
            protection,
            message: vec![0xa5; MESSAGE_OCTETS],
            me,
        })
    }

    /// Gives back the daemon's memory for events, which is none of the node's.
    pub fn forget_events(&mut self) {
        self.events = Vec::new();
    }

    /// Its name.
    pub fn name(&self) -> Incarnation {
        self.me
    }

    /// A standby has connected.
    pub fn accept_standby(&mut self, now_us: u64, limits: &NodeLimits) {
        let session = Session::respond(identity(self.me, limits), self.active.epoch());
        self.active.attach(now_us, session);
    }

    /// Takes at most `most` frames, where it takes input at all.
    pub fn take_frames(&mut self, now_us: u64, from: &mut Wire, most: usize) -> usize {
        if !self.active.takes_input() {
            return 0;
        }
        from.deliver(most, |frame| self.active.handle_frame(now_us, frame))
    }

    /// Timers, and the end of the batch.
    pub fn close_batch(&mut self, now_us: u64) {
        self.active.handle_timeout(now_us);
        self.active.close_batch(now_us);
    }

    /// What the gate lets go leaves.
    pub fn transmit(&mut self, to: &mut Wire) {
        while let Some(frame) = self.active.release() {
            to.push(frame.octets());
            self.active.recycle(frame);
        }
    }

    /// The daemon reads what came, and says so in the way of its mode.
    pub fn serve(&mut self, now_us: u64) {
        self.active.take_events(&mut self.events);
        for event in self.events.drain(..) {
            match event {
                NodeEvent::Accepted { id, .. } => self.lines.push(id),
                NodeEvent::Received { id, offset, data } => {
                    let upto = offset + data.len() as u64;
                    self.read += data.len() as u64;
                    let marked = self
                        .protection
                        .is_some_and(|it| it.receive == ReceiveMode::Marked);
                    // A connection that has just ended takes no mark.
                    let _ = if marked {
                        self.marks += 1;
                        let mark = [0x11; MARK_OCTETS];
                        self.active.record(now_us, Some(id), &mark, Some(upto))
                    } else {
                        self.active.processed(now_us, id, upto)
                    };
                }
                _ => {}
            }
        }
    }

    /// The daemon writes messages on one connection while there is room, at most `octets`; says how many.
    pub fn write(&mut self, now_us: u64, line: usize, octets: usize) -> usize {
        let id = self.lines[line];
        let mut left = octets;
        while left > 0 {
            let len = left.min(self.message.len());
            if self.active.engine().send_room(id) < len {
                break;
            }
            let message = &self.message[..len];
            if self.active.write(now_us, id, message, None).is_err() {
                break;
            }
            left -= len;
        }
        octets - left
    }
}

/// What a node says of itself to the other.
pub(super) fn identity(me: Incarnation, limits: &NodeLimits) -> LocalIdentity {
    LocalIdentity {
        incarnation: me,
        config_digest: [0; 32],
        heartbeat: Duration::from_micros(limits.heartbeat_us),
        software: "bench".to_owned(),
        versions: Versions::SPOKEN,
    }
}
