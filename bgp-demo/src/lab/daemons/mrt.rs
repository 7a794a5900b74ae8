//! A table of routes in MRT format (RFC 6396, TABLE_DUMP_V2), the way to load GoBGP.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

const TABLE_DUMP_V2: u16 = 13;
const PEER_INDEX_TABLE: u16 = 1;
const RIB_IPV4_UNICAST: u16 = 2;
const RIB_IPV6_UNICAST: u16 = 4;
/// Any moment will do, as long as it is the same.
const WHEN: u32 = 1_700_000_000;

/// A route with the community that marks it.
pub(super) type MarkedRoute = (IpNet, (u32, u32));

/// The table that holds `routes`, all from a peer at `address` with AS `asn`.
pub(super) fn table(
    address: IpAddr,
    router_id: Ipv4Addr,
    asn: u32,
    routes: impl Iterator<Item = MarkedRoute>,
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut index = Vec::new();
    index.extend(router_id.octets());
    index.extend([0, 0, 0, 1]); // no view name, one peer
    index.push(if address.is_ipv4() { 2 } else { 3 }); // 4-octet AS
    index.extend(router_id.octets());
    index.extend(octets(address));
    index.extend(asn.to_be_bytes());
    record(&mut file, PEER_INDEX_TABLE, &index);
    for (number, (prefix, community)) in (0_u32..).zip(routes) {
        let attributes = attributes(address, community);
        let mut body = number.to_be_bytes().to_vec();
        body.push(prefix.prefix_len());
        let net = octets(prefix.network());
        body.extend(&net[..usize::from(prefix.prefix_len()).div_ceil(8)]);
        body.extend([0, 1, 0, 0]); // one entry, peer 0
        body.extend(WHEN.to_be_bytes());
        body.extend((attributes.len() as u16).to_be_bytes());
        body.extend(attributes);
        let kind = match prefix {
            IpNet::V4(_) => RIB_IPV4_UNICAST,
            IpNet::V6(_) => RIB_IPV6_UNICAST,
        };
        record(&mut file, kind, &body);
    }
    file
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn record(file: &mut Vec<u8>, kind: u16, body: &[u8]) {
    file.extend(WHEN.to_be_bytes());
    file.extend(TABLE_DUMP_V2.to_be_bytes());
    file.extend(kind.to_be_bytes());
    file.extend((body.len() as u32).to_be_bytes());
    file.extend(body);
}

/// ORIGIN IGP, an empty AS_PATH, the next hop and a community.
fn attributes(next_hop: IpAddr, community: (u32, u32)) -> Vec<u8> {
    let mut list = vec![0x40, 1, 1, 0, 0x40, 2, 0];
    let next_hop_octets = octets(next_hop);
    if next_hop.is_ipv4() {
        list.extend([0x40, 3, 4]);
    } else {
        // RFC 6396 4.3.4 would have the next hop alone; GoBGP reads the whole attribute.
        list.extend([0x80, 14, 21, 0, 2, 1, 16]);
    }
    list.extend(next_hop_octets);
    if next_hop.is_ipv6() {
        list.push(0);
    }
    list.extend([0xc0, 8, 4]);
    list.extend((community.0 as u16).to_be_bytes());
    list.extend((community.1 as u16).to_be_bytes());
    list
}
