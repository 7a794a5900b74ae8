//! `struct tcp_info` of Linux, as far as there is something to say.

use super::instance::Instance;
use crate::sockets::Errno;
use core::time::Duration;
use libc::c_int;
use tcp_ha_engine::{ConnectionInfo, Instant, RecoveryPhase, State};

/// Offsets of fields in the struct (include/uapi/linux/tcp.h).
mod at {
    pub(super) const STATE: usize = 0;
    pub(super) const CA_STATE: usize = 1;
    pub(super) const RETRANSMITS: usize = 2;
    pub(super) const PROBES: usize = 3;
    pub(super) const BACKOFF: usize = 4;
    pub(super) const OPTIONS: usize = 5;
    pub(super) const WSCALES: usize = 6;
    pub(super) const RTO: usize = 8;
    pub(super) const SND_MSS: usize = 16;
    pub(super) const RCV_MSS: usize = 20;
    pub(super) const UNACKED: usize = 24;
    pub(super) const SACKED: usize = 28;
    pub(super) const LOST: usize = 32;
    pub(super) const RETRANS: usize = 36;
    pub(super) const LAST_DATA_SENT: usize = 44;
    pub(super) const LAST_DATA_RECV: usize = 52;
    pub(super) const LAST_ACK_RECV: usize = 56;
    pub(super) const PMTU: usize = 60;
    pub(super) const RTT: usize = 68;
    pub(super) const RTTVAR: usize = 72;
    pub(super) const SND_SSTHRESH: usize = 76;
    pub(super) const SND_CWND: usize = 80;
    pub(super) const ADVMSS: usize = 84;
    pub(super) const REORDERING: usize = 88;
    pub(super) const TOTAL_RETRANS: usize = 100;
    pub(super) const BYTES_ACKED: usize = 120;
    pub(super) const BYTES_RECEIVED: usize = 128;
    pub(super) const SEGS_OUT: usize = 136;
    pub(super) const SEGS_IN: usize = 140;
    pub(super) const NOTSENT_BYTES: usize = 144;
    pub(super) const MIN_RTT: usize = 148;
    pub(super) const REORD_SEEN: usize = 220;
    pub(super) const BUSY_TIME: usize = 168;
    pub(super) const RWND_LIMITED: usize = 176;
    pub(super) const SNDBUF_LIMITED: usize = 184;
    pub(super) const BYTES_SENT: usize = 200;
    pub(super) const BYTES_RETRANS: usize = 208;
    pub(super) const SND_WND: usize = 228;
}

/// The struct's first `room` octets; fields that mean nothing here are zero.
pub(super) fn octets(host: &Instance, fd: c_int, room: usize) -> Result<Vec<u8>, Errno> {
    let state = host.lock();
    let fd = state.inner(fd)?;
    let mut out = Out(vec![0; room.min(1 << 12)]);
    let Ok(Some(info)) = state.host.connection(fd) else {
        out.octet(at::STATE, number(State::Closed));
        return Ok(out.0);
    };
    let opened_at = state.host.opened_at(fd)?;
    let busy = state.host.busy_times(fd)?;
    out.long(at::BUSY_TIME, micros(busy.busy));
    out.long(at::RWND_LIMITED, micros(busy.window_limited));
    out.long(at::SNDBUF_LIMITED, micros(busy.buffer_limited));
    fill(&mut out, &info, opened_at, state.host.now());
    Ok(out.0)
}

fn fill(out: &mut Out, info: &ConnectionInfo, opened_at: Instant, now: Instant) {
    let mss = u64::from(info.mss).max(1);
    let since = |at: Instant| now.saturating_since(at).as_millis() as u64;
    let (rcv_wscale, snd_wscale) = info.window_scales;
    out.octet(at::STATE, number(info.state));
    out.octet(at::RETRANSMITS, info.backoff);
    out.octet(at::PROBES, info.probes);
    out.octet(at::BACKOFF, info.backoff.max(info.probes));
    out.octet(at::OPTIONS, options(info));
    out.octet(at::WSCALES, snd_wscale | rcv_wscale << 4);
    out.word(at::RTO, micros(info.rto));
    out.word(at::SND_MSS, mss);
    out.word(at::RCV_MSS, mss);
    out.octet(at::CA_STATE, phase(info.recovery));
    out.word(at::UNACKED, info.unacked.into());
    out.word(at::SACKED, info.sacked.into());
    out.word(at::LOST, info.lost.into());
    out.word(at::RETRANS, info.retransmitting.into());
    out.word(at::SND_SSTHRESH, info.ssthresh.into());
    out.word(at::SND_CWND, info.cwnd.into());
    out.word(at::REORDERING, info.reordering.into());
    out.word(at::MIN_RTT, info.min_rtt.map_or(0, micros));
    out.word(at::REORD_SEEN, info.reordering_seen.into());
    out.word(at::LAST_DATA_SENT, since(info.sent_at));
    out.word(
        at::LAST_DATA_RECV,
        since(info.tally.last_text_at.unwrap_or(opened_at)),
    );
    out.word(
        at::LAST_ACK_RECV,
        since(info.tally.last_received_at.unwrap_or(opened_at)),
    );
    out.word(at::PMTU, info.path_mtu.into());
    out.word(at::RTT, info.srtt.map_or(0, micros));
    out.word(at::RTTVAR, micros(info.rttvar));
    out.word(at::ADVMSS, info.our_mss.into());
    out.word(at::TOTAL_RETRANS, info.retransmits);
    out.long(at::BYTES_ACKED, info.tally.octets_acked);
    out.long(at::BYTES_RECEIVED, info.tally.octets_in);
    out.word(at::SEGS_OUT, info.tally.segments_out);
    out.word(at::SEGS_IN, info.tally.segments_in);
    out.word(at::NOTSENT_BYTES, info.snd_end.saturating_sub(info.snd_nxt));
    out.long(at::BYTES_SENT, info.tally.octets_out);
    out.long(at::BYTES_RETRANS, info.tally.octets_retransmitted);
    out.word(at::SND_WND, info.snd_wnd);
}

/// Linux's bits of what was negotiated.
fn options(info: &ConnectionInfo) -> u8 {
    let scaled = info.window_scales != (0, 0);
    u8::from(info.timestamps) | u8::from(info.sack_permitted) << 1 | u8::from(scaled) << 2
}

/// The struct as it is written.
struct Out(Vec<u8>);

impl Out {
    fn put(&mut self, at: usize, octets: &[u8]) {
        if let Some(place) = self.0.get_mut(at..at + octets.len()) {
            place.copy_from_slice(octets);
        }
    }

    fn octet(&mut self, at: usize, value: u8) {
        self.put(at, &[value]);
    }

    fn word(&mut self, at: usize, value: u64) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        self.put(at, &value.to_ne_bytes());
    }

    fn long(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_ne_bytes());
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Linux's number of a phase of loss recovery.
fn phase(phase: RecoveryPhase) -> u8 {
    match phase {
        RecoveryPhase::Open => 0,
        RecoveryPhase::Disorder => 1,
        RecoveryPhase::Recovery => 3,
        RecoveryPhase::Loss | RecoveryPhase::Resumed => 4,
    }
}

/// Linux's number of a state.
fn number(state: State) -> u8 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}
