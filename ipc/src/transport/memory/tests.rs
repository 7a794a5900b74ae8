use super::*;

#[test]
fn octets_come_in_order_in_pieces_of_any_size() {
    let (mut first, mut second) = pair(4);
    assert_eq!(first.write(b"hello ").unwrap(), 6);
    assert_eq!(first.write(b"world").unwrap(), 5);
    let mut came = Vec::new();
    let mut piece = [0; 4];
    loop {
        match second.read(&mut piece) {
            Ok(octets) => came.extend_from_slice(&piece[..octets]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
    assert_eq!(came, b"hello world");
}

#[test]
fn a_full_pair_would_block() {
    let (mut first, mut second) = pair(1);
    first.write(b"a").unwrap();
    assert_eq!(first.write(b"b").unwrap_err().kind(), ErrorKind::WouldBlock);
    second.read(&mut [0; 9]).unwrap();
    assert_eq!(first.write(b"b").unwrap(), 1);
}

#[test]
fn a_dropped_end_is_the_end_of_the_stream_after_what_was_written() {
    let (mut first, mut second) = pair(2);
    first.write(b"last").unwrap();
    drop(first);
    let mut octets = [0; 9];
    assert_eq!(second.read(&mut octets).unwrap(), 4);
    assert_eq!(second.read(&mut octets).unwrap(), 0);
    assert_eq!(second.read(&mut octets).unwrap(), 0);
    assert_eq!(
        second.write(b"x").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

#[test]
fn a_long_write_is_taken_in_part() {
    let (mut first, _second) = pair(2);
    assert_eq!(
        first.write(&vec![0; 2 * PIECE_OCTETS_MAX]).unwrap(),
        PIECE_OCTETS_MAX
    );
}
