//! BIRD 2, without the kernel's routing table.

use super::{FEEDER, FRESH, FRESH_AS, Receiver, SPEAKER, SPEAKER_AS, SPEAKER_V6, find, veth};
use crate::table::process::Process;
use crate::table::updates::FEEDER_AS;
use crate::tap::place::Place;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A running BIRD.
pub(super) struct Bird {
    process: Process,
    control: BufReader<UnixStream>,
    place: Place,
}

impl Bird {
    pub(super) fn start(directory: &Path) -> io::Result<Bird> {
        let place = veth()?;
        let file = directory.join("bird.conf");
        std::fs::write(&file, configuration())?;
        let socket = directory.join("bird.ctl");
        let pid = directory.join("bird.pid");
        let arguments = [
            "-f".as_ref(),
            "-c".as_ref(),
            file.as_os_str(),
            "-s".as_ref(),
            socket.as_os_str(),
            "-P".as_ref(),
            pid.as_os_str(),
        ];
        let program = find(&["/usr/sbin/bird"])?;
        let log = directory.join("bird.log");
        let mut process = Process::start(&place.far, &program, &arguments, &log)?;
        let control = process.wait("the control socket", || {
            Ok(UnixStream::connect(&socket).ok())
        })?;
        let mut bird = Bird {
            process,
            control: BufReader::new(control),
            place,
        };
        bird.answer()?;
        Ok(bird)
    }

    /// The lines of an answer; the last begins with its number and a space.
    fn answer(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.control.read_line(&mut line)? == 0 {
                return Err(io::Error::other("BIRD closed its control socket"));
            }
            let last = !line.starts_with([' ', '+']) && line.as_bytes().get(4) == Some(&b' ');
            lines.push(line);
            if last {
                return Ok(lines);
            }
        }
    }
}

impl Receiver for Bird {
    fn place(&self) -> &Place {
        &self.place
    }

    fn count(&mut self) -> io::Result<u64> {
        self.control
            .get_mut()
            .write_all(b"show protocols all feeder\n")?;
        Ok(imported(&self.answer()?))
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// "Routes: 19469 imported, ..." of each family.
fn imported(lines: &[String]) -> u64 {
    let routes = lines
        .iter()
        .filter_map(|line| line.trim().strip_prefix("Routes:"));
    let counts = routes.filter_map(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    counts.sum()
}

fn configuration() -> String {
    let peer = |name: &str, address: &str, asn: u32| {
        format!(
            "protocol bgp {name} {{\n local {SPEAKER} as {SPEAKER_AS};\n neighbor {address} as {asn};\n passive yes;\n \
             hold time 600;\n ipv4 {{ import all; export all; next hop self; }};\n \
             ipv6 {{ import all; export all; next hop address {SPEAKER_V6}; }};\n}}\n"
        )
    };
    format!(
        "log stderr all;\nrouter id {SPEAKER};\nprotocol device {{ }}\nprotocol direct {{ ipv4; ipv6; }}\n{}{}",
        peer("feeder", FEEDER, FEEDER_AS),
        peer("fresh", FRESH, FRESH_AS)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_both_families_count() {
        let lines = [
            "1002-feeder     BGP        ---        up     2026-11-21    Established   \n",
            "1006-  Channel ipv4\n",
            "     Routes:         900 imported, 0 exported, 900 preferred\n",
            "   Channel ipv6\n",
            "     Routes:         17 imported, 0 exported, 17 preferred\n",
        ];
        assert_eq!(imported(&lines.map(str::to_owned)), 917);
    }
}
