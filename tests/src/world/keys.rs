//! How connections are signed, and the keys of both sides, which an operator renews.

use super::scenario::{Family, Signing};
use crate::small;
use std::net::IpAddr;
use std::sync::Arc;
use tcp_ha::engine::auth::ao::{AoChain, AoKey};
use tcp_ha::engine::auth::{PeerKeys, PeerPrefix, PeerSecurity, Secret, SecurityTable};

/// How often the keys were renewed.
pub type Generation = u8;

/// The key of a generation.
fn octets(generation: Generation) -> Vec<u8> {
    format!("key {generation}").into_bytes()
}

/// Generations that are accepted, the preferred one last: who renews later than the other still has a key in common with it.
fn accepted(generation: Generation) -> impl Iterator<Item = Generation> {
    generation.saturating_sub(1)..=generation
}

fn ao_key(generation: Generation) -> AoKey {
    AoKey::new(generation, secret(generation))
}

fn secret(generation: Generation) -> Secret {
    Secret::new(&octets(generation)).expect("a good key")
}

/// What is asked of the station at `address`.
fn table(signing: Signing, generation: Generation, address: IpAddr) -> SecurityTable {
    let keys = match signing {
        Signing::None => return SecurityTable::default(),
        Signing::Md5 => PeerKeys::Md5(Arc::new(secret(0))),
        Signing::Ao => {
            let mut keys = accepted(generation).map(ao_key);
            let mut chain = AoChain::new(keys.next().expect("one at least"));
            keys.for_each(|key| chain.add(key).expect("room for two"));
            chain.prefer(generation).expect("it is there");
            PeerKeys::Ao(Arc::new(chain))
        }
    };
    let security = PeerSecurity {
        keys,
        ttl_security: None,
    };
    let mut table = SecurityTable::default();
    let set = table.set(PeerPrefix::host(address), security);
    set.expect("room for one");
    table
}

/// What the pair asks of the peer.
pub(super) fn of_the_pair(
    signing: Signing,
    generation: Generation,
    family: Family,
) -> SecurityTable {
    table(signing, generation, family.peer())
}

/// What the peer's engine asks of the pair.
pub(super) fn of_the_peer(
    signing: Signing,
    generation: Generation,
    family: Family,
) -> SecurityTable {
    table(signing, generation, family.pair())
}

/// The same for the small TCP.
pub(super) fn of_the_small(signing: Signing, generation: Generation) -> small::Keys {
    match signing {
        Signing::None => small::Keys::None,
        Signing::Md5 => small::Keys::Md5(octets(0)),
        Signing::Ao => small::Keys::Ao {
            chain: accepted(generation).map(|it| (it, octets(it))).collect(),
            current: generation,
            next: generation,
        },
    }
}
