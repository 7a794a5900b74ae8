//! `[ipc]`: how the nodes of a pair talk to each other where each has a host of its own.

use core::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use tcp_ha::ipc::transport::tls::{About, CredentialFiles, Credentials, PairName};
use tcp_ha::{ChannelConfig, HostsConfig};

use super::ConfigError;
use super::check::Need;
use super::place::{Given, Place};

const SECTION: &str = "ipc";

/// The section as it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct IpcSettings {
    pub(super) listen: Option<Given<String>>,
    pub(super) connect: Option<Vec<Given<String>>>,
    pub(super) certificate: Option<Given<PathBuf>>,
    pub(super) key: Option<Given<PathBuf>>,
    pub(super) authority: Option<Given<PathBuf>>,
    pub(super) pair: Option<Given<String>>,
}

impl IpcSettings {
    /// These settings, and `other`'s where there are none.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            connect: self.connect.or(other.connect),
            certificate: self.certificate.or(other.certificate),
            key: self.key.or(other.key),
            authority: self.authority.or(other.authority),
            pair: self.pair.or(other.pair),
        }
    }

    fn is_empty(&self) -> bool {
        let Self {
            listen,
            connect,
            certificate,
            key,
            authority,
            pair,
        } = self;
        listen.is_none()
            && connect.is_none()
            && certificate.is_none()
            && key.is_none()
            && authority.is_none()
            && pair.is_none()
    }

    /// The channel: on one host where the section is missing, else all of it is needed. `addresses` are the pair's own.
    pub(super) fn check(
        self,
        need: &Need<'_>,
        addresses: &[(IpAddr, u8)],
    ) -> Result<ChannelConfig, ConfigError> {
        if self.is_empty() && !need.has_section(SECTION) {
            return Ok(ChannelConfig::Host);
        }
        let listen = need.of(self.listen, SECTION, "listen", "--ipc-listen")?;
        let connect = need.of(self.connect, SECTION, "connect", "--ipc-connect")?;
        let certificate = need.of(
            self.certificate,
            SECTION,
            "certificate",
            "--ipc-certificate",
        )?;
        let key = need.of(self.key, SECTION, "key", "--ipc-key")?;
        let authority = need.of(self.authority, SECTION, "ca", "--ipc-ca")?;
        let pair = need.of(self.pair, SECTION, "pair", "--ipc-pair")?;
        let listen = (socket(&listen, addresses)?, listen.place);
        let connect = connect
            .iter()
            .map(|given| other(given, addresses, listen.0))
            .collect::<Result<Vec<_>, _>>()?;
        if connect.is_empty() {
            return Err(need
                .place(SECTION)
                .error("connect names nobody: give the other node's listen address"));
        }
        let name: PairName = (pair.value)
            .parse()
            .map_err(|error| pair.error(format!("pair is {:?}: {error}", pair.value)))?;
        let files = CredentialFiles {
            certificate: certificate.value,
            key: key.value,
            authority: authority.value,
        };
        let credentials = Credentials::load(&files, &name).map_err(|error| {
            let place: &Place = match error.about {
                About::Certificate => &certificate.place,
                About::Key => &key.place,
                About::Authority => &authority.place,
                About::Pair => &pair.place,
            };
            place.error(error.what)
        })?;
        Ok(ChannelConfig::Hosts(HostsConfig {
            listen: listen.0,
            connect,
            credentials,
        }))
    }
}

fn socket(given: &Given<String>, addresses: &[(IpAddr, u8)]) -> Result<SocketAddr, ConfigError> {
    let socket: SocketAddr = given.value.parse().map_err(|_| {
        given.error(format!(
            "{:?} is not ADDRESS:PORT as in 192.0.2.1:4711 or [2001:db8::1]:4711",
            given.value
        ))
    })?;
    if socket.port() == 0 {
        return Err(given.error(format!("{socket}: port 0 is no port")));
    }
    if addresses.iter().any(|(own, _)| *own == socket.ip()) {
        return Err(given.error(format!(
            "{socket}: that is an address of the interface, which the pair speaks with; give the host's own"
        )));
    }
    Ok(socket)
}

fn other(
    given: &Given<String>,
    addresses: &[(IpAddr, u8)],
    listen: SocketAddr,
) -> Result<SocketAddr, ConfigError> {
    let other = socket(given, addresses)?;
    if other == listen {
        return Err(given.error(format!("{other}: this node listens there itself")));
    }
    if other.ip().is_unspecified() {
        return Err(given.error(format!("{other}: nobody can be reached there")));
    }
    Ok(other)
}

#[cfg(test)]
mod tests;
