use super::*;
use core::task::Poll;
use core::time::Duration;
use std::net::{Ipv4Addr, SocketAddr};
use tcp_ha_engine::Config;

mod semantics;
mod takeover;

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn config(address: Ipv4Addr) -> HostConfig {
    HostConfig {
        local_v4: address,
        engine: Config {
            // The peer of these tests reads as fast as it can.
            send_capacity: 64 << 10,
            receive_capacity: 64 << 10,
            ..Config::default()
        },
        ..HostConfig::default()
    }
}

fn host(address: Ipv4Addr) -> Host {
    Host::new(config(address))
}

/// Two hosts on a link without delay.
struct Pair {
    client: Host,
    server: Host,
}

impl Pair {
    fn new() -> Pair {
        Pair::with(|_| {})
    }

    /// The server's settings are changed first.
    fn with(change: impl FnOnce(&mut HostConfig)) -> Pair {
        let mut server = config(SERVER);
        change(&mut server);
        Pair {
            client: host(Ipv4Addr::new(192, 0, 2, 2)),
            server: Host::new(server),
        }
    }

    /// Carries packets until both are silent.
    fn settle(&mut self) {
        loop {
            if let Some(packet) = self.client.take_packet() {
                self.server.handle_packet(&packet.octets);
            } else if let Some(packet) = self.server.take_packet() {
                self.client.handle_packet(&packet.octets);
            } else {
                return;
            }
        }
    }

    fn advance(&mut self, by: Duration) {
        let to = self.client.now() + by;
        self.client.advance_to(to);
        self.server.advance_to(to);
        self.settle();
    }

    fn listen(&mut self) -> Fd {
        let fd = self.server.socket(Family::V4).unwrap();
        let local = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 8_080);
        self.server.bind(fd, local).unwrap();
        self.server.listen(fd, 1).unwrap();
        fd
    }

    /// Client's and server's descriptor of a new connection.
    fn connected(&mut self) -> (Fd, Fd) {
        let listener = self.listen();
        let fd = self.client.socket(Family::V4).unwrap();
        let remote = SocketAddr::new(SERVER.into(), 8_080);
        assert_eq!(self.client.connect(fd, remote), Err(Errno::InProgress));
        self.settle();
        let (accepted, _) = self.server.accept(listener).unwrap();
        (fd, accepted)
    }
}

fn recv_all(host: &mut Host, fd: Fd) -> Vec<u8> {
    let mut octets = Vec::new();
    while let Ok(more) = host.recv(fd, 1_000, RecvFlags::default()) {
        if more.is_empty() {
            break;
        }
        octets.extend(more);
    }
    octets
}

#[test]
fn descriptors_are_the_lowest_free_from_three_on() {
    let mut host = host(SERVER);
    let first = host.socket(Family::V4).unwrap();
    let second = host.socket(Family::V6).unwrap();
    assert_eq!((first, second), (Fd(3), Fd(4)));
    host.close(first).unwrap();
    assert_eq!(host.socket(Family::V4), Ok(Fd(3)));
}

#[test]
fn what_one_end_sends_the_other_receives() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    let sent = pair.client.send(client, b"hello", SendFlags::default());
    assert_eq!(sent, Ok(5));
    pair.settle();
    assert_eq!(recv_all(&mut pair.server, server), b"hello");
}

#[test]
fn connect_blocks_until_the_handshake_is_over() {
    let mut pair = Pair::new();
    pair.listen();
    let fd = pair.client.socket(Family::V4).unwrap();
    let mut call = Call::Connect {
        fd,
        remote: SocketAddr::new(SERVER.into(), 8_080),
        begun: false,
    };
    assert_eq!(pair.client.attempt(&mut call), Poll::Pending);
    assert_eq!(pair.client.attempt(&mut call), Poll::Pending);
    pair.settle();
    let answer = pair.client.attempt(&mut call);
    assert_eq!(answer, Poll::Ready(Ok(Answer::Connected)));
}

#[test]
fn a_refused_connect_says_so_once() {
    let mut pair = Pair::new();
    let fd = pair.client.socket(Family::V4).unwrap();
    let remote = SocketAddr::new(SERVER.into(), 8_080);
    assert_eq!(pair.client.connect(fd, remote), Err(Errno::InProgress));
    pair.settle();
    assert!(pair.client.poll(fd).unwrap().error);
    assert_eq!(pair.client.take_error(fd), Ok(Some(Errno::Refused)));
    assert_eq!(pair.client.take_error(fd), Ok(None));
}

