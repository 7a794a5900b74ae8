use proptest::prelude::*;

use super::*;
use crate::register::{Entry, MemoryRegister, Register};

const ME: Incarnation = Incarnation::from_bytes([1; 16]);
const STANDBY: Incarnation = Incarnation::from_bytes([2; 16]);
const OTHER: Incarnation = Incarnation::from_bytes([3; 16]);

/// A register and the tenures won on it, one after another.
#[derive(Default)]
struct Tenures {
    register: MemoryRegister,
    newest: Option<Epoch>,
}

impl Tenures {
    fn win(&mut self, active: Incarnation, standby: Option<Incarnation>) -> Tenure {
        let tenure = self
            .register
            .compare_and_swap(self.newest, active, standby)
            .unwrap();
        self.newest = Some(tenure.epoch());
        tenure
    }
}

fn gate() -> Gate<u32> {
    Gate::new(ME, 4)
}

fn drained(gate: &mut Gate<u32>) -> Vec<u32> {
    std::iter::from_fn(|| gate.release())
        .map(Released::into_inner)
        .collect()
}

fn paired() -> (Gate<u32>, Tenures, Epoch) {
    let mut tenures = Tenures::default();
    let tenure = tenures.win(ME, Some(STANDBY));
    let mut gate = gate();
    assert!(gate.pair(&tenure));
    (gate, tenures, tenure.epoch())
}

#[test]
fn a_new_gate_lets_nothing_out() {
    let mut gate = gate();
    gate.push(Lsn(1), 10).unwrap();
    gate.acknowledge(Epoch(1), STANDBY, Lsn(9));
    assert_eq!(gate.release(), None);
    assert!(!gate.is_open());
    assert_eq!(gate.counters().ignored_acknowledgements, 1);
}

#[test]
fn a_frame_waits_for_the_acknowledgement_of_its_batch() {
    let (mut gate, _, epoch) = paired();
    for (lsn, frame) in [(1, 10), (1, 11), (2, 20), (4, 40)] {
        gate.push(Lsn(lsn), frame).unwrap();
    }
    assert_eq!(drained(&mut gate), [0; 0]);
    gate.acknowledge(epoch, STANDBY, Lsn(1));
    assert_eq!(drained(&mut gate), [10, 11]);
    gate.acknowledge(epoch, STANDBY, Lsn(3));
    assert_eq!(drained(&mut gate), [20]);
    gate.acknowledge(epoch, STANDBY, Lsn(2));
    assert_eq!(
        drained(&mut gate),
        [0; 0],
        "an older acknowledgement takes nothing back or forth"
    );
    gate.acknowledge(epoch, STANDBY, Lsn(4));
    assert_eq!(drained(&mut gate), [40]);
    assert_eq!(gate.counters().released, 4);
}

#[test]
fn after_a_demand_only_an_acknowledgement_of_as_much_lets_anything_go() {
    let (mut gate, mut tenures, epoch) = paired();
    gate.push(Lsn(1), 10).unwrap();
    gate.demand(Lsn(3));
    for lsn in [1, 2] {
        gate.acknowledge(epoch, STANDBY, Lsn(lsn));
        assert_eq!(drained(&mut gate), [0; 0]);
    }
    gate.acknowledge(epoch, STANDBY, Lsn(3));
    assert_eq!(drained(&mut gate), [10]);
    // A newer word of the register makes an older doubt void.
    gate.push(Lsn(4), 40).unwrap();
    gate.demand(Lsn(9));
    assert!(gate.open_solo(&tenures.win(ME, None)));
    assert_eq!(drained(&mut gate), [40]);
}

#[test]
fn only_the_resignation_of_the_pairings_own_standby_opens() {
    let (mut gate, _, epoch) = paired();
    gate.push(Lsn(1), 10).unwrap();
    gate.shut();
    assert!(!gate.open_resigned(epoch, OTHER));
    assert!(!gate.open_resigned(epoch.next(), STANDBY));
    assert_eq!(drained(&mut gate), [0; 0]);
    assert!(gate.open_resigned(epoch, STANDBY));
    assert_eq!(drained(&mut gate), [10]);
    gate.fence();
    assert!(!gate.open_resigned(epoch, STANDBY));
}

#[test]
fn acknowledgements_of_others_and_of_other_epochs_are_ignored() {
    let (mut gate, _, epoch) = paired();
    gate.push(Lsn(1), 10).unwrap();
    gate.acknowledge(epoch, OTHER, Lsn(1));
    gate.acknowledge(epoch, ME, Lsn(1));
    gate.acknowledge(epoch.next(), STANDBY, Lsn(1));
    gate.acknowledge(Epoch(0), STANDBY, Lsn(1));
    assert_eq!(drained(&mut gate), [0; 0]);
    assert_eq!(gate.counters().ignored_acknowledgements, 4);
}

