//! Peers that misbehave: their session ends with the right words, or goes on, and other sessions see nothing.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::fsm::State;
use crate::message::{self, DecodeContext, Message, Notification, Open, code, subcode};
use crate::prefix::{Families, Family};
use crate::speaker::{ConnId, Input, Opener, Output, Speaker};
use crate::time::Instant;
use crate::world::{address, config};

const NOW: Instant = Instant::from_micros(1_000_000);

/// A speaker and what it said, driven by hand.
struct Bench {
    speaker: Speaker,
    out: Vec<Output>,
}

impl Bench {
    fn new() -> Self {
        let peers = [(1, 65_002, true), (2, 65_003, true)];
        Self {
            speaker: Speaker::new(config(0, 65_001, Family::Ipv4, &peers)),
            out: Vec::new(),
        }
    }

    fn connect(&mut self, conn: u64, peer: usize) -> ConnId {
        let conn = ConnId(conn);
        let local = SocketAddr::new(address(0, Family::Ipv4), 179);
        let remote = SocketAddr::new(address(peer, Family::Ipv4), 33_000);
        self.speaker.handle(
            NOW,
            Input::Connected {
                conn,
                local,
                remote,
                opener: Opener::Passive,
            },
            &mut self.out,
        );
        conn
    }

    fn receive(&mut self, conn: ConnId, data: &[u8]) {
        self.speaker
            .handle(NOW, Input::Received { conn, data }, &mut self.out);
    }

    fn sent(&mut self, conn: ConnId) -> Vec<Message> {
        let context = DecodeContext {
            four_octet_as: true,
            external: true,
        };
        std::iter::from_fn(|| self.speaker.poll_send(NOW, conn, 4096))
            .map(|message| message::decode(&message, context).expect("a good message"))
            .collect()
    }

    /// The NOTIFICATION that came last, and that the connection is to be closed.
    fn told_goodbye(&mut self, conn: ConnId) -> Notification {
        let sent = self.sent(conn);
        assert!(self.out.contains(&Output::Close { conn }), "{:?}", self.out);
        match sent.last() {
            Some(Message::Notification(notification)) => notification.clone(),
            other => panic!("no NOTIFICATION but {other:?}"),
        }
    }

    /// A session with peer 1 that is up.
    fn established(&mut self, conn: u64) -> ConnId {
        let conn = self.connect(conn, 1);
        self.receive(conn, &open(65_002, 1));
        self.receive(conn, &message::encode_keepalive());
        assert_eq!(self.state(1), State::Established);
        conn
    }

    fn state(&self, peer: usize) -> State {
        self.speaker.status(NOW).peers[peer - 1].state
    }
}

fn open(asn: u32, node: u8) -> Bytes {
    message::encode_open(&Open {
        asn,
        hold_time: 9,
        identifier: [10, 99, 0, node + 1].into(),
        families: Families::from_iter([Family::Ipv4]),
        four_octet_as: true,
    })
}

fn words(notification: &Notification) -> (u8, u8) {
    (notification.code, notification.subcode)
}

#[test]
fn an_open_of_another_as_is_refused() {
    let mut bench = Bench::new();
    let conn = bench.connect(1, 1);
    bench.receive(conn, &open(65_009, 1));
    assert_eq!(
        words(&bench.told_goodbye(conn)),
        (code::OPEN, subcode::BAD_PEER_AS)
    );
}

#[test]
fn an_open_without_a_common_family_is_refused() {
    let mut bench = Bench::new();
    let conn = bench.connect(1, 1);
    let families = Families::from_iter([Family::Ipv6]);
    let identifier = [10, 99, 0, 2].into();
    bench.receive(
        conn,
        &message::encode_open(&Open {
            asn: 65_002,
            hold_time: 9,
            identifier,
            families,
            four_octet_as: true,
        }),
    );
    assert_eq!(
        words(&bench.told_goodbye(conn)),
        (code::OPEN, subcode::CAPABILITY)
    );
}

#[test]
fn a_stranger_is_reset() {
    let mut bench = Bench::new();
    let conn = bench.connect(1, 7);
    assert_eq!(bench.out, [Output::Abort { conn }]);
}

