//! The channel between hosts, over real sockets of the loopback.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::super::Transport;
use super::*;
use crate::certificates::{self, Order};
use crate::refusal::{Refusal, Refusals};
use crate::testing::{TempDir, eventually};

mod strangers;

/// A pair's certificates.
struct Pair {
    dir: TempDir,
    order: Order,
}

impl Pair {
    fn new(name: &str) -> Self {
        let dir = TempDir::new();
        let order = Order::new(name.parse().unwrap(), dir.path());
        certificates::make(&order).unwrap();
        Self { dir, order }
    }

    fn node(&self, node: &str) -> Credentials {
        Credentials::load(&self.order.files(node), &self.order.pair).unwrap()
    }
}

/// A node that listens.
struct Listening {
    listener: TlsListener,
    refusals: Arc<Refusals>,
}

impl Listening {
    fn at(address: &str, credentials: Credentials) -> Self {
        let refusals = Arc::new(Refusals::default());
        let bound = Bound::bind(address.parse().unwrap()).unwrap();
        let listener = TlsListener::start(&bound, credentials, Arc::clone(&refusals)).unwrap();
        Self { listener, refusals }
    }

    fn new(credentials: Credentials) -> Self {
        Self::at("127.0.0.1:0", credentials)
    }

    fn accepted(&self) -> TlsTransport {
        eventually("a connection", || self.listener.accept().ok())
    }

    /// Waits until something was refused for this reason.
    fn refused(&self, reason: Refusal) {
        eventually(reason.name(), || {
            (self.refusals.of(reason) > 0).then_some(())
        });
    }

    fn dial(&self, credentials: &Credentials) -> Result<TlsTransport, DialFailed> {
        let mut dial = Dial::start(self.listener.address(), credentials)?;
        eventually("an outcome", || dial.advance().transpose())
    }

    /// A connection of both ends.
    fn connected(&self, credentials: &Credentials) -> (TlsTransport, TlsTransport) {
        let near = self.dial(credentials).unwrap();
        (near, self.accepted())
    }

    /// That whoever is of the pair gets in.
    fn lets_in(&self, credentials: &Credentials) {
        let (mut near, mut far) = self.connected(credentials);
        near.write(b"well").unwrap();
        assert_eq!(came(&mut far, 4), b"well");
    }
}

/// So many octets that came.
fn came(transport: &mut impl Transport, octets: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while all.len() < octets {
        let read = eventually("octets", || match transport.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            other => Some(other.unwrap()),
        });
        assert_ne!(read, 0, "the end after {} octets", all.len());
        all.extend_from_slice(&piece[..read]);
    }
    all
}

/// The error, or the end, that comes.
fn end_of(transport: &mut impl Transport) -> Result<(), String> {
    eventually("the end", || match transport.read(&mut [0; 64]) {
        Ok(0) => Some(Ok(())),
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => Some(Err(error.to_string())),
    })
}

#[test]
fn two_nodes_of_a_pair_talk_over_both_families() {
    let pair = Pair::new("lab");
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listening = Listening::at(address, pair.node("a"));
        let (mut near, mut far) = listening.connected(&pair.node("b"));
        assert_eq!(
            far.read(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        near.write(b"there").unwrap();
        assert_eq!(came(&mut far, 5), b"there");
        far.write(b"and back").unwrap();
        assert_eq!(came(&mut near, 8), b"and back");
        let protection = near.protection().unwrap();
        assert!(protection.starts_with("TLSv1_3 TLS13_"), "{protection}");
        assert!(near.fd().is_some());
        drop(near);
        assert_eq!(end_of(&mut far), Ok(()));
    }
}

#[test]
fn either_node_may_be_the_one_that_listens() {
    let pair = Pair::new("lab");
    for (listens, dials) in [("a", "b"), ("b", "a")] {
        Listening::new(pair.node(listens)).lets_in(&pair.node(dials));
    }
}

#[test]
fn a_long_stream_arrives_whole_through_a_socket_that_is_often_full() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let (mut near, mut far) = listening.connected(&pair.node("b"));
    let octets: Vec<u8> = (0..40usize << 20)
        .map(|at| ((at * 31) >> 5) as u8)
        .collect();
    let (mut written, mut read, mut full) = (0, 0, 0);
    let mut piece = vec![0; 100_000];
    while read < octets.len() {
        match near.write(&octets[written..]) {
            Ok(taken) => written += taken,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                full += 1;
            }
        }
        if full == 0 && written < octets.len() {
            continue;
        }
        match far.read(&mut piece) {
            Ok(came) => {
                assert!(piece[..came] == octets[read..read + came], "at {read}");
                read += came;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                // What was taken and found no room goes with a flush.
                let _ = near.flush();
            }
        }
    }
    assert!(full > 0, "never full");
}

