//! Configuration of the speaker: the `[bgp]` section of a node's TOML file.
//!
//! ```toml
//! [bgp]
//! as = 65001
//! router_id = "10.99.0.1"
//! hold_time = 9              # seconds, 0 or at least 3; default 90
//! connect_retry = 5          # seconds between attempts to connect; default 10
//! routes = "routes.txt"      # routes to originate, see `routes`; relative to the configuration file
//! next_hop_ipv4 = "10.99.0.1"  # next hop of IPv4 routes over IPv6 sessions; without it these carry IPv6 alone
//! next_hop_ipv6 = "fd99::1"    # next hop of IPv6 routes over IPv4 sessions
//!
//! [[bgp.peer]]
//! address = "10.99.0.2"
//! as = 65002
//! passive = false            # wait for the peer to connect; default false
//! families = ["ipv4"]        # default: the family of the address
//! local = "10.99.0.1"        # address to connect from; default: the speaker's first of that family
//! ```

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::prefix::{Families, Family};

/// The `[bgp]` section as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BgpSection {
    /// Own AS number.
    #[serde(rename = "as")]
    pub asn: u32,
    /// Own BGP Identifier.
    pub router_id: Ipv4Addr,
    /// Proposed Hold Time in seconds.
    #[serde(default = "hold_time_default")]
    pub hold_time: u16,
    /// Seconds between attempts to connect (ConnectRetryTime).
    #[serde(default = "connect_retry_default")]
    pub connect_retry: u16,
    /// File of routes to originate.
    #[serde(default)]
    pub routes: Option<PathBuf>,
    /// Next hop of IPv4 routes over IPv6 sessions.
    #[serde(default)]
    pub next_hop_ipv4: Option<Ipv4Addr>,
    /// Next hop of IPv6 routes over IPv4 sessions.
    #[serde(default)]
    pub next_hop_ipv6: Option<Ipv6Addr>,
    /// The peers.
    #[serde(default, rename = "peer")]
    pub peers: Vec<PeerSection>,
}

/// A `[[bgp.peer]]` section as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSection {
    /// The peer's address; it names the peer.
    pub address: IpAddr,
    /// The peer's AS number.
    #[serde(rename = "as")]
    pub asn: u32,
    /// Wait for the peer to connect.
    #[serde(default)]
    pub passive: bool,
    /// Families to offer.
    #[serde(default)]
    pub families: Option<Vec<Family>>,
    /// Address to connect from.
    #[serde(default)]
    pub local: Option<IpAddr>,
    /// Seconds between attempts to connect, if other than for all peers.
    #[serde(default)]
    pub connect_retry: Option<u16>,
}

const fn hold_time_default() -> u16 {
    90
}

const fn connect_retry_default() -> u16 {
    10
}

/// What a [`Speaker`](crate::speaker::Speaker) needs to know; checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeakerConfig {
    /// Own AS number.
    pub asn: u32,
    /// Own BGP Identifier.
    pub router_id: Ipv4Addr,
    /// Proposed Hold Time; zero or at least 3 s.
    pub hold_time: Duration,
    /// Next hop of IPv4 routes over IPv6 sessions.
    pub next_hop_ipv4: Option<Ipv4Addr>,
    /// Next hop of IPv6 routes over IPv4 sessions.
    pub next_hop_ipv6: Option<Ipv6Addr>,
    /// The peers, by ascending address, no address twice.
    pub peers: Vec<PeerConfig>,
}

/// One peer; checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// The peer's address; it names the peer.
    pub address: IpAddr,
    /// The peer's AS number.
    pub asn: u32,
    /// Wait for the peer to connect.
    pub passive: bool,
    /// Families to offer; not empty.
    pub families: Families,
    /// Address to connect from.
    pub local: Option<IpAddr>,
    /// ConnectRetryTime.
    pub connect_retry: Duration,
}

/// Why a `[bgp]` section cannot be used: says what and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigError(what()))
    }
}

impl TryFrom<&BgpSection> for SpeakerConfig {
    type Error = ConfigError;

