//! The loops of an active with its peer, and of a standby, each on a thread, with real clocks.

use super::stamps::Stamps;
use crate::lines::{Ends, wait};
use crate::pair::{self, BATCH_FRAMES, Peer, Speaker, Wire};
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};
use tcp_ha::core::{NodeLimits, Protection, Readiness, Standby};
use tcp_ha::engine::Config;
use tcp_ha::ipc::register::MemoryRegister;
use tcp_ha::ipc::transport::Transport;

/// What goes over the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// A small message now and then, which is answered.
    Idle,
    /// Both ways, as fast as it is taken.
    Bulk,
}

/// Octets of a small message.
const MESSAGE_OCTETS: usize = 100;
/// Time between two small messages.
const MESSAGE_PAUSE_US: u64 = 1_000;
/// Octets offered at once under load.
const BULK_OCTETS: usize = 1 << 20;
/// The longest rest of a thread.
const REST_US: u64 = 1_000;
/// How long a pair may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);
/// Octets of one read.
const BUFFER_OCTETS: usize = 256 << 10;
/// Local time at which the clocks begin.
const BEGINNING_US: u64 = 1_000_000;

/// Heartbeats that a loaded machine does not take for a death: it is not what is measured.
fn limits() -> NodeLimits {
    NodeLimits {
        heartbeat_us: 50_000,
        misses: 100,
        hold_limit_us: 5_000_000,
        audit_interval_us: 0,
        ..NodeLimits::default()
    }
}

/// Delays of the frames of one connection, for `watch` from the moment when it is ready.
///
/// # Errors
/// The system's, or the pair did not come to be ready.
pub(super) fn run(ends: Option<Ends>, load: Load, watch: Duration) -> io::Result<Stamps> {
    let register = MemoryRegister::default();
    let clock = Clock(Instant::now());
    // Acknowledged at once, so that an ACK is a frame of its own.
    let tcp = Config {
        delayed_ack: Duration::ZERO,
        ..Config::default()
    };
    let protection = Some(Protection::default());
    let speaker = Speaker::new(&register, tcp.clone(), limits(), protection, clock.now_us())?;
    let (near, standby) = match ends {
        None => (None, None),
        Some((near, far)) => {
            let standby = pair::standby(&register, limits(), clock.now_us())?;
            let thread = thread::spawn(move || stand_by(standby, far, clock));
            (Some(near), Some(thread))
        }
    };
    let mut turning = Turning {
        speaker,
        peer: Peer::new(tcp)?,
        near,
        load,
        clock,
        stamps: Stamps::default(),
        to_pair: Wire::default(),
        to_peer: Wire::default(),
        buffer: vec![0; BUFFER_OCTETS],
        next_us: 0,
    };
    let ran = turning.run(watch);
    let Turning { near, stamps, .. } = turning;
    drop(near);
    let stood = standby.map(thread::JoinHandle::join).transpose();
    ran?;
    stood
        .map_err(|_| io::Error::other("the standby's thread failed"))?
        .transpose()?;
    Ok(stamps)
}

#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now_us(self) -> u64 {
        BEGINNING_US + self.0.elapsed().as_micros() as u64
    }
}

/// Applies and acknowledges until the active is gone.
fn stand_by(mut standby: Standby, mut line: Box<dyn Transport>, clock: Clock) -> io::Result<()> {
    let mut events = Vec::new();
    loop {
        match line.read(standby.ipc_room()) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                let applied = standby.ipc_filled(clock.now_us(), read);
                applied.map_err(|end| io::Error::other(format!("the standby ended: {end}")))?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => rest(line.as_ref(), REST_US)?,
            // The active has gone in the middle of what it wrote.
            Err(_) => return Ok(()),
        }
        standby.handle_timeout(clock.now_us());
        standby.take_events(&mut events);
        events.clear();
        match write(line.as_mut(), standby.ipc_outgoing()) {
            Ok(written) => standby.ipc_advance(written),
            Err(_) => return Ok(()),
        }
    }
}

/// Waits for octets; a channel without a descriptor gives the processor to who else wants it.
fn rest(line: &dyn Transport, limit_us: u64) -> io::Result<()> {
    if line.fd().is_none() {
        thread::yield_now();
        return Ok(());
    }
    wait(line, false, limit_us)
}

