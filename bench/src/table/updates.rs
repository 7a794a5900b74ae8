//! A table as the UPDATEs in which a router would tell it.

use super::source::{NEXT_HOP_V4, NEXT_HOP_V6, Route};
use bgp_demo::attributes::{AsPath, Origin, PathAttributes};
use bgp_demo::message::{
    MESSAGE_OCTETS_MAX, encode_announce, encode_attributes, encode_end_of_rib,
};
use bgp_demo::prefix::{Family, Prefix};
use std::collections::HashMap;

/// AS of the feeder.
pub(super) const FEEDER_AS: u32 = 64_502;
/// Prefixes of one origin for each further way to it: together about five prefixes share their attributes, as in tables of one peer.
const PREFIXES_PER_WAY: usize = 12;
/// ASes that carry others' traffic.
const TRANSITS: [u32; 12] = [
    174, 701, 1299, 2914, 3257, 3320, 3356, 3491, 5511, 6453, 6461, 6939,
];

/// UPDATEs, End-of-RIB of both families included.
#[derive(Debug, Default)]
pub(super) struct Updates {
    /// The messages, one behind the other.
    pub(super) octets: Vec<u8>,
    /// How many messages.
    pub(super) messages: usize,
    /// Prefixes that they announce.
    pub(super) prefixes: usize,
    /// Different sets of attributes.
    pub(super) sets: usize,
}

/// Packs routes by their attributes, each set where the first of its prefixes stands, as a router that walks its table does.
pub(super) fn pack(routes: &[Route]) -> Updates {
    let mut of_origin: HashMap<u32, usize> = HashMap::new();
    for route in routes {
        *of_origin.entry(route.origin).or_default() += 1;
    }
    let mut places: HashMap<(u32, u64, Family), usize> = HashMap::new();
    let mut sets: Vec<(u32, u64, Vec<Prefix>)> = Vec::new();
    for route in routes {
        let ways = 1 + of_origin[&route.origin] / PREFIXES_PER_WAY;
        let way = mixed(hash_of(&route.prefix)) % ways as u64;
        let key = (route.origin, way, Family::of(&route.prefix));
        let at = *places.entry(key).or_insert(sets.len());
        if at == sets.len() {
            sets.push((route.origin, way, Vec::new()));
        }
        sets[at].2.push(route.prefix);
    }
    let mut updates = Updates {
        sets: sets.len(),
        prefixes: routes.len(),
        ..Updates::default()
    };
    for (origin, way, prefixes) in sets {
        updates.announce(
            &attributes(origin, way, Family::of(&prefixes[0])),
            &prefixes,
        );
    }
    for family in Family::ALL {
        updates.push(&encode_end_of_rib(family));
    }
    updates
}

impl Updates {
    fn push(&mut self, message: &[u8]) {
        self.octets.extend_from_slice(message);
        self.messages += 1;
    }

    fn announce(&mut self, attributes: &PathAttributes, prefixes: &[Prefix]) {
        let octets = encode_attributes(attributes, true);
        let mut rest = prefixes;
        while !rest.is_empty() {
            let (message, taken) = encode_announce(&octets, attributes, rest, MESSAGE_OCTETS_MAX);
            self.push(&message);
            rest = &rest[taken.max(1)..];
        }
    }
}

/// One way to an origin: three to six ASes, communities of the first transit, now and then a MED.
fn attributes(origin: u32, way: u64, family: Family) -> PathAttributes {
    let drawn = mixed(u64::from(origin) << 8 ^ way);
    let transit = |at: u64| TRANSITS[(mixed(drawn ^ at) % TRANSITS.len() as u64) as usize];
    let mut path = vec![FEEDER_AS];
    let between = 1 + drawn % 3;
    path.extend((0..between).map(transit));
    path.dedup();
    path.push(origin);
    // Who prefers another way says its own number again.
    if drawn.is_multiple_of(11) {
        path.push(origin);
    }
    let first = path[1];
    let community = |at| (first & 0xffff) << 16 | (mixed(drawn ^ at) % 5_000) as u32;
    let next_hop = match family {
        Family::Ipv4 => NEXT_HOP_V4.into(),
        Family::Ipv6 => NEXT_HOP_V6.into(),
    };
    PathAttributes {
        origin: if drawn.is_multiple_of(9) {
            Origin::Incomplete
        } else {
            Origin::Igp
        },
        as_path: AsPath::from_sequence(&path),
        med: drawn.is_multiple_of(5).then_some((drawn % 400) as u32),
        communities: (0x100..0x100 + drawn % 6).map(community).collect(),
        ..PathAttributes::originated(next_hop)
    }
}

fn hash_of(prefix: &Prefix) -> u64 {
    let bits = match prefix {
        Prefix::V4(net) => u64::from(u32::from(net.network())),
        Prefix::V6(net) => (u128::from(net.network()) >> 64) as u64,
    };
    bits ^ u64::from(prefix.prefix_len()) << 56
}

/// Spreads what lies close together (the finaliser of SplitMix64).
const fn mixed(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::told::Told;

    fn routes(count: u32) -> Vec<Route> {
        let route = |at: u32| Route {
            prefix: if at.is_multiple_of(5) {
                format!("2001:{at:x}::/32").parse().expect("a prefix")
            } else {
                format!("11.{}.{}.0/24", at / 256, at % 256)
                    .parse()
                    .expect("a prefix")
            },
            origin: 65_000 + at % 7,
        };
        (0..count).map(route).collect()
    }

    #[test]
    fn every_prefix_is_announced_once_and_both_ends_are_said() {
        let updates = pack(&routes(2_000));
        let mut told = Told::default();
        // Cut anywhere: messages are put together again.
        for piece in updates.octets.chunks(999) {
            told.take(piece).expect("messages");
        }
        assert_eq!((told.prefixes, told.ends), (2_000, 2));
        assert_eq!(told.messages, updates.messages as u64);
    }

    #[test]
    fn the_same_routes_are_the_same_octets_and_share_attributes() {
        let (one, other) = (pack(&routes(2_000)), pack(&routes(2_000)));
        assert_eq!(one.octets, other.octets);
        assert!((20..400).contains(&one.sets), "{} sets", one.sets);
    }
}
