//! The neighbour table: link addresses, their freshness, and the packets that wait for them (RFC 4861 7.3; ARP likewise).

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tcp_ha_engine::Instant;

use crate::address::LinkAddress;
use crate::frame::Built;

/// How long a confirmed neighbour is trusted. RFC 4861 10, REACHABLE_TIME.
pub(super) const REACHABLE_TIME: Duration = Duration::from_secs(30);
/// How long the first packet to an unconfirmed neighbour goes unprobed. RFC 4861 10, DELAY_FIRST_PROBE_TIME.
pub(super) const DELAY_FIRST_PROBE_TIME: Duration = Duration::from_secs(5);
/// Time between solicitations. RFC 4861 10, RETRANS_TIMER.
pub(super) const RETRANS_TIMER: Duration = Duration::from_secs(1);
/// Solicitations to everybody before giving up. RFC 4861 10, MAX_MULTICAST_SOLICIT.
pub(super) const MAX_MULTICAST_SOLICIT: u8 = 3;
/// Probes of a known link address before asking everybody. RFC 4861 10, MAX_UNICAST_SOLICIT.
pub(super) const MAX_UNICAST_SOLICIT: u8 = 3;
/// Packets that wait for one neighbour, so that a dead one cannot take all the room.
pub(super) const PENDING_PER_NEIGHBOUR: usize = 16;
/// Uses closer together than this count as one.
const USE_GRANULARITY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct NeighbourTable {
    entries: BTreeMap<IpAddr, Entry>,
    index: Index,
    /// Neighbours to replicate: used, and with a new link address.
    changed: BTreeSet<IpAddr>,
    pending: usize,
    max_neighbours: usize,
    max_pending: usize,
}

/// Packets that wait, complete but for the link address.
pub(super) type Pending = VecDeque<Packet>;

/// A packet whose link header lacks the destination.
pub(super) type Packet = Built;

#[derive(Debug)]
struct Entry {
    state: State,
    worth: Worth,
    used_at: Instant,
    deadline: Option<Instant>,
    pending: Pending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Incomplete {
        asked: u8,
    },
    Known {
        mac: LinkAddress,
        freshness: Freshness,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Reachable { since: Instant },
    Stale,
    Delay,
    Probe { asked: u8 },
}

/// What an entry is worth when room is needed: the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It asked for us, but nothing was ever sent to it: whoever floods us with requests makes these.
    NeverUsed,
    /// It has not answered yet.
    Unresolved,
    /// Packets go to it.
    Used,
}

/// The entries by deadline and by worth.
#[derive(Debug, Default)]
struct Index {
    deadlines: BTreeSet<(Instant, IpAddr)>,
    worth: BTreeSet<(Worth, Instant, IpAddr)>,
}

/// Where a packet to a neighbour goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// To this link address.
    Known(LinkAddress),
    /// Into the queue; and the neighbour has to be asked now.
    Ask,
    /// Into the queue.
    Wait,
    /// Nowhere: no room for another neighbour.
    Full,
}

/// How a link address came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// The neighbour asked for us, and said where it is.
    Request,
    /// The neighbour said it unasked.
    Announcement { overriding: bool },
    /// The neighbour answered us.
    Answer { overriding: bool },
}

/// What the table made of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    /// Entry made, updated or confirmed. `changed` if the link address is new.
    Taken { changed: bool },
    /// There is no entry that it could be about.
    Unsolicited,
    /// No room.
    Full,
}

/// Something that [`NeighbourTable::due`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask for `address`: at this link address, or everybody.
    Solicit {
        address: IpAddr,
        mac: Option<LinkAddress>,
    },
    /// It does not answer; so many packets waited in vain.
    Unreachable { address: IpAddr, dropped: usize },
}

impl Index {
    fn insert(&mut self, address: IpAddr, entry: &Entry) {
        self.worth.insert((entry.worth, entry.used_at, address));
        if let Some(deadline) = entry.deadline {
            self.deadlines.insert((deadline, address));
        }
    }

    fn remove(&mut self, address: IpAddr, entry: &Entry) {
        self.worth.remove(&(entry.worth, entry.used_at, address));
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, address));
        }
    }

    fn set_deadline(&mut self, address: IpAddr, entry: &mut Entry, deadline: Option<Instant>) {
        if let Some(old) = entry.deadline {
            self.deadlines.remove(&(old, address));
        }
        if let Some(new) = deadline {
            self.deadlines.insert((new, address));
        }
        entry.deadline = deadline;
    }

    fn set_worth(&mut self, address: IpAddr, entry: &mut Entry, worth: Worth, used_at: Instant) {
        self.worth.remove(&(entry.worth, entry.used_at, address));
        (entry.worth, entry.used_at) = (worth, used_at);
        self.worth.insert((worth, used_at, address));
    }
}

impl Entry {
    fn mac(&self) -> Option<LinkAddress> {
        match self.state {
            State::Known { mac, .. } => Some(mac),
            State::Incomplete { .. } => None,
        }
    }
}

