use super::SendBuffer;

fn octets(buffer: &SendBuffer, from: u64, to: u64) -> Vec<u8> {
    let (a, b) = buffer.slices(from, to);
    [a, b].concat()
}

#[test]
fn trimming_keeps_positions() {
    let mut buffer = SendBuffer::new();
    buffer.append(b"abcdef");
    buffer.trim(4);
    assert_eq!((buffer.start(), buffer.end()), (4, 7));
    buffer.append(b"gh");
    assert_eq!(octets(&buffer, 5, 9), b"efgh");
}

#[test]
fn trimming_over_the_fin_leaves_an_empty_buffer_behind_it() {
    let mut buffer = SendBuffer::new();
    buffer.append(b"a");
    buffer.trim(3);
    assert_eq!((buffer.start(), buffer.end(), buffer.len()), (3, 3, 0));
}

#[test]
fn nothing_of_a_hollow_range_is_readable_before_it_is_supplied() {
    let mut buffer = SendBuffer::hollow(10, 14);
    buffer.append(b"xy");
    assert_eq!((buffer.readable_end(), buffer.end()), (10, 16));
    assert!(!buffer.supply(11, b"b"));
    assert!(buffer.supply(10, b"ab"));
    assert_eq!(buffer.readable_end(), 12);
    assert!(buffer.supply(11, b"bcd-beyond"));
    assert_eq!(buffer.readable_end(), 16);
    assert_eq!(octets(&buffer, 10, 16), b"abcdxy");
}

#[test]
fn an_acknowledgement_may_pass_what_was_supplied() {
    let mut buffer = SendBuffer::hollow(10, 14);
    buffer.trim(12);
    assert!(buffer.supply(10, b"abcd"));
    assert_eq!(octets(&buffer, 12, 14), b"cd");
}