#[test]
fn garbage_ends_one_session_and_no_other() {
    let mut bench = Bench::new();
    let well = bench.established(1);
    let ill = bench.connect(2, 2);
    bench.receive(ill, &[0; 64]);
    assert_eq!(
        words(&bench.told_goodbye(ill)),
        (code::HEADER, subcode::NOT_SYNCHRONIZED)
    );
    assert_eq!(bench.state(1), State::Established);
    assert!(!bench.out.contains(&Output::Close { conn: well }));
}

#[test]
fn nothing_is_read_after_the_end() {
    let mut bench = Bench::new();
    let conn = bench.established(1);
    let mut data = vec![0; 19];
    data.extend_from_slice(&message::encode_keepalive());
    bench.receive(conn, &data);
    bench.receive(conn, &[0xff; 10_000]);
    assert!(bench.speaker.sessions[&conn].inbound.is_empty());
    assert_eq!(
        bench
            .sent(conn)
            .iter()
            .filter(|it| matches!(it, Message::Notification(_)))
            .count(),
        1
    );
}

#[test]
fn an_update_before_its_time_is_a_machine_error() {
    let mut bench = Bench::new();
    let conn = bench.connect(1, 1);
    bench.receive(conn, &message::encode_end_of_rib(Family::Ipv4));
    assert_eq!(
        words(&bench.told_goodbye(conn)),
        (code::FSM, subcode::IN_OPEN_SENT)
    );
}

#[test]
fn a_fault_is_counted_and_told_to_the_log_but_not_each_time() {
    let mut bench = Bench::new();
    let conn = bench.established(1);
    // A route without attributes.
    let mut update = vec![0xff; 16];
    update.extend_from_slice(&[0, 26, 2, 0, 0, 0, 0, 16, 10, 1]);
    for _ in 0..100 {
        bench.receive(conn, &update);
    }
    assert_eq!(bench.state(1), State::Established);
    assert_eq!(bench.speaker.status(NOW).peers[0].counters.faults_in, 100);
    let told = bench
        .out
        .iter()
        .filter(|it| matches!(it, Output::Fault { .. }))
        .count();
    assert_eq!(told, 7);
}

#[test]
fn whole_messages_are_dealt_with_and_parts_are_not() {
    let mut bench = Bench::new();
    let conn = bench.connect(1, 1);
    let octets = open(65_002, 1);
    for octet in octets.iter() {
        bench.receive(conn, &[*octet]);
    }
    let marks: Vec<_> = bench
        .out
        .iter()
        .filter(|it| matches!(it, Output::Processed { .. }))
        .collect();
    assert_eq!(
        marks,
        [&Output::Processed {
            conn,
            total_octets: octets.len() as u64
        }]
    );
}

#[test]
fn a_third_connection_beside_an_established_session_is_refused() {
    let mut bench = Bench::new();
    let first = bench.established(1);
    let second = bench.connect(2, 1);
    assert_eq!(
        words(&bench.told_goodbye(second)),
        (code::CEASE, subcode::CONNECTION_REJECTED)
    );
    assert_eq!(bench.speaker.status(NOW).peers[0].connection, Some(first.0));
    // However many come, what is kept for them is bounded.
    for conn in 3..100 {
        bench.connect(conn, 1);
    }
    assert!(
        bench.speaker.sessions.len() <= 5,
        "{}",
        bench.speaker.sessions.len()
    );
}

#[test]
fn a_connection_that_does_not_close_is_reset_in_the_end() {
    let mut bench = Bench::new();
    let conn = bench.connect(1, 1);
    bench.receive(conn, &[0; 19]);
    let at = bench.speaker.next_timeout().expect("a timer");
    assert!(at.since(NOW) <= Duration::from_secs(10));
    bench.speaker.handle(at, Input::Timer, &mut bench.out);
    assert_eq!(bench.out.last(), Some(&Output::Abort { conn }));
}

#[test]
fn a_message_given_back_comes_first_again() {
    let mut bench = Bench::new();
    let conn = bench.connect(1, 1);
    let first = bench.speaker.poll_send(NOW, conn, 4096).expect("an OPEN");
    bench.speaker.unsend(conn, first.clone());
    assert_eq!(bench.speaker.poll_send(NOW, conn, 18), None);
    assert_eq!(bench.speaker.poll_send(NOW, conn, 4096), Some(first));
    assert_eq!(bench.speaker.status(NOW).peers[0].counters.opens_out, 1);
}