impl NeighbourTable {
    pub(super) fn new(max_neighbours: usize, max_pending: usize) -> NeighbourTable {
        NeighbourTable {
            entries: BTreeMap::new(),
            index: Index::default(),
            changed: BTreeSet::new(),
            pending: 0,
            max_neighbours,
            max_pending,
        }
    }

    /// Says where a packet to `address` goes, and counts it as a use. The second value tells how many entries made room.
    pub(super) fn resolve(&mut self, now: Instant, address: IpAddr) -> (Resolution, Evicted) {
        if let Some(entry) = self.entries.get_mut(&address) {
            let State::Known { mac, freshness } = entry.state else {
                return (Resolution::Wait, Evicted::default());
            };
            if entry.worth != Worth::Used {
                self.index.set_worth(address, entry, Worth::Used, now);
                self.changed.insert(address);
            } else if now.saturating_since(entry.used_at) >= USE_GRANULARITY {
                self.index.set_worth(address, entry, Worth::Used, now);
            }
            let unconfirmed = match freshness {
                Freshness::Reachable { since } => now.saturating_since(since) >= REACHABLE_TIME,
                Freshness::Stale => true,
                Freshness::Delay | Freshness::Probe { .. } => false,
            };
            if unconfirmed {
                let freshness = Freshness::Delay;
                entry.state = State::Known { mac, freshness };
                let deadline = Some(now + DELAY_FIRST_PROBE_TIME);
                self.index.set_deadline(address, entry, deadline);
            }
            return (Resolution::Known(mac), Evicted::default());
        }
        let Some(evicted) = self.make_room(Worth::Used) else {
            return (Resolution::Full, Evicted::default());
        };
        self.insert(
            address,
            Entry {
                state: State::Incomplete { asked: 1 },
                worth: Worth::Unresolved,
                used_at: now,
                deadline: Some(now + RETRANS_TIMER),
                pending: VecDeque::new(),
            },
        );
        (Resolution::Ask, evicted)
    }

    /// Keeps a packet until `address` is resolved. Says how many packets (this one or an older one) were dropped for it.
    pub(super) fn queue(&mut self, address: IpAddr, packet: Packet) -> usize {
        let Some(entry) = self.entries.get_mut(&address) else {
            return 1;
        };
        let full = entry.pending.len() >= PENDING_PER_NEIGHBOUR || self.pending >= self.max_pending;
        if !full {
            self.pending += 1;
            entry.pending.push_back(packet);
            return 0;
        }
        // RFC 4861 7.2.2: the newer packet replaces the oldest.
        if entry.pending.pop_front().is_some() {
            entry.pending.push_back(packet);
        }
        1
    }

    /// Takes the packets that waited for `address`, oldest first, and where they go. Nothing while it is not resolved.
    pub(super) fn take_pending(&mut self, address: IpAddr) -> Option<(LinkAddress, Pending)> {
        let entry = self.entries.get_mut(&address)?;
        let mac = entry.mac()?;
        self.pending -= entry.pending.len();
        Some((mac, core::mem::take(&mut entry.pending)))
    }

    /// Takes evidence that `address` is at `mac` (RFC 4861 7.2.3, 7.2.5).
    pub(super) fn take_evidence(
        &mut self,
        now: Instant,
        address: IpAddr,
        mac: Option<LinkAddress>,
        evidence: Evidence,
    ) -> (Learned, Evicted) {
        match (self.entries.contains_key(&address), mac, evidence) {
            (true, _, _) => (self.update(now, address, mac, evidence), Evicted::default()),
            (false, Some(mac), Evidence::Request) => {
                self.insert_known(now, address, mac, Worth::NeverUsed)
            }
            (false, _, _) => (Learned::Unsolicited, Evicted::default()),
        }
    }

    /// Takes over what the other route processor knows. It counts as used, and not as changed.
    pub(super) fn learn(&mut self, now: Instant, address: IpAddr, mac: LinkAddress) -> Evicted {
        let Some(entry) = self.entries.get_mut(&address) else {
            return self.insert_known(now, address, mac, Worth::Used).1;
        };
        if entry.mac() != Some(mac) {
            // Packets that wait here leave with the next timeout.
            let waiting = !entry.pending.is_empty();
            let freshness = if waiting {
                Freshness::Delay
            } else {
                Freshness::Stale
            };
            entry.state = State::Known { mac, freshness };
            self.index
                .set_deadline(address, entry, waiting.then_some(now));
        }
        self.index.set_worth(address, entry, Worth::Used, now);
        Evicted::default()
    }

