//! Every state x every segment x every position, as RFC 9293 3.10.7 with RFC 5961 has it.
//!
//! The table says what the RFCs say; the engine is not asked. Each case is a script; a case with two scripts is one where the RFCs leave
//! open whether an answer is sent.

use std::fmt::Write;

/// The states, SYN-RECEIVED by either way.
pub const STATES: [&str; 12] = [
    "CLOSED",
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "SYN-RECEIVED-ACTIVE",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
];
/// The window of every connection of the table.
const WINDOW: u32 = 65_535;
/// No retransmission and no end of TIME-WAIT disturbs.
const SETTINGS: &str = "--initial_rto_ms=10000\n--min_rto_ms=10000\n";
/// What may not be sent is waited for so long.
const SILENCE: &str = "+.6";

/// A segment of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SYN alone.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// RST; in SYN-SENT with ACK, since another means nothing there.
    Rst,
    /// FIN with ACK.
    Fin,
    /// ACK alone.
    Ack,
    /// Ten octets with ACK.
    Data,
}

/// All kinds.
pub const KINDS: [Kind; 6] = [
    Kind::Syn,
    Kind::SynAck,
    Kind::Rst,
    Kind::Fin,
    Kind::Ack,
    Kind::Data,
];

/// Where the segment lies; in SYN-SENT, where its ACK field does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before RCV.NXT.
    Left,
    /// At RCV.NXT.
    At,
    /// In the window, not at RCV.NXT.
    In,
    /// Behind the right edge.
    Right,
}

/// All positions.
pub const POSITIONS: [Position; 4] = [Position::Left, Position::At, Position::In, Position::Right];

/// One cell of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// State, segment, position.
    pub name: String,
    /// Scripts of which one must come true.
    pub accepted: Vec<String>,
}

/// The whole table, over IPv4.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for state in STATES {
        for kind in KINDS {
            for position in POSITIONS {
                cases.push(case(state, kind, position));
            }
        }
    }
    cases
}

impl Case {
    /// The same over IPv6: the MSS that we offer is 20 octets smaller.
    pub fn over_ipv6(&self) -> Case {
        let change = |text: &String| {
            let text = text.replace("<mss 1460>", "<mss 1440>");
            format!("--ip_version=ipv6\n{text}")
        };
        Case {
            name: format!("{}, IPv6", self.name),
            accepted: self.accepted.iter().map(change).collect(),
        }
    }
}

/// What may come of a segment.
struct Outcome {
    /// The answers that are right; an empty one is silence.
    answers: Vec<String>,
    /// The state after it, where the RFCs leave only one.
    state: Option<&'static str>,
}

impl Outcome {
    fn new(answer: impl Into<String>, state: &'static str) -> Outcome {
        Outcome {
            answers: vec![answer.into()],
            state: Some(state),
        }
    }

    fn silent(state: &'static str) -> Outcome {
        Outcome::new("", state)
    }
}

fn case(state: &'static str, kind: Kind, position: Position) -> Case {
    let (segment, outcome) = match state {
        "CLOSED" | "LISTEN" => unconnected(state, kind, position),
        "SYN-SENT" => syn_sent(kind, position),
        _ => connected(state, kind, position),
    };
    let accepted = outcome.answers.iter().map(|answer| {
        let mut text = format!("{SETTINGS}start {state}\n+0 < {segment}\n");
        if !answer.is_empty() {
            // String never fails.
            let _ = writeln!(text, "+0~+.5 > {answer}");
        }
        if let Some(after) = outcome.state {
            let after = after.trim_end_matches("-ACTIVE");
            let _ = writeln!(text, "{SILENCE} state {after}");
        } else {
            let _ = writeln!(text, "{SILENCE} dropped malformed 0");
        }
        text
    });
    Case {
        name: format!("{state}, {kind:?}, {position:?}"),
        accepted: accepted.collect(),
    }
}

/// A segment as a script writes it.
fn segment(kind: Kind, seq: u32, ack: u32) -> String {
    match kind {
        Kind::Syn => format!("S {seq}:{seq}(0) win 1000 <mss 1000>"),
        Kind::SynAck => format!("S. {seq}:{seq}(0) ack {ack} win 1000 <mss 1000>"),
        Kind::Rst => format!("R {seq}:{seq}(0) win 0"),
        Kind::Fin => format!("F. {seq}:{seq}(0) ack {ack} win 65535"),
        Kind::Ack => format!(". {seq}:{seq}(0) ack {ack} win 65535"),
        Kind::Data => format!("P. {seq}:{}(10) ack {ack} win 65535", seq.wrapping_add(10)),
    }
}

/// 3.10.7.1 and 3.10.7.2: the position means nothing.
fn unconnected(state: &'static str, kind: Kind, position: Position) -> (String, Outcome) {
    let (seq, ack) = match position {
        Position::Left => (u32::MAX - 99, 5),
        Position::At => (0, 1),
        Position::In => (1_000, 70_000),
        Position::Right => (70_000, u32::MAX),
    };
    let outcome = match (state, kind) {
        (_, Kind::Rst) => Outcome::silent(state),
        ("LISTEN", Kind::Syn) => Outcome::new(
            format!("S. 0:0(0) ack {} <mss 1460>", seq.wrapping_add(1)),
            "SYN-RECEIVED",
        ),
        (_, Kind::Syn) => Outcome::new(
            format!("R. 0:0(0) ack {} win 0", seq.wrapping_add(1)),
            state,
        ),
        _ => Outcome::new(format!("R {ack}:{ack}(0) win 0"), state),
    };
    (segment(kind, seq, ack), outcome)
}

