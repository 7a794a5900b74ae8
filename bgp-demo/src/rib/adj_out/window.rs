//! A part of what one peer has been told, by prefix.

use std::ops::Bound;

use super::{AdjRibOut, Swept};
use crate::attributes::Attributes;
use crate::prefix::Prefix;
use crate::rib::loc::{LocRib, Path};

/// A part of a table: the routes, and the last prefix that was looked at where there are more.
#[derive(Debug, Default, PartialEq)]
pub struct Window {
    /// The routes, by prefix.
    pub routes: Vec<(Prefix, Attributes)>,
    /// Where the limit ended it.
    pub ended_at: Option<Prefix>,
}

impl AdjRibOut {
    /// What the peer has been told for prefixes after `after` up to `upto`; at most `limit` prefixes are looked at.
    pub fn window(
        &self,
        after: Option<Prefix>,
        upto: Option<Prefix>,
        limit: usize,
        loc_rib: &LocRib,
        mut desired: impl FnMut(&Prefix, Option<&Path>) -> Option<Attributes>,
    ) -> Window {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut differences = self.told.range((from, Bound::Unbounded)).peekable();
        let walk: Box<dyn Iterator<Item = (Prefix, &Path)>> = match after {
            Some(prefix) => Box::new(loc_rib.iter_after(&prefix)),
            None => Box::new(loc_rib.iter()),
        };
        let swept = |(prefix, _): &(Prefix, &Path)| Swept::UpTo(*prefix) <= self.swept;
        let mut walk = walk.take_while(swept).peekable();
        let mut window = Window::default();
        for looked in 0.. {
            let next = (
                walk.peek().map(|(prefix, _)| *prefix),
                differences.peek().map(|(prefix, _)| **prefix),
            );
            let prefix = match next {
                (Some(chosen), Some(different)) => chosen.min(different),
                (Some(prefix), None) | (None, Some(prefix)) => prefix,
                (None, None) => return window,
            };
            if upto.is_some_and(|upto| prefix > upto) {
                return window;
            }
            if looked == limit {
                return window;
            }
            let path = walk.next_if(|(chosen, _)| *chosen == prefix);
            let told = match differences.next_if(|(different, _)| **different == prefix) {
                Some((_, told)) => told.clone(),
                None => desired(&prefix, path.map(|(_, path)| path)),
            };
            window.routes.extend(told.map(|told| (prefix, told)));
            // Where nothing follows, the end of the table is the end of the window.
            let more = walk.peek().is_some() || differences.peek().is_some();
            window.ended_at = (looked + 1 == limit && more).then_some(prefix);
        }
        window
    }
}
