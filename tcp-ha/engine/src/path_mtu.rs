//! The path MTU of a connection: routers tell of a smaller one (RFC 1191, RFC 8201), silence
//! betrays one that swallows large packets, and after a while a larger one is tried (RFC 4821,
//! RFC 8899 5.2).

use crate::connection::{Connection, Context};
use core::time::Duration;

/// Least path MTU that a router is believed (IPv4, IPv6): below, segments would be all header.
const FLOOR: (u16, u16) = (552, 1_280);
/// Sizes that links have, ascending: the steps of a search, and what an old router means that
/// names no size (RFC 1191 section 7).
const PLATEAUS: [u16; 13] = [
    552, 1_006, 1_280, 1_400, 1_440, 1_492, 1_500, 2_002, 4_352, 9_000, 17_914, 32_000, 65_535,
];
/// Where large packets vanish without a word, these are tried, first to last.
const BLACK_HOLE_STEPS: [u16; 2] = [1_280, 576];
/// Timeouts in a row after which the path is suspected.
const SUSPICIOUS_TIMEOUTS: u8 = 3;
/// A size that a router named, or that a probe found, is kept for so long (RFC 8899
/// PMTU_RAISE_TIMER).
const RAISE_AFTER: Duration = Duration::from_secs(600);
/// A mere suspicion is checked sooner.
const RECHECK_AFTER: Duration = Duration::from_secs(60);

/// A search for a larger path MTU. It is worth nothing on another node, which begins its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PathSearch {
    /// The next packet size to try.
    candidate: Option<u16>,
    probe: Option<Probe>,
}

/// A segment that is larger than the path MTU known so far.
#[derive(Clone, Copy, Debug)]
struct Probe {
    from: u64,
    end: u64,
    packet: u16,
}

impl Connection {
    /// A router says that `mtu` octets pass; 0 means that it does not know.
    pub(crate) fn take_too_big(&mut self, ctx: &mut Context<'_>, mtu: u16) {
        let current = self.send.path_mtu;
        if self
            .passing
            .path
            .probe
            .is_some_and(|probe| mtu < probe.packet)
        {
            self.end_search(ctx);
        }
        let told = if mtu == 0 {
            plateau_below(current)
        } else {
            mtu
        };
        let mtu = told.max(self.path_floor());
        if mtu < current {
            self.shrink_path(ctx, mtu, RAISE_AFTER);
        }
        self.transmit(ctx);
    }

    /// After a timeout: where full segments are lost again and again, smaller ones may pass. A
    /// peer that has shut its window takes none at all.
    pub(crate) fn suspect_path(&mut self, ctx: &Context<'_>) {
        if self.timers.retransmits < SUSPICIOUS_TIMEOUTS || self.send.wnd == 0 {
            return;
        }
        let floor = self.path_floor();
        let smaller = BLACK_HOLE_STEPS
            .into_iter()
            .find(|&step| step < self.send.path_mtu && step >= floor);
        let outstanding = self.send.max.min(self.send.end) - self.send.una.min(self.send.end);
        if let Some(mtu) = smaller
            && outstanding > self.mss_within(mtu)
        {
            self.shrink_path(ctx, mtu, RECHECK_AFTER);
        }
    }

    /// Smaller segments from SND.UNA on.
    fn shrink_path(&mut self, ctx: &Context<'_>, mtu: u16, keep: Duration) {
        self.send.path_mtu = mtu;
        self.passing.path = PathSearch::default();
        self.timers.path = Some(ctx.now + keep);
        if self.state().may_transmit() {
            self.resend_oversized();
        }
    }

    /// The path MTU has been kept long enough: the next larger size is tried.
    pub(crate) fn on_path_timeout(&mut self, ctx: &Context<'_>) {
        self.timers.path = None;
        self.seek_larger(ctx);
    }

    fn seek_larger(&mut self, ctx: &Context<'_>) {
        let limit = self.path_limit(ctx);
        let current = self.send.path_mtu;
        let next = PLATEAUS.into_iter().find(|&plateau| plateau > current);
        self.passing.path = PathSearch {
            candidate: (current < limit).then(|| next.unwrap_or(limit).min(limit)),
            probe: None,
        };
    }

    /// Octets of text of the next new segment, where a probe is to be made of it.
    pub(crate) fn probe_text(&self) -> Option<u64> {
        let PathSearch { candidate, probe } = self.passing.path;
        let quiet = probe.is_none() && !self.recovery.phase.is_repairing();
        candidate
            .filter(|_| quiet)
            .map(|packet| self.mss_within(packet))
    }

    /// Notes a segment that is about to be sent: a probe, or the repetition of one, which
    /// counts as its failure.
    pub(crate) fn note_path(&mut self, ctx: &Context<'_>, from: u64, to: u64) {
        if from < self.send.max {
            let failed = self.passing.path.probe;
            if failed.is_some_and(|probe| from < probe.end && to > probe.from) {
                self.end_search(ctx);
            }
        } else if let Some(packet) = self.passing.path.candidate
            && to - from > self.mss()
        {
            self.passing.path.probe = Some(Probe {
                from,
                end: to,
                packet,
            });
        }
    }

    /// SND.UNA has moved: over a probe that was never repeated, its size is proved.
    pub(crate) fn prove_path(&mut self, ctx: &Context<'_>) {
        if let Some(probe) = self.passing.path.probe
            && self.send.una >= probe.end
        {
            self.send.path_mtu = probe.packet;
            self.seek_larger(ctx);
        }
    }

    /// A probe was lost: the size that is known is kept for a while.
    fn end_search(&mut self, ctx: &Context<'_>) {
        self.passing.path = PathSearch::default();
        self.timers.path = Some(ctx.now + RAISE_AFTER);
    }

    fn path_floor(&self) -> u16 {
        if self.identity.tuple.local.is_ipv4() {
            FLOOR.0
        } else {
            FLOOR.1
        }
    }

    /// The largest packet worth trying: what the link takes, and what the peer asked for.
    fn path_limit(&self, ctx: &Context<'_>) -> u16 {
        let wanted = self.identity.peer_mss.saturating_add(self.header_len());
        ctx.config.mtu.min(wanted)
    }
}

fn plateau_below(mtu: u16) -> u16 {
    let below = PLATEAUS.into_iter().rev().find(|&plateau| plateau < mtu);
    below.unwrap_or(PLATEAUS[0])
}