#[test]
fn a_write_is_bounded_while_nobody_reads() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let (mut near, _far) = listening.connected(&pair.node("b"));
    let chunk = vec![0; 1 << 20];
    let mut written = 0;
    let error = loop {
        match near.write(&chunk) {
            Ok(octets) => written += octets,
            Err(error) => break error,
        }
        assert!(written < 64 << 20, "never full");
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(near.flush().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn an_end_without_a_goodbye_is_an_end() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let (near, mut far) = listening.connected(&pair.node("b"));
    // What a death of the process does: the kernel closes, TLS says nothing.
    let fd = near.fd().unwrap().try_clone_to_owned().unwrap();
    rustix::net::shutdown(&fd, rustix::net::Shutdown::Both).unwrap();
    assert_eq!(end_of(&mut far), Ok(()));
}

#[test]
fn content_before_a_forged_record_is_read_and_then_the_stream_is_over() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let (mut near, mut far) = listening.connected(&pair.node("b"));
    near.write(b"true").unwrap();
    let fd = near.fd().unwrap().try_clone_to_owned().unwrap();
    let mut raw = TcpStream::from(fd);
    raw.write_all(&[
        23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
    ])
    .unwrap();
    assert_eq!(came(&mut far, 4), b"true");
    let error = end_of(&mut far).unwrap_err();
    assert!(error.contains("decrypt"), "{error}");
    assert!(far.read(&mut [0; 8]).is_err(), "for good");
}

/// Passes one connection on to `to`; tells what the one who connected said.
fn recorder(to: std::net::SocketAddr) -> (std::net::SocketAddr, std::thread::JoinHandle<Vec<u8>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let recording = std::thread::spawn(move || {
        let (mut near, _) = listener.accept().unwrap();
        let mut far = TcpStream::connect(to).unwrap();
        let (mut back, mut answers) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let answering = std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
        let (mut said, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(read) = near.read(&mut piece) {
            if read == 0 || far.write_all(&piece[..read]).is_err() {
                break;
            }
            said.extend_from_slice(&piece[..read]);
        }
        let _ = far.shutdown(std::net::Shutdown::Both);
        let _ = answering.join();
        said
    });
    (address, recording)
}

#[test]
fn a_connection_that_is_played_back_is_a_broken_handshake() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let (address, recording) = recorder(listening.listener.address());
    let mut dial = Dial::start(address, &pair.node("b")).unwrap();
    let mut near = eventually("a connection", || dial.advance().unwrap());
    let mut far = listening.accepted();
    near.write(b"what must not count twice").unwrap();
    assert_eq!(came(&mut far, 25), b"what must not count twice");
    drop(near);
    let said = recording.join().unwrap();
    assert!(said.len() > 500, "{} octets", said.len());
    let mut raw = TcpStream::connect(listening.listener.address()).unwrap();
    raw.write_all(&said).unwrap();
    listening.refused(Refusal::BrokenHandshake);
    assert!(listening.listener.accept().is_err());
    listening.lets_in(&pair.node("b"));
}

#[test]
fn a_listener_that_is_dropped_frees_its_address_and_tells_who_calls() {
    let pair = Pair::new("lab");
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let refusals = Arc::new(Refusals::default());
    let listener = TlsListener::start(&bound, pair.node("a"), refusals).unwrap();
    let address = listener.address();
    drop(listener);
    drop(bound);
    let failed = eventually("a refusal", || {
        let mut dial = match Dial::start(address, &pair.node("b")) {
            Ok(dial) => dial,
            Err(failed) => return Some(failed),
        };
        eventually("an outcome", || dial.advance().transpose()).err()
    });
    assert_eq!(failed.refusal, None);
    assert!(
        failed.to_string().contains(&address.to_string()),
        "{failed}"
    );
    Bound::bind(address).unwrap();
}
