//! Round-trip time, congestion control and deadlines.

use crate::schema::octets::{Reader, bit, put, put_duration, put_near};
use tcp_ha_engine::{CongestionState, Instant, RttState, TimersState};

const SRTT: u8 = 1;
const TSECR_FLOOR: u8 = 1 << 1;
const KNOWN: u8 = (1 << 2) - 1;

/// The slow start threshold before the first loss.
const SSTHRESH_UNSET: u32 = i32::MAX as u32;

const RETRANSMIT: u8 = 1;
const PERSIST: u8 = 1 << 1;
const KEEPALIVE: u8 = 1 << 2;
const LINGER: u8 = 1 << 3;
const PATH: u8 = 1 << 4;
const RETRANSMITS: u8 = 1 << 5;
const PERSISTS: u8 = 1 << 6;
const KEEPALIVES: u8 = 1 << 7;

pub(in crate::schema) fn write_rtt(rtt: &RttState, out: &mut Vec<u8>) {
    let RttState {
        srtt,
        rttvar,
        variance,
        variance_peak,
        round_end,
        rto,
        tsval_sent,
        tsecr_floor,
    } = *rtt;
    out.push(bit(SRTT, srtt.is_some()) | bit(TSECR_FLOOR, tsecr_floor.is_some()));
    if let Some(srtt) = srtt {
        put_duration(out, srtt);
    }
    for duration in [rttvar, variance, variance_peak, rto] {
        put_duration(out, duration);
    }
    put(out, round_end);
    out.extend_from_slice(&tsval_sent.to_le_bytes());
    if let Some(floor) = tsecr_floor {
        out.extend_from_slice(&floor.to_le_bytes());
    }
}

pub(in crate::schema) fn read_rtt(from: &mut Reader<'_>) -> Option<RttState> {
    let flags = from.flags(KNOWN)?;
    let srtt = if flags & SRTT != 0 {
        Some(from.duration()?)
    } else {
        None
    };
    let (rttvar, variance) = (from.duration()?, from.duration()?);
    let (variance_peak, rto) = (from.duration()?, from.duration()?);
    Some(RttState {
        srtt,
        rttvar,
        variance,
        variance_peak,
        round_end: from.number()?,
        rto,
        tsval_sent: from.fixed()?,
        tsecr_floor: if flags & TSECR_FLOOR != 0 {
            Some(from.fixed()?)
        } else {
            None
        },
    })
}

pub(in crate::schema) fn write_congestion(congestion: &CongestionState, out: &mut Vec<u8>) {
    let CongestionState {
        cwnd,
        ssthresh,
        w_max,
    } = *congestion;
    put(out, u64::from(cwnd));
    let above = if ssthresh == SSTHRESH_UNSET {
        0
    } else {
        u64::from(ssthresh) + 1
    };
    put(out, above);
    put(out, u64::from(w_max));
}

pub(in crate::schema) fn read_congestion(from: &mut Reader<'_>) -> Option<CongestionState> {
    let cwnd = from.number()?;
    let above: u64 = from.number()?;
    let ssthresh = above.checked_sub(1).unwrap_or(SSTHRESH_UNSET.into());
    Some(CongestionState {
        cwnd,
        ssthresh: ssthresh.try_into().ok()?,
        w_max: from.number()?,
    })
}

pub(in crate::schema) fn write_timers(timers: &TimersState, out: &mut Vec<u8>) {
    let TimersState {
        retransmit,
        retransmits,
        persist,
        persists,
        keepalive,
        keepalives,
        linger,
        path,
        progress_at,
        sent_at,
    } = *timers;
    out.push(
        bit(RETRANSMIT, retransmit.is_some())
            | bit(PERSIST, persist.is_some())
            | bit(KEEPALIVE, keepalive.is_some())
            | bit(LINGER, linger.is_some())
            | bit(PATH, path.is_some())
            | bit(RETRANSMITS, retransmits > 0)
            | bit(PERSISTS, persists > 0)
            | bit(KEEPALIVES, keepalives > 0),
    );
    let base = progress_at.as_micros();
    put(out, base);
    put_near(out, base, sent_at.as_micros());
    let deadlines = [retransmit, persist, keepalive, linger, path];
    for deadline in deadlines.into_iter().flatten() {
        put_near(out, base, deadline.as_micros());
    }
    let counts = [retransmits, persists, keepalives];
    out.extend(counts.into_iter().filter(|count| *count > 0));
}

pub(in crate::schema) fn read_timers(from: &mut Reader<'_>) -> Option<TimersState> {
    let flags = from.octet()?;
    let base = from.number()?;
    let sent_at = Instant::from_micros(from.near(base)?);
    let mut deadline = |bit| {
        if flags & bit == 0 {
            return Some(None);
        }
        from.near(base).map(Instant::from_micros).map(Some)
    };
    let (retransmit, persist) = (deadline(RETRANSMIT)?, deadline(PERSIST)?);
    let (keepalive, linger) = (deadline(KEEPALIVE)?, deadline(LINGER)?);
    let path = deadline(PATH)?;
    let mut count = |bit| {
        if flags & bit == 0 {
            return Some(0);
        }
        from.octet().filter(|count| *count > 0)
    };
    Some(TimersState {
        retransmit,
        retransmits: count(RETRANSMITS)?,
        persist,
        persists: count(PERSISTS)?,
        keepalive,
        keepalives: count(KEEPALIVES)?,
        linger,
        path,
        progress_at: Instant::from_micros(base),
        sent_at,
    })
}
