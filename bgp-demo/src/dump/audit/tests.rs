//! A replica agrees wherever it is asked, and does not once a route differs.

use super::*;
use crate::prefix::Family;
use crate::speaker::Input;
use crate::world::{World, prefix, route};

/// A live speaker with two sessions and more routes than one audit covers, and its replica.
fn followed(routes: u32) -> World {
    let mut world = World::star(1, Family::Ipv4, 2);
    world.follow();
    world.start();
    for node in 0..3_u32 {
        let announce = (0..routes)
            .map(|number| route(node * 20_000 + number, number % 3))
            .collect();
        let withdraw = vec![];
        world.input(node as usize, Input::Originate { announce, withdraw });
    }
    world.settle();
    world
}

/// Asks for a whole walk through the tables of each session; how many words it took, and how many did not agree.
fn walk(world: &mut World) -> (usize, usize) {
    let conns: Vec<ConnId> = world.nodes[0].speaker.sessions.keys().copied().collect();
    let (mut words, mut differing) = (0, 0);
    for conn in conns {
        loop {
            let live = &mut world.nodes[0].speaker;
            let said = live.audit(conn).expect("a session that is up");
            let replica = world.replica.as_mut().expect("a replica");
            let agrees = replica.replica_agrees(conn, &said).expect("a good word");
            words += 1;
            differing += usize::from(!agrees);
            if live.sessions[&conn].audited_upto.is_none() {
                break;
            }
        }
    }
    (words, differing)
}

#[test]
fn an_equal_replica_agrees_in_every_part() {
    let mut world = followed(5_000);
    let (words, differing) = walk(&mut world);
    assert!(
        words >= 6,
        "{words} words for two sessions with three parts"
    );
    assert_eq!(differing, 0);
}

#[test]
fn a_replica_with_another_route_does_not_agree() {
    let mut world = followed(50);
    assert_eq!(walk(&mut world), (2, 0));
    let attributes = {
        let peer = &world.nodes[0].speaker.peers[0];
        let (_, attributes) = peer.adj_rib_in.iter().next().expect("a route");
        attributes.clone()
    };
    let replica = world.replica.as_mut().expect("a replica");
    let extra = prefix("198.51.100.0/24");
    replica.peers[0].adj_rib_in.insert(extra, attributes);
    assert_eq!(walk(&mut world), (2, 1));
    let replica = world.replica.as_mut().expect("a replica");
    replica.peers[0].adj_rib_in.remove(&extra);
    assert_eq!(walk(&mut world), (2, 0));
}

#[test]
fn a_replica_that_believes_the_peer_was_told_otherwise_does_not_agree() {
    let mut world = followed(50);
    let replica = world.replica.as_mut().expect("a replica");
    let told = prefix("198.51.100.0/24");
    let attributes = {
        let (_, attributes) = replica.peers[1].adj_rib_in.iter().next().expect("a route");
        attributes.clone()
    };
    let Speaker { peers, loc_rib, .. } = replica;
    let adj_rib_out = peers[1].adj_rib_out.as_mut().expect("a session");
    adj_rib_out.set_told(told, Some(attributes), loc_rib, |_, _| None);
    assert_eq!(walk(&mut world).1, 1);
}

#[test]
fn words_that_are_cut_short_are_refused() {
    let mut world = followed(50);
    let live = &mut world.nodes[0].speaker;
    let conn = *live.sessions.keys().next().expect("a session");
    let said = live.audit(conn).expect("a session that is up");
    for octets in 0..said.len() {
        let replica = world.replica.as_mut().expect("a replica");
        assert!(replica.replica_agrees(conn, &said[..octets]).is_err());
    }
}
