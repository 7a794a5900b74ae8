//! A virtual host: the engine, descriptors, and BSD socket semantics in virtual time.
//!
//! A [`Host`] is driven from three sides, in any order:
//! - *network*: [`handle_packet`](Host::handle_packet) takes a bare IP packet (TCP, or ICMP
//!   about it); [`take_packet`](Host::take_packet) gives what the host has sent, oldest
//!   first, each with its time;
//! - *time*: [`now`](Host::now) stands still until [`advance_to`](Host::advance_to) moves
//!   it, and fires the timers on the way, each at its own moment;
//! - *calls*: [`socket`](Host::socket), [`bind`](Host::bind), [`listen`](Host::listen),
//!   [`accept`](Host::accept), [`connect`](Host::connect), [`recv`](Host::recv),
//!   [`send`](Host::send), [`shutdown`](Host::shutdown), [`close`](Host::close), options,
//!   [`poll`](Host::poll). None of them waits: what would block is [`Errno::Again`].
//!
//! [`take_over`](Host::take_over) lets the engine die at any moment, and a twin go on from its
//! checkpoints; [`twin_of`](Host::twin_of) is a twin to compare with.
//!
//! A call of a script that may block is a [`Call`]: attempt it with [`Host::attempt`], and
//! again after each packet and each move of the clock, until it is ready. It knows of
//! `O_NONBLOCK`, and a blocking write that fits in part goes on from there.
//!
//! ```
//! use tcp_ha_packetdrill::sockets::{Family, Host, HostConfig};
//! let mut host = Host::new(HostConfig::default());
//! let fd = host.socket(Family::V4).unwrap();
//! host.connect(fd, "192.0.2.1:179".parse().unwrap()).unwrap_err(); // EINPROGRESS
//! let syn = host.take_packet().unwrap();
//! assert_eq!(syn.octets[20 + 13], 0x02);
//! ```

mod call;
mod chronograph;
mod config;
mod conversation;
mod errno;
mod host;
mod option;
mod packet;
mod passive;
mod readiness;
mod sending;
mod stream;
mod table;
mod takeover;

pub use call::{Answer, Call, PollEntry};
pub use chronograph::BusyTimes;
pub use config::{HostConfig, MakesSafe, Semantics};
pub use errno::Errno;
pub use host::{Host, Packet};
pub use option::SocketOption;
pub use readiness::Readiness;
pub use stream::{RecvFlags, SendFlags, Shutdown};
pub use table::{Family, Fd};
pub use takeover::TakeoverError;

#[cfg(test)]
mod tests;
