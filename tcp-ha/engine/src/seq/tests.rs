use super::SeqNum;
use proptest::prelude::*;

#[test]
fn a_number_before_the_syn_has_no_position() {
    let iss = SeqNum(100);
    assert_eq!(iss.position(SeqNum(99), 0), None);
    assert_eq!(iss.position(SeqNum(99), 1), None);
    assert_eq!(iss.position(SeqNum(100), 1), Some(0));
}

#[test]
fn the_wrap_of_the_wire_is_not_seen_in_positions() {
    let iss = SeqNum(u32::MAX - 1);
    assert_eq!(iss.at(2), SeqNum(0));
    assert_eq!(iss.position(SeqNum(3), 1), Some(5));
    assert!(iss.before(SeqNum(0)));
    assert!(!SeqNum(0).before(iss));
}

proptest! {
    #[test]
    fn a_position_survives_the_wire(iss: u32, near in 0u64..1 << 40, distance in -0x7fff_ffffi64..0x7fff_ffff) {
        let iss = SeqNum(iss);
        if let Some(position) = near.checked_add_signed(distance) {
            prop_assert_eq!(iss.position(iss.at(position), near), Some(position));
        }
    }

    #[test]
    fn before_is_antisymmetric(a: u32, b: u32) {
        prop_assume!(a != b && a.wrapping_sub(b) != 1 << 31);
        prop_assert_ne!(SeqNum(a).before(SeqNum(b)), SeqNum(b).before(SeqNum(a)));
    }

    #[test]
    fn a_position_is_the_nearest_that_fits_the_wire(iss: u32, wire: u32, near in 1u64 << 32..1 << 40) {
        let iss = SeqNum(iss);
        let position = iss.position(SeqNum(wire), near).expect("far behind the SYN");
        prop_assert_eq!(iss.at(position), SeqNum(wire));
        prop_assert!(position.abs_diff(near) <= 1 << 31);
    }

    #[test]
    fn before_does_not_depend_on_where_the_circle_begins(a: u32, b: u32, shift: u32) {
        let moved = |number: u32| SeqNum(number.wrapping_add(shift));
        prop_assert_eq!(SeqNum(a).before(SeqNum(b)), moved(a).before(moved(b)));
    }

    #[test]
    fn before_is_transitive_within_half_a_circle(a: u32, first in 1u32..1 << 30, second in 1u32..1 << 30) {
        let b = a.wrapping_add(first);
        let c = b.wrapping_add(second);
        prop_assert!(SeqNum(a).before(SeqNum(b)) && SeqNum(b).before(SeqNum(c)));
        prop_assert!(SeqNum(a).before(SeqNum(c)));
    }

    #[test]
    fn distances_add_up_across_the_wrap(iss: u32, first: u64, second in 0u64..1 << 32) {
        let at = |position: u64| SeqNum(iss).at(position);
        prop_assert_eq!(at(first).at(second), at(first.wrapping_add(second)));
    }
}
