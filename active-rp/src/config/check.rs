//! From settings to a configuration: what is needed is there, and fits.

use core::net::IpAddr;
use core::time::Duration;
use std::path::Path;
use std::sync::Arc;

use bgp_demo::config::{BgpSection, SpeakerConfig};
use tcp_ha::core::NodeLimits;
use tcp_ha::engine::auth::SecurityTable;
use tcp_ha::link::host::{Host, HostConfig, HostError};
use tcp_ha::link::{DeviceConfig, DeviceKind, LinkAddress, Medium};

use super::place::{Given, Place};
use super::settings::{BgpFlags, BgpPlaces, GivenBgp, Settings};
use super::{Config, ConfigError, RoutesFile};

const HEARTBEAT_MS_MAX: u64 = 10_000;
const MISSES_MAX: u32 = 1000;
const HOLD_LIMIT_MS_MAX: u64 = 60_000;
/// A day.
const AUDIT_MS_MAX: u64 = 86_400_000;
const MTU: u16 = 1500;
/// `sun_path` and its final zero.
const SOCKET_OCTETS_MAX: usize = 107;
const ROUTES_OCTETS_MAX: u64 = 1 << 30;

/// Checks everything that can be told without the device.
pub(super) fn check(mut settings: Settings) -> Result<Config, ConfigError> {
    let bgp = take_bgp(&mut settings)?;
    let need = Need {
        sections: &settings.sections,
        source: settings.source.as_ref(),
    };
    let name = need.of(settings.name, "node", "name", "--name")?;
    if name.value.is_empty() {
        return Err(name.error("name is empty"));
    }
    let register = need.of(settings.register, "node", "register", "--register")?;
    let status = need.of(settings.status, "node", "status", "--status")?;
    check_socket(&status)?;
    let device_name = need.of(settings.device_name, "device", "name", "--device")?;
    let mut device = device(settings.device_kind, device_name)?;
    device.offload = settings.offload.unwrap_or(true);
    let mac = need.of(settings.mac, "interface", "mac", "--mac")?;
    let addresses = need.of(settings.addresses, "interface", "addresses", "--address")?;
    let interface = Interface {
        medium: if device.kind == DeviceKind::Tun {
            Medium::Ip
        } else {
            Medium::Ethernet
        },
        mac,
        addresses,
        gateways: settings.gateways.unwrap_or_default(),
        mtu: settings.mtu,
        missing: need.place("interface"),
    };
    let host = interface.check()?;
    let channel = settings.ipc.check(&need, &host.addresses)?;
    let defaults = if channel.is_of_one_host() {
        NodeLimits::default()
    } else {
        NodeLimits::between_hosts()
    };
    let heartbeat_ms = bounded(
        settings.heartbeat_ms,
        defaults.heartbeat_us / 1000,
        1,
        HEARTBEAT_MS_MAX,
        "heartbeat_ms",
    )?;
    let misses = settings.misses.map(|given| given.map(u64::from));
    let misses = bounded(
        misses,
        defaults.misses.into(),
        2,
        MISSES_MAX.into(),
        "misses",
    )?;
    let hold_limit_ms = bounded(
        settings.hold_limit_ms,
        defaults.hold_limit_us / 1000,
        heartbeat_ms,
        HOLD_LIMIT_MS_MAX,
        "hold_limit_ms",
    )?;
    let audit_ms = bounded(
        settings.audit_ms,
        defaults.audit_interval_us / 1000,
        0,
        AUDIT_MS_MAX,
        "audit_ms",
    )?;
    let speaker = speaker(&bgp, &host.addresses)?;
    let routes = routes(&bgp)?;
    let mut security = SecurityTable::default();
    for given in settings.security.drain(..) {
        let (prefix, asked) = given.value;
        if security.entry(prefix).is_none() {
            let set = security.set(prefix, asked);
            set.map_err(|error| given.place.error(error.to_string()))?;
        }
    }
    let etcd = settings.register_at.etcd()?;
    let fence = settings.register_at.fence()?;
    Ok(Config {
        name: name.value,
        register: register.value,
        etcd,
        fence,
        dead_epoch: settings.register_at.dead_epoch.map(|given| given.value),
        status: status.value,
        heartbeat: Duration::from_millis(heartbeat_ms),
        misses: misses as u32,
        hold_limit: Duration::from_millis(hold_limit_ms),
        audit: Duration::from_millis(audit_ms),
        channel,
        log: settings
            .log
            .map_or_else(|| Ok("info".to_owned()), check_log)?,
        device,
        mac: host.mac,
        addresses: host.addresses,
        gateways: host.gateways,
        mtu: host.mtu,
        bgp: speaker,
        routes,
        security,
    })
}

