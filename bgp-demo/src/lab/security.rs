//! Signed sessions and TTL security in the laboratory, and frames that are lost on its wire.

use core::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::child::run_with_input;
use super::error::{LabError, Result};
use super::options::{LabOptions, PeerKind};
use super::routes::Plan;

/// A key from the command line. Neither reports nor `Debug` show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LabKey(String);

impl LabKey {
    /// The key, for configurations.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabKey {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        // It is written into configurations of several daemons, each with quotes of its own.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if text.is_empty() || text.len() > 80 || !text.chars().all(plain) {
            return Err("give 1 to 80 letters, digits, '-', '_' or '.'".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for LabKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LabKey(..)")
    }
}

impl Serialize for LabKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str("given")
    }
}

/// Refuses what the peers cannot do.
///
/// # Errors
/// Which option, and who can.
pub(crate) fn check(options: &LabOptions) -> Result<()> {
    let peer = options.peer;
    let signs = matches!(
        peer,
        PeerKind::Bird | PeerKind::Frr | PeerKind::Gobgp | PeerKind::Ours
    );
    if (options.md5.is_some() || options.peer_md5.is_some()) && !signs {
        return Err(LabError::new(format!(
            "--md5: {} is not set up for it here; --peer bird, frr, gobgp and ours are",
            peer.name()
        )));
    }
    if options.ao.is_some() && peer != PeerKind::Ours {
        return Err(LabError::new("--ao: only --peer ours speaks TCP-AO here"));
    }
    if options.ao.is_some() && options.md5.is_some() {
        return Err(LabError::new("--ao and --md5: give one of them"));
    }
    let guards = matches!(peer, PeerKind::Bird | PeerKind::Frr | PeerKind::Ours);
    if options.ttl_security && !guards {
        return Err(LabError::new(format!(
            "--ttl-security: {} is not set up for it here; --peer bird, frr and ours are",
            peer.name()
        )));
    }
    Ok(())
}

/// What a route processor asks of its neighbours at `addresses`, as sections of its configuration. With TCP-AO there are two
/// keys, of which `preferred` is 1 or 2.
pub(crate) fn sections<'a>(
    md5: Option<&LabKey>,
    ao: Option<&LabKey>,
    ttl_security: bool,
    addresses: impl Iterator<Item = std::net::IpAddr> + 'a,
    preferred: u8,
) -> String {
    let mut text = String::new();
    if md5.is_none() && ao.is_none() && !ttl_security {
        return text;
    }
    for address in addresses {
        let _ = writeln!(text, "\n[[security]]\npeer = \"{address}\"");
        if let Some(key) = md5 {
            let _ = writeln!(text, "md5 = \"{}\"", key.expose());
        }
        if let Some(key) = ao {
            let key = key.expose();
            let _ = writeln!(
                text,
                "ao = [{{ id = 1, key = \"{key}-1\", preferred = {} }}, \
                 {{ id = 2, key = \"{key}-2\", algorithm = \"aes-128-cmac-96\", preferred = {} }}]",
                preferred == 1,
                preferred == 2
            );
        }
        if ttl_security {
            text.push_str("ttl_security = 1\n");
        }
    }
    text
}

/// What our side asks of the peers.
pub(crate) fn our_sections(options: &LabOptions, plan: &Plan, preferred: u8) -> String {
    let addresses = plan.sessions.iter().map(|session| session.address);
    let (md5, ao) = (options.md5.as_ref(), options.ao.as_ref());
    sections(md5, ao, options.ttl_security, addresses, preferred)
}

/// From now on the bridge loses `percent` of the TCP segments that it forwards, at random, either way.
///
/// # Errors
/// What `nft` said.
pub(crate) fn lose(percent: u8) -> Result<()> {
    let rules = format!(
        "table bridge lab {{ chain lossy {{ type filter hook forward priority 0; policy accept; \
         ether type ip meta l4proto tcp numgen random mod 100 < {percent} counter drop; \
         ether type ip6 meta l4proto tcp numgen random mod 100 < {percent} counter drop; }}; }};\n"
    );
    run_with_input("nft", &["-f", "-"], Some(&rules)).map(drop)
}
