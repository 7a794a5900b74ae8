//! Building segments of a connection.

use crate::auth::signer;
use crate::connection::{Connection, Context};
use crate::effects::Event;
use crate::ids::ConnectionId;
use crate::options::{MAX_OPTIONS_LEN, Options, SackBlock, SackBlocks, Timestamps};
use crate::segment::{self, Flags, Header};

/// Octets of a SACK option before its blocks, padding included, and of one block.
const SACK_LEN: (usize, usize) = (4, 8);

/// A clock that seems to be further behind than this is ahead: after 24 days of silence half of
/// the numbers have passed.
const CLOCK_BEHIND_MS: u32 = 1 << 24;

/// The octets that go out in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Position of the first octet.
    pub(crate) from: u64,
    /// Position behind the last.
    pub(crate) to: u64,
    /// Segments that it stands for; all but the last are full.
    pub(crate) segments: u32,
    /// Octets of text of a full segment.
    pub(crate) mss: u64,
}

impl Span {
    /// One segment, whatever its size.
    pub(crate) fn single(from: u64, to: u64) -> Span {
        Span {
            from,
            to,
            segments: 1,
            mss: 0,
        }
    }

    /// See `SegmentBuffer::cut`.
    fn cut(&self) -> Option<u16> {
        // An MSS is an option of 16 bits.
        (self.segments > 1).then(|| u16::try_from(self.mss).unwrap_or(u16::MAX))
    }
}

impl Connection {
    /// Builds a segment from position `seq` with the octets `seq..to`, and notes what it
    /// tells the peer. ACK is always SAFE.
    pub(crate) fn emit(&mut self, ctx: &mut Context<'_>, flags: Flags, seq: u64, to: u64) {
        self.emit_span(ctx, flags, Span::single(seq, to));
    }

    /// The same for a segment that may stand for many.
    pub(crate) fn emit_span(&mut self, ctx: &mut Context<'_>, flags: Flags, span: Span) {
        let Span { from: seq, to, .. } = span;
        let options = self.segment_options(ctx, flags, to > seq);
        let mut window = 0;
        if !flags.has(Flags::RST) {
            let edge;
            (window, edge) = self.announce(ctx, flags.has(Flags::SYN));
            self.recv.right_edge = edge;
        }
        let acknowledges = flags.has(Flags::ACK);
        let header = Header {
            src_port: self.identity.tuple.local.port(),
            dst_port: self.identity.tuple.remote.port(),
            seq: self.identity.iss.at(seq),
            ack: if acknowledges {
                self.identity.irs.at(self.recv.safe)
            } else {
                Default::default()
            },
            flags,
            window,
        };
        self.push_segment(ctx, &header, &options, span);
        if acknowledges {
            self.note_acknowledged(ctx);
        }
    }

    /// Signs and hands out a segment with the octets of these positions.
    pub(crate) fn push_segment(
        &mut self,
        ctx: &mut Context<'_>,
        header: &Header,
        options: &Options,
        span: Span,
    ) {
        let Span { from, to, .. } = span;
        if self.signer.is_missing() {
            ctx.counters.unsigned_held += 1;
            return;
        }
        let envelope = self.envelope();
        let ends = self.ends();
        let extension = self.send_extension(header.seq);
        let cut = span.cut();
        // What is signed is whole, and goes alone.
        let shared = cut.and_then(|_| self.send_buffer.shared(from, to));
        let behind = if shared.is_some() { to - from } else { 0 };
        let send_buffer = &self.send_buffer;
        let (signer, signing) = (&mut self.signer, &self.auth.signing);
        let (src, dst) = (envelope.src, envelope.dst);
        let id = Some(self.id).filter(|&id| id != ConnectionId::NAMELESS);
        let leaves = ctx.config.leave_checksum || cut.is_some();
        ctx.fx.push_segment(id, envelope, leaves, |out| {
            let start = out.len();
            segment::write_header(out, header, options);
            send_buffer.copy(from + behind, to, out);
            let octets = &mut out[start..];
            signer.sign(&ends, signing, header.flags, extension, octets);
            match leaves {
                // A packet is shorter than 2^16.
                true => segment::leave_checksum(octets, src, dst, behind as usize),
                false => segment::fill_checksum(octets, src, dst),
            }
        });
        if let Some(cut) = cut {
            ctx.fx.make_super(cut, shared.unwrap_or_default());
        }
        ctx.counters.segments_out += u64::from(span.segments);
        self.tally.segments_out += u64::from(span.segments);
        self.tally.octets_out += to - from;
    }

