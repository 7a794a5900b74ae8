//! Configuration of a node: a TOML file, or flags, or a file and flags that override it.
//!
//! ```toml
//! [node]
//! name = "rp1"                     # for people
//! register = "/run/x/register"     # directory that both nodes share, on a file system in memory
//! status = "/run/x/rp1.sock"       # socket that answers questions; this node's own
//! heartbeat_ms = 5                 # default 5, between hosts 20
//! misses = 3                       # heartbeats missed until the other counts as dead; default 3
//! hold_limit_ms = 100              # how long an active waits for its standby; default 100
//! audit_ms = 10000                 # time between two audits of the standby, 0 for none; default 10000
//! log = "info"                     # error, warn, info, debug, trace, or a filter per target; default info
//!
//! [register]                       # of a pair on two hosts; without it, files in `node.register`
//! etcd = ["https://192.0.2.1:2379"] # members of one etcd; or http:// where nobody else is on the network
//! key = "/tcp-ha/register"         # each pair has its own; default this
//! user = "rp"                      # where etcd has users, and only over https://; default none
//! password = { file = "etcd.password" } # or { env = "NAME" }, or the password itself
//! connect_ms = 300                 # how long a member may take to be connected to, default 300,
//! answer_ms = 500                  # and to answer, default 500
//! patience_ms = 10                 # how long the node's loop waits for an answer; default 10
//! fence = ["/usr/local/sbin/fence"] # ends with status 0 when no node of a pair that does not answer runs any more; default none
//! fence_after_s = 30               # how long such a pair must be out of reach; default 30
//! fence_timeout_s = 60             # how long the command may take; default 60
//!
//! [register.tls]                   # for https://
//! ca = "ca.crt"                    # the authority of etcd
//! certificate = "a.crt"            # where etcd asks for one (--client-cert-auth), with its key; default none
//! key = "a.key"
//!
//! [ipc]                            # where each node has a host of its own; without it both are on one, and a Unix socket it is
//! listen = "192.0.2.1:4711"        # this node's own, as are `connect`, `certificate` and `key`
//! connect = "192.0.2.2:4711"       # the other node's `listen`; or a list
//! certificate = "a.crt"            # made by `active-rp certificates`
//! key = "a.key"
//! ca = "ca.crt"
//! pair = "lab"                     # the name that certificates carry
//!
//! [device]
//! kind = "tap"                     # tap, tun, packet or memory; default tap
//! name = "rp1"                     # interface; this node's own
//! offload = true                   # one frame may stand for many segments, where the kernel can; default true
//!
//! [interface]                      # what the pair is to the world
//! mac = "02:00:5e:00:01:01"        # must differ from the device's own
//! addresses = ["10.99.0.1/24", "fd99::1/64"]
//! gateways = []                    # default none
//! mtu = 1500                       # default 1500
//!
//! [bgp]                            # see `bgp_demo::config`
//! as = 65001
//! router_id = "10.99.0.1"
//!
//! [[security]]                     # what is asked of peers; the longest prefix decides
//! peer = "10.99.0.2"               # an address or a prefix
//! md5 = { file = "peer.key" }      # RFC 2385; or { env = "NAME" }, or the key itself
//! ttl_security = 1                 # RFC 5082: at most so many hops away; default any
//!
//! [[security]]
//! peer = "fd99::/64"               # RFC 5925: the keys that are accepted, one of them preferred (without: the first)
//! ao = [{ id = 1, key = { file = "1.key" } }, { id = 2, key = { file = "2.key" }, algorithm = "aes-128-cmac-96", preferred = true }]
//! ```
//!
//! Paths in a file are relative to its directory. `name`, `node.register`, `[register]`, `status`, `log`, `[device]` and `[ipc]` are a node's own; everything
//! else but `[[security]]`, and the content of the routes file, must be the same on both nodes and goes into [`Config::digest`].

use core::fmt;
use core::hash::Hasher as _;
use core::net::IpAddr;
use core::time::Duration;
use std::path::PathBuf;

use bgp_demo::config::SpeakerConfig;
use bgp_demo::speaker::OriginatedRoute;
use siphasher::sip128::{Hasher128, SipHasher24};
use tcp_ha::ChannelConfig;
use tcp_ha::FenceConfig;
use tcp_ha::engine::auth::SecurityTable;
use tcp_ha::ipc::register::EtcdConfig;
use tcp_ha::link::{DeviceConfig, LinkAddress};

