//! Memory that is lent, shared, and comes back when nobody has a piece of it any more.

use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many buffers are kept for use again.
const KEPT: usize = 64;
/// Larger ones are not.
const KEPT_OCTETS: usize = 1 << 20;
/// Lengths of buffers are whole multiples of this.
const GRAIN_OCTETS: usize = 16 << 10;

/// Lends buffers, and keeps those that come back, up to a bound. Dropping it does no harm to who still has one.
#[derive(Debug, Default)]
pub(crate) struct Lender {
    shelf: Arc<Mutex<Shelf>>,
}

/// Buffers that nobody has, those that came back last at the end.
#[derive(Debug, Default)]
struct Shelf {
    buffers: Vec<Vec<u8>>,
    /// So many at the beginning were not taken since memory was last looked after.
    rested: usize,
}

fn look(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lender {
    /// A buffer with room for so many octets and not many more, with whatever is in it.
    pub(crate) fn take(&mut self, octets: usize) -> Vec<u8> {
        let octets = octets.next_multiple_of(GRAIN_OCTETS);
        let fits = octets..=octets + octets / 2;
        let mut shelf = look(&self.shelf);
        // The last one is likelier to be in a cache.
        let found = shelf
            .buffers
            .iter()
            .rposition(|it| fits.contains(&it.len()));
        let Some(at) = found else {
            drop(shelf);
            return vec![0; octets];
        };
        shelf.rested = shelf.rested.min(at);
        shelf.buffers.remove(at)
    }

    /// Keeps a buffer, where it is not too large and there are not too many: then the one that was not used for the longest time goes.
    pub(crate) fn give(&mut self, octets: Vec<u8>) {
        look(&self.shelf).put(octets);
    }

    /// Shares the octets of a buffer; it comes back when the last piece of them is dropped, on whatever thread.
    pub(crate) fn lend(&self, octets: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            octets,
            shelf: Arc::clone(&self.shelf),
        })
    }

    /// Gives back the memory of buffers that were not used since it was last called.
    pub(crate) fn rest(&mut self) {
        let mut shelf = look(&self.shelf);
        let rested = shelf.rested;
        shelf.buffers.drain(..rested);
        shelf.rested = shelf.buffers.len();
        shelf.buffers.shrink_to_fit();
    }
}

impl Shelf {
    fn put(&mut self, octets: Vec<u8>) {
        if !(GRAIN_OCTETS..=KEPT_OCTETS).contains(&octets.len()) {
            return;
        }
        if self.buffers.len() == KEPT {
            self.buffers.remove(0);
            self.rested = self.rested.saturating_sub(1);
        }
        self.buffers.push(octets);
    }
}

struct Lent {
    octets: Vec<u8>,
    shelf: Arc<Mutex<Shelf>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        look(&self.shelf).put(std::mem::take(&mut self.octets));
    }
}

#[cfg(test)]
mod tests;
