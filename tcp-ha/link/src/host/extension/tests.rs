use super::*;

const TCP: u8 = 6;

#[test]
fn no_extension_is_the_upper_layer_itself() {
    assert_eq!(
        upper_layer(IpProtocol::Tcp, b"abc"),
        Ok((IpProtocol::Tcp, &b"abc"[..]))
    );
}

#[test]
fn padding_and_spent_routing_headers_are_passed_over() {
    let mut packet = vec![DESTINATION, 0, 1, 4, 0, 0, 0, 0]; // hop-by-hop with PadN
    packet.extend([ROUTING, 0, 0, 0, 0, 0, 0, 0]); // destination options, all Pad1
    packet.extend([TCP, 0, 4, 0, 0, 0, 0, 0]); // routing, no segments left
    packet.extend(b"segment");
    let first = IpProtocol::from(HOP_BY_HOP);
    assert_eq!(
        upper_layer(first, &packet),
        Ok((IpProtocol::Tcp, &b"segment"[..]))
    );
}

#[test]
fn routing_headers_with_segments_left_are_refused() {
    let packet = [TCP, 0, 0, 1, 0, 0, 0, 0, 1];
    let first = IpProtocol::from(ROUTING);
    assert_eq!(
        upper_layer(first, &packet),
        Err(DropReason::ExtensionHeader)
    );
}

#[test]
fn options_that_demand_understanding_are_refused() {
    let demanding = [TCP, 0, 0x80, 4, 0, 0, 0, 0];
    let modest = [TCP, 0, 0x1e, 4, 0, 0, 0, 0];
    let first = IpProtocol::from(DESTINATION);
    assert_eq!(
        upper_layer(first, &demanding),
        Err(DropReason::ExtensionHeader)
    );
    assert!(upper_layer(first, &modest).is_ok());
}

#[test]
fn fragments_late_hop_by_hop_and_cut_headers_are_refused() {
    let fragment = IpProtocol::from(FRAGMENT);
    assert_eq!(
        upper_layer(fragment, &[TCP; 16]),
        Err(DropReason::IpFragment)
    );
    let late = [HOP_BY_HOP, 0, 0, 0, 0, 0, 0, 0, TCP, 0, 0, 0, 0, 0, 0, 0];
    let first = IpProtocol::from(DESTINATION);
    assert_eq!(upper_layer(first, &late), Err(DropReason::ExtensionHeader));
    assert_eq!(
        upper_layer(first, &[TCP, 1, 0, 0, 0, 0, 0, 0]),
        Err(DropReason::Truncated)
    );
    assert_eq!(upper_layer(first, &[]), Err(DropReason::Truncated));
}

#[test]
fn an_endless_chain_is_refused() {
    let packet = [DESTINATION, 0, 0, 0, 0, 0, 0, 0].repeat(100);
    let first = IpProtocol::from(DESTINATION);
    assert_eq!(
        upper_layer(first, &packet),
        Err(DropReason::ExtensionHeader)
    );
}
