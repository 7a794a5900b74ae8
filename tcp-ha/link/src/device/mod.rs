//! Devices: the only places where frames enter and leave.

mod carrier;
mod error;
mod joining;
mod memory;
mod packet;
mod sysctl;
mod tap;
mod tun;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::str::FromStr;

use ipc::gate::Released;

pub use error::DeviceError;
pub use memory::{MemoryDevice, MemorySegment, MemoryStation};
pub use packet::PacketDevice;
pub use tap::TapDevice;
pub use tun::TunDevice;

use crate::frame::{Frame, Medium};
use crate::offload::{OffloadCounters, Received};

/// A network interface as the node sees it: non-blocking, one system call a call.
///
/// [`Device::transmit`] takes [`Released`] frames, which only the gate can make, so nothing leaves that the gate has not let go.
pub trait Device: Send {
    /// The descriptor to wait on for input.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// Takes the next frame into `buf`. A device with offloads gives frames of up to 64 KiB and the link header.
    ///
    /// # Errors
    /// `WouldBlock` when none is there; anything else is the environment's (interface down or gone).
    fn receive(&mut self, buf: &mut [u8]) -> io::Result<Received>;

    /// Hands the first frame to the interface, and in the same write as many behind it as the device can join with it.
    fn transmit(&mut self, frames: &[Released<Frame>]) -> Transmitted;

    /// What the device carries.
    fn medium(&self) -> Medium;

    /// Largest IP packet in octets, as it was when the device was opened.
    fn mtu(&self) -> u16;

    /// Whether it has offloads: super-frames come and go, and their checksums are the device's business.
    fn has_offload(&self) -> bool {
        false
    }

    /// What it has done by its offloads.
    fn offload_counters(&self) -> OffloadCounters {
        OffloadCounters::default()
    }
}

/// What became of frames that were handed to a device.
#[derive(Debug)]
pub struct Transmitted {
    /// How many were dealt with, from the first on; 0 only where none was given.
    pub frames: usize,
    /// Why those were lost. `WouldBlock`: the interface's queue is full, as a wire may be; anything else is the environment's.
    pub result: io::Result<()>,
}

impl Transmitted {
    /// One frame, written or not.
    fn one(result: io::Result<()>) -> Transmitted {
        Transmitted { frames: 1, result }
    }

    /// There was none.
    const NOTHING: Transmitted = Transmitted {
        frames: 0,
        result: Ok(()),
    };
}

/// Which driver a device is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// Ethernet frames through `/dev/net/tun`.
    Tap,
    /// IP packets through `/dev/net/tun`.
    Tun,
    /// Ethernet frames of an existing interface, through a packet socket.
    Packet,
    /// An Ethernet segment inside this process; whoever opens the same name is on the same segment.
    Memory,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceKind::Tap => "tap",
            DeviceKind::Tun => "tun",
            DeviceKind::Packet => "packet",
            DeviceKind::Memory => "memory",
        })
    }
}

impl FromStr for DeviceKind {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<DeviceKind, DeviceError> {
        match text {
            "tap" => Ok(DeviceKind::Tap),
            "tun" => Ok(DeviceKind::Tun),
            "packet" => Ok(DeviceKind::Packet),
            "memory" => Ok(DeviceKind::Memory),
            _ => Err(DeviceError::UnknownKind(text.to_owned())),
        }
    }
}

/// Which device to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceConfig {
    /// The driver.
    pub kind: DeviceKind,
    /// Interface name, up to 15 octets; for [`DeviceKind::Memory`] the name of the segment.
    pub name: String,
    /// Use the offloads of the kernel where it has them: one frame may then stand for many segments, on the interface itself and wherever
    /// it is captured on this host. Off, each frame is one that a wire could carry.
    pub offload: bool,
}

impl DeviceConfig {
    /// A device with the offloads that the kernel has.
    pub fn new(kind: DeviceKind, name: impl Into<String>) -> DeviceConfig {
        DeviceConfig {
            kind,
            name: name.into(),
            offload: true,
        }
    }

    /// The same device without offloads.
    #[must_use]
    pub fn without_offload(self) -> DeviceConfig {
        DeviceConfig {
            offload: false,
            ..self
        }
    }
}

/// Opens a device: non-blocking, up, and (TAP, TUN) with the kernel's own IPv6 switched off on it.
///
/// A TAP or TUN of that name that exists already is attached to, otherwise it is made and lives as long as the device is open.
///
/// # Errors
/// One line that names the interface and says what to do.
pub fn open(config: &DeviceConfig) -> Result<Box<dyn Device>, DeviceError> {
    Ok(match config.kind {
        DeviceKind::Tap => Box::new(TapDevice::open(&config.name, config.offload)?),
        DeviceKind::Tun => Box::new(TunDevice::open(&config.name, config.offload)?),
        DeviceKind::Packet => Box::new(PacketDevice::open(&config.name, config.offload)?),
        DeviceKind::Memory => Box::new(MemorySegment::named(&config.name).device()),
    })
}
