//! Keys on their way to the standby, and connections whose key is taken away.

mod wire;

use std::sync::Arc;
use tcp_ha_core::{DownReason, Readiness};
use tcp_ha_engine::auth::{PeerKeys, PeerPrefix, PeerSecurity, Secret, SecurityTable, Signing};
use wire::{PAIR, PEER, Wire};

fn table(peer: std::net::IpAddr, key: &str) -> SecurityTable {
    let key = Secret::new(key.as_bytes()).expect("a key");
    let security = PeerSecurity {
        keys: PeerKeys::Md5(Arc::new(key)),
        ttl_security: None,
    };
    let mut table = SecurityTable::default();
    let set = table.set(PeerPrefix::host(peer), security);
    set.expect("room");
    table
}

fn keyed() -> Wire {
    let mut wire = Wire::new();
    wire.active.set_security(table(PEER, "secret"));
    wire.peer.set_security(table(PAIR, "secret"));
    wire
}

#[test]
fn a_standby_that_joins_gets_the_keys_with_the_connections() {
    let mut wire = keyed();
    let (ours, _) = wire.connect();
    let standby = wire.join();
    assert_eq!(standby.shadow().security(), &table(PEER, "secret"));
    let mut shadows = standby.shadow().connections();
    let (_, shadow) = shadows.find(|(id, _)| *id == ours).expect("a shadow");
    assert_eq!(shadow.state.auth.signing, Signing::Md5);
}

#[test]
fn a_change_of_keys_reaches_the_standby() {
    let mut wire = keyed();
    wire.connect();
    let mut standby = wire.join();
    wire.active.set_security(table(PEER, "another"));
    wire.exchange(&mut standby);
    assert_eq!(standby.shadow().security(), &table(PEER, "another"));
}

#[test]
fn a_connection_without_its_key_is_not_protected_until_the_key_is_back() {
    let mut wire = keyed();
    let (ours, _) = wire.connect();
    let mut standby = wire.join();
    wire.active.set_security(SecurityTable::default());
    wire.exchange(&mut standby);
    let down = Readiness::Down(DownReason::KeyMissing);
    assert_eq!(wire.active.readiness(ours), down);
    assert_eq!(standby.shadow().connections().count(), 0);

    wire.active.set_security(table(PEER, "secret"));
    wire.exchange(&mut standby);
    assert_ne!(wire.active.readiness(ours), down);
    assert_eq!(standby.shadow().connections().count(), 1);
}