/// Knows where to say that something is missing.
pub(super) struct Need<'a> {
    sections: &'a [(&'static str, Place)],
    source: Option<&'a Place>,
}

impl Need<'_> {
    pub(super) fn of<T>(
        &self,
        setting: Option<T>,
        section: &'static str,
        key: &str,
        flag: &'static str,
    ) -> Result<T, ConfigError> {
        setting.ok_or_else(|| match self.source {
            Some(_) => self
                .place(section)
                .error(format!("[{section}] needs {key}")),
            None => Place::Flag(flag).error("needed, or a file that says it (--config)"),
        })
    }

    pub(super) fn has_section(&self, section: &str) -> bool {
        self.sections.iter().any(|(name, _)| *name == section)
    }

    pub(super) fn place(&self, section: &str) -> Place {
        let found = self
            .sections
            .iter()
            .find(|(name, _)| *name == section)
            .map(|(_, place)| place);
        found
            .or(self.source)
            .cloned()
            .unwrap_or(Place::Flag("command line"))
    }
}

fn bounded(
    given: Option<Given<u64>>,
    default: u64,
    least: u64,
    most: u64,
    key: &str,
) -> Result<u64, ConfigError> {
    match given {
        None => Ok(default.max(least)),
        Some(given) if (least..=most).contains(&given.value) => Ok(given.value),
        Some(given) => {
            Err(given.error(format!("{key} is {}: give {least} to {most}", given.value)))
        }
    }
}

fn check_log(log: Given<String>) -> Result<String, ConfigError> {
    match log.value.parse::<tracing_subscriber::filter::EnvFilter>() {
        Ok(_) => Ok(log.value),
        Err(error) => Err(log.error(format!("log is {:?}: {error}", log.value))),
    }
}

fn check_socket(status: &Given<std::path::PathBuf>) -> Result<(), ConfigError> {
    let octets = status.value.as_os_str().len();
    if octets == 0 || octets > SOCKET_OCTETS_MAX {
        return Err(status.error(format!(
            "status has {octets} octets: a socket's name has 1 to {SOCKET_OCTETS_MAX}"
        )));
    }
    Ok(())
}

fn device(kind: Option<Given<String>>, name: Given<String>) -> Result<DeviceConfig, ConfigError> {
    let kind = match kind {
        None => DeviceKind::Tap,
        Some(kind) => kind
            .value
            .parse()
            .map_err(|error| kind.error(format!("{error}")))?,
    };
    let longest = if kind == DeviceKind::Memory { 255 } else { 15 };
    if name.value.is_empty() || name.value.len() > longest {
        return Err(name.error(format!(
            "name is {:?}: an interface's name has 1 to {longest} octets",
            name.value
        )));
    }
    Ok(DeviceConfig::new(kind, name.value))
}

struct Interface {
    medium: Medium,
    mac: Given<String>,
    addresses: Vec<Given<String>>,
    gateways: Vec<Given<String>>,
    mtu: Option<Given<u16>>,
    missing: Place,
}

