//! What `start STATE` stands for: the shortest way there.
//!
//! The connection is descriptor 4 (3 in SYN-SENT and after a simultaneous open); the peer's next octet is 1, ours is 1, or 2 where
//! our FIN has been sent. The peer announces 65535 octets and an MSS of 1000. `start STATE sackOK,wscale 7` adds options to the peer's SYN.

const LISTEN: &str = "\
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 8) = 0
";
const SYN_SENT: &str = "\
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <...>
";
const SYN_RECEIVED: &str = "\
+0 < S 0:0(0) win 65535 <OPTIONS>
+0 > S. 0:0(0) ack 1 <...>
";
const SIMULTANEOUS: &str = "\
+0 < S 0:0(0) win 65535 <OPTIONS>
+0 > S. 0:0(0) ack 1 <...>
";
const ESTABLISHED: &str = "\
+0 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
";
const SHUT: &str = "+0 shutdown(4, SHUT_WR) = 0\n";
const FIN_WAIT_1: &str = "+0 > F. 1:1(0) ack 1\n";
const FIN_WAIT_2: &str = "+0 < . 1:1(0) ack 2 win 65535\n";
const CLOSING: &str = "\
+0 < F. 1:1(0) ack 1 win 65535
+0 > . 2:2(0) ack 2
";
const TIME_WAIT: &str = "\
+0 < F. 1:1(0) ack 2 win 65535
+0 > . 2:2(0) ack 2
";
const CLOSE_WAIT: &str = "\
+0 < F. 1:1(0) ack 1 win 65535
+0 > . 1:1(0) ack 2
";
const LAST_ACK: &str = "+0 > F. 1:1(0) ack 2\n";

/// The lines for a state as the RFC prints it, with options for the peer's SYN behind it.
/// `SYN-RECEIVED-ACTIVE` is that of a simultaneous open.
///
/// # Errors
/// An unknown state, in words.
pub fn lines(state: &str) -> Result<String, String> {
    let (state, options) = state.split_once(' ').unwrap_or((state, ""));
    let parts: &[&str] = match state {
        "CLOSED" => &[],
        "LISTEN" => &[LISTEN],
        "SYN-SENT" => &[SYN_SENT],
        "SYN-RECEIVED" => &[LISTEN, SYN_RECEIVED],
        "SYN-RECEIVED-ACTIVE" => &[SYN_SENT, SIMULTANEOUS],
        "ESTABLISHED" => &[LISTEN, SYN_RECEIVED, ESTABLISHED],
        "FIN-WAIT-1" => &[LISTEN, SYN_RECEIVED, ESTABLISHED, SHUT, FIN_WAIT_1],
        "FIN-WAIT-2" => &[
            LISTEN,
            SYN_RECEIVED,
            ESTABLISHED,
            SHUT,
            FIN_WAIT_1,
            FIN_WAIT_2,
        ],
        "CLOSE-WAIT" => &[LISTEN, SYN_RECEIVED, ESTABLISHED, CLOSE_WAIT],
        "CLOSING" => &[LISTEN, SYN_RECEIVED, ESTABLISHED, SHUT, FIN_WAIT_1, CLOSING],
        "LAST-ACK" => &[
            LISTEN,
            SYN_RECEIVED,
            ESTABLISHED,
            CLOSE_WAIT,
            SHUT,
            LAST_ACK,
        ],
        "TIME-WAIT" => &[
            LISTEN,
            SYN_RECEIVED,
            ESTABLISHED,
            SHUT,
            FIN_WAIT_1,
            FIN_WAIT_2,
            TIME_WAIT,
        ],
        other => return Err(format!("there is no way to start in {other}")),
    };
    let options = match options.trim() {
        "" => "mss 1000".to_owned(),
        more => format!("mss 1000,{more}"),
    };
    Ok(parts.concat().replace("OPTIONS", &options))
}
