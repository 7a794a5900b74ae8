//! Path attributes as the speaker compares them, and the table that keeps each set once.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// ORIGIN (RFC 4271 5.1.1); a smaller value is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Interior to the originating AS.
    Igp,
    /// Learned by EGP.
    Egp,
    /// Learned by some other means.
    Incomplete,
}

/// One segment of AS_PATH (RFC 4271 4.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AsSegment {
    /// Ordered: AS_SEQUENCE.
    Sequence(Box<[u32]>),
    /// Unordered: AS_SET; counts as one hop.
    Set(Box<[u32]>),
}

impl AsSegment {
    /// The AS numbers of the segment.
    #[must_use]
    pub fn as_numbers(&self) -> &[u32] {
        match self {
            Self::Sequence(numbers) | Self::Set(numbers) => numbers,
        }
    }
}

/// AS_PATH with 4-octet AS numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AsPath(pub Box<[AsSegment]>);

impl AsPath {
    /// A path of one AS_SEQUENCE; empty when `numbers` is.
    #[must_use]
    pub fn from_sequence(numbers: &[u32]) -> Self {
        if numbers.is_empty() {
            return Self::default();
        }
        Self(Box::new([AsSegment::Sequence(numbers.into())]))
    }

    /// Length for the decision (RFC 4271 9.1.2.2 a): a set counts one.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.0
            .iter()
            .map(|segment| match segment {
                AsSegment::Sequence(numbers) => numbers.len(),
                AsSegment::Set(_) => 1,
            })
            .sum()
    }

    /// Whether `asn` occurs anywhere.
    #[must_use]
    pub fn contains(&self, asn: u32) -> bool {
        self.0
            .iter()
            .any(|segment| segment.as_numbers().contains(&asn))
    }

    /// The neighbouring AS (RFC 4271 9.1.2.2 c); none when the path is empty or begins with a set.
    #[must_use]
    pub fn neighbour(&self) -> Option<u32> {
        match self.0.first()? {
            AsSegment::Sequence(numbers) => numbers.first().copied(),
            AsSegment::Set(_) => None,
        }
    }

    /// The path with `asn` in front (RFC 4271 5.1.2 b).
    #[must_use]
    pub fn prepend(&self, asn: u32) -> Self {
        let mut segments = self.0.to_vec();
        match segments.first_mut() {
            Some(AsSegment::Sequence(numbers)) if numbers.len() < 255 => {
                let mut longer = Vec::with_capacity(numbers.len() + 1);
                longer.push(asn);
                longer.extend_from_slice(numbers);
                *numbers = longer.into();
            }
            _ => segments.insert(0, AsSegment::Sequence(Box::new([asn]))),
        }
        Self(segments.into())
    }
}

/// AGGREGATOR (RFC 4271 5.1.7), 4-octet AS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aggregator {
    /// The AS that aggregated.
    pub asn: u32,
    /// The speaker that aggregated.
    pub identifier: Ipv4Addr,
}

/// An optional attribute that the speaker does not interpret, kept as it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpaqueAttribute {
    /// Attribute type code.
    pub code: u8,
    /// Attribute flags without the extended-length bit.
    pub flags: u8,
    /// The value.
    pub value: Box<[u8]>,
}

/// The attributes of a route, without its prefix. Two values are equal exactly when they encode to the same octets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathAttributes {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH, 4-octet numbers, AS4_PATH already merged in.
    pub as_path: AsPath,
    /// NEXT_HOP, or the global next hop of MP_REACH_NLRI. Unspecified in originated routes: the speaker's own address.
    pub next_hop: IpAddr,
    /// The link-local next hop of MP_REACH_NLRI (RFC 2545 3).
    pub next_hop_link_local: Option<Ipv6Addr>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR, AS4_AGGREGATOR already merged in.
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES (RFC 1997), in the order received.
    pub communities: Box<[u32]>,
    /// EXTENDED COMMUNITIES (RFC 4360), in the order received.
    pub extended_communities: Box<[[u8; 8]]>,
    /// LARGE_COMMUNITY (RFC 8092), in the order received.
    pub large_communities: Box<[[u32; 3]]>,
    /// Other optional transitive attributes, by ascending type code.
    pub opaque: Box<[OpaqueAttribute]>,
}

impl PathAttributes {
    /// Attributes of an originated route: ORIGIN IGP, empty AS_PATH and nothing else.
    #[must_use]
    pub fn originated(next_hop: IpAddr) -> Self {
        Self {
            origin: Origin::Igp,
            as_path: AsPath::default(),
            next_hop,
            next_hop_link_local: None,
            med: None,
            local_pref: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: Box::default(),
            extended_communities: Box::default(),
            large_communities: Box::default(),
            opaque: Box::default(),
        }
    }
}

/// A shared attribute set.
pub type Attributes = Arc<PathAttributes>;

/// A set with its hash, which is made once: a set has a dozen parts in as many places.
#[derive(Debug)]
struct Interned {
    hash: u64,
    set: Attributes,
}

impl Hash for Interned {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl PartialEq for Interned {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.set == other.set
    }
}

impl Eq for Interned {}

/// Keeps each attribute set once.
///
/// Sets that nobody else holds are dropped whenever the table has doubled since the last sweep, so it is bounded by
/// twice the sets in use plus a constant.
#[derive(Debug, Default)]
pub struct Interner {
    sets: HashSet<Interned>,
    /// Keyed: peers choose what is hashed.
    hashing: RandomState,
    sweep_at: usize,
}

impl Interner {
    const SWEEP_MIN: usize = 4096;

    /// The shared copy of `attributes`.
    pub fn intern(&mut self, attributes: PathAttributes) -> Attributes {
        let wanted = Interned {
            hash: self.hashing.hash_one(&attributes),
            set: Arc::new(attributes),
        };
        if let Some(known) = self.sets.get(&wanted) {
            return Arc::clone(&known.set);
        }
        if self.sets.len() >= self.sweep_at.max(Self::SWEEP_MIN) {
            self.sets.retain(|it| Arc::strong_count(&it.set) > 1);
            self.sweep_at = self.sets.len() * 2;
        }
        let shared = Arc::clone(&wanted.set);
        self.sets.insert(wanted);
        shared
    }

    /// Number of sets in the table, those awaiting the sweep included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}
