//! Devices: the only places where frames enter and leave.

mod carrier;
mod error;
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

/// A network interface as the node sees it: non-blocking, one frame a call.
///
/// [`Device::transmit`] takes a [`Released`] frame, which only the gate can make, so nothing leaves that the gate has not let go.
pub trait Device: Send {
    /// The descriptor to wait on for input.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// Takes the next frame into `buf` and returns its length.
    ///
    /// # Errors
    /// `WouldBlock` when none is there; anything else is the environment's (interface down or gone).
    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Hands one frame to the interface.
    ///
    /// # Errors
    /// `WouldBlock` when the interface's queue is full: the frame is lost, as on a wire; anything else is the environment's.
    fn transmit(&mut self, frame: &Released<Frame>) -> io::Result<()>;

    /// What the device carries.
    fn medium(&self) -> Medium;

    /// Largest IP packet in octets, as it was when the device was opened.
    fn mtu(&self) -> u16;
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
}

/// Opens a device: non-blocking, up, and (TAP, TUN) with the kernel's own IPv6 switched off on it.
///
/// A TAP or TUN of that name that exists already is attached to, otherwise it is made and lives as long as the device is open.
///
/// # Errors
/// One line that names the interface and says what to do.
pub fn open(config: &DeviceConfig) -> Result<Box<dyn Device>, DeviceError> {
    Ok(match config.kind {
        DeviceKind::Tap => Box::new(TapDevice::open(&config.name)?),
        DeviceKind::Tun => Box::new(TunDevice::open(&config.name)?),
        DeviceKind::Packet => Box::new(PacketDevice::open(&config.name)?),
        DeviceKind::Memory => Box::new(MemorySegment::named(&config.name).device()),
    })
}
