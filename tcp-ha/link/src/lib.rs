//! Devices (TAP, TUN, AF_PACKET, in memory) and the host layer above them: ARP, NDISC, ICMP, neighbours.
