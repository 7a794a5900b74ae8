use super::*;
use proptest::prelude::*;

fn syn_options() -> Options {
    Options {
        mss: Some(1460),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 7, echo: 0 }),
        window_scale: Some(10),
        sack: SackBlocks::default(),
        signature: Signature::None,
    }
}

#[test]
fn syn_options_come_in_the_order_of_linux() {
    let mut out = Vec::new();
    syn_options().emit(&mut out);
    assert_eq!(
        out,
        [
            2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 10
        ]
    );
}

#[test]
fn an_impossible_length_ends_the_walk_and_keeps_what_came_before() {
    for bad in [[2u8, 0], [2, 1], [2, 9]] {
        let mut octets = vec![3, 3, 7];
        octets.extend_from_slice(&bad);
        let options = Options::parse(&octets);
        assert_eq!((options.window_scale, options.mss), (Some(7), None));
    }
}

#[test]
fn an_unknown_option_is_skipped() {
    let options = Options::parse(&[253, 4, 1, 2, 2, 4, 2, 24, 0]);
    assert_eq!(options.mss, Some(536));
}

#[test]
fn a_shift_above_14_counts_as_14() {
    assert_eq!(Options::parse(&[3, 3, 200]).window_scale, Some(14));
}

proptest! {
    #[test]
    fn any_octets_are_walked_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
        let options = Options::parse(&octets);
        prop_assert!(options.sack.as_slice().len() <= 4);
    }

    #[test]
    fn what_is_emitted_is_read_again(
        mss: Option<u16>, sack_permitted: bool, ts: Option<(u32, u32)>,
        window_scale in proptest::option::of(0u8..=14),
        blocks in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..=3),
        kind in 0..3,
    ) {
        let mut sack = SackBlocks::default();
        for (left, right) in blocks {
            sack.push(SackBlock { left: SeqNum(left), right: SeqNum(right) });
        }
        let timestamps = ts.map(|(value, echo)| Timestamps { value, echo });
        let signature = match kind {
            0 => Signature::None,
            1 => Signature::Md5([7; 16]),
            _ => Signature::Ao(AoSignature { key_id: 1, r_next_key_id: 2, mac: [3; 12] }),
        };
        let options = Options { mss, sack_permitted, timestamps, window_scale, sack, signature };
        let mut out = Vec::new();
        options.emit(&mut out);
        prop_assert_eq!(out.len(), options.wire_len());
        prop_assert_eq!(out.len() % 4, 0);
        prop_assert_eq!(Options::parse(&out), options);
    }
}

#[test]
fn two_signatures_or_one_of_a_wrong_length_are_malformed() {
    let signature = |octets: &[u8]| Options::parse(octets).signature;
    let md5 = [&[19, 18][..], &[1; 16]].concat();
    let ao = [&[29, 16, 1, 2][..], &[1; 12]].concat();
    assert_eq!(signature(&md5), Signature::Md5([1; 16]));
    assert!(matches!(signature(&ao), Signature::Ao(_)));
    assert_eq!(signature(&[md5.clone(), ao].concat()), Signature::Malformed);
    assert_eq!(
        signature(&[md5.clone(), md5].concat()),
        Signature::Malformed
    );
    assert_eq!(signature(&[19, 4, 1, 2]), Signature::Malformed);
    assert_eq!(signature(&[29, 2]), Signature::Malformed);
}

#[test]
fn a_signed_syn_has_room_for_all_other_options() {
    let md5 = Options {
        timestamps: None,
        signature: Signature::Md5([0; 16]),
        ..syn_options()
    };
    assert_eq!(md5.wire_len(), 32);
    let ao = AoSignature {
        key_id: 0,
        r_next_key_id: 0,
        mac: [0; 12],
    };
    let ao = Options {
        signature: Signature::Ao(ao),
        ..syn_options()
    };
    assert_eq!(ao.wire_len(), 36);
}
