//! TAP devices.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use ipc::gate::Released;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use super::error::check_name;
use super::joining::Joining;
use super::sysctl::disable_kernel_ipv6;
use super::{Device, DeviceError, Transmitted, carrier};
use crate::frame::{Frame, Medium};
use crate::offload::{OffloadCounters, Received};

/// A TAP interface: Ethernet frames between this process and the kernel's side of the interface.
pub struct TapDevice(Attached);

impl TapDevice {
    /// Attaches to the TAP `name`, or makes it; with offloads where they are wanted and the kernel has them.
    ///
    /// # Errors
    /// See [`super::open`].
    pub fn open(name: &str, offload: bool) -> Result<TapDevice, DeviceError> {
        attach(name, Layer::L2, offload).map(TapDevice)
    }
}

/// A descriptor of `/dev/net/tun` that is attached to an interface.
pub(super) struct Attached {
    device: SyncDevice,
    mtu: u16,
    /// Where a virtio header stands before each frame.
    joining: Option<Joining>,
}

impl Attached {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }

    pub(super) fn mtu(&self) -> u16 {
        self.mtu
    }

    pub(super) fn receive(&mut self, buf: &mut [u8]) -> io::Result<Received> {
        match &mut self.joining {
            Some(joining) => joining.read(self.device.as_fd(), buf),
            None => self.device.recv(buf).map(Received::unverified),
        }
    }

    pub(super) fn transmit(&mut self, frames: &[Released<Frame>]) -> Transmitted {
        match (&mut self.joining, frames.first()) {
            (Some(joining), _) => joining.write(self.device.as_fd(), frames),
            (None, Some(frame)) => Transmitted::one(self.device.send(frame.octets()).map(drop)),
            (None, None) => Transmitted::NOTHING,
        }
    }

    pub(super) fn has_offload(&self) -> bool {
        self.joining.is_some()
    }

    pub(super) fn offload_counters(&self) -> OffloadCounters {
        let joining = self.joining.as_ref();
        joining.map(Joining::counters).unwrap_or_default()
    }
}

/// Opens `/dev/net/tun` and attaches it to `name`: single queue, no packet information, a virtio header where there are offloads.
pub(super) fn attach(name: &str, layer: Layer, offload: bool) -> Result<Attached, DeviceError> {
    check_name(name)?;
    let (wanted, medium) = match layer {
        Layer::L2 => ("TAP", Medium::Ethernet),
        _ => ("TUN", Medium::Ip),
    };
    let tun = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun");
    if let Err(error) = tun
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(DeviceError::TunNotAccessible(name.to_owned(), error));
    }
    let (device, offload) =
        build(name, layer, offload).map_err(|error| attach_error(name, wanted, error))?;
    let failed = |what| move |error| DeviceError::Failed(name.to_owned(), what, error);
    device
        .set_nonblocking(true)
        .map_err(failed("cannot be made non-blocking"))?;
    let mtu = device.mtu().map_err(failed("its MTU cannot be read"))?;
    // Before it comes up: an interface that is up starts to solicit at once.
    disable_kernel_ipv6(name);
    device
        .enabled(true)
        .map_err(failed("cannot be set up (ip link set up)"))?;
    carrier::wait(&device, name).map_err(failed("its carrier cannot be asked for"))?;
    Ok(Attached {
        device,
        mtu,
        joining: offload.then(|| Joining::new(name, medium)),
    })
}

/// The device, and whether it has offloads: all those of TCP, or none.
fn build(name: &str, layer: Layer, offload: bool) -> io::Result<(SyncDevice, bool)> {
    let build = |offload| {
        DeviceBuilder::new()
            .name(name)
            .layer(layer)
            .packet_information(false)
            .offload(offload)
            .inherit_enable_state()
            .build_sync()
    };
    match build(offload) {
        // The kernel does not know them, or the interface is of another kind, which the second attempt tells.
        Err(error) if offload && error.raw_os_error() == Some(libc::EINVAL) => {
            let device = build(false)?;
            tracing::info!("device {name}: works without offloads: {error}");
            Ok((device, false))
        }
        built => Ok((built?, offload)),
    }
}

fn attach_error(name: &str, wanted: &'static str, error: io::Error) -> DeviceError {
    let name = name.to_owned();
    match error.raw_os_error() {
        Some(libc::EBUSY) => DeviceError::Busy(name),
        Some(libc::EPERM) => DeviceError::NotPermitted(name),
        Some(libc::EINVAL) => DeviceError::WrongKind(name, wanted),
        Some(libc::EACCES | libc::ENOENT | libc::ENODEV | libc::ENXIO) => {
            DeviceError::TunNotAccessible(name, error)
        }
        _ => DeviceError::Failed(name, "cannot be attached to", error),
    }
}

impl Device for TapDevice {
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
        Medium::Ethernet
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
