//! TUN devices.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use ipc::gate::Released;
use tun_rs::{Layer, SyncDevice};

use super::{Device, DeviceError, tap};
use crate::frame::{Frame, Medium};

/// A TUN interface: IP packets between this process and the kernel.
///
/// It is a routed hop: packets with TTL 1 (external BGP by default) do not come through.
pub struct TunDevice {
    device: SyncDevice,
    mtu: u16,
}

impl TunDevice {
    /// Attaches to the TUN `name`, or makes it.
    ///
    /// # Errors
    /// See [`super::open`].
    pub fn open(name: &str) -> Result<TunDevice, DeviceError> {
        let (device, mtu) = tap::attach(name, Layer::L3)?;
        Ok(TunDevice { device, mtu })
    }

    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.device.send(octets).map(drop)
    }
}

impl Device for TunDevice {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.device.as_fd())
    }

    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.device.recv(buf)
    }

    fn transmit(&mut self, frame: &Released<Frame>) -> io::Result<()> {
        self.write(frame.octets())
    }

    fn medium(&self) -> Medium {
        Medium::Ip
    }

    fn mtu(&self) -> u16 {
        self.mtu
    }
}
