//! The daemon on real stacks over a segment in memory: two route processors, and a peer on a stack of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bgp_demo::config::{PeerConfig, SpeakerConfig};
use bgp_demo::daemon::{BGP_PORT, Daemon, DaemonConfig, DaemonEnded, DaemonStatus};
use bgp_demo::fsm::State;
use bgp_demo::prefix::{Families, Family};
use bgp_demo::routes;
use tcp_ha::link::{DeviceConfig, DeviceKind, LinkAddress};
use tcp_ha::{Begin, Role, Stack, StackConfig};
use tokio::task::JoinHandle;

const LIMIT: Duration = Duration::from_secs(60);

/// A directory on a memory file system that goes away.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/bgp-demo-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory in memory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Node {
    stack: Stack,
    daemon: Daemon,
    running: JoinHandle<DaemonEnded>,
}

struct Place<'a> {
    segment: &'a str,
    register: &'a Directory,
    begin: Begin,
}

fn address(low: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, low))
}

async fn node(place: &Place<'_>, name: &str, own: u8, peers: &[u8], originate: &str) -> Node {
    let device = DeviceConfig::new(DeviceKind::Memory, place.segment);
    let mut config = StackConfig::new(name, device, place.register.0.clone());
    config.begin = place.begin;
    config.mac = LinkAddress([2, 0, 0x5e, 0, 1, own]);
    config.addresses = vec![(address(own), 24)];
    config.streams_by_event = true;
    config.node_sync = true;
    config.limits.heartbeat_us = 20_000;
    config.limits.misses = 10;
    config.limits.hold_limit_us = 2_000_000;
    let speaker = SpeakerConfig {
        asn: 65_000 + u32::from(own),
        router_id: Ipv4Addr::new(10, 99, 0, own),
        hold_time: Duration::from_secs(30),
        next_hop_ipv4: None,
        next_hop_ipv6: None,
        peers: peers
            .iter()
            .map(|peer| PeerConfig {
                address: address(*peer),
                asn: 65_000 + u32::from(*peer),
                // The peers connect, the pair waits for them.
                passive: own == 1,
                families: Families::from_iter([Family::Ipv4]),
                local: None,
                connect_retry: Duration::from_secs(1),
            })
            .collect(),
    };
    let (stack, events) = Stack::start(config).await.expect("a stack");
    let originate = routes::parse(originate).expect("routes");
    let config = DaemonConfig {
        speaker,
        addresses: vec![address(own)],
        port: BGP_PORT,
        originate,
    };
    let (daemon, run) = Daemon::start(config, stack.clone(), events);
    Node {
        stack,
        daemon,
        running: tokio::spawn(run),
    }
}

async fn until(what: &str, node: &Node, holds: impl Fn(&DaemonStatus) -> bool) -> DaemonStatus {
    let begun = Instant::now();
    loop {
        let status = node.daemon.status().await.expect("a daemon");
        if holds(&status) {
            return status;
        }
        assert!(
            begun.elapsed() < LIMIT,
            "{what}: {status:#?}\n{:#?}",
            node.stack.status().await
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until_ready(node: &Node, connections: usize) {
    let begun = Instant::now();
    loop {
        let status = node.stack.status().await.expect("a stack");
        let ready = status
            .connections
            .iter()
            .filter(|it| it.protection == "ready")
            .count();
        if status.role == Role::Active && status.protected && ready == connections {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{status:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn lines(first: u8, count: usize) -> String {
    (0..count)
        .map(|at| {
            format!(
                "{}.{}.{}.0/24 self 65001:{}\n",
                first,
                at / 256,
                at % 256,
                at % 9
            )
        })
        .collect()
}

fn prefixes_in(status: &DaemonStatus) -> usize {
    status.speaker.as_ref().map_or(0, |speaker| {
        speaker.peers.iter().map(|peer| peer.prefixes_in).sum()
    })
}

/// A pair with the address 1, and two peers on stacks of their own.
struct Scene {
    pair: Directory,
    _alone: [Directory; 2],
    speaking: Node,
    two: Node,
    three: Node,
}

const PEERS: [u8; 2] = [2, 3];

impl Scene {
    async fn begin() -> Self {
        let (pair, alone) = (
            Directory::new("pair"),
            [Directory::new("two"), Directory::new("three")],
        );
        let active = |register| Place {
            segment: "takeover",
            register,
            begin: Begin::Active,
        };
        let speaking = node(&active(&pair), "rp0", 1, &PEERS, &lines(100, 3000)).await;
        let two = node(&active(&alone[0]), "peer2", 2, &[1], &lines(20, 2000)).await;
        let three = node(&active(&alone[1]), "peer3", 3, &[1], &lines(30, 2000)).await;
        until("routes at peer 2", &two, |it| prefixes_in(it) == 5000).await;
        until("routes at peer 3", &three, |it| prefixes_in(it) == 5000).await;
        Self {
            pair,
            _alone: alone,
            speaking,
            two,
            three,
        }
    }

    /// A standby joins; the active is cut while changes in both directions are on their way; the standby goes on.
    async fn cut(&mut self, round: u8, planned: bool) {
        let place = Place {
            segment: "takeover",
            register: &self.pair,
            begin: Begin::Standby,
        };
        let standby = node(
            &place,
            &format!("rp{}", round + 1),
            1,
            &PEERS,
            &lines(100, 3000),
        )
        .await;
        until_ready(&self.speaking, PEERS.len()).await;
        let ours = routes::parse(&lines(40 + round, 1500)).expect("routes");
        let theirs = routes::parse(&lines(50 + round, 500)).expect("routes");
        self.speaking
            .daemon
            .originate(ours.clone(), true)
            .await
            .expect("an active");
        self.two
            .daemon
            .originate(theirs, true)
            .await
            .expect("an active");
        if planned {
            self.speaking.stack.switchover().await.expect("a standby");
        } else {
            self.speaking.stack.stop().await;
        }
        let before = std::mem::replace(&mut self.speaking, standby);
        let ended = before.running.await.expect("no panic");
        assert_eq!(
            matches!(ended, DaemonEnded::Fenced(_)),
            planned,
            "{ended:?}"
        );
        until("survivor", &self.speaking, |it| it.promotion.is_some()).await;
        // What the old active had not recorded when it was cut is asked for again, as its operator would.
        self.speaking
            .daemon
            .originate(ours, true)
            .await
            .expect("an active");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_routes_survive_several_takeovers() {
    let mut scene = Scene::begin().await;
    for round in 0..4_u8 {
        scene.cut(round, round % 2 == 1).await;
        let rounds = usize::from(round) + 1;
        let at_three = 5000 + (1500 + 500) * rounds;
        until("routes at peer 3", &scene.three, |it| {
            prefixes_in(it) == at_three
        })
        .await;
        let at_two = 5000 + 1500 * rounds;
        until("routes at peer 2", &scene.two, |it| {
            prefixes_in(it) == at_two
        })
        .await;
    }
    for peer in [&scene.two, &scene.three] {
        let status = peer
            .daemon
            .status()
            .await
            .expect("a daemon")
            .speaker
            .expect("a speaker");
        let session = &status.peers[0];
        assert_eq!(session.state, State::Established);
        let counters = session.counters;
        assert_eq!(
            (counters.established, counters.dropped),
            (1, 0),
            "{:?}",
            session.last_error
        );
        assert_eq!(
            (
                counters.duplicates_in,
                counters.withdrawn_in,
                counters.notifications_in
            ),
            (0, 0, 0)
        );
    }
}
