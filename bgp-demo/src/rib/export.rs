//! What each peer should be told: the export policy, applied once per attribute set and group of peers.

use std::collections::HashMap;
use std::sync::Arc;

use super::loc::Path;
use super::{PeerIndex, Source};
use crate::attributes::{Attributes, Interner, PathAttributes};
use crate::policy::{self, ExportGroup, LearnedBy};
use crate::prefix::{Family, Prefix};

/// A group's place in the memo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(u32);

/// A peer's groups by [`Family::index`]; none for a family that was not negotiated.
pub type Groups = [Option<GroupId>; 2];

/// Address of the attribute set, and what else the policy looks at.
type Key = (usize, GroupId, LearnedBy);

#[derive(Debug)]
struct Exported {
    /// Keeps the address in the key from being used again.
    _source: Attributes,
    told: Option<Attributes>,
}

/// Shares attribute sets, and remembers what [`policy::export`] makes of them. The memo is emptied when it is full.
#[derive(Debug, Default)]
pub struct Exporter {
    interner: Interner,
    groups: Vec<ExportGroup>,
    exported: HashMap<Key, Exported>,
    /// The last answer: neighbouring prefixes often share their attributes.
    last: Option<(Key, Option<Attributes>)>,
    /// By peer index: the peer is in another AS.
    external: Vec<bool>,
}

impl Exporter {
    const ENTRIES_MAX: usize = 1 << 16;

    /// For peers of which each is in another AS, or not.
    #[must_use]
    pub fn new(external: Vec<bool>) -> Self {
        Self {
            external,
            ..Self::default()
        }
    }

    /// The shared copy of `attributes`.
    pub fn intern(&mut self, attributes: PathAttributes) -> Attributes {
        self.interner.intern(attributes)
    }

    /// The id of a group. There are as many as there are combinations in the configuration and local addresses.
    pub fn group(&mut self, group: ExportGroup) -> GroupId {
        let at = self
            .groups
            .iter()
            .position(|known| *known == group)
            .unwrap_or_else(|| {
                self.groups.push(group);
                self.groups.len() - 1
            });
        GroupId(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// What a peer should be told for `prefix` where `path` is chosen: a function of these, the peer and the configuration alone.
    pub fn desired(
        &mut self,
        to: PeerIndex,
        groups: &Groups,
        prefix: &Prefix,
        path: Option<&Path>,
    ) -> Option<Attributes> {
        let group = groups[Family::of(prefix).index()]?;
        let path = path?;
        if path.source == Source::Peer(to) {
            // Never back to where it came from.
            return None;
        }
        self.told(group, path)
    }

    /// What the peers of a group should be told where `path` is chosen; not for the peer that gave it.
    pub fn told(&mut self, group: GroupId, path: &Path) -> Option<Attributes> {
        let learned_by = self.learned_by(path);
        let key = (Arc::as_ptr(&path.attributes).addr(), group, learned_by);
        if let Some((_, told)) = self.last.as_ref().filter(|(last, _)| *last == key) {
            return told.clone();
        }
        if let Some(known) = self.exported.get(&key) {
            self.last = Some((key, known.told.clone()));
            return known.told.clone();
        }
        if self.exported.len() >= Self::ENTRIES_MAX {
            self.exported.clear();
            self.last = None;
        }
        let group = self.groups.get(group.0 as usize)?;
        let told = policy::export(group, learned_by, &path.attributes)
            .map(|told| self.interner.intern(told));
        self.exported.insert(
            key,
            Exported {
                _source: Arc::clone(&path.attributes),
                told: told.clone(),
            },
        );
        told
    }

    /// [`Exporter::desired`] without the memo being touched; sets that are not in it are not shared.
    #[must_use]
    pub fn desired_uncached(
        &self,
        to: PeerIndex,
        groups: &Groups,
        prefix: &Prefix,
        path: Option<&Path>,
    ) -> Option<Attributes> {
        let group = groups[Family::of(prefix).index()]?;
        let path = path.filter(|path| path.source != Source::Peer(to))?;
        let learned_by = self.learned_by(path);
        let key = (Arc::as_ptr(&path.attributes).addr(), group, learned_by);
        if let Some(known) = self.exported.get(&key) {
            return known.told.clone();
        }
        policy::export(
            self.groups.get(group.0 as usize)?,
            learned_by,
            &path.attributes,
        )
        .map(Arc::new)
    }

    fn learned_by(&self, path: &Path) -> LearnedBy {
        match path.source {
            Source::Local => LearnedBy::Originated,
            Source::Peer(from) if self.external.get(usize::from(from.0)) == Some(&true) => {
                LearnedBy::External
            }
            Source::Peer(_) => LearnedBy::Internal,
        }
    }
}