    /// The next thing that is due at `now`, if any.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        let &(deadline, address) = self.index.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let entry = self.entries.get_mut(&address)?;
        let (state, asked_at) = match entry.state {
            State::Incomplete { asked } if asked >= MAX_MULTICAST_SOLICIT => {
                let dropped = self.remove(address);
                return Some(Due::Unreachable { address, dropped });
            }
            State::Incomplete { asked } => (State::Incomplete { asked: asked + 1 }, None),
            State::Known { mac, freshness } => match freshness {
                Freshness::Probe { asked } if asked >= MAX_UNICAST_SOLICIT => {
                    // It may have moved to another link address: ask everybody before giving up.
                    self.index
                        .set_worth(address, entry, Worth::Unresolved, entry.used_at);
                    (State::Incomplete { asked: 1 }, None)
                }
                Freshness::Probe { asked } => {
                    let freshness = Freshness::Probe { asked: asked + 1 };
                    (State::Known { mac, freshness }, Some(mac))
                }
                Freshness::Reachable { .. } | Freshness::Stale | Freshness::Delay => {
                    let freshness = Freshness::Probe { asked: 1 };
                    (State::Known { mac, freshness }, Some(mac))
                }
            },
        };
        entry.state = state;
        self.index
            .set_deadline(address, entry, Some(now + RETRANS_TIMER));
        Some(Due::Solicit {
            address,
            mac: asked_at,
        })
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.index.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Neighbours in use whose link address is known, by address.
    pub(super) fn in_use(&self) -> impl Iterator<Item = (IpAddr, LinkAddress)> + '_ {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.worth == Worth::Used)
            .filter_map(|(&address, entry)| Some((address, entry.mac()?)))
    }

    /// Those of [`Self::in_use`] that are new or changed since the last call.
    pub(super) fn take_changed(&mut self, into: &mut Vec<(IpAddr, LinkAddress)>) {
        for address in core::mem::take(&mut self.changed) {
            if let Some(mac) = self.entries.get(&address).and_then(Entry::mac) {
                into.push((address, mac));
            }
        }
    }

    fn update(
        &mut self,
        now: Instant,
        address: IpAddr,
        said: Option<LinkAddress>,
        evidence: Evidence,
    ) -> Learned {
        let Some(entry) = self.entries.get_mut(&address) else {
            return Learned::Unsolicited;
        };
        let (answers, overriding) = match evidence {
            Evidence::Request => (false, true),
            Evidence::Announcement { overriding } => (false, overriding),
            Evidence::Answer { overriding } => (true, overriding),
        };
        let reachable = Freshness::Reachable { since: now };
        let (mac, freshness, changed) = match (entry.state, said) {
            (State::Incomplete { .. }, None) => return Learned::Unsolicited,
            (State::Incomplete { .. }, Some(said)) => {
                let freshness = if answers { reachable } else { Freshness::Stale };
                (said, freshness, true)
            }
            (State::Known { mac, freshness }, said) if said.is_none_or(|said| said == mac) => {
                (mac, if answers { reachable } else { freshness }, false)
            }
            (State::Known { mac, freshness }, _) if !overriding => match freshness {
                Freshness::Reachable { .. } => (mac, Freshness::Stale, false),
                _ => return Learned::Taken { changed: false },
            },
            (State::Known { mac, .. }, said) => {
                let freshness = if answers { reachable } else { Freshness::Stale };
                (said.unwrap_or(mac), freshness, true)
            }
        };
        entry.state = State::Known { mac, freshness };
        let settled = matches!(freshness, Freshness::Reachable { .. } | Freshness::Stale);
        if settled {
            self.index.set_deadline(address, entry, None);
        }
        if entry.worth == Worth::Unresolved {
            self.index.set_worth(address, entry, Worth::Used, now);
        }
        if changed && entry.worth == Worth::Used {
            self.changed.insert(address);
        }
        Learned::Taken { changed }
    }

    fn insert_known(
        &mut self,
        now: Instant,
        address: IpAddr,
        mac: LinkAddress,
        worth: Worth,
    ) -> (Learned, Evicted) {
        let Some(evicted) = self.make_room(worth) else {
            return (Learned::Full, Evicted::default());
        };
        let freshness = Freshness::Stale;
        self.insert(
            address,
            Entry {
                state: State::Known { mac, freshness },
                worth,
                used_at: now,
                deadline: None,
                pending: VecDeque::new(),
            },
        );
        (Learned::Taken { changed: true }, evicted)
    }

    fn insert(&mut self, address: IpAddr, entry: Entry) {
        self.index.insert(address, &entry);
        self.entries.insert(address, entry);
    }

    /// Removes an entry and says how many packets waited in it.
    fn remove(&mut self, address: IpAddr) -> usize {
        let Some(entry) = self.entries.remove(&address) else {
            return 0;
        };
        self.index.remove(address, &entry);
        self.changed.remove(&address);
        self.pending -= entry.pending.len();
        entry.pending.len()
    }

    /// Makes room for an entry of that worth. `None` if all others are worth more.
    fn make_room(&mut self, worth: Worth) -> Option<Evicted> {
        if self.entries.len() < self.max_neighbours {
            return Some(Evicted::default());
        }
        let &(least, _, victim) = self.index.worth.first()?;
        if least > worth {
            return None;
        }
        let packets = self.remove(victim);
        Some(Evicted {
            neighbours: 1,
            packets,
        })
    }
}

/// What had to go to make room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Evicted {
    pub(super) neighbours: usize,
    pub(super) packets: usize,
}
