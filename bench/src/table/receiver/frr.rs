//! FRRouting: zebra and bgpd, without the kernel's routing table.

use super::{FEEDER, FRESH, FRESH_AS, Receiver, SPEAKER, SPEAKER_AS, find, veth};
use crate::network::run;
use crate::table::process::Process;
use crate::table::updates::FEEDER_AS;
use crate::tap::place::Place;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

/// A running FRR.
pub(super) struct Frr {
    bgpd: Process,
    _zebra: Process,
    vty: UnixStream,
    place: Place,
}

impl Frr {
    pub(super) fn start(directory: &Path) -> io::Result<Frr> {
        let place = veth()?;
        // The daemons drop root's privileges before they make their sockets.
        run(Command::new("chown").arg("frr:frrvty").arg(directory))?;
        let zebra = "frr defaults traditional\nhostname zebra\n";
        let mut zebra = spawn(&place, directory, "zebra", &["-s", "16777216"], zebra)?;
        let socket = directory.join("zserv.api");
        zebra.wait("its socket", || Ok(socket.exists().then_some(())))?;
        let mut bgpd = spawn(&place, directory, "bgpd", &["-n"], &configuration())?;
        let socket = directory.join("bgpd.vty");
        let vty = bgpd.wait("the terminal", || Ok(UnixStream::connect(&socket).ok()))?;
        let mut frr = Frr {
            bgpd,
            _zebra: zebra,
            vty,
            place,
        };
        frr.ask("enable")?;
        Ok(frr)
    }

    /// A command ends with a zero octet, an answer with three and a result.
    fn ask(&mut self, command: &str) -> io::Result<String> {
        self.vty.write_all(format!("{command}\0").as_bytes())?;
        let mut answer = Vec::new();
        let mut block = [0; 65_536];
        loop {
            let octets = self.vty.read(&mut block)?;
            if octets == 0 {
                return Err(io::Error::other("bgpd closed its terminal"));
            }
            answer.extend_from_slice(&block[..octets]);
            if let [text @ .., 0, 0, 0, _] = &answer[..] {
                return Ok(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
}

impl Receiver for Frr {
    fn place(&self) -> &Place {
        &self.place
    }

    fn count(&mut self) -> io::Result<u64> {
        Ok(chosen(&self.ask("show bgp summary json")?))
    }

    fn process(&mut self) -> &mut Process {
        &mut self.bgpd
    }
}

/// Changes of what is chosen: each prefix is one when nothing else comes or goes. What was received counts earlier.
fn chosen(summary: &str) -> u64 {
    let summary: Value = serde_json::from_str(summary).unwrap_or_default();
    let families = ["ipv4Unicast", "ipv6Unicast"].map(|family| &summary[family]);
    let version = |family: &Value| family["tableVersion"].as_u64();
    families.into_iter().filter_map(version).sum()
}

fn spawn(
    place: &Place,
    directory: &Path,
    name: &str,
    more: &[&str],
    text: &str,
) -> io::Result<Process> {
    let file = directory.join(format!("{name}.conf"));
    std::fs::write(&file, text)?;
    let path = |name: &str| directory.join(name).display().to_string();
    let (file, pid) = (path(&format!("{name}.conf")), path(&format!("{name}.pid")));
    let (sockets, api) = (directory.display().to_string(), path("zserv.api"));
    let mut arguments = vec![
        "-f",
        &file,
        "-i",
        &pid,
        "--vty_socket",
        &sockets,
        "-z",
        &api,
    ];
    arguments.extend(["-P", "0", "--log", "stdout", "--log-level", "informational"]);
    arguments.extend(more);
    let program = find(&[&format!("/usr/lib/frr/{name}")])?;
    let log = directory.join(format!("{name}.log"));
    Process::start(&place.far, &program, &arguments, &log)
}

fn configuration() -> String {
    let mut text = format!(
        "frr defaults traditional\nhostname bench\nrouter bgp {SPEAKER_AS}\n bgp router-id {SPEAKER}\n \
         no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n"
    );
    let peers = [(FEEDER, FEEDER_AS), (FRESH, FRESH_AS)];
    for (address, asn) in peers {
        text += &format!(
            " neighbor {address} remote-as {asn}\n neighbor {address} passive\n neighbor {address} timers 200 600\n"
        );
    }
    for family in ["ipv4", "ipv6"] {
        text += &format!(" address-family {family} unicast\n");
        for (address, _) in peers {
            text += &format!("  neighbor {address} activate\n");
        }
        text += " exit-address-family\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_both_tables_count() {
        let text =
            r#"{"ipv4Unicast":{"tableVersion":900,"peers":{}},"ipv6Unicast":{"tableVersion":17}}"#;
        assert_eq!(chosen(text), 917);
        assert_eq!(chosen("{}"), 0);
    }
}
