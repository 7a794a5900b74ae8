//! 3.10.7.2: a segment for a socket in LISTEN.

use crate::connection::{Connection, Context};
use crate::segment::{Flags, Segment};

/// What a segment means to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knock {
    /// A SYN: open a connection.
    Open,
    /// An ACK to nothing: answer as in CLOSED.
    Stray,
    /// Nothing to be done.
    Ignore,
}

/// First RST, second ACK, third SYN.
pub(crate) fn knock(segment: &Segment<'_>) -> Knock {
    let flags = segment.header.flags;
    if flags.has(Flags::RST) {
        Knock::Ignore
    } else if flags.has(Flags::ACK) {
        Knock::Stray
    } else if flags.has(Flags::SYN) && !flags.has(Flags::FIN) {
        Knock::Open
    } else {
        Knock::Ignore
    }
}

impl Connection {
    /// Takes the peer's SYN in SYN-RECEIVED or SYN-SENT: IRS, options, window. Text that
    /// comes with a SYN is left to be sent again.
    pub(crate) fn take_syn(&mut self, ctx: &Context<'_>, segment: &Segment<'_>) {
        let options = &segment.options;
        let identity = &mut self.identity;
        identity.irs = segment.header.seq;
        if let Some(mss) = options.mss.filter(|&mss| mss > 0) {
            identity.peer_mss = mss;
        }
        identity.window_scaling &= options.window_scale.is_some();
        if identity.window_scaling {
            identity.snd_wscale = options.window_scale.unwrap_or(0);
        } else {
            identity.rcv_wscale = 0;
        }
        identity.sack_permitted &= options.sack_permitted;
        identity.timestamps &= options.timestamps.is_some();
        if let Some(timestamps) = options.timestamps {
            self.recv.ts_recent = timestamps.value;
            self.recv.ts_recent_at = ctx.now;
        }
        // The window of a SYN is not scaled (RFC 7323 2.2).
        self.send.wnd = u64::from(segment.header.window);
        self.send.max_wnd = self.send.wnd;
        self.congestion = crate::checkpoint::CongestionState::new(self.mss());
    }
}
