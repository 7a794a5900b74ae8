//! A batch there and its acknowledgement back, as the gate waits for it; and bulk, as an initial synchronisation.

use crate::lines::{Kind, Lines, wait};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io::{self, ErrorKind};
use std::time::Instant;
use tcp_ha::ipc::transport::Transport;

/// An acknowledgement: a header and an LSN.
const ACK_OCTETS: usize = 60;
/// How long one waits at once, in microseconds.
const SLICE_US: u64 = 1_000_000;

fn write_all(line: &mut dyn Transport, octets: &[u8]) -> io::Result<()> {
    let mut rest = octets;
    while !rest.is_empty() {
        match line.write(rest) {
            Ok(taken) => rest = &rest[taken..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(line, true, SLICE_US)?,
            Err(error) => return Err(error),
        }
    }
    loop {
        match line.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(line, true, SLICE_US)?,
            other => return other,
        }
    }
}

/// Reads `octets`; false at the end of the stream.
fn read_all(line: &mut dyn Transport, buffer: &mut [u8], octets: usize) -> io::Result<bool> {
    let mut left = octets;
    while left > 0 {
        let room = buffer.len().min(left);
        match line.read(&mut buffer[..room]) {
            Ok(0) => return Ok(false),
            Ok(read) => left -= read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(line, false, SLICE_US)?,
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Where the two threads run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seats {
    /// Where the kernel puts them: mostly both on one processor, since one sleeps when the other is woken.
    Free,
    /// Each on a processor of its own, where there are two, as two nodes with work to do are.
    Apart,
}

impl Seats {
    /// Keeps this thread on the processor at `place` among those that it may use.
    fn take(self, place: usize) -> io::Result<()> {
        if self == Seats::Free {
            return Ok(());
        }
        let allowed = sched_getaffinity(None)?;
        let mut processors = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor));
        if let Some(processor) = processors.nth(place) {
            let mut seat = CpuSet::new();
            seat.set(processor);
            sched_setaffinity(None, &seat)?;
        }
        Ok(())
    }
}

/// Median and 99th percentile of `trips` round trips, in microseconds, with a rest of so many before each.
///
/// # Errors
/// The channel's.
pub fn there_and_back(
    lines: &Lines,
    kind: Kind,
    octets: usize,
    trips: usize,
    rest_us: u64,
    seats: Seats,
) -> io::Result<(f64, f64)> {
    let (near, far) = lines.open(kind)?;
    std::thread::spawn(move || trip_and_rest(near, far, octets, trips, rest_us, seats))
        .join()
        .map_err(|_| io::Error::other("the near end failed"))?
}

fn trip_and_rest(
    mut near: Box<dyn Transport>,
    mut far: Box<dyn Transport>,
    octets: usize,
    trips: usize,
    rest_us: u64,
    seats: Seats,
) -> io::Result<(f64, f64)> {
    let standby = std::thread::spawn(move || -> io::Result<()> {
        seats.take(1)?;
        let mut buffer = vec![0; 256 << 10];
        while read_all(far.as_mut(), &mut buffer, octets)? {
            write_all(far.as_mut(), &[1; ACK_OCTETS])?;
        }
        Ok(())
    });
    seats.take(0)?;
    let (batch, mut buffer) = (vec![2; octets], vec![0; 256 << 10]);
    let mut seen = Vec::with_capacity(trips);
    for _ in 0..trips {
        if rest_us > 0 {
            wait(near.as_ref(), false, rest_us)?;
        }
        let begun = Instant::now();
        write_all(near.as_mut(), &batch)?;
        read_all(near.as_mut(), &mut buffer, ACK_OCTETS)?;
        seen.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    drop(near);
    standby
        .join()
        .map_err(|_| io::Error::other("the other end failed"))??;
    seen.sort_by(f64::total_cmp);
    let at = |part: usize| seen[(seen.len() * part / 100).min(seen.len() - 1)];
    Ok((at(50), at(99)))
}

/// Megabytes a second of `octets` one way.
///
/// # Errors
/// The channel's.
pub fn bulk(lines: &Lines, kind: Kind, octets: usize) -> io::Result<f64> {
    let (mut near, mut far) = lines.open(kind)?;
    let standby = std::thread::spawn(move || -> io::Result<()> {
        let mut buffer = vec![0; 256 << 10];
        read_all(far.as_mut(), &mut buffer, octets)?;
        write_all(far.as_mut(), &[1; ACK_OCTETS])
    });
    let (piece, mut buffer) = (vec![3; 1 << 20], [0; ACK_OCTETS]);
    let begun = Instant::now();
    let mut left = octets;
    while left > 0 {
        let now = left.min(piece.len());
        write_all(near.as_mut(), &piece[..now])?;
        left -= now;
    }
    read_all(near.as_mut(), &mut buffer, ACK_OCTETS)?;
    let seconds = begun.elapsed().as_secs_f64();
    standby
        .join()
        .map_err(|_| io::Error::other("the other end failed"))??;
    Ok(octets as f64 / 1e6 / seconds)
}
