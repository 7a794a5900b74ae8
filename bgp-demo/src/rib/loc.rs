//! Loc-RIB: for each prefix the routes that may be chosen, and the one that is.

use prefix_trie::joint::JointPrefixMap;

use super::Source;
use crate::attributes::Attributes;
use crate::prefix::Prefix;

/// An eligible route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Who gave it.
    pub source: Source,
    /// Its attributes as given.
    pub attributes: Attributes,
}

/// The routes of one prefix; never empty.
#[derive(Debug)]
struct Entry {
    /// By source, which no two share: the set has one form, however it came about.
    paths: Vec<Path>,
    best: usize,
}

/// A change of what is chosen for a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was chosen before.
    pub old: Option<Path>,
    /// What is chosen now.
    pub new: Option<Path>,
}

/// The chosen routes and their rivals.
#[derive(Debug, Default)]
pub struct LocRib {
    table: JointPrefixMap<Prefix, Entry>,
}

impl LocRib {
    /// Sets, or with none removes, the route that `source` gives for `prefix`; `decide` names the best of a set of at least one.
    /// Returns what changed in the choice, if anything.
    pub fn set(
        &mut self,
        prefix: Prefix,
        source: Source,
        attributes: Option<Attributes>,
        decide: impl FnOnce(&[Path]) -> usize,
    ) -> Option<Change> {
        let Some(entry) = self.table.get_mut(&prefix) else {
            let new = Path {
                source,
                attributes: attributes?,
            };
            self.table.insert(
                prefix,
                Entry {
                    paths: vec![new.clone()],
                    best: 0,
                },
            );
            return Some(Change {
                old: None,
                new: Some(new),
            });
        };
        let old = entry.paths[entry.best].clone();
        match (
            entry
                .paths
                .binary_search_by_key(&source, |path| path.source),
            attributes,
        ) {
            (Ok(at), Some(attributes)) => entry.paths[at].attributes = attributes,
            (Ok(at), None) => {
                entry.paths.remove(at);
            }
            (Err(at), Some(attributes)) => entry.paths.insert(at, Path { source, attributes }),
            (Err(_), None) => return None,
        }
        if entry.paths.is_empty() {
            self.table.remove(&prefix);
            return Some(Change {
                old: Some(old),
                new: None,
            });
        }
        entry.best = decide(&entry.paths).min(entry.paths.len() - 1);
        let new = &entry.paths[entry.best];
        (*new != old).then(|| Change {
            new: Some(new.clone()),
            old: Some(old),
        })
    }

    /// The chosen route.
    #[must_use]
    pub fn best(&self, prefix: &Prefix) -> Option<&Path> {
        self.table.get(prefix).map(|entry| &entry.paths[entry.best])
    }

    /// All chosen routes, IPv4 first, by prefix.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, &Path)> {
        self.table
            .iter()
            .map(|(prefix, entry)| (prefix, &entry.paths[entry.best]))
    }

    /// The chosen routes after `prefix`, in the order of [`LocRib::iter`].
    pub fn iter_after<'a>(
        &'a self,
        prefix: &Prefix,
    ) -> impl Iterator<Item = (Prefix, &'a Path)> + use<'a> {
        self.table
            .iter_from(prefix, false)
            .map(|(prefix, entry)| (prefix, &entry.paths[entry.best]))
    }

    /// Number of prefixes with a route.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}
