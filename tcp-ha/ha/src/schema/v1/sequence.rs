//! Sequence variables of both directions.

use crate::schema::octets::{Reader, put, put_near};
use tcp_ha_engine::{Instant, RecvState, SendState};

pub(in crate::schema) fn write_send(send: &SendState, out: &mut Vec<u8>) {
    let SendState {
        una,
        max,
        end,
        wnd,
        wl1,
        wl2,
        max_wnd,
        small,
        path_mtu,
    } = *send;
    put(out, una);
    put_near(out, una, max);
    put_near(out, max, end);
    put(out, wnd);
    put(out, wl1);
    put_near(out, una, wl2);
    put_near(out, wnd, max_wnd);
    put_near(out, max, small);
    put(out, u64::from(path_mtu));
}

pub(in crate::schema) fn read_send(from: &mut Reader<'_>) -> Option<SendState> {
    let una = from.number()?;
    let max = from.near(una)?;
    let end = from.near(max)?;
    let wnd = from.number()?;
    Some(SendState {
        una,
        max,
        end,
        wnd,
        wl1: from.number()?,
        wl2: from.near(una)?,
        max_wnd: from.near(wnd)?,
        small: from.near(max)?,
        path_mtu: from.number()?,
    })
}

pub(in crate::schema) fn write_recv(recv: &RecvState, out: &mut Vec<u8>) {
    let RecvState {
        nxt,
        safe,
        read,
        right_edge,
        last_ack_sent,
        ts_recent,
        ts_recent_at,
    } = *recv;
    put(out, nxt);
    put_near(out, nxt, safe);
    put_near(out, nxt, read);
    put_near(out, nxt, right_edge);
    put_near(out, safe, last_ack_sent);
    out.extend_from_slice(&ts_recent.to_le_bytes());
    put(out, ts_recent_at.as_micros());
}

pub(in crate::schema) fn read_recv(from: &mut Reader<'_>) -> Option<RecvState> {
    let nxt = from.number()?;
    let safe = from.near(nxt)?;
    Some(RecvState {
        nxt,
        safe,
        read: from.near(nxt)?,
        right_edge: from.near(nxt)?,
        last_ack_sent: from.near(safe)?,
        ts_recent: from.fixed()?,
        ts_recent_at: Instant::from_micros(from.number()?),
    })
}
