//! What a peer is told, counted: no more of a message is read than how many prefixes it has.

use bgp_demo::message::{HEADER_OCTETS, frame};
use std::io;

const OPEN: u8 = 1;
const UPDATE: u8 = 2;
const NOTIFICATION: u8 = 3;
const KEEPALIVE: u8 = 4;
const MP_REACH_NLRI: u8 = 14;
const MP_UNREACH_NLRI: u8 = 15;

/// Counts the messages of one direction of a session.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Octets that are no whole message yet.
    part: Vec<u8>,
    /// Messages.
    pub(super) messages: u64,
    /// OPENs.
    pub(super) opens: u64,
    /// KEEPALIVEs.
    pub(super) keepalives: u64,
    /// Prefixes announced, each as often as it was.
    pub(super) prefixes: u64,
    /// End-of-RIB markers.
    pub(super) ends: u64,
}

impl Told {
    /// Takes the next octets of the stream.
    ///
    /// # Errors
    /// They are no BGP, or a NOTIFICATION.
    pub(super) fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut part = std::mem::take(&mut self.part);
        part.extend_from_slice(octets);
        let mut rest = &part[..];
        while let Some(length) = frame(rest).map_err(io::Error::other)? {
            let Some((message, after)) = rest.split_at_checked(length) else {
                break;
            };
            self.message(message)?;
            rest = after;
        }
        self.part = rest.to_vec();
        Ok(())
    }

    fn message(&mut self, message: &[u8]) -> io::Result<()> {
        self.messages += 1;
        match message[18] {
            OPEN => self.opens += 1,
            KEEPALIVE => self.keepalives += 1,
            UPDATE => {
                let cut_short = || io::Error::other("an UPDATE is cut short");
                let counted = update(&message[HEADER_OCTETS..]).ok_or_else(cut_short)?;
                self.prefixes += counted.announced;
                self.ends += u64::from(counted.is_end);
            }
            NOTIFICATION => {
                let what = format!(
                    "the session was ended by NOTIFICATION {:?}",
                    &message[19..21]
                );
                return Err(io::Error::other(what));
            }
            _ => {}
        }
        Ok(())
    }
}

struct Counted {
    announced: u64,
    is_end: bool,
}

fn field(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let [high, low, rest @ ..] = data else {
        return None;
    };
    rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
}

fn update(body: &[u8]) -> Option<Counted> {
    let (withdrawn, rest) = field(body)?;
    let (mut attributes, nlri) = field(rest)?;
    let mut announced = prefixes(nlri)?;
    let mut is_end = withdrawn.is_empty() && nlri.is_empty() && attributes.is_empty();
    while let [flags, code, after @ ..] = attributes {
        let (value, next) = if flags & 0x10 != 0 {
            field(after)?
        } else {
            let [octets, after @ ..] = after else {
                return None;
            };
            after.split_at_checked(usize::from(*octets))?
        };
        match *code {
            MP_REACH_NLRI => {
                let next_hop = usize::from(*value.get(3)?);
                announced += prefixes(value.get(5 + next_hop..)?)?;
            }
            MP_UNREACH_NLRI => is_end = value.len() == 3,
            _ => {}
        }
        attributes = next;
    }
    Some(Counted { announced, is_end })
}

fn prefixes(mut nlri: &[u8]) -> Option<u64> {
    let mut count = 0;
    while let [bits, rest @ ..] = nlri {
        nlri = rest.get(usize::from(bits.div_ceil(8))..)?;
        count += 1;
    }
    Some(count)
}
