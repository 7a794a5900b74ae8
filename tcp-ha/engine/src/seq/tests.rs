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
}
