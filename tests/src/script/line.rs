//! A script after it was read.

use super::settings::Settings;
use tcp_ha::engine::State;

/// A script: settings and lines, in order.
#[derive(Clone, Debug)]
pub struct Script {
    /// Name of the file, or of the generated case.
    pub name: String,
    /// What the lines `--name=value` chose.
    pub settings: Settings,
    /// What happens.
    pub lines: Vec<Line>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Line {
    /// Line of the file, from 1.
    pub number: usize,
    /// As it was written, without the comment.
    pub text: String,
    /// When it begins.
    pub when: When,
    /// When a blocking call returns, where it says so; in microseconds as `when` counts.
    pub until: Option<u64>,
    /// What it is.
    pub what: What,
}

/// A moment of a script, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Since the beginning.
    At(u64),
    /// Since the line before.
    After(u64),
    /// Somewhere between two moments since the beginning.
    AtBetween(u64, u64),
    /// Somewhere between two moments since the line before.
    AfterBetween(u64, u64),
    /// `*`: whenever it comes.
    Any,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A segment arrives.
    In(Packet),
    /// A segment must leave.
    Out(Packet),
    /// An ICMP error arrives.
    Icmp(Icmp),
    /// The user calls.
    Call(Call),
    /// The engine dies; a twin goes on from its checkpoint.
    Takeover,
    /// The state of the connection with the current peer.
    State(State),
    /// A field of `ConnectionInfo` compared with a number.
    Info(Field),
    /// How many segments were dropped for this reason so far.
    Dropped(String, u64),
    /// From here on the peer is another one: its n-th port.
    Peer(u16),
}

/// A segment, told relative to the initial sequence numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Flags as on the wire.
    pub flags: u8,
    /// First sequence number.
    pub seq: u32,
    /// Octets of text.
    pub len: u32,
    /// ACK field; 0 where there is none.
    pub ack: Option<u32>,
    /// Window field as on the wire.
    pub win: Option<u16>,
    /// Urgent pointer.
    pub urg: Option<u16>,
    /// TTL or hop limit of an arriving segment.
    pub ttl: Option<u8>,
    /// Options.
    pub options: Options,
    /// The checksum is wrong.
    pub bad_checksum: bool,
    /// The data offset, where it is a lie; in words of 4 octets.
    pub data_offset: Option<u8>,
}

/// Options of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Options {
    /// Exactly these, in this order.
    Exactly(Vec<Opt>),
    /// `<...>`: whatever.
    Any,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opt {
    /// End of the list.
    End,
    /// Padding.
    Nop,
    /// Maximum segment size.
    Mss(u16),
    /// Window scale.
    Wscale(u8),
    /// SACK permitted.
    SackOk,
    /// SACK blocks.
    Sack(Vec<(u32, u32)>),
    /// Timestamps: value and echo.
    Timestamps(u32, u32),
    /// Any other: the octets behind kind and length. A length that lies is `Some`.
    Other(u8, Option<u8>, Vec<u8>),
}

/// An ICMP error about a segment of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// The word after `unreachable`.
    pub kind: String,
    /// Next hop's MTU.
    pub mtu: Option<u32>,
    /// Sequence number of the segment that is quoted, relative to our ISS.
    pub seq: u32,
}

/// A system call and what it returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Its arguments as written, `...` included.
    pub args: Vec<String>,
    /// What it returns.
    pub value: i64,
    /// Which error, where it returns -1.
    pub errno: Option<String>,
}

/// A field and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Name in `ConnectionInfo`.
    pub name: String,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what; `true` is 1, `false` is 0, durations count in microseconds.
    pub value: f64,
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `>`
    Above,
    /// `!=`
    Other,
}

impl Packet {
    /// A segment with these flags and nothing else.
    pub(super) fn bare(flags: u8) -> Packet {
        Packet {
            flags,
            seq: 0,
            len: 0,
            ack: None,
            win: None,
            urg: None,
            ttl: None,
            options: Options::Exactly(Vec::new()),
            bad_checksum: false,
            data_offset: None,
        }
    }
}
