//! Frames with a virtio header before them, read from and written to a descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

use ipc::gate::Released;

use super::Transmitted;
use crate::frame::{Frame, Medium};
use crate::offload::{
    Joined, OffloadCounters, Received, SEGMENTS_MAX, SuperFrame, VIRTIO_HEADER_LEN, VirtioHeader,
    join,
};

/// The side of a device that joins segments on their way out, and says of what comes in how much of it is verified.
#[derive(Debug)]
pub(super) struct Joining {
    name: String,
    medium: Medium,
    /// Virtio header and common headers of the frame that is being written.
    head: Vec<u8>,
    /// Frames that must go alone, since joined they were refused.
    alone: usize,
    /// The device takes no super-frames at all.
    refuses: bool,
    counters: OffloadCounters,
}

impl Joining {
    pub(super) fn new(name: &str, medium: Medium) -> Joining {
        Joining {
            name: name.to_owned(),
            medium,
            head: Vec::new(),
            alone: 0,
            refuses: false,
            counters: OffloadCounters::default(),
        }
    }

    pub(super) fn counters(&self) -> OffloadCounters {
        self.counters
    }

    /// What the virtio header says of the frame of `len` octets behind it.
    pub(super) fn received(&mut self, header: VirtioHeader, len: usize) -> Received {
        self.counters.super_frames_in += u64::from(header.is_super_frame());
        Received {
            len,
            checksum: header.checksum(),
        }
    }

    /// The next frame, without its virtio header.
    pub(super) fn read(&mut self, fd: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<Received> {
        let mut header = [0; VIRTIO_HEADER_LEN];
        let mut parts = [IoSliceMut::new(&mut header), IoSliceMut::new(buf)];
        let octets = rustix::io::readv(fd, &mut parts)?;
        let Some(len) = octets.checked_sub(VIRTIO_HEADER_LEN) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a frame that is shorter than its virtio header",
            ));
        };
        Ok(self.received(VirtioHeader::parse(header), len))
    }

    /// Writes the first frame, and with it those behind it that it can be joined with.
    pub(super) fn write(&mut self, fd: BorrowedFd<'_>, frames: &[Released<Frame>]) -> Transmitted {
        let Some(first) = frames.first() else {
            return Transmitted::NOTHING;
        };
        if first.cut().is_some() {
            return self.write_super(fd, first);
        }
        if self.alone == 0 && !self.refuses {
            let single = frames.iter().take_while(|frame| frame.cut().is_none());
            let octets = single.map(|frame| frame.octets());
            self.head.clear();
            self.head.resize(VIRTIO_HEADER_LEN, 0);
            let joined = join(self.medium, octets, &mut self.head);
            if joined.frames > 1
                && let Some(done) = self.write_joined(fd, &frames[..joined.frames], joined)
            {
                return done;
            }
        }
        self.alone = self.alone.saturating_sub(1);
        Transmitted::one(write_alone(fd, first))
    }

    /// Writes a frame that stands for many segments; where the device does not take it, those.
    fn write_super(&mut self, fd: BorrowedFd<'_>, frame: &Frame) -> Transmitted {
        let Some(parts) = SuperFrame::of(self.medium, frame) else {
            return Transmitted::one(write_alone(fd, frame));
        };
        if !self.refuses {
            let header = parts.header().octets();
            let mut whole = vec![IoSlice::new(&header), IoSlice::new(frame.octets())];
            whole.extend(frame.text().iter().map(|text| IoSlice::new(text)));
            match rustix::io::writev(fd, &whole) {
                Ok(_) => {
                    self.counters.super_frames_out += 1;
                    self.counters.segments_joined += parts.segments() as u64;
                    return Transmitted::one(Ok(()));
                }
                Err(error) if self.is_refusal(error) => self.counters.refused += 1,
                Err(error) => return Transmitted::one(Err(error.into())),
            }
        }
        let header = VirtioHeader::PLAIN.octets();
        let mut result = Ok(());
        parts.cut(&mut self.head, |segment| {
            let written = rustix::io::writev(fd, &[IoSlice::new(&header), IoSlice::new(segment)]);
            if let Err(error) = written {
                result = Err(error.into());
            }
        });
        Transmitted::one(result)
    }

    /// `None` where the device does not take them together.
    fn write_joined(
        &mut self,
        fd: BorrowedFd<'_>,
        frames: &[Released<Frame>],
        joined: Joined,
    ) -> Option<Transmitted> {
        self.head[..VIRTIO_HEADER_LEN].copy_from_slice(&joined.header.octets());
        let mut parts = [IoSlice::new(&[]); SEGMENTS_MAX + 1];
        parts[0] = IoSlice::new(&self.head);
        for (part, frame) in parts[1..].iter_mut().zip(frames) {
            *part = IoSlice::new(&frame.octets()[joined.header_len..]);
        }
        let written = rustix::io::writev(fd, &parts[..=frames.len()]);
        match written {
            Ok(_) => {
                self.counters.super_frames_out += 1;
                self.counters.segments_joined += frames.len() as u64;
            }
            Err(error) if self.is_refusal(error) => {
                self.counters.refused += 1;
                self.alone = frames.len();
                return None;
            }
            Err(_) => {}
        }
        Some(Transmitted {
            frames: frames.len(),
            result: written.map(drop).map_err(io::Error::from),
        })
    }

    /// Whether the frames may still go one by one; says once why.
    fn is_refusal(&mut self, error: rustix::io::Errno) -> bool {
        use rustix::io::Errno;
        let (refusal, for_ever) = match error {
            Errno::INVAL | Errno::MSGSIZE | Errno::OPNOTSUPP => (true, true),
            Errno::NOBUFS | Errno::NOMEM => (true, false),
            _ => (false, false),
        };
        if refusal && self.counters.refused == 0 {
            tracing::warn!(device = self.name, %error, for_ever, "takes no joined frames: segments leave one by one");
        }
        self.refuses |= for_ever;
        refusal
    }
}

/// Writes one frame as it is.
fn write_alone(fd: BorrowedFd<'_>, frame: &Frame) -> io::Result<()> {
    let header = frame
        .left_checksum()
        .map_or(VirtioHeader::PLAIN, VirtioHeader::unsummed);
    let header = header.octets();
    rustix::io::writev(fd, &[IoSlice::new(&header), IoSlice::new(frame.octets())])?;
    Ok(())
}