#[test]
fn a_blocking_write_goes_on_where_it_stopped() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    let octets: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    let mut call = Call::Send {
        fd: client,
        octets: octets.clone(),
        flags: SendFlags::default(),
        done: 0,
    };
    assert_eq!(pair.client.attempt(&mut call), Poll::Pending);
    let mut received = Vec::new();
    for _ in 0..1_000 {
        pair.advance(Duration::from_millis(50));
        received.extend(recv_all(&mut pair.server, server));
        if let Poll::Ready(answer) = pair.client.attempt(&mut call) {
            assert_eq!(answer, Ok(Answer::Sent(octets.len())));
            break;
        }
    }
    for _ in 0..10 {
        pair.advance(Duration::from_millis(50));
        received.extend(recv_all(&mut pair.server, server));
    }
    assert_eq!(received, octets);
}

#[test]
fn a_nonblocking_read_says_again() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    let mut call = Call::Recv {
        fd: client,
        limit: 10,
        flags: RecvFlags::default(),
    };
    assert_eq!(pair.client.attempt(&mut call), Poll::Pending);
    pair.client.set_nonblocking(client, true).unwrap();
    let answer = pair.client.attempt(&mut call);
    assert_eq!(answer, Poll::Ready(Err(Errno::Again)));
}

#[test]
fn peeked_octets_stay() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.client
        .send(client, b"twice", SendFlags::default())
        .unwrap();
    pair.settle();
    let peek = RecvFlags {
        peek: true,
        dont_wait: false,
    };
    assert_eq!(pair.server.recv(server, 5, peek).unwrap(), b"twice");
    assert_eq!(pair.server.unread(server), Ok(5));
    let taken = pair.server.recv(server, 5, RecvFlags::default());
    assert_eq!(taken.unwrap(), b"twice");
}

#[test]
fn the_end_of_the_stream_reads_as_nothing() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.client
        .send(client, b"bye", SendFlags::default())
        .unwrap();
    pair.client.shutdown(client, Shutdown::Write).unwrap();
    pair.settle();
    let all = recv_all(&mut pair.server, server);
    assert_eq!(all, b"bye");
    let end = pair.server.recv(server, 1, RecvFlags::default());
    assert_eq!(end, Ok(Vec::new()));
    assert!(pair.server.poll(server).unwrap().read_hangup);
    let late = pair.client.send(client, b"x", SendFlags::default());
    assert_eq!(late, Err(Errno::Pipe));
}

#[test]
fn closing_with_unread_octets_resets() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.client
        .send(client, b"x", SendFlags::default())
        .unwrap();
    pair.settle();
    pair.server.close(server).unwrap();
    pair.settle();
    let end = pair.client.recv(client, 1, RecvFlags::default());
    assert_eq!(end, Err(Errno::Reset));
}

#[test]
fn text_for_an_orphan_is_reset() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.server.close(server).unwrap();
    pair.settle();
    pair.client
        .send(client, b"x", SendFlags::default())
        .unwrap();
    pair.settle();
    let late = pair.client.send(client, b"y", SendFlags::default());
    assert_eq!(late, Err(Errno::Pipe));
}

#[test]
fn a_cork_holds_part_of_a_segment_for_a_fifth_of_a_second() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    let cork = SocketOption::Cork(true);
    pair.client.set_option(client, cork).unwrap();
    pair.client
        .send(client, b"part", SendFlags::default())
        .unwrap();
    pair.advance(Duration::from_millis(199));
    assert_eq!(pair.server.unread(server), Ok(0));
    pair.advance(Duration::from_millis(2));
    assert_eq!(pair.server.unread(server), Ok(4));
}

#[test]
fn poll_tells_what_would_not_block() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    let at_rest = pair.server.poll(server).unwrap();
    assert!(at_rest.writable && !at_rest.readable && !at_rest.hangup);
    pair.client
        .send(client, b"x", SendFlags::default())
        .unwrap();
    pair.settle();
    assert!(pair.server.poll(server).unwrap().readable);
}

#[test]
fn a_poll_that_nothing_answers_ends_at_its_deadline() {
    let mut pair = Pair::new();
    let (_, server) = pair.connected();
    let deadline = pair.server.now() + Duration::from_secs(1);
    let mut call = Call::Poll {
        entries: vec![PollEntry {
            fd: server,
            wanted: Readiness {
                readable: true,
                ..Readiness::default()
            },
        }],
        deadline: Some(deadline),
    };
    assert_eq!(pair.server.attempt(&mut call), Poll::Pending);
    pair.server.advance_to(deadline);
    let answer = pair.server.attempt(&mut call);
    let nothing = vec![Readiness::default()];
    assert_eq!(answer, Poll::Ready(Ok(Answer::Ready(nothing))));
}

