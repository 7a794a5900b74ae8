//! A pair of transports inside one process.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};

use super::Transport;

/// No piece in the channel is longer than this.
const PIECE_OCTETS_MAX: usize = 64 << 10;

/// One end of a pair; dropping it is the end of the other's stream.
#[derive(Debug)]
pub struct MemoryTransport {
    outgoing: Sender<Vec<u8>>,
    incoming: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    read: usize,
}

/// Two ends, each of which may have `pieces` writes of at most 64 KiB under way.
#[must_use]
pub fn pair(pieces: usize) -> (MemoryTransport, MemoryTransport) {
    let (to_second, from_first) = bounded(pieces);
    let (to_first, from_second) = bounded(pieces);
    let end = |outgoing, incoming| MemoryTransport {
        outgoing,
        incoming,
        piece: Vec::new(),
        read: 0,
    };
    (end(to_second, from_second), end(to_first, from_first))
}

impl Transport for MemoryTransport {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        if octets.is_empty() {
            return Ok(0);
        }
        if self.read == self.piece.len() {
            self.read = 0;
            self.piece = match self.incoming.try_recv() {
                Ok(piece) => piece,
                Err(TryRecvError::Empty) => {
                    self.piece.clear();
                    return Err(ErrorKind::WouldBlock.into());
                }
                Err(TryRecvError::Disconnected) => {
                    self.piece.clear();
                    return Ok(0);
                }
            };
        }
        let left = &self.piece[self.read..];
        let length = left.len().min(octets.len());
        octets[..length].copy_from_slice(&left[..length]);
        self.read += length;
        Ok(length)
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let piece = &octets[..octets.len().min(PIECE_OCTETS_MAX)];
        if piece.is_empty() {
            return Ok(0);
        }
        match self.outgoing.try_send(piece.to_vec()) {
            Ok(()) => Ok(piece.len()),
            Err(TrySendError::Full(_)) => Err(ErrorKind::WouldBlock.into()),
            Err(TrySendError::Disconnected(_)) => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[cfg(test)]
mod tests;
