//! A pair and its peer in one thread: the roles that production runs, without devices, channel or clock, so that what is measured is
//! theirs alone.

mod peer;
mod speaker;
mod wire;

pub use peer::Peer;
pub use speaker::{MARK_OCTETS, Speaker};
pub use wire::Wire;

use std::io;
use tcp_ha::core::{NodeEvent, NodeLimits, Protection, Readiness, Standby};
use tcp_ha::engine::Config;
use tcp_ha::ipc::Incarnation;
use tcp_ha::ipc::register::{MemoryRegister, Register};

/// Virtual time of one turn.
pub const TURN_US: u64 = 100;

/// Frames of one batch, as production takes them at most.
pub const BATCH_FRAMES: usize = 128;

/// Connections opened at once: fewer than may be half open.
const OPENED_AT_ONCE: usize = 256;

/// Turns within which whatever is waited for has come.
const PATIENCE_TURNS: u64 = 20_000_000;

/// How a pair is set up.
#[derive(Clone, Debug)]
pub struct Setting {
    /// How its connections are protected.
    pub protection: Option<Protection>,
    /// Frames of one batch, at most.
    pub frames: usize,
    /// TCP of both ends.
    pub tcp: Config,
    /// Bounds and times of the nodes.
    pub limits: NodeLimits,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting {
            protection: Some(Protection::default()),
            frames: BATCH_FRAMES,
            tcp: Config::default(),
            limits: NodeLimits::default(),
        }
    }
}

/// Octets that went over the channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// From the active.
    pub to_standby: u64,
    /// From the standby.
    pub to_active: u64,
}

/// A standby that joins whoever speaks.
///
/// # Errors
/// The register does not say who that is.
pub fn standby(register: &MemoryRegister, limits: NodeLimits, now_us: u64) -> io::Result<Standby> {
    let read = register.read();
    let entry = read.map_err(|error| io::Error::other(error.to_string()))?;
    let entry = entry.ok_or_else(|| io::Error::other("nobody speaks"))?;
    let me = speaker::identity(Incarnation::from_bytes([2; 16]), &limits);
    Ok(Standby::join(me, entry.active, entry.epoch, limits, now_us))
}

/// See the module's text.
pub struct Pair {
    /// The node that speaks.
    pub speaker: Speaker,
    /// The node that shadows, if there is one.
    pub standby: Option<Standby>,
    /// The other end.
    pub peer: Peer,
    /// What the channel has carried.
    pub carried: Carried,
    /// Local time of everybody, in microseconds.
    pub now_us: u64,
    /// Frames that the pair has taken.
    pub frames: u64,
    setting: Setting,
    register: MemoryRegister,
    to_pair: Wire,
    to_peer: Wire,
    to_standby: Vec<u8>,
    to_active: Vec<u8>,
    replica: Vec<NodeEvent>,
}

impl Pair {
    /// A node that speaks, alone.
    ///
    /// # Errors
    /// A part of it refuses its settings.
    pub fn alone(setting: Setting) -> io::Result<Pair> {
        let (register, now_us) = (MemoryRegister::default(), 1_000_000);
        let speaker = Speaker::new(
            &register,
            setting.tcp.clone(),
            setting.limits,
            setting.protection,
            now_us,
        )?;
        Ok(Pair {
            speaker,
            standby: None,
            peer: Peer::new(setting.tcp.clone())?,
            carried: Carried::default(),
            now_us,
            frames: 0,
            setting,
            register,
            to_pair: Wire::default(),
            to_peer: Wire::default(),
            to_standby: Vec::new(),
            to_active: Vec::new(),
            replica: Vec::new(),
        })
    }

    /// A pair whose connections are ready, so many of them.
    ///
    /// # Errors
    /// It did not come to that.
    pub fn ready(setting: Setting, connections: usize) -> io::Result<Pair> {
        let mut pair = Pair::alone(setting)?;
        pair.join()?;
        pair.until("a pair", |pair| pair.speaker.active.paired_with().is_some())?;
        pair.open(connections)?;
        pair.until("ready connections", Pair::is_ready)?;
        Ok(pair)
    }

