use super::*;
use tcp_ha_engine::{ConnectionOptions, ReceiveMode};

fn rfc9293(config: &mut HostConfig) {
    config.semantics = Semantics::Rfc9293;
}

/// A server that has begun to connect to a client that does not answer yet.
fn connecting(change: impl FnOnce(&mut HostConfig)) -> (Host, Fd) {
    let mut host = Pair::with(change).server;
    let fd = host.socket(Family::V4).unwrap();
    let remote = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 9).into(), 179);
    assert_eq!(host.connect(fd, remote), Err(Errno::InProgress));
    (host, fd)
}

#[test]
fn a_write_before_the_handshake_waits_or_is_queued() {
    let (mut host, fd) = connecting(|_| {});
    let refused = host.send(fd, b"early", SendFlags::default());
    assert_eq!(refused, Err(Errno::Again));
    let (mut host, fd) = connecting(rfc9293);
    assert_eq!(host.send(fd, b"early", SendFlags::default()), Ok(5));
    assert_eq!(host.write_offset(fd), Ok(5));
}

#[test]
fn a_second_shutdown_is_fine_or_an_error() {
    let mut pair = Pair::new();
    let (_, server) = pair.connected();
    pair.server.shutdown(server, Shutdown::Write).unwrap();
    assert_eq!(pair.server.shutdown(server, Shutdown::Write), Ok(()));
    let mut pair = Pair::with(rfc9293);
    let (_, server) = pair.connected();
    pair.server.shutdown(server, Shutdown::Write).unwrap();
    let again = pair.server.shutdown(server, Shutdown::Write);
    assert_eq!(again, Err(Errno::Pipe));
    assert_eq!(pair.server.shutdown(server, Shutdown::Read), Ok(()));
}

/// What a server reads that was reset after the client had sent something.
fn read_after_reset(change: impl FnOnce(&mut HostConfig)) -> Result<Vec<u8>, Errno> {
    let mut pair = Pair::with(change);
    let (client, server) = pair.connected();
    let linger = SocketOption::Linger(Some(Duration::ZERO));
    pair.client.set_option(client, linger).unwrap();
    pair.client
        .send(client, b"unread", SendFlags::default())
        .unwrap();
    pair.settle();
    pair.client.close(client).unwrap();
    pair.settle();
    pair.server.recv(server, 100, RecvFlags::default())
}

#[test]
fn a_reset_leaves_or_takes_what_was_not_read() {
    assert_eq!(read_after_reset(|_| {}), Ok(b"unread".to_vec()));
    assert_eq!(read_after_reset(rfc9293), Err(Errno::Reset));
}

#[test]
fn marked_octets_are_safe_when_due_or_when_read() {
    let marked = |config: &mut HostConfig| {
        config.options = ConnectionOptions {
            receive_mode: ReceiveMode::Marked,
            ..ConnectionOptions::default()
        };
    };
    let when_read = |config: &mut HostConfig| {
        marked(config);
        config.makes_safe = MakesSafe::WhenRead;
    };
    let unacknowledged = |pair: &mut Pair, client| {
        pair.settle();
        pair.advance(Duration::from_millis(100));
        pair.client.unacknowledged(client).unwrap()
    };
    let mut pair = Pair::with(marked);
    let (client, _) = pair.connected();
    pair.client
        .send(client, &[7; 10], SendFlags::default())
        .unwrap();
    assert_eq!(unacknowledged(&mut pair, client), 0);

    let mut pair = Pair::with(when_read);
    let (client, server) = pair.connected();
    pair.client
        .send(client, &[7; 10], SendFlags::default())
        .unwrap();
    assert_eq!(unacknowledged(&mut pair, client), 10);
    pair.server.make_safe(server, 4).unwrap();
    assert_eq!(unacknowledged(&mut pair, client), 6);
    assert_eq!(pair.server.make_safe(server, 11), Err(Errno::Invalid));
    assert_eq!(recv_all(&mut pair.server, server), [7; 10]);
    assert_eq!(pair.server.read_offset(server), Ok(10));
    assert_eq!(unacknowledged(&mut pair, client), 0);
}

#[test]
fn a_packet_from_afar_is_dropped_where_a_hop_limit_is_asked_for() {
    let mut pair = Pair::with(|config| config.options.min_hop_limit = 255);
    pair.listen();
    let fd = pair.client.socket(Family::V4).unwrap();
    let remote = SocketAddr::new(SERVER.into(), 8_080);
    assert_eq!(pair.client.connect(fd, remote), Err(Errno::InProgress));
    let mut syn = pair.client.take_packet().unwrap().octets;
    pair.server.handle_packet(&syn);
    assert!(!pair.server.has_packet());
    syn[8] = 255;
    pair.server.handle_packet(&syn);
    assert!(pair.server.has_packet());
}