    fn note_acknowledged(&mut self, ctx: &Context<'_>) {
        self.recv.last_ack_sent = self.recv.safe;
        self.passing.ack_gathered = false;
        if self.recv.safe == self.recv.nxt {
            self.passing.delayed_ack = None;
            self.passing.ack_now = false;
            self.passing.ack_on_mark = None;
            self.passing.safe_asked = None;
        } else if self.passing.delayed_ack.is_none() && !self.passing.ack_now {
            self.passing.delayed_ack = Some(ctx.now + ctx.config.delayed_ack);
        }
    }

    fn segment_options(&mut self, ctx: &Context<'_>, flags: Flags, has_text: bool) -> Options {
        let mut options = Options {
            signature: signer::blank(&self.auth.signing),
            ..Options::default()
        };
        let identity = &self.identity;
        if flags.has(Flags::SYN) {
            options.mss = Some(identity.our_mss);
            options.sack_permitted = identity.sack_permitted;
            options.window_scale = identity.window_scaling.then_some(identity.rcv_wscale);
        }
        if identity.timestamps {
            let clock = self.timestamp_clock(ctx.now);
            // TSval never goes back, whatever the clock does.
            let behind = self.rtt.tsval_sent.wrapping_sub(clock);
            if behind > CLOCK_BEHIND_MS {
                self.rtt.tsval_sent = clock;
            }
            options.timestamps = Some(Timestamps {
                value: self.rtt.tsval_sent,
                echo: if flags.has(Flags::ACK) {
                    self.recv.ts_recent
                } else {
                    0
                },
            });
        }
        // A segment with text has no room to spare; the pure ACK that is due tells of gaps.
        if flags == Flags::ACK && !has_text {
            let room = MAX_OPTIONS_LEN - options.wire_len();
            options.sack = self.sack_blocks(room.saturating_sub(SACK_LEN.0) / SACK_LEN.1);
        }
        options
    }

    /// D-SACK only below the ACK field, islands only where nothing unsafe lies before them:
    /// the peer would take it for lost.
    fn sack_blocks(&mut self, max: usize) -> SackBlocks {
        let mut blocks = SackBlocks::default();
        if !self.identity.sack_permitted || max == 0 {
            return blocks;
        }
        let irs = self.identity.irs;
        let block = |(left, right)| SackBlock {
            left: irs.at(left),
            right: irs.at(right),
        };
        if let Some(range) = self.passing.dsack.take().filter(|r| r.1 <= self.recv.safe) {
            blocks.push(block(range));
        }
        if self.recv.safe == self.recv.nxt && !self.assembler.is_empty() {
            for range in self.assembler.recent(max - blocks.as_slice().len()) {
                blocks.push(block(range));
            }
        }
        blocks
    }

    /// The window field to send and the right edge it stands for.
    ///
    /// The edge moves only by a worthwhile step (RFC 9293 3.8.6.2.2) and never left
    /// (MUST-34 for senders; SHLD-14): where the field's granularity is too coarse, it is
    /// rounded up rather than down.
    pub(crate) fn announce(&self, ctx: &Context<'_>, syn: bool) -> (u16, u64) {
        let ack = self.recv.safe;
        let edge = self.recv.right_edge;
        let shift = if syn { 0 } else { self.identity.rcv_wscale };
        let target = if self.window_room(ctx) >= self.window_step(ctx) {
            self.window_target(ctx)
        } else {
            edge
        };
        let mut field = target.saturating_sub(ack) >> shift;
        if planted!(EdgeRoundedLeft) {
            let field = u16::try_from(field).unwrap_or(u16::MAX);
            return (field, ack + (u64::from(field) << shift));
        }
        if ack + (field << shift) < edge {
            field = (edge - ack).div_ceil(1 << shift);
        }
        // The edge was announced with an ACK no larger, so it stays in reach of the field.
        let field = u16::try_from(field).unwrap_or(u16::MAX);
        (field, edge.max(ack + (u64::from(field) << shift)))
    }

