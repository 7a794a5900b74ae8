//! What each node's device gave the wire, with the kernel's times.

use crate::tap::place::Place;
use pcaps::packet::{Body, Packet};
use pcaps::reader::CaptureReader;
use pcaps::tcp::Flags;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// Octets kept of a frame: Ethernet, IPv4 and the longest TCP header.
const HEADERS: &str = "114";
/// The kernel's buffer of a capture, KiB.
const BUFFER_KIB: &str = "65536";

/// A running capture.
pub(crate) struct Capture {
    child: Child,
    file: PathBuf,
}

impl Capture {
    /// Captures the headers of what the process behind a TAP sends; returns when frames are being captured.
    pub(super) fn start(place: &Place, tap: &str) -> io::Result<Capture> {
        Capture::begin(place, &place.near, tap, &["-Q", "in", "-s", HEADERS])
    }

    /// Captures all that crosses a device, whole; returns when frames are being captured.
    pub(crate) fn whole(place: &Place, namespace: &str, device: &str) -> io::Result<Capture> {
        Capture::begin(place, namespace, device, &[])
    }

    fn begin(place: &Place, namespace: &str, device: &str, how: &[&str]) -> io::Result<Capture> {
        let file = place.directory.join(format!("{device}.pcap"));
        let mut command = place.inside(namespace, "tcpdump");
        command.args(["-i", device, "-n", "-Z", "root"]).args(how);
        command.args(["--time-stamp-precision=nano", "-B", BUFFER_KIB]);
        command.arg("-w").arg(&file).arg("tcp");
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let said = child.stderr.take();
        let mut said = BufReader::new(said.ok_or_else(|| io::Error::other("no pipe"))?);
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            if said.read_line(&mut line)? == 0 {
                let _ = child.wait();
                return Err(io::Error::other(
                    "tcpdump: it ended at once (is it installed?)",
                ));
            }
        }
        Ok(Capture { child, file })
    }

    /// Ends it, once all that was sent has been written.
    pub(crate) fn stop(mut self) -> io::Result<PathBuf> {
        // libpcap hands over what it holds after a second at the latest.
        std::thread::sleep(std::time::Duration::from_millis(1_200));
        crate::tap::actor::signal_to(&self.child, rustix::process::Signal::INT)?;
        self.child.wait()?;
        Ok(self.file.clone())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A cut, as the captures know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Just before it, nanoseconds since the Unix epoch.
    pub(super) unix_ns: u64,
    /// Which device the survivor has.
    pub(super) survivor: usize,
}

/// What the survivor of a cut said first: milliseconds since the cut, a session each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FirstWords {
    /// First segments.
    pub(super) segment: Vec<f64>,
    /// First acknowledgements beyond all earlier ones.
    pub(super) advance: Vec<f64>,
}

/// A segment of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    unix_ns: u64,
    device: usize,
    port: u16,
    ack: Option<u32>,
}

/// Reads both captures side by side.
pub(super) fn first_words(files: [&Path; 2], cuts: &[Cut]) -> io::Result<Vec<FirstWords>> {
    let mut readers = [open(files[0])?, open(files[1])?];
    let mut next = [
        following(&mut readers[0], 0)?,
        following(&mut readers[1], 1)?,
    ];
    let mut watch = Watch::new(cuts);
    loop {
        let device = match next {
            [None, None] => return Ok(watch.words),
            [Some(_), None] => 0,
            [None, Some(_)] => 1,
            [Some(first), Some(second)] => usize::from(second.unix_ns < first.unix_ns),
        };
        if let Some(sent) = next[device] {
            watch.see(sent);
        }
        next[device] = following(&mut readers[device], device)?;
    }
}

type Reader = CaptureReader<std::fs::File>;

fn open(file: &Path) -> io::Result<Reader> {
    CaptureReader::open(file).map_err(|error| io::Error::other(error.to_string()))
}

