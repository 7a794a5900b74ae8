//! Settings of the command line.

use core::net::{IpAddr, Ipv4Addr};
use core::str::FromStr;
use std::path::{Path, PathBuf};

use bgp_demo::config::PeerSection;
use bgp_demo::prefix::Family;
use clap::Args;

use super::channel::IpcSettings;
use super::place::{Given, Place};
use super::register::{GivenRegister, GivenTls, Password};
use super::security::{KeySource, SecurityFlag};
use super::settings::{BgpFlags, Settings};

/// Where a node's configuration comes from. Flags override what the file says.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Name of the node, for people
    #[arg(long)]
    pub name: Option<String>,
    /// Directory of the register, shared by both nodes, on a file system in memory; with --etcd this node's own, and lasting
    #[arg(long, value_name = "DIRECTORY")]
    pub register: Option<PathBuf>,
    /// Member of the etcd that holds the register of a pair on two hosts, https://HOST:PORT or http://HOST:PORT; may be repeated
    #[arg(long = "etcd", value_name = "URL")]
    pub etcd: Vec<String>,
    /// Certificate of the authority of etcd (PEM), for https://
    #[arg(long, value_name = "FILE")]
    pub etcd_ca: Option<PathBuf>,
    /// Certificate of this node that etcd asks for (PEM)
    #[arg(long, value_name = "FILE")]
    pub etcd_certificate: Option<PathBuf>,
    /// Key of that certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub etcd_key: Option<PathBuf>,
    /// User of etcd, where it has users
    #[arg(long, value_name = "NAME")]
    pub etcd_user: Option<String>,
    /// File whose first line is the user's password
    #[arg(long, value_name = "FILE")]
    pub etcd_password_file: Option<PathBuf>,
    /// Your word that both nodes which the register names in this epoch are dead: this one begins without connections
    #[arg(long, value_name = "EPOCH")]
    pub dead_epoch: Option<u64>,
    /// Socket that answers questions about this node
    #[arg(long, value_name = "SOCKET")]
    pub status: Option<PathBuf>,
    /// Time between heartbeats [default: 5 on one host, 20 between hosts]
    #[arg(long, value_name = "MS")]
    pub heartbeat_ms: Option<u64>,
    /// Heartbeats missed until the other node counts as dead [default: 3]
    #[arg(long, value_name = "N")]
    pub misses: Option<u32>,
    /// How long an active waits for its standby [default: 100]
    #[arg(long, value_name = "MS")]
    pub hold_limit_ms: Option<u64>,
    /// Time between two audits of the standby; 0 means none [default: 10000]
    #[arg(long, value_name = "MS")]
    pub audit_ms: Option<u64>,
    /// What to log to standard error: error, warn, info, debug, trace, or a filter per target [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Kind of device: tap, tun, packet, memory [default: tap]
    #[arg(long, value_name = "KIND")]
    pub device_kind: Option<String>,
    /// Do without the kernel's offloads: each frame is one that a wire could carry
    #[arg(long)]
    pub no_offload: bool,
    /// Interface of this node
    #[arg(long, value_name = "INTERFACE")]
    pub device: Option<String>,
    /// Link address of the pair; must differ from the interface's own
    #[arg(long, value_name = "MAC")]
    pub mac: Option<String>,
    /// Address of the pair with its prefix length; may be repeated
    #[arg(long = "address", value_name = "ADDRESS/LENGTH")]
    pub addresses: Vec<String>,
    /// Router for what is not on the link; may be repeated
    #[arg(long = "gateway", value_name = "ADDRESS")]
    pub gateways: Vec<String>,
    /// Largest IP packet [default: 1500]
    #[arg(long, value_name = "OCTETS")]
    pub mtu: Option<u16>,
    /// AS number of the speaker
    #[arg(long = "as", value_name = "AS")]
    pub asn: Option<u32>,
    /// BGP Identifier of the speaker
    #[arg(long, value_name = "ADDRESS")]
    pub router_id: Option<Ipv4Addr>,
    /// Hold time to propose [default: 90]
    #[arg(long, value_name = "SECONDS")]
    pub hold_time: Option<u16>,
    /// File of routes to originate
    #[arg(long, value_name = "FILE")]
    pub routes: Option<PathBuf>,
    /// A peer: `ADDRESS,as=AS[,passive][,families=ipv4+ipv6][,local=ADDRESS]`; may be repeated, replaces the file's peers
    #[arg(long = "peer", value_name = "PEER")]
    pub peers: Vec<PeerFlag>,
    /// Where this node listens for the other host's; with it, all of `--ipc-...` are needed
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub ipc_listen: Option<String>,
    /// Where the other host's node listens; may be repeated
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub ipc_connect: Vec<String>,
    /// Certificate of this node (PEM)
    #[arg(long, value_name = "FILE")]
    pub ipc_certificate: Option<PathBuf>,
    /// Key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub ipc_key: Option<PathBuf>,
    /// Certificate of the pair's authority (PEM)
    #[arg(long, value_name = "FILE")]
    pub ipc_ca: Option<PathBuf>,
    /// Name of the pair, which certificates carry
    #[arg(long, value_name = "NAME")]
    pub ipc_pair: Option<String>,
    /// What is asked of peers: `PREFIX[,md5=KEY][,ao=ID:KEY]...[,ttl=HOPS]`; may be repeated. Others on this host can read a
    /// command line: files keep a key better
    #[arg(long = "security", value_name = "SECURITY")]
    pub security: Vec<SecurityFlag>,
}