    /// Where the right edge would best lie: as far as the buffer reaches, and the field.
    fn window_target(&self, ctx: &Context<'_>) -> u64 {
        let buffer_end = self.recv.read + ctx.config.receive_capacity as u64;
        let most = u64::from(u16::MAX) << self.identity.rcv_wscale;
        buffer_end.min(self.recv.safe + most)
    }

    /// By how much the right edge could move.
    fn window_room(&self, ctx: &Context<'_>) -> u64 {
        self.window_target(ctx).saturating_sub(self.recv.right_edge)
    }

    fn window_step(&self, ctx: &Context<'_>) -> u64 {
        u64::from(self.identity.our_mss).min(ctx.config.receive_capacity as u64 / 2)
    }

    /// True where a window update is worth a segment: the edge moves by a full segment and
    /// the window at least doubles (as Linux has it).
    pub(crate) fn window_update_is_due(&self, ctx: &Context<'_>) -> bool {
        let room = self.window_room(ctx);
        let window = self.recv.right_edge.saturating_sub(self.recv.nxt);
        room >= self.window_step(ctx) && room >= window
    }

    /// An ACK without text, at once.
    ///
    /// Its SEQ is SND.MAX, since a peer ignores window updates with an older one; where the
    /// peer's window has shrunk to before it, the window's end (as Linux has it).
    pub(crate) fn emit_ack(&mut self, ctx: &mut Context<'_>) {
        let window_end = self.send.una + self.send.wnd;
        let seq = if self.send.max <= window_end.saturating_add(1 << self.identity.snd_wscale) {
            self.send.max
        } else {
            window_end
        };
        self.emit(ctx, Flags::ACK, seq, seq);
    }

    /// An ACK without text: at the end of the turn where ACKs are gathered, else at once.
    pub(crate) fn emit_ack_in_turn(&mut self, ctx: &mut Context<'_>) {
        if ctx.config.gather_acks {
            self.passing.ack_gathered = true;
        } else {
            self.emit_ack(ctx);
        }
    }

    /// A segment just before SND.UNA: the peer must answer (RFC 9293 3.8.4, and the
    /// zero-window probe of Linux).
    pub(crate) fn emit_probe(&mut self, ctx: &mut Context<'_>) {
        let seq = self.send.una.saturating_sub(1);
        self.emit(ctx, Flags::ACK, seq, seq);
    }

    /// RST for a synchronized or half-open connection.
    pub(crate) fn emit_reset(&mut self, ctx: &mut Context<'_>) {
        ctx.counters.resets_out += 1;
        let seq = self.send.max;
        self.emit(ctx, Flags::RST.with(Flags::ACK), seq, seq);
    }

    /// SYN or SYN-ACK, depending on the state.
    pub(crate) fn emit_syn(&mut self, ctx: &mut Context<'_>) {
        let flags = if self.state() == crate::state::State::SynSent {
            Flags::SYN
        } else {
            Flags::SYN.with(Flags::ACK)
        };
        if self.send.max > 0 {
            self.passing.syn_sent_at = None;
            self.passing.retransmits += 1;
            ctx.counters.retransmits += 1;
        } else {
            self.passing.syn_sent_at = Some(ctx.now);
        }
        self.send.max = self.send.max.max(1);
        self.timers.sent_at = ctx.now;
        self.emit(ctx, flags, 0, 0);
    }

    /// The ACK of RFC 5961 or one that answers an unacceptable segment: at once, rate limited.
    pub(crate) fn challenge(&mut self, ctx: &mut Context<'_>) {
        let limit = ctx.config.challenge_acks_per_second;
        if self.passing.challenge.allow(ctx.now, limit) {
            ctx.counters.challenge_acks += 1;
            self.emit_ack(ctx);
        } else {
            ctx.counters.rate_limited += 1;
        }
    }

    /// Sends the ACK that is due, or asks for the octets before it to be made safe.
    pub(crate) fn acknowledge_if_due(&mut self, ctx: &mut Context<'_>) {
        if !self.passing.ack_now {
            return;
        }
        if self.recv.safe == self.recv.nxt {
            self.emit_ack(ctx);
        } else if self.passing.safe_asked != Some(self.recv.nxt) {
            self.passing.safe_asked = Some(self.recv.nxt);
            self.passing.delayed_ack = None;
            let upto = self.recv_text_end() - 1;
            ctx.fx.events.push(Event::SafeDue { id: self.id, upto });
        }
    }
}
