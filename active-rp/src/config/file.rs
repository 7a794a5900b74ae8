//! Settings of a TOML file.

use core::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bgp_demo::config::BgpSection;
use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

use super::ConfigError;
use super::channel::IpcSettings;
use super::place::{Given, Place};
use super::register::{GivenRegister, GivenTls, Password, RegisterSection, TlsSection};
use super::security::SecuritySection;
use super::settings::{BgpFlags, BgpPlaces, GivenBgp, Settings};

/// A configuration is not longer than this, in octets.
const FILE_OCTETS_MAX: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSections {
    #[serde(default)]
    node: Option<Spanned<NodeSection>>,
    #[serde(default)]
    device: Option<Spanned<DeviceSection>>,
    #[serde(default)]
    interface: Option<Spanned<InterfaceSection>>,
    #[serde(default)]
    register: Option<RegisterSection>,
    #[serde(default)]
    bgp: Option<BgpSection>,
    #[serde(default)]
    ipc: Option<Spanned<IpcSection>>,
    #[serde(default)]
    security: Vec<Spanned<SecuritySection>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NodeSection {
    name: Option<Spanned<String>>,
    register: Option<Spanned<PathBuf>>,
    status: Option<Spanned<PathBuf>>,
    heartbeat_ms: Option<Spanned<u64>>,
    misses: Option<Spanned<u32>>,
    hold_limit_ms: Option<Spanned<u64>>,
    audit_ms: Option<Spanned<u64>>,
    log: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeviceSection {
    kind: Option<Spanned<String>>,
    name: Option<Spanned<String>>,
    offload: Option<Spanned<bool>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InterfaceSection {
    mac: Option<Spanned<String>>,
    addresses: Option<Vec<Spanned<String>>>,
    gateways: Option<Vec<Spanned<String>>>,
    mtu: Option<Spanned<u16>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct IpcSection {
    listen: Option<Spanned<String>>,
    /// An address, or a list of them.
    connect: Option<Spanned<toml::Value>>,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    ca: Option<Spanned<PathBuf>>,
    pair: Option<Spanned<String>>,
}

/// A file's name and text, to find lines in.
struct Source<'a> {
    file: Arc<PathBuf>,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, span: Option<Range<usize>>) -> Place {
        let start = span.map_or(0, |span| span.start).min(self.text.len());
        let line = 1 + self.text.as_bytes()[..start]
            .iter()
            .filter(|octet| **octet == b'\n')
            .count();
        Place::Line {
            file: Arc::clone(&self.file),
            line,
        }
    }

    fn given<T>(&self, spanned: Spanned<T>) -> Given<T> {
        let place = self.place(Some(spanned.span()));
        Given {
            value: spanned.into_inner(),
            place,
        }
    }

    fn option<T>(&self, spanned: Option<Spanned<T>>) -> Option<Given<T>> {
        spanned.map(|spanned| self.given(spanned))
    }

    fn list<T>(&self, spanned: Option<Vec<Spanned<T>>>) -> Option<Vec<Given<T>>> {
        spanned.map(|list| {
            list.into_iter()
                .map(|spanned| self.given(spanned))
                .collect()
        })
    }

    fn path(&self, spanned: Option<Spanned<PathBuf>>) -> Option<Given<PathBuf>> {
        self.option(spanned)
            .map(|given| given.map(|path| self.beside(path)))
    }

    /// A path of the file is relative to the file's directory.
    fn beside(&self, path: PathBuf) -> PathBuf {
        self.file
            .parent()
            .map_or_else(|| path.clone(), |dir| dir.join(&path))
    }
}

/// Reads the settings of the file at `path`.
pub(super) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let file = Arc::new(path.to_owned());
    let first = Place::Line {
        file: Arc::clone(&file),
        line: 1,
    };
    let length = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if length > FILE_OCTETS_MAX {
        return Err(first.error(format!("{length} octets are too long for a configuration")));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| first.error(format!("cannot read the configuration: {error}")))?;
    parse(file, &text)
}

/// The settings of `text`, which is the content of `file`.
pub(super) fn parse(file: Arc<PathBuf>, text: &str) -> Result<Settings, ConfigError> {
    let source = Source { file, text };
    let wrong = |error: toml::de::Error| {
        source
            .place(error.span())
            .error(error.message().replace('\n', "; "))
    };
    let sections: FileSections = toml::from_str(text).map_err(wrong)?;
    let tree = DeTable::parse(text).map_err(wrong)?;
    let mut settings = Settings {
        source: Some(source.place(None)),
        ..Settings::default()
    };
    if let Some(section) = sections.node {
        settings
            .sections
            .push(("node", source.place(Some(section.span()))));
        let NodeSection {
            name,
            register,
            status,
            heartbeat_ms,
            misses,
            hold_limit_ms,
            audit_ms,
            log,
        } = section.into_inner();
        settings.name = source.option(name);
        settings.register = source.path(register);
        settings.status = source.path(status);
        settings.heartbeat_ms = source.option(heartbeat_ms);
        settings.misses = source.option(misses);
        settings.hold_limit_ms = source.option(hold_limit_ms);
        settings.audit_ms = source.option(audit_ms);
        settings.log = source.option(log);
    }
    if let Some(section) = sections.device {
        settings
            .sections
            .push(("device", source.place(Some(section.span()))));
        let DeviceSection {
            kind,
            name,
            offload,
        } = section.into_inner();
        settings.offload = offload.map(Spanned::into_inner);
        settings.device_kind = source.option(kind);
        settings.device_name = source.option(name);
    }
    if let Some(section) = sections.interface {
        settings
            .sections
            .push(("interface", source.place(Some(section.span()))));
        let InterfaceSection {
            mac,
            addresses,
            gateways,
            mtu,
        } = section.into_inner();
        settings.mac = source.option(mac);
        settings.addresses = source.list(addresses);
        settings.gateways = source.list(gateways);
        settings.mtu = source.option(mtu);
    }
    if let Some(section) = sections.register {
        settings.register_at = given_register(&source, section);
    }
    if let Some(section) = sections.ipc {
        settings
            .sections
            .push(("ipc", source.place(Some(section.span()))));
        settings.ipc = ipc(&source, section.into_inner())?;
    }
    for section in sections.security {
        let place = source.place(Some(section.span()));
        let beside = source.file.parent().unwrap_or(Path::new("."));
        let value = section
            .get_ref()
            .resolve(beside)
            .map_err(|what| place.error(what))?;
        settings.security.push(Given { value, place });
    }
    settings.bgp = sections.bgp.map(|mut section| {
        section.routes = section.routes.map(|path| source.beside(path));
        GivenBgp {
            section,
            places: bgp_places(&source, tree.get_ref()),
        }
    });
    settings.bgp_flags = BgpFlags::default();
    Ok(settings)
}

fn given_register(source: &Source<'_>, section: RegisterSection) -> GivenRegister {
    let RegisterSection {
        etcd,
        key,
        tls:
            TlsSection {
                ca,
                certificate,
                key: key_file,
            },
        user,
        password,
        connect_ms,
        answer_ms,
        patience_ms,
        fence,
        fence_after_s,
        fence_timeout_s,
    } = section;
    GivenRegister {
        etcd: source.list(etcd),
        key: source.option(key),
        tls: GivenTls {
            ca: source.path(ca),
            certificate: source.path(certificate),
            key: source.path(key_file),
        },
        user: source.option(user),
        password: source.option(password).map(|given| {
            let beside = source.file.parent().unwrap_or(Path::new("."));
            given.map(|password| Password::read(&password, beside))
        }),
        connect_ms: source.option(connect_ms),
        answer_ms: source.option(answer_ms),
        patience_ms: source.option(patience_ms),
        fence: source.option(fence),
        fence_after_s: source.option(fence_after_s),
        fence_timeout_s: source.option(fence_timeout_s),
        // A word of the moment, which belongs on the command line.
        dead_epoch: None,
    }
}

fn ipc(source: &Source<'_>, section: IpcSection) -> Result<IpcSettings, ConfigError> {
    let IpcSection {
        listen,
        connect,
        certificate,
        key,
        ca,
        pair,
    } = section;
    let connect = source.option(connect).map(addresses).transpose()?;
    Ok(IpcSettings {
        listen: source.option(listen),
        connect,
        certificate: source.path(certificate),
        key: source.path(key),
        authority: source.path(ca),
        pair: source.option(pair),
    })
}

fn addresses(given: Given<toml::Value>) -> Result<Vec<Given<String>>, ConfigError> {
    let Given { value, place } = given;
    let list = match value {
        toml::Value::Array(list) => list,
        one => vec![one],
    };
    list.into_iter()
        .map(|value| match value {
            toml::Value::String(value) => Ok(Given {
                value,
                place: place.clone(),
            }),
            _ => Err(place.error("connect is an address or a list of them")),
        })
        .collect()
}

fn bgp_places(source: &Source<'_>, tree: &DeTable<'_>) -> BgpPlaces {
    let none = BgpPlaces {
        section: source.place(None),
        keys: Vec::new(),
        peers: Vec::new(),
    };
    let Some(bgp) = tree.get("bgp") else {
        return none;
    };
    let Some(table) = bgp.get_ref().as_table() else {
        return none;
    };
    let at = |span| source.place(Some(span));
    let keys = table
        .iter()
        .map(|(key, _)| (key.get_ref().to_string(), at(key.span())))
        .collect();
    let peers = table
        .get("peer")
        .and_then(|peers| peers.get_ref().as_array())
        .map(|peers| peers.iter().map(|peer| at(peer.span())).collect())
        .unwrap_or_default();
    BgpPlaces {
        section: at(bgp.span()),
        keys,
        peers,
    }
}