fn write(line: &mut dyn Transport, octets: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < octets.len() {
        match line.write(&octets[written..]) {
            Ok(taken) => written += taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    match line.flush() {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(written),
    }
}

/// The active with its daemon and its peer.
struct Turning {
    speaker: Speaker,
    peer: Peer,
    near: Option<Box<dyn Transport>>,
    load: Load,
    clock: Clock,
    stamps: Stamps,
    to_pair: Wire,
    to_peer: Wire,
    buffer: Vec<u8>,
    /// When the next small message is due.
    next_us: u64,
}

impl Turning {
    fn run(&mut self, watch: Duration) -> io::Result<()> {
        let limits = limits();
        if self.near.is_some() {
            self.speaker.accept_standby(self.clock.now_us(), &limits);
            self.until_ready(|speaker| speaker.active.paired_with().is_some())?;
        }
        self.peer.connect(self.clock.now_us(), 1)?;
        let alone = self.near.is_none();
        self.until_ready(|speaker| {
            let line = speaker.lines.first();
            line.is_some_and(|id| alone || speaker.active.readiness(*id) == Readiness::Ready)
        })?;
        let end = Instant::now() + watch;
        self.stamps.begin();
        self.next_us = self.clock.now_us();
        while Instant::now() < end {
            self.offer();
            self.turn()?;
        }
        Ok(())
    }

    fn until_ready(&mut self, done: impl Fn(&Speaker) -> bool) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !done(&self.speaker) {
            if Instant::now() > end {
                return Err(io::Error::other("the pair does not come to be ready"));
            }
            self.turn()?;
        }
        Ok(())
    }

    /// What the two ends have to say now.
    fn offer(&mut self) {
        let now_us = self.clock.now_us();
        match self.load {
            Load::Bulk => {
                self.peer.write(now_us, 0, BULK_OCTETS);
                self.speaker.write(now_us, 0, BULK_OCTETS);
            }
            Load::Idle if now_us >= self.next_us => {
                self.next_us = (self.next_us + MESSAGE_PAUSE_US).max(now_us);
                self.peer.write(now_us, 0, MESSAGE_OCTETS);
            }
            Load::Idle => {}
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        let read_before = self.speaker.read;
        self.read_standby()?;
        self.transmit();
        let now_us = self.clock.now_us();
        let most = usize::MAX;
        self.peer
            .turn(now_us, &mut self.to_peer, most, &mut self.to_pair);
        self.speaker
            .take_frames(now_us, &mut self.to_pair, BATCH_FRAMES);
        let held = self.speaker.active.outstanding().1;
        self.speaker.close_batch(now_us);
        let frames = self.speaker.active.outstanding().1 - held;
        self.stamps.closed(Instant::now(), frames);
        self.write_standby()?;
        self.transmit();
        self.speaker.serve(now_us);
        let read = self.speaker.read - read_before;
        if read > 0 && self.load == Load::Idle {
            self.speaker.write(now_us, 0, read as usize);
        }
        let idle = read == 0 && self.to_peer.is_empty() && self.to_pair.is_empty();
        match &self.near {
            Some(near) if idle => rest(near.as_ref(), self.rest_us()),
            None if idle => {
                thread::yield_now();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Until a message is due; under load there is no rest unless nothing moves before the standby has answered.
    fn rest_us(&self) -> u64 {
        let due_us = self.next_us.saturating_sub(self.clock.now_us());
        due_us.clamp(1, REST_US)
    }

    fn read_standby(&mut self) -> io::Result<()> {
        let Some(near) = &mut self.near else {
            return Ok(());
        };
        loop {
            match near.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::other("the standby has gone")),
                Ok(read) => {
                    let now_us = self.clock.now_us();
                    self.speaker
                        .active
                        .ipc_received(now_us, &self.buffer[..read]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn write_standby(&mut self) -> io::Result<()> {
        if let Some(near) = &mut self.near {
            let written = write(near.as_mut(), self.speaker.active.ipc_outgoing())?;
            self.speaker.active.ipc_advance(written);
        }
        Ok(())
    }

    fn transmit(&mut self) {
        while let Some(frame) = self.speaker.active.release() {
            self.stamps.released(frame.octets());
            self.to_peer.push(frame.octets());
            self.speaker.active.recycle(frame);
        }
    }
}
