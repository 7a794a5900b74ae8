//! TAP devices.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use ipc::gate::Released;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use super::error::check_name;
use super::sysctl::disable_kernel_ipv6;
use super::{Device, DeviceError, carrier};
use crate::frame::{Frame, Medium};

/// A TAP interface: Ethernet frames between this process and the kernel's side of the interface.
pub struct TapDevice {
    device: SyncDevice,
    mtu: u16,
}

impl TapDevice {
    /// Attaches to the TAP `name`, or makes it.
    ///
    /// # Errors
    /// See [`super::open`].
    pub fn open(name: &str) -> Result<TapDevice, DeviceError> {
        let (device, mtu) = attach(name, Layer::L2)?;
        Ok(TapDevice { device, mtu })
    }

    /// Sends octets as they are: for the outside world's end of a test, and for [`Device::transmit`].
    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.device.send(octets).map(drop)
    }
}

/// Opens `/dev/net/tun` and attaches it to `name`: single queue, no packet information, no virtio header.
pub(super) fn attach(name: &str, layer: Layer) -> Result<(SyncDevice, u16), DeviceError> {
    check_name(name)?;
    let wanted = match layer {
        Layer::L2 => "TAP",
        _ => "TUN",
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
    let device = DeviceBuilder::new()
        .name(name)
        .layer(layer)
        .packet_information(false)
        .inherit_enable_state()
        .build_sync()
        .map_err(|error| attach_error(name, wanted, error))?;
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
    Ok((device, mtu))
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
        Some(self.device.as_fd())
    }

    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.device.recv(buf)
    }

    fn transmit(&mut self, frame: &Released<Frame>) -> io::Result<()> {
        self.write(frame.octets())
    }

    fn medium(&self) -> Medium {
        Medium::Ethernet
    }

    fn mtu(&self) -> u16 {
        self.mtu
    }
}