fn following(reader: &mut Reader, device: usize) -> io::Result<Option<Sent>> {
    loop {
        let record = reader.next_record();
        let record = record.map_err(|error| io::Error::other(error.to_string()))?;
        let Some(record) = record else {
            return Ok(None);
        };
        let (link, octets) = (record.link_type, record.captured);
        let packet = Packet::parse(link, record.interface, octets, record.wire_len);
        if let Ok(Body::Tcp(_, tcp)) = packet.map(|packet| packet.body) {
            return Ok(Some(Sent {
                unix_ns: record.time.as_nanos(),
                device,
                port: tcp.destination_port,
                ack: tcp.flags.has(Flags::ACK).then_some(tcp.seg_ack.0),
            }));
        }
    }
}

/// What is known of a session.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    acknowledged: Option<u32>,
    /// Cuts after which a segment was seen, and an advance.
    segment: usize,
    advance: usize,
}

struct Watch<'a> {
    cuts: &'a [Cut],
    words: Vec<FirstWords>,
    heard: HashMap<u16, Heard>,
}

impl Watch<'_> {
    fn new(cuts: &[Cut]) -> Watch<'_> {
        Watch {
            cuts,
            words: vec![FirstWords::default(); cuts.len()],
            heard: HashMap::new(),
        }
    }

    fn see(&mut self, sent: Sent) {
        let heard = self.heard.entry(sent.port).or_default();
        let advances = match (sent.ack, heard.acknowledged) {
            (Some(ack), Some(before)) => ack.wrapping_sub(before) as i32 > 0,
            _ => false,
        };
        if advances || heard.acknowledged.is_none() {
            heard.acknowledged = sent.ack;
        }
        let number = self.cuts.partition_point(|cut| cut.unix_ns <= sent.unix_ns);
        let Some(cut) = number.checked_sub(1).map(|last| self.cuts[last]) else {
            return;
        };
        // The dead may have had one on its way; what counts is the survivor's.
        if cut.survivor != sent.device {
            return;
        }
        let after_ms = (sent.unix_ns - cut.unix_ns) as f64 / 1e6;
        let words = &mut self.words[number - 1];
        if heard.segment < number {
            heard.segment = number;
            words.segment.push(after_ms);
        }
        if advances && heard.advance < number {
            heard.advance = number;
            words.advance.push(after_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(at_ms: u64, device: usize, port: u16, ack: u32) -> Sent {
        Sent {
            unix_ns: at_ms * 1_000_000,
            device,
            port,
            ack: Some(ack),
        }
    }

    fn cut(at_ms: u64, survivor: usize) -> Cut {
        Cut {
            unix_ns: at_ms * 1_000_000,
            survivor,
        }
    }

    #[test]
    fn what_the_dead_still_sent_is_not_the_survivors() {
        let cuts = [cut(100, 1)];
        let mut watch = Watch::new(&cuts);
        for it in [
            sent(90, 0, 7, 1_000),
            sent(101, 0, 7, 1_200),
            sent(104, 1, 7, 1_200),
            sent(109, 1, 7, 1_201),
        ] {
            watch.see(it);
        }
        assert_eq!(watch.words[0].segment, [4.0]);
        assert_eq!(watch.words[0].advance, [9.0]);
    }

    #[test]
    fn each_session_is_timed_once_a_cut() {
        let cuts = [cut(100, 1), cut(200, 0)];
        let mut watch = Watch::new(&cuts);
        for it in [
            sent(101, 1, 7, u32::MAX),
            sent(102, 1, 8, 5),
            sent(103, 1, 7, 3),
            sent(199, 1, 7, 4),
            sent(205, 0, 7, 4),
        ] {
            watch.see(it);
        }
        assert_eq!(watch.words[0].segment, [1.0, 2.0]);
        // Beyond the wrap of sequence numbers.
        assert_eq!(watch.words[0].advance, [3.0]);
        assert_eq!(watch.words[1].segment, [5.0]);
        assert!(watch.words[1].advance.is_empty());
    }
}
