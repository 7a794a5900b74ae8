//! Packet sockets (AF_PACKET) on an existing Ethernet interface.

mod socket;

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ipc::gate::Released;

use super::error::check_name;
use super::joining::Joining;
use super::{Device, DeviceError, Transmitted};
use crate::frame::{Frame, Medium};
use crate::offload::{
    OffloadCounters, Received, VIRTIO_HEADER_LEN, VirtioHeader, frame_octets_max,
};

/// Receive buffer asked for: a second of stalls at 30 Mbit/s. The system may give less.
const RECEIVE_BUFFER: libc::c_int = 4 * 1024 * 1024;
/// Send buffer asked for: room for sixty super-frames on their way.
const SEND_BUFFER: libc::c_int = 4 * 1024 * 1024;

/// Frames in a row that the system may drop before that is an error.
const UNTOLD_MAX: u32 = 64;

/// An Ethernet interface through a packet socket: promiscuous, deaf to what leaves by it.
///
/// With offloads the interface may have its own. Without, they must be off (`ethtool -K NAME tx off tso off gso off gro off`): otherwise
/// frames come with partial checksums and longer than the MTU. Longer frames are dropped and counted.
pub struct PacketDevice {
    socket: OwnedFd,
    name: String,
    mtu: u16,
    oversized: u64,
    /// Where a virtio header stands before each frame.
    joining: Option<Joining>,
}

impl PacketDevice {
    /// Opens the interface `name`; with offloads where they are wanted and the kernel has them.
    ///
    /// # Errors
    /// See [`super::open`].
    pub fn open(name: &str, offload: bool) -> Result<PacketDevice, DeviceError> {
        check_name(name)?;
        let failed = |what| move |error| DeviceError::Failed(name.to_owned(), what, error);
        let index = socket::interface_index(name)?;
        let socket = socket::packet_socket().map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => DeviceError::NoNetRaw(name.to_owned()),
            _ => DeviceError::Failed(name.to_owned(), "no packet socket", error),
        })?;
        let (mtu, hardware) =
            socket::mtu_and_hardware(&socket, name).map_err(failed("cannot be asked"))?;
        if hardware != libc::ARPHRD_ETHER {
            return Err(DeviceError::NotEthernet(name.to_owned()));
        }
        let option = |level, option, value| socket::option(&socket, level, option, value);
        option(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1)
            .map_err(failed("cannot ignore outgoing frames"))?;
        // A smaller buffer only loses more frames of a burst, which TCP mends.
        let _ = option(libc::SOL_SOCKET, libc::SO_RCVBUF, &RECEIVE_BUFFER);
        let _ = option(libc::SOL_SOCKET, libc::SO_SNDBUF, &SEND_BUFFER);
        let offloaded = offload && option(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1).is_ok();
        if offload && !offloaded {
            tracing::info!("device {name}: works without offloads");
        }
        socket::join_promiscuous(&socket, index).map_err(failed("cannot be made promiscuous"))?;
        socket::bind(&socket, index).map_err(failed("cannot be bound to"))?;
        Ok(PacketDevice {
            socket,
            name: name.to_owned(),
            mtu,
            oversized: 0,
            joining: offloaded.then(|| Joining::new(name, Medium::Ethernet)),
        })
    }

    /// Frames dropped because they were longer than the MTU: a sign of offloads that are on, and that this device was opened without.
    #[must_use]
    pub fn oversized(&self) -> u64 {
        self.oversized
    }

    /// The next frame with its virtio header; a device without has the plain one.
    ///
    /// A frame whose offload no virtio header can tell is an invalid argument to the system, which drops it.
    fn next(&mut self, buf: &mut [u8]) -> io::Result<(VirtioHeader, usize)> {
        let mut header = VirtioHeader::PLAIN.octets();
        let before = if self.joining.is_some() {
            VIRTIO_HEADER_LEN
        } else {
            0
        };
        let mut untold = 0;
        loop {
            let mut parts = [IoSliceMut::new(&mut header[..before]), IoSliceMut::new(buf)];
            let message = match socket::receive(&self.socket, &mut parts) {
                Err(error)
                    if error.raw_os_error() == Some(libc::EINVAL)
                        && before > 0
                        && untold < UNTOLD_MAX =>
                {
                    untold += 1;
                    continue;
                }
                received => received?,
            };
            if !message.outgoing {
                let len = message.octets.saturating_sub(before);
                return Ok((VirtioHeader::parse(header), len));
            }
        }
    }

    fn count_oversized(&mut self, len: usize) {
        self.oversized += 1;
        if self.oversized == 1 {
            tracing::warn!(
                "device {0}: dropped a frame of {len} octets, more than its MTU of {1}: switch offloads off \
                 (ethtool -K {0} tx off tso off gso off gro off)",
                self.name,
                self.mtu
            );
        }
    }
}

impl Device for PacketDevice {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn receive(&mut self, buf: &mut [u8]) -> io::Result<Received> {
        loop {
            let (header, len) = self.next(buf)?;
            let longest = if header.is_super_frame() {
                frame_octets_max(Medium::Ethernet)
            } else {
                usize::from(self.mtu) + Medium::Ethernet.header_len()
            };
            if len > longest || len > buf.len() {
                self.count_oversized(len);
                continue;
            }
            return Ok(match &mut self.joining {
                Some(joining) => joining.received(header, len),
                None => Received::unverified(len),
            });
        }
    }

    fn transmit(&mut self, frames: &[Released<Frame>]) -> Transmitted {
        match (&mut self.joining, frames.first()) {
            (Some(joining), _) => joining.write(self.socket.as_fd(), frames),
            (None, Some(frame)) => {
                let written = rustix::io::write(&self.socket, frame.octets());
                Transmitted::one(written.map(drop).map_err(io::Error::from))
            }
            (None, None) => Transmitted::NOTHING,
        }
    }

    fn medium(&self) -> Medium {
        Medium::Ethernet
    }

    fn mtu(&self) -> u16 {
        self.mtu
    }

    fn has_offload(&self) -> bool {
        self.joining.is_some()
    }

    fn offload_counters(&self) -> OffloadCounters {
        let joining = self.joining.as_ref();
        joining.map(Joining::counters).unwrap_or_default()
    }
}
