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

/// What else than the attributes the policy looks at.
type Terms = (GroupId, LearnedBy);

/// What the policy makes of one attribute set.
#[derive(Debug)]
struct Exported {
    /// Keeps the address by which it is found from being used again.
    source: Attributes,
    /// As far as it was asked for: as many entries as there are groups, at most thrice.
    told: Vec<(Terms, Option<Attributes>)>,
}

impl Exported {
    fn told(&self, terms: Terms) -> Option<&Option<Attributes>> {
        let known = self.told.iter().find(|(known, _)| *known == terms);
        known.map(|(_, told)| told)
    }
}

/// Shares attribute sets, and remembers what [`policy::export`] makes of them.
///
/// What nobody but the memo and the table of sets holds is forgotten whenever the memo has doubled since it was last looked through, so it is
/// bounded by twice the sets in use plus a constant.
#[derive(Debug, Default)]
pub struct Exporter {
    interner: Interner,
    groups: Vec<ExportGroup>,
    /// By the address of the attribute set.
    exported: HashMap<usize, Exported>,
    sweep_at: usize,
    /// The last answer: neighbouring prefixes often share their attributes.
    last: Option<((usize, Terms), Option<Attributes>)>,
    /// By peer index: the peer is in another AS.
    external: Vec<bool>,
}

impl Exporter {
    const SWEEP_MIN: usize = 4096;
    /// Who holds a set that no route has: the memo and the table of sets.
    const OWN_HOLDERS: usize = 2;

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
        let key = Arc::as_ptr(&path.attributes).addr();
        let terms = (group, learned_by);
        if let Some((_, told)) = self.last.as_ref().filter(|(last, _)| *last == (key, terms)) {
            return told.clone();
        }
        let known = self.exported.get(&key).and_then(|known| known.told(terms));
        let told = match known {
            Some(told) => told.clone(),
            None => self.export(terms, &path.attributes),
        };
        self.last = Some(((key, terms), told.clone()));
        told
    }

    /// Asks the policy, and remembers what it says.
    fn export(&mut self, terms: Terms, attributes: &Attributes) -> Option<Attributes> {
        let group = self.groups.get(terms.0.0 as usize)?;
        let told =
            policy::export(group, terms.1, attributes).map(|told| self.interner.intern(told));
        if self.exported.len() >= self.sweep_at.max(Self::SWEEP_MIN) {
            self.last = None;
            self.exported
                .retain(|_, it| Arc::strong_count(&it.source) > Self::OWN_HOLDERS);
            self.sweep_at = self.exported.len() * 2;
        }
        let key = Arc::as_ptr(attributes).addr();
        let exported = self.exported.entry(key).or_insert_with(|| Exported {
            source: Arc::clone(attributes),
            told: Vec::with_capacity(1),
        });
        exported.told.push((terms, told.clone()));
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
        let known = self.exported.get(&Arc::as_ptr(&path.attributes).addr());
        if let Some(told) = known.and_then(|known| known.told((group, learned_by))) {
            return told.clone();
        }
        let group = self.groups.get(group.0 as usize)?;
        policy::export(group, learned_by, &path.attributes).map(Arc::new)
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

#[cfg(test)]
mod tests;
