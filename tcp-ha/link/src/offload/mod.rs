//! What the kernel's devices take off a stack: checksums, and many segments in one frame.
//!
//! A device with a virtio header before each frame may give a *super-frame*: one IP packet of up to 64 KiB that stands for many
//! segments, or a TCP checksum that nobody has filled in. The other way round, consecutive segments of one flow are joined behind the
//! gate into one such frame, or the engine has built one, and whoever puts it on a wire cuts it again by the rules of TCP segmentation offload.

mod cut;
mod join;
mod superframe;
mod virtio;

pub use cut::SuperFrame;
pub(crate) use join::{Joined, SEGMENTS_MAX, join};
pub(crate) use virtio::{VIRTIO_HEADER_LEN, VirtioHeader, frame_octets_max};

/// What is known of the TCP checksum of a frame that came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: it is to be verified.
    #[default]
    Unverified,
    /// The device vouches for the octets. The field itself need not hold the right sum.
    Vouched,
}

/// A frame that a device gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length in octets.
    pub len: usize,
    /// Whether the TCP checksum is to be verified.
    pub checksum: Checksum,
}

impl Received {
    /// A frame of so many octets, of which the device knows nothing.
    #[must_use]
    pub const fn unverified(len: usize) -> Received {
        Received {
            len,
            checksum: Checksum::Unverified,
        }
    }
}

/// What a device with offloads has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OffloadCounters {
    /// Frames that came and stood for several segments.
    pub super_frames_in: u64,
    /// Frames that left and stood for several segments.
    pub super_frames_out: u64,
    /// Segments that left in them.
    pub segments_joined: u64,
    /// Joined frames that the device refused; their segments left one by one.
    pub refused: u64,
}