#[test]
fn a_packet_names_the_connection_that_sent_it() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    let id = pair.client.engine().connections().next();
    pair.client
        .send(client, b"x", SendFlags::default())
        .unwrap();
    assert!(id.is_some());
    assert_eq!(pair.client.take_packet().unwrap().connection, id);
    // Nobody listens here: the RST belongs to no connection.
    let fd = pair.server.socket(Family::V4).unwrap();
    let remote = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 2).into(), 9);
    assert_eq!(pair.server.connect(fd, remote), Err(Errno::InProgress));
    let syn = pair.server.take_packet().unwrap();
    pair.client.handle_packet(&syn.octets);
    assert_eq!(pair.client.take_packet().unwrap().connection, None);
}

#[test]
fn time_passes_only_where_it_is_told_to() {
    let mut host = host(SERVER);
    let fd = host.socket(Family::V4).unwrap();
    let remote = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 9).into(), 179);
    let began = host.now();
    assert_eq!(host.connect(fd, remote), Err(Errno::InProgress));
    host.advance_to(began + Duration::from_millis(3_500));
    let mut times = Vec::new();
    while let Some(packet) = host.take_packet() {
        times.push(packet.at.saturating_since(began).as_millis());
    }
    assert_eq!(times, [0, 1_000, 3_000]);
}

/// Octets of text in each packet that the host has sent, and whether it has PSH.
fn sent_texts(host: &mut Host) -> Vec<(usize, bool)> {
    let mut texts = Vec::new();
    while let Some(packet) = host.take_packet() {
        let tcp = &packet.octets[20..];
        let text = tcp.len() - usize::from(tcp[12] >> 4) * 4;
        if text > 0 {
            texts.push((text, tcp[13] & 0x08 != 0));
        }
    }
    texts
}

#[test]
fn no_segment_spans_the_end_of_a_record() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    let record = SendFlags {
        record: true,
        ..SendFlags::default()
    };
    for _ in 0..2 {
        assert_eq!(pair.client.send(client, &[7; 300], record), Ok(300));
    }
    pair.client
        .send(client, &[7; 10], SendFlags::default())
        .unwrap();
    let mut texts = sent_texts(&mut pair.client);
    for _ in 0..3 {
        pair.advance(Duration::from_millis(50));
        texts.extend(sent_texts(&mut pair.client));
    }
    assert_eq!(
        texts[0],
        (300, true),
        "the first record goes out alone: {texts:?}"
    );
}

#[test]
fn a_write_without_push_carries_none() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    let nodelay = SocketOption::NoDelay(true);
    pair.client.set_option(client, nodelay).unwrap();
    let more = SendFlags {
        more: true,
        ..SendFlags::default()
    };
    let mss = usize::from(pair.client.connection(client).unwrap().unwrap().mss);
    pair.client.send(client, &vec![7; mss + 5], more).unwrap();
    assert_eq!(sent_texts(&mut pair.client), [(mss, false)]);
    pair.client
        .send(client, b"end", SendFlags::default())
        .unwrap();
    assert_eq!(sent_texts(&mut pair.client), [(8, true)]);
}

#[test]
fn a_refused_writer_waits_until_a_third_of_the_buffer_is_free() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    pair.client.set_nonblocking(client, true).unwrap();
    let buffer = SocketOption::SendBuffer(15_000);
    pair.client.set_option(client, buffer).unwrap();
    while pair.client.send(client, &[7; 5_000], SendFlags::default()) != Err(Errno::Again) {}
    let queued = pair.client.unacknowledged(client).unwrap();
    assert!(queued >= 30_000, "it was refused with {queued} queued");
    assert!(!pair.client.poll(client).unwrap().writable);
    pair.advance(Duration::from_millis(1));
    assert!(pair.client.poll(client).unwrap().writable);
}

#[test]
fn time_behind_a_shut_window_is_counted() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    pair.client
        .send(client, &[7; 64 << 10], SendFlags::default())
        .unwrap();
    // Nobody reads at the other end.
    for _ in 0..100 {
        pair.advance(Duration::from_millis(10));
        let _ = pair
            .client
            .send(client, &[7; 1 << 10], SendFlags::default());
    }
    let before = pair.client.busy_times(client).unwrap();
    pair.advance(Duration::from_millis(10));
    let after = pair.client.busy_times(client).unwrap();
    let counted = after.window_limited - before.window_limited;
    assert_eq!(counted, Duration::from_millis(10));
    assert!(after.busy >= after.window_limited + after.buffer_limited);
}
