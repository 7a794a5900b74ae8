//! One connection: its states, what it sends, and what it makes of segments (RFC 9293 3.10).

use super::judge::{Judge, Ours, Placed};
use super::receive::Receiver;
use super::segment::{ACK, FIN, HEADER, Options, PSH, RST, SYN, Segment};
use super::settings::Settings;
use super::sign::Keys;
use super::stamps::Stamps;
use super::{End, Ends, Told};
use std::collections::VecDeque;

/// States of RFC 9293 3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Over,
}

/// Segments that may be on the way.
const FLIGHT: u64 = 10;

/// Acknowledgements that say the same until something counts as lost (RFC 5681 3.2).
const DUPLICATES: u32 = 3;

/// Timeouts in a row, without an answer, after which it gives up.
const TRIES: u32 = 2_000;

/// The same for a connection that is half open.
const HALF_OPEN_TRIES: u32 = 25;

/// See the module's text. Positions count from the SYN of each side, which is 0.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) ends: Ends,
    pub(super) state: State,
    pub(super) passive: bool,
    /// Another connection had these ends before: what comes late may be of that one.
    pub(super) reborn: bool,
    iss: u32,
    pub(super) irs: u32,
    mss: u64,
    timestamps: bool,
    sack: bool,
    scales: Option<(u8, u8)>,
    stamps: Stamps,
    ts_recent: u32,
    last_ack: u64,
    una: u64,
    max: u64,
    window: u64,
    window_max: u64,
    updated: (i64, i64),
    unacknowledged: VecDeque<u8>,
    /// Position behind the last octet.
    end: u64,
    closes: bool,
    duplicates: u32,
    recover: u64,
    timer_us: Option<u64>,
    tries: u32,
    pub(super) receiver: Receiver,
    owed: u32,
    acknowledge_us: Option<u64>,
    acknowledges: bool,
    judge: Judge,
    pub(super) keys: Keys,
    /// What happened since it was asked last.
    pub(super) told: Vec<Told>,
    /// Segments to send.
    pub(super) out: Vec<Vec<u8>>,
}

/// Position of a sequence number, near another position.
fn position(isn: u32, seq: u32, near: u64) -> i64 {
    near as i64 + i64::from(seq.wrapping_sub(isn.wrapping_add(near as u32)) as i32)
}

/// How far the initial sequence numbers of a side go in a few seconds (RFC 6528: one each 4 us).
const LATE: u32 = 1 << 20;

