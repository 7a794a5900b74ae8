use super::world::{Node, World, service, start, unprotected, until, within};
use ipc::refusal::Refusal;
use std::net::SocketAddr;
use tcp_ha_net::{Begin, ListenOptions, Role, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_pair_forms_over_both_families_and_says_how_it_is_protected() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let world = World::at("forms", address);
        let (active, standby) = world.pair().await;
        for (node, remote) in [(&active, None), (&standby, Some(world.listen[0]))] {
            let status = node.stack.status().await.expect("a node");
            let channel = &status.channel;
            assert_eq!(channel.kind, "tls");
            let protection = channel.protection.as_deref().unwrap_or_default();
            assert!(protection.starts_with("TLSv1_3 "), "{channel:?}");
            assert_eq!(channel.pair.as_deref(), Some("lab"));
            assert!(channel.certificate_days_left > Some(3_600), "{channel:?}");
            assert_eq!(channel.warning, None);
            assert!(channel.refused.is_empty(), "{channel:?}");
            assert!(channel.remote.is_some());
            if let Some(remote) = remote {
                assert_eq!(channel.remote, Some(remote.to_string()));
            }
        }
        within(standby.stack.stop()).await;
        until(&active, "the standby's end", |status| !status.protected).await;
    }
}

/// A protected connection from a client to the pair's active, ready.
async fn connected(world: &World) -> (Node, Node, TcpStream, TcpStream, Node) {
    let (active, standby) = world.pair().await;
    let client = world.client().await;
    let listen = active.stack.listen(service(), ListenOptions::default());
    let mut listener = within(listen).await.expect("a free port");
    let local = SocketAddr::from(([10, 98, 0, 1], 0));
    let connect = client.stack.connect(local, service(), unprotected());
    let stream = within(connect).await.expect("somebody listens");
    let (accepted, _) = within(listener.accept()).await.expect("a connection");
    until(&active, "readiness", |status| {
        status
            .connections
            .iter()
            .any(|connection| connection.protection == "ready")
    })
    .await;
    (active, standby, stream, accepted, client)
}

#[tokio::test]
async fn the_end_of_the_channel_starts_a_takeover_and_the_connection_goes_on() {
    let world = World::new("cut");
    let (active, standby, mut stream, mut accepted, _client) = connected(&world).await;
    stream.write_all(b"before").await.expect("room");
    let mut octets = [0; 6];
    within(accepted.read_exact(&mut octets))
        .await
        .expect("octets");
    // What its host's end would be: nothing is said any more, the standby's side is told by the kernel.
    within(active.stack.stop()).await;
    drop((accepted, active));
    let sign = until(&standby, "the takeover", |status| {
        status.role == Role::Active
    })
    .await;
    let sign = sign.takeover.map(|takeover| takeover.sign);
    assert_eq!(sign, Some("channel"));
    let listen = standby.stack.listen(service(), ListenOptions::default());
    let mut listener = within(listen).await.expect("a free port");
    let (mut taken, _) = within(listener.accept()).await.expect("the connection");
    taken.write_all(b"after").await.expect("room");
    let mut octets = [0; 5];
    within(stream.read_exact(&mut octets))
        .await
        .expect("octets");
    assert_eq!(&octets, b"after");
}

#[tokio::test]
async fn a_planned_switchover_over_tls_keeps_the_connection() {
    let world = World::new("switchover");
    let (active, standby, mut stream, _accepted, _client) = connected(&world).await;
    within(active.stack.switchover()).await.expect("a handover");
    until(&standby, "the handover", |status| {
        status.role == Role::Active
    })
    .await;
    let listen = standby.stack.listen(service(), ListenOptions::default());
    let mut listener = within(listen).await.expect("a free port");
    let (mut taken, _) = within(listener.accept()).await.expect("the connection");
    taken.write_all(b"after").await.expect("room");
    let mut octets = [0; 5];
    within(stream.read_exact(&mut octets))
        .await
        .expect("octets");
    assert_eq!(&octets, b"after");
    // And back again: whoever was active joins as standby.
    drop(active);
    let again = world.node(0, Begin::Standby).await;
    until(&again, "a pair", |status| status.protected).await;
    assert_eq!(
        again.stack.status().await.expect("a node").role,
        Role::Standby
    );
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_at_the_start() {
    let world = World::new("taken");
    let _held = std::net::TcpListener::bind(world.listen[0]).expect("a free port");
    let config = world.node_config(0, Begin::Active);
    let error = tcp_ha_net::Stack::start(config)
        .await
        .err()
        .expect("no node");
    assert!(
        error.to_string().contains(&world.listen[0].to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn a_node_that_reaches_itself_does_not_pair() {
    let mut world = World::new("itself");
    world.connect[0] = world.listen[0];
    let active = world.node(0, Begin::Active).await;
    until(&active, "the cold start", |status| {
        status.role == Role::Active
    })
    .await;
    // A standby that is sent to the wrong place finds another incarnation, or nobody.
    let mut config = world.node_config(1, Begin::Standby);
    if let tcp_ha_net::ChannelConfig::Hosts(hosts) = &mut config.channel {
        hosts.connect = vec![world.listen[1]];
    }
    let lost = start(config).await;
    let said = until(&lost, "a reason", |status| {
        status
            .unprotected
            .as_ref()
            .is_some_and(|why| why.contains("does not answer"))
    })
    .await;
    assert_eq!(said.role, Role::Joining);
    assert_eq!(super::world::refused(&said, Refusal::OtherPair), 0);
}
