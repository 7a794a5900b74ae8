//! Reading ranges out of a ring.

use std::collections::VecDeque;

/// The elements `low..high` of `ring` in two parts; `low <= high <= ring.len()`.
pub(crate) fn slices(ring: &VecDeque<u8>, low: usize, high: usize) -> (&[u8], &[u8]) {
    let (a, b) = ring.as_slices();
    if high <= a.len() {
        (&a[low..high], &[])
    } else if low >= a.len() {
        (&b[low - a.len()..high - a.len()], &[])
    } else {
        (&a[low..], &b[..high - a.len()])
    }
}
