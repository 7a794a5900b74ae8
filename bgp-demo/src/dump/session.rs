//! The fixed part of a connection's state.

use bytes::Bytes;

use super::octets::{Reader, Writer};
use super::{RecordError, kind, opener, opener_code};
use crate::fsm::State;
use crate::message::{self, DecodeContext, Message};
use crate::rib::{PeerIndex, Swept};
use crate::speaker::{Counters, Negotiated, Session, Speaker, own_open};
use crate::time::Instant;

const VERSION: u8 = 1;

/// What `DUMP_BEGIN` says.
pub(super) struct SessionRecord {
    pub(super) session: Session,
    pub(super) established_age_micros: u64,
    pub(super) end_of_rib_owed: u8,
    pub(super) swept: Swept,
    pub(super) counters: Counters,
}

impl Speaker {
    pub(super) fn encode_session(&self, now: Instant, session: &Session) -> Bytes {
        let peer = self.peer(session.peer);
        let mut out = Writer::new(kind::DUMP_BEGIN);
        out.u8(VERSION);
        out.address(session.local);
        out.address(session.remote);
        out.u8(opener_code(session.opener));
        out.u8(state_code(session.state));
        out.u8(u8::from(session.closing));
        out.u64(session.inbound_total);
        out.u64(session.outbound_total);
        out.octets(
            &session
                .peer_open
                .as_ref()
                .map(message::encode_open)
                .unwrap_or_default(),
        );
        out.u8(u8::try_from(session.control.len()).unwrap_or(u8::MAX));
        for message in session.control.iter().take(usize::from(u8::MAX)) {
            out.octets(message);
        }
        out.u64(u64::try_from(now.since(peer.established_at).as_micros()).unwrap_or(u64::MAX));
        let adj_rib_out = peer
            .adj_rib_out
            .as_ref()
            .filter(|_| session.is_established());
        out.u8(adj_rib_out.map_or(0, |it| it.end_of_rib_owed.bits()));
        match adj_rib_out.map_or(Swept::Nothing, crate::rib::AdjRibOut::swept) {
            Swept::Nothing => out.u8(0),
            Swept::All => out.u8(1),
            Swept::UpTo(prefix) => {
                out.u8(2);
                out.prefix(&prefix);
            }
        }
        for counter in counters_list(&peer.counters) {
            out.u64(counter);
        }
        out.finish()
    }

    pub(super) fn decode_session(&self, body: &[u8]) -> Result<SessionRecord, RecordError> {
        let mut body = Reader::new(body);
        let version = body.u8()?;
        if version != VERSION {
            return Err(RecordError(format!(
                "session state of version {version}, known is {VERSION}"
            )));
        }
        let (local, remote, opener) = (body.address()?, body.address()?, opener(body.u8()?)?);
        let index = self.peer_at(remote.ip().to_canonical()).ok_or_else(|| {
            RecordError(format!(
                "session with {}, who is not configured here",
                remote.ip()
            ))
        })?;
        let mut session = Session::new(index, self.is_external(index), opener, local, remote);
        session.state = state(body.u8()?)?;
        session.closing = body.u8()? != 0;
        session.inbound_total = body.u64()?;
        session.outbound_total = body.u64()?;
        let open = body.octets()?;
        if !open.is_empty() {
            let context = DecodeContext {
                four_octet_as: true,
                external: true,
            };
            let Ok(Message::Open(open)) = message::decode(open, context) else {
                return Err(RecordError("the peer's OPEN".into()));
            };
            let own = own_open(&self.config, self.peer(index).config.families, local.ip());
            session.negotiated = Some(Negotiated::new(&own, &open));
            session.peer_open = Some(open);
        }
        for _ in 0..body.u8()? {
            session
                .control
                .push_back(Bytes::copy_from_slice(body.octets()?));
        }
        let established_age_micros = body.u64()?;
        let end_of_rib_owed = body.u8()?;
        let swept = match body.u8()? {
            0 => Swept::Nothing,
            1 => Swept::All,
            2 => Swept::UpTo(body.prefix()?),
            other => return Err(RecordError(format!("progress of kind {other}"))),
        };
        let mut list = [0; COUNTERS];
        for counter in &mut list {
            *counter = body.u64()?;
        }
        Ok(SessionRecord {
            session,
            established_age_micros,
            end_of_rib_owed,
            swept,
            counters: counters(list),
        })
    }

    pub(crate) fn is_external(&self, index: PeerIndex) -> bool {
        self.peer(index).config.asn != self.config.asn
    }
}

const fn state_code(state: State) -> u8 {
    match state {
        State::Idle => 0,
        State::Connect => 1,
        State::Active => 2,
        State::OpenSent => 3,
        State::OpenConfirm => 4,
        State::Established => 5,
    }
}

fn state(code: u8) -> Result<State, RecordError> {
    match code {
        0 => Ok(State::Idle),
        3 => Ok(State::OpenSent),
        4 => Ok(State::OpenConfirm),
        5 => Ok(State::Established),
        _ => Err(RecordError(format!("state {code} of a connection"))),
    }
}

const COUNTERS: usize = 15;

/// Names every field, so that a new one is not forgotten.
const fn counters_list(counters: &Counters) -> [u64; COUNTERS] {
    let Counters {
        opens_in,
        opens_out,
        updates_in,
        updates_out,
        announced_in,
        announced_out,
        withdrawn_in,
        withdrawn_out,
        duplicates_in,
        faults_in,
        end_of_ribs_in,
        notifications_in,
        notifications_out,
        established,
        dropped,
    } = *counters;
    [
        opens_in,
        opens_out,
        updates_in,
        updates_out,
        announced_in,
        announced_out,
        withdrawn_in,
        withdrawn_out,
        duplicates_in,
        faults_in,
        end_of_ribs_in,
        notifications_in,
        notifications_out,
        established,
        dropped,
    ]
}

const fn counters(list: [u64; COUNTERS]) -> Counters {
    let [
        opens_in,
        opens_out,
        updates_in,
        updates_out,
        announced_in,
        announced_out,
        withdrawn_in,
        withdrawn_out,
        duplicates_in,
        faults_in,
        end_of_ribs_in,
        notifications_in,
        notifications_out,
        established,
        dropped,
    ] = list;
    Counters {
        opens_in,
        opens_out,
        updates_in,
        updates_out,
        announced_in,
        announced_out,
        withdrawn_in,
        withdrawn_out,
        duplicates_in,
        faults_in,
        end_of_ribs_in,
        notifications_in,
        notifications_out,
        established,
        dropped,
    }
}