#[test]
fn a_new_pairing_forgets_what_was_acknowledged_before() {
    let (mut gate, mut tenures, old) = paired();
    gate.acknowledge(old, STANDBY, Lsn(5));
    let tenure = tenures.win(ME, Some(OTHER));
    assert!(gate.pair(&tenure));
    gate.push(Lsn(5), 50).unwrap();
    gate.acknowledge(old, STANDBY, Lsn(5));
    assert_eq!(drained(&mut gate), [0; 0]);
    gate.acknowledge(tenure.epoch(), OTHER, Lsn(5));
    assert_eq!(drained(&mut gate), [50]);
}

#[test]
fn the_same_pairing_resumes_after_shutting_with_what_it_knew() {
    let mut tenures = Tenures::default();
    let tenure = tenures.win(ME, Some(STANDBY));
    let mut gate = gate();
    gate.pair(&tenure);
    gate.acknowledge(tenure.epoch(), STANDBY, Lsn(1));
    gate.push(Lsn(1), 10).unwrap();
    gate.shut();
    assert_eq!(drained(&mut gate), [0; 0]);
    assert!(gate.pair(&tenure));
    assert_eq!(drained(&mut gate), [10]);
}

#[test]
fn solo_opens_only_for_a_newer_tenure_of_ours_without_standby() {
    let mut tenures = Tenures::default();
    let old = tenures.win(ME, None);
    let with_standby = tenures.win(ME, Some(STANDBY));
    let of_other = tenures.win(OTHER, None);
    let mut gate = gate();
    gate.push(Lsn(1), 10).unwrap();
    assert!(!gate.open_solo(&with_standby));
    assert!(!gate.open_solo(&of_other));
    assert_eq!(gate.release(), None);
    assert!(gate.pair(&with_standby));
    assert!(!gate.open_solo(&old), "an older tenure opens nothing");
    assert_eq!(gate.release(), None);
    let newer = tenures.win(ME, None);
    assert!(gate.open_solo(&newer));
    assert_eq!(drained(&mut gate), [10]);
    assert_eq!(gate.counters().ignored_tenures, 3);
}

#[test]
fn an_epoch_opens_the_gate_once() {
    let mut tenures = Tenures::default();
    let tenure = tenures.win(ME, None);
    let mut gate = gate();
    assert!(gate.open_solo(&tenure));
    gate.shut();
    gate.push(Lsn(1), 10).unwrap();
    assert!(!gate.open_solo(&tenure));
    assert_eq!(gate.release(), None);
    assert!(gate.open_solo(&tenures.win(ME, None)));
    assert_eq!(drained(&mut gate), [10]);
}

#[test]
fn pairing_needs_a_tenure_of_ours_with_a_standby() {
    let mut tenures = Tenures::default();
    let solo = tenures.win(ME, None);
    let of_other = tenures.win(OTHER, Some(ME));
    let mut gate = gate();
    assert!(!gate.pair(&solo));
    assert!(!gate.pair(&of_other));
    assert!(!gate.is_open());
}

#[test]
fn pairing_after_solo_shuts_at_once() {
    let mut tenures = Tenures::default();
    let mut gate = gate();
    assert!(gate.open_solo(&tenures.win(ME, None)));
    gate.push(Lsn(1), 10).unwrap();
    assert!(gate.pair(&tenures.win(ME, Some(STANDBY))));
    assert_eq!(gate.release(), None);
    assert!(gate.is_paired() && !gate.is_solo());
}

#[test]
fn a_fenced_gate_is_silent_for_ever() {
    let (mut gate, mut tenures, epoch) = paired();
    gate.acknowledge(epoch, STANDBY, Lsn(9));
    gate.push(Lsn(1), 10).unwrap();
    gate.fence();
    gate.push(Lsn(2), 20).unwrap();
    gate.shut();
    gate.acknowledge(epoch, STANDBY, Lsn(9));
    assert!(!gate.open_solo(&tenures.win(ME, None)));
    assert!(!gate.pair(&tenures.win(ME, Some(STANDBY))));
    assert_eq!(gate.release(), None);
    assert!(gate.is_fenced() && !gate.is_open() && gate.is_empty());
    assert_eq!(gate.counters().dropped_fenced, 2);
}

#[test]
fn a_full_gate_gives_the_frame_back() {
    let mut gate = gate();
    for frame in 0..4 {
        gate.push(Lsn(1), frame).unwrap();
    }
    assert_eq!(gate.room(), 0);
    assert_eq!(gate.push(Lsn(1), 99), Err(GateFull(99)));
    assert_eq!((gate.len(), gate.counters().refused_full), (4, 1));
}

