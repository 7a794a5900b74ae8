use proptest::prelude::*;

use super::*;

#[test]
fn a_value_comes_back() {
    let mut octets = vec![7];
    let value = (1u8, 300u32, "text".to_owned(), Some([1u16, 2]));
    encode_into(&value, &mut octets).unwrap();
    assert_eq!(octets[0], 7, "it is appended");
    assert_eq!(decode(&octets[1..]), Ok(value));
}

#[test]
fn octets_after_the_value_are_an_error() {
    assert_eq!(
        decode::<u8>(&[1, 2, 3]),
        Err(CodecError::Trailing { octets: 2 })
    );
}

#[test]
fn a_length_that_is_not_there_takes_no_memory() {
    // A vector of 2^62 octets, says the length; there is one.
    let octets = [253, 0, 0, 0, 0, 0, 0, 0, 0x40, 1];
    assert!(matches!(
        decode::<Vec<u8>>(&octets),
        Err(CodecError::Malformed(_))
    ));
}

#[test]
fn a_value_beyond_the_limit_leaves_the_buffer_as_it_was() {
    let mut octets = vec![1, 2, 3];
    let long = vec![0u8; VALUE_OCTETS_MAX + 1];
    assert!(encode_into(&long, &mut octets).is_err());
    assert_eq!(octets, [1, 2, 3]);
}

proptest! {
    #[test]
    fn garbage_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<(u64, Option<String>, Vec<(u16, [u8; 16])>)>(&octets);
    }
}
