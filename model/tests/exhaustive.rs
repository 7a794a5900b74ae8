//! The model in a size that takes seconds; `make model` checks it larger.

use clap::ValueEnum;
use stateright::{Checker, Model};
use tcp_ha_model::{Bounds, Fault, Protocol, reach, stories};

const SMALL: Bounds = Bounds {
    nodes: 2,
    messages: 2,
    epochs: 3,
    deaths: 1,
    unknown: 1,
};

#[test]
fn with_two_nodes_every_property_holds_in_every_state() {
    let protocol = Protocol {
        bounds: SMALL,
        fault: None,
    };
    protocol.checker().spawn_bfs().join().assert_properties();
}

#[test]
fn from_every_state_some_node_can_speak_again() {
    let protocol = Protocol {
        bounds: SMALL,
        fault: None,
    };
    let reached = reach(&protocol, 1_000_000).expect("fewer states than that");
    assert_eq!(reached.stuck, 0, "{:#?}", reached.example);
    assert!(reached.speaking < reached.states, "silence is possible too");
}

#[test]
fn every_way_to_be_wrong_is_found() {
    for &fault in Fault::value_variants() {
        let protocol = Protocol {
            bounds: SMALL,
            fault: Some(fault),
        };
        assert!(!stories(&protocol).is_empty(), "{fault:?} breaks nothing");
    }
}
