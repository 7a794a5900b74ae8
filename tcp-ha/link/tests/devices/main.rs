//! Real devices, with the kernel as the peer. Each test makes network namespaces of its own, so they need root (or
//! `unshare -Urnm --map-root-user` with a tmpfs on /run), and say so loudly where they have not got it.

mod bulk;
mod errors;
mod kernel_peer;
mod namespace;
mod node;