impl Interface {
    fn check(self) -> Result<HostConfig, ConfigError> {
        let Self {
            medium,
            mac,
            addresses,
            gateways,
            mtu,
            missing,
        } = self;
        let link: LinkAddress = mac.value.parse().map_err(|_| {
            mac.error(format!(
                "mac is {:?}: write six octets as 02:00:5e:00:01:01",
                mac.value
            ))
        })?;
        let parsed = addresses
            .iter()
            .map(prefixed)
            .collect::<Result<Vec<_>, _>>()?;
        let routers = gateways
            .iter()
            .map(gateway)
            .collect::<Result<Vec<_>, _>>()?;
        let octets = mtu.as_ref().map_or(MTU, |mtu| mtu.value);
        let config = HostConfig {
            medium,
            addresses: parsed,
            gateways: routers,
            mtu: octets,
            ..HostConfig::ethernet(link)
        };
        let address_place = |address: &IpAddr| {
            let at = config.addresses.iter().rposition(|(own, _)| own == address);
            at.map_or(&missing, |at| &addresses[at].place)
        };
        let gateway_place = |address: &IpAddr| {
            let at = config.gateways.iter().position(|own| own == address);
            at.map_or(&missing, |at| &gateways[at].place)
        };
        match Host::new(config.clone()) {
            Ok(_) => Ok(config),
            Err(error) => {
                let place = match &error {
                    HostError::BadLinkAddress(_) => &mac.place,
                    HostError::MtuTooSmall(..) => mtu.as_ref().map_or(&missing, |mtu| &mtu.place),
                    HostError::BadPrefix(address, _)
                    | HostError::BadAddress(address)
                    | HostError::Duplicate(address) => address_place(address),
                    HostError::GatewayOffLink(address) | HostError::GatewayIsOurs(address) => {
                        gateway_place(address)
                    }
                    _ => &missing,
                };
                Err(place.error(error.to_string()))
            }
        }
    }
}

fn prefixed(given: &Given<String>) -> Result<(IpAddr, u8), ConfigError> {
    let parts = given.value.split_once('/');
    let parsed =
        parts.and_then(|(address, length)| Some((address.parse().ok()?, length.parse().ok()?)));
    parsed.ok_or_else(|| {
        given.error(format!(
            "{:?} is not ADDRESS/LENGTH as in 10.99.0.1/24",
            given.value
        ))
    })
}

fn gateway(given: &Given<String>) -> Result<IpAddr, ConfigError> {
    given
        .value
        .parse()
        .map_err(|_| given.error(format!("{:?} is not an address", given.value)))
}

/// The file's section with the flags' parts in it.
fn take_bgp(settings: &mut Settings) -> Result<GivenBgp, ConfigError> {
    let BgpFlags {
        asn,
        router_id,
        hold_time,
        routes,
        peers,
    } = std::mem::take(&mut settings.bgp_flags);
    let mut bgp = match (settings.bgp.take(), &settings.source) {
        (Some(bgp), _) => bgp,
        (None, Some(source)) if asn.is_none() => {
            return Err(source.error("no section [bgp]: it needs as, router_id and a [[bgp.peer]]"));
        }
        (None, _) => {
            let needed =
                |flag| Place::Flag(flag).error("needed, or a file that says it (--config)");
            let asn = asn.ok_or_else(|| needed("--as"))?;
            let router_id = router_id.ok_or_else(|| needed("--router-id"))?;
            let written = format!("as = {asn}\nrouter_id = \"{router_id}\"");
            let section: BgpSection = toml::from_str(&written)
                .map_err(|error| Place::Flag("--as").error(error.message()))?;
            let places = BgpPlaces {
                section: Place::Flag("--as"),
                keys: Vec::new(),
                peers: Vec::new(),
            };
            GivenBgp { section, places }
        }
    };
    let BgpPlaces {
        keys,
        peers: peer_places,
        ..
    } = &mut bgp.places;
    let mut replaced = |key: &str, flag| {
        keys.retain(|(name, _)| name != key);
        keys.push((key.to_owned(), Place::Flag(flag)));
    };
    if let Some(asn) = asn {
        bgp.section.asn = asn;
        replaced("as", "--as");
    }
    if let Some(router_id) = router_id {
        bgp.section.router_id = router_id;
        replaced("router_id", "--router-id");
    }
    if let Some(hold_time) = hold_time {
        bgp.section.hold_time = hold_time;
        replaced("hold_time", "--hold-time");
    }
    if let Some(routes) = routes {
        bgp.section.routes = Some(routes);
        replaced("routes", "--routes");
    }
    if !peers.is_empty() {
        *peer_places = peers.iter().map(|_| Place::Flag("--peer")).collect();
        bgp.section.peers = peers;
    }
    Ok(bgp)
}

