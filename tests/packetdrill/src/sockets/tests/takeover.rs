use super::*;
use tcp_ha_engine::ConnectionId;

#[test]
fn sockets_do_not_notice_a_takeover() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    let send = |host: &mut Host, fd, octets: &[u8]| {
        let sent = host.send(fd, octets, SendFlags::default());
        assert_eq!(sent, Ok(octets.len()));
    };
    send(&mut pair.client, client, b"before");
    pair.settle();
    send(&mut pair.server, server, b"on its way");
    while pair.server.take_packet().is_some() {}
    pair.server.take_over(1_000).unwrap();
    pair.settle();
    assert_eq!(recv_all(&mut pair.server, server), b"before");
    assert_eq!(recv_all(&mut pair.client, client), b"on its way");
    send(&mut pair.client, client, b"after");
    pair.settle();
    assert_eq!(recv_all(&mut pair.server, server), b"after");
}

#[test]
fn a_survivor_speaks_first() {
    let mut pair = Pair::new();
    pair.connected();
    assert!(!pair.server.has_packet());
    pair.server.take_over(1_000).unwrap();
    assert!(pair.server.has_packet());
}

#[test]
fn a_survivor_listens_under_the_same_numbers() {
    let mut pair = Pair::new();
    let closed = pair.listen();
    pair.server.close(closed).unwrap();
    let (_, accepted) = pair.connected();
    let listener = Fd(accepted.0 - 1);
    pair.server.take_over(1_000).unwrap();
    pair.settle();
    let fd = pair.client.socket(Family::V4).unwrap();
    let remote = SocketAddr::new(SERVER.into(), 8_080);
    assert_eq!(pair.client.connect(fd, remote), Err(Errno::InProgress));
    pair.settle();
    pair.server.accept(listener).unwrap();
}

#[test]
fn a_listener_that_was_closed_stays_closed() {
    let mut pair = Pair::new();
    let closed = pair.listen();
    assert!(pair.server.is_listening());
    pair.server.close(closed).unwrap();
    pair.server.take_over(1_000).unwrap();
    assert!(!pair.server.is_listening());
    let fd = pair.client.socket(Family::V4).unwrap();
    let remote = SocketAddr::new(SERVER.into(), 8_080);
    assert_eq!(pair.client.connect(fd, remote), Err(Errno::InProgress));
    pair.settle();
    assert_eq!(pair.client.take_error(fd), Ok(Some(Errno::Refused)));
}

#[test]
fn a_half_open_connection_is_accepted_by_the_survivor() {
    let mut pair = Pair::new();
    let listener = pair.listen();
    let fd = pair.client.socket(Family::V4).unwrap();
    let remote = SocketAddr::new(SERVER.into(), 8_080);
    assert_eq!(pair.client.connect(fd, remote), Err(Errno::InProgress));
    let syn = pair.client.take_packet().unwrap();
    pair.server.handle_packet(&syn.octets);
    pair.server.take_over(1_000).unwrap();
    pair.settle();
    pair.server.accept(listener).unwrap();
    assert_eq!(pair.client.connect(fd, remote), Ok(()));
}

#[test]
fn a_twin_is_equal_and_silent() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.client
        .send(client, b"unread", SendFlags::default())
        .unwrap();
    pair.settle();
    pair.server
        .send(server, b"unsent", SendFlags::default())
        .unwrap();
    while pair.server.take_packet().is_some() {}
    let id = pair.server.engine().connections().next().unwrap();
    let twin = pair.server.twin_of(id).unwrap();
    assert_eq!(twin.snapshot(id), pair.server.engine().snapshot(id));
    assert!(!pair.server.has_packet());
}

#[test]
fn there_is_no_twin_of_a_connection_that_is_over() {
    let pair = Pair::new();
    let id = ConnectionId(7);
    let told = pair.server.twin_of(id).unwrap_err();
    assert_eq!(told, TakeoverError::Hidden(id));
}
