//! What the onlooker holds against a side that begins anew.

use super::*;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const FIN: u8 = 0x01;

fn said(flags: u8, seq: u32) -> Seen {
    Seen {
        src: [10, 0, 0, 1].into(),
        dst: [10, 0, 0, 2].into(),
        src_port: 7,
        dst_port: 20_000,
        seq,
        ack: 500,
        flags,
        window: 1_000,
        scale: None,
        tsval: None,
        text: Vec::new(),
    }
}

/// An open connection that has said all of these.
fn opened(more: &[Seen]) -> Monotonic {
    let mut watched = Monotonic::default();
    let first = [said(SYN | ACK, 100), said(ACK, 101)];
    for seen in first.iter().chain(more) {
        watched.look(seen).expect("nothing to accuse");
    }
    watched
}

#[test]
fn a_reset_of_an_open_connection_is_accused() {
    opened(&[]).look(&said(RST, 101)).expect_err("a reset");
}

#[test]
fn what_an_old_syn_opened_after_the_close_may_be_reset() {
    let closed = said(FIN | ACK, 101);
    let again = said(SYN | ACK, 300);
    let mut watched = opened(&[closed, again.clone()]);
    watched.look(&said(RST, 102)).expect("the old SYN's reset");
    let established = said(ACK, 301);
    for seen in [again, established] {
        watched.look(&seen).expect("nothing to accuse");
    }
    watched.look(&said(RST, 301)).expect_err("a reset");
}

#[test]
fn what_opens_anew_without_a_close_may_not_be_reset() {
    let mut watched = opened(&[said(SYN | ACK, 300)]);
    watched.look(&said(RST, 301)).expect_err("a reset");
}
