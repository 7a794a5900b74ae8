//! Two nodes of one process on one segment: options, status and errors as a daemon sees them.

mod process;

use process::Standby;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tcp_ha_link::{DeviceConfig, DeviceKind, LinkAddress};
use tcp_ha_net::{
    Begin, ConnectOptions, ConnectionOptions, ListenOptions, Readiness, Stack, StackConfig,
    StackEvents, State, TcpInfo, TcpStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Nothing here takes longer.
const BOUND: Duration = Duration::from_secs(30);

/// A node and its register, which goes with it.
struct Node {
    stack: Stack,
    socket: SocketAddr,
    register: PathBuf,
    _events: StackEvents,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.register);
    }
}

async fn node(segment: &str, host: u8) -> Node {
    let name = format!("tcp-ha-face-{}-{segment}-{host}", std::process::id());
    let register = std::env::temp_dir().join(name);
    begin(segment, host, Begin::Active, register).await
}

async fn begin(segment: &str, host: u8, begin: Begin, register: PathBuf) -> Node {
    let device = DeviceConfig::new(DeviceKind::Memory, segment);
    let address = IpAddr::from([10, 98, 0, host]);
    let mut config = StackConfig::new(segment, device, register.clone());
    config.begin = begin;
    config.mac = LinkAddress([2, 0, 0, 0, 0, host]);
    config.addresses = vec![(address, 24)];
    let (stack, events) = Stack::start(config).await.expect("a node");
    Node {
        stack,
        socket: SocketAddr::new(address, 7),
        register,
        _events: events,
    }
}