#[test]
#[should_panic(expected = "frame of LSN 1 pushed after one of LSN 2")]
fn frames_are_pushed_in_log_order() {
    let mut gate = gate();
    gate.push(Lsn(2), 0).unwrap();
    let _ = gate.push(Lsn(1), 0);
}

#[test]
fn holding_is_timed_while_the_head_does_not_move() {
    let (mut gate, _, epoch) = paired();
    assert_eq!(gate.held_for_us(0), None);
    gate.push(Lsn(1), 10).unwrap();
    gate.push(Lsn(2), 20).unwrap();
    assert_eq!(gate.held_for_us(100), Some(0));
    assert_eq!(gate.held_for_us(350), Some(250));
    gate.acknowledge(epoch, STANDBY, Lsn(1));
    assert_eq!(gate.held_for_us(360), None, "the head may leave");
    drained(&mut gate);
    assert_eq!(gate.held_for_us(400), Some(0), "another head waits");
    assert_eq!(gate.held_for_us(450), Some(50));
}

/// What is done to a gate, in any order.
#[derive(Clone, Debug)]
enum Deed {
    Push(u64),
    Acknowledge {
        epoch: u64,
        from: u8,
        lsn: u64,
    },
    Tenure {
        active: u8,
        standby: Option<u8>,
        solo: bool,
    },
    OldTenure {
        at: usize,
        solo: bool,
    },
    Shut,
    Release,
}

fn deed() -> impl Strategy<Value = Deed> {
    let name = 1u8..4;
    prop_oneof![
        4 => (0u64..3).prop_map(Deed::Push),
        4 => (0u64..8, name.clone(), 0u64..30)
            .prop_map(|(epoch, from, lsn)| Deed::Acknowledge { epoch, from, lsn }),
        2 => (name.clone(), proptest::option::of(name), any::<bool>())
            .prop_filter("two names", |(active, standby, _)| *standby != Some(*active))
            .prop_map(|(active, standby, solo)| Deed::Tenure { active, standby, solo }),
        1 => (0usize..8, any::<bool>()).prop_map(|(at, solo)| Deed::OldTenure { at, solo }),
        1 => Just(Deed::Shut),
        4 => Just(Deed::Release),
    ]
}

fn named(octet: u8) -> Incarnation {
    Incarnation::from_bytes([octet; 16])
}

proptest! {
    /// I1 by a model that knows nothing of modes: whatever leaves, leaves in order, and either the newest entry that the gate was
    /// shown is (me, none), or the standby of that entry has acknowledged it in that epoch.
    #[test]
    fn whatever_leaves_was_acknowledged_or_had_no_standby(
        deeds in proptest::collection::vec(deed(), 0..80),
    ) {
        let mut gate = Gate::new(ME, 1000);
        let mut tenures = Tenures::default();
        let mut won: Vec<Tenure> = Vec::new();
        let mut shown: Option<Entry> = None;
        let mut acknowledged: Vec<(u64, u8, u64)> = Vec::new();
        let (mut lsn, mut last_left) = (1, 0);
        for deed in deeds {
            match deed {
                Deed::Push(step) => {
                    lsn += step;
                    gate.push(Lsn(lsn), lsn).unwrap();
                }
                Deed::Acknowledge { epoch, from, lsn } => {
                    acknowledged.push((epoch, from, lsn));
                    gate.acknowledge(Epoch(epoch), named(from), Lsn(lsn));
                }
                Deed::Tenure { active, standby, solo } => {
                    let tenure = tenures.win(named(active), standby.map(named));
                    let took = if solo { gate.open_solo(&tenure) } else { gate.pair(&tenure) };
                    if took {
                        shown = Some(tenure.entry());
                    }
                    won.push(tenure);
                }
                Deed::OldTenure { at, solo } => {
                    if let Some(tenure) = won.get(at) {
                        let took = if solo { gate.open_solo(tenure) } else { gate.pair(tenure) };
                        if took {
                            shown = Some(tenure.entry());
                        }
                    }
                }
                Deed::Shut => gate.shut(),
                Deed::Release => {
                    let Some(frame) = gate.release() else { continue };
                    let left = frame.into_inner();
                    prop_assert!(left >= last_left, "{left} left after {last_left}");
                    last_left = left;
                    let entry = shown.expect("something leaves only after a tenure");
                    prop_assert_eq!(entry.active, ME);
                    if let Some(standby) = entry.standby {
                        let backed = acknowledged.iter().any(|(epoch, from, lsn)| {
                            Epoch(*epoch) == entry.epoch && named(*from) == standby && *lsn >= left
                        });
                        prop_assert!(backed, "{left} left without an acknowledgement");
                    }
                }
            }
        }
    }
}