mod channel;
mod check;
mod file;
mod flags;
mod place;
mod register;
mod security;
mod settings;

pub(crate) use check::read_routes;
pub use flags::{Flags, PeerFlag};
pub use place::Place;
pub use security::SecurityFlag;
pub(crate) use security::read_security;

/// Everything that a node is told; checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// `node.name`.
    pub name: String,
    /// `node.register`.
    pub register: PathBuf,
    /// `register.etcd` and what belongs to it.
    pub etcd: Option<EtcdConfig>,
    /// `register.fence` and what belongs to it.
    pub fence: Option<FenceConfig>,
    /// `--dead-epoch`.
    pub dead_epoch: Option<u64>,
    /// `node.status`.
    pub status: PathBuf,
    /// `node.heartbeat_ms`.
    pub heartbeat: Duration,
    /// `node.misses`.
    pub misses: u32,
    /// `node.hold_limit_ms`.
    pub hold_limit: Duration,
    /// `node.audit_ms`; zero for none.
    pub audit: Duration,
    /// `[ipc]`: how the nodes talk to each other; a Unix socket without it.
    pub channel: ChannelConfig,
    /// `node.log`: a filter of the `tracing` kind.
    pub log: String,
    /// `[device]`.
    pub device: DeviceConfig,
    /// `interface.mac`.
    pub mac: LinkAddress,
    /// `interface.addresses`, each with its prefix length.
    pub addresses: Vec<(IpAddr, u8)>,
    /// `interface.gateways`.
    pub gateways: Vec<IpAddr>,
    /// `interface.mtu`, in octets.
    pub mtu: u16,
    /// `[bgp]`.
    pub bgp: SpeakerConfig,
    /// `bgp.routes`, and what the file held when it was read.
    pub routes: Option<RoutesFile>,
    /// `[[security]]`.
    pub security: SecurityTable,
}

/// A file of routes to originate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutesFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it held.
    pub text: String,
    /// The same, read.
    pub routes: Vec<OriginatedRoute>,
}

/// Why a node cannot be started so: one line that says where and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where the mistake is.
    pub place: Place,
    /// What is wrong, and what to do.
    pub what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Reads the file, if flags name one, and lets the other flags override it.
    ///
    /// # Errors
    /// [`ConfigError`]: the first mistake.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let from_file = match &flags.config {
            Some(path) => file::read(path)?,
            None => settings::Settings::default(),
        };
        check::check(flags.settings().or(from_file))
    }

    /// Digest of what both nodes must share: two SipHash-2-4 of 128 bits with the keys (0, 0) and (1, 1) over a canonical text.
    /// It tells unequal configurations apart by accident, not against an attacker.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // Named field by field, so that a new one has to be decided on.
        let Self {
            name: _,
            register: _,
            etcd: _,
            fence: _,
            dead_epoch: _,
            status: _,
            log: _,
            // Only the active asks for audits.
            audit: _,
            device: _,
            // Where each listens, and its certificate, are its own; of which pair they are is judged by TLS.
            channel: _,
            // It travels from the active, so that keys can change under a pair.
            security: _,
            ..
        } = self;
        let Self {
            heartbeat,
            misses,
            hold_limit,
            mac,
            addresses,
            gateways,
            mtu,
            bgp,
            routes,
            ..
        } = self;
        let routes = routes.as_ref().map_or("", |routes| &routes.text);
        let bgp = bgp.digest(routes.as_bytes());
        let text = format!(
            "node 1\n{} {misses} {}\n{mac} {addresses:?} {gateways:?} {mtu}\n{bgp:?}\n",
            heartbeat.as_micros(),
            hold_limit.as_micros()
        );
        let mut digest = [0; 32];
        for (key, half) in digest.chunks_exact_mut(16).enumerate() {
            let mut hasher = SipHasher24::new_with_keys(key as u64, key as u64);
            hasher.write(text.as_bytes());
            half.copy_from_slice(&hasher.finish128().as_bytes());
        }
        digest
    }
}

#[cfg(test)]
mod tests;