/// 3.10.7.3: the ACK field decides; our SYN is acknowledged by 1.
fn syn_sent(kind: Kind, position: Position) -> (String, Outcome) {
    let ack = match position {
        Position::Left => 0,
        Position::At => 1,
        Position::In => 2,
        Position::Right => 70_000,
    };
    let right = position == Position::At;
    let text = match kind {
        Kind::Rst => format!("R. 0:0(0) ack {ack} win 0"),
        _ => segment(kind, 0, ack),
    };
    let outcome = match kind {
        Kind::Syn => Outcome::new("S. 0:0(0) ack 1 <...>", "SYN-RECEIVED"),
        Kind::Rst if right => Outcome::silent("CLOSED"),
        Kind::Rst => Outcome::silent("SYN-SENT"),
        _ if !right => Outcome::new(format!("R {ack}:{ack}(0)"), "SYN-SENT"),
        Kind::SynAck => Outcome::new(". 1:1(0) ack 1", "ESTABLISHED"),
        _ => Outcome::silent("SYN-SENT"),
    };
    (text, outcome)
}

/// RCV.NXT, SND.UNA and SND.NXT in each of the states.
fn variables(state: &str) -> (u32, u32, u32) {
    match state {
        "SYN-RECEIVED" | "SYN-RECEIVED-ACTIVE" => (1, 0, 1),
        "ESTABLISHED" => (1, 1, 1),
        "FIN-WAIT-1" => (1, 1, 2),
        "FIN-WAIT-2" => (1, 2, 2),
        "CLOSE-WAIT" => (2, 1, 1),
        "CLOSING" | "LAST-ACK" => (2, 1, 2),
        _ => (2, 2, 2),
    }
}

/// 3.10.7.4.
fn connected(state: &'static str, kind: Kind, position: Position) -> (String, Outcome) {
    let (rcv_nxt, snd_una, snd_nxt) = variables(state);
    let seq = match position {
        Position::Left => rcv_nxt.wrapping_sub(100),
        Position::At => rcv_nxt,
        Position::In => rcv_nxt + 1_000,
        Position::Right => rcv_nxt + WINDOW + 100,
    };
    // In SYN-RECEIVED the segment acknowledges our SYN, elsewhere nothing new.
    let text = segment(kind, seq, snd_una.max(1));
    let acked = |ack: u32| format!(". {snd_nxt}:{snd_nxt}(0) ack {ack}");
    let answer = acked(rcv_nxt);
    let acceptable = matches!(position, Position::At | Position::In);
    let half_open = state.starts_with("SYN-RECEIVED");
    let passive = state == "SYN-RECEIVED";
    let outcome = match kind {
        // RFC 9293 MAY-2, RFC 6191: a SYN beyond RCV.NXT opens a new incarnation.
        Kind::Syn if state == "TIME-WAIT" && matches!(position, Position::In | Position::Right) => {
            Outcome::new(
                format!("S. 0:0(0) ack {} <mss 1460>", seq + 1),
                "SYN-RECEIVED",
            )
        }
        // First: the sequence number; a RST gets no answer.
        Kind::Rst if !acceptable => Outcome::silent(state),
        _ if !acceptable => Outcome::new(answer, state),
        // Second: RST.
        Kind::Rst if position == Position::In => Outcome::new(answer, state),
        Kind::Rst => reset(state),
        // Fourth: SYN.
        Kind::Syn | Kind::SynAck if passive => Outcome::silent("LISTEN"),
        Kind::Syn | Kind::SynAck => Outcome::new(answer, state),
        // Fifth to eighth.
        _ => {
            let state = if half_open { "ESTABLISHED" } else { state };
            content(state, kind, position, acked)
        }
    };
    (text, outcome)
}

/// A RST at RCV.NXT. RFC 1337 lets TIME-WAIT ignore it.
fn reset(state: &'static str) -> Outcome {
    Outcome {
        answers: vec![String::new()],
        state: match state {
            "TIME-WAIT" => None,
            "SYN-RECEIVED-ACTIVE" => Some("CLOSED"),
            _ => Some("LISTEN"),
        },
    }
}

/// An acceptable segment whose ACK field says nothing new.
fn content(
    state: &'static str,
    kind: Kind,
    position: Position,
    acked: impl Fn(u32) -> String,
) -> Outcome {
    let (rcv_nxt, _, _) = variables(state);
    let takes_text = matches!(state, "ESTABLISHED" | "FIN-WAIT-1" | "FIN-WAIT-2");
    match (kind, position) {
        (Kind::Ack, _) => Outcome::silent(state),
        // Behind the peer's FIN: ignored; whether it is answered is left open.
        _ if !takes_text => Outcome {
            answers: vec![String::new(), acked(rcv_nxt)],
            state: Some(state),
        },
        // RFC 5681 4.2: out of order, a duplicate ACK at once.
        (_, Position::In) => Outcome::new(acked(rcv_nxt), state),
        (Kind::Data, _) => Outcome::new(acked(rcv_nxt + 10), state),
        _ => {
            let after = match state {
                "ESTABLISHED" => "CLOSE-WAIT",
                "FIN-WAIT-1" => "CLOSING",
                _ => "TIME-WAIT",
            };
            Outcome::new(acked(rcv_nxt + 1), after)
        }
    }
}
