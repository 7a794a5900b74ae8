//! What users have today, beside ours: a route processor is killed and started again at once, under BGP sessions with BIRDs.

mod contest;
mod ground;
mod ours;
mod peer;
mod processor;
mod theirs;
mod wire;

pub use contest::restarts;

use std::net::Ipv4Addr;

/// Sessions of the route processor, each with a BIRD of its own.
const SESSIONS: usize = 10;
/// Routes that the peer announces on each; the route processor tells them to all others.
const ROUTES: usize = 1_000;
/// Routes that the peer has to hold from the route processor, over all sessions.
const DUE: usize = SESSIONS * (SESSIONS - 1) * ROUTES;
/// AS of the route processor; the peer's are behind [`PEER_AS`].
const OWN_AS: u32 = 65_001;
/// AS of the peer's first session.
const PEER_AS: u32 = 65_010;
/// Address of the route processor.
const OWN: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);
/// Hold time of every session, seconds.
const HOLD_TIME: u32 = 30;

/// The peer's address of a session.
fn peer_address(session: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 98, 1, session as u8 + 1)
}

/// The peer's AS of a session.
fn peer_as(session: usize) -> u32 {
    PEER_AS + session as u32
}