fn unprotected(connection: ConnectionOptions) -> ConnectOptions {
    ConnectOptions {
        connection,
        protection: None,
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(BOUND, future).await;
    done.expect("it takes too long")
}

/// A connection between two fresh nodes: the client's end, the server's.
async fn connected(
    segment: &str,
    options: ConnectionOptions,
) -> (Node, Node, TcpStream, TcpStream) {
    let (client, server) = (node(segment, 1).await, node(segment, 2).await);
    let listen = ListenOptions {
        protection: None,
        ..ListenOptions::default()
    };
    let mut listener = within(server.stack.listen(server.socket, listen))
        .await
        .expect("a free port");
    let local = SocketAddr::new(client.socket.ip(), 0);
    let connect = client
        .stack
        .connect(local, server.socket, unprotected(options));
    let stream = within(connect).await.expect("somebody listens");
    let (accepted, _) = within(listener.accept()).await.expect("a connection");
    (client, server, stream, accepted)
}

/// Waits until the connection says so of itself.
async fn info(stream: &TcpStream, says: impl Fn(&TcpInfo) -> bool) -> TcpInfo {
    let handle = stream.handle();
    within(async {
        loop {
            let info = handle.tcp_info().await.expect("a connection");
            if says(&info) {
                return info;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_connection_tells_of_itself() {
    let (_a, _b, mut stream, mut accepted) = connected("info", ConnectionOptions::default()).await;
    stream.write_all(&[7; 5_000]).await.expect("room");
    let mut octets = [0; 5_000];
    within(accepted.read_exact(&mut octets))
        .await
        .expect("them");
    let told = info(&stream, |info| info.connection.unacknowledged == 0).await;
    let connection = &told.connection;
    assert_eq!(connection.state, State::Established);
    assert_eq!((connection.our_mss, connection.path_mtu), (1_460, 1_500));
    assert_eq!(connection.tally.octets_acked, 5_000);
    assert!(connection.tally.segments_in > 0 && connection.srtt.is_some());
    assert!(told.last_received_age().is_some_and(|age| age < BOUND));
    assert_eq!(told.last_text_age(), None, "the other end said nothing");
    let told = info(&accepted, |_| true).await;
    assert_eq!(told.connection.tally.octets_in, 5_000);
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn lives_as_a_standby() {
    process::live().await;
}

#[tokio::test]
async fn a_connection_tells_of_itself_while_the_gate_is_shut() {
    let (client, server) = (node("shut", 1).await, node("shut", 2).await);
    let mut standby = Standby::spawn(&server.register, server.socket.ip(), None);
    within(async {
        while !server.stack.status().await.expect("a node").protected {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let listen = server.stack.listen(server.socket, ListenOptions::default());
    let mut listener = within(listen).await.expect("a free port");
    let local = SocketAddr::new(client.socket.ip(), 0);
    let options = unprotected(ConnectionOptions::default());
    let connect = client.stack.connect(local, server.socket, options);
    let mut stream = within(connect).await.expect("somebody listens");
    let (mut accepted, _) = within(listener.accept()).await.expect("a connection");
    info(&accepted, |info| info.readiness == Readiness::Ready).await;

    // The standby is lost while nobody can say so to the register.
    let away = server.register.with_extension("away");
    std::fs::rename(&server.register, &away).expect("the register");
    standby.kill();
    let lost = |info: &TcpInfo| matches!(info.readiness, Readiness::Down(_));
    let told = info(&accepted, lost).await;
    accepted.write_all(b"late").await.expect("room");
    let stack = server.stack.clone();
    let promise = tokio::spawn(async move { stack.backed().await });
    // Its clock stands still, however long one looks.
    let since = std::time::Instant::now();
    let again = info(&accepted, |_| since.elapsed() > Duration::from_millis(50)).await;
    assert_eq!(again.now, told.now);
    assert_eq!(again.connection.state, State::Established);
    assert_eq!(again.connection.tally.octets_out, 0);
    let peer = info(&stream, |_| true).await;
    assert_eq!(peer.connection.tally.octets_in, 0, "nothing leaves");
    assert!(!promise.is_finished(), "nothing is promised");

    std::fs::rename(&away, &server.register).expect("the register");
    let mut octets = [0; 4];
    within(stream.read_exact(&mut octets)).await.expect("them");
    assert_eq!(&octets, b"late");
    let promised = within(promise).await.expect("no panic");
    promised.expect("an active that may speak");
    let told = info(&accepted, |info| info.connection.unacknowledged == 0).await;
    assert_eq!(told.connection.tally.octets_out, 4);
}

#[tokio::test]
async fn a_node_that_is_not_the_active_promises_nothing() {
    let register = std::env::temp_dir().join(format!("tcp-ha-face-{}-none", std::process::id()));
    let standby = begin("none", 1, Begin::Standby, register).await;
    let refused = within(standby.stack.backed()).await.expect_err("no active");
    assert_eq!(refused.kind(), ErrorKind::NotConnected);
}

#[tokio::test]
async fn beyond_the_backlog_a_peer_waits_until_another_is_accepted() {
    let (client, server) = (node("backlog", 1).await, node("backlog", 2).await);
    let listen = ListenOptions {
        backlog: 1,
        protection: None,
        ..ListenOptions::default()
    };
    let listen = server.stack.listen(server.socket, listen);
    let mut listener = within(listen).await.expect("a free port");
    let local = SocketAddr::new(client.socket.ip(), 0);
    let options = unprotected(ConnectionOptions::default());
    let connect = || client.stack.connect(local, server.socket, options);
    let first = within(connect()).await.expect("somebody listens");
    let second = connect();
    tokio::pin!(second);
    let refused = |drops: &std::collections::BTreeMap<String, u64>| {
        drops.contains_key("segment: accept_queue_full")
    };
    within(async {
        loop {
            tokio::select! {
                biased;
                _ = &mut second => panic!("the queue is full"),
                status = server.stack.status() => {
                    if refused(&status.expect("a node").drops) {
                        break;
                    }
                }
            }
        }
    })
    .await;
    let (_, peer) = within(listener.accept()).await.expect("the first");
    assert_eq!(peer, first.local_addr());
    let second = within(&mut second).await.expect("room now");
    let (_, peer) = within(listener.accept()).await.expect("the second");
    assert_eq!(peer, second.local_addr());
}

#[tokio::test]
async fn options_of_a_living_stream_take_effect() {
    let (_a, _b, mut stream, mut accepted) =
        connected("options", ConnectionOptions::default()).await;
    let handle = stream.handle();
    handle.set_max_segment(Some(500));
    handle.set_nodelay(true);
    let told = info(&stream, |info| info.connection.mss == 488).await;
    assert_eq!(told.connection.our_mss, 1_460, "what was announced stays");
    stream.write_all(&[7; 5_000]).await.expect("room");
    let mut octets = [0; 5_000];
    within(accepted.read_exact(&mut octets))
        .await
        .expect("them");
    let told = info(&accepted, |_| true).await;
    assert!(told.connection.tally.segments_in >= 11, "none was larger");
}

#[tokio::test]
async fn a_dropped_stream_delivers_what_was_written() {
    let (_a, _b, mut stream, mut accepted) =
        connected("dropped", ConnectionOptions::default()).await;
    stream.write_all(&[7; 100_000]).await.expect("room");
    drop(stream);
    let mut octets = Vec::new();
    within(accepted.read_to_end(&mut octets))
        .await
        .expect("an end");
    assert_eq!(octets.len(), 100_000);
}

#[tokio::test]
async fn linger_of_zero_resets() {
    let (_a, _b, stream, mut accepted) = connected("linger", ConnectionOptions::default()).await;
    stream.handle().set_linger(Some(Duration::ZERO));
    drop(stream);
    let error = within(accepted.read_u8()).await.expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_opening_fails_by_its_cause() {
    let (client, server) = (node("causes", 1).await, node("causes", 2).await);
    // Waits until the other node is there to refuse.
    let listen = ListenOptions::default();
    drop(within(server.stack.listen(server.socket, listen)).await);
    let local = SocketAddr::new(client.socket.ip(), 0);
    let nobody = SocketAddr::new(IpAddr::from([10, 98, 0, 9]), 7);
    let closed = SocketAddr::new(server.socket.ip(), 8);
    for (remote, kind) in [
        (closed, ErrorKind::ConnectionRefused),
        (nobody, ErrorKind::TimedOut),
    ] {
        let options = ConnectionOptions {
            connect_timeout: Some(Duration::from_millis(1_500)),
            ..ConnectionOptions::default()
        };
        let connect = client.stack.connect(local, remote, unprotected(options));
        let error = within(connect).await.expect_err("nobody listens");
        assert_eq!(error.kind(), kind, "{remote}");
    }
}
