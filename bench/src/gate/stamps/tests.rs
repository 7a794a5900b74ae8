use super::*;

/// An Ethernet frame with an IPv4 packet of TCP.
fn frame(flags: u8, payload: usize) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET_OCTETS];
    frame[12..14].copy_from_slice(&ETHERTYPE_IPV4);
    let total = 20 + 32 + payload;
    let mut packet = vec![0; total];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&(total as u16).to_be_bytes());
    packet[9] = PROTOCOL_TCP;
    packet[20 + 12] = 8 << 4;
    packet[20 + 13] = flags;
    frame.extend(packet);
    frame
}

const ACK: u8 = 0b1_0000;
const SYN: u8 = 0b10;

#[test]
fn a_segment_without_payload_is_an_acknowledgement() {
    assert_eq!(kind_of(&frame(ACK, 0)), FrameKind::Acknowledgement);
}

#[test]
fn a_segment_with_one_octet_is_a_transmission() {
    assert_eq!(kind_of(&frame(ACK, 1)), FrameKind::Transmission);
}

#[test]
fn padding_behind_the_packet_is_no_payload() {
    let mut padded = frame(ACK, 0);
    padded.extend([0; 8]);
    assert_eq!(kind_of(&padded), FrameKind::Acknowledgement);
}

#[test]
fn a_syn_is_neither_and_so_is_half_a_frame() {
    assert_eq!(kind_of(&frame(ACK | SYN, 0)), FrameKind::Other);
    let whole = frame(ACK, 5);
    (0..whole.len()).for_each(|end| assert_eq!(kind_of(&whole[..end]), FrameKind::Other));
}

#[test]
fn the_oldest_time_belongs_to_the_frame_that_leaves() {
    let mut stamps = Stamps::default();
    stamps.begin();
    let long_ago = Instant::now() - std::time::Duration::from_secs(5);
    stamps.closed(long_ago, 1);
    stamps.closed(Instant::now(), 1);
    stamps.released(&frame(ACK, 0));
    stamps.released(&frame(ACK, 9));
    assert!(stamps.acknowledgements.at(50.0) >= 5e6);
    assert!(stamps.transmissions.at(50.0) < 5e6);
}
