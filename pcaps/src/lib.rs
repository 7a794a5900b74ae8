//! Reads, writes and checks captures of TCP and BGP sessions.
