//! Where in its life a connection is, and how its segments are signed.

use crate::schema::octets::{Reader, bit, put};
use tcp_ha_engine::auth::{AoState, Signing};
use tcp_ha_engine::{AuthState, LifecycleState, State};

/// What the field of the trial version 2 is where nobody speaks of it.
#[cfg(feature = "schema-v2")]
pub(super) const TRIAL_DEFAULT: u32 = 0;

/// By their numbers; what is not here has none.
const STATES: [State; 11] = [
    State::Closed,
    State::Listen,
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

const USER_CLOSED: u8 = 1;
const FIN_SENT: u8 = 1 << 1;
const FIN_ACKED: u8 = 1 << 2;
const FIN_RECEIVED: u8 = 1 << 3;
const ORPHANED: u8 = 1 << 4;
const KNOWN: u8 = (1 << 5) - 1;

const UNSIGNED: u8 = 0;
const MD5: u8 = 1;
const AO: u8 = 2;

pub(in crate::schema) fn write_lifecycle(lifecycle: &LifecycleState, out: &mut Vec<u8>) {
    let LifecycleState {
        state,
        user_closed,
        fin_sent,
        fin_acked,
        fin_received,
        orphaned,
        // A connection that uses it is not protected by this version.
        #[cfg(feature = "schema-v2")]
            trial: _,
    } = *lifecycle;
    out.push(number_of(state));
    out.push(
        bit(USER_CLOSED, user_closed)
            | bit(FIN_SENT, fin_sent)
            | bit(FIN_ACKED, fin_acked)
            | bit(FIN_RECEIVED, fin_received)
            | bit(ORPHANED, orphaned.is_some()),
    );
    if let Some(left_at) = orphaned {
        put(out, left_at);
    }
}

pub(in crate::schema) fn read_lifecycle(from: &mut Reader<'_>) -> Option<LifecycleState> {
    let state = *STATES.get(usize::from(from.octet()?))?;
    let flags = from.flags(KNOWN)?;
    let set = |bit| flags & bit != 0;
    Some(LifecycleState {
        state,
        user_closed: set(USER_CLOSED),
        fin_sent: set(FIN_SENT),
        fin_acked: set(FIN_ACKED),
        fin_received: set(FIN_RECEIVED),
        orphaned: if set(ORPHANED) {
            Some(from.number()?)
        } else {
            None
        },
        #[cfg(feature = "schema-v2")]
        trial: TRIAL_DEFAULT,
    })
}

/// Its place in [`STATES`].
fn number_of(state: State) -> u8 {
    match state {
        State::Closed => 0,
        State::Listen => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::Established => 4,
        State::FinWait1 => 5,
        State::FinWait2 => 6,
        State::CloseWait => 7,
        State::Closing => 8,
        State::LastAck => 9,
        State::TimeWait => 10,
    }
}

pub(in crate::schema) fn write_auth(auth: &AuthState, out: &mut Vec<u8>) {
    let AuthState {
        signing,
        min_hop_limit,
    } = *auth;
    match signing {
        Signing::None => out.push(UNSIGNED),
        Signing::Md5 => out.push(MD5),
        Signing::Ao(AoState {
            current,
            rnext,
            received,
        }) => out.extend_from_slice(&[AO, current, rnext, received]),
    }
    out.push(min_hop_limit);
}

pub(in crate::schema) fn read_auth(from: &mut Reader<'_>) -> Option<AuthState> {
    let signing = match from.octet()? {
        UNSIGNED => Signing::None,
        MD5 => Signing::Md5,
        AO => {
            let [current, rnext, received] = from.array()?;
            Signing::Ao(AoState {
                current,
                rnext,
                received,
            })
        }
        _ => return None,
    };
    Some(AuthState {
        signing,
        min_hop_limit: from.octet()?,
    })
}
