//! Adj-RIB-In: what one peer has told, after error handling and before policy.

use prefix_trie::joint::JointPrefixMap;

use crate::attributes::Attributes;
use crate::prefix::Prefix;

/// The routes that one peer has told.
#[derive(Debug, Default)]
pub struct AdjRibIn {
    routes: JointPrefixMap<Prefix, Attributes>,
}

impl AdjRibIn {
    /// Takes an announcement; the attributes it replaces, if any.
    pub fn insert(&mut self, prefix: Prefix, attributes: Attributes) -> Option<Attributes> {
        self.routes.insert(prefix, attributes)
    }

    /// Takes a withdrawal; the attributes that went, if any.
    pub fn remove(&mut self, prefix: &Prefix) -> Option<Attributes> {
        self.routes.remove(prefix)
    }

    /// The attributes of a prefix.
    #[must_use]
    pub fn attributes(&self, prefix: &Prefix) -> Option<&Attributes> {
        self.routes.get(prefix)
    }

    /// Number of routes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there is no route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.len() == 0
    }

    /// The routes after a prefix, in the order of [`AdjRibIn::iter`]; all of them where there is none.
    pub fn iter_after(
        &self,
        prefix: Option<Prefix>,
    ) -> Box<dyn Iterator<Item = (Prefix, &Attributes)> + '_> {
        match prefix {
            Some(prefix) => Box::new(self.routes.iter_from(&prefix, false)),
            None => Box::new(self.routes.iter()),
        }
    }

    /// All routes, IPv4 first, by prefix.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, &Attributes)> {
        self.routes.iter()
    }
}