    fn try_from(section: &BgpSection) -> Result<Self, ConfigError> {
        require(section.asn != 0, || {
            "bgp.as is 0: give the AS number of this speaker".into()
        })?;
        require(!section.router_id.is_unspecified(), || {
            "bgp.router_id is 0.0.0.0: give an address of this speaker".into()
        })?;
        require(section.hold_time == 0 || section.hold_time >= 3, || {
            format!(
                "bgp.hold_time is {}: RFC 4271 allows 0 or at least 3 seconds",
                section.hold_time
            )
        })?;
        let mut peers = section
            .peers
            .iter()
            .map(|peer| PeerConfig::check(peer, section))
            .collect::<Result<Vec<_>, _>>()?;
        peers.sort_by_key(|peer| peer.address);
        for pair in peers.windows(2) {
            require(pair[0].address != pair[1].address, || {
                format!(
                    "bgp.peer {}: the address is there twice; keep one section",
                    pair[0].address
                )
            })?;
        }
        Ok(Self {
            asn: section.asn,
            router_id: section.router_id,
            hold_time: Duration::from_secs(section.hold_time.into()),
            next_hop_ipv4: section.next_hop_ipv4,
            next_hop_ipv6: section.next_hop_ipv6,
            peers,
        })
    }
}

impl PeerConfig {
    fn check(peer: &PeerSection, section: &BgpSection) -> Result<Self, ConfigError> {
        let name = peer.address;
        require(!name.is_unspecified() && !name.is_multicast(), || {
            format!("bgp.peer {name}: not the address of a host; give the peer's own")
        })?;
        require(peer.asn != 0, || {
            format!("bgp.peer {name}: as is 0; give the peer's AS number")
        })?;
        require(
            peer.local
                .is_none_or(|local| local.is_ipv4() == name.is_ipv4()),
            || {
                format!(
                    "bgp.peer {name}: local is of the other family; give an address of the peer's family"
                )
            },
        )?;
        let connect_retry = peer.connect_retry.unwrap_or(section.connect_retry);
        require(connect_retry > 0, || {
            format!("bgp.peer {name}: connect_retry is 0; give at least 1 second")
        })?;
        let own = Family::of_address(name);
        let families: Families = peer.families.as_ref().map_or_else(
            || Families::from_iter([own]),
            |all| all.iter().copied().collect(),
        );
        require(!families.is_empty(), || {
            format!("bgp.peer {name}: families is empty; name ipv4, ipv6 or both")
        })?;
        let carried = own == Family::Ipv4
            || !families.contains(Family::Ipv4)
            || section.next_hop_ipv4.is_some();
        require(carried, || {
            format!("bgp.peer {name}: ipv4 over an IPv6 session; set bgp.next_hop_ipv4")
        })?;
        let carried = own == Family::Ipv6
            || !families.contains(Family::Ipv6)
            || section.next_hop_ipv6.is_some();
        require(carried, || {
            format!("bgp.peer {name}: ipv6 over an IPv4 session; set bgp.next_hop_ipv6")
        })?;
        Ok(Self {
            address: name,
            asn: peer.asn,
            passive: peer.passive,
            families,
            local: peer.local,
            connect_retry: Duration::from_secs(connect_retry.into()),
        })
    }
}

impl SpeakerConfig {
    /// A digest of everything in here and of the octets of the routes file, for comparison between two nodes.
    ///
    /// Two SipHash-2-4 of 128 bits with the keys (0, 0) and (1, 1) over a canonical text: one line per field, peers by address. It tells
    /// unequal configurations apart by accident, not against an attacker.
    #[must_use]
    pub fn digest(&self, routes: &[u8]) -> [u8; 32] {
        let Self {
            asn,
            router_id,
            hold_time,
            next_hop_ipv4,
            next_hop_ipv6,
            peers,
        } = self;
        let mut text = format!(
            "{asn} {router_id} {} {next_hop_ipv4:?} {next_hop_ipv6:?}\n",
            hold_time.as_secs()
        );
        for PeerConfig {
            address,
            asn,
            passive,
            families,
            local,
            connect_retry,
        } in peers
        {
            let bits = families.bits();
            text += &format!(
                "{address} {asn} {passive} {bits} {local:?} {}\n",
                connect_retry.as_secs()
            );
        }
        let mut digest = [0; 32];
        for (key, half) in digest.chunks_exact_mut(16).enumerate() {
            let mut hasher = SipHasher24::new_with_keys(key as u64, key as u64);
            hasher.write(text.as_bytes());
            hasher.write(routes);
            half.copy_from_slice(&hasher.finish128().as_bytes());
        }
        digest
    }
}
