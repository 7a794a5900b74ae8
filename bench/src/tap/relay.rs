//! Copies frames between two TAPs: what any user-space program on a TAP pays for its device.

use super::role::{Said, say};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, ErrorKind};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Above the largest frame with its virtio header.
const FRAME_OCTETS: usize = 128 << 10;
/// Frames copied one way before the other way has its turn.
const TURN_FRAMES: usize = 128;

/// With offloads a virtio header stands before each frame, and is copied with it.
fn make(name: &str, offload: bool) -> io::Result<SyncDevice> {
    let device = DeviceBuilder::new()
        .name(name)
        .layer(Layer::L2)
        .packet_information(false)
        .offload(offload)
        .inherit_enable_state()
        .build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}

/// Until the process is ended.
pub(super) fn relay(taps: &[String; 2], offload: bool) -> io::Result<()> {
    let (first, second) = (make(&taps[0], offload)?, make(&taps[1], offload)?);
    say(&Said::Ready)?;
    let mut frame = vec![0; FRAME_OCTETS];
    loop {
        let more = copy(&first, &second, &mut frame)? | copy(&second, &first, &mut frame)?;
        if !more {
            let ends = [&first, &second];
            let mut ends = ends.map(|end| PollFd::new(end, PollFlags::IN));
            match poll(&mut ends, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether there may be more.
fn copy(from: &SyncDevice, to: &SyncDevice, frame: &mut [u8]) -> io::Result<bool> {
    for _ in 0..TURN_FRAMES {
        let octets = match from.recv(frame) {
            Ok(octets) => octets,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            // An interface that is down, as while it is moved, gives nothing.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::BADFD.raw_os_error()) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        // A full queue, or an interface that is down: the frame is lost, as on a wire.
        let _ = to.send(&frame[..octets]);
    }
    Ok(true)
}
