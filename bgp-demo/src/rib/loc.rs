//! Loc-RIB: for each prefix the routes that may be chosen, and the one that is.

use std::slice;

use prefix_trie::joint::JointPrefixMap;
use prefix_trie::joint::map::Entry;

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

/// The routes of one prefix; never empty. Most prefixes have one route, which needs no memory beside the table's.
#[derive(Debug)]
enum Routes {
    One(Path),
    Several(Box<Several>),
}

/// Routes that were two or more at some time.
#[derive(Debug)]
struct Several {
    /// By source, which no two share: the set has one form, however it came about.
    paths: Vec<Path>,
    best: usize,
}

impl Routes {
    fn best(&self) -> &Path {
        match self {
            Self::One(path) => path,
            Self::Several(several) => &several.paths[several.best],
        }
    }

    fn paths(&self) -> &[Path] {
        match self {
            Self::One(path) => slice::from_ref(path),
            Self::Several(several) => &several.paths,
        }
    }

    /// Sets, or with none removes, the route of one source; false when that leaves no route, and then nothing has changed.
    fn set(
        &mut self,
        source: Source,
        attributes: Option<Attributes>,
        decide: impl FnOnce(&[Path]) -> usize,
    ) -> bool {
        let place = self
            .paths()
            .binary_search_by_key(&source, |path| path.source);
        match (self, place, attributes) {
            (Self::One(path), Ok(_), Some(attributes)) => path.attributes = attributes,
            (Self::One(_), Ok(_), None) => return false,
            (_, Err(_), None) => {}
            (this @ Self::One(_), Err(at), Some(attributes)) => {
                let mut paths = this.paths().to_vec();
                paths.insert(at, Path { source, attributes });
                let best = decide(&paths);
                *this = Self::Several(Box::new(Several { paths, best }));
            }
            (Self::Several(several), place, attributes) => {
                match (place, attributes) {
                    (Ok(at), Some(attributes)) => several.paths[at].attributes = attributes,
                    (Err(at), Some(attributes)) => {
                        several.paths.insert(at, Path { source, attributes });
                    }
                    (Ok(_), None) if several.paths.len() == 1 => return false,
                    (Ok(at), None) => drop(several.paths.remove(at)),
                    (Err(_), None) => {}
                }
                several.best = decide(&several.paths).min(several.paths.len() - 1);
            }
        }
        true
    }
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
    table: JointPrefixMap<Prefix, Routes>,
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
        let mut entry = match self.table.entry(prefix) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => {
                let new = Path {
                    source,
                    attributes: attributes?,
                };
                entry.insert(Routes::One(new.clone()));
                return Some(Change {
                    old: None,
                    new: Some(new),
                });
            }
        };
        let old = entry.get().best().clone();
        if !entry.get_mut().set(source, attributes, decide) {
            self.table.remove(&prefix);
            return Some(Change {
                old: Some(old),
                new: None,
            });
        }
        let new = entry.get().best();
        (*new != old).then(|| Change {
            new: Some(new.clone()),
            old: Some(old),
        })
    }

    /// The chosen route.
    #[must_use]
    pub fn best(&self, prefix: &Prefix) -> Option<&Path> {
        self.table.get(prefix).map(Routes::best)
    }

    /// All chosen routes, IPv4 first, by prefix.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, &Path)> {
        self.table
            .iter()
            .map(|(prefix, routes)| (prefix, routes.best()))
    }

    /// The chosen routes after `prefix`, in the order of [`LocRib::iter`].
    pub fn iter_after<'a>(
        &'a self,
        prefix: &Prefix,
    ) -> impl Iterator<Item = (Prefix, &'a Path)> + use<'a> {
        self.table
            .iter_from(prefix, false)
            .map(|(prefix, routes)| (prefix, routes.best()))
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
