//! Which way the two nodes of a pair talk to each other.

use ipc::transport::tls::Credentials;
use std::net::SocketAddr;

/// The channel between the nodes.
#[derive(Clone, Debug, Default)]
pub enum ChannelConfig {
    /// A Unix socket beside the register: both nodes are on one host. A death is told by the kernel.
    #[default]
    Host,
    /// TCP with mutual TLS 1.3: each node has a host of its own. A death is told by silence, or by the end of the channel.
    Hosts(HostsConfig),
}

/// What a node needs to talk to another host.
#[derive(Clone, Debug)]
pub struct HostsConfig {
    /// Where this node listens while it is the active.
    pub listen: SocketAddr,
    /// Where the other nodes of the pair listen; tried in turn.
    pub connect: Vec<SocketAddr>,
    /// What this node shows, and judges others by.
    pub credentials: Credentials,
}

impl ChannelConfig {
    /// Whether both nodes are on one host, so that its kernel can tell of a death.
    pub fn is_of_one_host(&self) -> bool {
        matches!(self, ChannelConfig::Host)
    }
}
