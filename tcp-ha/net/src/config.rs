//! What a stack is started with.

use crate::channel::ChannelConfig;
use core::fmt;
use ipc::Epoch;
use ipc::register::EtcdConfig;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tcp_ha_core::NodeLimits;
use tcp_ha_engine::Config;
use tcp_ha_engine::auth::SecurityTable;
use tcp_ha_link::host::HostError;
use tcp_ha_link::{DeviceConfig, DeviceError, LinkAddress};

/// How long an ACK waits for the daemon's mark: daemons that read at once mark in some ten microseconds, and then nothing that was received is
/// recorded but the mark.
const MARK_PATIENCE: Duration = Duration::from_millis(1);

/// How a node begins where the register is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Becomes the active.
    Active,
    /// Waits for an active to join.
    Standby,
}

/// A command that fences: when it ends with status 0, no process of the last pair runs any more, on whatever host.
///
/// It finds what the register says in `TCP_HA_EPOCH`, `TCP_HA_ACTIVE` and `TCP_HA_STANDBY` (empty: none).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceConfig {
    /// Program and arguments.
    pub command: Vec<String>,
    /// How long the last pair must have been out of reach before it is run, and between two runs.
    pub after: Duration,
    /// How long it may take.
    pub timeout: Duration,
}

/// Everything that a node is told. Both nodes of a pair share all of it but `name`, `device`, `begin` and `channel`; on two hosts each
/// has a directory of its own.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// The node's name, for people.
    pub name: String,
    /// How it begins where the register is empty.
    pub begin: Begin,
    /// The device that it speaks through, its own.
    pub device: DeviceConfig,
    /// The link address that it speaks with, the pair's; it must differ from the device's own.
    pub mac: LinkAddress,
    /// The pair's addresses with prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Routers.
    pub gateways: Vec<IpAddr>,
    /// Directory of the signs of life and of the channel's sockets, on a memory file system. Nodes of one host share it; where the
    /// register is not elsewhere, it is there as well.
    pub register: PathBuf,
    /// How the nodes talk to each other.
    pub channel: ChannelConfig,
    /// The register of a pair on two hosts; without it, files in the directory.
    pub etcd: Option<EtcdConfig>,
    /// Makes sure that the nodes of a pair that does not answer are dead, where nothing here proves it.
    pub fence: Option<FenceConfig>,
    /// The operator's word: the nodes that the register names in this epoch are dead.
    pub dead_epoch: Option<Epoch>,
    /// Digest of whatever the daemon's configuration must share.
    pub config_digest: [u8; 32],
    /// Bounds and times.
    pub limits: NodeLimits,
    /// The engine's settings.
    pub tcp: Config,
    /// Whether streams of a dead active come with [`StackEvent::Active`](crate::StackEvent::Active); otherwise from `accept` of a
    /// listener on their port.
    pub streams_by_event: bool,
    /// Whether the daemon has state of its own that belongs to no connection: it is then asked for it when a standby joins.
    pub node_sync: bool,
    /// What is asked of peers, their keys included. A survivor goes on with what the dead active had.
    pub security: SecurityTable,
}

impl StackConfig {
    /// A node that stands by where it can, without addresses yet: MTU 1500, the link address 02:00:5e:00:01:01, every bound at its
    /// default.
    pub fn new(name: &str, device: DeviceConfig, register: PathBuf) -> StackConfig {
        StackConfig {
            name: name.to_owned(),
            begin: Begin::Standby,
            device,
            mac: LinkAddress([0x02, 0x00, 0x5e, 0x00, 0x01, 0x01]),
            addresses: Vec::new(),
            gateways: Vec::new(),
            register,
            channel: ChannelConfig::Host,
            etcd: None,
            fence: None,
            dead_epoch: None,
            config_digest: [0; 32],
            limits: NodeLimits::default(),
            tcp: Config {
                mark_patience: MARK_PATIENCE,
                gather_acks: true,
                ..Config::default()
            },
            streams_by_event: false,
            node_sync: false,
            security: SecurityTable::default(),
        }
    }
}

/// Why a node could not start; one line that says what to do, also where a program ends with it as the error of its `main`.
pub enum StartError {
    /// The device.
    Device(DeviceError),
    /// Addresses and the like.
    Host(HostError),
    /// The register.
    Register(String),
    /// A system call.
    Io(&'static str, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Device(error) => error.fmt(f),
            StartError::Host(error) => write!(f, "interface: {error}"),
            StartError::Register(error) => f.write_str(error),
            StartError::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StartError {}

impl From<StartError> for io::Error {
    fn from(error: StartError) -> io::Error {
        io::Error::other(error.to_string())
    }
}
