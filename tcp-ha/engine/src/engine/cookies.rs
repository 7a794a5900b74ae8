//! SYNs beyond the half-open budget: answered with a cookie, kept nowhere.

use super::Engine;
use crate::connection::{Connection, Context};
use crate::cookie;
use crate::counters::DropReason;
use crate::effects::Effects;
use crate::four_tuple::FourTuple;
use crate::ids::{ConnectionId, ListenerId};
use crate::options::Options;
use crate::segment::{Flags, Header, Segment};
use crate::seq::SeqNum;
use crate::state::Opener;
use crate::time::Instant;

impl Engine {
    /// Answers a SYN with a SYN-ACK that keeps what matters of it, and forgets it.
    pub(super) fn send_cookie(
        &mut self,
        now: Instant,
        listener: ListenerId,
        tuple: FourTuple,
        segment: &Segment<'_>,
        fx: &mut Effects,
    ) {
        let mut connection = self.half_open_of(now, listener, tuple, segment, fx);
        connection.identity.iss = cookie::bake(
            &self.secrets.cookie,
            &tuple,
            segment.header.seq,
            connection.identity.peer_mss,
            now,
        );
        if connection.identity.timestamps {
            let clock = connection.timestamp_clock(now);
            connection.rtt.tsval_sent = cookie::stamp(clock, &segment.options);
        } else {
            // There is no place to keep these.
            connection.identity.window_scaling = false;
            connection.identity.sack_permitted = false;
        }
        let mut ctx = Context {
            now,
            config: &self.config,
            counters: &mut self.counters,
            departures: &self.departures,
            memory: None,
            fx: &mut *fx,
        };
        connection.emit_syn(&mut ctx);
        self.counters.cookies_out += 1;
    }

    /// The connection that the ACK of a cookie brings back, about to take that ACK; `None` where
    /// it answers no cookie of ours, an error where there is no room.
    pub(super) fn take_cookie(
        &mut self,
        now: Instant,
        listener: ListenerId,
        tuple: FourTuple,
        segment: &Segment<'_>,
        fx: &mut Effects,
    ) -> Result<Option<ConnectionId>, DropReason> {
        let flags = segment.header.flags;
        let plain = flags.has(Flags::ACK) && !flags.has(Flags::SYN) && !flags.has(Flags::RST);
        if !self.config.syn_cookies || !plain {
            return Ok(None);
        }
        let iss = SeqNum(segment.header.ack.0.wrapping_sub(1));
        let irs = SeqNum(segment.header.seq.0.wrapping_sub(1));
        let Some(kept) = cookie::taste(&self.secrets.cookie, &tuple, irs, iss, now) else {
            return Ok(None);
        };
        if self
            .demux
            .listener(listener)
            .is_some_and(|l| l.queue_is_full())
        {
            return Err(DropReason::AcceptQueueFull);
        }
        if !self.make_room(now, fx) {
            return Err(DropReason::ConnectionsFull);
        }
        let timestamps = segment
            .options
            .timestamps
            .filter(|_| self.config.timestamps);
        let mut options = Options {
            mss: Some(kept.mss),
            timestamps,
            signature: segment.options.signature,
            ..Options::default()
        };
        if let Some(timestamps) = timestamps {
            cookie::read_stamp(timestamps.echo, &mut options);
        }
        let syn = Segment {
            header: Header {
                seq: irs,
                flags: Flags::SYN,
                ..segment.header
            },
            options,
            payload: &[],
        };
        let mut connection = self.half_open_of(now, listener, tuple, &syn, fx);
        let id = ConnectionId(self.next_id);
        connection.id = id;
        connection.identity.iss = iss;
        connection.send.max = 1;
        // No TSval may lie before that of the SYN-ACK.
        if let Some(timestamps) = timestamps {
            connection.rtt.tsval_sent = timestamps.echo;
        }
        connection.half_open = true;
        self.enter_half_open(listener);
        self.adopt(connection);
        self.counters.passive_opens += 1;
        self.counters.cookies_taken += 1;
        Ok(Some(id))
    }

    /// A connection in SYN-RECEIVED that has said nothing and is in no table.
    fn half_open_of(
        &mut self,
        now: Instant,
        listener: ListenerId,
        tuple: FourTuple,
        syn: &Segment<'_>,
        fx: &mut Effects,
    ) -> Connection {
        let options = self.demux.listener(listener).map(|l| l.options);
        let (opener, options) = (Opener::Passive(listener), options.unwrap_or_default());
        // One that only answers a SYN is thrown away after that.
        let id = ConnectionId::NAMELESS;
        let mut connection = self.unspoken(now, id, tuple, opener, options, fx);
        let ctx = Context {
            now,
            config: &self.config,
            counters: &mut self.counters,
            departures: &self.departures,
            memory: None,
            fx,
        };
        connection.take_syn(&ctx, syn);
        connection.follow_key(syn);
        // As far as a SYN-ACK can say: that edge holds from then on.
        connection.recv.right_edge = connection.announce(&ctx, true).1;
        connection
    }
}
