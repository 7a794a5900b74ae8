//! Prefixes of the Internet with their origins: the table that the crate `iptrie` brings for its own measurements.

use bgp_demo::prefix::Prefix;
use serde_json::Value;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the table lies in the crate.
const FILE: &str = "benches/bgpas.lpm";
/// The crate.
const CRATE: &str = "iptrie";

/// A prefix and the AS that originates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The prefix.
    pub(super) prefix: Prefix,
    /// The AS number.
    pub(super) origin: u32,
}

/// The table, in the order of its file, without what no peer outside would tell: no origin, default routes, addresses for special use.
///
/// # Errors
/// The file is not where cargo says that the crate is, or is another one.
pub(super) fn read() -> io::Result<Vec<Route>> {
    let file = crate_directory()?.join(FILE);
    let text = std::fs::read_to_string(&file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    let routes: Vec<Route> = text.lines().filter_map(route).collect();
    if routes.is_empty() {
        let what = format!("{}: no line is a prefix and an AS", file.display());
        return Err(io::Error::other(what));
    }
    Ok(routes)
}

/// The directory of the crate's source, which cargo knows.
fn crate_directory() -> io::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--manifest-path",
        ])
        .arg(&manifest)
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("cargo metadata: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("cargo metadata: {said}")));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| package["name"] == CRATE)
        .find_map(|package| Path::new(package["manifest_path"].as_str()?).parent())
        .map(Path::to_path_buf)
        .ok_or_else(|| io::Error::other(format!("cargo metadata does not know {CRATE}")))
}

/// A line is a prefix and the AS that originates it, 0 where nobody does.
fn route(line: &str) -> Option<Route> {
    let (prefix, origin) = line.split_once(' ')?;
    let route = Route {
        prefix: prefix.parse::<Prefix>().ok()?.trunc(),
        origin: origin.trim().parse().ok()?,
    };
    (route.origin != 0 && is_global(&route.prefix)).then_some(route)
}

/// Whether routers that refuse addresses for special use (RFC 6890) take it.
fn is_global(prefix: &Prefix) -> bool {
    match prefix.network() {
        IpAddr::V4(network) => {
            let [a, b, ..] = network.octets();
            let shared = a == 100 && b & 0xc0 == 64;
            let special = network.is_private() || network.is_link_local() || shared;
            prefix.prefix_len() >= 8 && a != 0 && a != 127 && a < 224 && !special
        }
        IpAddr::V6(network) => {
            let documentation = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
            let global = network.segments()[0] & 0xe000 == 0x2000;
            prefix.prefix_len() >= 16 && global && network != documentation
        }
    }
}

/// Addresses that the feeder and the receivers have, none of the table's.
pub(super) const NEXT_HOP_V4: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 2);
/// The same for IPv6.
pub(super) const NEXT_HOP_V6: Ipv6Addr = Ipv6Addr::new(0xfd98, 0, 0, 0, 0, 0, 0, 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_an_origin_or_for_special_use_are_left_out() {
        let taken = |line| route(line).is_some();
        assert!(taken("1.0.0.0/24 13335") && taken("2001:200::/32 2500"));
        for line in [
            "2.0.0.0/16 0",
            "0.0.0.0/0 1",
            "10.1.0.0/16 7",
            "100.64.0.0/10 7",
            "::/96 65535",
            "fec0::/10 65535",
            "nonsense",
        ] {
            assert!(!taken(line), "{line}");
        }
    }

    #[test]
    fn the_table_is_there_and_a_full_one() {
        let routes = read().expect("cargo knows where");
        let v4 = routes
            .iter()
            .filter(|it| it.prefix.addr().is_ipv4())
            .count();
        assert!(v4 > 900_000, "{v4} of IPv4");
        assert!(routes.len() - v4 > 170_000, "{} of IPv6", routes.len() - v4);
    }
}
