//! The gate: the one way by which a frame leaves the node.
//!
//! Frames queue in the order in which they were built, each with the LSN of the batch that it was
//! built in. A frame leaves when either
//! - the register says that this incarnation is active *without* a standby ([`Gate::open_solo`]), or the standby that it names
//!   has resigned ([`Gate::open_resigned`]), or
//! - the paired standby has acknowledged the frame's LSN, in the epoch of the pairing
//!   ([`Gate::pair`], [`Gate::acknowledge`]).
//!
//! Nothing overtakes, nothing is classified. [`Released`] has no other maker, so a device that
//! takes only released frames cannot be given anything else.

use core::fmt;
use core::ops::Deref;
use std::collections::VecDeque;

use crate::ids::{Epoch, Incarnation, Lsn};
use crate::register::Tenure;

/// A frame that may leave. Made by [`Gate::release`] alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Released<F>(F);

impl<F> Released<F> {
    /// The frame itself, for instance to give its buffer back to a pool.
    #[must_use]
    pub fn into_inner(self) -> F {
        self.0
    }
}

impl<F> AsRef<F> for Released<F> {
    fn as_ref(&self) -> &F {
        &self.0
    }
}

impl<F> Deref for Released<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

/// The gate holds as many frames as it may. Carries the frame that found no room.
#[derive(Debug, PartialEq, Eq)]
pub struct GateFull<F>(pub F);

impl<F> fmt::Display for GateFull<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the gate holds as many frames as it may: the standby is slow or gone")
    }
}

impl<F: fmt::Debug> core::error::Error for GateFull<F> {}

/// What the gate did and refused to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateCounters {
    /// Frames that left.
    pub released: u64,
    /// Frames refused because the gate held its limit.
    pub refused_full: u64,
    /// Frames dropped when the gate was fenced, or pushed after it.
    pub dropped_fenced: u64,
    /// Acknowledgements of another epoch, another incarnation, or without a pairing.
    pub ignored_acknowledgements: u64,
    /// Tenures that were not newer, not ours, or of the other kind.
    pub ignored_tenures: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Shut,
    Solo,
    Paired { acknowledged: Lsn },
    Fenced,
}

/// What the newest tenure seen says of the standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    epoch: Epoch,
    standby: Option<Incarnation>,
    acknowledged: Lsn,
}

/// One first-in-first-out queue of frames; see the module's text. Begins shut.
#[derive(Debug)]
pub struct Gate<F> {
    me: Incarnation,
    limit_frames: usize,
    queue: VecDeque<(Lsn, F)>,
    mode: Mode,
    newest: Option<Seen>,
    last_pushed: Lsn,
    /// Nothing leaves by an acknowledgement of less.
    demanded: Lsn,
    /// Frames released before the present head, and when the head was first seen waiting.
    head_noted: Option<(u64, u64)>,
    counters: GateCounters,
}

impl<F> Gate<F> {
    /// A shut gate of the incarnation `me` that holds at most `limit_frames`.
    #[must_use]
    pub fn new(me: Incarnation, limit_frames: usize) -> Self {
        Self {
            me,
            limit_frames,
            queue: VecDeque::new(),
            mode: Mode::Shut,
            newest: None,
            last_pushed: Lsn::ZERO,
            demanded: Lsn::ZERO,
            head_noted: None,
            counters: GateCounters::default(),
        }
    }

    /// Queues a frame that was built in batch `lsn`. A fenced gate drops and counts it.
    ///
    /// # Errors
    /// [`GateFull`] gives the frame back.
    ///
    /// # Panics
    /// When `lsn` is smaller than that of the frame before: frames are pushed in log order.
    pub fn push(&mut self, lsn: Lsn, frame: F) -> Result<(), GateFull<F>> {
        assert!(
            lsn >= self.last_pushed,
            "frame of LSN {lsn} pushed after one of LSN {}",
            self.last_pushed
        );
        self.last_pushed = lsn;
        if self.mode == Mode::Fenced {
            self.counters.dropped_fenced += 1;
            return Ok(());
        }
        if self.queue.len() >= self.limit_frames {
            self.counters.refused_full += 1;
            return Err(GateFull(frame));
        }
        self.queue.push_back((lsn, frame));
        Ok(())
    }

