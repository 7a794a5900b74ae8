//! Peers against each other over the loopback interface.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::control::{Answer, Question, ask};
use super::{
    KernelPeer, KernelPeerConfig, KernelSessionConfig, KernelSessionStatus, control, table_digest,
};
use crate::fsm::State;
use crate::world::route;

const LIMIT: Duration = Duration::from_secs(20);

fn config(port: u16, own: u8, other: u8) -> KernelPeerConfig {
    let address = |low| IpAddr::V4(Ipv4Addr::new(127, 0, 7, low));
    KernelPeerConfig {
        remote: address(other),
        remote_as: 65_000 + u32::from(other),
        port,
        hold_time: 9,
        connect_retry: 1,
        connect: true,
        listen: true,
        sessions: vec![KernelSessionConfig {
            local: address(own),
            asn: 65_000 + u32::from(own),
            router_id: Ipv4Addr::new(10, 0, 0, own),
            routes: None,
        }],
    }
}

async fn until(
    peer: &KernelPeer,
    what: &str,
    holds: impl Fn(&KernelSessionStatus) -> bool,
) -> KernelSessionStatus {
    let begun = Instant::now();
    loop {
        let status = peer.status().await.remove(0);
        if holds(&status) {
            return status;
        }
        assert!(begun.elapsed() < LIMIT, "{what}: {status:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_peers_exchange_routes_and_count_what_they_are_told() {
    let one = KernelPeer::start(&config(21_790, 1, 2))
        .await
        .expect("a peer");
    let two = KernelPeer::start(&config(21_790, 2, 1))
        .await
        .expect("a peer");
    let routes: Vec<_> = (0..5000).map(|number| route(number, number % 7)).collect();
    one.originate(0, routes.clone(), vec![])
        .await
        .expect("a session");
    let told = until(&two, "told", |it| {
        it.prefixes == 5000 && it.end_of_ribs == 1
    })
    .await;
    assert_eq!(
        told.digest,
        table_digest(routes.iter().map(|route| route.prefix))
    );
    assert_eq!(
        (
            told.established,
            told.flaps,
            told.resets,
            told.counters.duplicates_in
        ),
        (1, 0, 0, 0),
        "{told:?}"
    );

    one.originate(
        0,
        vec![],
        routes.iter().take(100).map(|route| route.prefix).collect(),
    )
    .await
    .expect("a session");
    let told = until(&two, "withdrawn", |it| it.prefixes == 4900).await;
    assert_eq!(told.counters.withdrawn_in, 100);
    assert_eq!(two.table(0).await.map(|table| table.len()), Some(4900));

    one.stop().await;
    let told = until(&two, "stopped", |it| it.flaps == 1).await;
    assert_eq!((told.notifications, told.prefixes), (1, 0), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_is_controlled_over_its_socket() {
    let socket = std::env::temp_dir().join(format!("kernel-peer-{}.sock", std::process::id()));
    let other = KernelPeer::start(&config(21_791, 3, 4))
        .await
        .expect("a peer");
    let path = socket.clone();
    let running = tokio::spawn(async move { control::run(&config(21_791, 4, 3), &path).await });
    until(&other, "up", |it| it.state == State::Established).await;
    let question = |question: Question| {
        let socket = socket.clone();
        async move {
            tokio::task::spawn_blocking(move || ask(&socket, &question))
                .await
                .expect("no panic")
        }
    };
    let routes = "10.1.0.0/24\n10.2.0.0/24 self 1:2\n".to_owned();
    let announced = question(Question::Announce {
        session: 0,
        routes: routes.clone(),
    })
    .await;
    assert_eq!(announced, Ok(Answer::Done));
    until(&other, "announced", |it| it.prefixes == 2).await;
    assert_eq!(
        question(Question::Withdraw { session: 0, routes }).await,
        Ok(Answer::Done)
    );
    until(&other, "withdrawn", |it| it.prefixes == 0).await;
    let Ok(Answer::Status(status)) = question(Question::Status).await else {
        panic!("no status")
    };
    assert_eq!(status[0].established, 1);
    let error = question(Question::Table { session: 7 })
        .await
        .expect_err("no such session");
    assert!(error.to_string().contains("no session 7"), "{error}");
    assert_eq!(question(Question::Stop).await, Ok(Answer::Done));
    assert_eq!(running.await.expect("no panic"), Ok(()));
}

#[tokio::test]
async fn an_address_that_is_not_there_is_named() {
    let mut config = config(21_792, 5, 6);
    config.sessions[0].local = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let error = KernelPeer::start(&config)
        .await
        .expect_err("not our address")
        .to_string();
    assert!(error.contains("192.0.2.1:21792"), "{error}");
}
