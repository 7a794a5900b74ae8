//! A standby in a process of its own, so that it can be killed: whoever is stopped resigns first.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ipc::register::EtcdConfig;
use tcp_ha_link::{DeviceConfig, DeviceKind, LinkAddress};
use tcp_ha_net::{Begin, Stack, StackConfig};

const DIR: &str = "TCP_HA_TEST_DIR";
const ADDRESS: &str = "TCP_HA_TEST_ADDRESS";
const ETCD: &str = "TCP_HA_TEST_ETCD";

/// Killed when dropped.
pub(crate) struct Standby(Child);

impl Standby {
    /// A standby of the pair in `dir` with this address; runs the test `lives_as_a_standby` of the same file.
    pub(crate) fn spawn(dir: &Path, address: IpAddr, etcd: Option<String>) -> Standby {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["--exact", "lives_as_a_standby", "--ignored"])
            .env(DIR, dir)
            .env(ADDRESS, address.to_string())
            .env(ETCD, etcd.unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("this program runs again");
        Standby(child)
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The life of that process.
pub(crate) async fn live() {
    let (Ok(dir), Ok(address)) = (std::env::var(DIR), std::env::var(ADDRESS)) else {
        panic!("other tests run this one, in a process of its own");
    };
    let device = DeviceConfig::new(DeviceKind::Memory, "alone");
    let address: IpAddr = address.parse().expect("an address");
    let mut config = StackConfig::new("standby", device, dir.into());
    config.begin = Begin::Standby;
    config.mac = LinkAddress([2, 0, 0, 0, 0, 2]);
    config.addresses = vec![(address, 24)];
    // What is tested does not depend on how busy the host is.
    config.limits.misses = 100;
    config.limits.hold_limit_us = 1_000_000;
    let etcd = std::env::var(ETCD).unwrap_or_default();
    config.etcd = (!etcd.is_empty()).then(|| EtcdConfig::new(vec![etcd]));
    let (stack, mut events) = Stack::start(config).await.expect("a node");
    while events.next().await.is_some() {}
    drop(stack);
}