impl Flags {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            name: given(&self.name, "--name"),
            register: given(&self.register, "--register"),
            register_at: GivenRegister {
                etcd: list(&self.etcd, "--etcd"),
                tls: GivenTls {
                    ca: given(&self.etcd_ca, "--etcd-ca"),
                    certificate: given(&self.etcd_certificate, "--etcd-certificate"),
                    key: given(&self.etcd_key, "--etcd-key"),
                },
                user: given(&self.etcd_user, "--etcd-user"),
                password: given(&self.etcd_password_file, "--etcd-password-file").map(|given| {
                    let read = |file| Password::read(&KeySource::File { file }, Path::new("."));
                    given.map(read)
                }),
                dead_epoch: given(&self.dead_epoch, "--dead-epoch"),
                ..GivenRegister::default()
            },
            status: given(&self.status, "--status"),
            heartbeat_ms: given(&self.heartbeat_ms, "--heartbeat-ms"),
            misses: given(&self.misses, "--misses"),
            hold_limit_ms: given(&self.hold_limit_ms, "--hold-limit-ms"),
            audit_ms: given(&self.audit_ms, "--audit-ms"),
            log: given(&self.log, "--log"),
            device_kind: given(&self.device_kind, "--device-kind"),
            offload: self.no_offload.then_some(false),
            device_name: given(&self.device, "--device"),
            mac: given(&self.mac, "--mac"),
            addresses: list(&self.addresses, "--address"),
            gateways: list(&self.gateways, "--gateway"),
            mtu: given(&self.mtu, "--mtu"),
            bgp: None,
            bgp_flags: BgpFlags {
                asn: self.asn,
                router_id: self.router_id,
                hold_time: self.hold_time,
                routes: self.routes.clone(),
                peers: self.peers.iter().map(|peer| peer.0.clone()).collect(),
            },
            ipc: IpcSettings {
                listen: given(&self.ipc_listen, "--ipc-listen"),
                connect: list(&self.ipc_connect, "--ipc-connect"),
                certificate: given(&self.ipc_certificate, "--ipc-certificate"),
                key: given(&self.ipc_key, "--ipc-key"),
                authority: given(&self.ipc_ca, "--ipc-ca"),
                pair: given(&self.ipc_pair, "--ipc-pair"),
            },
            security: (self.security.iter())
                .map(|flag| Given {
                    value: (flag.0, flag.1.clone()),
                    place: Place::Flag("--security"),
                })
                .collect(),
            sections: Vec::new(),
            source: None,
        }
    }
}

fn given<T: Clone>(value: &Option<T>, flag: &'static str) -> Option<Given<T>> {
    value.clone().map(|value| Given {
        value,
        place: Place::Flag(flag),
    })
}

fn list<T: Clone>(values: &[T], flag: &'static str) -> Option<Vec<Given<T>>> {
    let given = |value: &T| Given {
        value: value.clone(),
        place: Place::Flag(flag),
    };
    (!values.is_empty()).then(|| values.iter().map(given).collect())
}

/// A peer as a flag gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFlag(pub PeerSection);

impl FromStr for PeerFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let address = parts.next().unwrap_or_default();
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("{address:?} is not an address"))?;
        let mut peer = PeerSection {
            address,
            asn: 0,
            passive: false,
            families: None,
            local: None,
            connect_retry: None,
        };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let bad = |what: &str| format!("{key}={value:?}: not {what}");
            match key {
                "as" => peer.asn = value.parse().map_err(|_| bad("an AS number"))?,
                "passive" => peer.passive = true,
                "local" => peer.local = Some(value.parse().map_err(|_| bad("an address"))?),
                "families" => peer.families = Some(families(value)?),
                _ => return Err(format!("{key:?} is none of as, passive, families, local")),
            }
        }
        if peer.asn == 0 {
            return Err(format!("no AS number: write {address},as=NUMBER"));
        }
        Ok(Self(peer))
    }
}

fn families(text: &str) -> Result<Vec<Family>, String> {
    let family = |name| match name {
        "ipv4" => Ok(Family::Ipv4),
        "ipv6" => Ok(Family::Ipv6),
        other => Err(format!("{other:?} is neither ipv4 nor ipv6")),
    };
    text.split('+').map(family).collect()
}