    /// A standby joins; its initial synchronisation begins with the next turn.
    ///
    /// # Errors
    /// The register does not say who speaks.
    pub fn join(&mut self) -> io::Result<()> {
        let limits = self.setting.limits;
        let standby = standby(&self.register, limits, self.now_us)?;
        self.standby = Some(standby);
        self.speaker.accept_standby(self.now_us, &limits);
        Ok(())
    }

    /// Opens connections and waits until the daemon has them.
    ///
    /// # Errors
    /// It did not come to that.
    pub fn open(&mut self, connections: usize) -> io::Result<()> {
        let mut left = connections;
        while left > 0 {
            let count = left.min(OPENED_AT_ONCE);
            self.peer.connect(self.now_us, count)?;
            let wanted = self.speaker.lines.len() + count;
            self.until("accepted connections", |pair| {
                pair.speaker.lines.len() >= wanted
            })?;
            left -= count;
        }
        Ok(())
    }

    /// Whether every connection is ready.
    pub fn is_ready(&self) -> bool {
        let active = &self.speaker.active;
        let mut lines = self.speaker.lines.iter();
        active.paired_with().is_some() && lines.all(|id| active.readiness(*id) == Readiness::Ready)
    }

    /// One turn of everybody.
    ///
    /// # Errors
    /// The standby ended, or a connection did.
    pub fn turn(&mut self) -> io::Result<()> {
        self.now_us += TURN_US;
        self.turn_of_active();
        self.turn_of_standby()?;
        self.turn_of_peer()
    }

    /// The peer's turn.
    ///
    /// # Errors
    /// A connection has ended.
    pub fn turn_of_peer(&mut self) -> io::Result<()> {
        let now_us = self.now_us;
        self.peer
            .turn(now_us, &mut self.to_peer, usize::MAX, &mut self.to_pair);
        if self.peer.ended > 0 {
            return Err(io::Error::other("a connection has ended"));
        }
        Ok(())
    }

    /// Frames on their way to the pair, and from it.
    pub fn flying(&self) -> (usize, usize) {
        (self.to_pair.len(), self.to_peer.len())
    }

    /// The active's turn, in the order of production.
    pub fn turn_of_active(&mut self) {
        let now_us = self.now_us;
        if self.standby.is_some() {
            self.speaker.active.ipc_received(now_us, &self.to_active);
            self.to_active.clear();
        }
        self.speaker.transmit(&mut self.to_peer);
        let taken = self
            .speaker
            .take_frames(now_us, &mut self.to_pair, self.setting.frames);
        self.frames += taken as u64;
        self.speaker.close_batch(now_us);
        let outgoing = self.speaker.active.ipc_outgoing();
        let written = outgoing.len();
        self.to_standby.extend_from_slice(outgoing);
        self.speaker.active.ipc_advance(written);
        self.carried.to_standby += written as u64;
        self.speaker.transmit(&mut self.to_peer);
        self.speaker.serve(now_us);
    }

    /// The standby's turn.
    ///
    /// # Errors
    /// Its role has ended.
    pub fn turn_of_standby(&mut self) -> io::Result<()> {
        let Some(standby) = &mut self.standby else {
            self.to_standby.clear();
            return Ok(());
        };
        let mut rest = &self.to_standby[..];
        while !rest.is_empty() {
            let room = standby.ipc_room();
            let (now, later) = rest.split_at(room.len().min(rest.len()));
            room[..now.len()].copy_from_slice(now);
            rest = later;
            let received = standby.ipc_filled(self.now_us, now.len());
            received.map_err(|end| io::Error::other(format!("the standby ended: {end}")))?;
        }
        self.to_standby.clear();
        standby.handle_timeout(self.now_us);
        standby.take_events(&mut self.replica);
        self.replica.clear();
        let outgoing = standby.ipc_outgoing();
        let written = outgoing.len();
        self.to_active.extend_from_slice(outgoing);
        standby.ipc_advance(written);
        self.carried.to_active += written as u64;
        Ok(())
    }

    /// Turns until `done`.
    ///
    /// # Errors
    /// It takes too many turns, or a turn fails.
    pub fn until(&mut self, what: &str, done: impl Fn(&Pair) -> bool) -> io::Result<()> {
        for _ in 0..PATIENCE_TURNS {
            if done(self) {
                return Ok(());
            }
            self.turn()?;
        }
        Err(io::Error::other(format!("no {what}")))
    }
}
