//! A value that knows whether it was written to.

use core::ops::{Deref, DerefMut};

/// A value that changes rarely. Whoever borrows it mutably is taken to change it, so that nobody needs a copy to compare it with.
#[derive(Debug)]
pub(crate) struct Tracked<T> {
    value: T,
    touched: bool,
}

impl<T> Tracked<T> {
    /// Nobody has been told of the value yet.
    pub(crate) fn new(value: T) -> Tracked<T> {
        Tracked {
            value,
            touched: true,
        }
    }

    /// Whether the value may have changed since the last call.
    pub(crate) fn take_touched(&mut self) -> bool {
        core::mem::take(&mut self.touched)
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.touched = true;
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_to_is_told_once() {
        let mut tracked = Tracked::new((1, 2));
        assert!(tracked.take_touched(), "nobody knows it yet");
        assert_eq!(tracked.0, 1);
        assert!(!tracked.take_touched(), "it was only read");
        tracked.1 = 3;
        assert!(tracked.take_touched());
        assert!(!tracked.take_touched());
    }
}