fn speaker(bgp: &GivenBgp, addresses: &[(IpAddr, u8)]) -> Result<SpeakerConfig, ConfigError> {
    let GivenBgp { section, places } = bgp;
    let config = SpeakerConfig::try_from(section)
        .map_err(|error| blamed(section, places, &error.to_string()).error(error.to_string()))?;
    for (at, peer) in section.peers.iter().enumerate() {
        let place = places.peers.get(at).unwrap_or(&places.section);
        let name = peer.address;
        if addresses.iter().any(|(own, _)| *own == name) {
            return Err(place.error(format!(
                "bgp.peer {name}: that is an address of the interface"
            )));
        }
        if !addresses
            .iter()
            .any(|(own, _)| own.is_ipv4() == name.is_ipv4())
        {
            return Err(place.error(format!(
                "bgp.peer {name}: the interface has no address of that family"
            )));
        }
        if let Some(local) = peer.local
            && !addresses.iter().any(|(own, _)| *own == local)
        {
            return Err(place.error(format!(
                "bgp.peer {name}: local {local} is no address of the interface"
            )));
        }
    }
    Ok(config)
}

/// The place of what an error of the section begins with: `bgp.peer ADDRESS` or `bgp.KEY`.
fn blamed<'a>(section: &BgpSection, places: &'a BgpPlaces, error: &str) -> &'a Place {
    let mut words = error.split([' ', ':']);
    let key = words
        .next()
        .and_then(|word| word.strip_prefix("bgp."))
        .unwrap_or_default();
    if key == "peer" {
        let rest = error.strip_prefix("bgp.peer ").unwrap_or_default();
        let is_named = |address: IpAddr| rest.starts_with(&format!("{address}: "));
        let at = section
            .peers
            .iter()
            .rposition(|peer| is_named(peer.address));
        return at
            .and_then(|at| places.peers.get(at))
            .unwrap_or(&places.section);
    }
    let found = places.keys.iter().find(|(name, _)| name == key);
    found.map_or(&places.section, |(_, place)| place)
}

fn routes(bgp: &GivenBgp) -> Result<Option<RoutesFile>, ConfigError> {
    let Some(path) = &bgp.section.routes else {
        return Ok(None);
    };
    let found = bgp.places.keys.iter().find(|(name, _)| name == "routes");
    let place = found.map_or(&bgp.places.section, |(_, place)| place);
    let text = read_routes(path)
        .map_err(|what| place.error(format!("cannot read {}: {what}", path.display())))?;
    let routes = bgp_demo::routes::parse(&text).map_err(|error| {
        Place::Line {
            file: Arc::new(path.clone()),
            line: error.line,
        }
        .error(error.what)
    })?;
    Ok(Some(RoutesFile {
        path: path.clone(),
        text,
        routes,
    }))
}

/// Reads a file of routes, unless it is out of all measure.
pub(crate) fn read_routes(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if length > ROUTES_OCTETS_MAX {
        return Err(format!(
            "{length} octets, at most {ROUTES_OCTETS_MAX} are read"
        ));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
