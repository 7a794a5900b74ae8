//! Two nodes of a pair on one segment, and a client beside them.

use ipc::certificates::{self, Order};
use ipc::refusal::Refusal;
use ipc::transport::tls::{Bound, CredentialFiles, Credentials};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tcp_ha_link::{DeviceConfig, DeviceKind, LinkAddress};
use tcp_ha_net::{
    Begin, ChannelConfig, ConnectOptions, ConnectionOptions, HostsConfig, Role, Stack, StackConfig,
    StackEvents, Status,
};

/// Nothing here takes longer.
pub(super) const BOUND: Duration = Duration::from_secs(30);

/// What the tests of one world share; its directory goes with it.
pub(super) struct World {
    dir: PathBuf,
    segment: String,
    /// Where the two nodes listen.
    pub(super) listen: [SocketAddr; 2],
    /// Where each finds the other.
    pub(super) connect: [SocketAddr; 2],
    order: Order,
}

/// A node.
pub(super) struct Node {
    pub(super) stack: Stack,
    _events: StackEvents,
}

impl World {
    pub(super) fn new(name: &str) -> World {
        World::at(name, "127.0.0.1:0")
    }

    /// Both nodes listen at this address, each on a port of its own.
    pub(super) fn at(name: &str, address: &str) -> World {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let segment = format!("hosts-{name}-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(format!("tcp-ha-{segment}"));
        let order = Order::new("lab".parse().expect("a name"), &dir.join("certificates"));
        certificates::make(&order).expect("certificates");
        let free = || Bound::bind(address.parse().expect("an address")).expect("a free port");
        let held = [free(), free()];
        let listen = held.each_ref().map(Bound::address);
        World {
            dir,
            segment,
            listen,
            connect: [listen[1], listen[0]],
            order,
        }
    }

    pub(super) fn files(&self, at: usize) -> CredentialFiles {
        self.order.files(["a", "b"][at])
    }

    pub(super) fn credentials(&self, at: usize) -> Credentials {
        Credentials::load(&self.files(at), &self.order.pair).expect("credentials")
    }

    pub(super) fn register(&self) -> PathBuf {
        self.dir.join("register")
    }

    fn config(&self, name: &str, host: u8, begin: Begin) -> StackConfig {
        let device = DeviceConfig::new(DeviceKind::Memory, self.segment.clone());
        let mut config = StackConfig::new(name, device, self.register());
        config.begin = begin;
        config.mac = LinkAddress([2, 0, 0, 0, 0, host]);
        config.addresses = vec![(IpAddr::from([10, 98, 0, host]), 24)];
        // Many tests share few processors here: a false alarm would only cost time.
        config.limits.heartbeat_us = 20_000;
        config.limits.misses = 10;
        config.limits.hold_limit_us = 1_000_000;
        config
    }

    /// What a node of the pair is told.
    pub(super) fn node_config(&self, at: usize, begin: Begin) -> StackConfig {
        let mut config = self.config(["a", "b"][at], 2, begin);
        config.channel = ChannelConfig::Hosts(HostsConfig {
            listen: self.listen[at],
            connect: vec![self.connect[at]],
            credentials: self.credentials(at),
        });
        config
    }

    pub(super) async fn node(&self, at: usize, begin: Begin) -> Node {
        start(self.node_config(at, begin)).await
    }

    /// A node on the segment that is of no pair.
    pub(super) async fn client(&self) -> Node {
        let mut config = self.config("client", 1, Begin::Active);
        config.register = self.dir.join("client");
        start(config).await
    }

    /// A pair: the active, the standby.
    pub(super) async fn pair(&self) -> (Node, Node) {
        let active = self.node(0, Begin::Active).await;
        until(&active, "the cold start", |status| {
            status.role == Role::Active
        })
        .await;
        let standby = self.node(1, Begin::Standby).await;
        until(&active, "a pair", |status| status.protected).await;
        until(&standby, "a pair", |status| status.protected).await;
        (active, standby)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

pub(super) async fn start(config: StackConfig) -> Node {
    let (stack, events) = Stack::start(config).await.expect("a node");
    Node {
        stack,
        _events: events,
    }
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(BOUND, future).await;
    done.expect("it takes too long")
}

/// Waits until a node says so of itself.
pub(super) async fn until(node: &Node, what: &str, says: impl Fn(&Status) -> bool) -> Status {
    let begun = Instant::now();
    loop {
        let status = node.stack.status().await.expect("a node");
        if says(&status) {
            return status;
        }
        assert!(begun.elapsed() < BOUND, "waited for {what}: {status:#?}");
        tokio::task::yield_now().await;
    }
}

/// How often a node has refused something for this reason.
pub(super) fn refused(status: &Status, reason: Refusal) -> u64 {
    let count = status.channel.refused.get(reason.name());
    count.copied().unwrap_or(0)
}

/// The address that clients of the pair connect to.
pub(super) fn service() -> SocketAddr {
    SocketAddr::from(([10, 98, 0, 2], 7))
}

pub(super) fn unprotected() -> ConnectOptions {
    ConnectOptions {
        connection: ConnectionOptions::default(),
        protection: None,
    }
}
