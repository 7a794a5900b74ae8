//! Two nodes of one process whose register is in a real etcd: what becomes of them when it hangs.

#[path = "../../../ipc/tests/support/mod.rs"]
#[allow(dead_code)]
mod support;

mod process;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ipc::register::EtcdConfig;
use process::Standby;
use support::etcd::Etcd;
use tcp_ha_link::{DeviceConfig, DeviceKind, LinkAddress};
use tcp_ha_net::{
    Begin, ConnectOptions, ConnectionOptions, ListenOptions, Role, Stack, StackConfig, StackEvents,
    Status, TcpStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Nothing here takes longer.
const BOUND: Duration = Duration::from_secs(60);

struct Node {
    stack: Stack,
    _events: StackEvents,
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn dir(segment: &str) -> Dir {
    let name = format!("tcp-ha-net-etcd-{}-{segment}", std::process::id());
    Dir(std::env::temp_dir().join(name))
}

async fn node(segment: &str, host: u8, begin: Begin, dir: &Dir, etcd: Option<&Etcd>) -> Node {
    let etcd = etcd.map(|etcd| EtcdConfig::new(vec![etcd.url()]));
    node_with(segment, host, begin, dir, etcd).await
}

async fn node_with(
    segment: &str,
    host: u8,
    begin: Begin,
    dir: &Dir,
    etcd: Option<EtcdConfig>,
) -> Node {
    let device = DeviceConfig::new(DeviceKind::Memory, segment);
    let mut config = StackConfig::new(segment, device, dir.0.join(host.to_string()));
    config.begin = begin;
    config.mac = LinkAddress([2, 0, 0, 0, 0, host]);
    config.addresses = vec![(IpAddr::from([10, 97, 0, host]), 24)];
    // The standby is declared lost late, and the active not at all: nothing here is to depend on how busy the host is.
    config.limits.misses = 100;
    config.limits.hold_limit_us = 1_000_000;
    config.etcd = etcd;
    let (stack, events) = Stack::start(config).await.expect("a node");
    Node {
        stack,
        _events: events,
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(BOUND, future).await;
    done.expect("it takes too long")
}

async fn status(node: &Node, says: impl Fn(&Status) -> bool) -> Status {
    within(async {
        loop {
            let status = node.stack.status().await.expect("a node");
            if says(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
}

/// An octet there and back, so often; the longest that one took.
async fn rounds(stream: &mut TcpStream, count: u32) -> Duration {
    let mut longest = Duration::ZERO;
    let mut octet = [7];
    for _ in 0..count {
        let begun = Instant::now();
        stream.write_all(&octet).await.expect("room");
        stream.read_exact(&mut octet).await.expect("an echo");
        longest = longest.max(begun.elapsed());
    }
    longest
}

/// A pair whose register is in etcd, and a client whose octets come back.
struct Pair {
    etcd: Etcd,
    active: Node,
    stream: TcpStream,
    _client: Node,
    _dir: Dir,
}

async fn active(segment: &str) -> (Etcd, Dir, Node) {
    let etcd = Etcd::start();
    let dir = dir(segment);
    let active = node(segment, 2, Begin::Active, &dir, Some(&etcd)).await;
    status(&active, |status| status.role == Role::Active).await;
    (etcd, dir, active)
}

/// Waits for the standby that was started in the active's directory, and connects.
async fn connected(segment: &str, (etcd, dir, active): (Etcd, Dir, Node)) -> Pair {
    let told = status(&active, |status| status.protected).await;
    let register = told.register.expect("a register");
    assert_eq!(register.kind, "etcd");
    assert!(register.place.contains(&etcd.url()), "{register:?}");
    assert_eq!(register.failing, None);

    let client = node(segment, 1, Begin::Active, &dir, None).await;
    let server = SocketAddr::new(IpAddr::from([10, 97, 0, 2]), 7);
    let listen = active.stack.listen(server, ListenOptions::default());
    let mut listener = within(listen).await.expect("a free port");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut octet = [0];
        while stream.read_exact(&mut octet).await.is_ok() {
            stream.write_all(&octet).await.expect("room");
        }
    });
    let local = SocketAddr::new(IpAddr::from([10, 97, 0, 1]), 0);
    let options = ConnectOptions {
        connection: ConnectionOptions::default(),
        protection: None,
    };
    let connect = client.stack.connect(local, server, options);
    let stream = within(connect).await.expect("somebody listens");
    status(&active, |status| {
        status.connections.iter().any(|it| it.protection == "ready")
    })
    .await;
    Pair {
        etcd,
        active,
        stream,
        _client: client,
        _dir: dir,
    }
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn lives_as_a_standby() {
    process::live().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_is_always_too_late_for_the_loop_is_of_use() {
    let etcd = Etcd::start();
    let dir = dir("late");
    // No answer is ever in time: each swap is of unknown outcome, each read finds what an earlier one asked for.
    let mut config = EtcdConfig::new(vec![etcd.url()]);
    config.patience = Duration::ZERO;
    let active = node_with("late", 2, Begin::Active, &dir, Some(config.clone())).await;
    let told = status(&active, |status| status.role == Role::Active).await;
    assert_eq!(told.epoch, 1);
    let standby = node_with("late", 2, Begin::Standby, &dir, Some(config)).await;
    status(&active, |status| status.protected).await;
    within(active.stack.switchover()).await.expect("a standby");
    let told = status(&standby, |status| status.role == Role::Active).await;
    assert!(told.epoch >= 3, "{}", told.epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_stopped_leaves_the_epoch_to_its_active_though_etcd_hangs() {
    let (etcd, dir, active) = active("resigns").await;
    let standby = node("resigns", 2, Begin::Standby, &dir, Some(&etcd)).await;
    let mut pair = connected("resigns", (etcd, dir, active)).await;
    pair.etcd.stop();
    within(standby.stack.stop()).await;
    within(rounds(&mut pair.stream, 20)).await;
    let told = status(&pair.active, |_| true).await;
    assert!(!told.protected && !told.gate_shut);
    pair.etcd.go_on();
    within(rounds(&mut pair.stream, 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_pair_goes_on_while_etcd_hangs_and_a_broken_one_waits_for_it() {
    let (etcd, dir, active) = active("hangs").await;
    let address = IpAddr::from([10, 97, 0, 2]);
    let mut standby = Standby::spawn(&dir.0.join("2"), address, Some(etcd.url()));
    let Pair {
        etcd,
        active,
        mut stream,
        _client,
        _dir,
    } = connected("hangs", (etcd, dir, active)).await;
    etcd.stop();
    let longest = within(rounds(&mut stream, 500)).await;
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert!(status(&active, |_| true).await.protected);

    // Now there is nobody to acknowledge, and nobody to say that nobody has to.
    standby.kill();
    let told = status(&active, |status| {
        let register = status.register.as_ref();
        status.gate_shut && register.is_some_and(|it| it.failing.is_some())
    })
    .await;
    let failing = told.register.and_then(|it| it.failing).expect("an error");
    assert!(failing.error.contains("no answer"), "{failing:?}");
    stream.write_all(&[1]).await.expect("room");
    let mut octet = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), stream.read_exact(&mut octet));
    let early = early.await;
    assert!(early.is_err(), "nothing may leave: {early:?}");
    etcd.go_on();
    within(stream.read_exact(&mut octet))
        .await
        .expect("an echo");
    let told = status(&active, |status| status.epoch > 2).await;
    assert_eq!(told.role, Role::Active);
    within(rounds(&mut stream, 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_hears_neither_its_active_nor_etcd_does_not_call_itself_protected() {
    let (etcd, dir, first) = active("cut-off").await;
    let address = IpAddr::from([10, 97, 0, 2]);
    // The active is to be killed, so it is handed over to a process of its own.
    let mut other = Standby::spawn(&dir.0.join("2"), address, Some(etcd.url()));
    status(&first, |status| status.protected).await;
    within(first.stack.switchover()).await.expect("a standby");
    let standby = node("cut-off", 2, Begin::Standby, &dir, Some(&etcd)).await;
    let told = status(&standby, |status| status.protected).await;
    assert_eq!((told.role, told.unprotected), (Role::Standby, None));
    assert!(told.peer.is_some());

    etcd.stop();
    other.kill();
    // Its channel may end a little after its life.
    let told = status(&standby, |status| {
        !status.protected && status.peer.is_none()
    })
    .await;
    assert_eq!(told.role, Role::Standby);
    assert!(told.unprotected.expect("a reason").contains("cut off"));
    let readiness = told.readiness.expect("a standby's");
    assert_eq!(readiness.state, "down");
    assert_eq!(readiness.reason, Some("register-unavailable"));
    assert_eq!(readiness.downs["register-unavailable"].count, 1);

    etcd.go_on();
    let told = status(&standby, |status| status.role == Role::Active).await;
    assert!(told.epoch > 3, "{}", told.epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_host_holds_is_taken_only_by_the_operators_word_or_after_fencing() {
    let etcd = Etcd::start();
    let (there, here) = (dir("there"), dir("here"));
    let other = node("fate", 2, Begin::Active, &there, Some(&etcd)).await;
    status(&other, |status| status.role == Role::Active).await;
    within(other.stack.stop()).await;
    // It is dead, but nothing says so on this host.
    let here_config = |change: &dyn Fn(&mut StackConfig)| {
        let device = DeviceConfig::new(DeviceKind::Memory, "fate");
        let mut config = StackConfig::new("fate", device, here.0.clone());
        config.begin = Begin::Active;
        config.mac = LinkAddress([2, 0, 0, 0, 0, 2]);
        config.addresses = vec![(IpAddr::from([10, 97, 1, 2]), 24)];
        config.etcd = Some(EtcdConfig::new(vec![etcd.url()]));
        change(&mut config);
        config
    };
    let begin = async |change: &dyn Fn(&mut StackConfig)| {
        let (stack, events) = Stack::start(here_config(change)).await.expect("a node");
        Node {
            stack,
            _events: events,
        }
    };
    let waits = |status: &Status| {
        let reason = status.unprotected.as_deref().unwrap_or_default();
        reason.contains("nothing here proves its death")
    };
    let node = begin(&|_| {}).await;
    status(&node, waits).await;
    within(node.stack.stop()).await;
    // The word is for one epoch.
    let node = begin(&|config| config.dead_epoch = Some(ipc::Epoch(7))).await;
    status(&node, waits).await;
    within(node.stack.stop()).await;
    let fence = |command: &str| tcp_ha_net::FenceConfig {
        command: ["sh", "-c", command].map(str::to_owned).to_vec(),
        after: Duration::from_millis(20),
        timeout: Duration::from_secs(10),
    };
    let node = begin(&|config| config.fence = Some(fence("exit 3"))).await;
    status(&node, |status| {
        let reason = status.unprotected.as_deref().unwrap_or_default();
        reason.contains("fencing it failed: exit status: 3")
    })
    .await;
    within(node.stack.stop()).await;
    let node = begin(&|config| config.fence = Some(fence("test \"$TCP_HA_EPOCH\" = 1"))).await;
    let told = status(&node, |status| status.role == Role::Active).await;
    assert_eq!(told.epoch, 2);
    within(node.stack.stop()).await;
    // Its own predecessor's death is proved on its own host.
    let node = begin(&|_| {}).await;
    let told = status(&node, |status| status.role == Role::Active).await;
    assert_eq!(told.epoch, 3);
    within(node.stack.stop()).await;
    let stranger = dir("stranger");
    let config = here_config(&|config| {
        config.register = stranger.0.clone();
        config.dead_epoch = Some(ipc::Epoch(3));
    });
    let (stack, _events) = Stack::start(config).await.expect("a node");
    let node = Node { stack, _events };
    let told = status(&node, |status| status.role == Role::Active).await;
    assert_eq!(told.epoch, 4);
}