    /// The standby `from` holds everything up to `lsn`, it says in `epoch`. Ignored and counted
    /// unless that is exactly the pairing in force.
    pub fn acknowledge(&mut self, epoch: Epoch, from: Incarnation, lsn: Lsn) {
        match (&mut self.mode, &mut self.newest) {
            (Mode::Paired { acknowledged }, Some(seen))
                if seen.epoch == epoch && seen.standby == Some(from) =>
            {
                *acknowledged = (*acknowledged).max(lsn);
                seen.acknowledged = *acknowledged;
            }
            _ => self.counters.ignored_acknowledgements += 1,
        }
    }

    /// Opens without a standby, if the tenure says (active me, standby none) and its epoch is
    /// newer than any seen here. Everything queued may leave. Says whether it did open.
    ///
    /// An epoch opens the gate once: who has shut it swaps again to open it.
    pub fn open_solo(&mut self, tenure: &Tenure) -> bool {
        let newer = self.newest.is_none_or(|seen| tenure.epoch() > seen.epoch);
        let ours = tenure.active() == self.me && tenure.standby().is_none();
        if self.mode == Mode::Fenced || !newer || !ours {
            self.counters.ignored_tenures += 1;
            return false;
        }
        self.newest = Some(Seen {
            epoch: tenure.epoch(),
            standby: None,
            acknowledged: Lsn::ZERO,
        });
        self.mode = Mode::Solo;
        true
    }

    /// Lets frames leave as the tenure's standby acknowledges them, if the tenure says (active me,
    /// standby somebody) and its epoch is newer than any seen here, or is that same pairing.
    ///
    /// Acknowledgements of an earlier epoch count for nothing: the standby repeats its last one in
    /// the new epoch. Says whether the pairing is in force.
    pub fn pair(&mut self, tenure: &Tenure) -> bool {
        let known = self
            .newest
            .filter(|seen| seen.epoch == tenure.epoch() && seen.standby == tenure.standby());
        let newer = self.newest.is_none_or(|seen| tenure.epoch() > seen.epoch);
        let ours = tenure.active() == self.me && tenure.standby().is_some();
        if self.mode == Mode::Fenced || !ours || !(newer || known.is_some()) {
            self.counters.ignored_tenures += 1;
            return false;
        }
        let acknowledged = known.map_or(Lsn::ZERO, |seen| seen.acknowledged);
        let standby = tenure.standby();
        self.newest = Some(Seen {
            epoch: tenure.epoch(),
            standby,
            acknowledged,
        });
        self.mode = Mode::Paired { acknowledged };
        self.demanded = Lsn::ZERO;
        true
    }

    /// Nothing leaves as acknowledged before the standby acknowledges `lsn`, which is given to a batch from now on: so
    /// acknowledgements that lay waiting while this process stood still open nothing.
    pub fn demand(&mut self, lsn: Lsn) {
        self.demanded = self.demanded.max(lsn);
    }

    /// Nothing leaves until the gate is opened or paired again; the queue is kept.
    pub fn shut(&mut self) {
        if self.mode != Mode::Fenced {
            self.mode = Mode::Shut;
        }
    }

    /// Shuts for ever: everything queued is dropped, and nothing leaves again.
    pub fn fence(&mut self) {
        #[cfg(feature = "planted")]
        if planted!(FencedSpeaks) || planted!(HandedOverSpeaks) {
            self.mode = Mode::Solo;
            return;
        }
        self.mode = Mode::Fenced;
        self.counters.dropped_fenced += self.queue.len() as u64;
        self.queue = VecDeque::new();
    }

    /// The next frame that may leave now.
    pub fn release(&mut self) -> Option<Released<F>> {
        if !self.head_may_leave() {
            return None;
        }
        let (_, frame) = self.queue.pop_front()?;
        self.counters.released += 1;
        Some(Released(frame))
    }

