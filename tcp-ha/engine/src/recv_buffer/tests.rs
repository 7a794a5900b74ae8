use super::*;

const LARGE: usize = SHARED_TEXT_MIN;

fn text(len: usize) -> Bytes {
    (0..len).map(|at| (at * 31 + len) as u8).collect()
}

fn all(buffer: &RecvBuffer, from: u64) -> Vec<u8> {
    let octets = buffer.octets(from).expect("a position that is held");
    octets.collect::<Vec<_>>().concat()
}

/// Small and large text in turn, and what was appended in all.
fn mixed() -> (RecvBuffer, Vec<u8>) {
    let mut buffer = RecvBuffer::new(7, b"first");
    let mut whole = b"first".to_vec();
    for len in [3, LARGE, 10, 20, LARGE + 1, LARGE + 2, 1] {
        let text = text(len);
        buffer.append(&text, Some(&text));
        whole.extend_from_slice(&text);
    }
    (buffer, whole)
}

#[test]
fn large_text_stays_where_it_came() {
    let mut buffer = RecvBuffer::new(1, &[]);
    let memory = text(LARGE + 54);
    buffer.append(&memory[54..], Some(&memory));
    let mut given = Vec::new();
    buffer.share(1, 1 + LARGE as u64, |octets| given.push(octets));
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].as_ptr(), memory[54..].as_ptr());
}

#[test]
fn little_text_keeps_no_memory() {
    let mut buffer = RecvBuffer::new(1, &[]);
    let memory = text(LARGE);
    buffer.append(&memory[..LARGE - 1], Some(&memory));
    assert!(memory.is_unique());
}

#[test]
fn text_that_was_read_keeps_no_memory() {
    let mut buffer = RecvBuffer::new(1, &[]);
    let memory = text(LARGE);
    buffer.append(&memory, Some(&memory));
    assert!(!memory.is_unique());
    buffer.trim(1 + LARGE as u64);
    assert!(memory.is_unique());
    buffer.give_back();
    assert!(buffer.pieces.is_none());
}

#[test]
fn octets_come_out_as_they_went_in_from_any_position() {
    let (buffer, whole) = mixed();
    for skip in (0..whole.len()).step_by(997).chain([whole.len()]) {
        assert_eq!(all(&buffer, 7 + skip as u64), &whole[skip..]);
    }
    assert!(buffer.octets(6).is_none());
    assert!(buffer.octets(8 + whole.len() as u64).is_none());
}

#[test]
fn a_range_is_shared_octet_for_octet() {
    let (buffer, whole) = mixed();
    for low in (0..whole.len()).step_by(4_999) {
        for high in (low..=whole.len()).step_by(6_007) {
            let mut given = Vec::new();
            let (from, to) = (7 + low as u64, 7 + high as u64);
            buffer.share(from, to, |octets| given.extend_from_slice(&octets));
            assert_eq!(given, &whole[low..high]);
        }
    }
}

#[test]
fn trimming_forgets_octets_across_pieces() {
    let (mut buffer, whole) = mixed();
    for skip in (0..whole.len()).step_by(1_009) {
        buffer.trim(7 + skip as u64);
        assert_eq!(all(&buffer, 7 + skip as u64), &whole[skip..]);
        assert!(skip == 0 || buffer.octets(6 + skip as u64).is_none());
    }
    buffer.trim(u64::MAX);
    assert_eq!(all(&buffer, 7 + whole.len() as u64), b"");
}
