//! Settings as they were made, by whatever way; not checked yet.

use std::path::PathBuf;

use bgp_demo::config::{BgpSection, PeerSection};
use core::net::Ipv4Addr;
use tcp_ha::engine::auth::{PeerPrefix, PeerSecurity};

use super::channel::IpcSettings;
use super::place::{Given, Place};
use super::register::GivenRegister;

/// The `[bgp]` section of a file, with the places of its parts.
#[derive(Clone, Debug)]
pub(super) struct GivenBgp {
    pub(super) section: BgpSection,
    /// Of the section, and where a key of it is.
    pub(super) places: BgpPlaces,
}

/// Places within a `[bgp]` section.
#[derive(Clone, Debug)]
pub(super) struct BgpPlaces {
    pub(super) section: Place,
    pub(super) keys: Vec<(String, Place)>,
    /// In the order of the section's peers.
    pub(super) peers: Vec<Place>,
}

/// Parts of the speaker's configuration that flags give.
#[derive(Clone, Debug, Default)]
pub(super) struct BgpFlags {
    pub(super) asn: Option<u32>,
    pub(super) router_id: Option<Ipv4Addr>,
    pub(super) hold_time: Option<u16>,
    pub(super) routes: Option<PathBuf>,
    pub(super) peers: Vec<PeerSection>,
}

/// What one source gives.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) name: Option<Given<String>>,
    pub(super) register: Option<Given<PathBuf>>,
    pub(super) register_at: GivenRegister,
    pub(super) status: Option<Given<PathBuf>>,
    pub(super) heartbeat_ms: Option<Given<u64>>,
    pub(super) misses: Option<Given<u32>>,
    pub(super) hold_limit_ms: Option<Given<u64>>,
    pub(super) audit_ms: Option<Given<u64>>,
    pub(super) log: Option<Given<String>>,
    pub(super) device_kind: Option<Given<String>>,
    pub(super) offload: Option<bool>,
    pub(super) device_name: Option<Given<String>>,
    pub(super) mac: Option<Given<String>>,
    pub(super) addresses: Option<Vec<Given<String>>>,
    pub(super) gateways: Option<Vec<Given<String>>>,
    pub(super) mtu: Option<Given<u16>>,
    pub(super) bgp: Option<GivenBgp>,
    pub(super) bgp_flags: BgpFlags,
    pub(super) ipc: IpcSettings,
    /// Of flags first: what comes first stands.
    pub(super) security: Vec<Given<(PeerPrefix, PeerSecurity)>>,
    /// Where sections are, to say what they lack.
    pub(super) sections: Vec<(&'static str, Place)>,
    /// Where what is not there at all would be.
    pub(super) source: Option<Place>,
}

impl Settings {
    /// These settings, and `other`'s where there are none.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            name: self.name.or(other.name),
            register: self.register.or(other.register),
            register_at: self.register_at.or(other.register_at),
            status: self.status.or(other.status),
            heartbeat_ms: self.heartbeat_ms.or(other.heartbeat_ms),
            misses: self.misses.or(other.misses),
            hold_limit_ms: self.hold_limit_ms.or(other.hold_limit_ms),
            audit_ms: self.audit_ms.or(other.audit_ms),
            log: self.log.or(other.log),
            device_kind: self.device_kind.or(other.device_kind),
            offload: self.offload.or(other.offload),
            device_name: self.device_name.or(other.device_name),
            mac: self.mac.or(other.mac),
            addresses: self.addresses.or(other.addresses),
            gateways: self.gateways.or(other.gateways),
            mtu: self.mtu.or(other.mtu),
            bgp: self.bgp.or(other.bgp),
            bgp_flags: self.bgp_flags,
            ipc: self.ipc.or(other.ipc),
            security: [self.security, other.security].concat(),
            sections: if self.sections.is_empty() {
                other.sections
            } else {
                self.sections
            },
            source: self.source.or(other.source),
        }
    }
}
