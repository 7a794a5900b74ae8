//! An Ethernet segment inside this process, for tests and simulations.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};
use ipc::gate::Released;
use rustix::event::{EventfdFlags, eventfd};

use super::{Device, Transmitted};
use crate::frame::{Frame, Medium};
use crate::offload::Received;

/// MTU of a segment made by name.
const MTU: u16 = 1500;
/// Frames that wait at a port; what comes on top is lost, as in a switch.
const PORT_CAPACITY: usize = 4096;

/// A segment: every frame goes to all other ports. Cheap to clone; it lives as long as anyone is on it.
#[derive(Clone, Debug)]
pub struct MemorySegment(Arc<Segment>);

#[derive(Debug)]
struct Segment {
    mtu: u16,
    ports: Mutex<Ports>,
}

#[derive(Debug, Default)]
struct Ports {
    next: u64,
    senders: BTreeMap<u64, PortSender>,
}

#[derive(Debug)]
struct PortSender {
    frames: Sender<Vec<u8>>,
    wake: Arc<OwnedFd>,
}

static NAMED: Mutex<BTreeMap<String, Weak<Segment>>> = Mutex::new(BTreeMap::new());

impl MemorySegment {
    /// A new segment whose devices report `mtu`.
    #[must_use]
    pub fn new(mtu: u16) -> MemorySegment {
        MemorySegment(Arc::new(Segment {
            mtu,
            ports: Mutex::default(),
        }))
    }

    /// The segment of that name in this process; made with an MTU of 1500 if nobody is on it.
    #[must_use]
    pub fn named(name: &str) -> MemorySegment {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|_, segment| segment.strong_count() > 0);
        if let Some(segment) = named.get(name).and_then(Weak::upgrade) {
            return MemorySegment(segment);
        }
        let segment = MemorySegment::new(MTU);
        named.insert(name.to_owned(), Arc::downgrade(&segment.0));
        segment
    }

    /// A device on this segment.
    ///
    /// # Panics
    /// If the system has no descriptor left.
    #[must_use]
    pub fn device(&self) -> MemoryDevice {
        MemoryDevice(self.port())
    }

    /// A station on this segment that is not one of ours: it may send what it likes.
    ///
    /// # Panics
    /// If the system has no descriptor left.
    #[must_use]
    pub fn station(&self) -> MemoryStation {
        MemoryStation(self.port())
    }

    fn port(&self) -> Port {
        let (sender, frames) = crossbeam_channel::bounded(PORT_CAPACITY);
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .expect("an eventfd for an in-memory port: raise the limit of open files");
        let wake = Arc::new(wake);
        let mut ports = self.0.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let id = ports.next;
        ports.next += 1;
        ports.senders.insert(
            id,
            PortSender {
                frames: sender,
                wake: Arc::clone(&wake),
            },
        );
        Port {
            id,
            segment: Arc::clone(&self.0),
            frames,
            wake,
        }
    }
}

#[derive(Debug)]
struct Port {
    id: u64,
    segment: Arc<Segment>,
    frames: Receiver<Vec<u8>>,
    wake: Arc<OwnedFd>,
}

impl Port {
    fn receive(&self, buf: &mut [u8]) -> io::Result<usize> {
        let frame = match self.frames.try_recv() {
            Ok(frame) => frame,
            Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
            Err(TryRecvError::Empty) => {
                // Clear first, look again after: a frame that comes between the two wakes the waiter anew.
                let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
                self.frames
                    .try_recv()
                    .map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))?
            }
        };
        let len = frame.len().min(buf.len());
        buf[..len].copy_from_slice(&frame[..len]);
        Ok(len)
    }

    fn send(&self, octets: &[u8]) {
        let ports = self
            .segment
            .ports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (_, port) in ports.senders.iter().filter(|(id, _)| **id != self.id) {
            match port.frames.try_send(octets.to_vec()) {
                Ok(()) => {
                    let _ = rustix::io::write(&*port.wake, &1_u64.to_ne_bytes());
                }
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let mut ports = self
            .segment
            .ports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ports.senders.remove(&self.id);
    }
}

/// A device of ours on a [`MemorySegment`]. Its descriptor (an eventfd) becomes readable with each frame that comes.
#[derive(Debug)]
pub struct MemoryDevice(Port);

impl MemoryDevice {
    /// Two devices with a wire of their own between them.
    #[must_use]
    pub fn pair(mtu: u16) -> (MemoryDevice, MemoryDevice) {
        let segment = MemorySegment::new(mtu);
        (segment.device(), segment.device())
    }
}

impl Device for MemoryDevice {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.wake.as_fd())
    }

    fn receive(&mut self, buf: &mut [u8]) -> io::Result<Received> {
        self.0.receive(buf).map(Received::unverified)
    }

    fn transmit(&mut self, frames: &[Released<Frame>]) -> Transmitted {
        let Some(frame) = frames.first() else {
            return Transmitted::NOTHING;
        };
        self.0.send(frame.octets());
        Transmitted::one(Ok(()))
    }

    fn medium(&self) -> Medium {
        Medium::Ethernet
    }

    fn mtu(&self) -> u16 {
        self.0.segment.mtu
    }
}

/// Somebody else's station on a [`MemorySegment`]: a peer, a router, an attacker. No [`Device`], so a node cannot run on it.
#[derive(Debug)]
pub struct MemoryStation(Port);

impl MemoryStation {
    /// Sends octets to everybody else on the segment.
    pub fn send(&self, octets: &[u8]) {
        self.0.send(octets);
    }

    /// The next frame that somebody sent, if there is one.
    #[must_use]
    pub fn receive(&self) -> Option<Vec<u8>> {
        self.0.frames.try_recv().ok()
    }
}

#[cfg(test)]
mod tests;
