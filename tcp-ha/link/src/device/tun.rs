//! TUN devices.

use std::io;
use std::os::fd::BorrowedFd;

use ipc::gate::Released;
use tun_rs::Layer;

use super::tap::{Attached, attach};
use super::{Device, DeviceError, Transmitted};
use crate::frame::{Frame, Medium};
use crate::offload::{OffloadCounters, Received};

/// A TUN interface: IP packets between this process and the kernel.
///
/// It is a routed hop: packets with TTL 1 (external BGP by default) do not come through.
pub struct TunDevice(Attached);

impl TunDevice {
    /// Attaches to the TUN `name`, or makes it; with offloads where they are wanted and the kernel has them.
    ///
    /// # Errors
    /// See [`super::open`].
    pub fn open(name: &str, offload: bool) -> Result<TunDevice, DeviceError> {
        attach(name, Layer::L3, offload).map(TunDevice)
    }
}

impl Device for TunDevice {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.fd())
    }

    fn receive(&mut self, buf: &mut [u8]) -> io::Result<Received> {
        self.0.receive(buf)
    }

    fn transmit(&mut self, frames: &[Released<Frame>]) -> Transmitted {
        self.0.transmit(frames)
    }

    fn medium(&self) -> Medium {
        Medium::Ip
    }

    fn mtu(&self) -> u16 {
        self.0.mtu()
    }

    fn has_offload(&self) -> bool {
        self.0.has_offload()
    }

    fn offload_counters(&self) -> OffloadCounters {
        self.0.offload_counters()
    }
}
