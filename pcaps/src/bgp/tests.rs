use super::*;

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = MARKER.to_vec();
    message.extend(((HEADER_LEN + body.len()) as u16).to_be_bytes());
    message.push(kind);
    message.extend(body);
    message
}

fn read(reader: &mut MessageReader, octets: &[u8], chunk: usize) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for part in octets.chunks(chunk) {
        reader.feed(part, |message| messages.push(message.to_vec()));
    }
    messages
}

#[test]
fn messages_come_whole_however_they_are_cut() {
    let sent = [message(1, &[7; 10]), message(4, &[]), message(2, &[9; 300])];
    let stream = sent.concat();
    for chunk in [1, 3, 18, 19, 20, 64, stream.len()] {
        let mut reader = MessageReader::new();
        assert_eq!(read(&mut reader, &stream, chunk), sent, "chunks of {chunk}");
        assert_eq!(reader.skipped_octets(), 0);
    }
}

#[test]
fn reader_that_begins_midway_finds_the_next_message() {
    let mut stream = vec![0xff; 5];
    stream.extend([1, 2, 3]);
    stream.extend(message(4, &[]));
    stream.extend(message(3, &[6, 2]));
    for chunk in [1, 7, stream.len()] {
        let mut reader = MessageReader::midway();
        let messages = read(&mut reader, &stream, chunk);
        assert_eq!(messages, [message(4, &[]), message(3, &[6, 2])]);
        assert_eq!(reader.skipped_octets(), 8);
    }
}

#[test]
fn gap_costs_the_message_begun_and_no_other() {
    let mut reader = MessageReader::new();
    assert!(read(&mut reader, &message(2, &[1; 40])[..30], 30).is_empty());
    reader.gap();
    let mut rest = vec![5; 12];
    rest.extend(message(4, &[]));
    assert_eq!(read(&mut reader, &rest, 4), [message(4, &[])]);
}

#[test]
fn octets_that_are_no_bgp_are_skipped_and_bounded() {
    let mut reader = MessageReader::new();
    assert!(read(&mut reader, &[0x47; 100_000], 1000).is_empty());
    assert!(reader.skipped_octets() > 99_000);
    assert!(reader.partial.len() < HEADER_LEN);
}

#[test]
fn length_below_a_header_is_no_message() {
    let mut bad = MARKER.to_vec();
    bad.extend([0, 18, 4]);
    let mut reader = MessageReader::new();
    assert!(read(&mut reader, &bad, 19).is_empty());
    assert_eq!(read(&mut reader, &message(4, &[]), 19), [message(4, &[])]);
}

#[test]
fn message_types_print_their_names() {
    assert_eq!(
        MessageType::of(&message(3, &[6, 2])).map(|kind| kind.to_string()),
        Some("NOTIFICATION".to_owned())
    );
    assert_eq!(MessageType::of(&[0; 3]), None);
}
