//! Our speaker, as `active-rp` runs it, alone or with `standby-rp`.

use super::{FEEDER, FRESH, FRESH_AS, Receiver, SPEAKER, SPEAKER_AS, SPEAKER_V6};
use crate::network::ip;
use crate::table::process::Process;
use crate::table::updates::FEEDER_AS;
use crate::tap::place::{Place, SPARE_TAP, TAP};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A node, and where it can be asked.
struct Node {
    process: Process,
    socket: PathBuf,
}

/// A running speaker.
pub(super) struct Ours {
    active: Node,
    standby: Option<Node>,
    place: Place,
}

impl Ours {
    pub(super) fn start(protected: bool, directory: &Path) -> io::Result<Ours> {
        let place = Place::with_taps()?;
        ip(&format!("-n {} addr add {FRESH}/24 dev {TAP}", place.near))?;
        let mut active = node(&place, directory, "active-rp", TAP)?;
        let socket = active.socket.clone();
        active.process.wait("its role", || {
            let status = ask(&socket).ok();
            Ok(status.filter(|it| it["role"] == "active").map(drop))
        })?;
        let mut standby = None;
        if protected {
            standby = Some(node(&place, directory, "standby-rp", SPARE_TAP)?);
            active.process.wait("its standby", || {
                let status = ask(&socket).ok();
                Ok(status.filter(|it| it["protected"] == true).map(drop))
            })?;
        }
        Ok(Ours {
            active,
            standby,
            place,
        })
    }
}

impl Receiver for Ours {
    fn place(&self) -> &Place {
        &self.place
    }

    fn count(&mut self) -> io::Result<u64> {
        ask(&self.active.socket).map(|status| prefixes_in(&status))
    }

    fn process(&mut self) -> &mut Process {
        &mut self.active.process
    }

    fn until_protected(&mut self) -> io::Result<()> {
        if self.standby.is_none() {
            return Ok(());
        }
        let socket = self.active.socket.clone();
        self.active.process.wait("protection", || {
            let status = ask(&socket)?;
            let connections = status["connections"].as_array();
            let ready = |it: &Value| it["protection"] == "ready";
            let all = connections.is_some_and(|all| !all.is_empty() && all.iter().all(ready));
            Ok(all.then_some(()))
        })
    }

    fn standby(&mut self) -> Option<(&Process, io::Result<u64>)> {
        let standby = self.standby.as_ref()?;
        let count = ask(&standby.socket).map(|status| prefixes_in(&status));
        Some((&standby.process, count))
    }
}

fn node(place: &Place, directory: &Path, program: &str, tap: &str) -> io::Result<Node> {
    let socket = directory.join(format!("{tap}.sock"));
    let file = directory.join(format!("{tap}.toml"));
    std::fs::write(&file, configuration(directory, &socket, tap))?;
    let log = directory.join(format!("{tap}.log"));
    let process = Process::start(
        &place.near,
        &beside(program)?,
        &["--config".as_ref(), file.as_os_str()],
        &log,
    )?;
    Ok(Node { process, socket })
}

/// A program of ours, which is built into the directory of this one.
fn beside(program: &str) -> io::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(program);
    if path.is_file() {
        return Ok(path);
    }
    let what = format!("{} is not there: make build", path.display());
    Err(io::Error::new(io::ErrorKind::NotFound, what))
}

fn ask(socket: &Path) -> io::Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(b"status\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}

fn prefixes_in(status: &Value) -> u64 {
    let peers = status["bgp"]["peers"].as_array().into_iter().flatten();
    let feeder = peers.filter(|peer| peer["address"] == FEEDER);
    feeder.filter_map(|peer| peer["prefixes_in"].as_u64()).sum()
}

fn configuration(directory: &Path, socket: &Path, tap: &str) -> String {
    let mut text = format!(
        "[node]\nname = \"{tap}\"\nregister = \"{}\"\nstatus = \"{}\"\nheartbeat_ms = 20\nmisses = 100\nhold_limit_ms = 2000\n\
         log = \"warn\"\n\n[device]\nkind = \"tap\"\nname = \"{tap}\"\n\n\
         [interface]\nmac = \"02:00:5e:00:01:01\"\naddresses = [\"{SPEAKER}/24\"]\nmtu = 1500\n\n\
         [bgp]\nas = {SPEAKER_AS}\nrouter_id = \"{SPEAKER}\"\nhold_time = 600\nnext_hop_ipv6 = \"{SPEAKER_V6}\"\n",
        directory.join("register").display(),
        socket.display(),
    );
    for (address, asn) in [(FEEDER, FEEDER_AS), (FRESH, FRESH_AS)] {
        text += &format!(
            "\n[[bgp.peer]]\naddress = \"{address}\"\nas = {asn}\npassive = true\nfamilies = [\"ipv4\", \"ipv6\"]\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_feeder_gave_counts() {
        let status = r#"{"bgp":{"peers":[{"address":"10.98.0.2","prefixes_in":7},{"address":"10.98.0.3","prefixes_in":9}]}}"#;
        let status: Value = serde_json::from_str(status).expect("JSON");
        assert_eq!(prefixes_in(&status), 7);
        assert_eq!(prefixes_in(&Value::Null), 0);
    }
}