    /// Opens without a standby where the one of the pairing, `from`, has resigned for its epoch: it will not take over, and the
    /// register lets nobody else. Everything queued may leave. Says whether it did open.
    pub fn open_resigned(&mut self, epoch: Epoch, from: Incarnation) -> bool {
        let named = self
            .newest
            .is_some_and(|seen| seen.epoch == epoch && seen.standby == Some(from));
        if self.mode == Mode::Fenced || !named {
            self.counters.ignored_tenures += 1;
            return false;
        }
        self.mode = Mode::Solo;
        true
    }

    /// A planted fault opens it without a tenure.
    #[cfg(feature = "planted")]
    pub fn open_wrongly(&mut self) {
        self.mode = Mode::Solo;
    }

    /// A planted fault lets a frame go out of turn.
    #[cfg(feature = "planted")]
    pub fn release_wrongly(&mut self, which: impl Fn(&F) -> bool) -> Option<Released<F>> {
        let at = self.queue.iter().position(|(_, frame)| which(frame))?;
        self.queue.remove(at).map(|(_, frame)| Released(frame))
    }

    fn head_may_leave(&self) -> bool {
        match (self.mode, self.queue.front()) {
            (Mode::Paired { .. }, Some(_)) if planted!(FramePastGate) => true,
            (_, Some((lsn, _))) => self.lets_go(*lsn),
            _ => false,
        }
    }

    /// Whether a frame of batch `lsn` might leave now, were it the head of the queue.
    #[must_use]
    pub fn lets_go(&self, lsn: Lsn) -> bool {
        match self.mode {
            Mode::Solo => true,
            Mode::Paired { acknowledged } => lsn <= acknowledged && self.demanded <= acknowledged,
            Mode::Shut | Mode::Fenced => false,
        }
    }

    /// For how long, in microseconds, the head of the queue has been seen waiting; `None` when
    /// nothing waits. `now_us` is the caller's clock; ask at every turn of the loop.
    pub fn held_for_us(&mut self, now_us: u64) -> Option<u64> {
        if self.queue.is_empty() || self.head_may_leave() {
            self.head_noted = None;
            return None;
        }
        let head = self.counters.released;
        let since = match self.head_noted {
            Some((noted, since)) if noted == head => since,
            _ => now_us,
        };
        self.head_noted = Some((head, since));
        Some(now_us.saturating_sub(since))
    }

    /// LSN of the frame at the head of the queue.
    #[must_use]
    pub fn head(&self) -> Option<Lsn> {
        self.queue.front().map(|(lsn, _)| *lsn)
    }

    /// LSN of the frame that was queued last.
    #[must_use]
    pub fn tail(&self) -> Option<Lsn> {
        self.queue.back().map(|(lsn, _)| *lsn)
    }

    /// Gives back memory for more than `kept` frames, where none is queued.
    pub fn give_back(&mut self, kept: usize) {
        self.queue.shrink_to(kept);
    }

    /// Frames queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// What is queued, oldest first.
    pub fn queued(&self) -> impl Iterator<Item = &F> {
        self.queue.iter().map(|(_, frame)| frame)
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Frames that may still be pushed before [`GateFull`].
    #[must_use]
    pub fn room(&self) -> usize {
        self.limit_frames - self.queue.len()
    }

    /// Whether frames leave without any acknowledgement: the register said (active me, none).
    #[must_use]
    pub fn is_solo(&self) -> bool {
        self.mode == Mode::Solo
    }

    /// Whether frames leave as the standby acknowledges them.
    #[must_use]
    pub fn is_paired(&self) -> bool {
        matches!(self.mode, Mode::Paired { .. })
    }

    /// Whether frames leave at all: solo, or paired.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_solo() || self.is_paired()
    }

    /// Whether it is shut for ever.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.mode == Mode::Fenced
    }

    /// Epoch of the newest tenure seen.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.newest.map(|seen| seen.epoch)
    }

    /// What the standby of the pairing in force has acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> Option<Lsn> {
        match self.mode {
            Mode::Paired { acknowledged } => Some(acknowledged),
            _ => None,
        }
    }

    /// What it did and refused so far.
    #[must_use]
    pub fn counters(&self) -> GateCounters {
        self.counters
    }
}

#[cfg(test)]
mod tests;