impl Connection {
    pub(super) fn new(ends: Ends, iss: u32, passive: bool, settings: &Settings) -> Connection {
        Connection {
            ends,
            state: State::SynSent,
            passive,
            reborn: false,
            iss,
            irs: 0,
            mss: 536,
            timestamps: settings.timestamps,
            sack: settings.sack,
            scales: None,
            stamps: Stamps::default(),
            ts_recent: 0,
            last_ack: 1,
            una: 0,
            max: 0,
            window: 0,
            window_max: 0,
            updated: (i64::MIN, i64::MIN),
            unacknowledged: VecDeque::new(),
            end: 1,
            closes: false,
            duplicates: 0,
            recover: 0,
            timer_us: None,
            tries: 0,
            receiver: Receiver::new(settings.capacity),
            owed: 0,
            acknowledge_us: None,
            acknowledges: false,
            judge: Judge::default(),
            keys: Keys::None,
            told: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Sends the SYN.
    pub(super) fn open(&mut self, now_us: u64, settings: &Settings) {
        self.max = 1;
        self.say(now_us, settings, SYN, 0, &[]);
        self.timer_us = Some(now_us + settings.rto_us);
    }

    /// Takes the SYN of the other side, and answers it.
    pub(super) fn answer(&mut self, now_us: u64, settings: &Settings, syn: &Segment<'_>) {
        self.agree(syn, settings);
        self.state = State::SynReceived;
        self.max = 1;
        self.say(now_us, settings, SYN | ACK, 0, &[]);
        self.timer_us = Some(now_us + settings.rto_us);
    }

    /// What both SYNs have in common.
    fn agree(&mut self, syn: &Segment<'_>, settings: &Settings) {
        let options = &syn.options;
        self.irs = syn.seq;
        self.mss = u64::from(options.mss.unwrap_or(536)).max(64);
        self.sack &= options.sack_permitted;
        self.timestamps &= options.stamps.is_some() && !self.keys.is_md5();
        self.ts_recent = options.stamps.map_or(0, |(tsval, _)| tsval);
        self.scales = options.scale.zip(settings.scale);
        self.window = u64::from(syn.window);
        self.window_max = self.window;
    }

    pub(super) fn takes_octets(&self) -> bool {
        matches!(self.state, State::Established | State::CloseWait) && !self.closes
    }

    pub(super) fn room(&self, settings: &Settings) -> usize {
        let held = self.unacknowledged.len();
        settings.room.saturating_sub(held)
    }

    pub(super) fn queue(&mut self, octets: &[u8]) {
        self.unacknowledged.extend(octets);
        self.end += octets.len() as u64;
    }

    pub(super) fn close(&mut self) -> bool {
        if !self.takes_octets() {
            return false;
        }
        self.closes = true;
        self.state = match self.state {
            State::CloseWait => State::LastAck,
            _ => State::FinWait1,
        };
        true
    }

    pub(super) fn abort(&mut self, now_us: u64, settings: &Settings) {
        if !matches!(self.state, State::SynSent | State::TimeWait) {
            self.say(now_us, settings, RST | ACK, self.max, &[]);
        }
        self.finish(End::Aborted);
    }

    fn finish(&mut self, end: End) {
        if self.state != State::Over {
            self.state = State::Over;
            self.timer_us = None;
            self.acknowledge_us = None;
            self.told.push(Told::Closed(end));
        }
    }

    /// A segment of ours, from position `at` on.
    fn say(&mut self, now_us: u64, settings: &Settings, flags: u8, at: u64, text: &[u8]) {
        let first = flags & SYN != 0;
        let mut options = Options::default();
        self.keys.reserve(&mut options);
        let stamps = self.timestamps && !(first && self.keys.is_md5());
        if stamps && flags & RST == 0 {
            let tsval = ((now_us / 1_000) as u32).wrapping_add(self.iss);
            self.stamps.note(tsval, at);
            options.stamps = Some((tsval, self.ts_recent));
        }
        if first {
            options.mss = Some(self.our_mss(settings));
            options.sack_permitted = self.sack;
            let answers = flags & ACK != 0;
            options.scale = settings.scale.filter(|_| !answers || self.scales.is_some());
        } else if self.sack && text.is_empty() && flags & (RST | FIN) == 0 {
            let most = (40 - options.wire_len()).saturating_sub(4) / 8;
            let blocks = self.receiver.blocks(most).into_iter();
            let seq = |at: u64| self.irs.wrapping_add(at as u32);
            options.sacks = blocks
                .map(|(left, right)| (seq(left), seq(right)))
                .collect();
        }
        let shift = self.scales.filter(|_| !first).map_or(0, |(_, ours)| ours);
        let window = self.receiver.announce(shift);
        let segment = Segment {
            src_port: self.ends.local.port(),
            dst_port: self.ends.remote.port(),
            seq: self.iss.wrapping_add(at as u32),
            ack: match flags & ACK {
                0 => 0,
                _ => self.irs.wrapping_add(self.receiver.nxt as u32),
            },
            flags,
            window,
            options,
            text,
        };
        if flags & ACK != 0 {
            self.last_ack = self.receiver.nxt;
            (self.acknowledges, self.owed, self.acknowledge_us) = (false, 0, None);
        }
        let (src, dst) = (self.ends.local.ip(), self.ends.remote.ip());
        let signing = self.keys.signing(&self.ends, self.iss, self.irs, at);
        let octets = segment.build(src, dst, |octets, slot| signing.sign(octets, slot));
        self.out.push(octets);
    }

    /// The MSS that we announce.
    fn our_mss(&self, settings: &Settings) -> u16 {
        let ip = if self.ends.local.is_ipv4() { 20 } else { 40 };
        settings.mtu - ip - HEADER as u16
    }

    /// Octets of text in a segment.
    fn full(&self, settings: &Settings) -> u64 {
        let mut options = Options::default();
        self.keys.reserve(&mut options);
        options.stamps = self.timestamps.then_some((0, 0));
        let most = self.mss.min(u64::from(self.our_mss(settings)));
        most - options.wire_len() as u64
    }

    /// Whether a segment is signed as it must be; `None` where it is signed by a key that is not here.
    pub(super) fn is_signed(&self, segment: &Segment<'_>, octets: &[u8]) -> Option<bool> {
        // A SYN brings its own ISN, whichever connection it is of.
        let irs = if segment.has(SYN) {
            segment.seq
        } else {
            self.irs
        };
        let at = position(irs, segment.seq, self.receiver.nxt);
        self.keys
            .verify(&self.ends, (self.iss, irs), at, segment, octets)
    }

    /// Takes a segment whose checksum and signature are right.
    ///
    /// # Errors
    /// What a strict receiver holds against it.
    pub(super) fn arrive(
        &mut self,
        now_us: u64,
        settings: &Settings,
        segment: &Segment<'_>,
    ) -> Result<(), String> {
        self.keys.follow(segment);
        if self.state == State::SynSent {
            self.arrive_opening(now_us, settings, segment);
            return Ok(());
        }
        let at = self.place(segment);
        let ours = Ours {
            stamps: self.timestamps.then_some(&self.stamps),
            max: self.max,
            edge: self.receiver.edge,
            mss: usize::from(self.our_mss(settings)),
        };
        let opens = segment.has(SYN) && !segment.has(RST);
        if opens && segment.seq != self.irs {
            self.meet_stranger(segment.seq);
        } else if !(self.reborn || opens) {
            self.judge.look(segment, &at, &ours, settings.expected)?;
            let near = |seq: u32| position(self.iss, seq, self.una);
            let blocks = segment.options.sacks.iter();
            let blocks: Vec<(i64, i64)> = blocks.map(|(l, r)| (near(*l), near(*r))).collect();
            self.judge.sacks(&blocks, &ours)?;
        }
        self.arrive_open(now_us, settings, segment, &at);
        Ok(())
    }

    /// A SYN of another connection with the same ends, whose numbers say nothing of this one. In TIME-WAIT the other side may have
    /// forgotten this one, and an old SYN of ours that comes late opens there (RFC 9293 3.5, figure 9); in SYN-RECEIVED it may never
    /// have been more than a SYN that was sent, which nobody takes over. Between the two it lives, and only a late SYN is none of its
    /// affairs: of a node that had sent no more than that from the same port when another took over and opened this one.
    fn meet_stranger(&mut self, seq: u32) {
        let lives = !matches!(self.state, State::SynReceived | State::TimeWait);
        let late = self.irs.wrapping_sub(seq) < LATE;
        if !self.reborn && lives && !late {
            self.told.push(Told::OpenedAnew);
        }
    }

    fn place(&self, segment: &Segment<'_>) -> Placed {
        let shift = self.scales.filter(|_| !segment.has(SYN));
        Placed {
            seq: position(self.irs, segment.seq, self.receiver.nxt),
            ack: position(self.iss, segment.ack, self.una),
            window: i64::from(segment.window) << shift.map_or(0, |(theirs, _)| theirs),
        }
    }

    fn arrive_opening(&mut self, now_us: u64, settings: &Settings, segment: &Segment<'_>) {
        let acknowledges = segment.has(ACK);
        if acknowledges && segment.ack != self.iss.wrapping_add(1) {
            return;
        }
        if segment.has(RST) {
            if acknowledges {
                self.finish(End::Reset);
            }
            return;
        }
        if !segment.has(SYN) {
            return;
        }
        if !acknowledges {
            return self.answer(now_us, settings, segment);
        }
        self.agree(segment, settings);
        self.una = 1;
        (self.timer_us, self.tries) = (None, 0);
        self.state = State::Established;
        self.acknowledges = true;
    }

    fn arrive_open(
        &mut self,
        now_us: u64,
        settings: &Settings,
        segment: &Segment<'_>,
        at: &Placed,
    ) {
        if self.state == State::SynReceived && segment.has(SYN) && segment.seq == self.irs {
            if segment.has(ACK) && at.ack == 1 {
                // Both opened.
                self.establish(now_us, settings, segment, at);
                self.acknowledges = true;
                return;
            }
            return self.say(now_us, settings, SYN | ACK, 0, &[]);
        }
        let old = segment.options.stamps.is_some_and(|(tsval, _)| {
            self.timestamps && (tsval.wrapping_sub(self.ts_recent) as i32) < 0
        });
        if old && !segment.has(RST) {
            self.acknowledges = true;
            return;
        }
        if !self.receiver.acceptable(at.seq, segment.len()) {
            self.acknowledges |= !segment.has(RST);
            self.note_again(segment, at);
            // Its acknowledgement counts where it says something new: the window may be shut.
            let opening = self.state == State::SynReceived;
            if !segment.has(RST | SYN) && segment.has(ACK) && !opening {
                self.take_acknowledgement(now_us, settings, segment, at);
            }
            return;
        }
        if segment.has(RST) {
            if at.seq == self.receiver.nxt as i64 {
                self.finish(if self.state == State::TimeWait {
                    End::Normal
                } else {
                    End::Reset
                });
            } else {
                self.acknowledges = true;
            }
            return;
        }
        if segment.has(SYN) {
            self.acknowledges = true;
            return;
        }
        if !segment.has(ACK) {
            return;
        }
        if let Some((tsval, _)) = segment.options.stamps
            && self.timestamps
            && at.seq <= self.last_ack as i64
        {
            self.ts_recent = tsval;
        }
        if self.state == State::SynReceived {
            if at.ack != 1 {
                return self.say(now_us, settings, RST, at.ack.max(0) as u64, &[]);
            }
            self.establish(now_us, settings, segment, at);
        }
        self.take_acknowledgement(now_us, settings, segment, at);
        self.take_text(now_us, settings, segment, at);
    }

    fn establish(&mut self, now_us: u64, settings: &Settings, segment: &Segment<'_>, at: &Placed) {
        self.state = State::Established;
        if self.passive {
            self.told.push(Told::Accepted);
        }
        self.take_acknowledgement(now_us, settings, segment, at);
    }

    /// What came twice is reported; a FIN that comes again starts TIME-WAIT anew, by its acknowledgement.
    fn note_again(&mut self, segment: &Segment<'_>, at: &Placed) {
        let end = at.seq + segment.text.len() as i64;
        if !segment.text.is_empty() && end <= self.receiver.nxt as i64 {
            self.receiver.take(at.seq, segment.text, false);
        }
    }

    fn take_acknowledgement(
        &mut self,
        now_us: u64,
        settings: &Settings,
        segment: &Segment<'_>,
        at: &Placed,
    ) {
        let (una, max) = (self.una as i64, self.max as i64);
        if at.ack > max || at.ack < una {
            return;
        }
        let same = at.ack == una && segment.len() == 0 && at.window as u64 == self.window;
        let newer =
            self.updated.0 < at.seq || (self.updated.0 == at.seq && self.updated.1 <= at.ack);
        if newer {
            self.window = at.window as u64;
            self.window_max = self.window_max.max(self.window);
            self.updated = (at.seq, at.ack);
        }
        self.tries = 0;
        if at.ack > una {
            self.advance(now_us, settings, at.ack as u64);
        } else if same && self.max > self.una {
            self.duplicates += 1;
            if self.duplicates == DUPLICATES && self.una >= self.recover {
                self.recover = self.max;
                self.repeat(now_us, settings);
            }
        }
    }

    fn advance(&mut self, now_us: u64, settings: &Settings, ack: u64) {
        let octets = ack.min(self.end).saturating_sub(self.una.max(1));
        self.unacknowledged.drain(..octets as usize);
        self.una = ack;
        self.duplicates = 0;
        self.timer_us = (self.max > self.una).then_some(now_us + settings.rto_us);
        if self.una < self.recover {
            self.repeat(now_us, settings);
        }
        let fin_acknowledged = self.closes && ack == self.end + 1;
        if fin_acknowledged {
            match self.state {
                State::FinWait1 => self.state = State::FinWait2,
                State::Closing => self.wait(now_us, settings),
                State::LastAck => self.finish(End::Normal),
                _ => {}
            }
        }
    }

    fn wait(&mut self, now_us: u64, settings: &Settings) {
        self.state = State::TimeWait;
        self.timer_us = Some(now_us + settings.time_wait_us);
    }

    fn take_text(&mut self, now_us: u64, settings: &Settings, segment: &Segment<'_>, at: &Placed) {
        let open = matches!(
            self.state,
            State::Established | State::FinWait1 | State::FinWait2
        );
        if segment.len() == 0 || !open {
            return;
        }
        let before = self.receiver.nxt;
        let easy = self.receiver.take(at.seq, segment.text, segment.has(FIN));
        let moved = self.receiver.nxt - before;
        if moved > u64::from(self.receiver.over) {
            let to = self.receiver.nxt - 1 - u64::from(self.receiver.over);
            self.told.push(Told::Received(to));
        }
        self.owed += 1;
        if !easy || self.owed >= 2 || settings.delayed_ack_us == 0 || self.receiver.over {
            self.acknowledges = true;
        } else {
            let wait = now_us + settings.delayed_ack_us;
            self.acknowledge_us.get_or_insert(wait);
        }
        if self.receiver.over {
            self.told.push(Told::PeerClosed);
            match self.state {
                State::Established => self.state = State::CloseWait,
                State::FinWait1 => self.state = State::Closing,
                _ => self.wait(now_us, settings),
            }
        }
    }

    /// The oldest unacknowledged segment again.
    fn repeat(&mut self, now_us: u64, settings: &Settings) {
        let at = self.una.max(1);
        let sent = self.max.min(self.end).saturating_sub(at);
        let len = sent.min(self.full(settings)) as usize;
        let text: Vec<u8> = self.unacknowledged.iter().take(len).copied().collect();
        let last = at + len as u64;
        let fin = self.closes && last == self.end && self.max > self.end;
        let flags = if fin { FIN } else { 0 } | ACK | PSH;
        self.say(now_us, settings, flags, at, &text);
    }

    /// What timers ask for.
    pub(super) fn timeout(&mut self, now_us: u64, settings: &Settings) {
        if self.acknowledge_us.is_some_and(|due| due <= now_us) {
            self.acknowledges = true;
        }
        if self.timer_us.is_none_or(|due| due > now_us) {
            return;
        }
        if self.state == State::TimeWait {
            return self.finish(End::Normal);
        }
        self.tries += 1;
        let tries = match self.state {
            State::SynReceived => HALF_OPEN_TRIES,
            _ => TRIES,
        };
        if self.tries > tries {
            return self.finish(End::TimedOut);
        }
        self.timer_us = Some(now_us + settings.rto_us);
        match self.state {
            State::SynSent => self.say(now_us, settings, SYN, 0, &[]),
            State::SynReceived => self.say(now_us, settings, SYN | ACK, 0, &[]),
            _ if self.max > self.una => {
                self.recover = self.max;
                self.duplicates = 0;
                self.repeat(now_us, settings);
            }
            _ => self.probe(now_us, settings),
        }
    }

    /// One octet asks whether the window is still shut (RFC 9293 3.8.6.1).
    fn probe(&mut self, now_us: u64, settings: &Settings) {
        if self.max < self.end {
            let octet: Vec<u8> = self.unacknowledged.iter().take(1).copied().collect();
            self.say(now_us, settings, ACK | PSH, self.max, &octet);
            self.max += 1;
        } else {
            self.timer_us = None;
        }
    }

    /// Sends what may be sent, and what is owed.
    pub(super) fn flush(&mut self, now_us: u64, settings: &Settings) {
        let sends = !matches!(
            self.state,
            State::SynSent | State::SynReceived | State::TimeWait | State::Over
        );
        // SACK blocks travel in segments without text.
        if self.acknowledges && self.sack && self.receiver.has_gaps() && self.state != State::Over {
            self.say(now_us, settings, ACK, self.max, &[]);
        }
        while sends && self.send_one(now_us, settings) {}
        let timer = self.timer_us.is_some();
        if sends && !timer && (self.max > self.una || self.max < self.end) {
            self.timer_us = Some(now_us + settings.rto_us);
        }
        let answers = !matches!(self.state, State::SynSent | State::Over);
        if answers && (self.acknowledges || (sends && self.receiver.opens(self.full(settings)))) {
            self.say(now_us, settings, ACK, self.max, &[]);
        }
    }

    /// One new segment; false where there is none, or it must wait.
    fn send_one(&mut self, now_us: u64, settings: &Settings) -> bool {
        let full = self.full(settings);
        let limit = self.una + self.window.min(FLIGHT * full);
        let waiting = self.end.saturating_sub(self.max);
        let len = waiting.min(full).min(limit.saturating_sub(self.max));
        let fin = self.closes && self.max <= self.end && self.max + len == self.end;
        // RFC 9293 3.8.6.2.1.
        let worth = len == full || len == waiting || len >= self.window_max / 2;
        if !(fin || (len > 0 && worth)) {
            return false;
        }
        let skip = (self.max - self.una.max(1)) as usize;
        let text: Vec<u8> = {
            let octets = self.unacknowledged.range(skip..skip + len as usize);
            octets.copied().collect()
        };
        let flags = ACK | if fin { FIN } else { 0 } | if len == waiting { PSH } else { 0 };
        let at = self.max;
        self.max += len + u64::from(fin);
        self.say(now_us, settings, flags, at, &text);
        if self.timer_us.is_none() {
            self.timer_us = Some(now_us + settings.rto_us);
        }
        true
    }

    /// When it has something to do.
    pub(super) fn next_us(&self) -> Option<u64> {
        let due = [self.timer_us, self.acknowledge_us];
        due.into_iter().flatten().min()
    }

    /// Octets that have come, as offsets of the stream.
    pub(super) fn received(&self) -> u64 {
        self.receiver.nxt - 1 - u64::from(self.receiver.over)
    }
}
