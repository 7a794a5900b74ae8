use super::*;
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn small_numbers_take_few_octets() {
    for (number, octets) in [
        (0, 1),
        (127, 1),
        (128, 2),
        (16_383, 2),
        (16_384, 3),
        (u64::MAX, 10),
    ] {
        assert_eq!(written(|out| put(out, number)).len(), octets, "{number}");
    }
    for (base, number, octets) in [
        (1 << 40, (1 << 40) - 64, 1),
        (1 << 40, (1 << 40) + 64, 2),
        (0, u64::MAX, 1),
    ] {
        assert_eq!(
            written(|out| put_near(out, base, number)).len(),
            octets,
            "{number}"
        );
    }
}

#[test]
fn a_duration_is_told_in_its_largest_unit() {
    for (duration, octets) in [
        (Duration::ZERO, 1),
        (Duration::from_secs(31), 1),
        (Duration::from_secs(7_200), 3),
        (Duration::from_millis(200), 2),
        (Duration::from_micros(1_001), 2),
        (Duration::from_nanos(200_000_001), 5),
    ] {
        assert_eq!(
            written(|out| put_duration(out, duration)).len(),
            octets,
            "{duration:?}"
        );
    }
}

#[test]
fn what_is_no_number_is_refused() {
    let refused: [&[u8]; 6] = [
        &[],
        &[0x80],
        // Longer than it takes.
        &[0x80, 0],
        &[0xff; 40],
        // 2^64, and 2^128.
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2],
        &[
            0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
            0x80, 0x80, 0x80, 0x80, 4,
        ],
    ];
    for octets in refused {
        assert_eq!(Reader::new(octets).number::<u64>(), None, "{octets:?}");
    }
    assert_eq!(Reader::new(&[0x80, 2]).number::<u8>(), None);
}

#[test]
fn a_duration_that_is_too_long_is_refused() {
    let longest = written(|out| put_duration(out, Duration::MAX));
    assert_eq!(Reader::new(&longest).duration(), Some(Duration::MAX));
    // One second more than there are.
    let mut octets = vec![0x80; 9];
    octets.push(8);
    assert_eq!(Reader::new(&octets).duration(), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(number: u64, base: u64, seconds: u64, nanos in 0..1_000_000_000_u32) {
        let duration = Duration::new(seconds, nanos);
        let octets = written(|out| {
            put(out, number);
            put_near(out, base, number);
            put_duration(out, duration);
        });
        let mut reader = Reader::new(&octets);
        prop_assert_eq!(reader.number(), Some(number));
        prop_assert_eq!(reader.near(base), Some(number));
        prop_assert_eq!(reader.duration(), Some(duration));
        prop_assert_eq!(reader.end(), Some(()));
    }

    #[test]
    fn a_number_has_one_form(octets in proptest::collection::vec(any::<u8>(), 0..12)) {
        let mut reader = Reader::new(&octets);
        if let Some(number) = reader.number() {
            let again = written(|out| put(out, number));
            prop_assert_eq!(&octets[..again.len()], again.as_slice());
        }
    }
}
