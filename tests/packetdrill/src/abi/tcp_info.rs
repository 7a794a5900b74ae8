//! `struct tcp_info` of Linux, as far as there is something to say.

use super::instance::Instance;
use crate::sockets::Errno;
use core::time::Duration;
use libc::c_int;
use tcp_ha_engine::{ConnectionInfo, State};

/// Offsets of fields in the struct (include/uapi/linux/tcp.h).
mod at {
    pub(super) const STATE: usize = 0;
    pub(super) const RTO: usize = 8;
    pub(super) const SND_MSS: usize = 16;
    pub(super) const RCV_MSS: usize = 20;
    pub(super) const UNACKED: usize = 24;
    pub(super) const LAST_DATA_RECV: usize = 52;
    pub(super) const RTT: usize = 68;
    pub(super) const SND_SSTHRESH: usize = 76;
    pub(super) const SND_CWND: usize = 80;
    pub(super) const ADVMSS: usize = 84;
    pub(super) const TOTAL_RETRANS: usize = 100;
    pub(super) const BYTES_ACKED: usize = 120;
    pub(super) const BYTES_RECEIVED: usize = 128;
    pub(super) const NOTSENT_BYTES: usize = 144;
}

/// Linux prints an unset threshold so.
const NO_THRESHOLD: u32 = 0x7fff_ffff;

/// The struct's first `room` octets; fields that mean nothing here are zero.
pub(super) fn octets(host: &Instance, fd: c_int, room: usize) -> Result<Vec<u8>, Errno> {
    let state = host.lock();
    let fd = state.inner(fd)?;
    let mut out = Out(vec![0; room.min(1 << 12)]);
    let Ok(Some(info)) = state.host.connection(fd) else {
        out.octet(at::STATE, number(State::Closed));
        return Ok(out.0);
    };
    fill(&mut out, &info);
    if let Some(received_at) = state.host.received_at(fd)? {
        let silent = state.host.now().saturating_since(received_at);
        out.word(at::LAST_DATA_RECV, silent.as_millis() as u64);
    }
    Ok(out.0)
}

fn fill(out: &mut Out, info: &ConnectionInfo) {
    let mss = u64::from(info.mss).max(1);
    out.octet(at::STATE, number(info.state));
    out.word(at::RTO, micros(info.rto));
    out.word(at::SND_MSS, mss);
    out.word(at::RCV_MSS, mss);
    out.word(at::UNACKED, (info.snd_max - info.snd_una).div_ceil(mss));
    out.word(at::RTT, info.srtt.map_or(0, micros));
    out.word(
        at::SND_SSTHRESH,
        (info.ssthresh / mss).min(NO_THRESHOLD.into()),
    );
    out.word(at::SND_CWND, info.cwnd / mss);
    out.word(at::ADVMSS, mss);
    out.word(at::TOTAL_RETRANS, info.retransmits);
    out.long(at::BYTES_ACKED, info.snd_una);
    out.long(at::BYTES_RECEIVED, info.rcv_nxt);
    out.word(at::NOTSENT_BYTES, info.snd_end.saturating_sub(info.snd_nxt));
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
